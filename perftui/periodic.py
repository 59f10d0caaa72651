"""Work that is due every so often, and whose failure is a state."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import Generic, TypeVar

from perftui.model.snapshot import SourceState, SourceStatus

T = TypeVar("T")

_LOG = logging.getLogger(__name__)


class Periodic(Generic[T]):
    """The newest result of some work, `first` before there is one.

    Where the work fails, the last result stays if it `keeps` it, and `failure` says since when and
    why: whatever goes wrong in it, the rest of the watch goes on. For one thread; what it gives can
    be read by all.
    """

    def __init__(self, name: str, every_s: float, first: T, *, keeps: bool = True) -> None:
        self._name = name
        self._every_s = every_s
        self._done_at = -math.inf
        self._first, self._keeps = first, keeps
        self.result = first
        self.failure: SourceStatus | None = None

    def turn(self, now: float, work: Callable[[], T]) -> None:
        """Do the work if it is due at `now` (Unix seconds)."""
        if now - self._done_at < self._every_s:
            return
        self._done_at = now
        try:
            self.result = work()
            self.failure = None
        except Exception as error:  # noqa: BLE001 - see the class
            _LOG.debug("%s failed", self._name, exc_info=True)
            self.result = self.result if self._keeps else self._first
            self.failure = self.failure or SourceStatus(
                self._name, SourceState.FAILED, now, f"{type(error).__name__}: {error}"
            )
