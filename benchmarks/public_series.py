"""How good the shipped forecaster is on public series, which no lab has made: a part of the report.

    python benchmarks/forecast_report.py --data DIR --public DIR --output docs

scores what `--public` holds in the layout of `perftui score --data`, series by series.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from perftui.forecast.labelled import Episode, episodes
from perftui.forecast.local import Local
from perftui.forecast.report import document
from perftui.forecast.score import Told, brier, calibration_error, replay
from perftui.forecast.teller import BASE_RATE, PREDICT_LINEAR, BaseRate, PredictLinear
from perftui.model.findings import LOCAL

LEAST_ONSETS = 10
"""Fewer onsets say little of one series alone."""
HEAD = """\
## On public series

{count} series of the Numenta Anomaly Benchmark (MIT licence): two weeks and more of processors,
disks, networks and a machine's temperature, mostly at one point in five minutes. The threshold is
the 95th percentile of a series' first half, which is for learning; its second half is scored, with
a horizon of half an hour. Nothing lies beside them, and the lab's prior has seen none of them.
"""


def section(directory: Path) -> str:
    """The part of the report."""
    told = [_told(one) for one in episodes(directory)]
    return HEAD.format(count=len(told)) + "\n" + "\n".join([*_pooled(told), "", *_series(told)])


def _told(episode: Episode) -> Told:
    kinds = (Local, PredictLinear, BaseRate)
    return replay(episode, [kind(episode.objective) for kind in kinds])


def _pooled(told: list[Told]) -> Iterator[str]:
    results = document(told)["results"]
    row = next(one for one in results if (one["forecaster"], one["kind"]) == (LOCAL, "all"))
    figures = (
        ("Brier skill over the base rate", "above 0", "skill_base", "+.2f"),
        ("Brier skill over predict_linear", "above 0", "skill_linear", "+.2f"),
        ("calibration error", "0.05", "ece", ".3f"),
    )
    yield "| all series together | goal | measured |"
    yield "| --- | --- | --- |"
    for name, goal, key, form in figures:
        low, high = row["ci95"][key]
        yield f"| {name} | {goal} | {row[key]:{form}} ({low:{form}} to {high:{form}}) |"


def _series(told: list[Told]) -> Iterator[str]:
    yield (
        f"Of the series with {LEAST_ONSETS} onsets or more it is to be better than predict_linear"
        " on each:"
    )
    yield ""
    yield "| series | onsets | skill over the base rate | over predict_linear | calibration error |"
    yield "| --- | --- | --- | --- | --- |"
    for one in sorted(told, key=lambda one: -len(one.breaches)):
        said, came = one.chances[LOCAL], one.outcomes
        skills = (
            1 - brier(said, came) / brier(one.chances[other], came)
            for other in (BASE_RATE, PREDICT_LINEAR)
        )
        shown = " | ".join(f"{skill:+.2f}" for skill in skills)
        error = calibration_error(said, came)
        yield f"| {one.episode.id} | {len(one.breaches)} | {shown} | {error:.3f} |"
