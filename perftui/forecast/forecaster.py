"""The local forecaster: one forecast per objective, from its series alone, and their record."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from perftui.forecast.breaches import BreachLog
from perftui.forecast.record import Record
from perftui.model.findings import LOCAL, Forecast, ForecastState
from perftui.model.objective import Objective, format_duration
from perftui.model.series import Series, SeriesKey

NEEDED_POINTS = 30
"""Fewer points than this make no trend worth showing."""
UNCHECKED_CAP = 0.79
"""The highest chance shown before the record on this target proves the forecaster right."""
SMOOTH = 0.1
STALE_S = 30.0
STALE_STEPS = 3
"""A series without a newer point than `STALE_S` or so many of its steps is not forecast."""


@dataclass
class Track:
    """What was seen of an objective on one series, and what was forecast for it."""

    log: BreachLog
    record: Record = field(default_factory=Record)
    last: Forecast | None = None

    def is_stale(self, age_s: float) -> bool:
        """Whether a series whose newest point is so old has stopped."""
        return age_s > max(STALE_S, STALE_STEPS * (self.log.step_s or 0.0))

    def smooth(self, made: Forecast) -> Forecast:
        """`made` with its chance drawn to those before it, within about `SMOOTH` of a horizon.

        The trend of a short, noisy past jumps, and a warning that comes and goes is none.
        """
        last, self.last = self.last, made
        if last is None or last.probability is None or made.probability is None:
            return made
        if made.state is not ForecastState.OK or last.state is not ForecastState.OK:
            return made
        elapsed = made.made_at - last.made_at
        share = 1 - math.exp(-elapsed / (SMOOTH * made.objective.horizon_s))
        chance = last.probability + share * (made.probability - last.probability)
        self.last = replace(made, probability=chance)
        return self.last


class Forecaster:
    """Makes the forecasts of one watch, and keeps the record of how they turned out."""

    def __init__(self, objectives: Sequence[Objective]) -> None:
        self._objectives = tuple(objectives)
        self._tracks: dict[tuple[Objective, SeriesKey], Track] = {}

    def change(self, objectives: Sequence[Objective]) -> None:
        """Other objectives from now on; what is known of those that stay is kept."""
        self._objectives = tuple(objectives)

    def forecast(
        self, now: float, history: Callable[[str], Sequence[Series]]
    ) -> tuple[Forecast, ...]:
        """A forecast for each objective at `now` (Unix seconds).

        `history` gives the series of a metric, points oldest first; of several the one that is in
        breach counts, else the one nearest to it. To be called at least every few minutes: older
        points may be means already.
        """
        made: list[Forecast] = []
        for objective in self._objectives:
            followed = [
                (series, self._follow(series, objective, now))
                for series in history(objective.metric)
            ]
            series, track = _nearest(followed, objective, now)
            made.append(track.smooth(forecast(series, objective, now, track)))
            track.record.note(made[-1])
        return tuple(made)

    def _follow(self, series: Series, objective: Objective, now: float) -> Track:
        track = self._tracks.setdefault((objective, series.key), Track(BreachLog(objective)))
        track.log.add(point for point in series.points if point.at <= now)
        track.record.resolve(track.log, now)
        return track


def _nearest(
    followed: Sequence[tuple[Series, Track]], objective: Objective, now: float
) -> tuple[Series | None, Track]:
    """Of several series of one metric the one that matters most; one that has stopped is last."""
    if not followed:
        return None, Track(BreachLog(objective))
    sign = 1 if objective.above else -1

    def weight(candidate: tuple[Series, Track]) -> tuple[bool, bool, float]:
        series, track = candidate
        fresh = not track.is_stale(now - series.last.at)
        return fresh, track.log.since is not None, sign * series.last.value

    return max(followed, key=weight)


def forecast(series: Series | None, objective: Objective, now: float, track: Track) -> Forecast:
    """What is likely for `objective` at `now` (Unix seconds), from the points up to then.

    `track` is what was seen and forecast for it so far; it is asked, and not changed.
    """
    points = [p for p in series.points if p.at <= now] if series is not None else []
    base = Forecast(
        id=f"{LOCAL}:{objective} within {format_duration(objective.horizon_s)}",
        objective=objective,
        state=ForecastState.LEARNING,
        by=LOCAL,
        made_at=now,
        expires_at=now + objective.horizon_s,
        record=track.record.sentence(),
        learned=min(len(points), NEEDED_POINTS),
        needed=NEEDED_POINTS,
        series_unit=series.key.unit if series is not None else "",
    )
    if not points:
        return replace(base, summary=f"no value of {objective.metric} yet")
    if track.is_stale(now - points[-1].at):
        age = f"{now - points[-1].at:.0f} s"
        return replace(base, summary=f"no new value of {objective.metric} for {age}")
    if track.log.since is not None:
        return replace(base, state=ForecastState.IN_BREACH, since=track.log.since)
    if len(points) < NEEDED_POINTS:
        return base
    usual = track.log.base_rate()
    if track.record.without_skill():
        return replace(
            base,
            state=ForecastState.NO_SKILL,
            probability=usual,
            base_rate=usual,
            summary="no forecastable signal so far: this is the base rate",
        )
    # numpy takes a moment to load: not before there is something to compute.
    from perftui.forecast.chance import breach_chance

    chance = breach_chance(points, objective)
    capped = not track.record.proven() and chance > UNCHECKED_CAP
    return replace(
        base,
        state=ForecastState.OK,
        probability=UNCHECKED_CAP if capped else chance,
        base_rate=usual,
        summary=f"{UNCHECKED_CAP:.0%} is the most before its record proves it" if capped else "",
    )
