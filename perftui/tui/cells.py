"""Text that fits a number of terminal cells, whatever characters it is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from perftui.model.text import plain

GAP = 1
"""Cells between two columns."""

Cut = Literal["start", "middle", "end"]
"""Which part of a text that is too long gives way to an ellipsis."""


@dataclass(frozen=True)
class Column:
    """A column of a table.

    `width` in cells; 0 shares what is left, by `share`. It is shown in tables that are at least
    `needs` cells wide. Text that is too long loses its `cut`.
    """

    key: str
    title: str
    width: int = 0
    right: bool = False
    share: int = 1
    needs: int = 0
    cut: Cut = "end"


def cell_len(text: str) -> int:
    """How many cells a text takes."""
    if text.isascii():
        return len(text)
    # Slow to import; what is written without a screen mostly does without.
    from rich import cells

    return cells.cell_len(text)


def fit(text: str, width: int, *, right: bool = False, cut: Cut = "end") -> str:
    """`text` in exactly `width` cells: padded, or with an ellipsis for its `cut`."""
    if width <= 0:
        return ""
    # A name of many thousand letters is cut before it is measured. What is not printable should be
    # plain by now; this is the last line of defence.
    first, last = (
        part if part.isprintable() else plain(part)
        for part in (text[: 4 * width], text[-4 * width :])
    )
    shown = last if cut == "start" else first
    length = cell_len(shown)
    if length > width:
        kept = {"start": width - 1, "middle": width // 2, "end": 0}[cut]
        head, tail = _beginning(first, width - 1 - kept), _ending(last, kept)
        shown = f"{head}…{tail}"
        length = cell_len(head) + 1 + cell_len(tail)
    space = " " * (width - length)
    return space + shown if right else shown + space


def _beginning(text: str, width: int) -> str:
    """The beginning of a longer text, in exactly so many cells."""
    if text.isascii():
        return text[:width]
    from rich import cells

    return cells.set_cell_size(text, width)


def _ending(text: str, width: int) -> str:
    """The end of a text in at most so many cells."""
    if text.isascii():
        return text[max(0, len(text) - width) :]
    while cell_len(text) > width:
        text = text[1:]
    return text


def widths(columns: Sequence[Column], total: int) -> list[tuple[Column, int]]:
    """The columns that a table of `total` cells shows, each with its width."""
    shown = [column for column in columns if column.needs <= total]
    left = total - sum(column.width for column in shown) - GAP * max(0, len(shown) - 1)
    shares = sum(column.share for column in shown if not column.width)
    result: list[tuple[Column, int]] = []
    for column in shown:
        width = column.width
        if not width:
            width = max(0, left * column.share // shares)
            left, shares = left - width, shares - column.share
        result.append((column, width))
    return result
