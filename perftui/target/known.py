"""The target as it is known at present: its description and its ports, looked at now and then."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NamedTuple

import psutil

from perftui.errors import PerftuiError
from perftui.model.target import Target
from perftui.target.describe import describe
from perftui.target.find import listening_ports

DESCRIBE_EVERY_S = 5.0
PORTS_EVERY_S = 30.0
"""How often it is noted on which ports the target listens: its successor will, too."""


class News(NamedTuple):
    """What a look has found: that the target runs another program since, as a process can (exec)
    that keeps its id and its start; that its ports were noted anew."""

    program: bool = False
    ports: bool = False


def _process(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid)
    except psutil.Error:
        return None


class KnownTarget:
    """The target as it was last described. One thread looks; all can read, and follow another."""

    def __init__(self, target: Target, clock: Callable[[], float]) -> None:
        self.now = target
        self._process = _process(target.pid)
        self.noted_ports: frozenset[int] = frozenset()
        self._clock = clock
        self._described_at, self._ports_at = clock(), -PORTS_EVERY_S
        self._changing = threading.Lock()

    @property
    def ports(self) -> frozenset[int]:
        """Where it listens: the newest that was noted, or what is found now."""
        return self.noted_ports or listening_ports(self.now.pid)

    def follow(self, target: Target) -> None:
        """Another one took its place; until its ports are noted it is thought to have the same."""
        with self._changing:
            self.now, self._ports_at = target, -PORTS_EVERY_S
            self._process = _process(target.pid)

    def look(self) -> News:
        """Look again where that is due. What is found of a target that is not watched any more by
        then counts for nothing."""
        now, target, process = self._clock(), self.now, self._process
        if now - self._described_at < DESCRIBE_EVERY_S:
            return News()
        self._described_at = now
        try:
            found = describe(target.pid)
        except PerftuiError:
            return News()
        is_due = now - self._ports_at >= PORTS_EVERY_S
        ports = listening_ports(target.pid) if is_due else frozenset()
        with self._changing:
            # Another process may have its id by now. When it began would not tell: that moves with
            # the clock of the host.
            if process is None or not process.is_running() or self.now is not target:
                return News()
            if is_due:
                self._ports_at = now
                # One that drains listens no more, but its successor does where it did.
                self.noted_ports = ports or self.noted_ports
            is_other = found.cmdline != target.cmdline
            if is_other:
                self.now = found
        return News(is_other, is_due)
