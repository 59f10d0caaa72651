"""What a person says of a forecast, or of something that is proposed: the verdict."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Self

from perftui.model.findings import Finding, Forecast, Mitigation
from perftui.model.objective import Objective

SNOOZE_S = 900.0


class Decision(StrEnum):
    """What was decided."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    SNOOZED = "snoozed"


@dataclass(frozen=True)
class Item:
    """What a person can decide on: a forecast, or with `action` something that is proposed.

    `by` is who says so: a forecaster, or a pattern, which has no `objective`. Items of which this
    is the same are one item, whatever `made_at` (Unix seconds) and `chance` of the forecast were
    when it was decided on. `name` is what people call it.
    """

    by: str
    objective: Objective | None = None
    labels: tuple[tuple[str, str], ...] = ()
    action: str = ""
    made_at: float | None = field(default=None, compare=False)
    chance: float | None = field(default=None, compare=False)
    name: str = field(default="", compare=False)

    @classmethod
    def of(cls, said: Forecast | Finding, proposed: Mitigation | None = None) -> Self:
        """A forecast, or what it or a pattern proposes."""
        action, name = (proposed.key, proposed.action) if proposed is not None else ("", "")
        if isinstance(said, Finding):
            return cls(said.name, action=action, name=name)
        # An objective is the same one under any label.
        objective = replace(said.objective, label="")
        return cls(said.by, objective, said.labels, action, said.made_at, said.probability, name)


@dataclass(frozen=True)
class Verdict:
    """What was decided on `item` at `at`; it stands until `until` (Unix seconds), or until the next
    one on the same item."""

    item: Item
    decision: Decision
    at: float
    until: float = math.inf
    note: str = ""


def decide(item: Item, decision: Decision, now: float, note: str = "") -> Verdict:
    """A verdict at `now` (Unix seconds). One on a forecast stands until the forecast's time is up,
    on what is proposed for good; a snooze ends after `SNOOZE_S`, or with the forecast's time where
    that is later: until then it warns of the same."""
    time_is_up = math.inf
    if item.objective is not None and item.made_at is not None and not item.action:
        time_is_up = item.made_at + item.objective.horizon_s
    if decision is Decision.SNOOZED:
        ends = now + SNOOZE_S
        return Verdict(item, decision, now, ends if item.action else max(ends, time_is_up), note)
    return Verdict(item, decision, now, time_is_up, note)
