"""Logistic regression that learns one outcome at a time from a prior."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


class OnlineLogistic:
    """Bayesian logistic regression by a running Laplace approximation.

    The posterior of the weights is kept as a Gaussian; each outcome moves its mean by one Newton
    step and adds its curvature to the precision (Spiegelhalter & Lauritzen 1990; as assumed density
    filtering in Murphy 2012, 8.5.4). `mean` and `spread` are the prior's, one of each per feature,
    the constant first. A part `forget` of what was learned goes with each outcome, so that a series
    that has changed is learned anew.
    """

    def __init__(self, mean: Floats, spread: Floats, forget: float = 0.0) -> None:
        self._prior_mean = mean.astype(float)
        self._prior = np.diag(1.0 / spread**2)
        self.weights = self._prior_mean.copy()
        self._precision = self._prior.copy()
        self._covariance: Floats = np.diag(spread**2)
        self._forget = forget

    @property
    def precision(self) -> Floats:
        """The posterior's precision, to be kept with the weights."""
        return self._precision

    def resume(self, weights: Floats, precision: Floats) -> None:
        """Go on from a posterior that was kept. ValueError where it cannot be one."""
        if weights.shape != self.weights.shape or precision.shape != self._precision.shape:
            raise ValueError("other features")
        if not (np.isfinite(weights).all() and np.isfinite(precision).all()):
            raise ValueError("no numbers")
        try:
            np.linalg.cholesky(precision)
        except np.linalg.LinAlgError as error:
            raise ValueError("no precision") from error
        self.weights, self._precision = weights, precision
        self._covariance = np.linalg.inv(precision).astype(float)

    def chance(self, features: Floats) -> float:
        """The probability of the outcome, 0 to 1, by the mean of the weights."""
        return sigmoid(float(self.weights @ np.append(1.0, features)))

    def learn(self, features: Floats, happened: bool, weight: float) -> None:
        """Take in one outcome, which counts as `weight` independent ones."""
        x = np.append(1.0, features)
        if self._forget:
            share = self._forget * weight
            self._precision += share * (self._prior - self._precision)
            drawn = share * (self._prior @ (self._prior_mean - self.weights))
            self.weights += self._covariance @ drawn
        chance = float(sigmoid(self.weights @ x))
        self._precision += weight * max(1e-4, chance * (1 - chance)) * np.outer(x, x)
        self._covariance = np.linalg.inv(self._precision).astype(float)
        self.weights += self._covariance @ x * (weight * (happened - chance))


def sigmoid(value: float) -> float:
    """1 / (1 + e^-value), without overflow."""
    return float(0.5 * (1 + np.tanh(0.5 * value)))
