"""The breaches of one objective on one series, found point by point as they come.

Older points are kept as means over a minute, in which a short breach is lost; so every point is
looked at once, while it is new.
"""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from perftui.model.objective import Objective
from perftui.model.series import Point

GAP_STEPS = 3
"""A pause of more than so many usual steps is a gap: nothing is known of it."""
KEPT_S = 86400.0
LEAST_SEEN = 0.5
"""The part of a span that must have been seen before it is said that nothing happened in it."""

Span = tuple[float, float]


@dataclass
class BreachLog:
    """What was seen of `objective`; times are Unix seconds.

    A breach is a run of violating points that lasts for `hold_s`; its onset is the run's first
    point. A gap ends it: what went on meanwhile is not known.
    """

    objective: Objective
    seen: list[Span] = field(default_factory=list)
    breaches: list[Span] = field(default_factory=list)
    since: float | None = None
    """The onset of the breach that lasts, None if there is none."""
    _run: float | None = None
    _steps: deque[float] = field(default_factory=lambda: deque(maxlen=20))

    @property
    def step_s(self) -> float | None:
        """The usual distance of two points, None before there are two."""
        return statistics.median(self._steps) if self._steps else None

    def add(self, points: Iterable[Point]) -> None:
        """Look at those points, oldest first, that are newer than the last one."""
        for point in points:
            last = self.seen[-1][1] if self.seen else None
            if last is not None and point.at <= last:
                continue
            self._extend(last, point.at)
            self._judge(point)

    def _extend(self, last: float | None, at: float) -> None:
        usual = self.step_s
        if last is None or (usual is not None and at - last > GAP_STEPS * usual):
            self._end_run(last)
            self.seen.append((at, at))
        else:
            self.seen[-1] = (self.seen[-1][0], at)
        if last is not None:
            self._steps.append(at - last)
        # No longer than breaches are: what is seen and what happened must be of the same time.
        self.seen = [(max(a, at - KEPT_S), b) for a, b in self.seen if b > at - KEPT_S]
        self.breaches = [span for span in self.breaches if span[1] > at - KEPT_S]

    def _judge(self, point: Point) -> None:
        if not self.objective.violated(point.value):
            self._end_run(point.at)
            return
        if self._run is None:
            self._run = point.at
        if self.since is None and point.at - self._run >= self.objective.hold_s:
            self.since = self._run

    def _end_run(self, at: float | None) -> None:
        if self.since is not None and at is not None:
            self.breaches.append((self.since, at))
        self.since = self._run = None

    def began_in(self, start: float, end: float) -> bool | None:
        """Whether a breach began after `start` and up to `end`; None if too little was seen."""
        if any(start < onset <= end for onset in self._onsets()):
            return True
        seen = _length(_within(self.seen, start, end))
        return False if seen >= LEAST_SEEN * (end - start) else None

    def base_rate(self) -> float | None:
        """How often a moment that was not in breach saw one begin within the horizon.

        None until two horizons were seen. Smoothed as (k + 1/2) / (n + 1) over the n separate
        horizons that were seen (Jeffreys' prior).
        """
        horizon = self.objective.horizon_s
        seen_s = _length(self.seen)
        if not self.seen or seen_s < 2 * horizon:
            return None
        last = self.seen[-1][1]
        lasting = [] if self.since is None else [(self.since, last)]
        asked = _within(self.seen, self.seen[0][0], last - horizon)
        asked = _without(asked, self.breaches + lasting)
        if _length(asked) <= 0:
            return None
        before = _without(asked, [(onset - horizon, onset) for onset in self._onsets()])
        share = 1 - _length(before) / _length(asked)
        horizons = seen_s / horizon
        return (share * horizons + 0.5) / (horizons + 1)

    def _onsets(self) -> list[float]:
        ended = [start for start, _ in self.breaches]
        return ended if self.since is None else [*ended, self.since]


def _within(spans: Iterable[Span], low: float, high: float) -> list[Span]:
    """The parts of the spans between `low` and `high`."""
    return [(max(a, low), min(b, high)) for a, b in spans if max(a, low) < min(b, high)]


def _without(spans: Iterable[Span], holes: Sequence[Span]) -> list[Span]:
    """What is left of the spans without the holes; both in time order, in one pass."""
    left: list[Span] = []
    first = 0
    for start, end in spans:
        low = start
        while first < len(holes) and holes[first][1] <= start:
            first += 1
        for index in range(first, len(holes)):
            if holes[index][0] >= end:
                break
            if holes[index][0] > low:
                left.append((low, holes[index][0]))
            low = max(low, holes[index][1])
        if low < end:
            left.append((low, end))
    return left


def _length(spans: Iterable[Span]) -> float:
    return sum(end - start for start, end in spans)
