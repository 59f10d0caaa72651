"""What the past of a series says of its next breach, as numbers that mean the same for any series.

The past is kept in cells of equal length, the newest `CELLS` of them, so that a day at one point a
second and two weeks at one point in five minutes are seen alike: each with as much of the past as
it takes to know how the series usually moves within a horizon.
"""

from __future__ import annotations

import math
import random
from collections import deque
from dataclasses import replace
from functools import cache

import numpy as np
import numpy.typing as npt

from perftui.forecast.beside import NOTHING
from perftui.forecast.chance import LEAST_POINTS, holds
from perftui.forecast.teller import Holt
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
"""Distances are cut at so many usual movements."""
LEAST_CHANCE = 0.0025
WIDE, FURTHEST = 0.02, 30.0
"""What is beyond a record by this part of all its heights counts as noise, and is told up to so
many times that."""
MOST_FOLDS = 1000.0
"""A value counts as at most so many times the threshold, or as one part of so many."""
SQUARED = 1e100
"""What is no larger than this can be squared, and summed."""

NAMES = (
    "distance",
    "closest",
    "drift",
    "volatility",
    "violated",
    "drawn",
    "day_ago",
    "line",
    "holt",
    "record",
)
"""What :meth:`Past.features` gives, in this order."""


class Past:
    """The cells of one series, seen from the threshold: above zero is a violation."""

    def __init__(self, objective: Objective) -> None:
        self._objective = objective
        self._sign = 1.0 if objective.above else -1.0
        self._folds = _Folds(objective)
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
        self._folds.see(at, value)
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
        newest, steps = cells[-max(4, ahead) :], np.diff(cells)
        restless, whole = (
            float(np.sqrt(np.mean(some**2))) for some in (steps[-len(newest) :], steps)
        )
        age = (self._last or 0.0) - self._violated_at
        return np.array(
            [
                _cut(cells[-1] / usual),
                _cut(max(peaks[-max(2, ahead) :].max(), value) / usual),
                _cut((cells[-1] + _slope(newest) * self.horizon_cells) / usual),
                _cut(math.log((restless + TINY) / (whole + TINY))),
                math.exp(-age / (8 * self._objective.horizon_s)),
                _logit(self._drawn(cells, steps)),
                self._day_ago(peaks, ahead, usual),
                _logit(_line(cells[-max(12, ahead) :], self.horizon_cells)),
                _logit(self._folds.chance()),
                _record(cells, steps, max(3, ahead // 3)),
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


class _Folds:
    """Holt's forecast of how many times the threshold a series is, as a logarithm: what cannot be
    negative, like a latency, moves by shares of itself."""

    def __init__(self, objective: Objective) -> None:
        self._threshold = objective.threshold
        above = objective.above == (objective.threshold >= 0)
        objective = replace(objective, threshold=0.0, above=above)
        self._holt = Holt(objective)

    def see(self, at: float, value: float) -> None:
        """One more point; without a threshold that can be a measure it is taken as it is."""
        if self._threshold:
            value = math.log(max(1 / MOST_FOLDS, min(MOST_FOLDS, value / self._threshold)))
        value = max(-SQUARED, min(SQUARED, value))
        self._holt.see(at, value, NOTHING)

    def chance(self) -> float:
        """That it is beyond the threshold within the horizon."""
        chance = self._holt.chance()
        return 0.5 if chance is None else _some(chance)


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
    return _some(0.5 * math.erfc(-mean / max(error, TINY) / math.sqrt(2)))


def _record(cells: Floats, steps: Floats, width: int) -> float:
    """How far the mean of the newest cells is above the highest mean of as many that came before,
    as log(1 + d), where d is that in times of such a mean's noise (by the mean square successive
    difference: von Neumann 1941); 0 where it is not above."""
    if len(cells) < 3 * width:
        return 0.0
    sums = np.cumsum(np.append(0.0, cells))
    means = (sums[width:] - sums[:-width]) / width
    before = means[:-width]
    noise = float(np.sqrt(np.mean(steps**2) / (2 * width)))
    spread = noise + WIDE * float(before.max() - before.min()) + TINY
    return math.log1p(max(0.0, min(FURTHEST, float(means[-1] - before.max()) / spread)))


def _some(chance: float) -> float:
    """Neither 0 nor 1, so that it has log-odds."""
    return max(LEAST_CHANCE, min(1 - LEAST_CHANCE, chance))


def _cut(value: float) -> float:
    return max(-FAR, min(FAR, float(value)))


def _logit(chance: float) -> float:
    return math.log(chance / (1 - chance))
