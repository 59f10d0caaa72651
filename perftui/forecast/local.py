"""The local forecaster: simple experts, combined and calibrated as their outcomes come in."""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from perftui.forecast.chance import LEAST_POINTS, breach_chance
from perftui.forecast.features import NAMES, Past
from perftui.forecast.logistic import OnlineLogistic
from perftui.forecast.outcome import Outcome
from perftui.forecast.reasons import reasons
from perftui.forecast.teller import BaseRate
from perftui.model.findings import LOCAL, Evidence
from perftui.model.objective import Objective

Floats = npt.NDArray[np.float64]

INPUTS = ("constant", "base", *NAMES)
PRIOR = {"base": 0.3, "drawn": 0.2, "trend": 0.6}
"""Where the weights begin: the experts that are chances themselves are believed, as log-odds."""
SPREAD = {"base": 0.15, "drawn": 0.15, "trend": 0.15}
OTHER_SPREAD = 0.5
"""How far the weights may be from there, as standard deviations."""
USUAL, USUAL_HORIZONS = 0.05, 1.0
"""How often a breach comes before any horizon was seen, and how many horizons that is worth."""
SMOOTH = 0.1
"""A chance is drawn to those before it, within about this part of a horizon: the trend of a short,
noisy past jumps, and a warning that comes and goes is none."""
LEAST, MOST = 0.001, 0.98
"""No forecast is surer than this: nothing here is ever seen often enough."""


class Local:
    """Learns for one objective on one series which experts to believe.

    Each weight begins at the prior's; the base rate is an expert too, so what nothing else
    foretells is forecast as often as it comes.
    """

    name = LOCAL

    def __init__(self, objective: Objective) -> None:
        self._objective = objective
        self._horizon_s = objective.horizon_s
        self._past = Past(objective)
        self._base = BaseRate(objective)
        self._waiting: deque[tuple[float, Floats]] = deque()
        mean = np.array([PRIOR.get(name, 0.0) for name in INPUTS])
        spread = np.array([SPREAD.get(name, OTHER_SPREAD) for name in INPUTS])
        self._model = OnlineLogistic(mean, spread)
        self._at = 0.0
        self._learned_at = self._known_until = -math.inf
        self._last: tuple[float, float] | None = None

    def see(self, at: float, value: float, beside: Mapping[str, float]) -> None:  # noqa: ARG002
        """Keep what the series looks like."""
        self._past.see(at, value)
        self._at = at

    def learn(self, outcome: Outcome) -> None:
        """Weigh the experts by what came of a moment of which something was said. Moments tell as
        much as the time between them is of a horizon."""
        if outcome.at <= self._known_until:
            return  # an earlier run has learned it
        self._known_until = outcome.at
        self._base.learn(outcome)
        while self._waiting and self._waiting[0][0] < outcome.at:
            self._waiting.popleft()
        if self._waiting and self._waiting[0][0] == outcome.at:
            _, features = self._waiting.popleft()
            weight = min(1.0, (outcome.at - self._learned_at) / self._horizon_s)
            self._learned_at = outcome.at
            self._model.learn(features, outcome.breached, weight)

    def reasons(self, unit: str) -> tuple[Evidence, ...]:
        """Why the last chance is what it is; `unit` is the series'."""
        if not self._waiting:
            return ()
        values = self._waiting[-1][1]
        moved = self._model.weights[1:] * values
        named = zip(INPUTS[1:], values.tolist(), moved.tolist(), strict=True)
        inputs = {name: (value, move) for name, value, move in named}
        return reasons(self._past.points, self._objective, unit, inputs)

    def state(self) -> str:
        """What was learned, as JSON, for :meth:`resume` in a later run."""
        return json.dumps(
            {
                "inputs": INPUTS,
                "weights": self._model.weights.tolist(),
                "covariance": self._model.covariance.tolist(),
                "base": self._base.counts,
                "until": max(self._known_until, 0.0),
            }
        )

    def resume(self, state: str) -> bool:
        """Go on from what was learned in an earlier run; whether that fits this perftui."""
        try:
            kept = json.loads(state)
            if tuple(kept["inputs"]) != INPUTS:
                return False
            seen, breached, seconds = map(float, kept["base"])
            until = float(kept["until"])
            self._model.resume(np.array(kept["weights"]), np.array(kept["covariance"]))
        except (ValueError, KeyError, TypeError):
            return False
        self._base.counts = int(seen), int(breached), seconds
        self._known_until = until
        return True

    def chance(self) -> float | None:
        """See the class."""
        chance = self._weighed()
        if chance is None:
            return None
        if self._last is not None:
            elapsed = self._at - self._last[0]
            share = 1 - math.exp(-elapsed / (SMOOTH * self._horizon_s))
            chance = self._last[1] + share * (chance - self._last[1])
        self._last = self._at, chance
        return chance

    def _weighed(self) -> float | None:
        """The chance of the newest point by itself."""
        seen = self._past.features()
        if seen is None:
            # Points that come too oddly for cells of one length still have a trend.
            points = self._past.points
            return breach_chance(points, self._objective) if len(points) >= LEAST_POINTS else None
        usual = self._base.rate(USUAL, USUAL_HORIZONS)
        features = np.append(math.log(usual / (1 - usual)), seen)
        if not self._waiting or self._waiting[-1][0] < self._at:
            self._waiting.append((self._at, features))
        return max(LEAST, min(MOST, self._model.chance(features)))
