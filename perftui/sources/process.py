"""The process and its host by psutil: CPU, memory, threads, open files, load."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

import psutil

from perftui.model.series import Origin, Point, SeriesKey
from perftui.model.snapshot import SourceState
from perftui.model.target import TargetState
from perftui.model.timeline import Timeline
from perftui.sources.base import Clock, Poll
from perftui.sources.family import Family


class ProcessSource(Poll):
    """The target and its children, added up, once a second.

    Series: `cpu` percent of one core; `cpu_used` percent of the cores that the target may use;
    `rss` bytes (pages that processes share count in each); `rss_used` percent of what it could
    have, RSS plus the memory that the host has left; `threads`; `fds` open files.
    """

    def __init__(self, family: Family, timeline: Timeline, clock: Clock) -> None:
        super().__init__("process", clock, every_s=1.0)
        self._family = family
        self._timeline = timeline
        self._cores = _cores(family.process)
        self._cpu_s: dict[int, float] = {}
        self._cpu_at: float | None = None
        origin = Origin.PROCESS
        self._keys = {
            "cpu": SeriesKey("cpu", origin, "%", limit=100.0 * self._cores),
            "cpu_used": SeriesKey("cpu_used", origin, "%", limit=100.0),
            "rss": SeriesKey("rss", origin, "B"),
            "rss_used": SeriesKey("rss_used", origin, "%", limit=100.0),
            "threads": SeriesKey("threads", origin),
            "fds": SeriesKey("fds", origin),
        }

    def poll(self) -> None:
        """Look once."""
        if self._family.target_state() is TargetState.EXITED:
            self.say(SourceState.WAITING, "the target has ended")
            return
        members = self._family.members()
        now = self.clock()
        values = {
            "cpu": self._cpu_percent(members, now),
            "rss": _sum(members, lambda process: process.memory_info().rss),
            "threads": _sum(members, psutil.Process.num_threads),
            "fds": _sum(members, _open_files),
        }
        if not values["rss"] or self._family.target_state() is TargetState.EXITED:
            # It ends at this moment: what is left of it says nothing.
            return
        if (cpu := values["cpu"]) is not None:
            values["cpu_used"] = cpu / self._cores
        if (rss := values["rss"]) is not None:
            values["rss_used"] = 100 * rss / (rss + psutil.virtual_memory().available)
        self._timeline.add_points(
            (self._keys[name], Point(now, value))
            for name, value in values.items()
            if value is not None
        )
        denied = [name for name, value in values.items() if value is None and name != "cpu"]
        self.say(SourceState.OK, f"not permitted: {', '.join(denied)}" if denied else "")

    def _cpu_percent(self, members: Iterable[psutil.Process], now: float) -> float | None:
        """CPU time since the last poll over the time since then; None at the first."""
        used: dict[int, float] = {}
        for process in members:
            try:
                times = process.cpu_times()
                used[process.pid] = times.user + times.system
            except psutil.Error:
                continue
        spent = sum(
            seconds - self._cpu_s[pid] for pid, seconds in used.items() if pid in self._cpu_s
        )
        before, self._cpu_at, self._cpu_s = self._cpu_at, now, used
        if before is None or now <= before:
            return None
        return 100 * max(0.0, spent) / (now - before)


class HostSource(Poll):
    """The host, once a second.

    Series: `host_cpu` percent of all cores; `load1` runnable tasks over a minute; `mem_available`
    bytes.
    """

    def __init__(self, timeline: Timeline, clock: Clock) -> None:
        super().__init__("host", clock, every_s=1.0)
        self._timeline = timeline
        total = float(psutil.virtual_memory().total)
        self._cpu = SeriesKey("host_cpu", Origin.HOST, "%", limit=100.0)
        self._load = SeriesKey("load1", Origin.HOST)
        self._memory = SeriesKey("mem_available", Origin.HOST, "B", limit=total)
        self._busy: tuple[float, float] | None = None

    def poll(self) -> None:
        """Look once."""
        now = self.clock()
        points = [
            (self._load, Point(now, os.getloadavg()[0])),
            (self._memory, Point(now, float(psutil.virtual_memory().available))),
        ]
        times = psutil.cpu_times()
        total = sum(times[:8])  # guest time is in user time already
        idle = times.idle + getattr(times, "iowait", 0.0)
        if self._busy is not None and total > self._busy[0]:
            share = 1 - (idle - self._busy[1]) / (total - self._busy[0])
            points.append((self._cpu, Point(now, 100 * min(1.0, max(0.0, share)))))
        self._busy = (total, idle)
        self._timeline.add_points(points)
        self.say(SourceState.OK)


def _cores(process: psutil.Process | None) -> int:
    """How many cores the process may use."""
    if process is not None and hasattr(process, "cpu_affinity"):
        try:
            return len(process.cpu_affinity() or ()) or psutil.cpu_count() or 1
        except psutil.Error:
            pass
    return psutil.cpu_count() or 1


def _open_files(process: psutil.Process) -> float:
    return float(process.num_fds())


def _sum(
    members: Iterable[psutil.Process], read: Callable[[psutil.Process], float]
) -> float | None:
    """The sum over all members that are still there; None if one may not be read, or none is."""
    total, found = 0.0, False
    for process in members:
        try:
            total += read(process)
            found = True
        except psutil.NoSuchProcess:
            continue
        except psutil.AccessDenied:
            return None
    return total if found else None
