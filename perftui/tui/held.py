"""Figures that hold still while they move within their sampling noise. No widgets.

A share of a moving span moves a little with every window, which says nothing and draws the eye. So
a figure that is shown stays until what is measured is further from it than half of its stated 95 %
margin, which is one standard error; then it is set to what is measured. Rows are ordered by the
figures that are shown, so that they hold still, too.
"""

from __future__ import annotations

import numpy as np

from perftui.model.board import Counts
from perftui.model.noise import Z95

PART = 0.5
"""How far from what is measured a held figure may be, in parts of its margin."""

BLOCK = 8192
"""Rows at once: what is computed between stays in the CPU's cache."""


class Held:
    """One figure of each row, by the row's number: a count of samples, over so many ticks."""

    def __init__(self) -> None:
        self._shown, self._ticks = np.zeros(0), 0.0

    def hold(self, samples: Counts, ticks: float) -> Counts:
        """What to show in place of these samples of each row: as many as make the share that was
        shown, where that is near enough.

        None at all is shown as none at once, and so is what was none before.
        """
        if ticks <= 0:
            self._shown, self._ticks = np.zeros(0), 0.0
            return samples
        shown = samples.copy()
        before, scale = self._shown, ticks / self._ticks if self._ticks else 0.0
        for start in range(0, min(len(before), len(samples)), BLOCK):
            _hold(shown[start : start + BLOCK], before[start : start + BLOCK] * scale)
        self._shown, self._ticks = shown, ticks
        return shown


def _hold(now: Counts, before: Counts) -> None:
    """Put those of `before` that are near enough in the place of those of `now`."""
    known = min(len(now), len(before))
    now, before = now[:known], before[:known]
    off = before - now
    near = off * off <= (PART * Z95) ** 2 * (now + Z95**2 / 4)  # a root takes as long as all this
    near &= before > 0
    near &= now > 0
    places = np.flatnonzero(near)
    now[places] = before[places]
