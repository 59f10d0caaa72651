"""The source of cgroup figures on recorded trees that change between two polls."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cgroup_trees import MIB, PID, V2_MOUNT, Tree, v2, write

from perftui.model.event import EventKind
from perftui.model.series import Series
from perftui.model.snapshot import SourceState
from perftui.model.target import TargetState
from perftui.model.timeline import Timeline
from perftui.sources.cgroup import CgroupSource
from perftui.sources.family import Family
from perftui.target.cgroup import Cgroups, find_cgroups
from perftui.target.describe import describe


class Watched(Family):
    """A family that ends when it is told to."""

    def __init__(self) -> None:
        super().__init__(describe(os.getpid()))
        self.state = TargetState.RUNNING

    def target_state(self) -> TargetState:
        return self.state


class Watch:
    """A source on a recorded tree, and the clock that it looks at."""

    def __init__(self, tmp_path: Path) -> None:
        self.tree = Tree(tmp_path)
        self.tree.process("0::/shop\n", V2_MOUNT.format(root="/"))
        self.own = self.tree.cgroup("shop", v2())
        self.now = 1000.0
        self.family = Watched()
        self.timeline = Timeline()
        self.source = CgroupSource(self.family, self.timeline, lambda: self.now, self.find)

    def find(self) -> Cgroups:
        return find_cgroups(PID, self.tree.proc, self.tree.root)

    def poll(self, after_s: float = 1.0, **files: object) -> dict[str, float]:
        """What it says of the cgroup that is so by now; only what is new at this time."""
        self.now += after_s
        write(self.own, v2(**files))  # type: ignore[arg-type]
        self.source.poll()
        return {
            name: series.last.value
            for name, series in self.series().items()
            if series.last.at == self.now
        }

    def series(self) -> dict[str, Series]:
        return {series.key.name: series for series in self.timeline.series(0.0)}


@pytest.fixture
def watch(tmp_path: Path) -> Watch:
    return Watch(tmp_path)


def test_what_is_used_of_a_quota(watch: Watch):
    """Use and throttling are those since the last look; the first look has none."""
    first = watch.poll(cpu_max="50000 100000", usage_us=7_000_000, periods=(70, 9))
    assert first["cgroup_cpu_quota"] == 0.5
    assert "cgroup_cpu_used" not in first
    assert "cgroup_throttled" not in first
    later = watch.poll(2.0, cpu_max="50000 100000", usage_us=7_800_000, periods=(90, 14))
    assert later["cgroup_cpu_used"] == pytest.approx(80)
    assert later["cgroup_throttled"] == pytest.approx(25)
    keys = {name: series.key for name, series in watch.series().items()}
    assert (keys["cgroup_cpu_quota"].unit, keys["cgroup_cpu_used"].limit) == ("cores", 100)


def test_a_quota_that_is_lifted(watch: Watch):
    """Without a quota there is no share of it; when it is back, it begins anew."""
    watch.poll(cpu_max="50000 100000", periods=(70, 9))
    assert not {"cgroup_cpu_used", "cgroup_throttled", "cgroup_cpu_quota"} & set(watch.poll())
    assert "cgroup_throttled" not in watch.poll(cpu_max="50000 100000", periods=(80, 19))


def test_memory_and_its_limit(watch: Watch):
    """The limit is the top of the chart's scale; without one the scale is open."""
    assert watch.poll(current=50 * MIB)["cgroup_mem_used"] == 50 * MIB
    assert watch.series()["cgroup_mem_used"].key.limit is None
    used = watch.poll(current=60 * MIB, cache=5 * MIB, memory_max=str(80 * MIB))
    assert used["cgroup_mem_used"] == 55 * MIB
    assert watch.series()["cgroup_mem_used"].key.limit == 80 * MIB


def test_pressure(watch: Watch):
    """Each of the three has its series."""
    known = watch.poll(pressure="3.25")
    assert [known[f"cgroup_psi_{what}"] for what in ("cpu", "memory", "io")] == [3.25] * 3


def test_a_kill_is_an_event(watch: Watch):
    """Kills before the first look are none of this watch; each rise is one event."""
    watch.poll(oom_kill=3)
    watch.poll(oom_kill=3)
    assert watch.timeline.events(0.0) == ()
    watch.poll(oom_kill=4)
    watch.poll(oom_kill=6)
    one, two = watch.timeline.events(0.0)
    assert (one.kind, one.at, one.text) == (
        EventKind.KILLED,
        1003.0,
        "out of memory: 1 process killed",
    )
    assert two.text == "out of memory: 2 processes killed"


def test_a_target_that_was_killed(watch: Watch):
    """What the target died of is told after its end, and figures are not."""
    watch.poll(oom_kill=0)
    watch.family.state = TargetState.EXITED
    (watch.tree.proc / str(PID) / "cgroup").unlink()
    assert watch.poll(60.0, oom_kill=1) == {}
    assert [event.kind for event in watch.timeline.events(0.0)] == [EventKind.KILLED]
    assert watch.source.status.state is SourceState.WAITING


def test_a_process_that_is_put_into_another_cgroup(watch: Watch):
    """Its counters are not compared with those of the one that it was in."""
    watch.poll(cpu_max="50000 100000", usage_us=1_000, periods=(70, 9), oom_kill=0)
    watch.tree.process("0::/other\n", V2_MOUNT.format(root="/"))
    watch.own = watch.tree.cgroup("other", v2())
    moved = watch.poll(
        20.0, cpu_max="25000 100000", usage_us=9_000_000, periods=(900, 99), oom_kill=5
    )
    assert moved["cgroup_cpu_quota"] == 0.25
    assert not {"cgroup_cpu_used", "cgroup_throttled"} & set(moved)
    assert watch.timeline.events(0.0) == ()


def test_what_may_not_be_seen(watch: Watch):
    """A denial is said of the metric and by the source, and is no failure."""
    watch.source = CgroupSource(
        watch.family, watch.timeline, lambda: watch.now, lambda: Cgroups(denied=True)
    )
    assert watch.poll() == {}
    assert {(one.key.name, one.why) for one in watch.timeline.unavailable()} == {
        ("cgroup_cpu_used", "not permitted"),
        ("cgroup_mem_used", "not permitted"),
    }
    assert watch.source.status.state is SourceState.OK
    assert watch.source.status.message == "not permitted"


def test_no_cgroups_at_all(tmp_path: Path):
    """A system without cgroups has no such figure, and nothing is wrong."""
    timeline = Timeline()
    source = CgroupSource(Watched(), timeline, lambda: 5.0, Cgroups)
    source.poll()
    assert timeline.series(0.0) == ()
    assert timeline.unavailable() == ()
    assert (source.status.state, source.status.message) == (SourceState.OK, "")


def test_the_real_process_is_looked_up():
    """Without a tree it looks at this machine; it must get by with whatever is there."""
    source = CgroupSource(Watched(), Timeline(), lambda: 5.0)
    source.poll()
    assert source.status.state is SourceState.OK
