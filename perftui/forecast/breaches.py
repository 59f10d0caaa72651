"""The breaches of one objective on one series, found point by point as they come.

Older points are kept as means over a minute, in which a short breach is lost; so every point is
looked at once, while it is new.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from perftui.forecast.outcome import Outcome, Outcomes
from perftui.model.objective import Objective
from perftui.model.series import Point

KEPT_S = 86400.0
LEAST_SEEN = 0.5
"""The part of a span that must have been seen before it is said that nothing happened in it."""

Span = tuple[float, float]


class BreachLog:
    """What was seen of `objective`; times are Unix seconds.

    A breach is a run of violating points that lasts for its `for`; its onset is the run's first
    point. A gap ends it: what went on meanwhile is not known. `seen` are the spans without a gap.
    """

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        self.seen: list[Span] = []
        self._outcomes = Outcomes(objective)

    @property
    def breaches(self) -> list[Span]:
        """Those that are over, from onset to end."""
        return [(b.onset, b.end) for b in self._outcomes.breaches if b.end is not None]

    @property
    def since(self) -> float | None:
        """The onset of the breach that lasts, None if there is none."""
        return self._outcomes.breaches[-1].onset if self._outcomes.in_breach else None

    @property
    def step_s(self) -> float | None:
        """The usual distance of two points, None before there are two."""
        return self._outcomes.step_s

    def add(self, points: Iterable[Point]) -> list[Outcome]:
        """Look at those points, oldest first, that are newer than the last one; the outcomes of
        earlier moments that they make known."""
        found: list[Outcome] = []
        for point in points:
            if self.seen and point.at <= self.seen[-1][1]:
                continue
            found += self._outcomes.add(point)
            self._extend(point.at)
        return found

    def _extend(self, at: float) -> None:
        if self._outcomes.unbroken_from == at:
            self.seen.append((at, at))
        else:
            self.seen[-1] = (self.seen[-1][0], at)
        # No longer than breaches are: what is seen and what happened must be of the same time.
        oldest = at - KEPT_S
        self.seen = [(max(a, oldest), b) for a, b in self.seen if b > oldest]
        breaches = self._outcomes.breaches
        while breaches and breaches[0].end is not None and breaches[0].end <= oldest:
            del breaches[0]

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
