"""The local forecaster: simple experts, combined and calibrated as their outcomes come in."""

from __future__ import annotations

import json
import math
from collections import deque

import numpy as np
import numpy.typing as npt

from perftui.forecast.beside import Beside
from perftui.forecast.chance import LEAST_POINTS, breach_chance
from perftui.forecast.features import NAMES, Past
from perftui.forecast.leading import LEADING, Leading
from perftui.forecast.logistic import OnlineLogistic
from perftui.forecast.outcome import Outcome
from perftui.forecast.prior import LOCAL_METRICS, Prior, shipped
from perftui.forecast.reasons import reasons
from perftui.forecast.teller import BaseRate
from perftui.model.findings import LOCAL, Evidence
from perftui.model.objective import Objective
from perftui.model.stacks import Place

Floats = npt.NDArray[np.float64]

INPUTS = ("constant", "base", *NAMES, *LEADING)
SMOOTH = 0.05
"""A chance is drawn to those before it, within about this part of a horizon: the trend of a short,
noisy past jumps, and a warning that comes and goes is none."""
LEAST, MOST = 0.001, 0.98
"""No forecast is surer than this: nothing here is ever seen often enough."""


class Local:
    """Learns for one objective on one series which experts to believe.

    Each weight begins at the prior's, which was fitted in the lab; the base rate is an expert too,
    so what nothing else foretells is forecast as often as it comes. Without `has_profile` it does
    as if there were no profile.
    """

    def __init__(
        self, objective: Objective, *, prior: Prior | None = None, has_profile: bool = True
    ) -> None:
        self.name = LOCAL if has_profile else LOCAL_METRICS
        self._has_profile = has_profile
        self._objective = objective
        self._horizon_s = objective.horizon_s
        self._past = Past(objective)
        self._leading = Leading(objective.horizon_s)
        self._base = BaseRate(objective)
        self._waiting: deque[tuple[float, Floats]] = deque()
        begins = prior if prior is not None else shipped(self.name)
        self._model = OnlineLogistic(np.array(begins.mean), np.array(begins.spread))
        self._at = 0.0
        self._learned_at = self._known_until = -math.inf
        self._last: tuple[float, float] | None = None

    def see(self, at: float, value: float, beside: Beside) -> None:
        """Keep what the series looks like, and what lies beside it."""
        self._past.see(at, value)
        self._leading.see(at, beside if self._has_profile else beside.without_profile())
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

    @property
    def riser(self) -> Place | None:
        """The function that rises, as the newest chance saw it."""
        riser = self._leading.riser
        return riser.name if riser is not None else None

    def reasons(self, unit: str) -> tuple[Evidence, ...]:
        """Why the last chance is what it is; `unit` is the series'."""
        if not self._waiting:
            return ()
        values = self._waiting[-1][1]
        moved = self._model.weights[1:] * values
        named = zip(INPUTS[1:], values.tolist(), moved.tolist(), strict=True)
        inputs = {name: (value, move) for name, value, move in named}
        return reasons(self._past.points, self._objective, unit, inputs, self._leading)

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

    def resume(self, state: str, now: float) -> bool:
        """Go on at `now` (Unix seconds) from what was learned in an earlier run; whether that fits
        this perftui. A run whose clock was ahead has learned nothing of what is to come."""
        try:
            kept = json.loads(state)
            if tuple(kept["inputs"]) != INPUTS:
                return False
            seen, breached, seconds = map(float, kept["base"])
            until = float(kept["until"])
            counts = int(seen), int(breached), seconds
            if min(*counts, until) < 0 or not math.isfinite(seconds + until):
                return False
            self._model.resume(np.array(kept["weights"]), np.array(kept["covariance"]))
        except (ValueError, KeyError, TypeError, OverflowError):
            return False
        self._base.counts = counts
        self._known_until = min(until, now)
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

    def inputs(self) -> Floats | None:
        """What the newest chance is made of: INPUTS without the constant; None while too little
        was seen."""
        seen = self._past.features()
        if seen is None:
            return None
        usual = self._base.chance()
        base = [math.log(usual / (1 - usual))]
        return np.concatenate((base, seen, self._leading.inputs()))

    def _weighed(self) -> float | None:
        """The chance of the newest point by itself."""
        features = self.inputs()
        if features is None:
            # Points that come too oddly for cells of one length still have a trend.
            points = self._past.points
            return breach_chance(points, self._objective) if len(points) >= LEAST_POINTS else None
        if not self._waiting or self._waiting[-1][0] < self._at:
            self._waiting.append((self._at, features))
        return max(LEAST, min(MOST, self._model.chance(features)))
