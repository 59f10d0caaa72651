"""The profiler: a chain of py-spy windows without a gap between them.

py-spy writes its profile once, when it ends. So the next py-spy is started before the last one
ends: its first line says that it has attached, then SIGINT ends the last one.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from dataclasses import dataclass

import psutil

from perftui.errors import PerftuiError, SourceError
from perftui.model.snapshot import SourceState
from perftui.model.stacks import Window
from perftui.model.target import Target, TargetState
from perftui.model.timeline import Timeline
from perftui.settings import ProfileSettings
from perftui.sources.accounting import (
    ThreadTime,
    held_rate,
    least_seconds,
    looks_made,
    spent_between,
    thread_times,
    without_waking,
)
from perftui.sources.base import Clock, Source
from perftui.sources.family import Family, thread_counts
from perftui.sources.gil import GilLooks
from perftui.sources.governor import Cost, Governor, Plan
from perftui.sources.pyspy_run import Finished, PySpy, PySpyRun
from perftui.sources.speedscope import SpeedscopeReader, error_count, failure
from perftui.sources.stops import StopWatch
from perftui.sources.torn import EdgeBook

SPARE_S = 4
"""py-spy ends by itself so much later than planned, should perftui not be there to end it."""
ATTACH_S = 10.0
"""py-spy reads the symbols of large interpreters slowly on a busy host; after this it is stuck."""
END_S = 3.0
"""How long it may take to write its file before it is ended by force."""
ENDING_S = 0.01
"""How often it is looked whether it has."""
LATE_S = 1.0
"""One that ends by itself may end so much after its time."""
LATE_LOOKS = 5
"""It hears that it is to end at its next look, which may be so many times later than usual."""
LEAD = 2.0
"""A start that is so many times slower than the last one leaves no gap."""
PATIENT_S = 0.1
"""How long a wait lasts before it is looked whether perftui ends."""
VERSION_TRIES = 3
STOPPED_POLL_S = 0.5
TELL_S = 300.0
"""How long the user is told that the target was left stopped."""


def with_children(settings: ProfileSettings, python_children: bool) -> bool:
    """Whether children are sampled too: as the user said, else where one of them is Python."""
    return python_children if settings.subprocesses is None else settings.subprocesses


@dataclass(frozen=True)
class _Running:
    """A run that was `launched` and looks at the target since `start` (both Unix seconds), when its
    threads had taken these `times`, by thread id; empty where that does not matter. It looks at
    processes with so many `threads` each, and `stops` counts how often it is found to stop them. To
    get so far took py-spy `start_cpu_s` seconds of CPU time, None where that is not known."""

    run: PySpyRun
    plan: Plan
    launched: float
    start: float
    times: dict[int, ThreadTime]
    threads: list[int]
    stops: StopWatch
    start_cpu_s: float | None

    @property
    def lead_s(self) -> float:
        """Longer than it took to attach itself: the next one, started so long before the end of
        this one, looks by then."""
        return min(self.plan.seconds / 2, LEAD * (self.start - self.launched))


@dataclass(frozen=True)
class _Ending:
    """A run that was told to end at `end` (Unix seconds); its threads `spent` so much."""

    running: _Running
    end: float
    spent: dict[int, ThreadTime]


class Profiler(Source):
    """Fills the timeline with windows of the target for as long as it runs.

    `python` is the target's Python version once py-spy has said it. `error` is why it fails at
    present, None while it does not: a headless command ends with its exit code.
    """

    RETRY_S = 2.0  # a program that has just been started may become Python

    def __init__(
        self,
        target: Target,
        settings: ProfileSettings,
        timeline: Timeline,
        clock: Clock,
        family: Family,
        pyspy: PySpy,
    ) -> None:
        super().__init__("py-spy", clock)
        self.python: str | None = None
        self.error: PerftuiError | None = None
        self._target = target
        self._settings = settings
        self._timeline = timeline
        self._family = family
        self._pyspy = pyspy
        self._version_tries = VERSION_TRIES
        self._reader = SpeedscopeReader(target.pid)
        self._governor = Governor(settings, whole_seconds=pyspy.ends_alone)
        self._edges = EdgeBook()
        self._gil = GilLooks(target.pid, clock, pyspy)
        self._let_go_at: float | None = None

    def ask_version_again(self) -> None:
        """The target is another program now."""
        self.python, self._version_tries = None, VERSION_TRIES

    def change(self, settings: ProfileSettings) -> None:
        """Look otherwise from the next window on; nothing that was collected is lost."""
        self._settings = settings
        self._governor.change(settings)

    def failed(self, error: PerftuiError) -> None:
        """Show `error`, and keep it."""
        self.error = error
        super().failed(error)

    def run(self) -> None:
        """Sample until told to stop or until the target ends."""
        while not self.stopping.is_set():
            if self._family.target_state() is TargetState.STOPPED:
                # py-spy cannot attach to it now.
                self.say(SourceState.WAITING, "the target is stopped (continue it: kill -CONT)")
                self.stopping.wait(STOPPED_POLL_S)
                continue
            try:
                self._chain()
            except PerftuiError:
                if self._family.target_state() in (TargetState.RUNNING, TargetState.LOST):
                    raise
            if self._family.target_state() is TargetState.EXITED:
                self.say(SourceState.WAITING, "the target has ended")
                return

    def _chain(self) -> None:
        """Windows, each handed over to the next, until one ends by itself or a rest follows."""
        current = self._attach()
        try:
            self._look(current)
            while not (self.stopping.is_set() or current.run.ended or current.plan.rest_s):
                following = self._attach()
                ending, current = self._interrupted(current), following
                self._look(current, ending)
        finally:
            self._gil.stop()
            self._collect(self._interrupted(current))
        self.stopping.wait(current.plan.rest_s)

    def _ask_version(self) -> None:
        if self.python is None and self._version_tries > 0:
            self._version_tries -= 1
            self.python = self._pyspy.version(self._target.pid)

    def _attach(self) -> _Running:
        """Start a run, and wait until it looks; raises what py-spy says if it cannot."""
        python_children = len(self._family.sampled(subprocesses=True)) > 1
        subprocesses = with_children(self._settings, python_children)
        sampled = self._family.sampled(subprocesses=subprocesses)
        counts = thread_counts(sampled)
        threads = list(counts.values())
        chosen = self._governor.plan(threads, subprocesses=subprocesses)
        launched = self.clock()
        duration_s = round(chosen.seconds) + (0 if self._pyspy.ends_alone else SPARE_S)
        run = self._pyspy.record(chosen.arguments(), self._target.pid, duration_s)
        deadline = self.clock() + ATTACH_S
        while not (run.attached or run.ended or self.stopping.is_set()):
            if self.clock() > deadline:
                run.interrupt()
                self._release(run.finish(END_S), chosen)
                raise SourceError(
                    f"py-spy did not attach within {ATTACH_S:.0f} s.", "It is tried again."
                )
            run.listen(PATIENT_S)
        if run.attached or self.stopping.is_set():
            start = self.clock()
            times = self._thread_times(chosen)
            # py-spy stops each process by itself, so that those with most threads are stopped for
            # longest: it is they that the budget is for, and no mean over small ones beside them.
            most = max(threads, default=0)
            stopped = [pid for pid, count in counts.items() if count == most]
            watch = StopWatch([] if chosen.nonblocking else stopped)
            cpu_s = run.cpu_so_far()
            return _Running(run, chosen, launched, start, times, threads, watch, cpu_s)
        finished = run.finish(END_S)
        self._governor.cancel(chosen)
        raise failure(finished.output, finished.returncode)

    def _look(self, running: _Running, ending: _Ending | None = None) -> None:
        """Let it sample as long as it was planned; less if it ends, or perftui does. Meanwhile the
        one before it ends."""
        end = running.start + running.plan.seconds
        # Where the end cannot be chosen, and of the first window, which is waited for, the next
        # py-spy is started so early that it looks by the end; others last until the next one looks.
        if running.run.ends_alone or (ending is None and not running.plan.rest_s):
            end -= running.lead_s
        while not (self.stopping.is_set() or running.run.ended):
            left = end - self.clock()
            if left <= 0:
                break
            patience = running.stops.wait_s() or (PATIENT_S if ending is None else ENDING_S)
            running.run.listen(min(left, patience))
            running.stops.poll()
            self._look_at_gil(running)
            if ending is not None:
                ending.running.run.listen(0)
                if ending.running.run.ended:
                    self._collect(ending)
                    ending = None
        if ending is not None:
            self._collect(ending)

    def _look_at_gil(self, running: _Running) -> None:
        """Now and then see who holds the GIL, unless that is all that is looked at."""
        if running.plan.gil or running.plan.rest_s:
            self._gil.stop()
            return
        window = self._gil.step(subprocesses=running.plan.subprocesses)
        if window is not None:
            self._timeline.add_gil_window(window)

    def _interrupted(self, running: _Running) -> _Ending:
        """Tell a run to end, or wait until it does by itself."""
        run = running.run
        if run.ends_alone:
            run.wait(running.start + run.duration_s + END_S - self.clock())
        run.listen(0)
        if not (running.stops.polls or run.ended):
            running.stops.poll()  # perftui was held up, or ends: one look knows more than none
        running.stops.close()
        # It has ended by itself if perftui was held up for longer, stopped by Ctrl+Z say.
        now, alone_at = self.clock(), running.start + run.duration_s
        end = min(now, alone_at)
        # What its threads took since then is not of the window. One that counts its looks is as
        # late as chance makes it.
        is_late = now > alone_at + (LATE_S if run.ends_alone else 0.0)
        after = {} if is_late else self._thread_times(running.plan)
        if not run.ended:
            run.interrupt()
        return _Ending(running, end, spent_between(running.times, after))

    def _collect(self, ending: _Ending) -> None:
        """Keep the window of a run that ends; raises what py-spy says if there is none."""
        plan = ending.running.plan
        finished = ending.running.run.finish(END_S + LATE_LOOKS / plan.rate_hz)
        self._release(finished, plan)
        if not finished.data:
            if self.stopping.is_set():
                return
            raise failure(finished.output, finished.returncode)
        self._keep(ending, finished)

    def _keep(self, ending: _Ending, finished: Finished) -> None:
        """Put what a run saw, corrected by what its threads spent, into the timeline."""
        running, end, spent = ending.running, ending.end, ending.spent
        chosen = running.plan
        seen = stacks = self._reader.read(finished.data)
        woken: int | None = None
        seconds = least_seconds(stacks, end - running.start, chosen.rate_hz)
        if running.run.ends_alone and running.run.ended:
            seconds = max(seconds, running.run.duration_s)  # its first word was heard too late
        seconds = min(seconds, end - running.launched)
        if spent:
            stacks, woken = without_waking(stacks, spent, seconds, chosen.rate_hz)
        idle = chosen.idle and not chosen.gil  # of the GIL's holder alone there is no rest
        held = held_rate(stacks, spent, seconds, chosen.rate_hz, idle=idle)
        stops = running.stops
        stopped_s = _stopped_s(chosen, stops, seconds)
        looks: float | None = None
        # One that ends alone counts its looks. Each process is looked at in a time of its own.
        if len(running.threads) == 1 and not running.run.ends_alone:
            expected = held * seconds
            looks = looks_made(
                seen, spent, expected, seconds, idle=idle, stopped_s=stopped_s or 0.0
            )
        shown, replaced = self._edges.add(
            Window(
                start=end - seconds,
                end=end,
                rate_hz=held,
                mode=chosen.mode,
                stacks=stacks,
                errors=error_count(finished.output),
                processes=max(1, len(running.threads)),
                sampler_cpu_s=finished.cpu_s,
                idle=chosen.idle,
                native=chosen.native,
                cpu_wait_s=sum(took.wait_s for took in spent.values()) if spent else None,
                torn=chosen.nonblocking,
                woken=woken,
                looks=looks,
                stopped_s=stopped_s,
            ),
            seen,
        )
        self._timeline.add_window(shown, replaced)
        self._governor.learn(
            chosen,
            running.threads,
            Cost(seconds, held, finished.cpu_s, stops.polls, stops.stopped, running.start_cpu_s),
        )
        self.error = None
        remarks = [chosen.remark]
        if held < chosen.rate_hz:
            remarks.append(f"holds {held:.0f} of {chosen.rate_hz} Hz")
        if self._let_go_at is not None and end - self._let_go_at < TELL_S:
            remarks.append("was left stopped by a py-spy that hung, goes on")
        self.say(SourceState.OK, "; ".join(filter(None, remarks)))
        self._ask_version()  # a py-spy of its own: after what is waited for

    def _thread_times(self, chosen: Plan) -> dict[int, ThreadTime]:
        """What each thread took so far, where the samples are those of all threads that run."""
        if chosen.idle or chosen.gil:
            return {}
        sampled = self._family.sampled(subprocesses=chosen.subprocesses)
        return thread_times(process.pid for process in sampled)

    def _release(self, finished: Finished, plan: Plan) -> None:
        """A blocking py-spy that was killed may have left what it sampled stopped: let it go on,
        and say so."""
        if finished.returncode >= 0 or plan.nonblocking:
            return
        left = []
        for process in self._family.sampled(subprocesses=plan.subprocesses):
            with suppress(psutil.Error, OSError):
                if process.status() in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP):
                    os.kill(process.pid, signal.SIGCONT)
                    left.append(process.pid)
        if left:
            self._let_go_at = self.clock()
            raise SourceError(
                f"py-spy hung, was killed, and left pid {', '.join(map(str, left))} stopped.",
                "It was continued (SIGCONT).",
            )


def _stopped_s(plan: Plan, stops: StopWatch, seconds: float) -> float | None:
    """How long the target was stopped in a window; a non-blocking one never stops it."""
    if plan.nonblocking:
        return 0.0
    return seconds * stops.stopped / stops.polls if stops.polls else None
