"""From snapshots to the rows of the functions table: span, sort, filter, pause. No widgets."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from perftui.model.profile import FunctionRow, Profile, profile
from perftui.model.running import RunningSeconds
from perftui.model.snapshot import Snapshot
from perftui.model.stacks import FunctionKey, Grouping, Window
from perftui.tui.filter import Filter, TooSlow

SPAN_S = 10.0
"""What the shares look back on."""
TREND_SPAN_S = 60.0
TREND_CELLS = 7


@dataclass(frozen=True)
class HotRow:
    """A row of the table: shares of the span, seconds since attach or reset, the trend.

    `trend` is the own share in percent in each of `TREND_CELLS` equal parts of `TREND_SPAN_S`,
    oldest first, None where nothing was sampled; `trend_top` is the share that a full bar means.
    """

    stats: FunctionRow
    own_s: float
    total_s: float
    trend: tuple[float | None, ...]
    trend_top: float
    torn: bool


SORTS: dict[str, Callable[[HotRow], float]] = {
    "own": lambda row: row.stats.own_pct,
    "total": lambda row: row.stats.total_pct,
    "own_s": lambda row: row.own_s,
    "total_s": lambda row: row.total_s,
}


@dataclass
class FunctionsView:
    """What the user has chosen to see of the profile, and the seconds that were counted so far."""

    by_thread: bool = False
    by_line: bool = False
    sort: str = "own"
    descending: bool = True
    pattern: str = ""
    pattern_error: str = ""
    reset_at: float = 0.0
    _filter: Filter | None = None
    _running: dict[bool, RunningSeconds] = field(default_factory=dict)
    _frozen: tuple[Snapshot, dict[bool, RunningSeconds]] | None = None

    def __post_init__(self) -> None:
        self.reset(0.0)

    @property
    def grouping(self) -> Grouping:
        """What a row is at present."""
        return Grouping(by_line=self.by_line, by_thread=self.by_thread)

    @property
    def paused_at(self) -> float | None:
        """When what is shown was taken, None while it is live."""
        return self._frozen[0].taken_at if self._frozen else None

    def reset(self, now: float) -> None:
        """Count from `now` (Unix seconds) on."""
        self.reset_at = now
        self._running = {
            by_line: RunningSeconds(Grouping(by_line=by_line, by_thread=self.by_thread), until=now)
            for by_line in (False, True)
        }

    def pause(self, snapshot: Snapshot) -> None:
        """Show `snapshot` until :meth:`resume`; counting goes on."""
        self._frozen = (snapshot, {key: kept.copy() for key, kept in self._running.items()})

    def resume(self) -> None:
        """Show the newest again."""
        self._frozen = None

    def sort_by(self, key: str) -> None:
        """Sort by a column, highest first; the same column again turns the order round."""
        self.descending = not self.descending if key == self.sort else True
        self.sort = key

    def sort_next(self) -> None:
        """Sort by the next column."""
        keys = list(SORTS)
        self.sort_by(keys[(keys.index(self.sort) + 1) % len(keys)])

    def filter_by(self, pattern: str) -> None:
        """Show what fits the regular expression in function or file; a bad one changes nothing
        but `pattern_error`, which says what is wrong with it."""
        try:
            self._filter = Filter(pattern) if pattern else None
        except re.error as error:
            self.pattern_error = str(error)
            return
        self.pattern, self.pattern_error = pattern, ""

    def count(self, snapshot: Snapshot) -> None:
        """Add the new windows to the seconds; to be called with every snapshot."""
        for running in self._running.values():
            running.update(snapshot.windows)

    def look(self, snapshot: Snapshot) -> tuple[Profile, list[HotRow]]:
        """The profile of the span, and its rows in their order."""
        running = self._running
        if self._frozen is not None:
            snapshot, running = self._frozen
        now = snapshot.data_at
        start = max(now - SPAN_S, self.reset_at)
        recent = [w for w in snapshot.windows if w.end > start]
        if recent:
            # Windows are whole; the span begins with the first one that reaches into it.
            start = max(self.reset_at, min(start, recent[0].start))
        seen = profile(recent, start, now, self.grouping)
        trends, ticks = _trends(snapshot.windows, now, self.grouping)
        top = max((s for cells in trends.values() for s in cells if s is not None), default=0.0)
        seconds = running[self.by_line]
        torn = any(window.torn for window in recent)
        # A function that only calls others has no own samples where there were looks.
        nothing = tuple(0.0 if looked else None for looked in ticks)
        rows = [
            HotRow(
                stats=stats,
                own_s=seconds.own.get(stats.key, 0.0),
                total_s=seconds.total.get(stats.key, 0.0),
                trend=trends.get(stats.key, nothing),
                trend_top=top,
                torn=torn,
            )
            for stats in self._fitting(seen.functions)
        ]
        # A stable sort: the profile's own order decides between equals.
        rows.sort(key=SORTS[self.sort], reverse=self.descending)
        return seen, rows

    def _fitting(self, functions: Sequence[FunctionRow]) -> Sequence[FunctionRow]:
        """Those that the filter shows; one that takes too long is given up."""
        if self._filter is None:
            return functions
        self._filter.start()
        try:
            return [
                stats
                for stats in functions
                if self._filter.fits(stats.key.function, stats.key.file)
            ]
        except TooSlow as error:
            self._filter, self.pattern, self.pattern_error = None, "", str(error)
            return functions


def _trends(
    windows: tuple[Window, ...], now: float, grouping: Grouping
) -> tuple[dict[FunctionKey, tuple[float | None, ...]], list[float]]:
    """Own share of each row in each part of the trend's span, and the ticks of the parts."""
    part_s = TREND_SPAN_S / TREND_CELLS
    samples: list[dict[FunctionKey, int]] = [{} for _ in range(TREND_CELLS)]
    ticks = [0.0] * TREND_CELLS
    for window in windows:
        part = TREND_CELLS - 1 - int((now - window.end) / part_s)
        if not 0 <= part < TREND_CELLS:
            continue
        ticks[part] += window.expected_ticks
        counts = samples[part]
        for key, own in window.tally(grouping).own.items():
            counts[key] = counts.get(key, 0) + own
    keys = {key for counts in samples for key in counts}
    trends = {
        key: tuple(
            100 * counts.get(key, 0) / expected if expected else None
            for counts, expected in zip(samples, ticks, strict=True)
        )
        for key in keys
    }
    return trends, ticks
