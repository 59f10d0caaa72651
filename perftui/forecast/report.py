"""The score of forecasters side by side, as the document that ``perftui score --json`` prints."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from perftui.forecast import judged, pairs
from perftui.forecast.aligned import aligned
from perftui.forecast.diagram import svg, text_lines
from perftui.forecast.intervals import BLOCK_HORIZONS, Interval, bootstrap, exact
from perftui.forecast.judged import Judged
from perftui.forecast.labelled import SCHEMA, Kind
from perftui.forecast.pairs import Paired
from perftui.forecast.score import (
    Counts,
    Floats,
    Onset,
    Told,
    average_precision,
    brier,
    calibration_error,
    count,
    reliability,
)
from perftui.forecast.teller import BASE_RATE, PREDICT_LINEAR

ALL = "all"

Block = tuple[Floats, dict[str, Floats]]
"""Outcomes, and chances by forecaster, of one run of moments."""


def document(
    told: Sequence[Told], paired: Iterable[Paired] = (), verdicts: Judged | None = None
) -> dict[str, Any]:
    """All results, by kind and forecaster, each episode with the forecast of the first; of a log,
    too, what models said beside the local forecaster, and a person's verdicts."""
    kinds = [ALL, *(kind for kind in Kind if any(one.episode.kind is kind for one in told))]
    return {
        "schema": SCHEMA,
        "results": [
            result
            for kind in kinds
            for result in _results(kind, [t for t in told if kind in (ALL, t.episode.kind)])
        ],
        "episodes": [_episode(one) for one in told],
        "paired": pairs.documents(paired),
        "verdicts": None if verdicts is None else judged.document(verdicts),
    }


def _results(kind: str, told: Sequence[Told]) -> Iterator[dict[str, Any]]:
    for name in dict.fromkeys(name for one in told for name in one.chances):
        own = [one for one in told if name in one.chances]
        yield _result(name, kind, own, [block for one in own for block in _blocks(one)])


def _blocks(told: Told) -> Iterator[Block]:
    span = BLOCK_HORIZONS * told.episode.objective.horizon_s
    if not len(told.times):
        return
    which = ((told.times - told.times[0]) // span).astype(int)
    for number in np.unique(which):
        at = which == number
        yield told.outcomes[at], {name: said[at] for name, said in told.chances.items()}


def _result(name: str, kind: str, told: Sequence[Told], blocks: Sequence[Block]) -> dict[str, Any]:
    counts = count(told, name)
    leads = counts.leads_s
    onsets = len(counts.onsets)
    false = counts.warnings - counts.true

    def of_moments(figure: Callable[[Floats, Floats], float]) -> Callable[[Sequence[Block]], float]:
        return lambda drawn: figure(*_joined(drawn, name))

    def skill(other: str) -> Callable[[Sequence[Block]], float]:
        def figure(drawn: Sequence[Block]) -> float:
            theirs = brier(*_joined(drawn, other))
            return 1 - brier(*_joined(drawn, name)) / theirs if theirs else math.nan

        return figure

    figures = {
        "brier": of_moments(brier),
        "skill_base": skill(BASE_RATE),
        "skill_linear": skill(PREDICT_LINEAR),
        "ece": of_moments(calibration_error),
        "auprc": of_moments(average_precision),
    }
    intervals: dict[str, Interval | None] = {
        "recall": exact(counts.warned, onsets),
        "precision": exact(counts.true, counts.warnings),
        "false_per_day": _rate_interval(false, counts.days),
        "lead_s": bootstrap(leads, lambda drawn: float(np.median(drawn))),
    }
    intervals |= {key: bootstrap(blocks, figure) for key, figure in figures.items()}
    return {
        "forecaster": name,
        "kind": str(kind),
        "episodes": len(told),
        "onsets": onsets,
        "warned": counts.warned,
        "warned_before_reference": counts.before_reference,
        "warnings": counts.warnings,
        "moments": sum(len(outcomes) for outcomes, _ in blocks),
        "days": counts.days,
        "recall": counts.warned / onsets if onsets else None,
        "precision": counts.true / counts.warnings if counts.warnings else None,
        "lead_s": _quartiles(leads),
        "false_per_day": false / counts.days if counts.days else None,
        **{key: _known(figure(blocks)) for key, figure in figures.items()},
        "ci95": {key: list(pair) if pair else None for key, pair in intervals.items()},
        "reliability": [list(one) for one in reliability(*_joined(blocks, name))],
    }


def _joined(blocks: Sequence[Block], name: str) -> tuple[Floats, Floats]:
    if not blocks:
        return np.empty(0), np.empty(0)
    return (
        np.concatenate([said[name] for _, said in blocks]),
        np.concatenate([outcomes for outcomes, _ in blocks]),
    )


def _quartiles(leads: Sequence[float]) -> dict[str, float | None]:
    if not leads:
        return {"median": None, "q1": None, "q3": None}
    q1, median, q3 = map(float, np.quantile(leads, (0.25, 0.5, 0.75)))
    return {"median": median, "q1": q1, "q3": q3}


def _rate_interval(events: int, days: float) -> Interval | None:
    """The exact interval of a Poisson rate (Garwood 1936), from that of a share of many trials."""
    if not days:
        return None
    trials = 1_000_000
    pair = exact(min(events, trials), trials)
    return (pair[0] * trials / days, pair[1] * trials / days) if pair else None


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _episode(told: Told) -> dict[str, Any]:
    name = next(iter(told.chances))
    counts: Counts = count([told], name)
    first = counts.onsets[0] if counts.onsets else None
    return {
        "id": told.episode.id,
        "kind": told.episode.kind.value if told.episode.kind is not None else None,
        "onset": first.breach.onset if first else None,
        "reference_at": first.breach.alerted if first else None,
        "warned_at": first.warned_at if first else None,
        "culprit_named": _is_named(told, first),
    }


def _is_named(told: Told, onset: Onset | None) -> bool | None:
    """Whether the first warning in time, or else the onset, named the function that the fault makes
    hot; None where there is no such function, or no profile."""
    culprit = told.episode.culprit
    if culprit is None or onset is None or not told.episode.shares:
        return None
    since = onset.warned_at if onset.warned_at is not None else onset.breach.onset
    riser = next((riser for at, riser in told.named if at >= since), None)
    # From Python 3.11 on py-spy names a method with its class.
    return riser is not None and f".{riser.function}".endswith(f".{culprit}")


def picture(result: dict[str, Any], kind: str = ALL) -> str:
    """The reliability diagram of all forecasters as SVG."""
    curves = {
        one["forecaster"]: one["reliability"] for one in result["results"] if one["kind"] == kind
    }
    return svg(curves, f"What was said and what came: {kind}")


def lines(result: dict[str, Any]) -> Iterable[str]:
    """The document as text: a table for each kind, forecasters below each other."""
    kinds = dict.fromkeys(one["kind"] for one in result["results"])
    for kind in kinds:
        rows = [one for one in result["results"] if one["kind"] == kind]
        first = rows[0]
        yield (
            f"{kind}: {first['episodes']} episodes, {first['onsets']} onsets,"
            f" {first['moments']} moments in {first['days']:.3g} days"
        )
        yield from aligned([_HEAD, *map(_row, rows)])
        yield ""
        if kind == ALL:
            yield f"what {first['forecaster']} said, and what came"
            yield from ("  " + line for line in text_lines(first["reliability"]))
            yield ""
    yield from pairs.lines(result["paired"])
    yield from judged.lines(result["verdicts"])


_HEAD = (
    *("forecaster", "warned", "before alert", "true", "lead", "false/day"),
    *("Brier", "skill", "vs linear", "ECE", "AUPRC"),
)


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    lead = one["lead_s"]["median"]
    true = round((one["precision"] or 0.0) * one["warnings"])
    return (
        one["forecaster"],
        f"{one['warned']}/{one['onsets']}",
        f"{one['warned_before_reference']}",
        f"{true}/{one['warnings']}",
        "–" if lead is None else f"{lead:.0f} s",
        _figure(one["false_per_day"], ".3g"),
        _figure(one["brier"], ".4f"),
        _figure(one["skill_base"], "+.3f"),
        _figure(one["skill_linear"], "+.3f"),
        _figure(one["ece"], ".3f"),
        _figure(one["auprc"], ".3f"),
    )


def _figure(value: float | None, form: str) -> str:
    return "–" if value is None else f"{value:{form}}"
