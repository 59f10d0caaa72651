"""By how much a model may move the local chance: what its scored record lets it do."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from llm_samples import NOW, P99, answer_text, local, snapshot
from llm_standin import StandIn, message
from test_advisor import ask, running

from perftui.advisor.answer import as_forecast, parse
from perftui.advisor.evidence import facts
from perftui.advisor.redact import Pseudonyms
from perftui.advisor.standing import (
    ENOUGH_BREACHES,
    MOST_SHIFT,
    PROVEN_SHIFT,
    Standing,
    most_shift,
    read_standing,
)
from perftui.forecast.intervals import BLOCK_HORIZONS, Interval
from perftui.forecast.keeping import FILE
from perftui.forecast.log import ForecastLog
from perftui.forecast.outcome import Outcome
from perftui.forecast.pairs import ENOUGH_BLOCKS, Paired, compare
from perftui.model.findings import Forecast
from perftui.model.objective import Objective
from perftui.model.series import Origin, SeriesKey

MODEL = "claude-haiku-5-5"
QUICK = Objective("p99", 0.5, hold_s=1.0, horizon_s=10.0)
KEY = SeriesKey("p99", Origin.PROMETHEUS, "s")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / FILE


def record(interval: Interval | None, *, onsets: int = ENOUGH_BREACHES) -> Paired:
    return Paired(MODEL, 200, onsets, 100, 0.1, 0.1, interval, ENOUGH_BLOCKS)


@pytest.mark.parametrize(
    ("paired", "bound"),
    [
        (None, MOST_SHIFT),
        (record(None), MOST_SHIFT),
        (record((-0.01, 0.02)), MOST_SHIFT),
        (record((0.0, 0.0)), MOST_SHIFT),
        (record((0.01, 0.02)), 0.0),
        (record((0.01, 0.02), onsets=0), 0.0),
        (record((-0.02, -0.01)), PROVEN_SHIFT),
        (record((-0.02, -0.01), onsets=ENOUGH_BREACHES - 1), MOST_SHIFT),
    ],
)
def test_the_bound(paired: Paired | None, bound: float):
    """Wider where the record is credibly better, shut where it is credibly worse, and as it was
    where too little is known."""
    assert most_shift(paired) == bound


def keep(path: Path, said: Callable[[bool], float], *, targets: int = 1) -> None:
    """Write a record down: pairs over ten blocks and more, a breach after every fourth one, of a
    local forecaster that says 50 %."""
    log = ForecastLog(path)
    for target in range(targets):
        question = log.question(f"shop {target}", QUICK, KEY)
        outcomes = []
        for n in range(4 * (ENOUGH_BLOCKS // targets)):
            at = NOW + n * BLOCK_HORIZONS * QUICK.horizon_s / 4
            breached = n % 4 == 0
            log.write(question, at, {"local": 0.5, MODEL: said(breached), "other": 1.0})
            outcomes.append(Outcome(at, breached))
            if breached:
                log.breach(question, at + 5, at + 6)
        log.resolve(question, outcomes, NOW)
    log.close()


@pytest.mark.parametrize("targets", [1, 5])
def test_the_record_of_all_targets_counts(path: Path, targets: int):
    """Better ones open the bound, worse ones shut it, and it is said in words."""
    keep(path, lambda breached: 0.7 if breached else 0.3, targets=targets)
    found = read_standing(path, MODEL, Standing())
    assert found == Standing(
        PROVEN_SHIFT,
        "of 40 forecasts that came out, it was better than the local one in 40;"
        " Brier 0.09 against 0.25",
    )
    assert read_standing(path, "a new one", Standing(0.0, "x")) == Standing(MOST_SHIFT, None)


@pytest.mark.parametrize(("breaches", "bound"), [(1, MOST_SHIFT), (3, PROVEN_SHIFT)])
def test_one_breach_is_one_however_often_it_was_foreseen(path: Path, breaches: int, bound: float):
    """Answers before and at the onset of the same one tell one thing."""
    log = ForecastLog(path)
    question = log.question("shop", QUICK, KEY)
    quiet = [NOW + n * BLOCK_HORIZONS * QUICK.horizon_s for n in range(2 * ENOUGH_BLOCKS)]
    onsets = [at + 100.0 for at in quiet[:breaches]]
    # The last one is a moment at which it was violated, but not yet for its `for`.
    before = [onset + age for onset in onsets for age in (-9.5, -5.0, -1.0, 0.5)]
    for at in sorted(quiet + before):
        log.write(question, at, {"local": 0.2, MODEL: 0.3 if at in before else 0.05})
    log.resolve(question, [Outcome(at, at in before) for at in quiet + before], NOW)
    for onset in onsets:
        log.breach(question, onset, onset + 1.0)
    log.close()
    with closing(ForecastLog(path)) as log:
        pairs = log.pairs(MODEL)
        found = compare(MODEL, pairs)
    assert {pair.onset for pair in pairs} == {None, *onsets}
    assert found is not None
    assert (found.onsets, found.moments) == (breaches, len(quiet) + 4 * breaches)
    assert found.interval is not None
    assert found.interval[1] < 0
    assert read_standing(path, MODEL, Standing()).most_shift == bound


def test_a_worse_record_shuts_it(path: Path):
    """As a model that cries wolf has."""
    keep(path, lambda breached: 0.8)
    assert read_standing(path, MODEL, Standing()).most_shift == 0.0


def test_what_cannot_be_read_leaves_it_as_it_was(path: Path):
    """A file that somebody holds does not give back what was lost."""
    last = Standing(0.0, "worse")
    assert read_standing(None, MODEL, last) == last
    assert read_standing(path, MODEL, last) == last
    assert not path.exists()
    keep(path, lambda breached: 0.4)
    with sqlite3.connect(path, isolation_level=None) as holder:
        holder.execute("BEGIN IMMEDIATE")
        assert read_standing(path, MODEL, last) == last
        holder.execute("ROLLBACK")
    assert read_standing(path, MODEL, last) != last


def held(local_chance: float, said: float, shift: float) -> Forecast:
    table = facts(snapshot(forecasts=[local(P99, local_chance)]))
    forecast = as_forecast(
        *(parse(answer_text(probability=said)), table, Pseudonyms()),
        by=MODEL,
        made_at=NOW,
        most_shift=shift,
        earlier="of 9",
    )
    assert forecast is not None
    return forecast


@pytest.mark.parametrize(
    ("said", "shift", "shown"),
    [(0.99, 0.0, 0.31), (0.31, 0.0, 0.31), (0.99, 1.0, 0.55), (0.99, 2.0, 0.769), (0.6, 2.0, 0.6)],
)
def test_the_chance_is_held_to_the_bound(said: float, shift: float, shown: float):
    """Of 0 the local chance stays as it is; and what is known of earlier ones is said."""
    forecast = held(0.31, said, shift)
    assert forecast.probability == pytest.approx(shown, abs=0.001)
    assert forecast.record is not None
    assert forecast.record.endswith("of 9")
    if not shift:
        assert forecast.probability == 0.31
        assert "its record is worse than the local one: 31% stays; of 9" in forecast.record


def test_the_bound_is_where_it_says():
    """By log-odds, not by points."""
    chance = held(0.31, 1.0, PROVEN_SHIFT).probability
    assert chance is not None
    assert math.log(chance / (1 - chance)) - math.log(0.31 / 0.69) == pytest.approx(PROVEN_SHIFT)


def test_the_advisor_holds_a_model_to_its_record(path: Path):
    """What it has said before, by the log, decides what its next answer can do."""
    keep(path, lambda breached: 0.8)
    with (
        StandIn(message(answer_text(probability=0.9))) as server,
        running(server.env, ledger=path) as advisor,
    ):
        ask(advisor)
        [forecast] = advisor.forecasts
    assert forecast.probability == 0.31
    assert "of 40 forecasts that came out, it was better than the local one in 10" in (
        forecast.record or ""
    )
