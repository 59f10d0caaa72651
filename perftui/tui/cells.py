"""Text that fits a number of terminal cells, whatever characters it is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size

from perftui.model.text import plain

GAP = 1
"""Cells between two columns."""


@dataclass(frozen=True)
class Column:
    """A column of a table.

    `width` in cells; 0 shares what is left, by `share`. It is shown in tables that are at least
    `needs` cells wide. Text that is too long loses its start where `keep_end`, else its end.
    """

    key: str
    title: str
    width: int = 0
    right: bool = False
    share: int = 1
    needs: int = 0
    keep_end: bool = False


def fit(text: str, width: int, *, right: bool = False, keep_end: bool = False) -> str:
    """`text` in exactly `width` cells: padded, or cut with an ellipsis, which stands for its end,
    or with `keep_end` for its beginning."""
    if width <= 0:
        return ""
    # A name of many thousand letters is cut before it is measured.
    text = text[-4 * width :] if keep_end else text[: 4 * width]
    if not text.isprintable():
        # The last line of defence: whoever made this text should have made it plain.
        text = plain(text)
    length = cell_len(text)
    if length > width:
        if keep_end:
            while cell_len(text) > width - 1:
                text = text[1:]
            text = f"…{text}"
        else:
            text = f"{set_cell_size(text, width - 1)}…"
        length = cell_len(text)
    space = " " * (width - length)
    return space + text if right else text + space


def fit_both_ends(text: str, width: int) -> str:
    """`text` in exactly `width` cells: padded, or cut in its middle."""
    if cell_len(text[: 4 * width]) <= width:
        return fit(text, width)
    last = width // 2
    return fit(text, width - last) + fit(text, last + 1, keep_end=True)[1:]


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
