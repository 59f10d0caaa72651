"""95 % intervals: exact ones for shares, by block bootstrap for what correlated moments give."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

T = TypeVar("T")
Interval = tuple[float, float]

SHARE = 0.95
RESAMPLES = 400
BLOCK_HORIZONS = 20
"""Moments are drawn again in runs of so many horizons, or of a whole episode where that is
shorter: what is further apart hardly belongs together."""
_HALVINGS = 60


def exact(hits: int, count: int) -> Interval | None:
    """Clopper and Pearson's interval (1934) of a share; None of nothing."""
    if not count:
        return None
    tail = (1 - SHARE) / 2
    low = 0.0 if not hits else _solve(lambda p: 1 - _below(hits, count, p) - tail)
    high = 1.0 if hits == count else _solve(lambda p: tail - _below(hits + 1, count, p))
    return low, high


def _below(hits: int, count: int, chance: float) -> float:
    """P(fewer than `hits` of `count`)."""
    if chance <= 0:
        return 1.0
    if chance >= 1:
        return 0.0
    logs = [
        math.lgamma(count + 1)
        - math.lgamma(k + 1)
        - math.lgamma(count - k + 1)
        + k * math.log(chance)
        + (count - k) * math.log1p(-chance)
        for k in range(hits)
    ]
    return math.fsum(map(math.exp, logs))


def _solve(rising: Callable[[float], float]) -> float:
    """Where a function that rises from 0 to 1 is zero."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < 0 else (low, middle)
    return (low + high) / 2


def bootstrap(
    blocks: Sequence[T], figure: Callable[[Sequence[T]], float], resamples: int = RESAMPLES
) -> Interval | None:
    """The interval of `figure` of all blocks, by drawing as many of them again and again (block
    bootstrap: Künsch 1989; its percentiles). None with fewer than two blocks."""
    if len(blocks) < 2:
        return None
    import random

    chance = random.Random(0)
    drawn = [figure(chance.choices(blocks, k=len(blocks))) for _ in range(resamples)]
    known: npt.NDArray[np.float64] = np.sort([one for one in drawn if not math.isnan(one)])
    if len(known) < resamples / 2:
        return None
    tail = (1 - SHARE) / 2
    low, high = (known[round(part * (len(known) - 1))] for part in (tail, 1 - tail))
    return float(low), float(high)
