"""One objective on one series over a watch: what was seen, said of it, and what came of that."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from perftui.forecast.breaches import BreachLog
from perftui.forecast.keeping import Keeping
from perftui.forecast.outcome import Outcome, Outcomes
from perftui.forecast.record import Record
from perftui.forecast.warn import WarningRecord
from perftui.model.findings import LOCAL, Forecast, ForecastState
from perftui.model.series import Point, SeriesKey

if TYPE_CHECKING:
    from perftui.forecast.local import Local
    from perftui.forecast.teller import Teller

NEEDED_POINTS = 30
"""Fewer points than this make no trend worth showing."""
STALE_S = 30.0
STALE_STEPS = 3
"""A series without a newer point than `STALE_S` or so many of its steps is not forecast."""
KEEP_LEARNED_S = 120.0


@dataclass
class Track:
    """What was seen of an objective on the series `key`, and what was forecast for it.

    With `keeping` and `key` it goes on from what earlier runs have kept, and keeps what it says.
    """

    log: BreachLog
    record: Record = field(default_factory=Record)
    key: SeriesKey | None = None
    keeping: Keeping | None = None
    local: Local | None = None
    warnings: WarningRecord = field(init=False)
    _others: tuple[Teller, ...] = ()
    _outcomes: Outcomes = field(init=False)
    _asked: deque[float] = field(default_factory=deque)
    _at: float = float("-inf")
    _kept_at: float = float("-inf")

    def __post_init__(self) -> None:
        self._outcomes = Outcomes(self.log.objective)
        self.warnings = WarningRecord(self.log.objective.horizon_s)

    def is_stale(self, age_s: float) -> bool:
        """Whether a series whose newest point is so old has stopped."""
        return age_s > max(STALE_S, STALE_STEPS * (self.log.step_s or 0.0))

    def sentence(self) -> str | None:
        """How earlier forecasts turned out, None while none has."""
        return self.warnings.sentence() or self.record.sentence()

    def follow(self, points: Sequence[Point], now: float) -> None:
        """Look at those of the points, oldest first, that are newer than the last one."""
        self.log.add(points)
        if self.local is None:
            if len(points) < NEEDED_POINTS:
                return
            self._begin()
        known: list[Outcome] = []
        for point in points[bisect_right(points, self._at, key=lambda p: p.at) :]:
            known += self._look(point)
        self.record.resolve(self.log, now)
        if self.keeping is not None and self.key is not None:
            self.keeping.outcomes(self.log.objective, self.key, known, now)

    def _begin(self) -> None:
        # numpy takes a moment to load: not before there is something to compute.
        from perftui.forecast.local import Local
        from perftui.forecast.teller import BaseRate, Holt, PredictLinear

        objective = self.log.objective
        self.local = Local(objective)
        self._others = (PredictLinear(objective), Holt(objective), BaseRate(objective))
        if self.keeping is None or self.key is None:
            return
        resolved, onsets, learned = self.keeping.past(objective, self.key)
        if learned is not None:
            self.local.resume(learned)
        said = [one for one in resolved if LOCAL in one.chances]
        waiting = deque(onsets)
        for one in said:
            while waiting and waiting[0] <= one.made_at:
                self.warnings.breach(waiting.popleft())
            self.warnings.note(one.made_at, one.chances[LOCAL])
            self.warnings.resolve(Outcome(one.made_at, one.breached))
            self.record.remember(
                one.made_at,
                one.chances[LOCAL],
                one.chances.get("base_rate"),
                one.breached,
                objective.horizon_s,
            )
        for onset in waiting:
            self.warnings.breach(onset)

    def _look(self, point: Point) -> list[Outcome]:
        """Take in one more point; the outcomes of what was said that it makes known."""
        assert self.local is not None  # noqa: S101 - follow has made it
        self._at = point.at
        before = len(self._outcomes.breaches)
        known: list[Outcome] = []
        for outcome in self._outcomes.add(point):
            for teller in (self.local, *self._others):
                teller.learn(outcome)
            while self._asked and self._asked[0] < outcome.at:
                self._asked.popleft()
            if self._asked and self._asked[0] == outcome.at:
                self._asked.popleft()
                self.warnings.resolve(outcome)
                known.append(outcome)
        for breach in self._outcomes.breaches[before:]:
            self.warnings.breach(breach.onset)
            if self.keeping is not None and self.key is not None:
                self.keeping.breach(self.log.objective, self.key, breach)
        for teller in (self.local, *self._others):
            teller.see(point.at, point.value, {})
        return known

    def note(self, made: Forecast) -> None:
        """Keep what was just said, of the newest point, until its outcome is known."""
        self.record.note(made)
        said = made.state in (ForecastState.OK, ForecastState.NO_SKILL)
        if made.probability is None or not said or self._outcomes.in_breach:
            return
        if self._asked and self._asked[-1] >= self._at:
            return  # nothing has come since the last one
        self._asked.append(self._at)
        self.warnings.note(self._at, made.probability)
        if self.keeping is None or self.key is None or self.local is None:
            return
        chances = {LOCAL: made.probability}
        for teller in self._others:
            chance = teller.chance()
            if chance is not None:
                chances[teller.name] = chance
        self.keeping.forecast(self.log.objective, self.key, self._at, chances)
        if made.made_at - self._kept_at >= KEEP_LEARNED_S:
            self._kept_at = made.made_at
            self.keep_learned()

    def keep_learned(self) -> None:
        """Keep what the local forecaster has learned, for the next run."""
        if self.keeping is not None and self.key is not None and self.local is not None:
            self.keeping.learned(self.log.objective, self.key, self.local.state())
