"""The query browser, on a Prometheus that the test answers for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from pilots import until
from textual import events
from textual.command import CommandPalette
from textual.widgets import Input, Static
from textual.worker import Worker, WorkerState

from perftui.model.query import QueryResult, Value
from perftui.settings import PrometheusSettings
from perftui.tui.app import PerftuiApp
from perftui.tui.screens.help import HelpScreen
from perftui.tui.screens.query import QueryScreen
from perftui.tui.screens.watch import WatchScreen
from perftui.tui.widgets.prompt import Prompt

WIDE, NARROW = (120, 36), (80, 24)
SLOW_S = 30.0
"""What a test waits at most for another thread."""
ONE = (Value((("job", "api"),), 42.0),)


def one(promql: str) -> QueryResult:
    return QueryResult(promql, ONE, 1)


@pytest.fixture
def browse(make_app: Any, make_monitor: Any, picture: Any) -> Any:
    """An app on a monitor with a Prometheus, which gives what `answer` does."""

    def make(answer: Callable[[str], QueryResult] = one, url: str | None = "http://p") -> Any:
        monitor = make_monitor(picture())
        server = PrometheusSettings(url=url)
        monitor.settings = monitor.settings.but(prometheus=server)
        monitor.try_query = answer
        return make_app(monitor), monitor

    return make


async def opened(pilot: Any) -> QueryScreen:
    """The browser, opened as the palette does."""
    app: PerftuiApp = pilot.app
    [command] = [c for c in app.get_system_commands(app.screen) if c.title == "Query"]
    command.callback()
    await pilot.pause()
    assert isinstance(app.screen, QueryScreen)
    return app.screen


async def answered(pilot: Any) -> str:
    """What is shown once no query is under way."""
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()
    return shown(pilot)


def shown(pilot: Any) -> str:
    return str(pilot.app.screen.query_one("#answer > Static", Static).render())


def notes(app: Any) -> list[str]:
    return [note.message for note in app._notifications]


def is_asking(screen: QueryScreen, purpose: str) -> bool:
    prompt = screen.query_one(Prompt)
    return prompt.purpose == purpose and prompt.has_focus


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_a_query_is_typed_and_answered(size: Any, browse: Any) -> None:
    """What is typed is asked at Enter, all in one go, and its series are shown; Esc goes back."""
    asked: list[str] = []

    def answer(promql: str) -> QueryResult:
        asked.append(promql)
        return one(promql)

    app, monitor = browse(answer)
    async with app.run_test(size=size) as pilot:
        await opened(pilot)
        await pilot.press(*"rate(q[5m])/p?", "enter")
        assert [line.strip() for line in (await answered(pilot)).splitlines()] == [
            *("asked  rate(q[5m])/p?", "1 series", "", '42  job="api"')
        ]
        assert asked == ["rate(q[5m])/p?"]
        await pilot.press("escape")
        assert isinstance(app.screen, WatchScreen)
        await pilot.pause()
        assert monitor.ended == 1


async def test_it_is_in_the_palette(browse: Any) -> None:
    """The command palette finds it by its name."""
    app, _ = browse()
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("ctrl+p")
        assert isinstance(app.screen, CommandPalette)
        await pilot.press(*"query")
        await app.workers.wait_for_complete()
        await pilot.pause()
        await pilot.press("enter", "enter")
        await until(pilot, lambda: isinstance(app.screen, QueryScreen))


async def test_without_a_prometheus_it_says_what_to_do(browse: Any) -> None:
    """Where none is set the command is a sentence, and opens nothing."""
    app, _ = browse(url=None)
    async with app.run_test(size=WIDE) as pilot:
        app.screen.action_query()
        await pilot.pause()
        assert isinstance(app.screen, WatchScreen)
        assert notes(app) == ["To try a query, start perftui with --prometheus URL."]


async def test_an_error_is_shown_and_cannot_be_kept(browse: Any) -> None:
    """Prometheus's own words are shown as text, what fails in another way too; neither is kept."""

    def answer(promql: str) -> QueryResult:
        if promql == "sum(":
            return QueryResult(promql, error="1:5: unclosed left [/red] parenthesis.")
        raise OSError("nobody foresaw \x1b[2J this")

    app, monitor = browse(answer)
    async with app.run_test(size=WIDE) as pilot:
        screen = await opened(pilot)
        await pilot.press("ctrl+s")
        await pilot.press(*"sum(", "enter")
        assert "✗ 1:5: unclosed left [/red] parenthesis." in await answered(pilot)
        await pilot.press("ctrl+s")
        await pilot.press(*"x", "enter")
        assert "✗ nobody foresaw � this" in await answered(pilot)
        assert not screen.query_one(Prompt).is_open
        assert notes(app) == ["Only a query that Prometheus has answered can be kept."] * 2
        assert monitor.kept == []


async def test_no_series(browse: Any) -> None:
    """A query that gives no series says so, and nothing typed is nothing asked."""
    app, _ = browse(QueryResult)
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot)
        await pilot.press("space", "enter")
        assert await answered(pilot) == ""
        await pilot.press(*"up", "enter")
        assert "no series" in await answered(pilot)


async def test_hostile_labels_are_text(browse: Any) -> None:
    """Markup and escape sequences in labels are shown without effect, inside their line."""
    labels = (("a", "[bold]x[/red]"), ("b", "\x1b]0;owned\x07\x1b[2J"), ("c", "漢" * 200))
    values = (Value(labels, 1.0), Value((("a", "\u202egnp"),), 0.5))
    app, _ = browse(lambda promql: QueryResult(promql, values, 2))
    async with app.run_test(size=NARROW) as pilot:
        screen = await opened(pilot)
        await pilot.press(*"up", "enter")
        text = await answered(pilot)
        assert 'a="[bold]x[/red]", b="��"' in text
        assert 'a="�gnp"' in text
        assert "owned" not in text
        # None is wrapped: a line each.
        assert screen.query_one("#answer > Static").size.height == len(text.splitlines())


async def test_a_newer_query_takes_the_place_of_one_under_way(browse: Any) -> None:
    """A query under way is said, with how long it can take; its answer does not show where another
    was asked since, however late it comes."""
    may_go_on, first_ended = threading.Event(), threading.Event()

    def answer(promql: str) -> QueryResult:
        if promql == "slow":
            assert may_go_on.wait(SLOW_S)
            first_ended.set()
        return QueryResult(promql, (Value((("of", promql),), 1.0),), 1)

    app, _ = browse(answer)
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot)
        await pilot.press(*"slow", "enter")
        assert shown(pilot) == "asked  slow\nwaiting for Prometheus, 5 s at most"
        await pilot.press("ctrl+u", *"new", "enter")
        await until(pilot, lambda: "waiting" not in shown(pilot))
        assert 'of="new"' in shown(pilot)
        may_go_on.set()
        await until(pilot, first_ended.is_set)
        assert 'of="new"' in await answered(pilot)


async def test_an_answer_that_waits_its_turn_comes_too_late(browse: Any) -> None:
    """An older query whose answer is told only after a newer one was asked does not end the wait
    for that."""
    may_go_on = threading.Event()

    def answer(promql: str) -> QueryResult:
        assert promql == "old" or may_go_on.wait(SLOW_S)
        return QueryResult(promql, (Value((("of", promql),), 1.0),), 1)

    app, _ = browse(answer)
    async with app.run_test(size=WIDE) as pilot:
        screen = await opened(pilot)
        await pilot.press(*"old")
        screen.action_ask()
        old = screen._asking
        assert old is not None
        assert 'of="old"' in await answered(pilot)
        await pilot.press("ctrl+u", *"new", "enter")
        screen.post_message(Worker.StateChanged(old, WorkerState.SUCCESS))
        await pilot.pause()
        try:
            assert "waiting" in shown(pilot)
        finally:
            may_go_on.set()
        assert 'of="new"' in await answered(pilot)


async def test_perftui_can_be_left_while_a_query_hangs(browse: Any) -> None:
    """The end of the browser, or of perftui, ends the query under way."""
    ended = threading.Event()

    def answer(promql: str) -> QueryResult:
        assert ended.wait(SLOW_S)
        return one(promql)

    app, monitor = browse(answer)
    monitor.end_query = ended.set
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot)
        await pilot.press(*"up", "enter")
        assert "waiting" in shown(pilot)
        assert not ended.is_set()
        await pilot.press("ctrl+c")
    assert ended.is_set()


async def keep(pilot: Any, name: str, unit: str = "") -> None:
    """Keep what is shown."""
    await pilot.press("ctrl+s", *name, "enter")
    await pilot.pause()
    await pilot.press(*unit, "enter")
    await pilot.pause()


async def test_a_query_is_kept_and_its_lines_are_copied(browse: Any) -> None:
    """Name and unit are asked for; then the lines for the file are shown, and the key copies
    them."""
    app, monitor = browse()
    async with app.run_test(size=NARROW) as pilot:
        await opened(pilot)
        await pilot.press("ctrl+y")
        assert notes(app) == ["Keep a query first: then its lines can be copied."]
        await pilot.press(*'up{job="x"}', "enter")
        await answered(pilot)
        await keep(pilot, "k/q", "s")
        [metric] = monitor.kept
        assert (metric.name, metric.query, metric.unit) == ("k/q", 'up{job="x"}', "s")
        lines = '[[metric]]\nname = "k/q"\nquery = \'up{job="x"}\'\nunit = "s"\n'
        assert lines in shown(pilot)
        assert "asked every 5 s" in shown(pilot)
        await pilot.press("ctrl+y")
        assert app.clipboard == lines
        assert notes(app)[1:] == ["Copied, where the terminal takes it (OSC 52)."]
        # The keys are back at the query, which still stands there.
        await pilot.press("2")
        assert app.focused.value == 'up{job="x"}2'


async def test_a_bad_name_is_asked_for_again(browse: Any) -> None:
    """A name that the settings would not take says why in a sentence, and can be mended."""
    app, monitor = browse()
    async with app.run_test(size=NARROW) as pilot:
        screen = await opened(pilot)
        await pilot.press(*"up", "enter")
        await answered(pilot)
        await pilot.press("ctrl+s", *"cpu", "enter")
        await pilot.pause()
        assert notes(app) == [
            "name 'cpu': is the name of a metric that is always there; choose another."
        ]
        assert is_asking(screen, "name")
        assert screen.query_one(Prompt).value == "cpu"
        await pilot.press("2", "enter")
        await pilot.pause()
        assert is_asking(screen, "unit")
        await pilot.press("enter")
        await pilot.pause()
        assert [(m.name, m.query, m.unit) for m in monitor.kept] == [("cpu2", "up", "")]


async def test_keys_belong_to_what_is_asked(browse: Any) -> None:
    """While the name is typed, no key keeps, copies or quits; Esc drops it alone."""
    app, monitor = browse()
    async with app.run_test(size=NARROW) as pilot:
        screen = await opened(pilot)
        await pilot.press(*"up", "enter")
        await answered(pilot)
        await pilot.press("ctrl+s", *"q?/ ", "ctrl+s", "ctrl+y", *"M")
        assert screen.query_one(Prompt).value == "q?/ M"
        assert screen.query_one("#promql", Input).value == "up"
        assert notes(app) == []
        await pilot.press("escape")
        assert app.screen is screen
        assert app.focused is screen.query_one("#promql")
        await pilot.press("enter")
        await answered(pilot)
        await pilot.press("ctrl+s", *"a", "enter")
        await pilot.pause()
        await pilot.press("escape", "escape")
        assert isinstance(app.screen, WatchScreen)
        assert monitor.kept == []


async def test_what_is_kept_is_what_was_answered(browse: Any) -> None:
    """A query that is changed, or asked, after Ctrl+S is not the one that is kept."""
    app, monitor = browse()
    async with app.run_test(size=WIDE) as pilot:
        screen = await opened(pilot)
        await pilot.press(*"up", "enter")
        await answered(pilot)
        await pilot.press("2", "ctrl+s")
        screen.query_one("#promql").focus()
        await pilot.press("enter")
        await answered(pilot)
        screen.query_one(Prompt).focus()
        await pilot.press(*"a", "enter")
        await pilot.pause()
        await pilot.press("enter")
        await pilot.pause()
        assert [(m.name, m.query) for m in monitor.kept] == [("a", "up")]


async def test_the_answer_scrolls_while_the_query_is_typed(browse: Any) -> None:
    """Where the series do not fit, arrows and PgUp, PgDn go through them; the query keeps the
    keys. A terminal of another width has lines of its width."""
    values = tuple(Value((("n", str(n)), ("long", "x" * 100 + str(n))), n) for n in range(60))
    app, _ = browse(lambda promql: QueryResult(promql, values, 60))
    async with app.run_test(size=NARROW) as pilot:
        screen = await opened(pilot)
        await pilot.press(*"up", "enter")
        text = await answered(pilot)
        box = screen.query_one("#answer")
        assert len(text.splitlines()) == screen.query_one("#answer > Static").size.height == 63
        await pilot.press("down", "down", "up")
        assert box.scroll_y == 1
        await pilot.press("pagedown")
        assert box.scroll_y > 10
        await pilot.press("pageup", "x")
        assert box.scroll_y == 1
        assert app.focused.value == "upx"
        await pilot.resize_terminal(60, 24)
        await pilot.pause()
        lines = shown(pilot).splitlines()
        assert len(lines) == screen.query_one("#answer > Static").size.height == 63


async def test_a_pasted_query_of_several_lines_is_one(browse: Any) -> None:
    """All lines that are pasted are the query, in the place of what is selected."""
    app, _ = browse()
    async with app.run_test(size=NARROW) as pilot:
        screen = await opened(pilot)
        box = screen.query_one("#promql", Input)
        await pilot.press(*"old)")
        await pilot.press("home", "shift+right", "shift+right", "shift+right")
        box.post_message(events.Paste("sum(\n  up\n"))
        await pilot.pause()
        assert box.value == "sum(   up)"


async def test_its_help_lists_its_keys(browse: Any) -> None:
    """The help of the palette has the keys of the browser."""
    app, _ = browse()
    async with app.run_test(size=WIDE) as pilot:
        await opened(pilot)
        app.action_help()
        await pilot.pause()
        assert isinstance(app.screen, HelpScreen)
        text = str(app.screen.query_one(Static).render())
        for key in ("Ctrl+S", "Ctrl+Y", "Enter", "PgDn", "Esc"):
            assert key in text
