"""The source of a process's figures on processes that say what the test wants."""

from __future__ import annotations

import math
import os
import sys
from collections import namedtuple
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import psutil
import pytest

from perftui.model.series import Series
from perftui.model.snapshot import SourceState
from perftui.model.target import TargetState
from perftui.model.timeline import Timeline
from perftui.sources.cgroup_files import Limits
from perftui.sources.family import Family
from perftui.sources.process import USS_MOST_PROCESSES, ProcessSource
from perftui.target.describe import describe

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

Cpu = namedtuple("Cpu", "user system")
Rss = namedtuple("Rss", "rss")
Io = namedtuple("Io", "read_bytes write_bytes")
MIB = 2**20


class Member(psutil.Process):
    """A process of its own to whoever asks; what is not set here is that of this test."""

    def __init__(self, number: int) -> None:
        super().__init__(os.getpid())
        self._ident, self._hash = (number, 0.0), None
        self.cpu = Cpu(0.0, 0.0)
        self.bytes = 10 * MIB
        self.moved = 0
        self.denied: Sequence[str] = ()
        self.has_ended = False
        self.said = psutil.STATUS_RUNNING

    def oneshot(self) -> AbstractContextManager[None]:
        return nullcontext()

    def _may(self, what: str) -> None:
        if self.has_ended:
            raise psutil.NoSuchProcess(self.pid)
        if what in self.denied:
            raise psutil.AccessDenied(self.pid)

    def status(self) -> str:
        return self.said

    def cpu_times(self) -> Cpu:
        self._may("cpu")
        return self.cpu

    def memory_info(self) -> Rss:
        self._may("rss")
        return Rss(self.bytes)

    def num_fds(self) -> int:
        self._may("fds")
        return 7

    def io_counters(self) -> Io:
        self._may("io")
        return Io(self.moved, 0)

    def memory_full_info(self) -> object:
        self._may("uss")
        return super().memory_full_info()


class Watched(Family):
    """The members are those that the test names."""

    def __init__(self) -> None:
        super().__init__(describe(os.getpid()))
        self.all = [Member(1)]
        self.state = TargetState.RUNNING

    def members(self) -> list[psutil.Process]:
        return list(self.all)

    def target_state(self) -> TargetState:
        return self.state


@dataclass(frozen=True)
class Bounds(Limits):
    """What cgroups would allow."""

    of_cpu: float | None = None
    of_memory: float | None = None

    def cores(self) -> float | None:
        return self.of_cpu

    def room(self) -> float | None:
        return self.of_memory


class Watch:
    def __init__(self, bounds: Limits | None = None) -> None:
        self.now = 1000.0
        self.family = Watched()
        self.timeline = Timeline()
        self.source = ProcessSource(
            self.family, self.timeline, lambda: self.now, lambda: bounds or Limits()
        )

    @property
    def first(self) -> Member:
        return self.family.all[0]

    def poll(self) -> dict[str, float]:
        """What it says a second later; only what is new then."""
        self.now += 1
        self.source.poll()
        found = self.series().items()
        return {name: one.last.value for name, one in found if one.last.at == self.now}

    def series(self) -> dict[str, Series]:
        return {
            series.key.name: series for series in self.timeline.series(0.0) if not series.key.labels
        }

    def unavailable(self) -> dict[str, str]:
        return {one.key.name: one.why for one in self.timeline.unavailable()}


@pytest.fixture
def watch() -> Watch:
    return Watch()


def test_cpu_of_user_and_system(watch: Watch):
    """CPU is what was spent since the last look in user mode and in the kernel."""
    assert "cpu" not in watch.poll()
    watch.first.cpu = Cpu(0.5, 0.25)
    later = watch.poll()
    assert (later["cpu"], later["cpu_user"], later["cpu_system"]) == (75, 50, 25)
    assert {watch.series()[name].key.unit for name in ("cpu", "cpu_user", "cpu_used")} == {"%"}


def test_a_child_that_comes_and_goes(watch: Watch):
    """What a child used before it was seen, and that it is gone, makes no jump."""
    watch.poll()
    child = Member(2)
    child.cpu, child.moved = Cpu(500.0, 0.0), 10**12
    watch.family.all.append(child)
    came = watch.poll()
    assert (came["cpu"], came["io_read"]) == (0, 0)
    assert came["rss"] == 20 * MIB
    child.moved += 64
    assert watch.poll()["io_read"] == 64
    child.has_ended = True
    gone = watch.poll()
    assert (gone["cpu"], gone["io_read"], gone["rss"]) == (0, 0, 10 * MIB)


def test_the_quota_binds_the_cores():
    """A quota below the number of cores is what CPU is measured against."""
    watch = Watch(Bounds(of_cpu=0.5))
    watch.poll()
    watch.first.cpu = Cpu(0.25, 0.0)
    later = watch.poll()
    assert (later["cpu"], later["cpu_used"]) == (25, 50)
    assert watch.series()["cpu"].key.limit == 50


def test_a_quota_beyond_the_cores_binds_nothing():
    """There are no more cores than the process may run on."""
    watch = Watch(Bounds(of_cpu=1e6))
    watch.poll()
    watch.poll()
    assert watch.series()["cpu"].key.limit == 100 * len(os.sched_getaffinity(0))


def test_the_limit_of_the_cgroup_binds_the_memory():
    """What memory there is to have is what the limit leaves, and not what the host has left."""
    assert Watch(Bounds(of_memory=30 * MIB)).poll()["rss_used"] == 25
    assert Watch(Bounds(of_memory=0.0)).poll()["rss_used"] == 100
    host = psutil.virtual_memory().available
    assert Watch(Bounds(of_memory=2.0**60)).poll()["rss_used"] == pytest.approx(
        100 * 10 * MIB / (10 * MIB + host), rel=0.2
    )


def test_what_is_denied_is_not_zero(watch: Watch):
    """A figure that may not be read has no point; that, and why, is said, until it may be read."""
    watch.first.denied = ["fds", "io", "uss"]
    known = watch.poll() | watch.poll()
    assert not {"fds", "io_read", "io_write", "uss"} & set(known)
    assert {"rss", "threads", "cpu", "faults_minor"} <= set(known)
    denied = dict.fromkeys(("fds", "io_read", "io_write", "uss"), "not permitted")
    assert watch.unavailable() == denied
    assert watch.source.status.state is SourceState.OK
    said = watch.source.status.message.removeprefix("not permitted: ")
    assert set(said.split(", ")) == set(denied)
    watch.first.denied = []
    watch.now += 10
    watch.poll()
    assert {"fds", "io_read", "uss"} <= set(watch.poll()) | set(watch.series())
    assert watch.unavailable() == {}
    assert watch.source.status.message == ""


def test_one_denied_member_denies_the_sum(watch: Watch):
    """A sum without one of its parts would be wrong."""
    watch.family.all.append(Member(2))
    watch.family.all[1].denied = ["fds"]
    assert "fds" not in watch.poll()
    assert watch.unavailable() == {"fds": "not permitted"}


def test_a_child_that_nobody_has_waited_for(watch: Watch):
    """It has nothing any more, so what it denies is not missed."""
    child = Member(2)
    child.denied, child.said = ["fds", "io", "rss"], psutil.STATUS_ZOMBIE
    watch.family.all.append(child)
    known = watch.poll()
    assert (known["fds"], known["rss"]) == (7, 10 * MIB)
    assert watch.unavailable() == {}


def test_memory_that_is_too_dear_to_go_through(watch: Watch):
    """USS is not read of many processes, and that is said."""
    watch.family.all.extend(Member(2 + n) for n in range(USS_MOST_PROCESSES))
    assert "uss" not in watch.poll()
    assert watch.unavailable() == {"uss": "too much memory to go through"}


def test_dear_figures_are_rare(watch: Watch, monkeypatch: pytest.MonkeyPatch):
    """Connections are read every 5 s and USS every 10 s, the rest every second: where they are not
    as dear as to come less often."""
    monkeypatch.setattr("perftui.sources.rates.DEAR_SHARE", math.inf)
    times: dict[str, list[float]] = {}
    for _ in range(12):
        watch.poll()
        for series in watch.timeline.series(0.0):
            if series.last.at == watch.now:
                times.setdefault(series.key.name, []).append(watch.now)
    assert len(times["rss"]) == 12
    assert 2 <= len(times["connections"]) <= 3
    assert 1 <= len(times["uss"]) <= 2


def test_a_target_that_has_ended(watch: Watch):
    """It has no figures any more, and no zeros."""
    watch.poll()
    watch.family.state = TargetState.EXITED
    assert watch.poll() == {}
    assert watch.source.status.state is SourceState.WAITING


def test_a_target_that_ends_while_it_is_looked_at(watch: Watch):
    """What is left of it says nothing."""
    watch.first.has_ended = True
    assert watch.poll() == {}
