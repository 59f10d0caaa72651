"""The target with its children: who they are, whether they run, how many threads they have."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from contextlib import suppress

import psutil

from perftui.model.target import Target, TargetState
from perftui.target.python import looks_like_python

REFRESH_S = 5.0
"""Finding children reads the table of all processes, which is slow on a full host."""


class Family:
    """The target's process and its descendants. Thread-safe."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._lock = threading.Lock()
        self._members: list[psutil.Process] = []
        self._python: list[psutil.Process] = []
        self._read_at = -REFRESH_S
        try:
            self.process: psutil.Process | None = psutil.Process(target.pid)
        except psutil.NoSuchProcess:
            self.process = None

    def target_state(self) -> TargetState:
        """Whether the target runs; a recycled process id is another process, so it has exited."""
        if self.process is None or not self.process.is_running():
            return TargetState.EXITED
        try:
            status = self.process.status()
        except psutil.NoSuchProcess:
            return TargetState.EXITED
        except psutil.Error:
            return TargetState.LOST
        if status in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD):
            return TargetState.EXITED
        return TargetState.STOPPED if status == psutil.STATUS_STOPPED else TargetState.RUNNING

    def members(self) -> list[psutil.Process]:
        """The target first, then its descendants, as of at most `REFRESH_S` seconds ago."""
        with self._lock:
            self._refresh()
            return list(self._members)

    def sampled(self, *, subprocesses: bool) -> list[psutil.Process]:
        """Those that py-spy reads: the target, and with its `-s` its Python descendants."""
        with self._lock:
            self._refresh()
            return self._members[:1] + (self._python if subprocesses else [])

    def children(self) -> tuple[int, ...]:
        """Process ids of the descendants."""
        return tuple(process.pid for process in self.members()[1:])

    def _refresh(self) -> None:
        now = time.monotonic()
        if now - self._read_at < REFRESH_S:
            return
        self._read_at = now
        known = {process: process for process in self._members}
        found: list[psutil.Process] = []
        if self.process is not None:
            with suppress(psutil.Error):
                found = [self.process, *self.process.children(recursive=True)]
        # Asked anew each time: a shell may have become a Python since.
        self._members = [known.get(process, process) for process in found]
        self._python = [process for process in self._members[1:] if looks_like_python(process)]


def thread_counts(processes: Iterable[psutil.Process]) -> dict[int, int]:
    """How many threads each process has that is still there, by their ids."""
    counts: dict[int, int] = {}
    for process in processes:
        with suppress(psutil.Error):
            counts[process.pid] = process.num_threads()
    return counts
