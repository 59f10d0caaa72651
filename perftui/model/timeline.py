"""The one time axis: windows and points, kept whole at first and coarser as they age."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import islice
from typing import Generic, NamedTuple, TypeVar

from perftui.model.event import Event, EventKind
from perftui.model.series import Origin, Point, Series, SeriesKey, Unavailable
from perftui.model.stacks import Window, merge

T = TypeVar("T")


class Tier(NamedTuple):
    """Items up to `keep_s` seconds old are kept in buckets of `step_s` seconds (0: as they are)."""

    keep_s: float
    step_s: float


TIERS = (Tier(300.0, 0.0), Tier(3600.0, 10.0), Tier(86400.0, 60.0))
STACKS_PER_BUCKET = 100
"""Stacks that a merged window keeps whole: with 330 + 1,380 buckets a bound on a day's memory."""
MAX_SERIES = 1000
"""Series kept at most; then the one that was silent for longest goes for each new one, so that
labels that come and go cannot fill the memory."""


MOST_EVENTS = 1000
"""So many events are kept; the oldest go first."""
GIL_WINDOWS = 60
"""So many of the windows that look at the holder of the GIL are kept: ten minutes of them."""
LEAST_POINTS = 3
SILENT_S = 300.0
"""A series without a point for so long may go to make room."""


class _History(Generic[T]):
    """Items in time order; those that outgrow a tier are merged into buckets of the next."""

    def __init__(
        self, at: Callable[[T], float], join: Callable[[list[T]], T], tiers: Sequence[Tier] = TIERS
    ) -> None:
        self._at = at
        self._join = join
        self._tiers = tiers
        self._levels: list[deque[T]] = [deque() for _ in tiers]
        self._waiting: list[list[T]] = [[] for _ in tiers]

    def add(self, item: T) -> None:
        self._levels[0].append(item)
        now = self._at(item)
        for level, tier in enumerate(self._tiers):
            items = self._levels[level]
            while items and self._at(items[0]) < now - tier.keep_s:
                self._hand_down(items.popleft(), level + 1)

    def replace(self, old: T, new: T) -> None:
        items = self._levels[0]
        for place in range(len(items) - 1, -1, -1):
            if items[place] is old:
                items[place] = new
                return

    def _hand_down(self, item: T, level: int) -> None:
        if level == len(self._tiers):
            return
        waiting, step = self._waiting[level], self._tiers[level].step_s
        if waiting and self._at(waiting[0]) // step != self._at(item) // step:
            self._levels[level].append(self._join(waiting))
            waiting.clear()
        waiting.append(item)

    @property
    def last(self) -> T | None:
        """The newest item."""
        return self._levels[0][-1] if self._levels[0] else None

    def recent(self, since: float) -> list[T]:
        """Items of `since` or later, oldest first, as whole as they are kept."""
        found: list[T] = []
        for level in reversed(range(len(self._tiers))):
            items = list(self._levels[level])
            found.extend(items[bisect_left(items, since, key=self._at) :])
            found.extend(item for item in self._waiting[level] if self._at(item) >= since)
        return found

    def newest(self, count: int) -> list[T]:
        """So many of the newest items, oldest first."""
        found: list[T] = []
        for waiting, items in zip(self._waiting, self._levels, strict=True):
            for part in (waiting, items):
                found.extend(islice(reversed(part), count - len(found)))
        return found[::-1]


def _mean_point(points: list[Point]) -> Point:
    count = len(points)
    return Point(sum(p.at for p in points) / count, sum(p.value for p in points) / count)


class Timeline:
    """Everything that the sources saw. Thread-safe: sources add, the monitor reads.

    Windows and points are kept whole for `whole_s` seconds.
    """

    def __init__(self, whole_s: float = TIERS[0].keep_s) -> None:
        self._lock = threading.Lock()
        self._tiers = (Tier(whole_s, 0.0), *(tier for tier in TIERS[1:] if tier.keep_s > whole_s))
        self._windows: _History[Window] = _History(
            lambda window: window.end,
            lambda windows: merge(windows, STACKS_PER_BUCKET),
            self._tiers,
        )
        self._gil: deque[Window] = deque(maxlen=GIL_WINDOWS)
        self._series: dict[SeriesKey, _History[Point]] = {}
        self._keys: dict[SeriesKey, SeriesKey] = {}
        """Each key as it came last: the limit of a series can change."""
        self._last: dict[SeriesKey, Point] = {}
        self._unavailable: dict[SeriesKey, str] = {}
        self._events: dict[tuple[EventKind, str, float], Event] = {}

    def add_window(self, window: Window, replaced: Iterable[tuple[Window, Window]] = ()) -> None:
        """Add a window; windows come in order of their end. Of `replaced`, each earlier window
        that is still kept whole gives its place to the other."""
        with self._lock:
            for old, new in replaced:
                self._windows.replace(old, new)
            self._windows.add(window)

    def add_gil_window(self, window: Window) -> None:
        """Add a window that looked at the holder of the GIL beside the others."""
        with self._lock:
            self._gil.append(window)

    def newest_gil_window(self) -> Window | None:
        """The one of them that ended last."""
        with self._lock:
            return self._gil[-1] if self._gil else None

    def gil_windows(self, since: float) -> tuple[Window, ...]:
        """Those that end at `since` (Unix seconds) or later, oldest first."""
        with self._lock:
            return tuple(window for window in self._gil if window.end >= since)

    def add_points(self, points: Iterable[tuple[SeriesKey, Point]]) -> None:
        """Add points; one that is not newer than its series' last is dropped as seen."""
        with self._lock:
            for key, point in points:
                last = self._last.get(key)
                if last is not None and point.at <= last.at:
                    continue
                if key not in self._series:
                    if len(self._series) >= MAX_SERIES and not self._forget_silent(point.at):
                        continue
                    self._series[key] = _History(lambda p: p.at, _mean_point, self._tiers)
                self._series[key].add(point)
                self._last[key], self._keys[key] = point, key
                self._unavailable.pop(key, None)

    def add_unavailable(self, key: SeriesKey, why: str) -> None:
        """Say that a metric cannot be had, and why; its next point says that it can again."""
        with self._lock:
            if key in self._unavailable or len(self._unavailable) < MAX_SERIES:
                self._unavailable[key] = why

    def unavailable(self) -> tuple[Unavailable, ...]:
        """The metrics that cannot be had at present."""
        with self._lock:
            return tuple(Unavailable(key, why) for key, why in self._unavailable.items())

    def add_event(self, event: Event) -> None:
        """Add an event, or what is known of it by now; they may come in any order."""
        with self._lock:
            self._events[event.identity] = event
            if len(self._events) > MOST_EVENTS:
                del self._events[min(self._events, key=lambda identity: identity[2])]

    def end_all(self, kind: EventKind, now: float) -> None:
        """Say that what lasts of this kind has ended; who sees that it goes on adds it again."""
        with self._lock:
            for identity, event in self._events.items():
                if event.kind is kind and event.until is None:
                    self._events[identity] = replace(event, until=max(now, event.at))

    def events(self, since: float) -> tuple[Event, ...]:
        """The events that began, ended or go on at `since` (Unix seconds) or later, in order."""
        with self._lock:
            found = [e for e in self._events.values() if e.lasts_beyond(since)]
        return tuple(sorted(found, key=lambda event: event.at))

    def forget(self, name: str, origin: Origin) -> None:
        """Drop the series of a metric, which is another one from now on."""
        with self._lock:
            gone = [key for key in self._series if (key.name, key.origin) == (name, origin)]
            for key in gone:
                self._drop(key)

    def _forget_silent(self, now: float) -> bool:
        """Make room: the series that was silent for longest goes, unless all are alive."""
        silent = min(self._last, key=lambda key: self._last[key].at)
        if now - self._last[silent].at < SILENT_S:
            return False
        self._drop(silent)
        return True

    def _drop(self, key: SeriesKey) -> None:
        del self._series[key], self._last[key], self._keys[key]

    def windows(self, since: float) -> tuple[Window, ...]:
        """The windows that end at `since` (Unix seconds) or later, oldest first."""
        with self._lock:
            return tuple(self._windows.recent(since))

    def newest_window(self) -> Window | None:
        """The window that ended last."""
        with self._lock:
            return self._windows.last

    def newest(self, since: float) -> dict[SeriesKey, float]:
        """The newest value of each series that has one of `since` (Unix seconds) or later."""
        with self._lock:
            return {key: last.value for key, last in self._last.items() if last.at >= since}

    def named(self, name: str, since: float) -> tuple[Series, ...]:
        """The series of one metric, as :meth:`series` gives them."""
        return self._chosen(lambda key: key.name == name, since)

    def series(self, since: float) -> tuple[Series, ...]:
        """Every series with its points since then; one with few in that span has its last
        `LEAST_POINTS`: how far apart they are says whether it has stopped."""
        return self._chosen(lambda _: True, since)

    def _chosen(self, wanted: Callable[[SeriesKey], bool], since: float) -> tuple[Series, ...]:
        with self._lock:
            found = []
            for key, history in self._series.items():
                if wanted(key):
                    points = history.recent(since)
                    if len(points) < LEAST_POINTS:
                        points = history.newest(LEAST_POINTS)
                    found.append(Series(self._keys[key], tuple(points)))
            return tuple(found)
