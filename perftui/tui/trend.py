"""How the own share of rows went in the last minute, for the bars beside them. No widgets.

The parts of the minute have fixed bounds: a bar says the same at each refresh until a new one
comes, and only the newest, which is not yet full, moves. So does their scale, in steps.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from perftui.model.board import Span, Sums, at
from perftui.model.stacks import Window
from perftui.tui.profile_view import Looked

TREND_SPAN_S = 60.0
TREND_CELLS = 7
PART_S = TREND_SPAN_S / TREND_CELLS
Trend = tuple[float | None, ...]
"""Own share in percent in each part of the minute, oldest first, None where nothing was sampled."""


class Trends:
    """The sums of each part of the minute, kept up to date."""

    def __init__(self) -> None:
        self._spans: dict[int, Span] = {}

    def look(self, looked: Looked) -> list[Sums]:
        """The sums of the parts, oldest first, at what is looked at."""
        newest = looked.recent[-1].end if looked.recent else looked.now
        # Where a new part has just begun there may be no window of it yet: that is no gap.
        last = _part(newest if looked.now - newest < PART_S else looked.now)
        parts: dict[int, list[Window]] = {n: [] for n in range(last - TREND_CELLS + 1, last + 1)}
        for window in looked.recent:
            parts.get(_part(window.end), []).append(window)
        self._spans = {part: self._spans.get(part) or Span() for part in parts}
        for part, span in self._spans.items():
            span.hold(looked.board.counted(parts[part]))
        return [span.sums for span in self._spans.values()]


def trend_of(row: int, parts: Sequence[Sums]) -> Trend:
    """The trend of a row, by its number."""
    return tuple(100 * at(sums.own, row) / sums.ticks if sums.ticks else None for sums in parts)


def top_of(trends: Iterable[Trend]) -> float:
    """The share that a full bar means: the highest of these, rounded up to a power of the square
    root of 2; 0 if all are."""
    most = max((share for trend in trends for share in trend if share is not None), default=0.0)
    return 2 ** (math.ceil(2 * math.log2(most) - 1e-9) / 2) if most > 0 else 0.0


def _part(end: float) -> int:
    """The part of a window that ends then."""
    return math.ceil(end / PART_S - 1e-6) - 1
