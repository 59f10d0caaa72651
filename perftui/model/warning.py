"""The strongest warning: the one sentence that is always on the screen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from perftui.model.findings import Forecast, ForecastState
from perftui.model.present import format_age, format_probability, format_span, format_value
from perftui.model.snapshot import Snapshot, SourceState
from perftui.model.target import TargetState
from perftui.model.text import plain

LIKELY = 0.5
"""From this chance on a forecast is a warning."""


class Level(IntEnum):
    """How much it matters."""

    CALM = 0
    NOTICE = 1
    WARNING = 2
    ALARM = 3


@dataclass(frozen=True)
class Warning:  # noqa: A001 - the field's word; Python's own is never used here
    """One sentence and how much it matters."""

    level: Level
    text: str


def strongest(snapshot: Snapshot) -> Warning:
    """The one that matters most; of equals the first of: target, breach, forecast, source."""
    return max(_warnings(snapshot), key=lambda warning: warning.level)


def describe(forecast: Forecast) -> str:
    """What the objective is about, in words: its label, or the metric and its threshold."""
    objective = forecast.objective
    if objective.label:
        return plain(objective.label)
    side = "above" if objective.above else "below"
    threshold = format_value(objective.threshold, forecast.series_unit)
    return f"{plain(objective.metric)} {side} {threshold}"


def _warnings(snapshot: Snapshot) -> Iterator[Warning]:
    ago = format_age(snapshot.taken_at - snapshot.target_since)
    if snapshot.target_state is TargetState.EXITED:
        yield Warning(Level.ALARM, f"the target EXITED {ago} ago; what is shown is its last")
    elif snapshot.target_state is TargetState.STOPPED:
        yield Warning(Level.ALARM, f"the target is STOPPED for {ago} (kill -CONT continues it)")
    elif snapshot.target_state is TargetState.LOST:
        yield Warning(Level.ALARM, f"the target is LOST for {ago}: its state cannot be read")
    for forecast in snapshot.forecasts:
        if forecast.state is ForecastState.IN_BREACH and forecast.since is not None:
            since = format_age(snapshot.taken_at - forecast.since)
            yield Warning(Level.ALARM, f"BREACH for {since}: {describe(forecast)}")
    likely = sorted(
        (
            f
            for f in snapshot.forecasts
            if f.state is ForecastState.OK and f.probability is not None
        ),
        key=lambda forecast: -(forecast.probability or 0.0),
    )
    for forecast in likely:
        chance = format_probability(forecast.probability)
        ahead = format_span(forecast.objective.horizon_s)
        is_likely = (forecast.probability or 0.0) >= LIKELY
        who = "" if forecast.by == "local" else f" ({plain(forecast.by)})"
        yield Warning(
            Level.WARNING if is_likely else Level.CALM,
            f"{chance} within {ahead}: {describe(forecast)}{who}"
            if is_likely
            else f"no warning; highest chance {chance} within {ahead}: {describe(forecast)}",
        )
    for status in snapshot.sources:
        if status.state is SourceState.FAILED:
            age = format_age(snapshot.taken_at - status.since)
            # Without a profile the main thing is missing; the rest goes on without a metric.
            level = Level.WARNING if status.name == "py-spy" else Level.NOTICE
            yield Warning(level, f"{status.name} failed for {age}: {plain(status.message)}")
    yield Warning(Level.CALM, "no warning: the forecasts are still learning")
