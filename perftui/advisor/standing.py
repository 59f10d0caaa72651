"""What a model's scored record lets it do: by how much it may move the local chance."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from perftui.errors import StateError

if TYPE_CHECKING:
    from perftui.forecast.pairs import Paired

MOST_SHIFT = 1.0
"""By so much, in log-odds, a model of which little is known may move the local chance: 31 % to 55 %
at most."""
PROVEN_SHIFT = 2.0
"""And one whose record is better: 31 % to 77 %."""
ENOUGH_BREACHES = 3
"""Before so many have come, who always says less than the local forecaster is the better one."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Standing:
    """By how much, in log-odds, a model may move the local chance, and its record in words, None
    before anything of it has come out."""

    most_shift: float = MOST_SHIFT
    record: str | None = None


def most_shift(paired: Paired | None) -> float:
    """The bound that a record gives.

    `MOST_SHIFT` as long as too little has come out, and where neither is credibly better: what is
    not known is not punished, and is not trusted far. 0 where the 95 % interval of the difference
    says that the model makes the local chance worse: it still explains. `PROVEN_SHIFT` where it
    says that the model makes it better, with some breaches among what came: one of them tells one
    thing, whatever number of answers it came after. An interval, and not the difference alone,
    since moments near each other tell the same; there is none of fewer than ten blocks of 20
    horizons, so with one of 15 minutes all of this begins after about two days.

    What is scored is what was shown, within the bound of its time. So a wide bound is lost again
    where it does harm; and a model whose bound is 0 says what the local forecaster says, proves
    nothing any more, and has another try once the log (30 days) has forgotten what closed it.
    """
    if paired is None or paired.interval is None:
        return MOST_SHIFT
    low, high = paired.interval
    if low > 0:
        return 0.0
    if high < 0 and paired.onsets >= ENOUGH_BREACHES:
        return PROVEN_SHIFT
    return MOST_SHIFT


def read_standing(log: Path | None, model: str, last: Standing) -> Standing:
    """How the model stands by the log of forecasts of this host, over all targets; as `last` where
    that cannot be read at present."""
    if log is None or not log.exists():
        return last
    from perftui.forecast.logged import paired_with_local  # numpy: for who asks an LLM

    try:
        paired = paired_with_local(log, model)
    except StateError:
        _LOG.debug("the record of the model cannot be read", exc_info=True)
        return last
    return Standing(most_shift(paired), paired.sentence() if paired is not None else None)
