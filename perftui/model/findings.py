"""What an analysis says: evidence, claims, mitigations, forecasts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from perftui.model.objective import Objective

LOCAL = "local"
"""By what name the local forecaster signs."""


class EvidenceKind(StrEnum):
    """What an evidence row is made of."""

    METRIC = "metric"
    PROFILE = "profile"
    FORECAST = "forecast"
    PATTERN = "pattern"
    LOOK = "look"
    THREAD = "thread"
    EVENT = "event"
    CASE = "case"


@dataclass(frozen=True)
class Evidence:
    """One numbered fact: E1… a metric, P1… a profile share, T1… a thread, L1… an event, F1… the
    local forecast, C1… a similar past case, H1… a pattern that holds, Q1… what a tool gave; R1… a
    reason of a local forecast, S1… what was seen of a pattern."""

    id: str
    kind: EvidenceKind
    text: str
    value: float | None
    unit: str


@dataclass(frozen=True)
class Claim:
    """A statement of an analysis with the ids of its evidence.

    `verified` is False where the evidence does not bear it out (:mod:`perftui.advisor.claims`).
    """

    text: str
    evidence: tuple[str, ...]
    verified: bool


@dataclass(frozen=True)
class Mitigation:
    """Something to try. `listed` says whether a pattern, shipped or the user's, proposes it."""

    action: str
    why: str
    risk: str
    listed: bool = False

    @property
    def key(self) -> str:
        """The action, for comparing it with others."""
        return action_key(self.action)


def action_key(action: str) -> str:
    """An action without what does not matter when two are compared."""
    return " ".join(re.findall(r"\w+", action.casefold()))


@dataclass(frozen=True)
class Finding:
    """A pattern of trouble that holds at present, found without any LLM.

    `name` is the pattern's, `says` what it means; `evidence` is what was seen, `mitigations` are
    what it proposes, and `check` would disprove it. `is_shipped` says that it is not the user's.
    """

    name: str
    says: str
    evidence: tuple[Evidence, ...]
    mitigations: tuple[Mitigation, ...] = ()
    check: str = ""
    is_shipped: bool = False


class ForecastState(StrEnum):
    """What a forecast can say at present."""

    LEARNING = "learning"
    OK = "ok"
    NO_SKILL = "no_skill"
    IN_BREACH = "in_breach"


@dataclass(frozen=True)
class Forecast:
    """The chance that `objective` is breached within its horizon.

    `probability` and `base_rate` are 0 to 1, None while not known; times are Unix seconds.
    `learned` and `needed` count points while the state is learning. `record` is a sentence on how
    earlier forecasts of `by` turned out. `series_unit` is the unit of the threshold, and `labels`
    are those of the series that it is about, of several that the objective has. `said` is what a
    model said before that was held to the local chance.
    """

    id: str
    objective: Objective
    state: ForecastState
    by: str
    made_at: float
    expires_at: float
    probability: float | None = None
    base_rate: float | None = None
    record: str | None = None
    summary: str = ""
    learned: int = 0
    needed: int = 0
    since: float | None = None
    said: float | None = None
    series_unit: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    evidence: tuple[Evidence, ...] = ()
    claims: tuple[Claim, ...] = ()
    mitigations: tuple[Mitigation, ...] = ()
    disconfirming_check: str | None = None


class LlmState(StrEnum):
    """What the LLM is doing."""

    OFF = "off"
    OK = "ok"
    FAILED = "failed"
    CAPPED = "capped"


@dataclass(frozen=True)
class LlmStatus:
    """State of the LLM, with why (`message`) and since when.

    US dollars: `call_usd` of the last call, None before the first; `cost_usd` of this run;
    `day_usd` of 24 hours, `month_usd` of the month so far and `projected_usd` in its end, of all
    perftuis of this user on this host, None while not known; `cap_usd` of a month.

    `last_at` is the time of the last good answer, `calling` whether one is under way, and `partial`
    what it has said so far.
    """

    state: LlmState = LlmState.OFF
    message: str = ""
    since: float | None = None
    model: str | None = None
    call_usd: float | None = None
    cost_usd: float = 0.0
    day_usd: float | None = None
    month_usd: float | None = None
    projected_usd: float | None = None
    cap_usd: float | None = None
    last_at: float | None = None
    calling: bool = False
    partial: str = ""
