"""From windows to the rows of the profile: shares, their noise, coverage."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from perftui.model.kinds import Kind, kind_of
from perftui.model.noise import margin_pct
from perftui.model.stacks import (
    CUT,
    FunctionKey,
    Grouping,
    Mode,
    Place,
    Tally,
    Thread,
    Window,
    known_sum,
    of_newest_kind,
)

OVERDUE_S = 7.0
"""A window lasts five seconds at most; when none has come for this long, time is being missed."""
LIKE_NOW, LONGER, ENDS_S = 5, 3.0, 2.0
"""Short windows are followed by short ones, with rests between them, or by up to three times as
long a one while they grow: the longest of the last five tells. It may take so long to end."""

_NAMELESS = re.compile(r"(?:\.<locals>\.|^)<(?!module>)")
"""Where the part of a function's name begins that only says what it is without one."""

COLLECTORS = frozenset(
    {"gc_collect_main", "gc_collect_generations", "gc_collect_young", "gc_collect_increment"}
    | {"gc_collect_full", "gc_collect_region", "_PyGC_Collect", "collect_with_callback"}
)
"""Functions of CPython that collect garbage, as native frames name them."""


@dataclass(frozen=True)
class FunctionRow:
    """One row of the hot functions.

    Shares are percent of the expected ticks, so one always-busy thread is 100; `own_margin` is
    the half-width of their 95 % sampling interval, in points. `line` is the line with most own
    samples, or the key's own line.
    """

    key: FunctionKey
    line: int | None
    own_pct: float
    own_margin: float
    total_pct: float
    own_samples: int
    total_samples: int


@dataclass(frozen=True)
class ThreadRow:
    """How busy one thread was, in percent of the expected ticks.

    `gil_pct` is known only where the GIL's holders alone were sampled.
    """

    thread: Thread
    active_pct: float | None
    gil_pct: float | None


@dataclass(frozen=True)
class Profile:
    """What a span of windows says, all figures over that span; what is not known is None.

    `rate_hz` is how often it looked a second, `held_hz` the rate that it held: how often that makes
    it look is now more, now less. `mode` is that of most of the time, `mixed` says that there
    was another too. `stopped_pct` is how much of the time the profiler stopped the target, of
    several processes the one with most threads;
    `error_share` is failed looks over all looks, 0 to 1; `coverage` is sampled time over wall time,
    0 to 1; `sampler_cpu_pct` percent of one core; `cut_pct` the percentage of all samples whose
    callers were cut off since they cannot be true; `woken_pct` that of samples left out since only
    the profiler had woken the thread; `cpu_wait_pct` how long all threads together waited for a
    CPU, in percent of the time; `gc_pct` how long the garbage collector was at work, known only
    with native frames. `active_pct` adds up all threads; it is not known where GIL holders alone or
    idle threads too were sampled. `gil_pct` is how long the GIL was held, of several processes in
    the one that held its own most; it is not known where nothing looked at its holder.
    """

    seconds: float
    rate_hz: float | None
    held_hz: float | None
    mode: Mode | None
    mixed: bool
    expected_ticks: float
    samples: int
    errors: int
    error_share: float | None
    coverage: float | None
    sampler_cpu_pct: float | None
    stopped_pct: float | None
    cut_pct: float | None
    woken_pct: float | None
    cpu_wait_pct: float | None
    active_pct: float | None
    gil_pct: float | None
    gc_pct: float | None
    functions: tuple[FunctionRow, ...]
    threads: tuple[ThreadRow, ...]


class GilShare:
    """How much of the time a GIL was held, in percent, by windows that looked at its holder alone;
    None where there are none. Each process has a GIL of its own."""

    def __init__(self, windows: Sequence[Window]) -> None:
        self._ticks = sum(window.expected_ticks for window in windows)
        self._held: Counter[Thread] = Counter()
        for window in windows:
            for (thread, _), count in window.stacks.items():
                self._held[thread] += count

    @property
    def most_pct(self) -> float | None:
        """By any thread of the process that held its GIL most."""
        by_pid: Counter[int] = Counter()
        for thread, count in self._held.items():
            by_pid[thread.pid] += count
        return 100 * max(by_pid.values(), default=0) / self._ticks if self._ticks else None

    def of(self, *threads: Thread) -> float | None:
        """By these threads."""
        held = sum(self._held[thread] for thread in threads)
        return 100 * held / self._ticks if self._ticks else None


def covered_seconds(windows: Sequence[Window], start: float, end: float) -> float:
    """Seconds of [start, end] that were sampled; where windows overlap they count once.

    Of a merged window the sampled part counts, as if its gaps were spread over it.
    """
    covered = 0.0
    reached = start
    for window in sorted(windows, key=lambda w: w.start):
        low, high = max(window.start, reached), min(window.end, end)
        if high > low:
            covered += (high - low) * min(1.0, window.seconds / (window.end - window.start))
            reached = high
    return covered


def settled_until(windows: Sequence[Window], now: float) -> float:
    """Up to when `windows` can be complete: the one under way is no gap until it is overdue."""
    longest_s = max((window.seconds for window in windows[-LIKE_NOW:]), default=0.0)
    if windows and now - windows[-1].end < min(OVERDUE_S, LONGER * longest_s + ENDS_S):
        return windows[-1].end
    return now


def tally(windows: Iterable[Window], grouping: Grouping) -> Tally:
    """The samples of several windows together."""
    whole = Tally()
    for window in windows:
        whole.update(window.tally(grouping))
    return whole


@lru_cache(maxsize=8)
def shares_of_work(window: Window) -> Mapping[Place, float]:
    """How much of the time each function was at work, over all threads: 1.0 is one busy thread.

    What a library does is its caller's work, and what a lambda or comprehension does is that of the
    function around it: of each stack the innermost function with a name in one's own code counts,
    and the one on top where there is none.
    """
    found: Counter[Place] = Counter()
    for (_, stack), count in window.stacks.items():
        frames = [frame for frame in reversed(stack.frames) if frame is not CUT]
        if frames:
            own = (frame for frame in frames if kind_of(frame.file) is Kind.OWN)
            named = ((_NAMELESS.split(one.function)[0], one.file) for one in own)
            top = frames[0].function, frames[0].file
            found[Place(*next((one for one in named if one[0]), top))] += count
    ticks = window.expected_ticks
    return {place: count / ticks for place, count in found.items()} if ticks else {}


def rows(counts: Tally, expected_ticks: float) -> list[FunctionRow]:
    """A row per function, hottest first by own samples, then by total."""
    scale = 100 / expected_ticks if expected_ticks else 0.0
    found = [
        FunctionRow(
            key=key,
            line=key.line if key.line is not None else counts.hottest_line(key),
            own_pct=counts.own[key] * scale,
            own_margin=margin_pct(counts.own[key], expected_ticks),
            total_pct=total * scale,
            own_samples=counts.own[key],
            total_samples=total,
        )
        for key, total in counts.total.items()
    ]
    found.sort(key=lambda row: (-row.own_samples, -row.total_samples, row.key[:2]))
    return found


def profile(
    windows: Sequence[Window],
    start: float,
    now: float,
    grouping: Grouping | None = None,
    gil_windows: Sequence[Window] = (),
    *,
    with_rows: bool = True,
) -> Profile:
    """What `windows` say of the span from `start` to `now` (Unix seconds).

    `gil_windows` are those that looked at the holder of the GIL beside them. Where it was looked
    for other things meanwhile, shares are those of the newest kind of windows. Without `with_rows`
    there are no functions and threads: those are most of the work.
    """
    end = settled_until(windows, now)
    coverage = covered_seconds(windows, start, end) / (end - start) if end > start else None
    # Whatever was looked for, it cost the target and its host.
    all_looks = [*windows, *(window for window in gil_windows if start < window.end <= end)]
    sampler_cpu_s = known_sum(window.sampler_cpu_s for window in all_looks)
    stopped_s = known_sum(window.stopped_s for window in windows)
    all_s = max(sum(window.seconds for window in windows), end - start)
    windows = of_newest_kind(windows)
    ticks = sum(window.expected_ticks for window in windows)
    sampled = sum(window.seconds for window in windows)
    errors = sum(window.errors for window in windows)
    held = sum(window.held_ticks for window in windows)
    # What failed is not among the looks that are known to have been made.
    tried = sum(window.held_ticks * window.processes for window in windows)
    samples = sum(window.samples for window in windows)
    busy: Counter[Thread] = Counter()
    for window in windows if with_rows else ():
        for (thread, _), count in window.stacks.items():
            busy[thread] += count
    modes: Counter[Mode] = Counter()
    for window in windows:
        modes[window.mode] += round(1000 * window.seconds)
    cut, woken = known_sum(w.cut for w in windows), known_sum(w.woken for w in windows)
    only_gil = any(window.mode is Mode.GIL for window in windows)
    with_idle = any(window.idle for window in windows)
    gil = GilShare(windows if only_gil else gil_windows)
    busy_pct = 100 * samples / ticks if ticks else None
    return Profile(
        seconds=sampled,
        rate_hz=ticks / sampled if sampled else None,
        held_hz=held / sampled if sampled else None,
        mode=modes.most_common(1)[0][0] if modes else None,
        mixed=len(modes) > 1,
        expected_ticks=ticks,
        samples=samples,
        errors=errors,
        error_share=min(1.0, errors / tried) if tried else None,
        coverage=coverage if windows else None,
        sampler_cpu_pct=_percent(sampler_cpu_s, all_s),
        stopped_pct=_percent(stopped_s, all_s),
        cpu_wait_pct=_percent(known_sum(w.cpu_wait_s for w in windows), sampled),
        cut_pct=_percent(cut, samples),
        woken_pct=_percent(woken, samples + (woken or 0)),
        active_pct=None if only_gil or with_idle else busy_pct,
        gil_pct=gil.most_pct,
        gc_pct=_gc_pct(windows, ticks),
        functions=tuple(rows(tally(windows, grouping or Grouping()), ticks))
        if ticks and with_rows
        else (),
        threads=tuple(
            ThreadRow(
                thread,
                active_pct=None if only_gil or with_idle else 100 * count / ticks,
                gil_pct=gil.of(thread),
            )
            for thread, count in busy.most_common()
            if ticks
        ),
    )


def _gc_pct(windows: Sequence[Window], ticks: float) -> float | None:
    """The share of the looks that found the collector at work; one that runs is on one thread."""
    if not ticks or not all(window.native for window in windows):
        return None
    samples = sum(
        count
        for window in windows
        for (_, stack), count in window.stacks.items()
        if any(f.function in COLLECTORS and not f.file.endswith(".py") for f in stack)
    )
    return 100 * samples / ticks


def _percent(part: float | None, whole: float) -> float | None:
    return None if part is None or not whole else 100 * part / whole
