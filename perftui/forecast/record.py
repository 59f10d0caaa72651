"""How earlier forecasts turned out: made before the outcome, resolved when their time is up."""

from __future__ import annotations

from dataclasses import dataclass, field

from perftui.forecast.breaches import BreachLog
from perftui.model.findings import Forecast, ForecastState
from perftui.model.present import format_probability

ENOUGH = 20
"""Outcomes that must be known before the record says anything about skill."""
ENOUGH_BREACHES = 3
KEPT = 1000


@dataclass(frozen=True)
class _Outcome:
    probability: float
    base_rate: float | None
    breached: bool


@dataclass
class Record:
    """The forecasts of one forecaster for one objective on one series in this run.

    One a horizon is kept: those in between would count the same breach again.
    """

    open: list[Forecast] = field(default_factory=list)
    outcomes: list[_Outcome] = field(default_factory=list)
    _made_at: float = float("-inf")

    def note(self, forecast: Forecast) -> None:
        """Keep a forecast until its outcome is known."""
        if forecast.state not in (ForecastState.OK, ForecastState.NO_SKILL):
            return
        if forecast.probability is None:
            return
        if forecast.made_at - self._made_at < forecast.objective.horizon_s:
            return
        self._made_at = forecast.made_at
        self.open.append(forecast)

    def resolve(self, log: BreachLog, now: float) -> None:
        """Close every forecast whose horizon has passed, by what was seen since it was made.

        One whose horizon was mostly not seen has no outcome and is dropped.
        """
        still: list[Forecast] = []
        for forecast in self.open:
            # A breach that begins at the horizon's end shows only after its `for`.
            if now < forecast.expires_at + forecast.objective.hold_s:
                still.append(forecast)
                continue
            breached = log.began_in(forecast.made_at, forecast.expires_at)
            if breached is not None and forecast.probability is not None:
                self.outcomes.append(_Outcome(forecast.probability, forecast.base_rate, breached))
        self.open = still
        del self.outcomes[:-KEPT]

    def remember(
        self,
        at: float,
        probability: float,
        base_rate: float | None,
        breached: bool,
        horizon_s: float,
    ) -> None:
        """Take in what was said at `at` in an earlier run, and what came; one a horizon counts."""
        if at - self._made_at >= horizon_s:
            self._made_at = at
            self.outcomes.append(_Outcome(probability, base_rate, breached))

    def brier(self) -> tuple[float, float] | None:
        """Mean squared error of the forecasts and of the base rate beside them; None if too few."""
        pairs = [(o.probability, o.base_rate, o.breached) for o in self.outcomes]
        known = [(p, base, breached) for p, base, breached in pairs if base is not None]
        if len(known) < ENOUGH:
            return None
        own = sum((p - breached) ** 2 for p, _, breached in known) / len(known)
        usual = sum((base - breached) ** 2 for _, base, breached in known) / len(known)
        return own, usual

    def without_skill(self) -> bool:
        """Whether the forecasts were no better than the base rate."""
        scores = self.brier()
        return scores is not None and scores[0] > scores[1]

    def proven(self) -> bool:
        """Whether enough outcomes, breaches among them, show that the forecasts are better."""
        breaches = sum(outcome.breached for outcome in self.outcomes)
        scores = self.brier()
        return scores is not None and scores[0] < scores[1] and breaches >= ENOUGH_BREACHES

    def sentence(self) -> str | None:
        """The record in words; None while nothing was resolved."""
        if not self.outcomes:
            return None
        count = len(self.outcomes)
        mean = sum(outcome.probability for outcome in self.outcomes) / count
        said = format_probability(mean)
        came = sum(outcome.breached for outcome in self.outcomes)
        if count == 1:
            return f"the one forecast that was due said {said}; a breach {_came(came)}"
        breaches = f"{came} breach{'es' if came != 1 else ''}"
        return f"{count} forecasts that were due said {said} on average; {breaches} came"


def _came(count: int) -> str:
    return "came" if count else "did not come"
