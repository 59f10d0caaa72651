"""The source file around the hot lines."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType

from perftui.model.present import format_share
from perftui.model.text import plain
from perftui.tui.cells import Column
from perftui.tui.source_view import SourceLine
from perftui.tui.sparks import bar
from perftui.tui.widgets.line_table import Cells, LineTable

COLUMNS = (
    Column("own", "own%", 5, right=True),
    Column("total", "total%", 6, right=True),
    Column("heat", "", 1),
    Column("number", "line", 6, right=True),
    Column("text", "source"),
)
_TAB = 4


class SourceTable(LineTable[SourceLine]):
    """A file with each line's share in the margin; `n` and `N` go to the next hot line."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "hot(1)", "next"),
        Binding("N", "hot(-1)", "previous hot line", show=False),
    ]

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(COLUMNS, id=id)
        self._top = 0.0

    def show(self, items: Sequence[SourceLine]) -> None:
        """Draw these lines; a full bar is the hottest of them."""
        self._top = max((item.total_pct for item in items), default=0.0)
        super().show(items)

    def open_at(self, number: int) -> None:
        """Put the cursor on a line, with what is above it in sight."""
        index = next((i for i, item in enumerate(self.items) if item.number == number), 0)
        self.action_cursor_to(min(len(self.items) - 1, index + self.size.height // 2))
        self.action_cursor_to(index)

    def key_of(self, item: SourceLine) -> Hashable:
        """The line."""
        return item.number

    def cells_of(self, item: SourceLine) -> Cells:
        """Shares, number and text."""
        line = item.text[:2000].expandtabs(_TAB)
        words = line.lstrip(" ")
        text = " " * (len(line) - len(words)) + plain(words)
        if not item.total_pct:
            return ("", "", "", str(item.number), text)
        heat = bar(item.total_pct, self._top)
        own = format_share(item.own_pct) if item.own_pct else ""
        return (own, format_share(item.total_pct), heat, str(item.number), text)

    def is_quiet(self, item: SourceLine) -> bool:
        """Lines that no sample was in."""
        return not item.total_pct

    def action_hot(self, step: int) -> None:
        """Go to the next or previous line that samples were in."""
        hot = [i for i, item in enumerate(self.items) if item.total_pct]
        after = [i for i in hot if (i > self.cursor if step > 0 else i < self.cursor)]
        if after or hot:
            chosen = after or hot
            self.action_cursor_to(chosen[0] if step > 0 else chosen[-1])
