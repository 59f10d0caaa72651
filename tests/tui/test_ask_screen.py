"""Asking the advisor about what is selected."""

from __future__ import annotations

from typing import Any

from builders import NOW
from textual.widgets import Input, Static

from perftui.model.findings import Claim, LlmState, LlmStatus, Mitigation
from perftui.model.question import EXPLAIN, MOST_TEXT, Explanation, Question
from perftui.model.series import SeriesKey
from perftui.tui.screens.ask import AskScreen
from perftui.tui.screens.watch import WatchScreen

NARROW, WIDE = (80, 24), (120, 36)


def shown(app: Any) -> str:
    app.screen._draw()
    return str(app.screen.query_one("#answer > Static", Static).content)


async def test_a_function_in_ones_own_words(watch: Any) -> None:
    """A and a question, typed in one go; the answer comes piece by piece, and with its marks."""
    app, monitor = watch()
    advisor = monitor.advisor
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("A", *"why p99?", "enter")
        assert isinstance(app.screen, AskScreen)
        [question] = advisor.questions
        assert question.text == "why p99?"
        assert question.place is not None
        assert (question.metric, question.start) == (None, None)
        advisor.answering = question
        advisor.status = LlmStatus(LlmState.OK, calling=True)
        assert "asking, Esc cancels…" in shown(app)
        advisor.status = LlmStatus(LlmState.OK, calling=True, partial="It rose [b]since")
        assert "It rose [b]since…" in shown(app)
        advisor.status = LlmStatus(LlmState.OK)
        advisor.explanation = Explanation(
            question,
            "claude-haiku-5-5",
            NOW,
            "It rose since work() takes longer.\x1b[2J",
            claims=(Claim("work takes 40 %", ("P1",), True), Claim("magic", (), False)),
            mitigations=(Mitigation("restart it", "it helps", "low"),),
        )
        text = shown(app)
    assert "It rose since work() takes longer." in text
    assert "\x1b" not in text
    assert "Why  work takes 40 % (P1)\n" in text
    assert "magic (no evidence)  [unverified]" in text
    assert "Do   1 restart it: it helps (risk: low)  [unlisted]" in text


async def test_nothing_typed_is_explain_this(watch: Any) -> None:
    """Enter alone asks; every letter belongs to the question, and it has an end."""
    app, monitor = watch()
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("A", "enter")
        assert [q.text for q in monitor.advisor.questions] == [EXPLAIN]
        box = app.screen.query_one("#words", Input)
        box.value = "x" * 2 * MOST_TEXT
        await pilot.press("q", "enter")
        assert len(monitor.advisor.questions[-1].text) <= 2 * MOST_TEXT


async def test_a_metric_and_a_time(watch: Any) -> None:
    """In the metrics panel the metric under the cursor, and the time that is looked at."""
    app, monitor = watch()
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("tab", "down", "left", "left", "A", "enter")
        [question] = monitor.advisor.questions
        assert isinstance(question.metric, SeriesKey)
        assert question.place is None
        assert question.start is not None
        assert question.end is not None
        assert question.start < question.end


async def test_why_there_is_no_answer(watch: Any) -> None:
    """Where it is off, before anything is typed; what failed, after it."""
    app, monitor = watch()
    monitor.advisor.status = LlmStatus(LlmState.OFF, "off: --no-llm")
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("A")
        assert "LLM off: --no-llm" in shown(app)
        await pilot.press("enter")
        monitor.advisor.status = LlmStatus(LlmState.FAILED, "The key was not accepted (401).")
        assert "FAILED: The key was not accepted (401)." in shown(app)
        other = Question("another")
        monitor.advisor.explanation = Explanation(other, "m", NOW, "of another question")
        assert "of another" not in shown(app)


async def test_escape_cancels_then_closes(watch: Any) -> None:
    """The call under way first."""
    app, monitor = watch()
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("A", "enter")
        monitor.advisor.answering = monitor.advisor.questions[0]
        await pilot.press("escape")
        assert isinstance(app.screen, AskScreen)
        assert monitor.advisor.answering is None
        monitor.advisor.status = LlmStatus(LlmState.OK, "the call was cancelled: F5 asks again")
        assert "F5" not in shown(app)  # Enter asks here
        await pilot.press("escape")
        assert isinstance(app.screen, WatchScreen)


async def test_the_source_goes_along_once_it_was_seen(watch: Any) -> None:
    """One key shows the lines that would go; asked then, they go; the key again drops them."""
    app, monitor = watch()
    advisor = monitor.advisor
    advisor.lines = ("def work():", "    [b]return 1")
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("A", "enter")
        assert advisor.questions[-1].source == ()
        await pilot.press("ctrl+s")
        await app.workers.wait_for_complete()
        await pilot.pause()
        text = shown(app)
        assert "go along with the question" in text
        assert "    [b]return 1" in text
        await pilot.press("enter")
        assert advisor.questions[-1].source == advisor.lines
        await pilot.press("ctrl+s", "enter")
        assert advisor.questions[-1].source == ()


async def test_what_another_call_says_is_no_answer(watch: Any) -> None:
    """While a forecast is asked for, the question waits; Esc drops it, and not that call."""
    app, monitor = watch()
    advisor = monitor.advisor
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("A", "enter")
        advisor.status = LlmStatus(LlmState.OK, calling=True, partial="all is well")
        advisor.answering = None
        assert "all is well" not in shown(app)
        assert "waits for another call to end" in shown(app)
        advisor.calling = True
        await pilot.press("escape")
        assert advisor.withdrawn == [advisor.questions[0]]
        assert advisor.calling


async def test_source_that_was_not_seen_does_not_go(watch: Any) -> None:
    """Enter right behind the key asks without it, and it does not go along later unseen."""
    app, monitor = watch()
    advisor = monitor.advisor
    advisor.lines = ("def work():",)
    advisor.reading.clear()
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("A", "ctrl+s", "enter")
        advisor.reading.set()
        await app.workers.wait_for_complete()
        await pilot.pause()
        await pilot.press("enter")
        assert [q.source for q in advisor.questions] == [(), ()]


async def test_what_stays_is_not_sent_again(watch: Any) -> None:
    """A text that is set is laid out and goes to the terminal whole, also where it is the same."""
    app, monitor = watch()
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("A")
        text = app.screen.query_one("#answer > Static", Static)
        set_to: list[object] = []
        update = text.update
        text.update = lambda content: (set_to.append(content), update(content))  # type: ignore[method-assign, assignment]
        app.screen._draw()
        app.screen._draw()
        assert set_to == []
        monitor.advisor.status = LlmStatus(LlmState.OFF, "off: --no-llm")
        app.screen._draw()
        assert len(set_to) == 1


async def test_words_of_any_length_stay_on_the_screen(watch: Any) -> None:
    """They are broken where the line ends, and nothing is cut off."""
    app, monitor = watch()
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("A", "enter")
        question = monitor.advisor.questions[0]
        long = "".join(chr(97 + n % 26) for n in range(600))
        monitor.advisor.explanation = Explanation(
            question,
            "m" * 300,
            NOW,
            long,
            claims=(Claim(long[:300], ("E1",), False),),
            mitigations=(Mitigation(long[:200], long[:300], long[:200]),),
        )
        shown(app)
        await pilot.pause()
        answer = app.screen.query_one("#answer > Static", Static)
        lines = [answer.render_line(y).text for y in range(answer.size.height)]
    assert all(len(line) <= NARROW[0] for line in lines)
    assert long in "".join(line.strip() for line in lines)
    assert "[unverified]" in " ".join(lines)
