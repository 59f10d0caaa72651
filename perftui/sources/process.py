"""The target and its children, added up, by psutil."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import TypeVar

import psutil

from perftui.errors import NotPermitted
from perftui.model.series import Origin, Point, SeriesKey
from perftui.model.snapshot import SourceState
from perftui.model.target import TargetState
from perftui.model.timeline import Timeline
from perftui.sources import process_figures as figures
from perftui.sources.base import Clock, Poll
from perftui.sources.cgroup_files import Limits
from perftui.sources.connections import connections
from perftui.sources.family import Family
from perftui.sources.rates import Beat, Rates
from perftui.target.cgroup import find_cgroups

T = TypeVar("T")

DENIED = "not permitted"
USS_MOST_BYTES = 4 * 2**30
USS_MOST_PROCESSES = 8
"""USS is not read of more: the kernel locks the memory map of each while it goes through it."""
MOST_THREADS = 1000
"""Context switches are read thread by thread, and not of more than these."""

Read = Callable[[psutil.Process], float]
ReadTwo = Callable[[psutil.Process], tuple[float, float]]

_SUMS: dict[str, Read] = {
    "rss": figures.rss,
    "threads": psutil.Process.num_threads,
    "fds": figures.open_files,
}
_GROWING: dict[tuple[str, str], ReadTwo] = {}
if figures.IS_LINUX:
    _SUMS["swap"] = figures.swap
    _GROWING |= {
        ("faults_minor", "faults_major"): figures.faults,
        ("io_read", "io_write"): figures.io,
    }
_UNITS = (
    dict.fromkeys(("cpu", "cpu_user", "cpu_system", "cpu_used", "rss_used"), "%")
    | dict.fromkeys(("rss", "swap", "uss"), "B")
    | dict.fromkeys(("io_read", "io_write"), "B/s")
    | dict.fromkeys(("ctx_voluntary", "ctx_involuntary", "faults_minor", "faults_major"), "/s")
)


class ProcessSource(Poll):
    """The target and its children, added up, once a second.

    Series: `cpu` percent of one core, and of it `cpu_user` and `cpu_system`; `cpu_used` percent of
    the cores that the target may use, by affinity and by its cgroup's quota; `rss` bytes (pages
    that processes share count in each); `rss_used` percent of what it could have, RSS plus the
    memory that the host or a limit of its cgroups leaves; `uss` bytes that are its own alone;
    `swap` bytes; `threads`; `fds` open files, with the target's soft limit; `connections` TCP
    sockets by state; and a second `ctx_voluntary`, `ctx_involuntary`, `faults_minor`,
    `faults_major`, and bytes of storage `io_read`, `io_write`.
    USS is read every 10 s; connections and context switches every 5 s; the limits every 10 s.
    """

    def __init__(
        self,
        family: Family,
        timeline: Timeline,
        clock: Clock,
        limits: Callable[[], Limits] | None = None,
    ) -> None:
        super().__init__("process", clock, every_s=1.0)
        self._family = family
        self._timeline = timeline
        self._find_limits = limits or partial(_limits_of, family.process)
        self._limits = Limits()
        self._cores = float(_cores(family.process))
        self._fd_limit: float | None = None
        self._rates = Rates()
        self._states: set[str] = {"established"}
        self._uss = Beat(10.0)
        self._connections = Beat(5.0)
        self._switches = Beat(5.0)
        self._bounds = Beat(10.0)
        self._points: list[tuple[SeriesKey, Point]] = []
        self._denied: dict[str, str] = {}
        """What cannot be had, and why; what is dear stays here until it is read again."""

    def poll(self) -> None:
        """Look once."""
        if self._family.target_state() is TargetState.EXITED:
            self.say(SourceState.WAITING, "the target has ended")
            return
        everyone = self._family.members()
        now = self.clock()
        self._points = []
        if self._bounds.due(now):
            self._bounds.run(now, self._look_at_bounds)
        with ExitStack() as once:
            for process in everyone:
                once.enter_context(process.oneshot())
            members = [process for process in everyone if figures.is_alive(process)]
            sums = {name: _sum(_counts(members, read)) for name, read in _SUMS.items()}
            self._add_cpu(members, now)
            for names, read_two in _GROWING.items():
                self._add_growth(names, _read_each(members, read_two), now)
        if not sums["rss"] or self._family.target_state() is TargetState.EXITED:
            # It ends at this moment: what is left of it says nothing.
            return
        for name, value in sums.items():
            self._add(name, value, now)
        self._add("rss_used", self._rss_used(sums["rss"]), now)
        self._look_at_dear(members, sums, now)
        self._timeline.add_points(self._points)
        for name, why in self._denied.items():
            self._timeline.add_unavailable(self._key(name), why)
        denied = [name for name, why in self._denied.items() if why == DENIED]
        self.say(SourceState.OK, f"{DENIED}: {', '.join(denied)}" if denied else "")

    def _look_at_bounds(self) -> None:
        """What binds the target can be changed while it runs."""
        self._limits = self._find_limits()
        cores = float(_cores(self._family.process))
        self._cores = min(cores, self._limits.cores() or cores)
        process = self._family.process
        self._fd_limit = figures.file_limit(process) if process is not None else None

    def _rss_used(self, rss: float) -> float:
        room = float(psutil.virtual_memory().available)
        left = self._limits.room()
        return 100 * rss / (rss + (room if left is None else min(room, left)))

    def _add_cpu(self, members: Sequence[psutil.Process], now: float) -> None:
        spent: dict[str, float] = {}
        for name, read in (("cpu_user", figures.cpu_user), ("cpu_system", figures.cpu_system)):
            seconds = self._rates.rate(name, _permitted(members, read), now)
            if seconds is not None:
                spent[name] = 100 * seconds
        if len(spent) == 2:
            spent["cpu"] = sum(spent.values())
            spent["cpu_used"] = spent["cpu"] / self._cores
        for name, value in spent.items():
            self._add(name, value, now)

    def _look_at_dear(
        self, members: Sequence[psutil.Process], sums: Mapping[str, float | None], now: float
    ) -> None:
        if self._connections.due(now):
            self._connections.run(now, lambda: self._add_connections(members, now))
        if self._switches.due(now):
            threads = sums["threads"] or 0
            self._switches.run(now, lambda: self._add_switches(members, threads, now))
        if self._uss.due(now):
            rss = sums["rss"] or 0
            self._uss.run(now, lambda: self._add_uss(members, rss, now))

    def _add_uss(self, members: Sequence[psutil.Process], rss: float, now: float) -> None:
        if len(members) > USS_MOST_PROCESSES or rss > USS_MOST_BYTES:
            self._denied["uss"] = "too much memory to go through"
        else:
            self._add("uss", _sum(_counts(members, figures.uss)), now)

    def _add_connections(self, members: Sequence[psutil.Process], now: float) -> None:
        try:
            found: Counter[str] = connections(members)
        except NotPermitted:
            self._denied["connections"] = DENIED
            return
        self._denied.pop("connections", None)
        # A state that was there is 0 when it has gone, and not an old figure.
        self._states |= set(found)
        self._points.extend(
            (_connections_key(state), Point(now, float(found[state]))) for state in self._states
        )

    def _add_switches(self, members: Sequence[psutil.Process], threads: float, now: float) -> None:
        names = ("ctx_voluntary", "ctx_involuntary")
        if threads > MOST_THREADS:
            self._denied |= dict.fromkeys(names, "too many threads to look at each")
            return
        counts: tuple[dict[object, float], dict[object, float]] = ({}, {})
        try:
            for process in members:
                for tid, both in figures.switches(process).items():
                    for count, value in zip(counts, both, strict=True):
                        count[process, tid] = value
        except psutil.NoSuchProcess:
            return
        except psutil.AccessDenied:
            self._denied |= dict.fromkeys(names, DENIED)
            return
        for name, count in zip(names, counts, strict=True):
            self._denied.pop(name, None)
            if (rate := self._rates.rate(name, count, now)) is not None:
                self._add(name, rate, now)

    def _add_growth(
        self,
        names: tuple[str, str],
        pairs: Mapping[psutil.Process, tuple[float, float]] | None,
        now: float,
    ) -> None:
        for place, name in enumerate(names):
            if pairs is None:
                self._denied[name] = DENIED
                self._rates.forget(name)
                continue
            self._denied.pop(name, None)
            counts = {process: pair[place] for process, pair in pairs.items()}
            if (rate := self._rates.rate(name, counts, now)) is not None:
                self._add(name, rate, now)

    def _add(self, name: str, value: float | None, now: float) -> None:
        """Note a value; None is what may not be read."""
        if value is None:
            self._denied[name] = DENIED
        else:
            self._denied.pop(name, None)
            self._points.append((self._key(name), Point(now, value)))

    def _key(self, name: str) -> SeriesKey:
        limit = None
        if name in ("cpu", "cpu_user", "cpu_system"):
            limit = 100.0 * self._cores
        elif name in ("cpu_used", "rss_used"):
            limit = 100.0
        elif name == "fds":
            limit = self._fd_limit
        return SeriesKey(name, Origin.PROCESS, _UNITS.get(name, ""), limit=limit)


def _connections_key(state: str) -> SeriesKey:
    return SeriesKey("connections", Origin.PROCESS, labels=(("state", state),))


def _limits_of(process: psutil.Process | None) -> Limits:
    return Limits(find_cgroups(process.pid)) if process is not None else Limits()


def _cores(process: psutil.Process | None) -> int:
    """How many cores the process may use."""
    if process is not None and hasattr(process, "cpu_affinity"):
        try:
            return len(process.cpu_affinity() or ()) or psutil.cpu_count() or 1
        except psutil.Error:
            pass
    return psutil.cpu_count() or 1


def _counts(members: Iterable[psutil.Process], read: Read) -> dict[psutil.Process, float] | None:
    """The figure of each member that is still there; None if one may not be read."""
    return _read_each(members, lambda process: float(read(process)))


def _read_each(
    members: Iterable[psutil.Process], read: Callable[[psutil.Process], T]
) -> dict[psutil.Process, T] | None:
    """What is read of each member that is still there; None if one may not be read."""
    found = {}
    for process in members:
        try:
            found[process] = read(process)
        except psutil.NoSuchProcess:
            continue
        except psutil.AccessDenied:
            return None
    return found


def _permitted(members: Iterable[psutil.Process], read: Read) -> dict[psutil.Process, float]:
    """The figure of each member that may be read."""
    return {
        process: value for process in members for value in (_counts([process], read) or {}).values()
    }


def _sum(counts: Mapping[psutil.Process, float] | None) -> float | None:
    return None if counts is None else sum(counts.values())
