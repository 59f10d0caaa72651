"""The sampling noise of shares, and what of a change is beyond it."""

from __future__ import annotations

import math
from typing import NamedTuple

Z95 = 1.96
"""Normal quantile of a two-sided 95 % interval."""


class Change(NamedTuple):
    """A share's change in points, half the width of its 95 % interval, and whether that excludes
    zero."""

    points: float
    margin: float
    beyond_noise: bool


def interval_pct(samples: float, ticks: float) -> tuple[float, float]:
    """The 95 % score interval of a share of `ticks`, in percent.

    py-spy's ticks follow a Poisson process, so the samples of a function do too, and the score
    interval of a Poisson count k is k + z²/2 ± z·sqrt(k + z²/4) (Rao's score test inverted).
    """
    if ticks <= 0:
        return 0.0, math.inf
    half = Z95 * math.sqrt(samples + Z95**2 / 4)
    middle = samples + Z95**2 / 2
    return 100 * max(0.0, middle - half) / ticks, 100 * (middle + half) / ticks


def margin_pct(samples: float, ticks: float) -> float:
    """Half the width of that interval, in points."""
    if ticks <= 0:
        return math.inf
    return 100 * Z95 * math.sqrt(samples + Z95**2 / 4) / ticks


def change(now: tuple[float, float], before: tuple[float, float]) -> Change:
    """How a share has changed from `before` to `now`, each (samples, ticks).

    The interval of the difference is made from those of the two shares by the method of variance
    estimates recovery (MOVER: Zou & Donner 2008).
    """
    if now[1] <= 0 or before[1] <= 0:
        return Change(0.0, math.inf, beyond_noise=False)
    new, old = 100 * now[0] / now[1], 100 * before[0] / before[1]
    (new_low, new_high), (old_low, old_high) = interval_pct(*now), interval_pct(*before)
    low = new - old - math.hypot(new - new_low, old_high - old)
    high = new - old + math.hypot(new_high - new, old - old_low)
    return Change(new - old, (high - low) / 2, beyond_noise=low > 0 or high < 0)
