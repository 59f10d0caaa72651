"""How an objective stands: ok, at risk, breached, or no data; a word and a shape for each."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from itertools import zip_longest

from perftui.model.findings import ForecastState
from perftui.model.objective import Objective
from perftui.model.series import Point
from perftui.model.snapshot import Snapshot
from perftui.model.warning import LIKELY


class Standing(StrEnum):
    """How an objective stands."""

    OK = "ok"
    AT_RISK = "at risk"
    BREACHED = "breached"
    NO_DATA = "no data"


SHAPES = {
    Standing.OK: "✓",
    Standing.AT_RISK: "▲",
    Standing.BREACHED: "✗",
    Standing.NO_DATA: "?",
}


def standing(objective: Objective, snapshot: Snapshot, value: float | None) -> Standing:
    """How it stands with a series whose newest value is `value`, None where none counts any more.

    At risk is what is violated but not yet for its `for`, and what the local forecast says is
    rather likely than not. Of several series of a metric the forecast is about the worst of those
    that go on: others stand as their own values do.
    """
    said = [f for f in snapshot.local if f.objective == objective]
    values = [
        series.last.value
        for series in snapshot.series
        if series.key.name == objective.metric and not series.is_stale(snapshot.taken_at)
    ]
    worst = max if objective.above else min
    is_meant = len(values) < 2 or value == worst(values)
    is_violated = value is not None and objective.violated(value)
    in_breach = any(forecast.state is ForecastState.IN_BREACH for forecast in said)
    if in_breach and (is_meant or is_violated):
        return Standing.BREACHED
    if value is None:
        return Standing.NO_DATA
    likely = any((f.probability or 0.0) >= LIKELY for f in said if f.state is ForecastState.OK)
    return Standing.AT_RISK if is_violated or (likely and is_meant) else Standing.OK


def burn(objective: Objective, points: Sequence[Point], step_s: float) -> float:
    """How much of the time of these points the objective was violated, 0 to 1.

    A point tells of the time until the next one, of at most three usual steps of `step_s` seconds.
    """
    told = violated = 0.0
    for point, following in zip_longest(points, points[1:]):
        length = step_s if following is None else min(following.at - point.at, 3 * step_s)
        told += length
        violated += length * objective.violated(point.value)
    return violated / told if told else 0.0
