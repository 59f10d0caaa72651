"""What the local forecaster believes before it has seen anything: fitted in the lab and shipped.

`python benchmarks/prior.py --data DIR` fits it anew on recordings of the lab.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

LOCAL_METRICS = "local-metrics"
"""The local forecaster without the profile."""
FILE = Path(__file__).with_name("prior.json")


class Prior(NamedTuple):
    """Where the weights begin, and how far a host's may be from there, as standard deviations: for
    each of `local.INPUTS`."""

    mean: tuple[float, ...]
    spread: tuple[float, ...]


class Covered(NamedTuple):
    """For which cases the lab has shown how true the prior's warnings are: objectives of a horizon
    from `least_s` to `most_s`, on a series with a point each `step_s` at least (all in seconds).
    There `true` of `warnings` came true, each family of faults forecast without having seen it."""

    least_s: float
    most_s: float
    step_s: float
    true: int
    warnings: int


def covered(horizon_s: float, step_s: float | None) -> Covered | None:
    """What the lab has shown of such a case; None where that is nothing, or not enough."""
    kept = _file().get("covers")
    if kept is None or step_s is None:
        return None
    case = Covered(**kept)
    fits = case.least_s <= horizon_s <= case.most_s and step_s <= case.step_s
    return case if fits else None


@cache
def _file() -> dict[str, Any]:
    kept: dict[str, Any] = json.loads(FILE.read_bytes())
    return kept


def shipped(name: str) -> Prior:
    """The prior of the forecaster of this name."""
    kept = _file()
    inputs, spread = kept["inputs"], kept["spread"]
    weights = kept["weights"][name]
    return Prior(
        tuple(float(weights.get(one, 0.0)) for one in inputs),
        tuple(float(spread[one]) for one in inputs),
    )
