"""What came of the moments of one series: breaches, and which moments saw one begin in time.

All of it goes point by point, as the points come: what is said of a moment depends on nothing that
came later than it had to.
"""

from __future__ import annotations

import statistics
from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

from perftui.model.objective import Objective
from perftui.model.series import Point

GAP_STEPS = 3
"""A pause of more than so many usual steps is a gap: nothing is known of it."""
USUAL_STEPS = 20


@dataclass(frozen=True)
class Breach:
    """The objective was violated for its `for`, from `onset` to `end` (Unix seconds, None while it
    lasts); `alerted` is when a Prometheus rule with the same threshold and `for` would fire."""

    onset: float
    alerted: float
    end: float | None = None


class Outcome(NamedTuple):
    """Whether a breach came within the horizon of the moment `at` (Unix seconds)."""

    at: float
    breached: bool


class Outcomes:
    """Finds the breaches of `objective`, and the outcome of every moment at which one could begin.

    The moments are those of the points at which it is not in breach. A moment's outcome is known
    once a breach has come, or once none can have begun within its horizon; a moment before a gap in
    which one could have begun has none. Where the objective is violated, but not yet for its `for`,
    what counts is whether that becomes a breach.
    """

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        self.breaches: list[Breach] = []
        self._run: float | None = None
        self._waiting: deque[float] = deque()
        self._last: float | None = None
        self._steps: deque[float] = deque(maxlen=USUAL_STEPS)
        self.unbroken_from = 0.0
        """From when on the points up to the newest one have no gap between them."""

    @property
    def step_s(self) -> float | None:
        """The usual distance of two points, None before there are two."""
        return statistics.median(self._steps) if self._steps else None

    @property
    def in_breach(self) -> bool:
        """Whether a breach lasts at the newest point."""
        return bool(self.breaches) and self.breaches[-1].end is None

    def add(self, point: Point) -> list[Outcome]:
        """Look at one more point; the moments whose outcome is known by it, oldest first."""
        if self._last is not None and point.at <= self._last:
            return []
        self._advance(point.at)
        if not self.objective.violated(point.value):
            self._end_run(point.at)
        elif self._run is None:
            self._run = point.at
        # The next one that can begin does so here, or began with what violates it now.
        found = self._before(self._run if self._run is not None else point.at)
        lasts_s = point.at - self._run if self._run is not None else -1.0
        if self._run is not None and not self.in_breach and lasts_s >= self.objective.hold_s:
            self.breaches.append(Breach(self._run, point.at))
            found += self._began(self._run)
        if not self.in_breach:
            self._waiting.append(point.at)
        return found

    def _advance(self, at: float) -> None:
        last, usual = self._last, self.step_s
        if last is None or (usual is not None and at - last > GAP_STEPS * usual):
            self._end_run(last)
            self._waiting.clear()
            self.unbroken_from = at
        if last is not None:
            self._steps.append(at - last)
        self._last = at

    def _end_run(self, at: float | None) -> None:
        if self.in_breach and at is not None:
            last = self.breaches[-1]
            self.breaches[-1] = Breach(last.onset, last.alerted, at)
        self._run = None

    def _before(self, onset: float) -> list[Outcome]:
        """The moments whose horizon ended before the next possible onset."""
        found: list[Outcome] = []
        while self._waiting and self._waiting[0] + self.objective.horizon_s < onset:
            found.append(Outcome(self._waiting.popleft(), False))
        return found

    def _began(self, onset: float) -> list[Outcome]:
        """The moments after which one began at `onset`: all that still wait."""
        horizon = self.objective.horizon_s
        found = [Outcome(at, onset - at <= horizon) for at in self._waiting]
        self._waiting.clear()
        return found
