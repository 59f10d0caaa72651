"""How earlier forecasts turned out: made before the outcome, resolved when their time is up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from perftui.model.findings import Forecast, ForecastState
from perftui.model.objective import Objective
from perftui.model.series import Point

ENOUGH = 20
"""Outcomes that must be known before the record says anything about skill."""
ENOUGH_BREACHES = 3
KEPT = 1000
PER_HORIZON = 20
"""Forecasts of one horizon that are kept: those that follow faster say the same thing again."""


@dataclass(frozen=True)
class _Outcome:
    probability: float
    base_rate: float | None
    breached: bool


@dataclass
class Record:
    """The forecasts of one forecaster for one objective in this run, and what came of them."""

    open: list[Forecast] = field(default_factory=list)
    outcomes: list[_Outcome] = field(default_factory=list)

    def note(self, forecast: Forecast) -> None:
        """Keep a forecast until its outcome is known."""
        if forecast.state not in (ForecastState.OK, ForecastState.NO_SKILL):
            return
        if forecast.probability is None:
            return
        apart = forecast.objective.horizon_s / PER_HORIZON
        if self.open and forecast.made_at - self.open[-1].made_at < apart:
            return
        self.open.append(forecast)

    def resolve(self, points: Sequence[Point], now: float) -> None:
        """Close every forecast whose horizon has passed, by the points seen since it was made.

        A horizon without any point has no outcome and is dropped.
        """
        still: list[Forecast] = []
        for forecast in self.open:
            # A breach that begins at the horizon's end shows only after its `for`.
            if now < forecast.expires_at + forecast.objective.hold_s:
                still.append(forecast)
                continue
            breached = began_within(points, forecast)
            if breached is not None and forecast.probability is not None:
                self.outcomes.append(_Outcome(forecast.probability, forecast.base_rate, breached))
        self.open = still
        del self.outcomes[:-KEPT]

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
        said = sum(outcome.probability for outcome in self.outcomes) / count
        came = sum(outcome.breached for outcome in self.outcomes)
        return f"{count} earlier forecasts said {said:.0%} on average; {came} came true"


def began_within(points: Sequence[Point], forecast: Forecast) -> bool | None:
    """Whether a breach began between the making and the expiry of `forecast`; None without points.

    Points are oldest first.
    """
    objective: Objective = forecast.objective
    seen = False
    onset: float | None = None
    for point in points:
        if point.at <= forecast.made_at:
            continue
        seen = seen or point.at <= forecast.expires_at
        if not objective.violated(point.value):
            onset = None
            continue
        if onset is None:
            if point.at > forecast.expires_at:
                break
            onset = point.at
        if point.at - onset >= objective.hold_s:
            return True
    return False if seen else None
