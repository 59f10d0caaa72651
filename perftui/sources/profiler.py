"""The profiler: a chain of py-spy windows without a gap between them.

py-spy writes its profile once, when it ends. So the next py-spy is started before the last one
ends: its first line says that it has attached, then SIGINT ends the last one.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import psutil

from perftui.errors import PerftuiError, SourceError
from perftui.model.snapshot import SourceState
from perftui.model.stacks import Mode, Window
from perftui.model.target import Target, TargetState
from perftui.model.timeline import Timeline
from perftui.settings import ProfileSettings
from perftui.sources.accounting import (
    ThreadTime,
    held_rate,
    least_seconds,
    spent_between,
    thread_times,
    without_waking,
)
from perftui.sources.base import Clock, Source
from perftui.sources.family import Family, thread_counts
from perftui.sources.pyspy_run import Finished, Launch, PySpyRun, find_pyspy, python_version
from perftui.sources.speedscope import SpeedscopeReader, error_count, failure

WINDOW_S = 1.0
FIRST_WINDOW_S = 0.3
"""The first window is short, so that the screen has something to show soon."""
LIMIT_S = 3
"""py-spy ends by itself after this, should perftui not be there to end it. Whole seconds."""
ATTACH_S = 10.0
"""py-spy reads the symbols of large interpreters slowly on a busy host; after this it is stuck."""
END_S = 3.0
"""How long it may take to write its file before it is ended by force."""
PATIENT_S = 0.1
"""How long a wait lasts before it is looked whether perftui ends."""
VERSION_TRIES = 3
MANY_THREADS = 10
"""Above this, blocking samples stop the target for too long: each stops all of its threads."""
RATE_HZ = 100
LEAST_RATE_HZ = 5
THREADS_A_SECOND = 1000
"""py-spy's work grows with threads times rate: with many threads it looks less often, unless a rate
is asked for."""
STOPPED_POLL_S = 0.5


@dataclass(frozen=True)
class Plan:
    """How the next window looks at the target. `remark` says what was decided, and why."""

    rate_hz: int
    nonblocking: bool
    gil: bool
    idle: bool
    native: bool
    function: bool
    subprocesses: bool
    remark: str = ""

    @property
    def mode(self) -> Mode:
        """The mode that the document names."""
        if self.gil:
            return Mode.GIL
        return Mode.NONBLOCKING if self.nonblocking else Mode.BLOCKING

    def arguments(self) -> list[str]:
        """py-spy's own options for it."""
        flags = {
            "--nonblocking": self.nonblocking,
            "--gil": self.gil,
            "--idle": self.idle,
            "--native": self.native,
            "--function": self.function,
            "--subprocesses": self.subprocesses,
        }
        return ["--rate", str(self.rate_hz), *(flag for flag, on in flags.items() if on)]


def with_children(settings: ProfileSettings, python_children: bool) -> bool:
    """Whether children are sampled too: as the user said, else where one of them is Python."""
    return python_children if settings.subprocesses is None else settings.subprocesses


def plan(settings: ProfileSettings, threads: Sequence[int], subprocesses: bool) -> Plan:
    """What the user asked for, and where they did not say, what is safe for the target.

    `threads` are the numbers of threads of the processes that are sampled: each is stopped by
    itself, and py-spy reads all of them.
    """
    nonblocking, rate = settings.nonblocking, settings.rate
    native, remark = settings.native, ""
    if nonblocking is None:
        most = max(threads, default=1)
        nonblocking = most > MANY_THREADS
        if nonblocking:
            remark = f"non-blocking: {most} threads"
            if native:
                native, remark = False, remark + ", so no native frames"
    if rate is None:
        rate = max(LEAST_RATE_HZ, min(RATE_HZ, THREADS_A_SECOND // max(1, sum(threads))))
    return Plan(
        rate_hz=rate,
        nonblocking=nonblocking,
        gil=settings.gil,
        idle=settings.idle,
        native=native,
        function=settings.function,
        subprocesses=subprocesses,
        remark=remark,
    )


@dataclass(frozen=True)
class _Running:
    """A run that looks at the target since `start` (Unix seconds), when its threads had taken
    these `times`, by thread id; empty where that does not matter. It looks at so many
    `processes`."""

    run: PySpyRun
    plan: Plan
    start: float
    times: dict[int, ThreadTime]
    processes: int


class Profiler(Source):
    """Fills the timeline with windows of the target for as long as it runs.

    `python` is the target's Python version once py-spy has said it. `error` is why it fails at
    present, None while it does not: a headless command ends with its exit code.
    """

    def __init__(
        self,
        target: Target,
        settings: ProfileSettings,
        timeline: Timeline,
        clock: Clock,
        family: Family,
        launch: Launch = subprocess.Popen,
    ) -> None:
        super().__init__("py-spy", clock)
        self.python: str | None = None
        self.error: PerftuiError | None = None
        self._target = target
        self._settings = settings
        self._timeline = timeline
        self._family = family
        self._launch = launch
        self._version_tries = VERSION_TRIES
        self._reader = SpeedscopeReader(target.pid)

    def ask_version_again(self) -> None:
        """The target is another program now."""
        self.python, self._version_tries = None, VERSION_TRIES

    def failed(self, error: PerftuiError) -> None:
        """Show `error`, and keep it."""
        self.error = error
        super().failed(error)

    def run(self) -> None:
        """Sample until told to stop or until the target ends."""
        program = find_pyspy()
        while not self.stopping.is_set():
            if self._family.target_state() is TargetState.STOPPED:
                # py-spy cannot attach to it now.
                self.say(SourceState.WAITING, "the target is stopped (continue it: kill -CONT)")
                self.stopping.wait(STOPPED_POLL_S)
                continue
            try:
                self._chain(program)
            except PerftuiError:
                if self._family.target_state() in (TargetState.RUNNING, TargetState.LOST):
                    raise
            if self._family.target_state() is TargetState.EXITED:
                self.say(SourceState.WAITING, "the target has ended")
                return

    def _chain(self, program: str) -> None:
        """Windows, each handed over to the next, until one ends by itself."""
        current = self._attach(program)
        try:
            self._look(current, FIRST_WINDOW_S)
            while not (self.stopping.is_set() or current.run.ended):
                following = self._attach(program)
                last, current = current, following
                self._end(last)
                if self.python is None and self._version_tries > 0:
                    self._version_tries -= 1
                    self.python = python_version(self._target.pid, self._launch)
                self._look(current, WINDOW_S)
        finally:
            self._end(current)

    def _attach(self, program: str) -> _Running:
        """Start a run, and wait until it looks; raises what py-spy says if it cannot."""
        python_children = len(self._family.sampled(subprocesses=True)) > 1
        subprocesses = with_children(self._settings, python_children)
        sampled = self._family.sampled(subprocesses=subprocesses)
        chosen = plan(self._settings, thread_counts(sampled), subprocesses)
        run = PySpyRun(
            [
                *(program, "record", "--format", "speedscope", "--full-filenames", "--threads"),
                *("--duration", str(LIMIT_S), *chosen.arguments(), "--pid", str(self._target.pid)),
            ],
            self._launch,
        )
        deadline = self.clock() + ATTACH_S
        while not (run.attached or run.ended or self.stopping.is_set()):
            if self.clock() > deadline:
                run.interrupt()
                self._release(run.finish(END_S))
                raise SourceError(
                    f"py-spy did not attach within {ATTACH_S:.0f} s.", "It is tried again."
                )
            run.listen(PATIENT_S)
        if run.attached or self.stopping.is_set():
            start = self.clock()
            return _Running(run, chosen, start, self._thread_times(chosen), len(sampled))
        finished = run.finish(END_S)
        raise failure(finished.output, finished.returncode)

    def _look(self, running: _Running, seconds: float) -> None:
        """Let it sample until `seconds` after its start; less if it ends, or perftui does."""
        end = running.start + seconds
        while not (self.stopping.is_set() or running.run.ended):
            left = end - self.clock()
            if left <= 0:
                return
            running.run.listen(min(left, PATIENT_S))

    def _end(self, running: _Running) -> None:
        """End a run and keep its window; raises what py-spy says if there is none."""
        running.run.listen(0)
        # It ended by itself at LIMIT_S if perftui was held up for longer, stopped by Ctrl+Z say.
        end = min(self.clock(), running.start + LIMIT_S)
        after = self._thread_times(running.plan)
        if not running.run.ended:
            running.run.interrupt()
        finished = running.run.finish(END_S)
        self._release(finished)
        if not finished.data:
            if self.stopping.is_set():
                return
            raise failure(finished.output, finished.returncode)
        self._keep(running, end, finished, spent_between(running.times, after))

    def _keep(
        self, running: _Running, end: float, finished: Finished, spent: dict[int, ThreadTime]
    ) -> None:
        """Put what a run saw, corrected by what its threads spent, into the timeline."""
        chosen = running.plan
        stacks, cut = self._reader.read(finished.data), None
        seconds = least_seconds(stacks, end - running.start, chosen.rate_hz)
        if spent and chosen.mode is Mode.BLOCKING:
            stacks, cut = without_waking(stacks, spent, seconds, chosen.rate_hz)
        held = held_rate(stacks, spent, seconds, chosen.rate_hz, idle=chosen.idle)
        self._timeline.add_window(
            Window(
                start=end - seconds,
                end=end,
                rate_hz=held,
                mode=chosen.mode,
                stacks=stacks,
                errors=error_count(finished.output),
                processes=running.processes,
                sampler_cpu_s=finished.cpu_s,
                idle=chosen.idle,
                cpu_wait_s=sum(took.wait_s for took in spent.values()) if spent else None,
                torn=chosen.nonblocking,
                cut=cut,
            )
        )
        self.error = None
        remark = f"holds {held:.0f} of {chosen.rate_hz} Hz" if held < chosen.rate_hz else ""
        self.say(SourceState.OK, "; ".join(part for part in (chosen.remark, remark) if part))

    def _thread_times(self, chosen: Plan) -> dict[int, ThreadTime]:
        """What each thread took so far, where the samples are those of all threads that run."""
        if chosen.idle or chosen.gil:
            return {}
        sampled = self._family.sampled(subprocesses=chosen.subprocesses)
        return thread_times(process.pid for process in sampled)

    def _release(self, finished: Finished) -> None:
        """A py-spy that was killed may have left what it sampled stopped: let it go on."""
        if finished.returncode >= 0:
            return
        for process in self._family.members():
            with suppress(psutil.Error, OSError):
                if process.status() in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP):
                    os.kill(process.pid, signal.SIGCONT)
