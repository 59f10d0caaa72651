"""A table as lines of text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def aligned(table: Sequence[Sequence[str]]) -> Iterator[str]:
    """The rows, all of one length, as lines: the first column begins at the left, the others end at
    the right."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for first, *others in table:
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        yield ("  " + "  ".join([first.ljust(widths[0]), *cells])).rstrip()
