"""The snapshot as text for people: a report, and one line."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Iterator

from perftui.model.baseline import Baseline
from perftui.model.findings import Finding, Forecast, ForecastState, LlmState
from perftui.model.noise import Change, change
from perftui.model.present import (
    event_text,
    format_age,
    format_change,
    format_value,
    line_names,
    place,
)
from perftui.model.profile import FunctionRow, Profile, profile
from perftui.model.snapshot import Snapshot, SourceState
from perftui.model.stacks import Mode, Place, Window, of_newest_kind
from perftui.model.target import TargetState
from perftui.model.text import plain
from perftui.model.warning import said, strongest
from perftui.tui.cells import cell_len, fit

FUNCTIONS = 20
WIDTH = 80
MOST_NAME = 40
_MODES = {Mode.BLOCKING: "blocking", Mode.NONBLOCKING: "non-blocking", Mode.GIL: "GIL only"}


def report(snapshot: Snapshot) -> str:
    """The whole snapshot, what is hottest and most urgent first."""
    return "\n".join(_report(snapshot))


def line(snapshot: Snapshot) -> str:
    """The tick in one line: the state, the three hottest functions, the process, the warning."""
    seen = profile(snapshot.windows, snapshot.since, snapshot.data_at)
    hot = "  ".join(
        f"{row.own_pct:.0f} % {_ending(plain(row.key.function), 40)}" for row in seen.functions[:3]
    )
    values = {series.key.name: series for series in snapshot.series}
    figures = "  ".join(
        f"{name} {format_value(values[name].last.value, values[name].key.unit)}"
        for name in ("cpu", "rss")
        if name in values
    )
    state = snapshot.target_state.value if hot else f"{snapshot.target_state.value}, no samples"
    at = time.strftime("%H:%M:%S", time.localtime(snapshot.taken_at))
    process = f"{at}  {state}  {figures}".rstrip()
    warning = strongest(snapshot)
    parts = (process, hot, warning.text, warning.aside)
    return "  |  ".join(part for part in parts if part)


def _report(snapshot: Snapshot) -> Iterator[str]:
    target = snapshot.target
    python = f"Python {target.python}" if target.python else "Python version not known"
    age = format_age(snapshot.taken_at - target.started_at)
    yield from _wrapped(
        f"{plain(target.name)}  pid {target.pid}  {python}  on {plain(target.host)}", indent=0
    )
    yield f"{snapshot.target_state.value}, started {age} ago"
    if snapshot.target_state is not TargetState.RUNNING:
        yield f"  since {format_age(snapshot.taken_at - snapshot.target_since)}"
    yield ""
    yield from _functions(snapshot)
    yield ""
    yield "METRICS"
    keys = [series.key for series in snapshot.series]
    names = line_names([*keys, *(one.key for one in snapshot.unavailable)])
    width = min(MOST_NAME, max(map(cell_len, names.values()), default=0))
    for series in snapshot.series:
        key, at = series.key, series.last.at
        old = f", {format_age(snapshot.taken_at - at)} old" * series.is_stale(snapshot.taken_at)
        value = format_value(series.last.value, key.unit)
        yield f"  {fit(names[key], width, cut='middle')} {value:>12}   {key.origin.value}{old}"
    for one in snapshot.unavailable:
        name = fit(names[one.key], width, cut="middle")
        yield f"  {name} {'–':>12}   {one.key.origin.value}: {plain(one.why)}"
    yield ""
    if snapshot.events:
        yield "EVENTS"
        for event in snapshot.events:
            yield from _wrapped(event_text(event, snapshot.taken_at))
        yield ""
    yield "FORECAST"
    for forecast in snapshot.forecasts:
        yield from _wrapped(_forecast(forecast, snapshot.taken_at))
        for mitigation in forecast.mitigations:
            yield from _wrapped(f"try: {plain(mitigation.action)}", indent=6)
    for finding in snapshot.findings:
        yield from _finding(finding)
    llm = snapshot.llm
    state = "" if llm.state is LlmState.OFF else f"{llm.state.value} "
    yield from _wrapped(f"LLM {state}{plain(llm.message)}".rstrip())
    troubles = [s for s in snapshot.sources if s.state is not SourceState.OK]
    if troubles:
        yield ""
        yield "SOURCES"
    for status in troubles:
        age = format_age(snapshot.taken_at - status.since)
        how = f"{status.name} {status.state.value} for {age}"
        yield from _wrapped(f"{how}: {plain(status.message)}")
    if snapshot.offers:
        yield ""
        yield "ALSO THERE"
    for offer in snapshot.offers:
        yield from _wrapped(f"{plain(offer.words)}: {plain(offer.option)}")


def _finding(finding: Finding) -> Iterator[str]:
    yield from _wrapped(f"{plain(finding.name)}: {plain(finding.says)}")
    for fact in finding.evidence:
        yield from _wrapped(plain(fact.text), indent=6)
    for mitigation in finding.mitigations:
        yield from _wrapped(f"try: {plain(mitigation.action)}", indent=6)
    if finding.check:
        yield from _wrapped(f"check: {plain(finding.check)}", indent=6)


def _wrapped(text: str, indent: int = 2) -> list[str]:
    """`text` in lines of at most `WIDTH`; those that go on stand deeper. A word stays whole."""
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + 4),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _functions(snapshot: Snapshot) -> Iterator[str]:
    seen = profile(
        snapshot.windows, snapshot.since, snapshot.data_at, gil_windows=snapshot.gil_windows
    )
    if not seen.expected_ticks:
        yield "FUNCTIONS: no samples"
        return
    windows = of_newest_kind(snapshot.windows)
    torn = any(window.torn for window in windows)
    yield from _figures(seen, windows[-1])
    baseline = snapshot.baseline
    if not seen.functions and baseline is None:
        more = " (-i shows where threads wait)" * windows[-1].leaves_out_waits
        yield f"  no Python code was running{more}"
        return
    change_title = f" {'Δbase':>8} {'±':>5}" if baseline is not None else ""
    yield f"  {'own %':>6} {'±':>5} {'total %':>8}{change_title}  function"
    for row in seen.functions[:FUNCTIONS]:
        yield _row(row, seen.expected_ticks, baseline, torn=torn)
    if len(seen.functions) > FUNCTIONS:
        yield f"  … and {len(seen.functions) - FUNCTIONS} more (--json has them all)"
    if baseline is not None:
        yield from _gone(seen, baseline)
    if torn:
        yield "  ~ some stacks were read without stopping the process"
    if baseline is not None:
        yield "  ▲ ▼ NEW GONE: own % has changed beyond the sampling noise"


def _figures(seen: Profile, newest: Window) -> Iterator[str]:
    """How it was looked, what was seen of the time, and what that cost the target."""
    mode = "mixed" if seen.mixed else _MODES[seen.mode] if seen.mode else ""
    more = " +idle" * newest.idle + " +native" * newest.native
    yield f"FUNCTIONS  {seen.seconds:.1f} s at {seen.held_hz:.0f} Hz, {mode}{more}"
    errors = seen.error_share
    parts = [
        # Rounded down: what is not covered is never rounded away.
        f"coverage {int(100 * seen.coverage)} %" if seen.coverage is not None else "coverage –",
        f"errors {100 * errors:.1f} %" if errors is not None else "errors –",
        f"cut {seen.cut_pct:.0f} %" if seen.cut_pct is not None else "",
        f"woke {seen.woken_pct:.0f} %" if seen.woken_pct else "",
        f"GIL {seen.gil_pct:.0f} %" if seen.gil_pct is not None else "",
        f"GC {seen.gc_pct:.0f} %" if seen.gc_pct is not None else "",
    ]
    yield f"  {', '.join(part for part in parts if part)}"
    stopped = f"{seen.stopped_pct:.1f} %" if seen.stopped_pct is not None else "?"
    cpu = f"{seen.sampler_cpu_pct:.0f} % CPU" if seen.sampler_cpu_pct is not None else "–"
    yield f"  stops it {stopped}, py-spy {cpu}"


def _row(row: FunctionRow, ticks: float, baseline: Baseline | None, *, torn: bool) -> str:
    total = f"{'~' if torn else ''}{row.total_pct:.1f}"
    figures = f"  {row.own_pct:6.1f} {row.own_margin:5.1f} {total:>8}"
    if baseline is not None:
        was = baseline.own.get(Place(row.key.function, row.key.file), 0.0)
        moved = change((row.own_samples, ticks), (was, baseline.ticks))
        figures += _change(moved, "" if was else "NEW")
    return _named(figures, row.key.function, place(row.key.file, row.line))


def _gone(seen: Profile, baseline: Baseline) -> Iterator[str]:
    """What the baseline has and nothing has any more, where that is beyond the noise."""
    there = {row.key[:2] for row in seen.functions}
    gone = sorted(baseline.own.keys() - there, key=lambda one: (-baseline.own[one], one))
    for one in gone[:FUNCTIONS]:
        moved = change((0.0, seen.expected_ticks), (baseline.own[one], baseline.ticks))
        if moved.beyond_noise:
            figures = f"  {'–':>6} {'–':>5} {'–':>8}{_change(moved, 'GONE')}"
            yield _named(figures, one.function, place(one.file, None))


def _change(moved: Change, mark: str) -> str:
    """A change in points with its margin; `mark` says what a change beyond the noise is."""
    return f" {format_change(moved, mark):>8} {moved.margin:5.1f}"


def _named(figures: str, function: str, where: str) -> str:
    """A row with its function and place, in `WIDTH`; of both the end is what counts."""
    room = WIDTH - len(figures) - 4
    where = plain(where)
    left = room - min(cell_len(where), room // 2)
    return f"{figures}  {_ending(plain(function), left)}  {_ending(where, room // 2)}"


def _ending(text: str, most: int) -> str:
    """A text, or as much of its end as there is room for, in cells."""
    return text if cell_len(text) <= most else fit(text, most, cut="start")


def _forecast(forecast: Forecast, now: float) -> str:
    text = f"{plain(forecast.by)}: {plain(str(forecast.objective))}: {said(forecast, now)}"
    if forecast.summary and forecast.state is not ForecastState.LEARNING:
        text += f"; {plain(forecast.summary)}"
    return text
