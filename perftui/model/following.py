"""Sums over a set of windows that moves with time: a window costs its own stacks, once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping

from perftui.model.stacks import Stack, Thread, Window

Stacks = Mapping[tuple[Thread, Stack], int]
"""Samples per stack of each thread, as a window has them."""


class Following(ABC):
    """Something that is added up over windows, and kept up as they come and go.

    Not thread-safe.
    """

    def __init__(self) -> None:
        self._windows: dict[Window, None] = {}

    @abstractmethod
    def add(self, stacks: Stacks, sign: int = 1) -> None:
        """Count these stacks; with `sign` -1 take out what was counted before."""

    def follow(self, windows: Iterable[Window]) -> None:
        """Be the sum of these windows: count the new ones, take out those that have gone.

        A window is known by its identity: windows do not change.
        """
        now = dict.fromkeys(windows)
        for window in now:
            if window not in self._windows:
                self.add(window.stacks)
        for window in self._windows:
            if window not in now:
                self.add(window.stacks, -1)
        self._windows = now
