"""Fits the prior of the local forecaster on recordings of the lab.

    python benchmarks/episodes.py -o DIR
    python benchmarks/prior.py --data DIR

writes perftui/forecast/prior.json, with which each forecast begins. The weights are the maximum a
posteriori of a logistic regression with Gaussian priors, by Newton's method. Moments that are close
to each other tell the same, so each counts as much as the time to the one before is of a horizon.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from perftui.forecast.beside import Beside
from perftui.forecast.labelled import Episode, episodes
from perftui.forecast.local import INPUTS, Local
from perftui.forecast.outcome import Outcome
from perftui.forecast.prior import FILE, LOCAL_METRICS, Prior
from perftui.forecast.score import replay
from perftui.model.findings import LOCAL

Floats = npt.NDArray[np.float64]

GUESS = {"base": 0.3, "drawn": 0.2, "trend": 0.6}
"""What is believed before the lab: the experts that are chances themselves, as log-odds."""
SPREAD = {"base": 0.15, "drawn": 0.15, "trend": 0.15}
OTHER_SPREAD = 0.5
"""How far the lab, and then a host, may be from there."""
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

    def __init__(self, episode: Episode, *, has_profile: bool) -> None:
        self._local = Local(episode.objective, prior=NEUTRAL, has_profile=has_profile)
        self._horizon_s = episode.objective.horizon_s
        self._at = 0.0
        self._known: dict[float, Floats] = {}
        self._learned_at = float("-inf")
        learn_until = episode.learn_until
        self._first = float("-inf") if learn_until is None else learn_until
        self.rows: list[tuple[Floats, float, float]] = []

    def see(self, at: float, value: float, beside: Beside) -> None:
        self._local.see(at, value, beside)
        self._at = at

    def learn(self, outcome: Outcome) -> None:
        self._local.learn(outcome)
        known = self._known.pop(outcome.at, None)
        if known is not None and outcome.at >= self._first:
            weight = min(1.0, (outcome.at - self._learned_at) / self._horizon_s)
            # The first moment stands for no more than those after it.
            weight = min(weight, 0.1)
            self._learned_at = outcome.at
            self.rows.append((known, float(outcome.breached), weight))

    def chance(self) -> float | None:
        known = self._local.inputs()
        if known is not None:
            self._known[self._at] = np.append(1.0, known)
        return None


def examples(episode: Episode, *, has_profile: bool) -> Examples:
    """The moments of one episode."""
    watching = _Watching(episode, has_profile=has_profile)
    replay(episode, [watching])
    if not watching.rows:
        return Examples(np.empty((0, len(INPUTS))), np.empty(0), np.empty(0))
    known, breached, weights = zip(*watching.rows, strict=True)
    return Examples(np.array(known), np.array(breached), np.array(weights))


def fitted(found: Sequence[Examples]) -> Prior:
    """The prior that these examples give."""
    known, breached, weights = (np.concatenate(part) for part in zip(*found, strict=True))
    mean, spread = np.array(NEUTRAL.mean), np.array(NEUTRAL.spread)
    beta = mean.copy()
    for _ in range(50):
        chance = 0.5 * (1 + np.tanh(known @ beta / 2))
        gradient = known.T @ (weights * (breached - chance)) - (beta - mean) / spread**2
        curved = known * (weights * chance * (1 - chance))[:, None]
        step = np.linalg.solve(known.T @ curved + np.diag(1 / spread**2), gradient)
        beta += step
        if np.abs(step).max() < 1e-8:
            break
    return Prior(tuple(beta.tolist()), NEUTRAL.spread)


def document(priors: Mapping[str, Prior], count: int) -> dict[str, Any]:
    """What is shipped."""
    return {
        "fitted_by": f"benchmarks/prior.py on {count} episodes of the lab",
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
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="recordings; none: what is guessed"
    )
    options = parser.parse_args()
    found: Iterable[Episode] = episodes(options.data) if options.data is not None else ()
    kept = list(found)
    priors = {
        name: fitted([examples(one, has_profile=name == LOCAL) for one in kept])
        if kept
        else NEUTRAL
        for name in (LOCAL, LOCAL_METRICS)
    }
    FILE.write_text(json.dumps(document(priors, len(kept)), indent=1) + "\n")


if __name__ == "__main__":
    main()
