"""The host: CPU and its cores, load, memory, swap, disks, network, pressure."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import psutil

from perftui.model.series import Origin, Point, SeriesKey
from perftui.model.snapshot import SourceState
from perftui.model.timeline import Timeline
from perftui.sources.base import Clock, Poll
from perftui.sources.cgroup_files import parse_pressure, text
from perftui.sources.rates import Rates

_PRESSURES = ("cpu", "memory", "io")
_UNITS = (
    dict.fromkeys(("host_cpu", "host_cpu_max", "host_steal", "host_iowait"), "%")
    | dict.fromkeys((f"host_psi_{what}" for what in _PRESSURES), "%")
    | dict.fromkeys(("mem_available", "swap_used"), "B")
    | dict.fromkeys(("disk_read", "disk_write", "net_recv", "net_sent"), "B/s")
)
_LOOPBACK = ("lo", "lo0")


class CoreTimes(NamedTuple):
    """Seconds of one core since the start of the host. `steal` is what a hypervisor took,
    `iowait` idle time with I/O under way; None where the system does not say."""

    total: float
    idle: float
    steal: float | None
    iowait: float | None


class HostSource(Poll):
    """The host, once a second.

    Series: `host_cpu` percent of all cores, `host_cpu_max` of the busiest one; `host_steal` and
    `host_iowait` percent of all cores; `load1` runnable tasks over a minute; `mem_available` and
    `swap_used` bytes; a second `disk_read`, `disk_write`, `net_recv` and `net_sent` bytes, of the
    devices that are real where some are: what a bridge or a volume moves is theirs again;
    `host_psi_cpu`, `host_psi_memory` and `host_psi_io` percent of the last 10 s in which some task
    waited for it, where the kernel says so.
    """

    def __init__(
        self,
        timeline: Timeline,
        clock: Clock,
        *,
        sys_root: Path = Path("/sys"),
        proc: Path = Path("/proc"),
    ) -> None:
        super().__init__("host", clock, every_s=1.0)
        self._timeline = timeline
        self._sys = sys_root
        self._proc = proc
        self._rates = Rates()
        self._cores: list[CoreTimes] = []
        self._devices: dict[Path, tuple[list[str], list[str]]] = {}

    def poll(self) -> None:
        """Look once."""
        now = self.clock()
        cores, memory, swap = _core_times(), psutil.virtual_memory(), psutil.swap_memory()
        values: dict[str, float | None] = {
            **shares(self._cores, cores),
            "load1": os.getloadavg()[0],
            "mem_available": float(memory.available),
            "swap_used": float(swap.used),
            **self._disks(now),
            **self._network(now),
        }
        for what in _PRESSURES:
            values[f"host_psi_{what}"] = parse_pressure(text(self._proc / "pressure" / what))
        self._cores = cores
        limits = {"mem_available": float(memory.total), "swap_used": float(swap.total) or None}
        self._timeline.add_points(
            (_key(name, limits.get(name)), Point(now, value))
            for name, value in values.items()
            if value is not None
        )
        self.say(SourceState.OK)

    def _disks(self, now: float) -> dict[str, float | None]:
        found = psutil.disk_io_counters(perdisk=True, nowrap=False) or {}
        names = self._real(found, self._sys / "block")
        read = {name: float(found[name].read_bytes) for name in names}
        written = {name: float(found[name].write_bytes) for name in names}
        return self._moved({"disk_read": read, "disk_write": written}, now)

    def _network(self, now: float) -> dict[str, float | None]:
        found = psutil.net_io_counters(pernic=True, nowrap=False)
        names = self._real((n for n in found if n not in _LOOPBACK), self._sys / "class" / "net")
        received = {name: float(found[name].bytes_recv) for name in names}
        sent = {name: float(found[name].bytes_sent) for name in names}
        return self._moved({"net_recv": received, "net_sent": sent}, now)

    def _real(self, names: Iterable[str], directory: Path) -> list[str]:
        """Those that :func:`_real` finds, looked up again when others are there."""
        known = list(names)
        seen = self._devices.get(directory)
        if seen is None or seen[0] != known:
            seen = self._devices[directory] = known, _real(known, directory)
        return seen[1]

    def _moved(
        self, counts: Mapping[str, Mapping[str, float]], now: float
    ) -> dict[str, float | None]:
        # A host without any such device has no figure.
        return {name: self._rates.rate(name, devices, now) for name, devices in counts.items()}


def _key(name: str, limit: float | None) -> SeriesKey:
    unit = _UNITS.get(name, "")
    return SeriesKey(name, Origin.HOST, unit, limit=100.0 if unit == "%" else limit)


def _real(known: list[str], directory: Path) -> list[str]:
    """Those that are devices of their own, by their entry in /sys; where none is, as in a
    container, those that have an entry, so no partitions; and all where nothing has, on macOS."""
    listed = [name for name in known if (directory / name).exists()]
    real = [name for name in listed if (directory / name / "device").exists()]
    return real or listed or known


def _core_times() -> list[CoreTimes]:
    return [
        CoreTimes(
            sum(times[:8]),  # guest time is in user time already
            times.idle + getattr(times, "iowait", 0.0),
            getattr(times, "steal", None),
            getattr(times, "iowait", None),
        )
        for times in psutil.cpu_times(percpu=True)
    ]


def shares(before: list[CoreTimes], after: list[CoreTimes]) -> dict[str, float]:
    """Percent of the time between two readings of all cores, by the names of the series; nothing
    at first, and where a core has come or gone."""
    if len(before) != len(after):
        return {}
    spans = [new.total - old.total for old, new in zip(before, after, strict=True)]
    whole = sum(spans)
    if not after or whole <= 0:
        return {}
    idle = [new.idle - old.idle for old, new in zip(before, after, strict=True)]
    each = [1 - rest / span for rest, span in zip(idle, spans, strict=True) if span > 0]
    found = {"host_cpu": 1 - sum(idle) / whole, "host_cpu_max": max(each)}
    for name, of in (("host_steal", "steal"), ("host_iowait", "iowait")):
        pairs = [
            (getattr(old, of), getattr(new, of)) for old, new in zip(before, after, strict=True)
        ]
        if all(old is not None and new is not None for old, new in pairs):
            found[name] = sum(new - old for old, new in pairs) / whole
    return {name: 100 * min(1.0, max(0.0, share)) for name, share in found.items()}
