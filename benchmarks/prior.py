"""Fits the prior of the local forecaster on recordings of the lab.

    python benchmarks/episodes.py -o DIR
    python benchmarks/prior.py --data DIR

writes perftui/forecast/prior.json, with which each forecast begins; then forecast_report.py is to
say how true its warnings are. The weights are the maximum a posteriori of a logistic regression
with Gaussian priors, by Newton's method. Moments tell as much as the time between them is of a
horizon, as they do for the forecaster itself.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from perftui.forecast.beside import Beside
from perftui.forecast.labelled import Episode, Kind, episodes
from perftui.forecast.leading import OF_PROFILE
from perftui.forecast.local import INPUTS, Local
from perftui.forecast.outcome import Outcome
from perftui.forecast.prior import FILE, LOCAL_METRICS, Prior
from perftui.forecast.score import replay
from perftui.model.findings import LOCAL

Floats = npt.NDArray[np.float64]

GUESS, SPREAD = {"base": 0.3}, {"base": 0.15}
"""What is believed before the lab: the base rate, as log-odds."""
OTHER_SPREAD = 0.5
"""How far the lab, and then a host, may be from there."""
FOLDS = (0.5, 1.0, 2.0)
"""Each episode is learned from with its threshold at so many times the distance from the calm."""
CONTROL_WEIGHT = 1 / 3
"""What a control counts: how often nothing comes is for the host to teach."""
CALM_PART = 3
"""Of each episode the first third is calm."""
NEUTRAL = Prior(
    tuple(GUESS.get(name, 0.0) for name in INPUTS),
    tuple(SPREAD.get(name, OTHER_SPREAD) for name in INPUTS),
)


class Examples(NamedTuple):
    """What was known at moments (moments x INPUTS), whether a breach began, and how much each
    counts."""

    known: Floats
    breached: Floats
    weights: Floats


class _Watching:
    """Notes what the local forecaster knows at each moment, and what came of it."""

    name = "watching"

    def __init__(self, episode: Episode) -> None:
        self._local = Local(episode.objective, prior=NEUTRAL)
        self._horizon_s = episode.objective.horizon_s
        self._at = 0.0
        self._known: dict[float, Floats] = {}
        self._learned_at: float | None = None
        learn_until = episode.learn_until
        self._first = float("-inf") if learn_until is None else learn_until
        self._worth = CONTROL_WEIGHT if episode.kind is Kind.CONTROL else 1.0
        self.rows: list[tuple[Floats, float, float]] = []

    def see(self, at: float, value: float, beside: Beside) -> None:
        self._local.see(at, value, beside)
        self._at = at

    def learn(self, outcome: Outcome) -> None:
        self._local.learn(outcome)
        known = self._known.pop(outcome.at, None)
        if known is not None and outcome.at >= self._first:
            # Nobody knows how long before the first one it was like that.
            apart = 0.0 if self._learned_at is None else outcome.at - self._learned_at
            self._learned_at = outcome.at
            weight = min(1.0, apart / self._horizon_s)
            self.rows.append((known, float(outcome.breached), weight * self._worth))

    def chance(self) -> float | None:
        known = self._local.inputs()
        if known is not None:
            self._known[self._at] = np.append(1.0, known)
        return None


def teaches(episode: Episode) -> bool:
    """Whether a prior is fitted on it. Nothing foretells an abrupt fault: it would teach that what
    foretells the others does not."""
    return episode.kind is not Kind.ABRUPT


def variants(episode: Episode) -> Iterator[Episode]:
    """The same with other thresholds, as no weight is to fit one distance alone."""
    values = episode.series[episode.objective.metric]
    level = float(np.nanmedian(values[: len(values) // CALM_PART]))
    for fold in FOLDS:
        threshold = level + fold * (episode.objective.threshold - level)
        yield replace(episode, objective=replace(episode.objective, threshold=threshold))


def examples(episode: Episode) -> Examples:
    """The moments of one episode."""
    rows: list[tuple[Floats, float, float]] = []
    for variant in variants(episode):
        watching = _Watching(variant)
        replay(variant, [watching])
        rows += watching.rows
    if not rows:
        return Examples(np.empty((0, len(INPUTS))), np.empty(0), np.empty(0))
    known, breached, weights = zip(*rows, strict=True)
    return Examples(np.array(known), np.array(breached), np.array(weights))


def without_profile(found: Examples) -> Examples:
    """The same for who has not seen the profile."""
    known = found.known.copy()
    known[:, [INPUTS.index(name) for name in OF_PROFILE]] = 0.0
    return found._replace(known=known)


def fitted(found: Sequence[Examples]) -> Prior:
    """The prior that these examples give."""
    known, breached, weights = (np.concatenate(part) for part in zip(*found, strict=True))
    mean, spread = np.array(NEUTRAL.mean), np.array(NEUTRAL.spread)
    beta = mean.copy()

    def surprise(at: Floats) -> float:
        """What is to be least: minus the logarithm of the posterior."""
        said = known @ at
        lost = float(weights @ (np.logaddexp(0.0, said) - breached * said))
        return lost + float((((at - mean) / spread) ** 2).sum()) / 2

    for _ in range(100):
        chance = 0.5 * (1 + np.tanh(known @ beta / 2))
        gradient = known.T @ (weights * (breached - chance)) - (beta - mean) / spread**2
        curved = known * (weights * chance * (1 - chance))[:, None]
        step = np.linalg.solve(known.T @ curved + np.diag(1 / spread**2), gradient)
        # A whole step can go too far: half of it, until it is an improvement.
        while surprise(beta + step) > surprise(beta) and np.abs(step).max() > 1e-9:
            step /= 2
        beta = beta + step
        if np.abs(step).max() < 1e-8:
            break
    return Prior(tuple(beta.tolist()), NEUTRAL.spread)


def document(priors: Mapping[str, Prior], count: int) -> dict[str, Any]:
    """What is shipped."""
    return {
        "fitted_by": f"benchmarks/prior.py on {count} episodes of the lab",
        # What such warnings are worth is for forecast_report.py to say.
        "covers": None,
        "inputs": INPUTS,
        "spread": dict(zip(INPUTS, NEUTRAL.spread, strict=True)),
        "weights": {
            name: {one: round(weight, 4) for one, weight in zip(INPUTS, prior.mean, strict=True)}
            for name, prior in priors.items()
        },
    }


def main() -> None:
    """Fit on all episodes, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="recordings")
    options = parser.parse_args()
    kept = [one for one in episodes(options.data) if teaches(one)]
    seen = [examples(one) for one in kept]
    priors = {
        LOCAL: fitted(seen),
        LOCAL_METRICS: fitted(list(map(without_profile, seen))),
    }
    FILE.write_text(json.dumps(document(priors, len(kept)), indent=1) + "\n")


if __name__ == "__main__":
    main()
