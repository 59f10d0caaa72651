"""Scores the forecasters on recordings of the lab, each family with a prior that has not seen it.

    python benchmarks/episodes.py -o DIR
    python benchmarks/forecast_report.py --data DIR --public DIR --output docs

writes docs/forecast.md and docs/reliability.svg, and into perftui/forecast/prior.json for which
cases the warnings were shown to be true. For each fault and control the prior is fitted on
all the others alone; `perftui score --data DIR` scores with the one that is shipped.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from prior import Examples, examples, fitted, teaches, without_profile
from public_series import section

from perftui.forecast.intervals import exact
from perftui.forecast.labelled import Episode, Kind, episodes
from perftui.forecast.local import Local
from perftui.forecast.outcome import Outcomes
from perftui.forecast.prior import FILE, LOCAL_METRICS
from perftui.forecast.report import document, lines, picture
from perftui.forecast.score import Floats, Told, calibration_error, count, replay
from perftui.forecast.teller import BaseRate, Holt, PredictLinear
from perftui.model.findings import LOCAL
from perftui.model.series import Point

LEAST_WARNINGS, LEAST_TRUE = 20, 0.7
"""So many warnings are needed, and that so many of them come true must be sure to 95 %."""
STEP_S = 2.0
"""The recordings have a point a second; half as many show a fault as well."""
WORTH = 20.0
"""The base rate of the other families is worth so many horizons: in one short episode there is
hardly anything to learn it from."""
HEAD = """\
# How good the forecasts are

Written by `python benchmarks/forecast_report.py --data DIR --output docs` on {episodes} recorded
episodes of the lab's service ({families} families), which `python benchmarks/episodes.py -o DIR`
records anew. Each is calm at first; then its fault begins, at a speed of chance. The objective is
that the p95 of the latency is above 3 times its calm level for 10 s (or 30 receipts wait, or the
memory is 80 MB above its calm level), the horizon is 30 s, and there is one point a second.

Each family, fault or control, was scored by a forecaster whose prior was fitted on the other
families alone. An onset was warned of where the chance reached 80 % in the 30 s before it. What is
in brackets is the 95 % interval. Of abrupt faults no prior has learned: nothing foretells them, and
they would teach that nothing tells of anything. The base rate is that of the other families, and
learns. `local-metrics` is `local` without the profile.

What was chosen by looking at figures like these: the horizon (with 60 s nearly every moment of a
gradual fault came before its onset), the experts, how their inputs are smoothed, and that a control
counts a third of a fault in the fit: the less it counts, the better calibrated are the chances
where a fault grows, and the higher those where nothing comes. The weights never saw the family that
they are scored on. All was recorded anew after these choices. On the recordings that they were made
on 33 of 40 onsets were warned of, with a precision of 0.91 and a calibration error of 0.048; how
far the figures below are from those shows how much such figures are worth.

Why onsets are missed: until a few seconds before them the series is far below its threshold, and
far beyond it at once (the table of those that were missed). Other metrics do leave their record
before, but so they do in controls. At others the chance comes to a few points below 80 %.

What else was tried, on the recordings before these, brought nothing that they could show: trees in
place of the regression; products of two inputs; how near the processor is to its limit; other
quantiles of the latency; and of the profile how far the function has risen that rises most, how
many different stacks there are, and waits for locks. That threads wait longer for a processor than
ever before foretells a little more of the faults, but more of the controls, too. So does, on these,
how often garbage is collected where it is an input of its own; it is a metric that can lead like
any other. How long the GIL is held makes no difference here either; it is an input because it can
be told as a reason.

The profile adds nothing here that can be measured. What makes a function rise also uses the
processor and delays requests, which the metrics show, too: that would explain it, but was not
tested. What the profile does add is the function's name.
"""


def family_of(episode: Episode) -> str:
    """The fault or control, by the file's name."""
    return episode.id.rpartition("-")[0]


def left_out(kept: Sequence[Episode]) -> list[Told]:
    """Every episode, replayed with priors that were fitted without its family."""
    learned_from = [one for one in kept if teaches(one)]
    whole = [examples(one) for one in learned_from]
    seen: dict[bool, list[Examples]] = {True: whole, False: list(map(without_profile, whole))}
    families = [family_of(one) for one in learned_from]
    breached = {one.id: breaches(one) for one in kept}
    told = []
    for family in dict.fromkeys(map(family_of, kept)):
        others = [breached[one.id] for one in kept if family_of(one) != family]
        usual = float(np.mean(np.concatenate(others)))
        priors = {
            has_profile: fitted(
                [part for part, other in zip(parts, families, strict=True) if other != family]
            )
            for has_profile, parts in seen.items()
        }
        for episode in (one for one in kept if family_of(one) == family):
            local, metrics = (
                Local(episode.objective, prior=priors[has_profile], has_profile=has_profile)
                for has_profile in (True, False)
            )
            simple = (kind(episode.objective) for kind in (PredictLinear, Holt))
            base = BaseRate(episode.objective, usual, WORTH)
            tellers = [local, metrics, *simple, base]
            told.append(replay(episode, tellers, partial(getattr, local, "riser")))
    return told


def breaches(episode: Episode) -> list[bool]:
    """For each moment that is scored, whether a breach came."""
    judged = Outcomes(episode.objective)
    since = -np.inf if episode.learn_until is None else episode.learn_until
    values = episode.series[episode.objective.metric].tolist()
    points = map(Point, episode.times.tolist(), values)
    outcomes = (
        outcome for point in points if point.value == point.value for outcome in judged.add(point)
    )
    return [outcome.breached for outcome in outcomes if outcome.at > since]


def goals(result: dict[str, Any], named: Sequence[bool]) -> Iterator[str]:
    """What was to be reached on gradual families, and what was."""
    row = next(
        one for one in result["results"] if (one["forecaster"], one["kind"]) == (LOCAL, "gradual")
    )
    lead = row["lead_s"]["median"]
    low, high = row["ci95"]["recall"] or (np.nan, np.nan)
    reached: list[tuple[str, str, str]] = [
        (
            "onsets warned of in time",
            "9 of 10",
            f"{row['warned']} of {row['onsets']} ({low:.0%} to {high:.0%})",
        ),
        ("precision per warning", "0.9", _with(row, "precision", ".2f")),
        ("median lead", "12 s", "–" if lead is None else _with_lead(row)),
        ("Brier skill over the base rate", "+0.45", _with(row, "skill_base", "+.2f")),
        ("calibration error", "0.05", _with(row, "ece", ".3f")),
    ]
    if named:
        pair = exact(sum(named), len(named)) or (np.nan, np.nan)
        reached.append(
            (
                "culprit named by the strongest profile reason",
                "8 of 10",
                f"{sum(named)} of {len(named)} ({pair[0]:.0%} to {pair[1]:.0%})",
            )
        )
    yield "| gradual families | goal | measured |"
    yield "| --- | --- | --- |"
    yield from (f"| {name} | {goal} | {found} |" for name, goal, found in reached)


def _with(row: dict[str, Any], key: str, form: str) -> str:
    pair = row["ci95"][key]
    value = "–" if row[key] is None else f"{row[key]:{form}}"
    return f"{value} ({pair[0]:{form}} to {pair[1]:{form}})" if pair else value


def _with_lead(row: dict[str, Any]) -> str:
    lead, pair = row["lead_s"], row["ci95"]["lead_s"]
    bounds = f" ({pair[0]:.0f} to {pair[1]:.0f} s)" if pair else ""
    return f"{lead['median']:.0f} s{bounds}"


def families(told: Sequence[Told]) -> Iterator[str]:
    """Family by family, with the profile and without it."""
    groups: defaultdict[str, list[Told]] = defaultdict(list)
    for one in told:
        groups[family_of(one.episode)].append(one)
    yield "| family | kind | onsets | warned | without profile | true warnings | median lead |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for name, group in groups.items():
        with_it, without = count(group, LOCAL), count(group, LOCAL_METRICS)
        kind = group[0].episode.kind
        lead = f"{np.median(with_it.leads_s):.0f} s" if with_it.leads_s else "–"
        yield (
            f"| {name} | {kind} | {len(with_it.onsets)} | {with_it.warned} | {without.warned} |"
            f" {with_it.true} of {with_it.warnings} | {lead} |"
        )


def paired(told: Sequence[Told]) -> str:
    """What the profile adds, onset by onset."""
    gradual = [one for one in told if one.episode.kind is Kind.GRADUAL]
    both = list(
        zip(count(gradual, LOCAL).onsets, count(gradual, LOCAL_METRICS).onsets, strict=True)
    )
    pairs = [(a.warned_in_time_at, b.warned_in_time_at) for a, b in both]
    only_with = sum(a is not None and b is None for a, b in pairs)
    only_without = sum(a is None and b is not None for a, b in pairs)
    leads = [b - a for a, b in pairs if a is not None and b is not None]
    words = (
        f"Of {len(both)} onsets of gradual faults {only_with} were warned of with the profile alone"
        f" and {only_without} without it alone"
    )
    if leads:
        earlier = sum(lead > 0 for lead in leads)
        later = sum(lead < 0 for lead in leads)
        words += (
            f"; of the {len(leads)} warned of by both, {earlier} earlier and {later} later with it,"
            f" by {np.mean(leads):+.1f} s on average"
        )
    return words + "."


def controls(told: Sequence[Told]) -> str:
    """False warnings where there was no fault."""
    calm = [one for one in told if one.episode.kind is Kind.CONTROL]
    counts = count(calm, LOCAL)
    false = counts.warnings - counts.true
    both = [one for one in told if one.episode.kind in (Kind.GRADUAL, Kind.CONTROL)]
    error = calibration_error(*said_and_came(both))
    return (
        f"In {len(calm)} control episodes ({24 * counts.days:.2f} h scored) {false} false"
        f" warning{'' if false == 1 else 's'} came (goal: 1 in 20 episodes at most). The chance was"
        f" {np.mean(said_and_came(calm)[0]):.0%} there on average; of gradual faults and controls"
        f" together the calibration error is {error:.3f}."
    )


def said_and_came(told: Sequence[Told]) -> tuple[Floats, Floats]:
    """All chances of the local forecaster, and the outcomes."""
    return (
        np.concatenate([one.chances[LOCAL] for one in told]),
        np.concatenate([one.outcomes for one in told]),
    )


def missed(told: Sequence[Told]) -> Iterator[str]:
    """The onsets of gradual faults that nothing warned of, and how the series went there."""
    yield "| missed | highest chance before | 30 to 10 s before | 10 s before | 10 s after |"
    yield "| --- | --- | --- | --- | --- |"
    for one in (one for one in told if one.episode.kind is Kind.GRADUAL):
        objective = one.episode.objective
        folds = one.episode.series[objective.metric] / objective.threshold
        for onset in count([one], LOCAL).onsets:
            if onset.warned_in_time_at is not None:
                continue
            ahead = onset.breach.onset - one.times
            chances = one.chances[LOCAL][(ahead > 0) & (ahead <= objective.horizon_s)]
            since = one.episode.times - onset.breach.onset
            means = (
                np.nanmean(folds[(since >= low) & (since < high)])
                for low, high in ((-30, -10), (-10, 0), (0, 10))
            )
            shown = " | ".join(f"{mean:.2f}" for mean in means)
            yield f"| {one.episode.id} | {chances.max():.0%} | {shown} |"


def covers(told: Sequence[Told]) -> dict[str, float] | None:
    """For which cases the warnings were true often enough to be said as they are."""
    counts = count(told, LOCAL)
    pair = exact(counts.true, counts.warnings)
    if counts.warnings < LEAST_WARNINGS or pair is None or pair[0] < LEAST_TRUE:
        return None
    horizons = [one.episode.objective.horizon_s for one in told]
    return {
        "least_s": min(horizons) / 2,
        "most_s": max(horizons) * 2,
        "step_s": STEP_S,
        "true": counts.true,
        "warnings": counts.warnings,
    }


def main() -> None:
    """Score, and write the report and the diagram."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument(
        "--public", type=Path, metavar="DIR", help="series of the Numenta Anomaly Benchmark"
    )
    parser.add_argument("--output", type=Path, default=Path("docs"), metavar="DIR")
    options = parser.parse_args()
    told = left_out(list(episodes(options.data)))
    result = document(told)
    kinds = {one.episode.id: one.episode.kind for one in told}
    named = [
        one["culprit_named"]
        for one in result["episodes"]
        if one["culprit_named"] is not None and kinds[one["id"]] is Kind.GRADUAL
    ]
    found = {family_of(one.episode) for one in told}
    parts = [
        HEAD.format(episodes=len(told), families=len(found)),
        "\n".join(goals(result, named)),
        controls(told),
        paired(told),
        "\n".join(families(told)),
        "The series on average around the onsets that were missed, in parts of its threshold:",
        "\n".join(missed(told)),
        "```\n" + "\n".join(lines(result)).rstrip() + "\n```",
        "![What was said and what came](reliability.svg)",
        *([section(options.public)] if options.public is not None else []),
    ]
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "forecast.md").write_text("\n\n".join(parts) + "\n")
    (options.output / "reliability.svg").write_text(picture(result))
    shipped = json.loads(FILE.read_bytes())
    shipped["covers"] = covers(told)
    FILE.write_text(json.dumps(shipped, indent=1) + "\n")


if __name__ == "__main__":
    main()
