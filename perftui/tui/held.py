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


class Held:
    """One figure of each row, by the row's number: a count of samples, over so many ticks."""

    def __init__(self) -> None:
        self._shares = np.zeros(0)

    def hold(self, samples: Counts, ticks: float) -> Counts:
        """What to show in place of these samples of each row: as many as make the share that was
        shown, where that is near enough.

        None at all is shown as none at once, and so is what was none before.
        """
        if ticks <= 0:
            self._shares = np.zeros(0)
            return samples
        shares = samples / ticks
        known = min(len(self._shares), len(shares))
        before, now = self._shares[:known], shares[:known]
        margins = PART * Z95 / ticks * np.sqrt(samples[:known] + Z95**2 / 4)
        near = (np.abs(now - before) <= margins) & ((now > 0) == (before > 0))
        np.copyto(now, before, where=near)
        self._shares = shares
        return np.asarray(shares * ticks)
