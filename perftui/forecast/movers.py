"""Which of many figures leave their usual level, and how far beyond their noise: what can lead.

Used for the functions of the profile and for the other metrics alike. Each figure has a fast and a
slow exponentially weighted mean; how far they are apart is measured by the noise that the mean
square successive difference shows (von Neumann 1941), which a trend hardly touches; of figures that
wander, like the memory in use, also by how far they usually are from their level. What is often far
is expected to be: only what is further than usual is a surprise.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
K = TypeVar("K", bound=Hashable)

FAST, SLOW, HABIT = 1 / 3, 3.0, 10.0
"""How far back the means look, and what is held to be usual, in horizons."""
SEEN = 0.5
"""Nothing is told before so many horizons were seen."""
MOST = 400
"""So many figures are followed; where there are more the smallest are forgotten."""
WANDERED = 1 / 3
"""A fast mean of what wanders is usually so many standard deviations from the slow one."""
FAR = 30.0
"""A move is told up to so many times its noise."""


class Move(NamedTuple, Generic[K]):
    """How far a figure is from its usual level, in its own unit, where it is now, and how
    surprising that is: by how much the logarithm of its move, in times of its noise, is above its
    usual one."""

    name: K
    by: float
    now: float
    surprise: float


class Movers(Generic[K]):
    """Follows figures by name. One that is not given counts as `absent`, None for not known;
    `wander` says that they can move for long without a reason."""

    def __init__(
        self, horizon_s: float, absent: float | None = None, *, wander: bool = False
    ) -> None:
        self._wander = wander
        self._fast_s, self._slow_s, self._habit_s = (
            part * horizon_s for part in (FAST, SLOW, HABIT)
        )
        self._least_s = SEEN * horizon_s
        self._absent = math.nan if absent is None else absent
        self._places: dict[K, int] = {}
        self._first: float | None = None
        self._at = 0.0
        self._step_s = 0.0
        none = np.empty(0)
        self._last = self._fast = self._slow = none
        self._noise = self._around = self._moved = self._usual = none

    def see(self, at: float, values: Mapping[K, float]) -> None:
        """The figures at `at` (Unix seconds), later than all before."""
        new = [name for name in values if name not in self._places]
        if new:
            self._grow(new, values)
        if self._first is None:
            self._first = self._at = at
            return
        elapsed, self._at = at - self._at, at
        if elapsed <= 0 or not self._places:
            return
        now = np.array([values.get(name, self._absent) for name in self._places])
        # What is not known stays as it was.
        now = np.where(np.isfinite(now), now, self._last)
        self._step_s = elapsed if not self._step_s else 0.9 * self._step_s + 0.1 * elapsed
        fast, slow, habit = (
            1 - math.exp(-elapsed / s) for s in (self._fast_s, self._slow_s, self._habit_s)
        )
        with np.errstate(all="ignore"):  # a figure may be as large as a number can be
            self._noise = self._noise + slow * ((now - self._last) ** 2 / 2 - self._noise)
            self._fast = self._fast + fast * (now - self._fast)
            self._slow = self._slow + slow * (now - self._slow)
            spread = np.sqrt(self._noise * self._step_s / (2 * self._fast_s))
            spread = np.maximum(spread, 1e-3 * np.abs(self._slow) + 1e-12)
            self._around = self._around + slow * ((now - self._slow) ** 2 - self._around)
            if self._wander:
                spread = np.maximum(spread, WANDERED * np.sqrt(self._around))
            moved = np.log1p(np.minimum(np.abs(self._fast - self._slow) / spread, FAR))
        self._moved = np.where(np.isfinite(moved), moved, 0.0)
        if at - self._first >= self._least_s:
            self._usual = self._usual + habit * (self._moved - self._usual)
        self._last = now

    def moves(self, least: float = 0.0) -> list[Move[K]]:
        """All that have moved by `least` or more, in the figure's own unit, what surprises most
        first."""
        if self._first is None or self._at - self._first < self._least_s:
            return []
        by = self._fast - self._slow
        surprise = np.maximum(0.0, self._moved - self._usual)
        names = list(self._places)
        return [
            Move(names[n], float(by[n]), float(self._fast[n]), float(surprise[n]))
            for n in np.argsort(-surprise, kind="stable").tolist()
            if abs(by[n]) >= least and surprise[n] > 0
        ]

    @property
    def count(self) -> int:
        """How many figures are followed."""
        return len(self._places)

    def drift(self) -> float:
        """How far the sum of all figures is from its usual level."""
        return float((self._fast - self._slow).sum())

    def _grow(self, names: list[K], values: Mapping[K, float]) -> None:
        """Follow more; what was absent before begins there."""
        begun = np.array([values[name] for name in names])
        if self._first is not None and math.isfinite(self._absent):
            begun[:] = self._absent
        for name in names:
            self._places[name] = len(self._places)
        self._last, self._fast, self._slow = (
            np.append(one, begun) for one in (self._last, self._fast, self._slow)
        )
        zeros = np.zeros(len(names))
        self._noise, self._around, self._moved, self._usual = (
            np.append(one, zeros) for one in (self._noise, self._around, self._moved, self._usual)
        )
        if len(self._places) > MOST:
            self._forget()

    def _forget(self) -> None:
        """Keep the largest half: what is hardly there is no reason for anything."""
        size = np.abs(self._fast) + np.abs(self._slow) + np.abs(self._last)
        kept = np.sort(np.argsort(-size, kind="stable")[: MOST // 2])
        names = list(self._places)
        self._places = {names[n]: place for place, n in enumerate(kept.tolist())}
        self._last, self._fast, self._slow = (
            one[kept] for one in (self._last, self._fast, self._slow)
        )
        self._noise, self._around, self._moved, self._usual = (
            one[kept] for one in (self._noise, self._around, self._moved, self._usual)
        )
