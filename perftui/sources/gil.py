"""Who holds the GIL: a second of looks at its holder now and then, beside the windows."""

from __future__ import annotations

import signal

from perftui.errors import PerftuiError
from perftui.model.stacks import Mode, Window
from perftui.sources.base import Clock
from perftui.sources.pyspy_run import PySpy, PySpyRun
from perftui.sources.speedscope import SpeedscopeReader, error_count

EVERY_S = 10.0
FIRST_S = 1.0
DURATION_S = 1
RATE_HZ = 50
MOST_FAILURES = 5
"""More of them in a row make the next try no later."""
_PATIENCE_S = 5.0


class GilLooks:
    """Runs py-spy for GIL holders alone every `EVERY_S` seconds, without stopping the target.

    Only the thread that holds it is read, so it costs little: about 0.03 s of CPU time, a third of
    it for the start.
    Not thread-safe: the profiler calls it.
    """

    def __init__(self, pid: int, clock: Clock, pyspy: PySpy) -> None:
        self._how = ["--rate", str(RATE_HZ), "--nonblocking", "--gil"]
        self._pid = pid
        self._reader = SpeedscopeReader(pid)
        self._clock, self._pyspy = clock, pyspy
        self._run: PySpyRun | None = None
        self._due = clock() + FIRST_S
        self._late = 0.0
        self._failures = 0

    def step(self, *, subprocesses: bool) -> Window | None:
        """Begin when it is time; a window when one is complete. Never waits."""
        run, now = self._run, self._clock()
        if run is None:
            if now >= self._due:
                children = ["--subprocesses"] if subprocesses else []
                self._run = self._pyspy.record([*self._how, *children], self._pid, DURATION_S)
                self._due, self._late = now + EVERY_S, now + DURATION_S + _PATIENCE_S
            return None
        run.listen(0)
        if not run.ended:
            if now > self._late:
                self.stop()
                self._failed()
            return None
        self._run = None
        finished = run.finish(_PATIENCE_S)
        try:
            stacks = self._reader.read(finished.data)
        except PerftuiError:
            self._failed()
            return None
        self._failures = 0
        return Window(
            start=now - DURATION_S,
            end=now,
            rate_hz=RATE_HZ,
            mode=Mode.GIL,
            stacks=stacks,
            errors=error_count(finished.output),
            sampler_cpu_s=finished.cpu_s,
            torn=True,
        )

    def stop(self) -> None:
        """End what runs; nothing of it is kept."""
        run, self._run = self._run, None
        if run is not None:
            run.interrupt(signal.SIGKILL)
            run.finish(1.0)

    def _failed(self) -> None:
        """Try again, but less and less often."""
        self._failures = min(self._failures + 1, MOST_FAILURES)
        self._due = self._clock() + EVERY_S * 2**self._failures
