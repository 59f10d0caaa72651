"""What was forecast before, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from perftui.model.objective import Objective
from perftui.model.verdict import Verdict

BAR_CELLS = 20


def bar_of(said: float, came: float) -> str:
    """How much came true (0 to 1), and where it should end, in `BAR_CELLS` cells."""
    bar = ["█" if (place + 0.5) / BAR_CELLS <= came else "·" for place in range(BAR_CELLS)]
    bar[min(BAR_CELLS - 1, int(said * BAR_CELLS))] = "│"
    return "".join(bar)


@dataclass(frozen=True)
class Bin:
    """Forecasts with a chance from `low` to `high` (0 to 1): how many, their mean chance, and the
    share before which a breach came."""

    low: float
    high: float
    count: int
    said: float
    came: float


@dataclass(frozen=True)
class PastWarning:
    """A warning that began at `at` (Unix seconds) with this chance; `onset` is when the breach
    came, None where none came."""

    at: float
    chance: float
    onset: float | None


@dataclass(frozen=True)
class PastCase:
    """An earlier moment (`at`, Unix seconds) of an objective: the local `chance` (0 to 1) then,
    whether a breach came within the horizon, its `onset`, None where that is not known, and what a
    person decided meanwhile, None where nobody did."""

    at: float
    chance: float
    breached: bool
    onset: float | None = None
    verdict: Verdict | None = None

    def judged(self, verdict: Verdict | None) -> PastCase:
        """The same, with what a person decided."""
        return replace(self, verdict=verdict)


@dataclass(frozen=True)
class PastForecasts:
    """The local forecasts of one objective whose outcome is known: since when, how many, in which
    bins, and their warnings, oldest first.

    `missed` are the onsets of breaches without a warning. `brier` and `base_brier` are the mean
    squared errors of the chance and of the base rate that was shown beside it.
    """

    objective: Objective
    labels: tuple[tuple[str, str], ...]
    since: float
    count: int
    bins: tuple[Bin, ...]
    warnings: tuple[PastWarning, ...]
    missed: tuple[float, ...]
    brier: float
    base_brier: float
