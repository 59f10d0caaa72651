"""How many visitors come, over time: as multiples of the calm rate."""

from __future__ import annotations

import math
from collections.abc import Callable

STEADY, RAMP, BURST, WAVE = "steady", "ramp", "burst", "wave"

RAMP_S, MOST = 12.0, 14.0
BURST_FOLD, BURST_S = 10.0, 40.0
WAVE_S, WAVE_PART = 150.0, 0.7

Shape = Callable[[float], float]
"""From seconds since it began, negative before that, to the multiple."""


def _ramp(at_s: float) -> float:
    return min(MOST, 1.0 + max(0.0, at_s) / RAMP_S)


def _burst(at_s: float) -> float:
    return BURST_FOLD if 0 <= at_s < BURST_S else 1.0


def _wave(at_s: float) -> float:
    return 1.0 + WAVE_PART * math.sin(2 * math.pi * at_s / WAVE_S)


PATTERNS: dict[str, Shape] = {STEADY: lambda _: 1.0, RAMP: _ramp, BURST: _burst, WAVE: _wave}
"""By name; none exceeds `MOST`."""
