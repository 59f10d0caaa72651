"""What every forecaster is to the score and to the monitor, and the simple ones to beat.

A teller sees one series' points and what lies beside them as they come, hears the outcome of each
earlier moment as soon as that is known, and says the chance that a breach begins within the horizon
of the newest point. It never sees anything later: so a change of the future changes nothing that
was said before.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Protocol

import numpy as np

from perftui.forecast.beside import Beside
from perftui.forecast.outcome import Outcome
from perftui.model.objective import Objective

BASE_RATE, PREDICT_LINEAR, HOLT = "base_rate", "predict_linear", "holt"
SPAN_HORIZONS = 2.0
"""predict_linear fits this many horizons of the past: about what alert rules use, which look an
hour back for the next ones."""
LEAST_FITTED = 10
LEVEL_GAIN, TREND_GAIN = 0.5, 0.1
"""Holt's gains: those that are usual where nothing is known of the series."""
HOLT_KEPT = 200
USUAL, USUAL_HORIZONS = 0.05, 1.0
"""How often a breach comes before any horizon was seen, and how many horizons that is worth."""


class Teller(Protocol):
    """A forecaster of one objective on one series."""

    name: str

    def see(self, at: float, value: float, beside: Beside) -> None:
        """One more point of the series at `at` (Unix seconds), and the other figures of then."""

    def learn(self, outcome: Outcome) -> None:
        """The outcome of an earlier moment; they come in the order of the moments."""

    def chance(self) -> float | None:
        """That a breach begins within the horizon of the newest point, 0 to 1; None while too
        little was seen."""


class BaseRate:
    """How often a moment saw a breach begin within its horizon so far.

    Before anything was seen it is `usual`, which is worth as much as `worth` horizons: moments that
    are close to each other tell the same.
    """

    name = BASE_RATE

    def __init__(
        self, objective: Objective, usual: float = USUAL, worth: float = USUAL_HORIZONS
    ) -> None:
        self._horizon_s = objective.horizon_s
        self._usual, self._worth = usual, worth
        self._last: float | None = None
        self.counts: tuple[int, int, float] = (0, 0, 0.0)
        """Moments with an outcome, those of them before a breach, and the seconds of all."""

    def see(self, at: float, value: float, beside: Beside) -> None:
        """Nothing of it matters here."""

    def learn(self, outcome: Outcome) -> None:
        """Count it."""
        seen, breached, seconds = self.counts
        if self._last is not None:
            seconds += min(outcome.at - self._last, self._horizon_s)
        self._last = outcome.at
        self.counts = seen + 1, breached + outcome.breached, seconds

    def chance(self) -> float:
        """The rate so far."""
        seen, breached, seconds = self.counts
        horizons = seconds / self._horizon_s
        share = breached / seen if seen else 0.0
        return (share * horizons + self._usual * self._worth) / (horizons + self._worth)


class PredictLinear:
    """Prometheus's predict_linear, with the chance that Gaussian residuals give it.

    Least squares through the last points; the chance is that of the line's end, or of now, being
    beyond the threshold with the residuals' spread.
    """

    name = PREDICT_LINEAR

    def __init__(self, objective: Objective) -> None:
        self._objective = objective
        self._points: deque[tuple[float, float]] = deque()

    def see(self, at: float, value: float, beside: Beside) -> None:  # noqa: ARG002
        """Keep the newest points."""
        self._points.append((at, value))
        oldest = at - SPAN_HORIZONS * self._objective.horizon_s
        while len(self._points) > LEAST_FITTED and self._points[0][0] < oldest:
            self._points.popleft()

    def learn(self, outcome: Outcome) -> None:
        """It does not learn."""

    def chance(self) -> float | None:
        """See the class."""
        if len(self._points) < LEAST_FITTED:
            return None
        times, values = np.array(self._points).T
        ages = times - times[-1]
        # Not np.polyfit: what it needs of LAPACK takes 1 MB.
        centred = ages - ages.mean()
        slope = float(centred @ values / (centred @ centred))
        now = float(values.mean() - slope * ages.mean())
        spread = float(np.std(values - now - slope * ages, ddof=2))
        ahead = (now, now + slope * self._objective.horizon_s)
        return max(beyond(self._objective, float(mean), spread) for mean in ahead)


class Holt:
    """Holt's linear trend (1957) with the variance of its forecast that Hyndman et al. (2008,
    table 6.1) give for additive errors."""

    name = HOLT

    def __init__(self, objective: Objective) -> None:
        self._objective = objective
        self._level = self._trend = 0.0
        self._errors: deque[float] = deque(maxlen=HOLT_KEPT)
        self._steps: deque[float] = deque(maxlen=HOLT_KEPT)
        self._last: float | None = None

    def see(self, at: float, value: float, beside: Beside) -> None:  # noqa: ARG002
        """Smooth."""
        if self._last is None:
            self._level = value
        else:
            self._steps.append(at - self._last)
            expected = self._level + self._trend
            self._errors.append(value - expected)
            level = expected + LEVEL_GAIN * (value - expected)
            self._trend += TREND_GAIN * LEVEL_GAIN * (value - expected)
            self._level = level
        self._last = at

    def learn(self, outcome: Outcome) -> None:
        """It does not learn."""

    def chance(self) -> float | None:
        """The most that any step of the horizon gives."""
        if len(self._errors) < LEAST_FITTED:
            return None
        step_s = sorted(self._steps)[len(self._steps) // 2]
        steps = max(1, round(self._objective.horizon_s / step_s))
        ahead = np.arange(1, min(steps, HOLT_KEPT) + 1) * (steps / min(steps, HOLT_KEPT))
        gains = LEVEL_GAIN + LEVEL_GAIN * TREND_GAIN * ahead
        spread = np.std(self._errors) * np.sqrt(1 + np.cumsum(gains**2) * ahead[0])
        means = self._level + self._trend * ahead
        pairs = zip(means, spread, strict=True)
        return max(beyond(self._objective, float(mean), float(sigma)) for mean, sigma in pairs)


def beyond(objective: Objective, mean: float, spread: float) -> float:
    """The chance that a Gaussian value is on the wrong side of the threshold."""
    past = mean - objective.threshold if objective.above else objective.threshold - mean
    if spread <= 0:
        return float(past > 0)
    return 0.5 * math.erfc(-past / spread / math.sqrt(2))
