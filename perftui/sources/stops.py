"""How often the target is found stopped while py-spy looks at it in its blocking mode."""

from __future__ import annotations

import os
import random
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

POLL_S = 0.005
"""Mean time between two polls of one process. More processes are polled less often each."""
POLLED_AT_ONCE = 4


class StopWatch:
    """Polls whether processes are stopped by a tracer (state `t` of proc(5), Linux only).

    The times between polls are random, so that they do not keep step with py-spy's looks.
    Use as a context manager.
    """

    def __init__(self, pids: Iterable[int]) -> None:
        self.polls = 0
        self.stopped = 0
        self._files: list[int] = []
        for pid in pids:
            # The main thread's own line: that of the process adds up all threads at each read.
            with suppress(OSError):
                path = Path(f"/proc/{pid}/task/{pid}/stat")
                self._files.append(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
        self._mean_s = POLL_S * max(1.0, len(self._files) / POLLED_AT_ONCE)

    def __enter__(self) -> StopWatch:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close its files; what was counted stays."""
        for number in self._files:
            os.close(number)
        self._files.clear()

    def wait_s(self) -> float | None:
        """How long to wait before the next poll, None where nothing can be polled."""
        return random.uniform(0.5, 1.5) * self._mean_s if self._files else None  # noqa: S311

    def poll(self) -> None:
        """Look at each process once."""
        for number in self._files:
            try:
                line = os.pread(number, 256, 0)
            except OSError:
                continue  # it has ended
            # The name, in brackets, may hold anything; the state is the letter behind it.
            state = line.rpartition(b") ")[2][:1]
            self.polls += 1
            self.stopped += state == b"t"
