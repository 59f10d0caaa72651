"""From a source file and stacks to lines with their shares; the hottest of them. No widgets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from perftui.model.source import SourceText
from perftui.model.stacks import Place, Stack


@dataclass(frozen=True)
class SourceLine:
    """A line of a file, with the samples that were in it: on top of the stack, and anywhere in it,
    in percent of the expected ticks."""

    number: int
    text: str
    own_pct: float
    total_pct: float


def source_lines(
    source: SourceText, counts: Iterable[tuple[Stack, int]], ticks: float
) -> list[SourceLine]:
    """The lines of the file, and those that samples were in where it has no text; `counts` are
    stacks with their samples."""
    own: Counter[int] = Counter()
    total: Counter[int] = Counter()
    for stack, count in counts:
        lines = {frame.line for frame in stack if frame.file == source.file and frame.line}
        for line in lines:
            total[line] += count
        if stack and stack[-1].file == source.file and stack[-1].line:
            own[stack[-1].line] += count
    scale = 100 / ticks if ticks else 0.0
    texts = dict(enumerate(source.lines, 1))
    for number in sorted(total):
        texts.setdefault(number, "")  # the file has become shorter, or there is none
    return [
        SourceLine(number, text, own[number] * scale, total[number] * scale)
        for number, text in texts.items()
    ]


def hottest_line(place: Place, counts: Iterable[tuple[Stack, int]]) -> int | None:
    """The line of a function with most samples in all, what it calls there included; of equals that
    with most own ones. None where no line of it is known."""
    own: Counter[int] = Counter()
    total: Counter[int] = Counter()
    for stack, count in counts:
        lines = {frame.line for frame in stack if frame.line and frame.is_of(*place)}
        for line in lines:
            total[line] += count
        if stack and stack[-1].line and stack[-1].is_of(*place):
            own[stack[-1].line] += count
    return min(total, key=lambda line: (-total[line], -own[line], line), default=None)
