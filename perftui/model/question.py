"""What a person asks the advisor, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass

from perftui.model.findings import Claim, Evidence, Mitigation
from perftui.model.series import SeriesKey
from perftui.model.stacks import Place

EXPLAIN = "explain this"
MOST_TEXT = 500


@dataclass(frozen=True)
class Question:
    """A question in a person's own words, `EXPLAIN` where there are none.

    It is about a function, a metric or neither; about the time from `start` to `end` (Unix
    seconds), where those are not None, else about the present. `source` are the lines of the
    function that a person has seen and lets go along.
    """

    text: str = EXPLAIN
    place: Place | None = None
    metric: SeriesKey | None = None
    start: float | None = None
    end: float | None = None
    source: tuple[str, ...] = ()


@dataclass(frozen=True)
class Explanation:
    """What `by` answered to a question at `made_at` (Unix seconds): checked like a forecast."""

    question: Question
    by: str
    made_at: float
    summary: str
    evidence: tuple[Evidence, ...] = ()
    claims: tuple[Claim, ...] = ()
    mitigations: tuple[Mitigation, ...] = ()
    disconfirming_check: str | None = None
