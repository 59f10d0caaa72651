"""How a person's verdicts agree with what came, and how many warnings needed a person.

A forecast of `LIKELY` or more says that a breach comes, a lower one that none comes. Who accepts it
is of its side, who rejects it of the other one. The newest verdict on a forecast counts, as long as
its time is not up: one that is taken back, or snoozed afterwards, counts as if it were not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from perftui.forecast.intervals import exact
from perftui.model.verdict import Decision, Item, Verdict
from perftui.model.warning import LIKELY


@dataclass(frozen=True)
class Judged:
    """Counts of forecasts that were `decided`, accepted or rejected, and whose outcome is known: of
    how many the person was `right`, of how many the forecaster, and how many were `accepted`, which
    is where both were of one side. And how many local warnings came out, and of how many of them a
    forecast was accepted or rejected within the horizon (`answered`)."""

    decided: int
    right: int
    forecaster_right: int
    accepted: int
    warnings: int
    answered: int


def that_count(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """Of the verdicts on forecasts, oldest first, those that accept or reject one and that no later
    one has replaced before their time was up."""
    last: dict[Item, Verdict] = {}
    over: list[Verdict] = []
    for verdict in verdicts:
        if verdict.item.objective is None or verdict.item.action:
            continue
        before = last.get(verdict.item)
        if before is not None and before.until <= verdict.at:
            over.append(before)
        last[verdict.item] = verdict
    counted = sorted([*over, *last.values()], key=lambda verdict: verdict.at)
    return [verdict for verdict in counted if verdict.decision is not Decision.SNOOZED]


def judge(decided: Iterable[tuple[Verdict, bool]], warnings: int, answered: int) -> Judged:
    """The counts, from verdicts and whether a breach came."""
    right = forecaster_right = accepted = count = 0
    for verdict, breached in decided:
        is_accepted = verdict.decision is Decision.ACCEPTED
        said = (verdict.item.chance or 0.0) >= LIKELY
        count += 1
        accepted += is_accepted
        forecaster_right += said == breached
        right += (said == is_accepted) == breached
    return Judged(count, right, forecaster_right, accepted, warnings, answered)


def document(found: Judged) -> dict[str, Any]:
    """For the document of the score; shares are 0 to 1, None of nothing."""
    shares = {
        "agreement": (found.right, found.decided),
        "forecaster_agreement": (found.accepted, found.decided),
        "needed_person": (found.answered, found.warnings),
    }
    intervals = {name: exact(*pair) for name, pair in shares.items()}
    return {
        "decided": found.decided,
        "right": found.right,
        "forecaster_right": found.forecaster_right,
        "accepted": found.accepted,
        "warnings": found.warnings,
        "answered": found.answered,
        **{name: hits / count if count else None for name, (hits, count) in shares.items()},
        "ci95": {name: list(pair) if pair else None for name, pair in intervals.items()},
    }


def lines(found: Mapping[str, Any] | None) -> Iterator[str]:
    """The same in words."""
    if found is None:
        return
    if found["decided"]:
        yield (
            f"of {found['decided']} forecasts that a person accepted or rejected and that came out"
            f" the person was right in {found['right']}{_share(found, 'agreement')},"
        )
        yield f"the forecaster in {found['forecaster_right']}; {found['accepted']} were accepted"
    yield (
        f"of {found['warnings']} local warnings that came out a person decided on"
        f" {found['answered']}{_share(found, 'needed_person')}"
    )
    yield ""


def _share(found: Mapping[str, Any], name: str) -> str:
    pair = found["ci95"][name]
    if pair is None:
        return ""
    return f" ({100 * found[name]:.0f} %; 95 %: {100 * pair[0]:.0f} to {100 * pair[1]:.0f} %)"
