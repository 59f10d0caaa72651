"""What the past of a series says of its next breach, as numbers that mean the same for any series.

The past is kept in cells of equal length, the newest `CELLS` of them, so that a day at one point a
second and two weeks at one point in five minutes are seen alike: each with as much of the past as
it takes to know how the series usually moves within a horizon.
"""

from __future__ import annotations

import math
import random
from collections import deque
from functools import cache

import numpy as np
import numpy.typing as npt

from perftui.forecast.chance import LEAST_POINTS, breach_chance, holds
from perftui.model.objective import Objective
from perftui.model.series import Point

Floats = npt.NDArray[np.float64]

CELLS, FULL_CELLS = 600, 60
PER_HORIZON = 30
"""A horizon has at most so many cells once there are `FULL_CELLS`, and fewer where points are
further apart; before that cells are as fine as the points."""
MOST_POINTS = 2000
LEAST_CELLS = 12
STEPS = 20
PATHS, BLOCK = 200, 5
"""Drawn futures, and how many changes in a row each takes from the past."""
DAY_S = 86_400.0
FAR, TINY, HUGE = 4.0, 1e-9, 1e290
LEAST_CHANCE = 0.0025
"""Distances are cut at so many usual movements."""

NAMES = (
    "distance",
    "closest",
    "drift_short",
    "drift_long",
    "volatility",
    "violated_short",
    "violated_long",
    "violating",
    "drawn",
    "trend",
    "day_ago",
    "progress",
    "pace_short",
    "pace_long",
    "line_short",
    "line_long",
)
"""What :meth:`Past.features` gives, in this order."""


class Past:
    """The cells of one series, seen from the threshold: above zero is a violation."""

    def __init__(self, objective: Objective) -> None:
        self._objective = objective
        self._sign = 1.0 if objective.above else -1.0
        self._steps: deque[float] = deque(maxlen=STEPS)
        self._last: float | None = None
        self._cells: deque[float] = deque(maxlen=CELLS)
        self._peaks: deque[float] = deque(maxlen=CELLS)
        self._sum = 0.0
        self._count = 0
        self._peak = -math.inf
        self._cell_s = 0.0
        self._until = 0.0
        self._value = 0.0
        self._violated_at = -math.inf
        self._points: deque[Point] = deque(maxlen=MOST_POINTS)

    def see(self, at: float, value: float) -> None:
        """One more point, newer than all before."""
        beyond = self._sign * (value - self._objective.threshold)
        beyond = max(-HUGE, min(HUGE, beyond))
        if self._last is not None:
            self._steps.append(at - self._last)
        self._last, self._value = at, beyond
        self._points.append(Point(at, value))
        oldest = at - self._objective.horizon_s
        while len(self._points) > LEAST_POINTS and self._points[0].at < oldest:
            self._points.popleft()
        if beyond > 0:
            self._violated_at = at
        if not self._cell_s:
            if len(self._steps) < 2:
                return
            self._cell_s = sorted(self._steps)[len(self._steps) // 2]
            self._until = at + self._cell_s
        missed = 0
        while at >= self._until and missed < CELLS:
            self._close()
            self._until += self._cell_s
            missed += 1
        if at >= self._until:  # a long pause: what was before tells nothing of now
            self._cells.clear()
            self._peaks.clear()
            self._until = at + self._cell_s
        self._sum += beyond
        self._count += 1
        self._peak = max(self._peak, beyond)

    def _close(self) -> None:
        """End the present cell; an empty one is as the one before."""
        if self._count:
            self._cells.append(self._sum / self._count)
            self._peaks.append(self._peak)
        elif self._cells:
            self._cells.append(self._cells[-1])
            self._peaks.append(self._peaks[-1])
        self._sum, self._count, self._peak = 0.0, 0, -math.inf
        if len(self._cells) >= FULL_CELLS and self.horizon_cells > PER_HORIZON:
            self._coarsen()

    def _coarsen(self) -> None:
        """Make one cell of two: a short past is seen finely, a long one as far back as it goes."""
        cells, peaks = (np.array(kept)[len(kept) % 2 :] for kept in (self._cells, self._peaks))
        self._cells.clear()
        self._peaks.clear()
        self._cells.extend(cells.reshape(-1, 2).mean(axis=1).tolist())
        self._peaks.extend(peaks.reshape(-1, 2).max(axis=1).tolist())
        self._cell_s *= 2

    @property
    def points(self) -> tuple[Point, ...]:
        """The newest points: those of a horizon, or the least that show a trend."""
        return tuple(self._points)

    @property
    def horizon_cells(self) -> int:
        """How many cells the horizon has."""
        if not self._cell_s:
            return 1
        return max(1, round(self._objective.horizon_s / self._cell_s))

    def features(self) -> Floats | None:
        """See NAMES; None while too little was seen."""
        if len(self._cells) < LEAST_CELLS:
            return None
        cells = np.append(np.array(self._cells), self._value)
        # In parts of the largest: no number is too large to be squared.
        scale = float(max(np.abs(cells).max(), *map(abs, self._peaks))) or 1.0
        cells, peaks, value = cells / scale, np.array(self._peaks) / scale, self._value / scale
        # Of a short past the moves of a shorter time, which grow with its root.
        ahead = min(self.horizon_cells, len(cells) // 2)
        moves = cells[ahead:] - cells[:-ahead]
        usual = float(np.sqrt(np.mean(moves**2) * self.horizon_cells / ahead))
        usual = max(usual, TINY)
        short, long = cells[-max(4, ahead) :], cells[-max(8, 4 * ahead) :]
        steps = np.diff(cells)
        newest = float(np.sqrt(np.mean(steps[-max(4, ahead) :] ** 2)))
        whole = float(np.sqrt(np.mean(steps**2)))
        age = (self._last or 0.0) - self._violated_at
        horizon = self._objective.horizon_s
        # From its usual level to the threshold, and how much of that way it makes in a horizon.
        level = float(np.sort(cells)[len(cells) // 2])
        way = max(-level, usual, TINY)
        fast = float(cells[-max(3, ahead // 3) :].mean())
        return np.array(
            [
                _cut(cells[-1] / usual),
                _cut(max(peaks[-max(2, ahead) :].max(), value) / usual),
                _cut((cells[-1] + _slope(short) * self.horizon_cells) / usual),
                _cut((cells[-1] + _slope(long) * self.horizon_cells) / usual),
                _cut(math.log((newest + TINY) / (whole + TINY))),
                math.exp(-age / horizon),
                math.exp(-age / (8 * horizon)),
                float(self._value > 0),
                _logit(self._drawn(cells, steps)),
                _logit(breach_chance(self._points, self._objective)),
                self._day_ago(peaks, ahead, usual),
                _cut((fast - level) / way),
                _cut(_slope(short) * self.horizon_cells / way),
                _cut(_slope(long) * self.horizon_cells / way),
                _logit(_line(cells[-max(8, ahead // 2) :], self.horizon_cells)),
                _logit(_line(cells[-max(12, ahead) :], self.horizon_cells)),
            ]
        )

    def _day_ago(self, peaks: Floats, ahead: int, usual: float) -> float:
        """How much higher the horizon that followed was a day ago than the one before it; 0 where
        that is not known."""
        first = len(peaks) - round(DAY_S / self._cell_s)
        if first < ahead:
            return 0.0
        then, before = peaks[first : first + ahead].max(), peaks[first - ahead : first].max()
        return _cut((then - before) / usual)

    def _drawn(self, cells: Floats, steps: Floats) -> float:
        """The share of drawn futures that violate the objective for its `for`: a walk from here by
        runs of changes as they came (block bootstrap: Künsch 1989)."""
        ahead = min(self.horizon_cells, PER_HORIZON)
        longer = self.horizon_cells / ahead  # a drawn step stands for so many cells
        blocks = -(-ahead // BLOCK)
        starts = (_uniform()[:, :blocks] * max(1, len(steps) - BLOCK + 1)).astype(int)
        within = np.minimum(starts[:, :, None] + np.arange(BLOCK), len(steps) - 1)
        drawn = steps[within].reshape(PATHS, -1)[:, :ahead] * math.sqrt(longer)
        paths = cells[-1] + np.cumsum(drawn, axis=1)
        steps_held = max(1, math.ceil(self._objective.hold_s / (self._cell_s * longer)))
        hits = int(holds(paths > 0, steps_held).sum())
        return (hits + 0.5) / (PATHS + 1)


@cache
def _uniform() -> Floats:
    """The same chances for every forecast, PATHS x the blocks of a horizon: then the same past
    gives the same forecast. Evenly spread from 0 to 1, each column shuffled (Latin hypercube:
    McKay et al. 1979); not by numpy's generators, whose import takes 6 MB."""
    chance = random.Random(0)
    columns = []
    for _ in range(-(-PER_HORIZON // BLOCK)):
        column = [(n + chance.random()) / PATHS for n in range(PATHS)]
        chance.shuffle(column)
        columns.append(column)
    return np.array(columns).T


def _slope(values: Floats) -> float:
    """Least squares, a cell."""
    ages = np.arange(len(values)) - (len(values) - 1) / 2
    return float(ages @ values / (ages @ ages))


def _line(values: Floats, ahead: int) -> float:
    """The chance that a line through the values, whose slope is as uncertain as they show, is above
    zero so many cells ahead (Student's prediction, with a normal in place of t)."""
    count = len(values)
    ages = np.arange(count) - (count - 1) / 2
    spread = float(ages @ ages)
    slope = float(ages @ values / spread)
    left = values - values.mean() - slope * ages
    noise = math.sqrt(float(left @ left) / (count - 2))
    reach = ahead + (count - 1) / 2
    mean = float(values.mean()) + slope * reach
    error = noise * math.sqrt(1 / count + reach**2 / spread)
    chance = 0.5 * math.erfc(-mean / max(error, TINY) / math.sqrt(2))
    return max(LEAST_CHANCE, min(1 - LEAST_CHANCE, chance))


def _cut(value: float) -> float:
    return max(-FAR, min(FAR, float(value)))


def _logit(chance: float) -> float:
    return math.log(chance / (1 - chance))
