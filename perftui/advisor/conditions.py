"""What conditions of patterns say of a snapshot: each holds with what was seen, or does not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

from perftui.advisor.stack_search import Fits, StackSearch
from perftui.model.findings import EvidenceKind
from perftui.model.noise import change
from perftui.model.present import format_rate, format_value, series_name
from perftui.model.profile import Profile, profile
from perftui.model.series import Series
from perftui.model.snapshot import Snapshot
from perftui.model.stacks import Place, Window, of_newest_kind
from perftui.model.text import plain
from perftui.pattern_settings import NeedSettings

RECENT_S = 30.0
"""What holds now holds in so many seconds; what was before them is what it has risen from."""
LEAST_RECENT_S = 5.0
"""Of less profile nothing is said."""
RISE_S, RISE_POINTS = 60.0, 10
"""A series rises over so many seconds and points at least, or nothing is said of its slope."""
RISE_ERRORS, RISE_SHARE = 3.0, 0.05
"""A slope is beyond so many of its standard errors, and makes such a part of the level."""
LEAST_RISE = 5.0
"""Points of a core by which functions have risen."""
MOST_NAME = 60

_FIGURES: dict[str, tuple[Callable[[Profile], float | None], str]] = {
    "gil": (lambda p: p.gil_pct, "the GIL is held {:.0f} % of the time"),
    "active": (lambda p: p.active_pct, "its threads are at work for {:.0f} % of a core"),
    "gc": (lambda p: p.gc_pct, "the garbage collector takes {:.0f} % of a core"),
    "cpu_wait": (lambda p: p.cpu_wait_pct, "its threads wait for a CPU {:.0f} % of the time"),
}

_OF_PROCESS = frozenset(("gil", "active"))
"""Figures of one process, where there are several: who queues for a GIL queues for that one."""


@dataclass(frozen=True, eq=False)
class Condition:
    """A condition of a pattern. `metric` says whether it is about a series of that name, `number`
    which of the searches in stacks it is, where it is about functions."""

    need: NeedSettings
    metric: Fits | None = None
    number: int | None = None


class Risen(NamedTuple):
    """A function whose own share has risen: by how many points, and to what, in percent of one
    thread's time."""

    place: Place
    points: float
    share: float


class Said(NamedTuple):
    """Of a condition that holds: what was seen, in words, the value and its unit."""

    kind: EvidenceKind
    text: str
    value: float
    unit: str


class Seen:
    """A snapshot, as conditions look at it; what takes time is done once, and only if asked for."""

    def __init__(self, snapshot: Snapshot, search: StackSearch) -> None:
        self._snapshot = snapshot
        self._search = search
        windows = of_newest_kind(snapshot.windows)
        since = snapshot.data_at - RECENT_S
        recent = [window for window in windows if window.end > since]
        enough = sum(window.seconds for window in recent) >= LEAST_RECENT_S
        self._recent: Sequence[Window] = recent if enough else ()
        self._before = [window for window in windows if window.end <= since]
        search.keep(windows)

    def holds(self, condition: Condition) -> Said | None:
        """What was seen of a condition, None where it does not hold or is not known."""
        if condition.metric is not None:
            return next(self._series(condition.need, condition.metric), None)
        if condition.number is not None:
            return self._function(condition.need, condition.number)
        return self._figure(condition.need, str(condition.need.figure))

    def _series(self, need: NeedSettings, fits: Fits) -> Iterator[Said]:
        """Of each series of such a name for which it holds."""
        now = self._snapshot.taken_at
        for series in self._snapshot.series:
            name = series_name(series.key)
            value, unit = series.last.value, series.key.unit
            if not fits(name) or not _is_beyond(need, value) or series.is_stale(now):
                continue
            slope = _slope(series)
            if (need.rising and slope <= 0) or (need.falling and slope >= 0):
                continue
            pace = f", {format_rate(slope, unit)}" if slope else ""
            text = f"{plain(name, MOST_NAME)} is {format_value(value, unit)}{pace}"
            yield Said(EvidenceKind.METRIC, text, value, unit)

    def _function(self, need: NeedSettings, number: int) -> Said | None:
        now, before = (self._search.samples(number, p) for p in (self._recent, self._before))
        if not now[1]:
            return None
        share = 100 * now[0] / now[1]
        if need.above is not None and share <= need.above:
            return None
        risen = change(now, before)
        if need.rising and not (risen.beyond_noise and risen.points >= LEAST_RISE):
            return None
        place = self._search.hottest(number, self._recent)
        if place is None:
            return None
        usual = f", {100 * before[0] / before[1]:.0f} % before" if before[1] else ""
        name = plain(place.function, MOST_NAME)
        text = f"{name} and what it calls: {share:.0f} % of one thread's time{usual}"
        return Said(EvidenceKind.PROFILE, text, share, "%")

    def _figure(self, need: NeedSettings, figure: str) -> Said | None:
        if figure == "riser":
            return self._riser(need)
        if figure == "age":
            age = self._snapshot.taken_at - self._snapshot.target.started_at
            text = f"the process is {age:.0f} s old"
            return Said(EvidenceKind.METRIC, text, age, "s") if _is_beyond(need, age) else None
        of_profile, words = _FIGURES[figure]
        pid = self._busiest if figure in _OF_PROCESS else None
        value = of_profile(self._profile if pid is None else self._of_busiest)
        if value is None or not _is_beyond(need, value):
            return None
        where = f" (pid {pid})" if pid is not None else ""
        return Said(EvidenceKind.PROFILE, words.format(value) + where, value, "%")

    @cached_property
    def _gil_windows(self) -> Sequence[Window]:
        since = self._snapshot.data_at - RECENT_S
        return [window for window in self._snapshot.gil_windows if window.end > since]

    @cached_property
    def _busiest(self) -> int | None:
        """Of several processes the one that holds its GIL most, or does most where no GIL was
        looked at."""
        work: Counter[int] = Counter()
        for window in self._gil_windows or self._recent:
            for (thread, _), count in window.stacks.items():
                work[thread.pid] += count
        return work.most_common(1)[0][0] if len(work) > 1 else None

    @cached_property
    def _profile(self) -> Profile:
        return self._profiled(self._recent, self._gil_windows)

    @cached_property
    def _of_busiest(self) -> Profile:
        """Of that process alone."""
        both = self._recent, self._gil_windows
        return self._profiled(
            *([_of_process(w, self._busiest) for w in windows] for windows in both)
        )

    def _profiled(self, windows: Sequence[Window], gil: Sequence[Window]) -> Profile:
        end = self._snapshot.data_at
        return profile(windows, end - RECENT_S, end, gil_windows=gil, with_rows=False)

    def _riser(self, need: NeedSettings) -> Said | None:
        if self.risen is None or not _is_beyond(need, self.risen.points):
            return None
        key, points, share = self.risen
        name = plain(key.function, MOST_NAME)
        text = f"{name} by itself: {share:.0f} % of one thread's time, {points:.0f} points more"
        return Said(EvidenceKind.PROFILE, text, share, "%")

    @cached_property
    def risen(self) -> Risen | None:
        """The function whose own share has risen most, where that is beyond the noise."""
        ticks, was_ticks = (sum(w.expected_ticks for w in p) for p in (self._recent, self._before))
        if not ticks or not was_ticks:
            return None
        now, before = self._search.tops(self._recent), self._search.tops(self._before)
        key = max(now, key=lambda k: now[k] / ticks - before[k] / was_ticks, default=None)
        if key is None:
            return None
        risen = change((now[key], ticks), (before[key], was_ticks))
        return Risen(key, risen.points, 100 * now[key] / ticks) if risen.beyond_noise else None


def _of_process(window: Window, pid: int | None) -> Window:
    own = {known: count for known, count in window.stacks.items() if known[0].pid == pid}
    return replace(window, stacks=own)


def _slope(series: Series) -> float:
    """Its slope a second where that lasts, is beyond its noise and large enough to matter; else
    0."""
    from perftui.forecast.chance import trend_per_s  # numpy: not before the screen is there

    points = series.points
    span = points[-1].at - points[0].at
    if len(points) < RISE_POINTS or span < RISE_S:
        return 0.0
    slope, error = trend_per_s(points)
    level = sum(abs(point.value) for point in points) / len(points)
    is_clear = abs(slope) > RISE_ERRORS * error and abs(slope) * span >= RISE_SHARE * level
    return slope if is_clear else 0.0


def _is_beyond(need: NeedSettings, value: float) -> bool:
    return (need.above is None or value > need.above) and (need.below is None or value < need.below)
