"""Counters that only grow, of things that come and go, as rates; and the beat of dear readings."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

T = TypeVar("T")

DEAR_SHARE = 0.001
"""A dear reading may take so much of a core, averaged over time, 0 to 1."""


class Rates:
    """What several counters grew by a second since they were last read, by name.

    A counter is read for many things at once: processes, threads, disks. One that is new has no
    last reading and one that has gone no present one, so neither counts; one that has fallen was
    begun anew. So the sum never jumps when they come and go, and is never negative.
    """

    def __init__(self) -> None:
        self._last: dict[str, tuple[float, dict[Any, float]]] = {}

    def rate(self, name: str, counts: Mapping[T, float], now: float) -> float | None:
        """The sum of the growth per second at `now` (seconds); None at the first reading, and
        where nothing is left of what was read then."""
        before = self._last.get(name)
        self._last[name] = (now, dict(counts))
        if before is None or now <= before[0]:
            return None
        at, old = before
        grown = [max(0.0, count - old[one]) for one, count in counts.items() if one in old]
        return sum(grown) / (now - at) if grown else None

    def forget(self, name: str) -> None:
        """Begin anew: what is read next is a first reading."""
        self._last.pop(name, None)


class Beat:
    """When a dear reading is due: every `every_s` seconds, and less often where it takes so long
    that it would need more than `DEAR_SHARE` of a core. To wait for others takes none of it."""

    def __init__(self, every_s: float, timer: Callable[[], float] = time.thread_time) -> None:
        self._every_s = every_s
        self._timer = timer
        self._next: float | None = None

    def due(self, now: float) -> bool:
        """Whether it should be read now (seconds)."""
        return self._next is None or now >= self._next

    def run(self, now: float, read: Callable[[], T]) -> T:
        """Read, and say when it is due again, also where it raises."""
        began = self._timer()
        try:
            return read()
        finally:
            took = self._timer() - began
            # Half a second of grace: polls are not to the millisecond.
            self._next = now + max(self._every_s, took / DEAR_SHARE) - 0.5
