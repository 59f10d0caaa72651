"""Metrics over time: points, series, and the derived figures that the screen shows."""

from __future__ import annotations

import math
import statistics
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from operator import attrgetter
from typing import NamedTuple


class Origin(StrEnum):
    """Where a metric comes from."""

    PROCESS = "process"
    HOST = "host"
    PROMETHEUS = "prometheus"
    SCRAPE = "scrape"
    LOG = "log"


class Point(NamedTuple):
    """A value at a time (Unix seconds)."""

    at: float
    value: float


_AT = attrgetter("at")
RECENT = 50
"""So many of the newest points say how far apart they usually are now: a source is not always asked
as often."""

STALE_S, STALE_STEPS = 15.0, 3
"""A series without a newer point for so long, and for so many of its usual steps, has stopped."""

LEAST_BEFORE = 8
"""Of fewer points it is not said how far the next one is from them."""


@dataclass(frozen=True)
class SeriesKey:
    """What makes a series one: its name, origin and labels (sorted pairs), and its unit.

    `limit` is the top of the scale that a chart draws it on, where one is known (100 for a
    percentage of a whole), in the series' unit; it can change while the series is the same.
    """

    name: str
    origin: Origin
    unit: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    limit: float | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Series:
    """A series' recent points, oldest first. Never empty."""

    key: SeriesKey
    points: tuple[Point, ...]

    @property
    def last(self) -> Point:
        """The newest point."""
        return self.points[-1]

    def is_stale(self, now: float) -> bool:
        """Whether it has stopped at `now` (Unix seconds): its last value counts no more."""
        age = now - self.last.at
        return age > STALE_S and age > STALE_STEPS * usual_step(self.points[-RECENT:])


def between(points: Sequence[Point], start: float, end: float) -> Sequence[Point]:
    """Those of the points, which are in order, from `start` to `end` (Unix seconds)."""
    first = bisect_left(points, start, key=_AT)
    return points[first : bisect_right(points, end, key=_AT)]


@dataclass(frozen=True)
class Unavailable:
    """A metric that there is, but that cannot be had, and why in a few words ("not permitted")."""

    key: SeriesKey
    why: str


BUILT_IN = (
    *("cpu", "rss", "threads", "fds", "cpu_used", "rss_used"),
    *("cgroup_cpu_used", "cgroup_throttled", "cgroup_mem_used", "cgroup_cpu_quota"),
    *("cgroup_psi_cpu", "cgroup_psi_memory", "cgroup_psi_io"),
    *("cpu_user", "cpu_system", "uss", "swap", "connections", "io_read", "io_write"),
    *("ctx_voluntary", "ctx_involuntary", "faults_minor", "faults_major"),
    *("host_cpu", "load1", "mem_available", "host_cpu_max", "host_steal", "host_iowait"),
    *("swap_used", "disk_read", "disk_write", "net_recv", "net_sent"),
    *("host_psi_cpu", "host_psi_memory", "host_psi_io"),
)
"""The names of what a process, its cgroups and its host have, in the order they are listed."""
_PAGE = BUILT_IN.index("cgroup_cpu_used") - 0.5


def in_order(found: Iterable[Series], first: Collection[str] = ()) -> list[Series]:
    """Series as they are listed: the metrics of `first`, as those that have an objective; what the
    user asked for by name; the main figures of the process; what a page has, which can be hundreds;
    the rest of the process with its cgroups, then the host."""

    def rank(series: Series) -> tuple[bool, float, str, tuple[tuple[str, str], ...]]:
        name, of_page = series.key.name, series.key.origin is Origin.SCRAPE
        place = BUILT_IN.index(name) if name in BUILT_IN else _PAGE if of_page else -1
        return name not in first, place, name, series.key.labels

    return sorted(found, key=rank)


def usual_step(points: Sequence[Point]) -> float:
    """The median distance of two points in seconds; 0 for fewer than two points."""
    return statistics.median(b.at - a.at for a, b in pairwise(points)) if len(points) > 1 else 0.0


def robust_z(points: Sequence[Point]) -> float | None:
    """How far the newest value is from the median of those before it, in their standard deviations
    as the median absolute deviation tells them: `0.6745 (x - median) / MAD` (Iglewicz and Hoaglin,
    How to Detect and Handle Outliers, 1993).

    None below `LEAST_BEFORE` points before it, or where more than half of them are the same.
    """
    before = [point.value for point in points[:-1]]
    if len(before) < LEAST_BEFORE:
        return None
    middle = statistics.median(before)
    spread = statistics.median(abs(value - middle) for value in before)
    return 0.6745 * (points[-1].value - middle) / spread if spread > 0 else None


def slope_per_s(points: Sequence[Point]) -> tuple[float, float] | None:
    """Least-squares slope in units a second, and its standard error.

    None below three points, without any spread in time, or where it is larger than any number.
    """
    if len(points) < 3:
        return None
    origin, count = points[0].at, len(points)
    # In parts of the largest one: no value is too large to be squared.
    scale = max(abs(point.value) for point in points) or 1.0
    values = [point.value / scale for point in points]
    times = [point.at - origin for point in points]
    mean_t, mean_v = sum(times) / count, sum(values) / count
    spread = sum((at - mean_t) ** 2 for at in times)
    if spread <= 0:
        return None
    slope = sum((t - mean_t) * (v - mean_v) for t, v in zip(times, values, strict=True)) / spread
    left = sum((v - mean_v - slope * (t - mean_t)) ** 2 for t, v in zip(times, values, strict=True))
    error = math.sqrt(left / (count - 2) / spread)
    fitted = slope * scale, error * scale
    return fitted if all(map(math.isfinite, fitted)) else None
