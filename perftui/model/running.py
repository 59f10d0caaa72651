"""Seconds per function since the watch began or was reset, kept up window by window."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from perftui.model.stacks import FunctionKey, Grouping, Window

MOST_ROWS = 20_000
"""With more rows than this, half of them go, those with least time: code that makes functions all
the time cannot fill the memory."""


@dataclass
class RunningSeconds:
    """Own and total seconds per row: samples over the rate at which they were taken.

    `until` is the end of the newest window that is counted (Unix seconds).
    """

    grouping: Grouping
    until: float = 0.0
    own: dict[FunctionKey, float] = field(default_factory=lambda: defaultdict(float))
    total: dict[FunctionKey, float] = field(default_factory=lambda: defaultdict(float))

    def update(self, windows: Iterable[Window]) -> None:
        """Count the windows, in time order, that are newer than those counted so far."""
        for window in windows:
            if window.end <= self.until or window.rate_hz <= 0:
                continue
            self.until = window.end
            tally = window.tally(self.grouping)
            for key, samples in tally.own.items():
                self.own[key] += samples / window.rate_hz
            for key, samples in tally.total.items():
                self.total[key] += samples / window.rate_hz
        if len(self.total) > MOST_ROWS:
            self._forget_least()

    def _forget_least(self) -> None:
        kept = heapq.nlargest(MOST_ROWS // 2, self.total, key=self.total.__getitem__)
        self.total = defaultdict(float, {key: self.total[key] for key in kept})
        self.own = defaultdict(float, {key: self.own[key] for key in kept if key in self.own})

    def copy(self) -> RunningSeconds:
        """The same, going its own way from now on."""
        return RunningSeconds(self.grouping, self.until, self.own.copy(), self.total.copy())
