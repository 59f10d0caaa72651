"""Whether two profiles of one program can show the same shares: the noise of their difference.

A profile here is a sequence of stacks, one a look. The share of a function in `n` looks has the
variance p(1 - p)·tau/n, where tau is the integrated autocorrelation time: how many looks in a row
count as one, since a function that was seen is more likely to be seen at the next look too. n/tau
is the effective number of independent samples (Sokal 1997, sections 2 and 3).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

FALSE_ALARMS = 1e-4
"""In how many runs a true agreement may fail."""
LEAST = 0.03
"""Shares from here on are compared."""
WINDOW = 5.0
"""tau is summed up over this many tau: beyond them there is but noise (Sokal's c)."""


class Share(NamedTuple):
    """A function's looks among `looks`, and how many of these in a row count as one."""

    seen: float
    looks: float
    tau: float = 1.0


def autocorrelation_time(seen: npt.NDArray[np.bool_]) -> float:
    """tau of a function by the looks in their order, 1 at least."""
    centred = seen - seen.mean()
    variance = float(centred @ centred)
    if not variance:
        return 1.0
    tau = 1.0
    for lag in range(1, len(seen) // 10):
        tau += 2 * float(centred[:-lag] @ centred[lag:]) / variance
        if lag >= WINDOW * tau:
            break
    return max(1.0, tau)


def shares(looks: Sequence[frozenset[str]]) -> dict[str, Share]:
    """The share of each name by the looks in their order; a look is the names that it saw."""
    names = frozenset().union(*looks)
    found = {}
    for name in names:
        seen = np.array([name in look for look in looks])
        found[name] = Share(float(seen.sum()), len(looks), autocorrelation_time(seen))
    return found


def disagreements(
    some: Mapping[str, Share],
    reference: Mapping[str, Share],
    slack: Callable[[str], float] = lambda _: 0.0,
) -> list[str]:
    """The shares that differ by more than chance gives in one of 1/`FALSE_ALARMS` runs.

    That is a two-sided z-test of each pair with the pooled share, at `FALSE_ALARMS` divided by the
    number of pairs (Bonferroni). `slack` is how far a share may be off besides, 0 to 1.
    """
    none, nothing = (Share(0, next(iter(one.values())).looks) for one in (some, reference))
    pairs = {
        name: (some.get(name, none), reference.get(name, nothing))
        for name in sorted(some.keys() | reference.keys())
    }
    compared = {
        name: pair
        for name, pair in pairs.items()
        if max(share.seen / share.looks for share in pair) >= LEAST
    }
    z = NormalDist().inv_cdf(1 - FALSE_ALARMS / 2 / len(compared))
    found = []
    for name, (one, other) in compared.items():
        pooled = (one.seen + other.seen) / (one.looks + other.looks)
        variance = pooled * (1 - pooled) * (one.tau / one.looks + other.tau / other.looks)
        bound = z * math.sqrt(variance) + slack(name)
        shown, true = one.seen / one.looks, other.seen / other.looks
        if abs(shown - true) > bound:
            found.append(f"{name}: {shown:.3f}, not {true:.3f} ± {bound:.3f} (tau {other.tau:.1f})")
    return found
