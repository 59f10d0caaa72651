"""The chain of windows on real targets: rests between them, and a py-spy that goes wrong."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import psutil
import pytest
from servers import wait_for

from perftui.config import load
from perftui.model.snapshot import SourceState, SourceStatus
from perftui.monitor import Monitor
from perftui.sources.profiler import Profiler
from perftui.sources.pyspy_run import Launch, PySpy, PySpyRun
from perftui.sources.stops import StopWatch
from perftui.target.describe import describe

pytestmark = pytest.mark.live

SLOW_S = 60.0

BURN = """
def burn():
    return sum(range(1000))

print("ready")
while True:
    burn()
"""

BESIDE_SMALL_ONES = """
import os, threading, time

parent = os.getpid()
for _ in range(2):
    if os.fork() == 0:
        while os.getppid() == parent:
            sum(range(1000))
        os._exit(0)
for _ in range(10):
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
print("ready")
while True:
    time.sleep(60)
"""

HANGS = """
import os, signal, sys, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.kill(int(sys.argv[1]), signal.SIGSTOP)
print("Sampling process", flush=True)
while True:
    time.sleep(60)
"""


@contextmanager
def watched(pid: int, launch: Launch = subprocess.Popen, **profile: Any) -> Iterator[Monitor]:
    settings = load({"profile": profile}, {}, [])
    monitor = Monitor(describe(pid), settings, launch=launch)
    monitor.start()
    try:
        yield monitor
    finally:
        monitor.stop()


def pyspy(monitor: Monitor) -> SourceStatus:
    return next(source for source in monitor.snapshot().sources if source.name == "py-spy")


@pytest.mark.parametrize("mode", [{"nonblocking": True}, {"nonblocking": False}])
def test_a_duty_rests_between_the_windows(python_target: Any, mode: dict[str, bool]) -> None:
    """With `--duty 50` the target is left alone for as long as it was looked at, and the header's
    words say so."""
    target = python_target(BURN)
    with watched(target.pid, duty=50, **mode) as monitor:
        wait_for(lambda: len(monitor.snapshot().windows) >= 3, SLOW_S, "three windows")
        windows = monitor.snapshot().windows
        status = pyspy(monitor)
    for before, after in pairwise(windows):
        assert after.start - before.end >= 0.5 * (before.end - before.start)
    assert status.state is SourceState.OK
    assert "looks 50% of time" in status.message


def test_a_target_may_end_in_a_rest(python_target: Any) -> None:
    """That its target ended while nothing looked is no fault of py-spy, and is said as it is."""
    target = python_target(BURN)
    with watched(target.pid, duty=5) as monitor:
        wait_for(lambda: monitor.snapshot().windows, SLOW_S, "a window")
        target.process.kill()
        target.process.wait(SLOW_S)
        wait_for(lambda: monitor.profiler_ended, SLOW_S, "the profiler's end")
        status = pyspy(monitor)
        assert monitor.profiler_error is None
    assert (status.state, status.message) == (SourceState.WAITING, "the target has ended")


def test_what_a_hung_pyspy_left_stopped_goes_on_and_is_told(python_target: Any) -> None:
    """A py-spy that hangs is killed; the target that it had stopped is continued, and the user is
    told, also once a new py-spy looks."""
    target = python_target(BURN)
    stuck: list[int] = []

    def launch(argv: list[str], **how: Any) -> subprocess.Popen[bytes]:
        if "record" in argv and not stuck:
            stuck.append(target.pid)
            argv = [sys.executable, "-c", HANGS, str(target.pid)]
        return subprocess.Popen(argv, **how)

    heard: set[str] = set()

    def told() -> bool:
        heard.add(pyspy(monitor).message)
        return any("was left stopped" in message for message in heard)

    with watched(target.pid, launch, nonblocking=False) as monitor:
        wait_for(told, SLOW_S, "a window after the hang")
        assert psutil.Process(target.pid).status() != psutil.STATUS_STOPPED
    assert any(f"left pid {target.pid} stopped" in message for message in heard), heard


def test_nothing_else_comes_before_the_first_window(python_target: Any) -> None:
    """It is waited for: py-spy is asked for the target's version once it is there."""
    target = python_target(BURN)
    known: list[int] = []

    def launch(argv: list[str], **how: Any) -> subprocess.Popen[bytes]:
        if "dump" in argv:
            known.append(len(monitor.snapshot().windows))
        return subprocess.Popen(argv, **how)

    with watched(target.pid, launch) as monitor:
        wait_for(lambda: known, SLOW_S, "the question")
    assert known == [1]


def test_one_that_has_ended_keeps_what_it_took(python_target: Any) -> None:
    """Until it is asked for what it wrote and took, another one may be begun beside it."""
    target, launched = python_target(BURN), []

    def launch(argv: list[str], **how: Any) -> subprocess.Popen[bytes]:
        launched.append(subprocess.Popen(argv, **how))
        return launched[-1]

    pyspy = PySpy(launch)
    first = pyspy.record([], target.pid, 1)
    process = psutil.Process(launched[0].pid)
    wait_for(lambda: process.status() == psutil.STATUS_ZOMBIE, SLOW_S, "its end")
    second = pyspy.record([], target.pid, 1)
    for run in (first, second):
        finished = run.finish(SLOW_S)
        assert finished.data
        assert finished.cpu_s > 0


def test_what_went_on_after_a_window_is_none_of_it(
    python_target: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where perftui was held up until long after py-spy had ended, what the threads took meanwhile
    does not say how often it looked."""

    def held_up(self: Profiler, running: Any, ending: Any = None) -> None:
        if ending is not None:
            self._collect(ending)
        late = running.start + running.run.duration_s + 2.0
        self.stopping.wait(late - self.clock())

    monkeypatch.setattr(Profiler, "_look", held_up)
    target = python_target(BURN)
    with watched(target.pid, rate=100, nonblocking=True) as monitor:
        wait_for(lambda: monitor.snapshot().windows, SLOW_S, "a window")
        [window] = monitor.snapshot().windows
    assert window.rate_hz == 100
    assert window.cpu_wait_s is None  # that of its time is not known


def test_a_pyspy_that_ends_by_itself_is_not_held_up(
    python_target: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As under sudo: it counts its looks, and is late by chance; what the threads took still says
    which samples are true."""

    class EndsAlone(PySpy):
        def __init__(self, *how: Any, **more: Any) -> None:
            super().__init__(*how, **more)
            self.ends_alone = True

        def record(self, *how: Any, **more: Any) -> PySpyRun:
            run = super().record(*how, **more)
            run.ends_alone = True
            return run

    monkeypatch.setattr("perftui.monitor.PySpy", EndsAlone)
    target = python_target(BURN)
    with watched(target.pid, rate=100, nonblocking=True) as monitor:
        wait_for(lambda: len(monitor.snapshot().windows) >= 6, SLOW_S, "windows")
        windows = monitor.snapshot().windows
    assert all(window.cpu_wait_s is not None for window in windows)


def test_looks_are_counted_before_samples_are_left_out(
    python_target: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sample that is not kept was a look all the same."""
    monkeypatch.setattr(
        "perftui.sources.profiler.without_waking",
        lambda stacks, *_: (Counter(), sum(stacks.values())),
    )
    target = python_target(BURN)
    with watched(target.pid, nonblocking=True) as monitor:
        wait_for(lambda: any(w.looks for w in monitor.snapshot().windows), SLOW_S, "looks")
        assert not any(window.stacks for window in monitor.snapshot().windows)


def test_stops_are_those_of_the_process_with_most_threads(
    python_target: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """py-spy stops each by itself: small ones beside it say nothing of how it is stopped."""
    polled: list[list[int]] = []

    class Noted(StopWatch):
        def __init__(self, pids: Iterable[int]) -> None:
            polled.append(list(pids))
            super().__init__(polled[-1])

    monkeypatch.setattr("perftui.sources.profiler.StopWatch", Noted)
    target = python_target(BESIDE_SMALL_ONES)
    with watched(target.pid, nonblocking=False, subprocesses=True) as monitor:
        wait_for(lambda: len(monitor.snapshot().children) == 2, SLOW_S, "its children")
        seen = len(polled)
        wait_for(lambda: len(polled) > seen + 1, SLOW_S, "a window of all of them")
    assert polled[-1] == [target.pid]


def test_stops_are_known_of_a_window_that_nobody_could_follow(
    python_target: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where perftui was held up for a whole window, as by Ctrl+Z, one look at its end is left."""

    def held_up(self: Profiler, running: Any, ending: Any = None) -> None:
        running.run.listen(0)
        self.stopping.wait(1.0)
        if ending is not None:
            self._collect(ending)

    monkeypatch.setattr(Profiler, "_look", held_up)
    target = python_target(BURN)
    with watched(target.pid, nonblocking=False) as monitor:
        wait_for(lambda: len(monitor.snapshot().windows) >= 2, SLOW_S, "two windows")
        windows = monitor.snapshot().windows
    assert all(window.stopped_s is not None for window in windows)
