"""The snapshot as text for people: a report, and one line."""

from __future__ import annotations

import time
from collections.abc import Iterator

from perftui.model.findings import Forecast, ForecastState, LlmState
from perftui.model.present import (
    format_age,
    format_value,
    place,
    series_name,
)
from perftui.model.profile import Profile, profile
from perftui.model.snapshot import Snapshot, SourceState
from perftui.model.target import TargetState
from perftui.model.text import plain
from perftui.model.warning import said, strongest

FUNCTIONS = 20


def report(snapshot: Snapshot) -> str:
    """The whole snapshot, what is hottest and most urgent first."""
    return "\n".join(_report(snapshot))


def line(snapshot: Snapshot) -> str:
    """The tick in one line: the state, the three hottest functions, the process, the warning."""
    seen = profile(snapshot.windows, snapshot.since, snapshot.data_at)
    hot = "  ".join(
        f"{row.own_pct:.0f} % {plain(row.key.function)[:40]}" for row in seen.functions[:3]
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
    return "  |  ".join(part for part in (process, hot, strongest(snapshot).text) if part)


def _report(snapshot: Snapshot) -> Iterator[str]:
    target = snapshot.target
    seen = profile(snapshot.windows, snapshot.since, snapshot.data_at)
    python = f"Python {target.python}" if target.python else "Python version not known"
    age = format_age(snapshot.taken_at - target.started_at)
    yield f"{plain(target.name)}  pid {target.pid}  {python}  on {plain(target.host)}"
    yield f"{snapshot.target_state.value}, started {age} ago"
    if snapshot.target_state is not TargetState.RUNNING:
        yield f"  since {format_age(snapshot.taken_at - snapshot.target_since)}"
    yield ""
    yield from _functions(seen)
    yield ""
    yield "METRICS"
    for series in snapshot.series:
        name = series_name(series.key)
        value = format_value(series.last.value, series.key.unit)
        yield f"  {name[:60]:<16} {value:>12}   {series.key.origin.value}"
    yield ""
    yield "FORECAST"
    for forecast in snapshot.forecasts:
        yield f"  {_forecast(forecast, snapshot.taken_at)}"
        for mitigation in forecast.mitigations:
            yield f"      try: {plain(mitigation.action)}"
    llm = snapshot.llm
    state = "" if llm.state is LlmState.OFF else f"{llm.state.value} "
    yield f"  LLM {state}{plain(llm.message)}".rstrip()
    troubles = [s for s in snapshot.sources if s.state is not SourceState.OK]
    if troubles:
        yield ""
        yield "SOURCES"
    for status in troubles:
        age = format_age(snapshot.taken_at - status.since)
        yield f"  {status.name} {status.state.value} for {age}: {plain(status.message)}"


def _functions(seen: Profile) -> Iterator[str]:
    if not seen.expected_ticks:
        yield "FUNCTIONS: no samples"
        return
    coverage = f"{seen.coverage:.0%}" if seen.coverage is not None else "–"
    cpu = f"{seen.sampler_cpu_pct:.0f} % CPU" if seen.sampler_cpu_pct is not None else "–"
    cut = f", cut {seen.cut_pct:.0f} %" if seen.cut_pct is not None else ""
    yield (
        f"FUNCTIONS  {seen.seconds:.1f} s at {seen.rate_hz:.0f} Hz {seen.mode}, "
        f"coverage {coverage}, errors {seen.errors}{cut}, py-spy {cpu}"
    )
    yield f"  {'own %':>6} {'±':>5} {'total %':>8}  function"
    for row in seen.functions[:FUNCTIONS]:
        where = plain(place(row.key.file, row.line))
        yield (
            f"  {row.own_pct:6.1f} {row.own_margin:5.1f} {row.total_pct:8.1f}  "
            f"{plain(row.key.function)[:60]}  {where[:60]}"
        )
    if len(seen.functions) > FUNCTIONS:
        yield f"  … and {len(seen.functions) - FUNCTIONS} more (--json has them all)"


def _forecast(forecast: Forecast, now: float) -> str:
    text = f"{plain(forecast.by)}: {plain(str(forecast.objective))}: {said(forecast, now)}"
    if forecast.summary and forecast.state is not ForecastState.LEARNING:
        text += f"; {plain(forecast.summary)}"
    return text
