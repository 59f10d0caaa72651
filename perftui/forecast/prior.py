"""What the local forecaster believes before it has seen anything: fitted in the lab and shipped.

`python benchmarks/prior.py --data DIR` fits it anew on recordings of the lab.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import NamedTuple

LOCAL_METRICS = "local-metrics"
"""The local forecaster without the profile."""
FILE = Path(__file__).with_name("prior.json")


class Prior(NamedTuple):
    """Where the weights begin, and how far a host's may be from there, as standard deviations: for
    each of `local.INPUTS`."""

    mean: tuple[float, ...]
    spread: tuple[float, ...]


@cache
def shipped(name: str) -> Prior:
    """The prior of the forecaster of this name."""
    kept = json.loads(FILE.read_bytes())
    inputs, spread = kept["inputs"], kept["spread"]
    weights = kept["weights"][name]
    return Prior(
        tuple(float(weights.get(one, 0.0)) for one in inputs),
        tuple(float(spread[one]) for one in inputs),
    )
