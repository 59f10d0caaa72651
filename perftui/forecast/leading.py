"""What lies beside a series, as inputs of its forecast: how much is at work, how long the GIL is
held, functions that rise, metrics that move."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from perftui.forecast.beside import Beside
from perftui.forecast.movers import Move, Movers
from perftui.model.stacks import Place

Floats = npt.NDArray[np.float64]

OF_PROFILE = ("activity", "gil")
LEADING = (*OF_PROFILE, "leader", "leaders")
"""What :meth:`Leading.inputs` gives, in this order, 0 while it is not known: how surprising it is
how many threads are at work, below 0 where they are few; the same of how long the GIL is held; the
surprise of the metric that surprises most, and of the `FEW` that do on average."""
FEW = 5
PER_HORIZON = 80
LEAST_RISE = 0.02
"""A function has risen by two points of a core at least."""


class Leading:
    """Follows what lies beside one series, `PER_HORIZON` times in the horizon."""

    def __init__(self, horizon_s: float) -> None:
        self._every_s = horizon_s / PER_HORIZON
        self._seen_at = -math.inf
        self._functions: Movers[Place] = Movers(horizon_s, absent=0.0)
        self._whole: dict[str, Movers[None]] = {name: Movers(horizon_s) for name in OF_PROFILE}
        self._metrics: Movers[str] = Movers(horizon_s)
        self._riser: Move[Place] | None = None
        self._leader: Move[str] | None = None
        self._gil: Move[None] | None = None

    @property
    def riser(self) -> Move[Place] | None:
        """The function that has risen furthest beyond its noise, as a share of one core."""
        return self._riser

    @property
    def leader(self) -> Move[str] | None:
        """The metric that has moved furthest beyond its noise."""
        return self._leader

    @property
    def gil(self) -> Move[None] | None:
        """How the part of the time for which the GIL is held has moved beyond its noise."""
        return self._gil

    def see(self, at: float, beside: Beside) -> None:
        """What lay beside the point at `at`."""
        if at - self._seen_at < self._every_s:
            return
        self._seen_at = at
        self._metrics.see(at, beside.metrics)
        if beside.shares is not None:
            self._functions.see(at, beside.shares)
            self._whole["activity"].see(at, {None: sum(beside.shares.values())})
        if beside.gil_held is not None:
            self._whole["gil"].see(at, {None: beside.gil_held})

    def inputs(self) -> Floats:
        """See LEADING."""
        risers = [move for move in self._functions.moves(LEAST_RISE) if move.by > 0]
        # Of those that surprise most the one that takes most: it is the reason.
        clear = [move for move in risers if move.surprise >= risers[0].surprise / 2]
        self._riser = max(clear, key=lambda move: move.by, default=None)
        moved = self._metrics.moves()
        self._leader = moved[0] if moved else None
        surprises = [one.surprise for one in moved[:FEW]]
        of_profile = {name: _newest(figure) for name, figure in self._whole.items()}
        self._gil = of_profile["gil"]
        return np.array(
            [*map(_signed, of_profile.values()), max(surprises, default=0.0), sum(surprises) / FEW]
        )


def _newest(figure: Movers[None]) -> Move[None] | None:
    """How one figure has moved, if it has."""
    return next(iter(figure.moves()), None)


def _signed(move: Move[None] | None) -> float:
    """How surprising it is, below 0 where it is low."""
    return 0.0 if move is None else math.copysign(move.surprise, move.by)
