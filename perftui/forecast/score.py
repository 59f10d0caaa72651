"""How good forecasts were: per warning, per moment, and with how much uncertainty.

A warning begins as :class:`.warn.Trigger` says. It came true if a breach began within
the horizon after it, or if what violated the objective already became one. Of the moments only
those count that are not in breach, whose outcome is known and for which every forecaster compared
had something to say.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from perftui.forecast.beside import Beside
from perftui.forecast.labelled import Episode
from perftui.forecast.outcome import Breach, Outcomes
from perftui.forecast.teller import Teller
from perftui.forecast.warn import Trigger
from perftui.model.series import Point
from perftui.model.stacks import Place

Floats = npt.NDArray[np.float64]

BINS = 10
"""Bins of equal mass for the calibration error."""
DAY_S = 86_400.0


@dataclass(frozen=True)
class Told:
    """What forecasters said of one episode's moments, and what came.

    `times` are the moments (Unix seconds) that are scored, `outcomes` 1 where a breach began within
    the horizon, `chances` by forecaster what it said, all of one length. `breaches` are those with
    an onset in the scored time, `warnings` by forecaster the times at which one began. `scored_s`
    is how long the scored moments were. `named` has, for the first forecaster, the function that
    rose when a warning or a breach began.
    """

    episode: Episode
    times: Floats
    outcomes: Floats
    chances: Mapping[str, Floats]
    breaches: Sequence[Breach]
    warnings: Mapping[str, Sequence[float]]
    scored_s: float
    named: Sequence[tuple[float, Place | None]] = ()


@dataclass
class _Said:
    chance: dict[str, float | None] = field(default_factory=dict)
    outcome: float = math.nan


def replay(
    episode: Episode, tellers: Sequence[Teller], riser: Callable[[], Place | None] = lambda: None
) -> Told:
    """Show the episode to the forecasters point by point, and note what they say. `riser` is asked
    which function the first of them names, when it warns and when a breach begins."""
    objective = episode.objective
    outcomes = Outcomes(objective)
    said: dict[float, _Said] = {}
    named: list[tuple[float, Place | None]] = []
    triggers = {teller.name: Trigger() for teller in tellers}
    warnings: dict[str, list[float]] = {teller.name: [] for teller in tellers}
    names = [name for name in episode.series if name != objective.metric]
    others = [episode.series[name] for name in names]
    first = episode.learn_until if episode.learn_until is not None else -math.inf
    values = episode.series[objective.metric]
    for place, at in enumerate(map(float, episode.times)):
        value = float(values[place])
        if math.isnan(value):
            continue
        breaches = len(outcomes.breaches)
        for outcome in outcomes.add(Point(at, value)):
            if outcome.at in said:
                said[outcome.at].outcome = float(outcome.breached)
            for teller in tellers:
                teller.learn(outcome)
        if len(outcomes.breaches) > breaches:
            named.append((at, riser()))
            for trigger in triggers.values():
                trigger.breach()
        metrics = {
            name: float(column[place])
            for name, column in zip(names, others, strict=True)
            if not math.isnan(column[place])
        }
        beside = Beside(
            metrics,
            episode.shares[place] if episode.shares else None,
            episode.gil_held[place] if episode.gil_held else None,
        )
        for teller in tellers:
            teller.see(at, value, beside)
        if outcomes.in_breach:
            continue
        now = said[at] = _Said()
        for teller in tellers:
            chance = now.chance[teller.name] = teller.chance()
            if chance is not None and triggers[teller.name].begins(chance):
                warnings[teller.name].append(at)
                if teller is tellers[0]:
                    named.append((at, riser()))
    counted = [
        (at, one)
        for at, one in said.items()
        if at >= first and not math.isnan(one.outcome) and None not in one.chance.values()
    ]
    times = np.array([at for at, _ in counted])
    return Told(
        episode,
        times,
        np.array([one.outcome for _, one in counted]),
        {t.name: np.array([one.chance[t.name] for _, one in counted]) for t in tellers},
        [breach for breach in outcomes.breaches if breach.onset >= first],
        {name: [at for at in begun if at >= first] for name, begun in warnings.items()},
        length_s(times),
        named,
    )


def length_s(times: Floats) -> float:
    """How long so many moments are, each of the usual step."""
    return float(np.median(np.diff(times)) * len(times)) if len(times) > 1 else 0.0


@dataclass(frozen=True)
class Onset:
    """One breach and the first warning within the horizon before it, None without one."""

    episode: Episode
    breach: Breach
    warned_at: float | None

    @property
    def warned_in_time_at(self) -> float | None:
        """The same, None where the breach had begun."""
        early = self.warned_at is not None and self.warned_at < self.breach.onset
        return self.warned_at if early else None


@dataclass(frozen=True)
class Counts:
    """Warnings and onsets of one forecaster over some episodes."""

    onsets: Sequence[Onset]
    warnings: int
    true: int
    days: float

    @property
    def warned(self) -> int:
        """Onsets with a warning in [onset - horizon, onset)."""
        return sum(onset.warned_in_time_at is not None for onset in self.onsets)

    @property
    def before_reference(self) -> int:
        """Onsets with a warning before a Prometheus rule would have fired."""
        return sum(onset.warned_at is not None for onset in self.onsets)

    @property
    def leads_s(self) -> list[float]:
        """From the warning to the onset, for those warned of, in seconds."""
        return [
            onset.breach.onset - early
            for onset in self.onsets
            if (early := onset.warned_in_time_at) is not None
        ]


def count(told: Iterable[Told], name: str) -> Counts:
    """The warnings and onsets of one forecaster."""
    onsets: list[Onset] = []
    warnings = true = 0
    seconds = 0.0
    for one in told:
        horizon = one.episode.objective.horizon_s
        begun = one.warnings[name]
        seconds += one.scored_s
        for breach in one.breaches:
            early = [at for at in begun if breach.onset - horizon <= at < breach.alerted]
            onsets.append(Onset(one.episode, breach, min(early, default=None)))
        last = float(one.episode.times[-1])
        for at in begun:
            came = any(
                at < breach.alerted and breach.onset <= at + horizon for breach in one.breaches
            )
            # One whose time is not up has come to nothing yet.
            if came or at + horizon + one.episode.objective.hold_s <= last:
                warnings += 1
                true += came
    return Counts(onsets, warnings, true, seconds / DAY_S)


def brier(chances: Floats, outcomes: Floats) -> float:
    """Mean squared error of probabilities (Brier 1950)."""
    return float(np.mean((chances - outcomes) ** 2)) if len(outcomes) else math.nan


def calibration_error(chances: Floats, outcomes: Floats, bins: int = BINS) -> float:
    """Mean distance of what was said and what came, over bins of equal mass (Naeini et al. 2015;
    equal mass as in Nixon et al. 2019). Equal chances stay in one bin."""
    if not len(outcomes):
        return math.nan
    error = 0.0
    for said, came, weight in reliability(chances, outcomes, bins):
        error += weight * abs(said - came)
    return error


def reliability(
    chances: Floats, outcomes: Floats, bins: int = BINS
) -> list[tuple[float, float, float]]:
    """For bins of equal mass: mean chance, share that came, and the bin's part of all."""
    if not len(chances):
        return []
    order = np.argsort(chances, kind="stable")
    ranked = chances[order]
    edges = [0]
    for part in range(1, bins):
        place = int(np.searchsorted(ranked, ranked[part * len(ranked) // bins], side="left"))
        if place > edges[-1]:
            edges.append(place)
    edges.append(len(ranked))
    return [
        (
            float(ranked[a:b].mean()),
            float(outcomes[order][a:b].mean()),
            (b - a) / len(ranked),
        )
        for a, b in itertools.pairwise(edges)
        if b > a
    ]


def average_precision(chances: Floats, outcomes: Floats) -> float:
    """Area under precision over recall, by steps; equal chances count as one step. NaN without a
    breach."""
    positives = float(outcomes.sum())
    if not positives:
        return math.nan
    order = np.argsort(-chances, kind="stable")
    ranked = chances[order]
    ends = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    hits = np.cumsum(outcomes[order])[ends]
    precision = hits / (ends + 1)
    gained = np.diff(hits, prepend=0.0)
    return float((precision * gained).sum() / positives)
