"""A process in a real cgroup, version 1 or 2: what the sources say beside what its files say."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from servers import kill_tree, require, wait_for

from perftui.model.event import EventKind
from perftui.model.series import Series
from perftui.model.timeline import Timeline
from perftui.sources.cgroup import CgroupSource
from perftui.sources.family import Family
from perftui.sources.process import ProcessSource
from perftui.target.cgroup import find_cgroups, parse_mountinfo
from perftui.target.describe import describe

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(sys.platform != "linux", reason="cgroups are Linux's"),
]

MIB = 2**20
LIMIT = 160 * MIB
CORES = 0.2

BUSY = """
import sys
held = bytearray(b"x") * (80 << 20)
print("ready", flush=True)
while True:
    sum(range(1000))
"""
GREEDY = """
import sys
print("ready", flush=True)
sys.stdin.readline()
held = []
while True:
    held.append(bytearray(b"x") * (1 << 20))
"""
INSIDE = """
import os, sys
print("ready", flush=True)
sys.stdin.readline()
program = ["unshare", "--cgroup", "--mount", "sh", "-c", {mounts!r} + ' && exec "$0" -c "$1"']
os.execvp("unshare", [*program, sys.executable, {look!r}])
"""
"""Begins in the cgroup, and goes on in a cgroup namespace that begins there, as a container."""
LOOK = """
import os
from perftui.sources.cgroup_files import Limits, memory
from perftui.target.cgroup import find_cgroups
cgroups = find_cgroups(os.getpid())
print(Limits(cgroups).cores(), memory(cgroups).limit, flush=True)
"""


class Group:
    """A cgroup of this test's own, with a quota and a limit; `directories` has one for each
    controller, or for all of version 2."""

    def __init__(self, mounts: Mapping[str, Path]) -> None:
        name = f"perftui-test-{os.getpid()}"
        self.is_v1 = "memory" in mounts
        self.directories = {what: top / name for what, top in mounts.items()}
        for directory in set(self.directories.values()):
            directory.mkdir()

    def path(self, what: str) -> Path:
        return self.directories.get(what) or self.directories[""]

    def set(self) -> None:
        if self.is_v1:
            self.write("cpu", "cpu.cfs_period_us", 100_000)
            self.write("cpu", "cpu.cfs_quota_us", round(CORES * 100_000))
            self.write("memory", "memory.limit_in_bytes", LIMIT)
            with suppress(OSError):  # it would swap rather than be killed
                self.write("memory", "memory.memsw.limit_in_bytes", LIMIT)
        else:
            self.write("", "cpu.max", f"{round(CORES * 100_000)} 100000")
            self.write("", "memory.max", LIMIT)
            with suppress(OSError):
                self.write("", "memory.swap.max", 0)

    def write(self, what: str, file: str, value: object) -> None:
        (self.path(what) / file).write_text(str(value))

    def add(self, pid: int) -> None:
        for directory in set(self.directories.values()):
            (directory / "cgroup.procs").write_text(str(pid))

    def table(self, what: str, file: str) -> dict[str, int]:
        lines = (self.path(what) / file).read_text().splitlines()
        return {name: int(value) for name, value in (line.split() for line in lines)}

    def used_bytes(self) -> int:
        name = "memory.usage_in_bytes" if self.is_v1 else "memory.current"
        return int((self.path("memory") / name).read_text())

    def remove(self) -> None:
        for directory in set(self.directories.values()):
            wait_for(lambda where=directory: _removed(where), 10, f"{directory} to be empty")


def _removed(directory: Path) -> bool:
    with suppress(FileNotFoundError):
        try:
            directory.rmdir()
        except OSError:
            return False
    return True


def writable_hierarchies() -> dict[str, Path]:
    """Where controllers for CPU and memory can be had: of version 1 by name, of version 2 as ""."""
    mounts = parse_mountinfo(Path("/proc/self/mountinfo").read_text())
    v1 = {
        what: Path(mount.point)
        for what in ("cpu", "cpuacct", "memory")
        for mount in mounts
        if mount.kind == "cgroup" and what in mount.options and mount.root == "/"
    }
    if len(v1) == 3:
        return v1
    for mount in mounts:
        if mount.kind == "cgroup2":
            top = Path(mount.point)
            known = (top / "cgroup.controllers").read_text().split()
            if {"cpu", "memory"} <= set(known):
                (top / "cgroup.subtree_control").write_text("+cpu +memory")
                return {"": top}
    return {}


@pytest.fixture
def group() -> Iterator[Group]:
    if os.geteuid() != 0:
        pytest.skip("only root may make a cgroup")
    try:
        mounts = writable_hierarchies()
        if not mounts:
            pytest.skip("no cgroup hierarchy with CPU and memory is mounted here")
        made = Group(mounts)
    except OSError as error:
        pytest.skip(f"no cgroup can be made here: {error}")
    try:
        made.set()
        yield made
    finally:
        made.remove()


@pytest.fixture
def start(group: Group) -> Iterator[subprocess.Popen[bytes]]:
    """Starts programs inside the cgroup."""
    started: list[subprocess.Popen[bytes]] = []

    def run(source: str) -> subprocess.Popen[bytes]:
        # It has the cgroup from its first instruction on: it stops itself before it begins.
        process = subprocess.Popen(
            ["/bin/sh", "-c", 'kill -STOP $$; exec "$0" -c "$1"', sys.executable, source],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        started.append(process)
        one = psutil.Process(process.pid)
        wait_for(lambda: one.status() == psutil.STATUS_STOPPED, 10, "the program to stop")
        group.add(process.pid)
        one.resume()
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        return process

    yield run  # type: ignore[misc]
    for process in started:
        kill_tree(process)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()


def last(timeline: Timeline) -> dict[str, Series]:
    return {series.key.name: series for series in timeline.series(0.0)}


def test_a_quota_and_a_limit(group: Group, start) -> None:
    """Quota, use of it, throttling, memory and its limit are those of the cgroup's own files."""
    process = start(BUSY)
    family, timeline = Family(describe(process.pid)), Timeline()
    cgroup = CgroupSource(family, timeline, time.monotonic)
    figures = ProcessSource(family, timeline, time.monotonic)
    assert find_cgroups(process.pid).denied is False
    cgroup.poll()
    figures.poll()
    before = group.table("cpu", "cpu.stat")
    wait_for(
        lambda: group.table("cpu", "cpu.stat")["nr_periods"] >= before["nr_periods"] + 30,
        60,
        "thirty periods of the quota",
        every=0.1,
    )
    after = group.table("cpu", "cpu.stat")
    cgroup.poll()
    figures.poll()
    found = last(timeline)
    value = {name: series.last.value for name, series in found.items()}
    assert value["cgroup_cpu_quota"] == pytest.approx(CORES)
    # It is always busy, so it uses all that it may; a period more or less is 3 %.
    assert value["cgroup_cpu_used"] == pytest.approx(100, abs=15)
    share = (after["nr_throttled"] - before["nr_throttled"]) / (
        after["nr_periods"] - before["nr_periods"]
    )
    assert value["cgroup_throttled"] == pytest.approx(100 * share, abs=10)
    assert value["cgroup_throttled"] > 50
    assert found["cgroup_mem_used"].key.limit == LIMIT
    assert value["cgroup_mem_used"] == pytest.approx(group.used_bytes(), rel=0.1)
    assert 80 * MIB < value["cgroup_mem_used"] < LIMIT
    # The process is measured against what binds it, and not against the host.
    assert found["cpu"].key.limit == pytest.approx(100 * CORES)
    assert value["cpu_used"] == pytest.approx(100, abs=20)
    assert value["rss_used"] == pytest.approx(100 * value["rss"] / LIMIT, abs=5)


def test_a_process_that_the_kernel_kills(group: Group, start) -> None:
    """One that wants more than the limit is killed, and that is an event on the time axis."""
    process = start(GREEDY)
    timeline = Timeline()
    source = CgroupSource(Family(describe(process.pid)), timeline, time.monotonic)
    source.poll()
    assert timeline.events(0.0) == ()
    assert process.stdin is not None
    process.stdin.write(b"\n")
    process.stdin.flush()
    assert process.wait(60) == -9
    source.poll()
    events = timeline.events(0.0)
    assert [(event.kind, event.text) for event in events] == [
        (EventKind.KILLED, "out of memory: 1 process killed")
    ]
    source.poll()
    assert len(timeline.events(0.0)) == 1


def test_inside_a_cgroup_namespace(group: Group, start, tmp_path: Path) -> None:
    """Inside a container, where its own cgroup is the root of what is seen, the limits are the
    same as from the host."""
    unshare = [require("unshare"), "--cgroup", "--mount", "true"]
    if subprocess.run(unshare, check=False, capture_output=True).returncode != 0:
        pytest.skip("no namespaces can be made here")
    kinds = {directory: what for what, directory in group.directories.items()}
    if group.is_v1 and group.path("cpu") == group.path("cpuacct"):
        kinds[group.path("cpu")] = "cpu,cpuacct"
    commands = []
    for kind in kinds.values():
        place = tmp_path / (kind or "unified")
        place.mkdir()
        how = f"cgroup -o {kind}" if kind else "cgroup2"
        commands.append(f"mount -t {how} none {place}")
    process = start(INSIDE.format(mounts=" && ".join(commands), look=LOOK))
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"\n")
    process.stdin.flush()
    assert process.stdout.readline().split() == [b"%g" % CORES, b"%.1f" % LIMIT]


@pytest.fixture
def unified() -> Iterator[Path]:
    """A cgroup of version 2, also where its controllers are those of version 1."""
    mounts = parse_mountinfo(Path("/proc/self/mountinfo").read_text())
    tops = [Path(mount.point) for mount in mounts if mount.kind == "cgroup2"]
    if os.geteuid() != 0 or not tops:
        pytest.skip("only root may make a cgroup, and where version 2 is mounted")
    directory = tops[0] / f"perftui-test-{os.getpid()}"
    try:
        directory.mkdir()
    except OSError as error:
        pytest.skip(f"no cgroup can be made here: {error}")
    yield directory
    wait_for(lambda: _removed(directory), 10, f"{directory} to be empty")


def test_pressure_of_a_real_cgroup(unified: Path) -> None:
    """What waits in a cgroup of version 2 is said as its own files say it."""
    if not (unified / "cpu.pressure").exists():
        pytest.skip("this kernel counts no pressure")
    # On one core two that are always busy wait for each other.
    programs = [
        subprocess.Popen(["taskset", "-c", "0", sys.executable, "-c", "while True: pass"])
        for _ in range(2)
    ]
    try:
        for program in programs:
            (unified / "cgroup.procs").write_text(str(program.pid))
        timeline = Timeline()
        family = Family(describe(programs[0].pid))
        source = CgroupSource(family, timeline, time.monotonic)

        def waits() -> bool:
            source.poll()
            return last(timeline)["cgroup_psi_cpu"].last.value > 5

        wait_for(waits, 30, "two programs to wait for one core", every=1.0)
        said = (unified / "cpu.pressure").read_text()
        share = float(said.partition("avg10=")[2].split()[0])
        source.poll()
        found = last(timeline)
        # The kernel brings it up to date every two seconds.
        assert found["cgroup_psi_cpu"].last.value == pytest.approx(share, abs=20)
        assert found["cgroup_psi_memory"].last.value < 50
    finally:
        for program in programs:
            kill_tree(program)
