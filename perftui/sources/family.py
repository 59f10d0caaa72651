"""The target with its children: who they are, whether they run, how many threads they have."""

from __future__ import annotations

import threading
import time
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
        self._members: dict[int, psutil.Process] = {}
        self._python: dict[int, bool] = {}
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
            now = time.monotonic()
            if now - self._read_at >= REFRESH_S:
                self._read_at = now
                self._read()
            return list(self._members.values())

    def _read(self) -> None:
        found: list[psutil.Process] = []
        if self.process is not None:
            with suppress(psutil.Error):
                found = [self.process, *self.process.children(recursive=True)]
        # Known processes stay the same objects: psutil counts CPU percent between two calls.
        self._members = {p.pid: self._same(p) for p in found}
        self._python = {pid: known for pid, known in self._python.items() if pid in self._members}

    def _same(self, process: psutil.Process) -> psutil.Process:
        known = self._members.get(process.pid)
        return known if known == process else process

    def children(self) -> tuple[int, ...]:
        """Process ids of the descendants."""
        return tuple(process.pid for process in self.members()[1:])

    def python_children(self) -> bool:
        """Whether a descendant runs Python."""
        for child in self.members()[1:]:
            if child.pid not in self._python:
                self._python[child.pid] = looks_like_python(child)
            if self._python[child.pid]:
                return True
        return False

    def most_threads(self) -> int:
        """Threads of the largest of them; each process is stopped by itself."""
        most = 0
        for process in self.members():
            with suppress(psutil.Error):
                most = max(most, process.num_threads())
        return most
