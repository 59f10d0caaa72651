"""The source of the host's figures on this host."""

from __future__ import annotations

import sys
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from cgroup_trees import write

from perftui.model.timeline import Timeline
from perftui.sources.host import HostSource

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc and /sys")

Disk = namedtuple("Disk", "read_bytes write_bytes")
Nic = namedtuple("Nic", "bytes_recv bytes_sent")


class Clock:
    """A clock that the test turns on."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def poll_twice(
    timeline: Timeline, between: Callable[[], None] = lambda: None, **more: Path
) -> None:
    """Two looks, a second apart."""
    clock = Clock()
    source = HostSource(timeline, clock, **more)
    source.poll()
    between()
    clock.now += 1
    source.poll()


def test_what_there_is_of_a_host():
    """Everything that this host has, with units and scales."""
    timeline = Timeline()
    poll_twice(timeline)
    known = {series.key.name: series for series in timeline.series(0.0)}
    assert {"load1", "mem_available", "swap_used", "net_recv", "net_sent"} <= set(known)
    assert known["mem_available"].key.limit == psutil.virtual_memory().total
    assert (known["swap_used"].key.limit or 0) == psutil.swap_memory().total
    if Path("/proc/pressure/cpu").exists():
        assert 0 <= known["host_psi_cpu"].last.value <= 100


def test_disks_and_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What real devices move is counted once: not again for a volume, a partition, a bridge or the
    loopback."""
    write(tmp_path, {f"block/{name}/device/x": "" for name in ("sda", "nvme0n1")})
    write(tmp_path, {f"block/{name}/size": "1" for name in ("dm-0", "loop0")})
    write(tmp_path, {"class/net/eth0/device/x": "", "class/net/docker0/mtu": "1500"})
    disks = dict.fromkeys(["sda", "sda1", "nvme0n1", "dm-0", "loop0"], Disk(0, 0))
    nics = dict.fromkeys(["lo", "eth0", "docker0", "veth12"], Nic(0, 0))
    monkeypatch.setattr(psutil, "disk_io_counters", lambda **_: dict(disks))
    monkeypatch.setattr(psutil, "net_io_counters", lambda **_: dict(nics))

    def move() -> None:
        disks.update(dict.fromkeys(disks, Disk(100, 10)))
        nics.update(dict.fromkeys(nics, Nic(7, 3)))

    timeline = Timeline()
    poll_twice(timeline, move, sys_root=tmp_path, proc=tmp_path)
    known = {series.key.name: series.last.value for series in timeline.series(0.0)}
    assert (known["disk_read"], known["disk_write"]) == (200, 20)
    assert (known["net_recv"], known["net_sent"]) == (7, 3)
    assert "host_psi_cpu" not in known


def test_a_host_without_disks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """There is no figure then, and not zero."""
    monkeypatch.setattr(psutil, "disk_io_counters", lambda **_: None)
    timeline = Timeline()
    poll_twice(timeline, sys_root=tmp_path)
    assert "disk_read" not in {series.key.name for series in timeline.series(0.0)}
