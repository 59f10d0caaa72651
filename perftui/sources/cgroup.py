"""The cgroups of the target: quota and throttling, memory and its limit, pressure, OOM kills."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from perftui.model.event import Event, EventKind
from perftui.model.series import Origin, Point, SeriesKey
from perftui.model.snapshot import SourceState
from perftui.model.target import TargetState
from perftui.model.timeline import Timeline
from perftui.sources import cgroup_files as files
from perftui.sources.base import Clock, Poll
from perftui.sources.family import Family
from perftui.sources.rates import Rates
from perftui.target.cgroup import Cgroups, find_cgroups

FIND_S = 10.0
"""How often the target's cgroups are looked up: it can be put into others."""
_QUOTA = SeriesKey("cgroup_cpu_quota", Origin.PROCESS, "cores")
_USED = SeriesKey("cgroup_cpu_used", Origin.PROCESS, "%", limit=100.0)
_THROTTLED = SeriesKey("cgroup_throttled", Origin.PROCESS, "%", limit=100.0)
_MEMORY = SeriesKey("cgroup_mem_used", Origin.PROCESS, "B")
_PRESSURE = {
    what: SeriesKey(f"cgroup_psi_{what}", Origin.PROCESS, "%", limit=100.0)
    for what in ("cpu", "memory", "io")
}


class CgroupSource(Poll):
    """The cgroups of the target, version 1 or 2, once a second.

    Series, where there is a quota: `cgroup_cpu_quota` cores by the least quota up the hierarchy,
    `cgroup_cpu_used` percent of it that all of the cgroup that has it used, `cgroup_throttled`
    percent of the periods in which it was throttled, by the most throttled cgroup. Where memory is
    accounted for: `cgroup_mem_used` bytes without the file cache that the kernel would drop, of
    the cgroup with the least limit up the hierarchy, and that limit. Where the kernel has it:
    `cgroup_psi_cpu`, `cgroup_psi_memory`, `cgroup_psi_io` percent of the last 10 s in which some
    task of the cgroup waited for it. A process that the kernel kills for want of memory is an
    event, also when it was the target.
    """

    def __init__(
        self,
        family: Family,
        timeline: Timeline,
        clock: Clock,
        find: Callable[[], Cgroups] | None = None,
    ) -> None:
        super().__init__("cgroup", clock, every_s=1.0)
        self._family = family
        self._timeline = timeline
        process = family.process
        self._find = find or (partial(find_cgroups, process.pid) if process else Cgroups)
        self._cgroups = Cgroups()
        self._found_at: float | None = None
        self._rates = Rates()
        self._periods: dict[Path, tuple[float, float]] = {}
        self._kills: float | None = None

    def poll(self) -> None:
        """Look once."""
        now = self.clock()
        has_ended = self._family.target_state() is TargetState.EXITED
        # Where it was is asked no more once it has ended, but what it died of is.
        if not has_ended and (self._found_at is None or now - self._found_at >= FIND_S):
            self._look_up(now)
        self._add_kills(now)
        if has_ended:
            self.say(SourceState.WAITING, "the target has ended")
            return
        points = [*self._cpu(now), *self._memory(now), *self._pressure(now)]
        if self._family.target_state() is TargetState.EXITED:
            return
        self._timeline.add_points(points)
        if self._cgroups.denied:
            for key in (_USED, _MEMORY):
                self._timeline.add_unavailable(key, "not permitted")
        self.say(SourceState.OK, "not permitted" if self._cgroups.denied else "")

    def _look_up(self, now: float) -> None:
        found = self._find()
        self._found_at = now
        if found != self._cgroups:
            # Counters of other cgroups are others.
            self._cgroups = found
            self._rates = Rates()
            self._periods = {}
            self._kills = None

    def _cpu(self, now: float) -> list[tuple[SeriesKey, Point]]:
        cpu = files.cpu(self._cgroups)
        if cpu is None:
            self._periods = {}
            return []
        found = [(_QUOTA, Point(now, cpu.cores))]
        if cpu.used_s is not None:
            used = self._rates.rate("cpu", {cpu.binding: cpu.used_s}, now)
            if used is not None:
                found.append((_USED, Point(now, 100 * used / cpu.cores)))
        shares = [
            share
            for level, after in cpu.periods.items()
            if (before := self._periods.get(level)) is not None
            and (share := throttled(before, after)) is not None
        ]
        self._periods = cpu.periods
        if shares:
            found.append((_THROTTLED, Point(now, max(shares))))
        return found

    def _memory(self, now: float) -> list[tuple[SeriesKey, Point]]:
        memory = files.memory(self._cgroups)
        if memory is None:
            return []
        key = SeriesKey(_MEMORY.name, _MEMORY.origin, _MEMORY.unit, limit=memory.limit)
        return [(key, Point(now, memory.used))]

    def _pressure(self, now: float) -> list[tuple[SeriesKey, Point]]:
        found = ((key, files.pressure(self._cgroups, what)) for what, key in _PRESSURE.items())
        return [(key, Point(now, share)) for key, share in found if share is not None]

    def _add_kills(self, now: float) -> None:
        kills = files.oom_kills(self._cgroups)
        if kills is None:
            return  # the cgroup has gone with what was in it
        before, self._kills = self._kills, kills
        if before is not None and kills > before:
            count = round(kills - before)
            what = "1 process" if count == 1 else f"{count} processes"
            self._timeline.add_event(
                Event(now, EventKind.KILLED, f"out of memory: {what} killed", "cgroup")
            )


def throttled(before: tuple[float, float], after: tuple[float, float]) -> float | None:
    """Percent of the periods between two readings of nr_periods and nr_throttled. 0 where no
    period passed, as of a cgroup that did nothing; None where the counters began anew."""
    periods, count = after[0] - before[0], after[1] - before[1]
    if periods < 0 or count < 0:
        return None
    return 100 * min(1.0, count / periods) if periods else 0.0
