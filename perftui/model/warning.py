"""The strongest warning: the one sentence that is always on the screen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import NamedTuple

from perftui.model.findings import LOCAL, Forecast, ForecastState
from perftui.model.objective import Objective
from perftui.model.present import (
    format_age,
    format_labels,
    format_probability,
    format_span,
    format_value,
    telling_labels,
)
from perftui.model.snapshot import Snapshot, SourceState
from perftui.model.target import TargetState
from perftui.model.text import plain
from perftui.model.verdict import Decision, Item

LIKELY = 0.5
"""From this chance on a forecast is a warning."""

MOST_LABELS = 40


class _Beyond(NamedTuple):
    """The newest value on an objective's wrong side, in words, and its unit."""

    now: str
    unit: str


_Violated = dict[Objective, _Beyond]


class Level(IntEnum):
    """How much it matters."""

    CALM = 0
    NOTICE = 1
    WARNING = 2
    ALARM = 3


@dataclass(frozen=True)
class Warning:  # noqa: A001 - the field's word; Python's own is never used here
    """One sentence and how much it matters; `aside` is what it does not speak of."""

    level: Level
    text: str
    aside: str = ""


def strongest(snapshot: Snapshot) -> Warning:
    """The one that matters most; of equals the first of: target, breach, forecast, a threshold that
    is crossed, source. It speaks of no forecast that is snoozed, but says how many are."""
    found = max(_warnings(snapshot), key=lambda warning: warning.level)
    snoozed = len(_snoozed(snapshot))
    if not snoozed:
        return found
    # All is not well where a warning is snoozed.
    level = max(found.level, Level.NOTICE)
    return replace(found, level=level, aside=f"{snoozed} snoozed")


def describe(forecast: Forecast) -> str:
    """What the objective is about, in words: its label, or the metric and its threshold."""
    return _described(forecast.objective, forecast.series_unit)


def said(forecast: Forecast, now: float) -> str:
    """What a forecast says at `now` (Unix seconds), without its objective."""
    if forecast.state is ForecastState.IN_BREACH:
        since = format_age(now - forecast.since) if forecast.since is not None else "–"
        return f"in breach for {since}"
    if forecast.state is ForecastState.LEARNING:
        learned = f"learning {forecast.learned} of {forecast.needed} points"
        return plain(forecast.summary) or learned
    ahead = format_span(forecast.objective.horizon_s)
    usual = forecast.base_rate
    usually = "" if usual is None else f"  (usually {format_probability(usual)})"
    return f"{format_probability(forecast.probability)} within {ahead}{usually}"


def _described(objective: Objective, unit: str) -> str:
    if objective.label:
        return plain(objective.label)
    side = "above" if objective.above else "below"
    return f"{plain(objective.metric)} {side} {format_value(objective.threshold, unit)}"


def _warnings(snapshot: Snapshot) -> Iterator[Warning]:
    ago = format_age(snapshot.taken_at - snapshot.target_since)
    if snapshot.target_state is TargetState.EXITED:
        yield Warning(Level.ALARM, f"the target EXITED {ago} ago; what is shown is its last")
    elif snapshot.target_state is TargetState.STOPPED:
        yield Warning(Level.ALARM, f"the target is STOPPED for {ago} (kill -CONT continues it)")
    elif snapshot.target_state is TargetState.LOST:
        yield Warning(Level.ALARM, f"the target is LOST for {ago}: its state cannot be read")
    violated = _violated(snapshot)
    for forecast in snapshot.forecasts:
        if forecast.state is ForecastState.IN_BREACH and forecast.since is not None:
            since = format_age(snapshot.taken_at - forecast.since)
            now = _aside(_now(violated, forecast))
            yield Warning(Level.ALARM, f"BREACH for {since}: {describe(forecast)}{now}")
    if snapshot.target_state is not TargetState.EXITED:
        yield from _likely(snapshot, violated)
        yield from _crossed(snapshot, violated)
    for status in snapshot.sources:
        if status.state is SourceState.FAILED:
            age = format_age(snapshot.taken_at - status.since)
            # Without a profile the main thing is missing; the rest goes on without a metric.
            level = Level.WARNING if status.name == "py-spy" else Level.NOTICE
            yield Warning(level, f"{status.name} failed for {age}: {plain(status.message)}")
    known = any(f.state in (ForecastState.OK, ForecastState.NO_SKILL) for f in snapshot.local)
    # Where nothing is known yet, all is not well either.
    yield Warning(Level.CALM if known else Level.NOTICE, _calm(snapshot))


def _likely(snapshot: Snapshot, violated: _Violated) -> Iterator[Warning]:
    """What the forecasts whose time is not up say, the likeliest breach first."""
    snoozed = _snoozed(snapshot)
    rated = [pair for pair in _rated(snapshot) if pair[1] not in snoozed]
    for chance, forecast in sorted(rated, key=lambda pair: -pair[0]):
        what = f"{format_probability(chance)} within {format_span(forecast.objective.horizon_s)}"
        age = format_age(snapshot.taken_at - forecast.made_at)
        signed = "" if forecast.by == LOCAL else f"{plain(forecast.by)}, {age} ago"
        what += f": {describe(forecast)}{_aside(_now(violated, forecast), signed)}"
        if chance >= LIKELY:
            yield Warning(Level.WARNING, what)
        else:
            other = "other " if snoozed else ""
            yield Warning(Level.CALM, f"no {other}warning; highest chance {what}")


def _crossed(snapshot: Snapshot, violated: _Violated) -> Iterator[Warning]:
    """Thresholds that are crossed, though not yet for so long that it is a breach."""
    known = {f.objective for f in snapshot.local if f.state is ForecastState.IN_BREACH}
    known.update(forecast.objective for forecast in _snoozed(snapshot))
    for objective, beyond in violated.items():
        if objective not in known:
            what = f"{_described(objective, beyond.unit)}: {beyond.now}"
            if objective.hold_s > 0:
                what += f", not yet for {format_span(objective.hold_s)}"
            yield Warning(Level.WARNING, what)


def _now(violated: _Violated, forecast: Forecast) -> str:
    beyond = violated.get(forecast.objective)
    return "" if beyond is None else beyond.now


def _aside(*parts: str) -> str:
    text = ", ".join(part for part in parts if part)
    return f" ({text})" if text else ""


def _violated(snapshot: Snapshot) -> _Violated:
    """The objectives on whose wrong side a series is at present, each with the worst one."""
    found: _Violated = {}
    for objective in snapshot.objectives:
        series = [one for one in snapshot.series if one.key.name == objective.metric]
        fresh = [one for one in series if not one.is_stale(snapshot.taken_at)]
        beyond = [one for one in fresh if objective.violated(one.last.value)]
        if beyond:
            worst = (max if objective.above else min)(beyond, key=lambda one: one.last.value)
            now = f"now {format_value(worst.last.value, worst.key.unit)}"
            if len(series) > 1:
                told = format_labels(telling_labels(one.key for one in series)[worst.key])
                now += f" at {plain(told, MOST_LABELS)}" if told else ""
            found[objective] = _Beyond(now, worst.key.unit)
    return found


def _rated(snapshot: Snapshot) -> list[tuple[float, Forecast]]:
    return [
        (forecast.probability, forecast)
        for forecast in snapshot.forecasts
        if forecast.state is ForecastState.OK
        and forecast.probability is not None
        and forecast.expires_at > snapshot.taken_at
    ]


def _snoozed(snapshot: Snapshot) -> list[Forecast]:
    """The warnings of which a person wants to hear nothing for a while."""
    asleep = {v.item for v in snapshot.verdicts if v.decision is Decision.SNOOZED}
    return [f for chance, f in _rated(snapshot) if chance >= LIKELY and Item.of(f) in asleep]


def _calm(snapshot: Snapshot) -> str:
    if _snoozed(snapshot):
        return "no other warning"
    # What a model says in its own words is no word of ours.
    states = {forecast.state for forecast in snapshot.local}
    if states == {ForecastState.NO_SKILL}:
        return "no warning: there is no forecastable signal"
    silent = next((f.summary for f in snapshot.local if f.summary), "")
    return f"no warning: {plain(silent)}" if silent else "no warning: the forecasts still learn"
