"""The table of hot functions."""

from __future__ import annotations

from collections.abc import Hashable
from typing import ClassVar

from textual.binding import Binding, BindingType

from perftui.model.present import place
from perftui.model.text import plain
from perftui.tui.cells import Column
from perftui.tui.functions_view import HotRow
from perftui.tui.sparks import bars
from perftui.tui.widgets.line_table import Cells, LineTable

QUIET_OWN_PCT = 0.05
COLUMNS = (
    Column("own", "own%", 5, right=True),
    Column("total", "total%", 7, right=True),
    Column("own_s", "own s", 6, right=True, needs=56),
    Column("total_s", "total s", 8, right=True, needs=72),
    Column("trend", "trend", 7, needs=50),
    Column("function", "function", share=5),
    Column("place", "file:line", share=4, keep_end=True),
)
_THREAD = Column("thread", "thread", share=3)


class FunctionsTable(LineTable[HotRow]):
    """Rows of the profile. Its keys are the profile's keys; the screen acts on them."""

    STAYS_FIRST = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "screen.sort_next", "sort"),
        Binding("S", "screen.sort_reverse", "reverse", show=False),
        Binding("1", "screen.sort('own')", "own %", show=False),
        Binding("2", "screen.sort('total')", "total %", show=False),
        Binding("3", "screen.sort('own_s')", "own s", show=False),
        Binding("4", "screen.sort('total_s')", "total s", show=False),
        Binding("L", "screen.lines", "lines"),
        Binding("R", "screen.reset", "reset"),
    ]

    def __init__(self, *, by_thread: bool, id: str | None = None) -> None:  # noqa: A002
        super().__init__((*COLUMNS, _THREAD) if by_thread else COLUMNS, id=id)
        self._by_thread = by_thread

    def key_of(self, item: HotRow) -> Hashable:
        """The function, line or thread that the row is about."""
        return item.stats.key

    def cells_of(self, item: HotRow) -> Cells:
        """Shares, seconds, trend, name and place."""
        stats = item.stats
        total = f"{'~' if item.torn else ''}{stats.total_pct:.1f}"
        cells = (
            f"{stats.own_pct:.1f}",
            total,
            f"{item.own_s:.2f}" if item.own_s < 1000 else f"{item.own_s:.0f}",
            f"{item.total_s:.2f}" if item.total_s < 1000 else f"{item.total_s:.0f}",
            bars(item.trend, item.trend_top),
            plain(stats.key.function[:500]),
            plain(place(stats.key.file[-500:], stats.line)),
        )
        thread = stats.key.thread
        if not self._by_thread or thread is None:
            return cells
        return (*cells, plain(f"{thread.tid} {thread.name[:200]}"))

    def is_quiet(self, item: HotRow) -> bool:
        """Functions that only call others."""
        return item.stats.own_pct < QUIET_OWN_PCT
