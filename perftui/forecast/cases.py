"""Similar past cases: what came when the local forecaster last said about what it says now."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from perftui.forecast.judged import that_count
from perftui.forecast.log import ForecastLog
from perftui.model.findings import LOCAL, Forecast, ForecastState
from perftui.model.past import PastCase

MOST = 4
ALIKE = 0.1
"""Chances that differ by no more are about the same."""


def similar_cases(path: Path, target: str, now: Forecast) -> tuple[PastCase, ...]:
    """Earlier moments of the same target, objective and series, the most similar first; none where
    the forecast `now` says nothing of what is to come.

    Two of them are a horizon apart at least: moments near each other tell the same. StateError
    where the log cannot be read.
    """
    if now.probability is None or now.state is not ForecastState.OK:
        return ()
    asked, horizon = replace(now.objective, label=""), now.objective.horizon_s
    log = ForecastLog(path)
    try:
        number = log.question_of(target, asked, now.labels)
        if number is None:
            return ()
        found: list[PastCase] = []
        for case in log.alike(number, now.probability, ALIKE):
            if len(found) < MOST and all(abs(case.at - one.at) >= horizon for one in found):
                found.append(case)
        verdicts = [
            verdict
            for verdict in that_count(log.verdicts(target))
            if (verdict.item.by, verdict.item.labels) == (LOCAL, now.labels)
            and verdict.item.objective == asked
        ]
    finally:
        log.close()
    return tuple(
        case.judged(next((v for v in verdicts if case.at <= v.at < case.at + horizon), None))
        for case in found
    )
