"""From windows to the rows of the profile: shares, their noise, coverage."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from perftui.model.stacks import FunctionKey, Grouping, Mode, Tally, Thread, Window, known_sum

Z95 = 1.96
"""Normal quantile of a two-sided 95 % interval."""


OVERDUE_S = 3.0
"""A window lasts about a second; when none has come for this long, time is being missed."""


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

    `rate_hz` is the mean over the span, `mode` that of most of the time, `mixed` says that there
    was another too. `stopped_pct` is how much of the time the profiler stopped the target;
    `error_share` is failed looks over all looks, 0 to 1; `coverage` is sampled time over wall time,
    0 to 1; `sampler_cpu_pct` percent of one core; `cut_pct` the percentage of all samples whose
    callers were cut off since they cannot be true; `woken_pct` that of samples left out since only
    the profiler had woken the thread;
    `cpu_wait_pct` how long all threads together waited for a CPU, in percent of the time.
    `active_pct` and `gil_pct` add up all threads; the one is not known where GIL holders alone or
    idle threads too were sampled, the other is known only where GIL holders alone were.
    """

    seconds: float
    rate_hz: float | None
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
    functions: tuple[FunctionRow, ...]
    threads: tuple[ThreadRow, ...]


def margin_pct(samples: int, expected_ticks: float) -> float:
    """Half-width, in points, of the 95 % score interval of a share of `expected_ticks`.

    py-spy's ticks follow a Poisson process, so the samples of a function do too, and the score
    interval of a Poisson count k is k + z²/2 ± z·sqrt(k + z²/4) (Rao's score test inverted).
    """
    if expected_ticks <= 0:
        return math.inf
    return 100 * Z95 * math.sqrt(samples + Z95**2 / 4) / expected_ticks


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
    if windows and now - windows[-1].end < OVERDUE_S:
        return windows[-1].end
    return now


def tally(windows: Iterable[Window], grouping: Grouping) -> Tally:
    """The samples of several windows together."""
    whole = Tally()
    for window in windows:
        whole.update(window.tally(grouping))
    return whole


def hottest_lines(counts: Tally) -> dict[FunctionKey, int]:
    """For each row the line with most own samples."""
    best: dict[FunctionKey, tuple[int, int]] = {}
    for (key, line), samples in counts.lines.items():
        if samples > best.get(key, (0, 0))[0]:
            best[key] = (samples, line)
    return {key: line for key, (_, line) in best.items()}


def rows(counts: Tally, expected_ticks: float) -> list[FunctionRow]:
    """A row per function, hottest first by own samples, then by total."""
    hottest = hottest_lines(counts)
    scale = 100 / expected_ticks if expected_ticks else 0.0
    found = [
        FunctionRow(
            key=key,
            line=key.line if key.line is not None else hottest.get(key),
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
    windows: Sequence[Window], start: float, now: float, grouping: Grouping | None = None
) -> Profile:
    """What `windows` say of the span from `start` to `now` (Unix seconds)."""
    end = settled_until(windows, now)
    ticks = sum(window.expected_ticks for window in windows)
    sampled = sum(window.seconds for window in windows)
    wall = max(sampled, end - start)
    errors = sum(window.errors for window in windows)
    looks = sum(window.expected_ticks * window.processes for window in windows)
    samples = sum(window.samples for window in windows)
    busy: Counter[Thread] = Counter()
    for window in windows:
        for (thread, _), count in window.stacks.items():
            busy[thread] += count
    modes: Counter[Mode] = Counter()
    for window in windows:
        modes[window.mode] += round(1000 * window.seconds)
    cut, woken = known_sum(w.cut for w in windows), known_sum(w.woken for w in windows)
    only_gil = any(window.mode is Mode.GIL for window in windows)
    with_idle = any(window.idle for window in windows)
    busy_pct = 100 * samples / ticks if ticks else None
    return Profile(
        seconds=sampled,
        rate_hz=ticks / sampled if sampled else None,
        mode=modes.most_common(1)[0][0] if modes else None,
        mixed=len(modes) > 1,
        expected_ticks=ticks,
        samples=samples,
        errors=errors,
        error_share=min(1.0, errors / looks) if looks else None,
        coverage=covered_seconds(windows, start, end) / (end - start)
        if windows and end > start
        else None,
        sampler_cpu_pct=_percent(known_sum(w.sampler_cpu_s for w in windows), wall),
        stopped_pct=_percent(known_sum(w.stopped_s for w in windows), wall),
        cpu_wait_pct=_percent(known_sum(w.cpu_wait_s for w in windows), sampled),
        cut_pct=_percent(cut, samples),
        woken_pct=_percent(woken, samples + (woken or 0)),
        active_pct=None if only_gil or with_idle else busy_pct,
        gil_pct=busy_pct if only_gil else None,
        functions=tuple(rows(tally(windows, grouping or Grouping()), ticks)) if ticks else (),
        threads=tuple(
            ThreadRow(
                thread,
                active_pct=None if only_gil or with_idle else 100 * count / ticks,
                gil_pct=100 * count / ticks if only_gil else None,
            )
            for thread, count in busy.most_common()
            if ticks
        ),
    )


def _percent(part: float | None, whole: float) -> float | None:
    return None if part is None or not whole else 100 * part / whole
