"""Seconds per function since the watch began or was reset, kept up window by window."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from perftui.model.stacks import FunctionKey, Grouping, Window


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

    def copy(self) -> RunningSeconds:
        """The same, going its own way from now on."""
        return RunningSeconds(self.grouping, self.until, self.own.copy(), self.total.copy())
