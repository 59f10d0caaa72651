"""From a source file and stacks to lines with their shares. No widgets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from perftui.model.source import SourceText
from perftui.model.stacks import Stack, Thread


@dataclass(frozen=True)
class SourceLine:
    """A line of a file, with the samples that were in it: on top of the stack, and anywhere in it,
    in percent of the expected ticks."""

    number: int
    text: str
    own_pct: float
    total_pct: float


def source_lines(
    source: SourceText, stacks: Mapping[tuple[Thread, Stack], int], ticks: float
) -> list[SourceLine]:
    """The lines of the file, and those that samples were in where it has no text."""
    own: Counter[int] = Counter()
    total: Counter[int] = Counter()
    for (_, stack), count in stacks.items():
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
