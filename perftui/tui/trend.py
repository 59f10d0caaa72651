"""How the own share of rows went in the last minute, for the bars beside them. No widgets.

The parts of the minute have fixed bounds: a bar says the same at each refresh until a new one
comes, and only the newest, which is not yet full, moves. So does their scale, in steps.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from perftui.model.board import Counted
from perftui.model.stacks import Window
from perftui.tui.profile_view import Looked

TREND_SPAN_S = 60.0
TREND_CELLS = 7
PART_S = TREND_SPAN_S / TREND_CELLS
Trend = tuple[float | None, ...]


class Trends:
    """The trends of the rows of what is looked at.

    What was counted in a part is added up once, then again only when its windows change: those of
    the newest one do.
    """

    def __init__(self) -> None:
        self._known: dict[int, tuple[list[Counted], dict[int, float]]] = {}
        self._parts: list[tuple[Mapping[int, float], float]] = []

    def look(self, looked: Looked) -> None:
        """Have the trends of these windows."""
        windows: dict[int, list[Window]] = {}
        newest = looked.recent[-1].end if looked.recent else looked.now
        # Where a new part has just begun there may be no window of it yet: that is no gap.
        last = _part(newest if looked.now - newest < PART_S else looked.now)
        for window in reversed(looked.recent):
            part = _part(window.end)
            if part <= last - TREND_CELLS:
                break
            windows.setdefault(part, []).append(window)
        known, self._known, self._parts = self._known, {}, []
        for part in range(last - TREND_CELLS + 1, last + 1):
            counted = looked.board.counted(reversed(windows.get(part, [])))
            before, sums = known.get(part, ([], {}))
            if any(one is not other for one, other in zip(before, counted, strict=False)) or (
                len(before) > len(counted)
            ):
                before, sums = [], {}
            for one in counted[len(before) :]:
                for row, own in one.own_by_row.items():
                    sums[row] = sums.get(row, 0.0) + own
            self._known[part] = counted, sums
            ticks = sum(one.window.expected_ticks for one in counted)
            self._parts.append((sums, ticks))

    def of(self, row: int) -> Trend:
        """Its own share in percent in each of the parts, oldest first, None where nothing was
        sampled."""
        return tuple(
            100 * sums.get(row, 0.0) / ticks if ticks else None for sums, ticks in self._parts
        )


def top_of(trends: Iterable[Trend]) -> float:
    """The share that a full bar means: the highest of these, rounded up to a power of the square
    root of 2; 0 if all are."""
    most = max((share for trend in trends for share in trend if share is not None), default=0.0)
    return 2 ** (math.ceil(2 * math.log2(most) - 1e-9) / 2) if most > 0 else 0.0


def _part(end: float) -> int:
    """The part of a window that ends then."""
    return math.ceil(end / PART_S - 1e-6) - 1
