"""Which of many figures leave what they have been, and how far beyond their noise: what can lead.

Used for the functions of the profile and for the other metrics alike. Each figure has exponentially
weighted means of three lengths. The slow one is its usual level. The highest and the lowest that
the middle one has been are its record; how far the fast one is beyond that, measured by the noise
that the mean square successive difference shows (von Neumann 1941), which a trend hardly touches,
is how surprising it is. So what wanders, like the memory in use, or comes and goes, like a daily
wave, surprises only where it has not been before.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
K = TypeVar("K", bound=Hashable)

FAST, MIDDLE, SLOW, FADES = 1 / 3, 1 / 2, 3.0, 100.0
"""How far back the means look, and after how long a record is forgotten, in horizons."""
SEEN = 1.0
"""Nothing is told before so many horizons were seen."""
MOST = 400
"""So many figures are followed; where there are more the smallest are forgotten."""
WIDE = 0.02
"""What is beyond its record by this part of the record's width counts as noise."""
FAR = 30.0
"""A move is told up to so many times its noise."""


class Move(NamedTuple, Generic[K]):
    """How far a figure is from its usual level, in its own unit, where it is now, and how
    surprising that is: log(1 + d), where d is how far beyond its record it is, in times of its
    noise."""

    name: K
    by: float
    now: float
    surprise: float


class Movers(Generic[K]):
    """Follows figures by name. One that is not given counts as `absent`, None for not known."""

    def __init__(self, horizon_s: float, absent: float | None = None) -> None:
        self._horizon_s = horizon_s
        self._absent = math.nan if absent is None else absent
        self._places: dict[K, int] = {}
        self._first: float | None = None
        self._at = 0.0
        self._step_s = 0.0
        none = np.empty(0)
        self._last = self._fast = self._middle = self._slow = none
        self._noise = self._high = self._low = none

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
        fast, middle, slow, fades = (
            1 - math.exp(-elapsed / (part * self._horizon_s))
            for part in (FAST, MIDDLE, SLOW, FADES)
        )
        with np.errstate(all="ignore"):  # a figure may be as large as a number can be
            self._noise = self._noise + slow * ((now - self._last) ** 2 / 2 - self._noise)
            self._fast = self._fast + fast * (now - self._fast)
            self._middle = self._middle + middle * (now - self._middle)
            self._slow = self._slow + slow * (now - self._slow)
            self._high = self._high + fades * (self._middle - self._high)
            self._low = self._low + fades * (self._middle - self._low)
            self._high = np.maximum(self._high, self._middle)
            self._low = np.minimum(self._low, self._middle)
        self._last = now

    def moves(self, least: float = 0.0) -> list[Move[K]]:
        """All that are beyond their record, and have moved by `least` or more, in the figure's own
        unit, what surprises most first."""
        if self._first is None or self._at - self._first < SEEN * self._horizon_s:
            return []
        surprise = self._surprise()
        by = self._fast - self._slow
        names = list(self._places)
        return [
            Move(names[n], float(by[n]), float(self._fast[n]), float(surprise[n]))
            for n in np.argsort(-surprise, kind="stable").tolist()
            if abs(by[n]) >= least and surprise[n] > 0
        ]

    def _surprise(self) -> Floats:
        with np.errstate(all="ignore"):
            spread = np.sqrt(self._noise * self._step_s / (2 * FAST * self._horizon_s))
            spread = spread + WIDE * (self._high - self._low) + 1e-3 * np.abs(self._fast) + 1e-12
            beyond = np.maximum(self._fast - self._high, self._low - self._fast)
            found = np.log1p(np.clip(beyond / spread, 0.0, FAR))
        return np.where(np.isfinite(found), found, 0.0)

    def _grow(self, names: list[K], values: Mapping[K, float]) -> None:
        """Follow more; what was absent before begins there."""
        begun = np.array([values[name] for name in names])
        if self._first is not None and math.isfinite(self._absent):
            begun[:] = self._absent
        for name in names:
            self._places[name] = len(self._places)
        self._last, self._fast, self._middle, self._slow, self._high, self._low = (
            np.append(one, begun)
            for one in (self._last, self._fast, self._middle, self._slow, self._high, self._low)
        )
        self._noise = np.append(self._noise, np.zeros(len(names)))
        if len(self._places) > MOST:
            self._forget()

    def _forget(self) -> None:
        """Keep the largest half: what is hardly there is no reason for anything."""
        size = np.abs(self._fast) + np.abs(self._slow) + np.abs(self._last)
        kept = np.sort(np.argsort(-size, kind="stable")[: MOST // 2])
        names = list(self._places)
        self._places = {names[n]: place for place, n in enumerate(kept.tolist())}
        self._last, self._fast, self._middle, self._slow = (
            one[kept] for one in (self._last, self._fast, self._middle, self._slow)
        )
        self._high, self._low, self._noise = (
            one[kept] for one in (self._high, self._low, self._noise)
        )
