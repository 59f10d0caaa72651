"""The local forecaster: one forecast per objective, from its series alone, and their record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from perftui.forecast.record import Record
from perftui.model.findings import Forecast, ForecastState
from perftui.model.objective import Objective, breach_onset
from perftui.model.series import Series

BY = "local"
NEEDED_POINTS = 30
"""Fewer points than this make no trend worth showing."""
UNCHECKED_CAP = 0.79
"""The highest chance shown before the record on this target proves the forecaster right."""
STALE_S = 30.0
"""A series without a newer point than this is not forecast."""


class Forecaster:
    """Makes the forecasts of one watch, and keeps the record of how they turned out."""

    def __init__(self, objectives: Sequence[Objective]) -> None:
        self._records = {objective: Record() for objective in objectives}

    def forecast(
        self, now: float, history: Callable[[str], Sequence[Series]]
    ) -> tuple[Forecast, ...]:
        """A forecast for each objective at `now` (Unix seconds).

        `history` gives the series of a metric; of several, the one nearest to its breach counts.
        """
        made: list[Forecast] = []
        for objective, record in self._records.items():
            series = nearest(history(objective.metric), objective)
            if series is not None:
                record.resolve(series.points, now)
            made.append(forecast(series, objective, now, record))
            record.note(made[-1])
        return tuple(made)


def nearest(found: Sequence[Series], objective: Objective) -> Series | None:
    """Of several series of one metric the one whose last value is nearest to a breach."""
    sign = 1 if objective.above else -1
    return max(found, key=lambda series: sign * series.last.value, default=None)


def forecast(series: Series | None, objective: Objective, now: float, record: Record) -> Forecast:
    """What is likely for `objective` at `now` (Unix seconds), from the points up to then.

    `record` is how earlier forecasts for it turned out; it is asked, and not changed.
    """
    points = [p for p in series.points if p.at <= now] if series is not None else []
    base = Forecast(
        id=f"{BY}:{objective}",
        objective=objective,
        state=ForecastState.LEARNING,
        by=BY,
        made_at=now,
        expires_at=now + objective.horizon_s,
        record=record.sentence(),
        learned=min(len(points), NEEDED_POINTS),
        needed=NEEDED_POINTS,
        series_unit=series.key.unit if series is not None else "",
    )
    if not points:
        return replace(base, summary=f"no value of {objective.metric} yet")
    if now - points[-1].at > STALE_S:
        age = f"{now - points[-1].at:.0f} s"
        return replace(base, summary=f"no new value of {objective.metric} for {age}")
    onset = breach_onset(points, objective)
    if onset is not None:
        return replace(base, state=ForecastState.IN_BREACH, since=onset)
    if len(points) < NEEDED_POINTS:
        return base
    # numpy takes a moment to load: not before there is something to compute.
    from perftui.forecast.chance import base_rate, breach_chance

    usual = base_rate(points, objective)
    if record.without_skill():
        return replace(
            base,
            state=ForecastState.NO_SKILL,
            probability=usual,
            base_rate=usual,
            summary="no forecastable signal so far: this is the base rate",
        )
    chance = breach_chance(points, objective)
    capped = not record.proven() and chance > UNCHECKED_CAP
    return replace(
        base,
        state=ForecastState.OK,
        probability=UNCHECKED_CAP if capped else chance,
        base_rate=usual,
        summary="capped until its record here is longer" if capped else "",
    )
