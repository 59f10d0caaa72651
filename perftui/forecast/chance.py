"""The chance that a breach begins within the horizon.

A trend is fitted to the recent past, and many possible futures are drawn around it: the trend goes
on, damped, its slope as uncertain as the fit says, with the noise of the past laid over it in
blocks, so that its autocorrelation is kept (damped trend: Gardner & McKenzie 1985; block bootstrap:
Künsch 1989). The share of futures that violate the objective for its whole `for` is the chance.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import numpy.typing as npt

from perftui.model.objective import Objective
from perftui.model.series import Point

Floats = npt.NDArray[np.float64]

PATHS = 400
STEPS = 60
"""Futures that are drawn, and the steps of each: the chance is known to 1 / (2 sqrt(PATHS))."""
BLOCK = 10
"""Steps of noise that are taken from the past in one run."""
LEAST_POINTS = 30
"""So many points are looked at, however far apart they are."""
MOST_CELLS = 240
"""The past is looked at in at most this many cells."""
HALVES_CELLS = 12
"""From this many cells on, half of them show a trend."""


@dataclass(frozen=True)
class _Trend:
    """Where the series is, its slope a cell with its standard error, what the fit leaves, and how
    correlated that is from cell to cell (0 to 0.95)."""

    level: float
    slope: float
    slope_error: float
    residuals: Floats
    correlation: float


def breach_chance(points: Sequence[Point], objective: Objective) -> float:
    """Share of the drawn futures that breach, 0 to 1; the same points give the same answer.

    Never 0 or 1: with PATHS futures the rule of succession (k + 1) / (n + 2) is all they show.
    """
    past, past_step, margin = _recent(points, objective)
    step = objective.horizon_s / STEPS
    trend = _lasting(past)
    normal, uniform = _draws()
    slopes = trend.slope + trend.slope_error * normal
    # A trend is believed for about as long as it has been seen.
    damping = np.exp(-step / (past_step * len(past)))
    reach = np.cumsum(damping ** np.arange(STEPS)) * step / past_step
    fading = trend.correlation ** (np.arange(1, STEPS + 1) * step / past_step)
    futures = trend.level + trend.residuals[-1] * fading + slopes[:, None] * reach
    futures += _blocks(trend.residuals, max(1, round(step / past_step)), uniform)
    futures = np.hstack([np.zeros((PATHS, 1)), futures])
    beyond = futures > margin if objective.above else futures < margin
    hits = int(holds(beyond, max(1, round(objective.hold_s / step))).sum())
    return (hits + 1) / (PATHS + 2)


def arrival_s(points: Sequence[Point], objective: Objective) -> tuple[float, float] | None:
    """In how many seconds the trend arrives at the threshold: the ends of about 95 %, from the
    slope's error. None where there is no trend towards it, or too small a one to be believed for
    that long: a trend is believed for as long as it has been seen."""
    if len(points) < LEAST_POINTS:
        return None
    past, step, threshold = _recent(points, objective)
    trend = _lasting(past)
    sign = 1.0 if objective.above else -1.0
    margin = sign * (threshold - float(past[-1]))
    slow = sign * trend.slope - 2 * trend.slope_error
    fast = sign * trend.slope + 2 * trend.slope_error
    if margin <= 0 or slow <= 0 or margin / fast > len(past):
        return None
    return margin / fast * step, margin / slow * step


def trend_per_s(points: Sequence[Point]) -> tuple[float, float]:
    """The slope of all these points a second, as far as their newer half shows it too, and its
    standard error, widened for noise that is correlated with itself."""
    times = np.array([point.at for point in points])
    values = np.array([point.value for point in points])
    scale = float(np.abs(values).max()) or 1.0
    past, step = _regular(times, values / scale, float(times[-1] - times[0]))
    trend = _lasting(past)
    return trend.slope * scale / step, trend.slope_error * scale / step


def _recent(points: Sequence[Point], objective: Objective) -> tuple[Floats, float, float]:
    """The newest past on an even grid, its step in seconds, and the threshold, both from the newest
    value and in parts of the largest: then a series that stands still has no noise at all, and no
    number is too large to be squared."""
    times = np.array([point.at for point in points])
    values = np.array([point.value for point in points])
    scale = max(float(np.abs(values).max()), abs(objective.threshold)) or 1.0
    now = values[-1] / scale
    past, step = _regular(times, values / scale - now, objective.horizon_s)
    return past, step, float(objective.threshold / scale - now)


def _regular(times: Floats, values: Floats, span_s: float) -> tuple[Floats, float]:
    """The last `span_s` seconds, or `LEAST_POINTS` points, on an even grid, and its step.

    The grid ends at the newest point. Cells hold the mean of their points; empty ones are
    interpolated.
    """
    first = min(np.searchsorted(times, times[-1] - span_s), max(0, len(times) - LEAST_POINTS))
    times, values = times[first:], values[first:]
    seen = float(times[-1] - times[0])
    if seen <= 0:
        return values[-1:], span_s
    # Not np.median: it loads numpy.ma, which takes 2 MB.
    usual = float(np.sort(np.diff(times))[(len(times) - 1) // 2])
    step = max(usual, seen / MOST_CELLS)
    cells = max(2, round(seen / step))
    which = cells - 1 - np.minimum(((times[-1] - times) / step).astype(int), cells - 1)
    counts = np.bincount(which, minlength=cells)
    known = np.flatnonzero(counts)
    means = np.bincount(which, weights=values, minlength=cells)[known] / counts[known]
    return np.interp(np.arange(cells), known, means), step


def _lasting(past: Floats) -> _Trend:
    """The trend of the past as far as its newer half shows it too: a step is no trend."""
    whole, newer = _fit(past), _fit(past[len(past) // 2 :])
    if len(past) < HALVES_CELLS:
        return whole
    if whole.slope * newer.slope <= 0:
        return replace(newer, slope=0.0)
    return min(whole, newer, key=lambda trend: abs(trend.slope))


def _fit(past: Floats) -> _Trend:
    """Least squares; the slope's error is widened for noise that is correlated with itself.

    n values with correlation r at lag 1 tell as much as n (1 - r) / (1 + r) independent ones
    (Bartlett 1946).
    """
    ages = np.arange(len(past)) - (len(past) - 1.0)
    centred = ages - ages.mean()
    spread = float(centred @ centred)
    slope = float(centred @ past) / spread if spread else 0.0
    level = float(past.mean()) - slope * float(ages.mean())
    residuals = past - level - slope * ages
    power = float(residuals @ residuals)
    lagged = float(residuals[1:] @ residuals[:-1]) / power if power else 0.0
    correlation = float(np.clip(lagged, 0.0, 0.95))
    widened = (1 + correlation) / (1 - correlation)
    noise = power / max(1, len(past) - 2)
    error = float(np.sqrt(noise * widened / spread)) if spread else 0.0
    return _Trend(level, slope, error, residuals, correlation)


@cache
def _draws() -> tuple[Floats, Floats]:
    """What chance gives every forecast: for each future a standard normal number, and a uniform one
    (0 to 1) for each of its blocks."""
    # Not by numpy's generators, whose import takes 6 MB; and the same points give the same answer.
    chance = random.Random(0)
    normal = np.array([chance.gauss() for _ in range(PATHS)])
    blocks = STEPS // BLOCK
    uniform = np.array([chance.random() for _ in range(PATHS * blocks)])
    return normal, uniform.reshape(PATHS, blocks)


def _blocks(residuals: Floats, stride: int, uniform: Floats) -> Floats:
    """Noise for PATHS x STEPS, drawn from the past in runs of BLOCK steps, around its end."""
    starts = (uniform * len(residuals)).astype(int)
    within = np.arange(BLOCK) * stride
    drawn = (starts[:, :, None] + within) % len(residuals)
    return np.asarray(residuals[drawn.reshape(PATHS, STEPS)])


def holds(beyond: npt.NDArray[np.bool_], steps: int) -> npt.NDArray[np.bool_]:
    """Which rows have `steps` violations in a row."""
    steps = min(steps, beyond.shape[1])
    counts = np.cumsum(np.pad(beyond, ((0, 0), (1, 0))), axis=1)
    return np.asarray((counts[:, steps:] - counts[:, :-steps] == steps).any(axis=1))
