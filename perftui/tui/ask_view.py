"""What is asked of the advisor and what it says, as lines. No widgets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from perftui.model.findings import LlmState, LlmStatus
from perftui.model.present import format_clock, series_name
from perftui.model.question import MOST_TEXT, Explanation, Question
from perftui.model.text import plain
from perftui.tui.forecast_view import argued

MOST_NAME = 60


def about(question: Question) -> str:
    """What a question is about, and of which time."""
    if question.place is not None:
        what = plain(question.place.function, MOST_NAME)
    elif question.metric is not None:
        what = plain(series_name(question.metric), MOST_NAME)
    else:
        what = "this program"
    if question.start is None or question.end is None:
        return f"{what}, now"
    return f"{what}, {format_clock(question.start)} to {format_clock(question.end)}"


def answer_lines(
    question: Question | None,
    answer: Explanation | None,
    llm: LlmStatus,
    answering: Question | None = None,
    source: Sequence[str] = (),
) -> Iterator[str]:
    """The answer to a question, or how far it is; before there is one, what is to be known, and the
    `source` that would go along. `answering` is the question that is being answered."""
    if question is None and source:
        yield "These lines of the function go along with the question; Ctrl+S drops them."
        yield ""
        yield from source
        return
    if question is None:
        yield "What you type is sent, but for secrets; own names, hosts, users and paths"
        yield "go as fn_1, host_1, user_1, path_1 …"
        yield "Ctrl+S shows the source of the function, and lets it go along."
        if llm.state is LlmState.OFF:
            yield f"LLM {plain(llm.message) or 'off'}"
        return
    yield plain(question.text, MOST_TEXT)
    yield f"about {about(question)}"
    yield ""
    if answer is not None and answer.question == question:
        yield plain(answer.summary)
        yield from (line.text for line in argued(answer))
        if answer.by:
            yield f"by {plain(answer.by)}"
    elif answering == question:
        yield f"{plain(llm.partial)}…" if llm.partial else "asking, Esc cancels…"
    elif answering is not None or llm.calling:
        yield "waits for another call to end, Esc drops it…"
    else:
        said = plain(llm.message)
        yield said if llm.state is LlmState.OK else f"{llm.state.value.upper()}: {said}"
