from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perftui.forecast.beside import Beside
from perftui.forecast.diagram import svg, text_lines
from perftui.forecast.intervals import bootstrap, exact
from perftui.forecast.labelled import Episode, Kind
from perftui.forecast.local import Local
from perftui.forecast.outcome import Outcome
from perftui.forecast.report import document, lines
from perftui.forecast.score import (
    average_precision,
    brier,
    calibration_error,
    count,
    replay,
)
from perftui.forecast.teller import BaseRate, Holt, PredictLinear, Teller
from perftui.model.objective import Objective
from perftui.model.stacks import Place

OBJECTIVE = Objective("m", 10.0, True, 5.0, 60.0)
WORK = Place("work", "/app.py")


class Scripted:
    """Says at each second what it was told to say."""

    name = "scripted"

    def __init__(self, said: Mapping[int, float], otherwise: float = 0.1) -> None:
        self._said, self._otherwise = said, otherwise
        self._at = 0.0

    def see(self, at: float, value: float, beside: Beside) -> None:
        self._at = at

    def learn(self, outcome: Outcome) -> None:
        pass

    def chance(self) -> float:
        return self._said.get(int(self._at), self._otherwise)


def episode(
    *spans: tuple[int, int], length: int = 600, kind: Kind = Kind.GRADUAL, **more: object
) -> Episode:
    """A second a point, 11 in these spans (ends included), else 9."""
    times = np.arange(float(length))
    values = np.full(length, 9.0)
    for first, last in spans:
        values[first : last + 1] = 11.0
    return Episode("e", "e.csv", kind, OBJECTIVE, times, {"m": values}, **more)  # type: ignore[arg-type]


def test_a_warning_counts_once_until_the_chance_was_low_again():
    """It begins at 0.8, and can begin anew below 0.5 or after a breach."""
    said = {200: 0.8, 201: 0.6, 202: 0.9, 300: 0.49, 301: 0.95, 302: 0.95, 450: 0.99}
    [begun] = replay(episode(), [Scripted(said, 0.6)]).warnings.values()
    assert begun == [200, 301]
    [begun] = replay(episode((100, 120), (150, 170)), [Scripted({}, 0.9)]).warnings.values()
    assert begun == [0, 121, 171]


def test_recall_precision_and_lead():
    """An onset is warned of by a warning that begins in [onset - horizon, onset); a warning is true
    if one begins within the horizon after it."""
    said = {139: 0.9, 141: 0.2, 170: 0.9, 310: 0.9, 400: 0.9, 545: 0.9}
    told = [replay(episode((200, 220), (420, 440)), [Scripted(said)])]
    counts = count(told, "scripted")
    # 139 is one second too early, 310 comes to nothing; the time of 545 is not up at the end.
    assert (counts.warnings, counts.true, counts.warned, len(counts.onsets)) == (4, 2, 2, 2)
    assert counts.leads_s == [30.0, 20.0]
    assert counts.before_reference == 2
    assert [onset.breach.alerted for onset in counts.onsets] == [205, 425]


def test_a_warning_while_it_is_violated_comes_before_the_alert_alone():
    """Before a rule would fire, but not before the onset: true, early, and no onset warned of."""
    counts = count([replay(episode((200, 220)), [Scripted({203: 0.9})])], "scripted")
    assert (counts.true, counts.warned, counts.before_reference) == (1, 0, 1)


def test_what_is_for_learning_is_not_scored():
    """Neither its moments nor its onsets nor its warnings."""
    told = replay(
        episode((200, 220), (420, 440), learn_until=300.0), [Scripted({190: 0.9, 400: 0.9})]
    )
    assert told.times[0] == 300
    counts = count([told], "scripted")
    assert (len(counts.onsets), counts.warnings, counts.true) == (1, 1, 1)


def test_figures_by_hand():
    """Brier, calibration error and average precision of four moments."""
    chances, outcomes = np.array([0.1, 0.4, 0.6, 0.9]), np.array([0.0, 1.0, 0.0, 1.0])
    assert brier(chances, outcomes) == pytest.approx((0.01 + 0.36 + 0.36 + 0.01) / 4)
    assert calibration_error(chances, outcomes, 2) == pytest.approx((0.25 + 0.25) / 2)
    assert average_precision(chances, outcomes) == pytest.approx((1 / 1 + 2 / 3) / 2)
    assert math.isnan(average_precision(chances, np.zeros(4)))


@given(
    st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60),
    st.integers(1, 12),
)
def test_figures_are_within_their_bounds(pairs: list[tuple[float, bool]], bins: int):
    """And a forecaster that says the overall share is calibrated."""
    chances = np.array([said for said, _ in pairs])
    outcomes = np.array([float(came) for _, came in pairs])
    assert 0 <= brier(chances, outcomes) <= 1
    assert 0 <= calibration_error(chances, outcomes, bins) <= 1
    assert calibration_error(np.full(len(pairs), outcomes.mean()), outcomes, bins) < 1e-9
    if outcomes.any():
        assert 0 < average_precision(chances, outcomes) <= 1


@pytest.mark.parametrize(
    ("hits", "count", "low", "high"),
    # Clopper & Pearson's intervals, from R's binom.test.
    [(0, 10, 0.0, 0.3084971), (9, 10, 0.5549839, 0.9974714), (10, 10, 0.6915029, 1.0)],
)
def test_exact_intervals(hits: int, count: int, low: float, high: float):
    """As R gives them."""
    assert exact(hits, count) == pytest.approx((low, high), abs=1e-6)


def test_bootstrap_intervals():
    """About mean plus and minus 1.96 standard errors; one block tells nothing."""
    blocks = [float(n % 10) for n in range(200)]
    pair = bootstrap(blocks, lambda drawn: sum(drawn) / len(drawn))
    assert pair == pytest.approx((4.5 - 0.40, 4.5 + 0.40), abs=0.1)
    assert bootstrap([1.0], sum) is None


def wave(length: int = 900) -> Episode:
    """A noisy wave that goes over the threshold now and then."""
    chance = np.random.default_rng(3)
    times = np.arange(float(length))
    values = 8 + 3 * np.sin(times / 40) + chance.normal(0, 0.5, length)
    series = {"m": values, "beside": np.cumsum(chance.normal(0, 1, length))}
    busy = [{WORK: abs(float(value)) / 20} for value in values]
    shares = [one if n % 5 else None for n, one in enumerate(busy)]
    return Episode("wave", "w.csv", Kind.GRADUAL, OBJECTIVE, times, series, shares=shares)


TELLERS = (Local, PredictLinear, Holt, BaseRate)


@pytest.mark.parametrize("kind", TELLERS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("cut", [60, 333, 700])
def test_the_future_changes_no_past_forecast(kind: type[Teller], cut: int):
    """Whatever comes later, what was said before is the same to the last bit."""
    whole = wave()
    chance = np.random.default_rng(9)
    series = {name: column.copy() for name, column in whole.series.items()}
    for column in series.values():
        column[cut:] = chance.normal(30, 20, len(column) - cut)
    shares = [*whole.shares[:cut], *({WORK: float(one)} for one in chance.random(900))]
    changed = replace(whole, series=series, shares=shares[: len(whole.times)])
    said = []
    for one in (whole, changed):
        teller = kind(OBJECTIVE)  # type: ignore[call-arg]
        heard: list[float | None] = []
        told = replay(one, [Noted(teller, heard)])
        assert told.chances
        said.append([chance for at, chance in heard if at < cut])
    assert said[0] == said[1]
    assert cut < 100 or any(chance is not None for chance in said[0])  # the base rate waits first


class Noted:
    """Passes all on to a forecaster, and notes what it says."""

    def __init__(self, teller: Teller, heard: list) -> None:
        self._teller, self._heard = teller, heard
        self.name = teller.name
        self._at = 0.0

    def see(self, at: float, value: float, beside: Beside) -> None:
        self._at = at
        self._teller.see(at, value, beside)

    def learn(self, outcome: Outcome) -> None:
        self._teller.learn(outcome)

    def chance(self) -> float | None:
        chance = self._teller.chance()
        self._heard.append((self._at, chance))
        return chance


def test_the_document():
    """Every kind that is there, every forecaster, in DESIGN's fields; the text has the same."""
    told = [
        replay(one, [kind(OBJECTIVE) for kind in TELLERS])  # type: ignore[call-arg]
        for one in (wave(), episode(kind=Kind.CONTROL))
    ]
    found = document(told)
    assert found["schema"] == "perftui-score/1"
    assert {(one["kind"], one["forecaster"]) for one in found["results"]} == {
        (kind, teller(OBJECTIVE).name)  # type: ignore[call-arg]
        for kind in ("all", "gradual", "control")
        for teller in TELLERS
    }
    local = found["results"][0]
    assert {
        "onsets",
        "warned",
        "warned_before_reference",
        "warnings",
        "recall",
        "precision",
    } <= set(local)
    assert {
        "lead_s",
        "false_per_day",
        "brier",
        "skill_base",
        "skill_linear",
        "ece",
        "auprc",
    } <= set(local["ci95"])
    assert found["episodes"][0]["onset"] is not None
    text = "\n".join(lines(found))
    assert "gradual: 1 episodes" in text
    assert "predict_linear" in text


def test_the_function_that_a_warning_names_is_compared_with_the_culprit():
    """The one at the first warning in time counts, else the one at the onset; without a profile
    nothing does."""
    for said, functions, expected in (
        ({70: 0.9}, ("work", "other"), True),
        ({70: 0.9}, ("Shop.work", "other"), True),
        ({70: 0.9}, ("rework", "other"), False),
        ({70: 0.9}, ("other", "work"), False),
        ({}, ("work", "other"), True),
        ({}, (None, "work"), False),
    ):
        names = iter([Place(name, "/app.py") if name else None for name in functions])
        one = episode((100, 120), culprit="work", shares=[{WORK: 0.5}] * 600)
        tellers = [Scripted(said), PredictLinear(OBJECTIVE), BaseRate(OBJECTIVE)]
        told = replay(one, tellers, partial(next, names))
        [found] = document([told])["episodes"]
        assert found["culprit_named"] is expected
    [found] = document([replay(replace(one, shares=()), tellers)])["episodes"]
    assert found["culprit_named"] is None


def test_forecasters_that_saw_some_of_the_episodes_alone_stand_beside_the_others():
    """Each is scored on what it saw."""
    others = [PredictLinear(OBJECTIVE), BaseRate(OBJECTIVE)]
    all_of_them = [Scripted({70: 0.9}), *others]
    told = [replay(episode((100, 120)), all_of_them), replay(episode((200, 220)), others)]
    found = {one["forecaster"]: one for one in document(told)["results"] if one["kind"] == "all"}
    assert (found["scripted"]["episodes"], found["base_rate"]["episodes"]) == (1, 2)


def test_the_reliability_diagram():
    """One circle for each bin of each forecaster and one in the key; names are text, not markup."""
    curves = {"local": [(0.1, 0.0, 0.5), (0.9, 1.0, 0.5)], "<b>&": [(0.5, 0.5, 1.0)], "none": []}
    drawn = ElementTree.fromstring(svg(curves, "What <was> said"))
    name = "{http://www.w3.org/2000/svg}"
    assert len(drawn.findall(f"{name}circle")) == 3 + len(curves)
    texts = [one.text for one in drawn.iter(f"{name}text")]
    assert {"<b>&", "What <was> said", "20 %"} <= set(texts)
    head, *rows, foot = text_lines(curves["local"])
    assert [row.split()[0] for row in rows] == ["10.0", "90.0"]
    assert rows[1].count("█") == 19
    assert "said" in head
    assert "│ was said" in foot
