"""What every source is: a thread that looks at the outside world, and says how it fares."""

from __future__ import annotations

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable

from perftui.errors import PerftuiError
from perftui.model.snapshot import SourceState, SourceStatus

Clock = Callable[[], float]
"""Unix seconds that never run backwards."""

_LOG = logging.getLogger(__name__)


def steady_clock() -> Clock:
    """Unix seconds that never jump, whatever is done to the host's clock."""
    # Linux's monotonic clock stands still while the host sleeps; its boot-time clock does not.
    number = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    offset = time.time() - time.clock_gettime(number)
    return lambda: time.clock_gettime(number) + offset


class Source(ABC):
    """One blocking source in its own thread.

    `name` is what the screen calls it. A source fails in the sense of a state, never by ending
    the program: whatever `run` raises is shown, and `run` is started again after `RETRY_S`.
    """

    RETRY_S = 5.0

    def __init__(self, name: str, clock: Clock) -> None:
        self.name = name
        self.clock = clock
        self.stopping = threading.Event()
        self._status = SourceStatus(name, SourceState.WAITING, clock(), "starting")
        self._thread = threading.Thread(target=self._main, name=f"perftui-{name}", daemon=True)

    @property
    def status(self) -> SourceStatus:
        """How it fares at present."""
        return self._status

    @property
    def ended(self) -> bool:
        """Whether it was started, and has done all that it will do."""
        return self._thread.ident is not None and not self._thread.is_alive()

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end; :meth:`join` waits for that."""
        self.stopping.set()

    def join(self, timeout: float) -> None:
        """Wait for its end, `timeout` seconds at most."""
        if self._thread.is_alive():
            self._thread.join(timeout)

    def say(self, state: SourceState, message: str = "") -> None:
        """Set the status; `since` stays while the state does."""
        old = self._status
        since = old.since if old.state is state else self.clock()
        self._status = SourceStatus(self.name, state, since, message)

    @abstractmethod
    def run(self) -> None:
        """Look until `stopping` is set, or raise."""

    def _main(self) -> None:
        while not self.stopping.is_set():
            try:
                self.run()
                return
            except PerftuiError as error:
                self.failed(error)
            except Exception as error:  # noqa: BLE001 - a fault of one source must not end the rest
                _LOG.debug("source %s failed", self.name, exc_info=True)
                self.failed(PerftuiError(f"{type(error).__name__}: {error}"))
            self.stopping.wait(self.RETRY_S)

    def failed(self, error: PerftuiError) -> None:
        """Show `error` as this source's state."""
        self.say(SourceState.FAILED, str(error))


class Poll(Source):
    """A source that looks every `every_s` seconds."""

    def __init__(self, name: str, clock: Clock, every_s: float) -> None:
        super().__init__(name, clock)
        self.every_s = every_s

    @abstractmethod
    def poll(self) -> None:
        """Look once and say how it went, or raise PerftuiError; the next poll is the retry."""

    def run(self) -> None:
        """Poll on a fixed beat; a poll that overran does not cause a burst."""
        due = self.clock()
        while not self.stopping.is_set():
            try:
                self.poll()
            except PerftuiError as error:
                self.failed(error)
            due = max(due + self.every_s, self.clock())
            self.stopping.wait(due - self.clock())
