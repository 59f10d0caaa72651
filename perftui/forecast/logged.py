"""The log of forecasts as the score reads it: each question as an episode that was watched."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from perftui.forecast.judged import Judged, judge, that_count
from perftui.forecast.labelled import Episode
from perftui.forecast.log import ForecastLog, Question, Resolved
from perftui.forecast.outcome import Breach
from perftui.forecast.pairs import Paired, compare
from perftui.forecast.score import Told, length_s
from perftui.forecast.teller import BASE_RATE, HOLT, PREDICT_LINEAR
from perftui.forecast.warn import Trigger
from perftui.model.findings import LOCAL
from perftui.model.objective import format_duration
from perftui.model.past import Bin, PastForecasts, PastWarning
from perftui.model.verdict import Verdict

BINS = 10
NAMES = (LOCAL, PREDICT_LINEAR, HOLT, BASE_RATE)


def watched(path: Path) -> Iterator[Told]:
    """What was said and came of each question of the log that has an outcome, for the moments of
    which all forecasters said something. StateError where the file cannot be read."""
    log = ForecastLog(path)
    try:
        for question in log.questions():
            known = [one for one in log.resolved(question.id) if set(NAMES) <= set(one.chances)]
            if not known:
                continue
            objective = question.objective
            breaches = [Breach(*pair) for pair in log.breaches(question.id)]
            times = np.array([one.made_at for one in known])
            chances = {name: np.array([one.chances[name] for one in known]) for name in NAMES}
            labels = ",".join(f"{name}={value}" for name, value in question.labels)
            ahead = format_duration(objective.horizon_s)
            yield Told(
                Episode(
                    id=f"{question.target} {objective}{f' {{{labels}}}' if labels else ''}"
                    f" within {ahead}",
                    file="",
                    kind=None,
                    objective=objective,
                    times=times,
                    series={},
                ),
                times,
                np.array([float(one.breached) for one in known]),
                chances,
                breaches,
                {
                    name: _warnings(times.tolist(), chances[name].tolist(), breaches)
                    for name in NAMES
                },
                length_s(times),
            )
    finally:
        log.close()


def paired_with_local(path: Path, model: str) -> Paired | None:
    """How one model did beside the local forecaster; None before anything of it has come out.
    StateError where the file cannot be read."""
    log = ForecastLog(path)
    try:
        return compare(model, log.pairs(model))
    finally:
        log.close()


def paired(path: Path) -> list[Paired]:
    """How each model did beside the local forecaster. StateError where the file cannot be read."""
    log = ForecastLog(path)
    try:
        compared = [compare(name, log.pairs(name)) for name in log.models()]
    finally:
        log.close()
    return [one for one in compared if one is not None]


def judged(path: Path) -> Judged:
    """How a person's verdicts agree with what came. StateError where the file cannot be read."""
    log = ForecastLog(path)
    try:
        asked = log.questions()
        rows = {(q.target, q.objective, q.labels): q.id for q in asked}
        decided: dict[int, list[Verdict]] = {}
        for target in dict.fromkeys(question.target for question in asked):
            for verdict in that_count(log.verdicts(target)):
                item = verdict.item
                if item.objective is not None:
                    decided.setdefault(rows[target, item.objective, item.labels], []).append(
                        verdict
                    )
        known = [
            (verdict, came)
            for number, verdicts in decided.items()
            for verdict in verdicts
            if verdict.item.made_at is not None
            and (came := log.came(number, verdict.item.made_at)) is not None
        ]
        begun = [
            any(at <= verdict.at <= at + question.objective.horizon_s for verdict in verdicts)
            for question in asked
            for verdicts in [decided.get(question.id, [])]
            for at in _local_warnings(log, question)
        ]
    finally:
        log.close()
    return judge(known, len(begun), sum(begun))


def _local_warnings(log: ForecastLog, question: Question) -> list[float]:
    known = [one for one in log.resolved(question.id) if LOCAL in one.chances]
    breaches = [Breach(*pair) for pair in log.breaches(question.id)]
    times, chances = [one.made_at for one in known], [one.chances[LOCAL] for one in known]
    return _warnings(times, chances, breaches)


def past_forecasts(path: Path, target: str) -> tuple[PastForecasts, ...]:
    """What is known of one target's earlier forecasts, by question. StateError where the log cannot
    be read."""
    found = []
    log = ForecastLog(path)
    try:
        for question in log.questions():
            if question.target != target:
                continue
            known = [one for one in log.resolved(question.id) if LOCAL in one.chances]
            if known:
                breaches = [Breach(*pair) for pair in log.breaches(question.id)]
                found.append(_past(question, known, breaches))
    finally:
        log.close()
    return tuple(found)


def _past(
    question: Question, known: Sequence[Resolved], breaches: Sequence[Breach]
) -> PastForecasts:
    horizon = question.objective.horizon_s
    times = [one.made_at for one in known]
    chances = [one.chances[LOCAL] for one in known]
    said = dict(zip(times, chances, strict=True))
    warnings = []
    for at in _warnings(times, chances, list(breaches)):
        came = [b.onset for b in breaches if at < b.alerted and b.onset <= at + horizon]
        warnings.append(PastWarning(at, said[at], min(came, default=None)))
    warned = {warning.onset for warning in warnings}
    based = [one for one in known if BASE_RATE in one.chances]
    return PastForecasts(
        question.objective,
        question.labels,
        since=times[0],
        count=len(known),
        bins=_bins(known),
        warnings=tuple(warnings),
        missed=tuple(b.onset for b in breaches if b.onset >= times[0] and b.onset not in warned),
        brier=_brier(based, LOCAL),
        base_brier=_brier(based, BASE_RATE),
    )


def _brier(known: Sequence[Resolved], name: str) -> float:
    if not known:
        return math.nan
    return math.fsum((one.chances[name] - one.breached) ** 2 for one in known) / len(known)


def _bins(known: Sequence[Resolved]) -> tuple[Bin, ...]:
    """Bins of equal width, those that are not empty."""
    binned: dict[int, list[Resolved]] = {}
    for one in known:
        binned.setdefault(min(BINS - 1, int(one.chances[LOCAL] * BINS)), []).append(one)
    return tuple(
        Bin(
            number / BINS,
            (number + 1) / BINS,
            len(inside),
            math.fsum(one.chances[LOCAL] for one in inside) / len(inside),
            sum(one.breached for one in inside) / len(inside),
        )
        for number, inside in sorted(binned.items())
    )


def _warnings(times: list[float], chances: list[float], breaches: list[Breach]) -> list[float]:
    trigger, onsets = Trigger(), [breach.onset for breach in breaches]
    begun = []
    for at, chance in zip(times, chances, strict=True):
        while onsets and onsets[0] <= at:
            onsets.pop(0)
            trigger.breach()
        if trigger.begins(chance):
            begun.append(at)
    return begun
