"""Logistic regression that learns one outcome at a time from a prior."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


class OnlineLogistic:
    """Bayesian logistic regression by a running Laplace approximation.

    The posterior of the weights is kept as a Gaussian; each outcome moves its mean by one Newton
    step and adds its curvature to the precision (Spiegelhalter & Lauritzen 1990; as assumed density
    filtering in Murphy 2012, 8.5.4), of which the inverse is kept (Sherman & Morrison 1950). `mean`
    and `spread` are the prior's, one of each per feature, the constant first.
    """

    def __init__(self, mean: Floats, spread: Floats) -> None:
        self.weights = mean.astype(float)
        self.covariance: Floats = np.diag(spread.astype(float) ** 2)

    def resume(self, weights: Floats, covariance: Floats) -> None:
        """Go on from a posterior that was kept. ValueError where it cannot be one."""
        if weights.shape != self.weights.shape or covariance.shape != self.covariance.shape:
            raise ValueError("other features")
        if not (np.isfinite(weights).all() and np.isfinite(covariance).all()):
            raise ValueError("no numbers")
        try:
            np.linalg.cholesky(covariance)
        except np.linalg.LinAlgError as error:
            raise ValueError("no covariance") from error
        self.weights, self.covariance = weights, covariance

    def chance(self, features: Floats) -> float:
        """The probability of the outcome, 0 to 1, by the mean of the weights."""
        return sigmoid(float(self.weights @ np.append(1.0, features)))

    def learn(self, features: Floats, happened: bool, weight: float) -> None:
        """Take in one outcome, which counts as `weight` independent ones."""
        x = np.append(1.0, features)
        chance = sigmoid(float(self.weights @ x))
        curvature = weight * max(1e-4, chance * (1 - chance))
        moved = self.covariance @ x
        self.covariance = self.covariance - np.outer(moved, moved) * (
            curvature / (1 + curvature * float(moved @ x))
        )
        self.weights = self.weights + self.covariance @ x * (weight * (happened - chance))


def sigmoid(value: float) -> float:
    """1 / (1 + e^-value), without overflow."""
    return float(0.5 * (1 + np.tanh(0.5 * value)))
