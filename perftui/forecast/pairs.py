"""A model beside the local forecaster: both scored on exactly the moments of which both spoke.

A model speaks now and then, the local forecaster all the time, and some moments are harder than
others. So the two are compared where they said something of the same moment, and nowhere else.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from perftui.forecast.aligned import aligned
from perftui.forecast.intervals import BLOCK_HORIZONS, Interval, bootstrap
from perftui.forecast.log import Pair
from perftui.model.text import plain

ENOUGH_BLOCKS = 10
"""Of fewer blocks the bootstrap's interval is too narrow: five that happen to lie on one side of 0
would do."""
MOST_NAME = 40


@dataclass(frozen=True)
class Paired:
    """The record of the model `name` beside the local forecaster.

    `onsets` are the breaches that came after its moments, each counted once, however many moments
    it came after. `nearer` are the moments at which its chance was nearer to what came. `brier` and
    `local_brier` are mean squared errors; `interval` holds their difference (below 0: the model is
    better) with 95 %, None where that is of fewer than `ENOUGH_BLOCKS` blocks of `BLOCK_HORIZONS`;
    there are `blocks` of them.
    """

    name: str
    moments: int
    onsets: int
    nearer: int
    brier: float
    local_brier: float
    interval: Interval | None
    blocks: int

    @property
    def difference(self) -> float:
        """The model's mean squared error less the local one."""
        return self.brier - self.local_brier

    def sentence(self) -> str:
        """In words, short."""
        if self.moments == 1:
            came = "nearer" if self.nearer else "no nearer"
            return f"of its one forecast that came out, it was {came} than the local one"
        return (
            f"of {self.moments} forecasts that came out, it was better than the local one in"
            f" {self.nearer}; Brier {self.brier:.2f} against {self.local_brier:.2f}"
        )


def compare(name: str, pairs: Sequence[Pair]) -> Paired | None:
    """The record of a model; None without a pair. They are in the order of their moments."""
    if not pairs:
        return None
    errors = [((p.said - p.breached) ** 2, (p.local - p.breached) ** 2) for p in pairs]
    blocks: dict[tuple[int, int], list[float]] = {}
    began: dict[int, float] = {}
    for pair, (own, local) in zip(pairs, errors, strict=True):
        since = pair.made_at - began.setdefault(pair.question, pair.made_at)
        block = pair.question, int(since // (BLOCK_HORIZONS * pair.horizon_s))
        blocks.setdefault(block, []).append(own - local)
    return Paired(
        name,
        len(pairs),
        len({(pair.question, pair.onset) for pair in pairs if pair.breached}),
        sum(own < local for own, local in errors),
        math.fsum(own for own, _ in errors) / len(pairs),
        math.fsum(local for _, local in errors) / len(pairs),
        bootstrap(list(blocks.values()), _mean) if len(blocks) >= ENOUGH_BLOCKS else None,
        len(blocks),
    )


def _mean(blocks: Sequence[Sequence[float]]) -> float:
    return math.fsum(map(math.fsum, blocks)) / sum(map(len, blocks))


def documents(paired: Iterable[Paired]) -> list[dict[str, Any]]:
    """For the document of the score."""
    return [
        {
            "forecaster": one.name,
            "moments": one.moments,
            "onsets": one.onsets,
            "nearer": one.nearer,
            "brier": one.brier,
            "local_brier": one.local_brier,
            "difference": one.difference,
            "blocks": one.blocks,
            "ci95": {"difference": list(one.interval) if one.interval else None},
        }
        for one in paired
    ]


def lines(found: Sequence[dict[str, Any]]) -> Iterator[str]:
    """The same as a table."""
    if not found:
        return
    yield "beside local, at the moments of which both spoke (a difference below 0 is better)"
    table = [("forecaster", "moments", "onsets", "nearer", "Brier", "local", "difference", "95 %")]
    for one in found:
        pair = one["ci95"]["difference"]
        table.append(
            (
                plain(one["forecaster"], MOST_NAME),
                str(one["moments"]),
                str(one["onsets"]),
                str(one["nearer"]),
                f"{one['brier']:.4f}",
                f"{one['local_brier']:.4f}",
                f"{one['difference']:+.4f}",
                "too few to say" if pair is None else f"{pair[0]:+.4f} to {pair[1]:+.4f}",
            )
        )
    yield from aligned(table)
    yield ""
