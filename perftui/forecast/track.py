"""One objective on one series over a watch: what was seen, said of it, and what came of that."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from perftui.forecast.beside import NOTHING, Beside
from perftui.forecast.breaches import BreachLog
from perftui.forecast.keeping import Keeping
from perftui.forecast.outcome import Breach, Outcome
from perftui.forecast.prior import Covered, covered
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
    _tellers: tuple[Teller, ...] = ()
    _early: list[tuple[Point, list[Outcome], Beside]] = field(default_factory=list)
    _asked: deque[float] = field(default_factory=deque)
    _heard: dict[str, Forecast] = field(default_factory=dict)
    _at: float = float("-inf")
    _kept_at: float = float("-inf")

    def __post_init__(self) -> None:
        self.warnings = WarningRecord(self.log.objective.horizon_s)

    def is_stale(self, age_s: float) -> bool:
        """Whether a series whose newest point is so old has stopped."""
        return age_s > max(STALE_S, STALE_STEPS * (self.log.step_s or 0.0))

    def sentence(self) -> str | None:
        """How earlier forecasts turned out, None while none has."""
        return self.warnings.sentence() or self.record.sentence()

    def shown_elsewhere(self) -> Covered | None:
        """What the lab has shown of such a case, as long as nothing is known here."""
        if self.record.brier() is not None:
            return None
        return covered(self.log.objective.horizon_s, self.log.step_s)

    def follow(self, points: Sequence[Point], now: float, beside: Beside = NOTHING) -> None:
        """Look at those of the points, oldest first, that are newer than the last one; `beside` is
        what lies beside the newest."""
        known: list[Outcome] = []
        for point in points[bisect_right(points, self._at, key=lambda p: p.at) :]:
            self._at, before = point.at, self.log.since
            outcomes = self.log.add([point])
            if self.local is None:
                self._early.append((point, outcomes, beside))
                continue
            self._show(point, outcomes, beside)
            known += self._judge(outcomes)
            if self.log.since is not None and self.log.since != before:
                self._has_begun(Breach(self.log.since, point.at))
        if self.local is None and len(self._early) >= NEEDED_POINTS:
            self._begin(now)
        self.record.resolve(self.log, now)
        if self.keeping is not None and self.key is not None:
            self.keeping.outcomes(self.log.objective, self.key, known, now)

    def _begin(self, now: float) -> None:
        # numpy takes a moment to load: not before there is something to compute.
        from perftui.forecast.local import Local
        from perftui.forecast.teller import BaseRate, Holt, PredictLinear

        objective = self.log.objective
        self.local = Local(objective)
        others = (PredictLinear(objective), Holt(objective), BaseRate(objective))
        self._tellers = (self.local, *others)
        if self.keeping is not None and self.key is not None:
            self._remember(self.local, self.keeping, self.key, now)
        for point, outcomes, beside in self._early:
            self._show(point, outcomes, beside)
        self._early.clear()

    def _remember(self, local: Local, keeping: Keeping, key: SeriesKey, now: float) -> None:
        """Go on from what earlier runs have kept. What was said later than `now` (Unix seconds) was
        said by a clock that was ahead."""
        from perftui.forecast.teller import BASE_RATE

        objective = self.log.objective
        resolved, onsets, learned = keeping.past(objective, key)
        if learned is not None:
            local.resume(learned, now)
        said = [one for one in resolved if LOCAL in one.chances and one.made_at <= now]
        waiting = deque(onset for onset in onsets if onset <= now)
        for one in said:
            while waiting and waiting[0] <= one.made_at:
                self.warnings.breach(waiting.popleft())
            self.warnings.note(one.made_at, one.chances[LOCAL])
            self.warnings.resolve(Outcome(one.made_at, one.breached))
            self.record.remember(
                one.made_at,
                one.chances[LOCAL],
                one.chances.get(BASE_RATE),
                one.breached,
                objective.horizon_s,
            )
        for onset in waiting:
            self.warnings.breach(onset)

    def _show(self, point: Point, outcomes: Sequence[Outcome], beside: Beside) -> None:
        """Let every forecaster see one more point, and hear the outcomes that it makes known."""
        for teller in self._tellers:
            for outcome in outcomes:
                teller.learn(outcome)
            teller.see(point.at, point.value, beside)

    def _judge(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Those of the outcomes that are of moments of which something was said."""
        known: list[Outcome] = []
        for outcome in outcomes:
            while self._asked and self._asked[0] < outcome.at:
                self._asked.popleft()
            if self._asked and self._asked[0] == outcome.at:
                self._asked.popleft()
                self.warnings.resolve(outcome)
                known.append(outcome)
        return known

    def _has_begun(self, breach: Breach) -> None:
        self._heard.clear()
        self.warnings.breach(breach.onset)
        if self.keeping is not None and self.key is not None:
            self.keeping.breach(self.log.objective, self.key, breach)

    def hear(self, answer: Forecast) -> None:
        """Keep a model's answer until something is said here, in place of its last one. One that a
        breach has overtaken says nothing of what is to come."""
        ends = (end for _, end in self.log.breaches)
        if self.log.since is None and all(end < answer.made_at for end in ends):
            self._heard[answer.by] = answer

    def forget_answers(self) -> None:
        """What models said is not of this target."""
        self._heard.clear()

    def _answers(self) -> dict[str, float]:
        """What models said before the newest point and within a horizon of it; each once.

        They spoke first, so none of them can have known more than is known here.
        """
        due = [answer for answer in self._heard.values() if answer.made_at <= self._at]
        for answer in due:
            del self._heard[answer.by]
        return {
            answer.by: answer.probability
            for answer in due
            if answer.probability is not None and self._at < answer.expires_at
        }

    def note(self, made: Forecast) -> None:
        """Keep what was just said, of the newest point, until its outcome is known."""
        self.record.note(made)
        said = made.state in (ForecastState.OK, ForecastState.NO_SKILL)
        if made.probability is None or not said or self.log.since is not None:
            return
        if self._asked and self._asked[-1] >= self._at:
            return  # nothing has come since the last one
        self._asked.append(self._at)
        self.warnings.note(self._at, made.probability)
        if self.keeping is None or self.key is None:
            return
        said_by = {t.name: t.chance() for t in self._tellers if t.name != LOCAL}
        chances = {name: chance for name, chance in said_by.items() if chance is not None}
        # A model that is called like one of these does not speak for it.
        chances = self._answers() | chances | {LOCAL: made.probability}
        self.keeping.forecast(self.log.objective, self.key, self._at, chances)
        if made.made_at - self._kept_at >= KEEP_LEARNED_S:
            self._kept_at = made.made_at
            self.keep_learned()

    def keep_learned(self) -> None:
        """Keep what the local forecaster has learned, for the next run."""
        if self.keeping is not None and self.key is not None and self.local is not None:
            self.keeping.learned(self.log.objective, self.key, self.local.state())
