"""The table of hot functions."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace

from perftui.model.present import format_change, format_share, place
from perftui.model.stacks import FunctionKey, Place
from perftui.model.text import plain
from perftui.tui.cells import Column
from perftui.tui.functions_view import HotRow, Ranked
from perftui.tui.sparks import bars
from perftui.tui.widgets.line_table import Cells, LineTable

QUIET_OWN_PCT = 0.05
MOST_SEARCHED = 1000
_CHANGE = Column("change", "Δbefore", 8, right=True, needs=64)
COLUMNS = (
    Column("own", "own%", 5, right=True),
    Column("margin", "±", 5, right=True, needs=100),
    Column("total", "total%", 7, right=True),
    _CHANGE,
    Column("own_s", "own s", 6, right=True, needs=72),
    Column("total_s", "total s", 8, right=True, needs=100),
    Column("trend", "trend", 7, needs=50),
    Column("function", "function", share=5, cut="start"),
    Column("place", "file:line", share=4, cut="start"),
)
_THREAD = Column("thread", "thread", share=3, cut="middle")


class FunctionsTable(LineTable[HotRow]):
    """Rows of the profile. What a sort means, its panel decides."""

    STAYS_FIRST = True

    def __init__(self, *, by_thread: bool, id: str | None = None) -> None:  # noqa: A002
        super().__init__((*COLUMNS, _THREAD) if by_thread else COLUMNS, id=id)
        self._by_thread = by_thread

    @property
    def place(self) -> Place | None:
        """The function under the cursor."""
        row = self.selected
        return Place(row.key.function, row.key.file) if row is not None else None

    def name_change(self, title: str) -> None:
        """What the shares are compared with."""
        if (_CHANGE.key, title) not in ((c.key, c.title) for c in self.columns):
            self.columns = tuple(
                replace(c, title=title) if c.key == _CHANGE.key else c for c in self.columns
            )

    def key_of(self, item: HotRow) -> Hashable:
        """The function, line or thread that the row is about."""
        return item.key

    def place_of(self, items: Sequence[HotRow], key: Hashable) -> int | None:
        """Where the row stands; without making all rows above it."""
        return items.place(key) if isinstance(items, Ranked) else super().place_of(items, key)

    def go_to(self, function: str, file: str) -> None:
        """Put the cursor on the first row of this function."""
        index = self.place_of(self.items, FunctionKey(function, file))
        if index is None:  # rows by line or thread: the first of that function
            rows = enumerate(self.items[:MOST_SEARCHED])
            index = next((n for n, row in rows if row.key[:2] == (function, file)), None)
        if index is not None:
            self.action_cursor_to(index)

    def cells_of(self, item: HotRow) -> Cells:
        """Shares, change, seconds, trend, name and place."""
        cells = (
            format_share(item.own_pct),
            format_share(item.own_margin),
            f"{'~' if item.torn else ''}{format_share(item.total_pct)}",
            format_change(item.change, item.mark),
            _seconds(item.own_s),
            _seconds(item.total_s),
            bars(item.trend, item.trend_top),
            plain(item.key.function[:500]),
            plain(place(item.key.file[-500:], item.line)),
        )
        thread = item.key.thread
        if not self._by_thread:
            return cells
        return (*cells, plain(f"{thread.tid} {thread.name[:200]}") if thread else "")

    def accents(self, item: HotRow) -> Mapping[str, str]:
        """A change beyond the noise stands out, one within it does not; nor does the margin."""
        beyond = item.change is not None and item.change.beyond_noise
        return {"change": "loud" if beyond else "quiet", "margin": "quiet"}

    def is_quiet(self, item: HotRow) -> bool:
        """Functions that only call others."""
        return item.own_pct < QUIET_OWN_PCT


def _seconds(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.2f}" if value < 1000 else f"{value:.0f}"
