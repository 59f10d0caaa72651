"""The forecasts of one watch: one per objective, from its series, and the record of them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import replace

from perftui.forecast.beside import NOTHING, Beside, beside
from perftui.forecast.breaches import BreachLog
from perftui.forecast.keeping import Keeping
from perftui.forecast.track import NEEDED_POINTS, Track
from perftui.model.findings import LOCAL, Forecast, ForecastState
from perftui.model.objective import Objective, format_duration
from perftui.model.present import series_name
from perftui.model.series import Series, SeriesKey
from perftui.model.timeline import Timeline

UNCHECKED_CAP = 0.79
"""The highest chance shown before a record proves the forecaster right: that on this target, or
while there is none that of the lab in such cases."""
HISTORY_S = 86400.0
"""How far back it looks."""
PER_HORIZON, MOST_S = 60, 60.0
"""So often in a horizon, and once in `MOST_S` at least, a chance is computed and written down."""


class Forecaster:
    """Makes the forecasts of one watch, and keeps the record of how they turned out: with `keeping`
    from run to run."""

    def __init__(self, objectives: Sequence[Objective], keeping: Keeping | None = None) -> None:
        self._objectives = tuple(objectives)
        self._keeping = keeping
        self._tracks: dict[tuple[Objective, SeriesKey], Track] = {}
        self._last: dict[Objective, tuple[Track, Forecast]] = {}
        self._heard: set[str] = set()

    def change(self, objectives: Sequence[Objective]) -> None:
        """Other objectives from now on; what is known of those that stay is kept."""
        self._objectives = tuple(objectives)

    def hear(self, answers: Sequence[Forecast]) -> None:
        """What models say at present. Each chance is written down once, under the model's name,
        beside what is said here next of the objective and the series that it is about."""
        told = [answer for answer in answers if answer.probability is not None]
        for answer in told:
            about = answer.objective, answer.labels
            tracks = (t for (o, key), t in self._tracks.items() if (o, key.labels) == about)
            track = next(tracks, None)
            if track is not None and answer.id not in self._heard:
                track.hear(answer)
        self._heard = {answer.id for answer in told}

    def forget_answers(self) -> None:
        """What models said is not written down any more: it was said of another target."""
        for track in list(self._tracks.values()):  # another thread adds to them
            track.forget_answers()

    def look(
        self, timeline: Timeline, now: float, answers: Sequence[Forecast] = ()
    ) -> tuple[Forecast, ...]:
        """:meth:`forecast` of what the timeline holds at `now`; `answers` are heard before."""
        self.hear(answers)
        since = now - HISTORY_S
        return self.forecast(now, lambda name: timeline.named(name, since), beside(timeline, now))

    def forecast(
        self, now: float, history: Callable[[str], Sequence[Series]], known: Beside = NOTHING
    ) -> tuple[Forecast, ...]:
        """A forecast for each objective at `now` (Unix seconds), from its series and from what lies
        beside it.

        `history` gives the series of a metric, points oldest first; of several the one that is in
        breach counts, else the one nearest to it. To be called at least every few minutes: older
        points may be means already.
        """
        made: list[Forecast] = []
        seen: set[tuple[Objective, SeriesKey]] = set()
        for objective in self._objectives:
            followed = [
                (series, self._follow(series, objective, now, known))
                for series in history(objective.metric)
            ]
            seen.update((objective, series.key) for series, _ in followed)
            series, track = _nearest(followed, objective, now)
            is_stale = series is not None and track.is_stale(now - series.last.at)
            found = None if is_stale else self._still_good(track, objective, now)
            if found is None:
                found = forecast(series, objective, now, track)
                track.note(found)
                self._last[objective] = track, found
            made.append(found)
        # Labels that come and go must not fill the memory.
        for gone in self._tracks.keys() - seen:
            self._tracks.pop(gone).keep_learned()
        return tuple(made)

    def close(self) -> None:
        """Keep what was learned, and close the log; on the thread that has made the forecasts."""
        for track in self._tracks.values():
            track.keep_learned()
        if self._keeping is not None:
            self._keeping.close()

    def _still_good(self, track: Track, objective: Objective, now: float) -> Forecast | None:
        """The last forecast where it is too young to be made again."""
        last_track, last = self._last.get(objective, (None, None))
        if last is None or last_track is not track or last.state is not ForecastState.OK:
            return None
        young = now - last.made_at < min(MOST_S, objective.horizon_s / PER_HORIZON)
        return last if young and track.log.since is None else None

    def _follow(self, series: Series, objective: Objective, now: float, known: Beside) -> Track:
        track = self._tracks.get((objective, series.key))
        if track is None:
            track = Track(BreachLog(objective), key=series.key, keeping=self._keeping)
            self._tracks[objective, series.key] = track
        until = bisect_right(series.points, now, key=lambda p: p.at)
        track.follow(series.points[:until], now, known.of_others(series_name(series.key)))
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

    `track` is what was seen and forecast for it so far, up to the same points.
    """
    points = [p for p in series.points if p.at <= now] if series is not None else []
    base = Forecast(
        id=f"{LOCAL}:{objective} within {format_duration(objective.horizon_s)}",
        objective=objective,
        state=ForecastState.LEARNING,
        by=LOCAL,
        made_at=now,
        expires_at=now + objective.horizon_s,
        record=track.sentence(),
        learned=min(len(points), NEEDED_POINTS),
        needed=NEEDED_POINTS,
        series_unit=series.key.unit if series is not None else "",
        labels=series.key.labels if series is not None else (),
    )
    if not points:
        return replace(base, summary=f"no value of {objective.metric} yet")
    if track.is_stale(now - points[-1].at):
        age = f"{now - points[-1].at:.0f} s"
        return replace(base, summary=f"no new value of {objective.metric} for {age}")
    if track.log.since is not None:
        return replace(base, state=ForecastState.IN_BREACH, since=track.log.since)
    chance = track.local.chance() if track.local is not None else None
    if chance is None:
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
    summary = ""
    if chance > UNCHECKED_CAP and not track.record.proven():
        shown = track.shown_elsewhere()
        if shown is None:
            chance = UNCHECKED_CAP
            summary = f"{UNCHECKED_CAP:.0%} is the most before its record proves it"
        else:
            summary = (
                f"no proof here yet: in the lab {shown.true} of {shown.warnings} such warnings"
                " came true"
            )
    return replace(
        base,
        state=ForecastState.OK,
        probability=chance,
        base_rate=usual,
        evidence=track.local.reasons(base.series_unit) if track.local is not None else (),
        summary=summary,
    )
