"""Verdicts of a person: how long each stands, how they are kept, and how good they were."""

from __future__ import annotations

import json
import math
import sqlite3
from pathlib import Path

import pytest
from builders import NOW, P99, forecast, snapshot
from servers import wait_for

from perftui.cli import main
from perftui.errors import StateError
from perftui.forecast.judged import document, judge, lines, that_count
from perftui.forecast.keeping import FILE, Keeping
from perftui.forecast.log import KEPT_S, VERSION, ForecastLog
from perftui.forecast.logged import NAMES, judged, paired
from perftui.forecast.outcome import Outcome
from perftui.forecast.verdicts import Verdicts
from perftui.model.findings import Finding, Forecast, ForecastState, Mitigation
from perftui.model.objective import Objective
from perftui.model.series import Origin, SeriesKey
from perftui.model.verdict import SNOOZE_S, Decision, Item, Verdict, decide
from perftui.model.warning import Level, strongest
from perftui.model.warning import Warning as Said

KEY = SeriesKey("p99", Origin.PROMETHEUS, "s", (("handler", "/cart"),))
LIKELY = forecast(P99, probability=0.84, labels=KEY.labels, series_unit="s")
CACHE = Mitigation("Cache it.", "same items", "stale", listed=True)
FINDING = Finding("cold-cache", "The cache is cold.", (), (CACHE,))
LATE_S = 20.0

VERSION_1 = """
CREATE TABLE question (
    id INTEGER PRIMARY KEY, target TEXT NOT NULL, metric TEXT NOT NULL, labels TEXT NOT NULL,
    threshold REAL NOT NULL, above INTEGER NOT NULL, hold_s REAL NOT NULL, horizon_s REAL NOT NULL,
    UNIQUE (target, metric, labels, threshold, above, hold_s, horizon_s));
CREATE TABLE forecast (
    question INTEGER NOT NULL REFERENCES question, made_at REAL NOT NULL, forecaster TEXT NOT NULL,
    probability REAL NOT NULL, PRIMARY KEY (question, made_at, forecaster)) WITHOUT ROWID;
CREATE TABLE outcome (
    question INTEGER NOT NULL REFERENCES question, made_at REAL NOT NULL,
    breached INTEGER NOT NULL, resolved_at REAL NOT NULL,
    PRIMARY KEY (question, made_at)) WITHOUT ROWID;
CREATE TABLE breach (
    question INTEGER NOT NULL REFERENCES question, onset REAL NOT NULL, alerted REAL NOT NULL,
    PRIMARY KEY (question, onset)) WITHOUT ROWID;
CREATE TABLE learned (
    question INTEGER PRIMARY KEY REFERENCES question, state TEXT NOT NULL);
CREATE TRIGGER forecast_is_final BEFORE UPDATE ON forecast
    BEGIN SELECT RAISE(ABORT, 'a forecast is never changed'); END;
CREATE TRIGGER forecast_comes_first BEFORE INSERT ON forecast
    WHEN EXISTS (SELECT 1 FROM outcome
                 WHERE question = NEW.question AND made_at = NEW.made_at)
    BEGIN SELECT RAISE(ABORT, 'its outcome is known'); END;
"""
"""The file as the first version made it, word for word."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "perftui" / FILE


def accepted(item: Item, at: float = NOW, **more: object) -> Verdict:
    return Verdict(item, Decision.ACCEPTED, at, **more)  # type: ignore[arg-type]


def test_the_same_forecast_is_the_same_item_whenever_it_was_made():
    """Of one objective, series and forecaster; its label and its chance do not matter."""
    later = forecast(Objective("p99", 0.5, True, 10, 60, "latency"), labels=KEY.labels)
    assert Item.of(LIKELY) == Item.of(later)
    others = [
        forecast(P99),
        forecast(P99, labels=KEY.labels, by="claude"),
        forecast(Objective("p99", 0.6), labels=KEY.labels),
    ]
    assert Item.of(LIKELY) not in [Item.of(other) for other in others]
    assert Item.of(FINDING, CACHE) == Item.of(FINDING, Mitigation("cache  it", "", ""))
    assert Item.of(FINDING, CACHE) != Item.of(LIKELY, CACHE)


def test_how_long_a_verdict_stands():
    """On a forecast until its time is up, on what is proposed for good; a snooze for 15 minutes,
    or as long as the forecast looks ahead."""
    item, proposed = Item.of(LIKELY), Item.of(FINDING, CACHE)
    assert decide(item, Decision.REJECTED, NOW + 5).until == NOW + 60
    assert decide(proposed, Decision.ACCEPTED, NOW).until == math.inf
    assert decide(item, Decision.SNOOZED, NOW + 5).until == NOW + 5 + SNOOZE_S
    assert decide(proposed, Decision.SNOOZED, NOW).until == NOW + SNOOZE_S
    long = Item.of(forecast(Objective("p99", 0.5, horizon_s=3600)))
    assert decide(long, Decision.SNOOZED, NOW + 5).until == NOW + 3600
    assert decide(Item.of(LIKELY, CACHE), Decision.ACCEPTED, NOW).until == math.inf


def test_the_newest_verdict_counts_and_none_is_lost(path: Path):
    """On the screen the last one stands; the file has all of them, and nobody can change one."""
    keeping = Keeping(path, "shop")
    verdicts = Verdicts(keeping)
    item, proposed = Item.of(LIKELY), Item.of(FINDING, CACHE)
    verdicts.add(decide(item, Decision.ACCEPTED, NOW, "deploy [b]1\udc80"))
    verdicts.add(decide(proposed, Decision.REJECTED, NOW + 1))
    verdicts.add(decide(item, Decision.SNOOZED, NOW + 2))
    found = {v.item: v.decision for v in verdicts.standing(NOW + 3)}
    assert found == {item: Decision.SNOOZED, proposed: Decision.REJECTED}
    assert [v.item for v in verdicts.standing(NOW + 3 + SNOOZE_S)] == [proposed]
    keeping.close()
    log = ForecastLog(path)
    first, second, last = log.verdicts("shop")
    assert log.verdicts("other shop") == []
    log.close()
    assert (first.item, first.until, first.note) == (item, NOW + 60, "deploy [b]1\\udc80")
    assert (first.item.chance, first.item.made_at) == (0.84, NOW)
    assert (second.item, second.until) == (proposed, math.inf)
    assert last.decision is Decision.SNOOZED
    with sqlite3.connect(path) as other, pytest.raises(sqlite3.IntegrityError):
        other.execute("UPDATE verdict SET decision = 'rejected'")


def test_the_next_run_knows_them(path: Path):
    """Those that still stand, unless a newer one was given before they were read."""
    keeping = Keeping(path, "shop")
    item, proposed = Item.of(LIKELY), Item.of(FINDING, CACHE)
    for one in (item, proposed):
        keeping.verdict(decide(one, Decision.SNOOZED, NOW))
    keeping.close()
    keeping = Keeping(path, "shop")
    verdicts = Verdicts(keeping)
    verdicts.add(decide(proposed, Decision.ACCEPTED, NOW + 1))
    assert len(verdicts.standing(NOW + 2)) == 1
    verdicts.load()
    verdicts.load()
    wait_for(lambda: len(verdicts.standing(NOW + 2)) == 2, LATE_S, "them to be read")
    found = {v.item: v.decision for v in verdicts.standing(NOW + 2)}
    assert found == {item: Decision.SNOOZED, proposed: Decision.ACCEPTED}
    keeping.close()


def test_what_is_old_goes(path: Path):
    """With the forecasts of its time."""
    log = ForecastLog(path)
    for at in (NOW - KEPT_S - 1, NOW):
        log.judge("shop", accepted(Item.of(LIKELY), at))
    log.prune(NOW)
    assert [verdict.at for verdict in log.verdicts("shop")] == [NOW]
    log.close()


def test_a_file_of_the_first_version_is_taken_over(path: Path):
    """With all that is in it, and what other parts of perftui keep there; then it has verdicts."""
    path.parent.mkdir()
    with sqlite3.connect(path) as old:
        old.executescript(VERSION_1)
        old.execute("CREATE TABLE call (id INTEGER PRIMARY KEY, cost_usd REAL)")
        old.execute("INSERT INTO call VALUES (1, 0.5)")
        old.execute(
            "INSERT INTO question VALUES (7, 'shop', 'p99', ?, 0.5, 1, 10.0, 60.0)",
            (json.dumps(KEY.labels),),
        )
        for n in range(3):
            rows = [(7, NOW + n, name, 0.25) for name in (*NAMES, "claude")]
            old.executemany("INSERT INTO forecast VALUES (?, ?, ?, ?)", rows)
        old.execute("INSERT INTO outcome VALUES (7, ?, 1, ?)", (NOW, NOW + 70))
        old.execute("INSERT INTO breach VALUES (7, ?, ?)", (NOW + 50, NOW + 60))
        old.execute("INSERT INTO learned VALUES (7, '{}')")
        old.execute("PRAGMA user_version = 1")
    old.close()
    for _ in range(2):
        log = ForecastLog(path)
        assert log.question("shop", P99, KEY) == 7
        [one] = log.resolved(7)
        assert (dict(one.chances), one.breached) == (
            dict.fromkeys((*NAMES, "claude"), 0.25),
            True,
        )
        assert log.breaches(7) == [(NOW + 50, NOW + 60)]
        assert log.last_learned(7) == "{}"
        assert [pair.said for pair in log.pairs("claude")] == [0.25]
        log.judge("shop", accepted(Item.of(LIKELY)))
        log.close()
    with sqlite3.connect(path) as now:
        assert now.execute("SELECT count(*) FROM forecast").fetchone() == (15,)
        assert now.execute("SELECT count(*) FROM verdict").fetchone() == (2,)
        assert now.execute("SELECT cost_usd FROM call").fetchone() == (0.5,)
        assert now.execute("PRAGMA user_version").fetchone() == (VERSION,) == (2,)
    assert [(one.name, one.moments) for one in paired(path)] == [("claude", 1)]


def test_a_file_that_cannot_be_taken_over_stays_as_it_was(path: Path):
    """All of a step to the next version, or nothing of it."""
    path.parent.mkdir()
    with sqlite3.connect(path) as old:
        old.executescript(VERSION_1)
        old.execute("PRAGMA user_version = 1")
        old.execute("CREATE TABLE verdict (mine TEXT)")
    old.close()
    with pytest.raises(StateError, match="already exists"):
        ForecastLog(path)
    with sqlite3.connect(path) as now:
        assert now.execute("PRAGMA user_version").fetchone() == (1,)
        names = {name for (name,) in now.execute("SELECT name FROM sqlite_master")}
    assert "forecast_of_model" not in names


def test_models_are_found_without_going_through_all_forecasts(path: Path):
    """A month holds millions of rows, and only few of them are a model's."""
    log = ForecastLog(path)
    asked: list[str] = []
    log._file.database.set_trace_callback(asked.append)
    log.models()
    log.pairs("claude")
    log._file.database.set_trace_callback(None)
    for statement in asked:
        plan = log._file.database.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
        steps = [row[-1] for row in plan]
        assert any("forecast_of_model" in step for step in steps), steps
        assert not any(step.startswith("SCAN forecast") and "INDEX" not in step for step in steps)
    assert len(asked) == 2
    log.close()


SNOOZED = decide(Item.of(LIKELY), Decision.SNOOZED, NOW)


def line(*forecasts: Forecast, verdicts: tuple[Verdict, ...] = (SNOOZED,)) -> Said:
    return strongest(snapshot(forecasts=forecasts, verdicts=verdicts))


def test_a_snoozed_warning_is_quiet_but_not_hidden():
    """The line speaks of the next one, or of none, says how many are snoozed, and is not calm."""
    other = forecast(Objective("rss", 1, label="memory"), probability=0.6)
    calm = forecast(Objective("cpu", 1, label="cpu"), probability=0.1)
    assert line(LIKELY, other, calm) == Said(
        Level.WARNING, "60 % within 15 min: memory", "1 snoozed"
    )
    assert line(LIKELY, calm) == Said(
        Level.NOTICE, "no other warning; highest chance 10 % within 15 min: cpu", "1 snoozed"
    )
    assert line(LIKELY) == Said(Level.NOTICE, "no other warning", "1 snoozed")
    both = (SNOOZED, decide(Item.of(other), Decision.SNOOZED, NOW))
    assert line(LIKELY, other, verdicts=both).aside == "2 snoozed"


def test_what_is_not_snoozed_is_heard():
    """Neither an accepted nor a rejected warning is quiet; nor is a breach; and of a chance that
    would not warn nothing is said to be snoozed."""
    for decision in (Decision.ACCEPTED, Decision.REJECTED):
        said = line(LIKELY, verdicts=(decide(Item.of(LIKELY), decision, NOW),))
        assert said == Said(Level.WARNING, "84 % within 1 min: p99 above 500 ms")
    breach = forecast(P99, ForecastState.IN_BREACH, labels=KEY.labels, since=NOW - 5)
    assert line(breach).level is Level.ALARM
    assert line(breach).aside == ""
    low = forecast(P99, probability=0.2, labels=KEY.labels)
    assert line(low) == Said(
        Level.CALM, "no warning; highest chance 20 % within 1 min: p99 above 0.50"
    )


def item_at(at: float, chance: float) -> Item:
    return Item.of(forecast(P99, probability=chance, made_at=at, labels=KEY.labels))


def test_a_verdict_that_was_replaced_in_time_does_not_count():
    """Nor does one on a proposal; one whose time was up when the next one came does."""
    first = decide(item_at(NOW, 0.9), Decision.ACCEPTED, NOW + 1)
    second = decide(item_at(NOW + 20, 0.9), Decision.REJECTED, NOW + 20)
    later = decide(item_at(NOW + 100, 0.9), Decision.ACCEPTED, NOW + 100)
    snoozed = decide(item_at(NOW + 110, 0.9), Decision.SNOOZED, NOW + 110)
    proposal = decide(Item.of(LIKELY, CACHE), Decision.ACCEPTED, NOW + 120)
    assert that_count([first, second, later]) == [second, later]
    assert that_count([first, second, later, snoozed, proposal]) == [second]


@pytest.mark.parametrize(
    ("chance", "decision", "breached", "right", "forecaster_right"),
    [
        (0.9, Decision.ACCEPTED, True, 1, 1),
        (0.9, Decision.ACCEPTED, False, 0, 0),
        (0.9, Decision.REJECTED, True, 0, 1),
        (0.9, Decision.REJECTED, False, 1, 0),
        (0.1, Decision.ACCEPTED, False, 1, 1),
        (0.1, Decision.REJECTED, True, 1, 0),
        (0.1, Decision.REJECTED, False, 0, 1),
    ],
)
def test_who_was_right(
    chance: float, decision: Decision, breached: bool, right: int, forecaster_right: int
):
    """Who accepts is of the forecaster's side, who rejects of the other one."""
    found = judge([(Verdict(item_at(NOW, chance), decision, NOW), breached)], 4, 1)
    assert (found.decided, found.right, found.forecaster_right) == (1, right, forecaster_right)
    assert found.accepted == (decision is Decision.ACCEPTED)


def test_shares_of_nothing_are_not_known():
    """And the text speaks of warnings alone then."""
    empty = document(judge([], 0, 0))
    assert (empty["agreement"], empty["needed_person"]) == (None, None)
    assert list(lines(empty)) == ["of 0 local warnings that came out a person decided on 0", ""]
    assert list(lines(None)) == []


def test_score_shows_how_the_verdicts_agree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], path: Path
):
    """Of three warnings a person decided on two: one came, one did not, and one has no outcome."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    log = ForecastLog(path)
    question = log.question("shop", P99, KEY)
    begun = [NOW, NOW + 200, NOW + 400]
    for at in begun:
        log.write(question, at, dict.fromkeys(NAMES, 0.9))
        log.write(question, at + 100, dict.fromkeys(NAMES, 0.1))
    log.resolve(question, [Outcome(NOW, True), Outcome(NOW + 100, False)], NOW + 300)
    log.resolve(question, [Outcome(NOW + 200, False), Outcome(NOW + 300, False)], NOW + 400)
    log.breach(question, NOW + 30, NOW + 40)
    # The screen shows a forecast a moment after the point that it is logged at.
    log.judge("shop", decide(item_at(NOW + 1, 0.9), Decision.ACCEPTED, NOW + 5))
    log.judge("shop", decide(item_at(NOW + 400.5, 0.9), Decision.ACCEPTED, NOW + 405))
    log.judge("shop", decide(item_at(NOW - 500, 0.9), Decision.ACCEPTED, NOW - 499))
    log.close()
    found = judged(path)
    assert (found.decided, found.right, found.accepted) == (1, 1, 1)
    assert (found.warnings, found.answered) == (2, 1)
    log = ForecastLog(path)
    log.judge("shop", decide(item_at(NOW + 201, 0.9), Decision.REJECTED, NOW + 210))
    log.close()
    assert main(["score", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)["verdicts"]
    assert (shown["decided"], shown["right"], shown["forecaster_right"]) == (2, 2, 1)
    assert (shown["agreement"], shown["forecaster_agreement"]) == (1.0, 0.5)
    assert (shown["warnings"], shown["answered"], shown["needed_person"]) == (2, 2, 1.0)
    assert shown["ci95"]["agreement"][1] == 1.0
    assert main(["score"]) == 0
    text = capsys.readouterr().out
    assert "of 2 forecasts that a person accepted or rejected and that came out" in text
    assert "of 2 local warnings that came out a person decided on 2 (100 %" in text


def test_a_verdict_belongs_to_the_target_that_it_was_given_on(tmp_path):
    """Also where another one is watched before it is written; what was decided there comes back
    with it, and what was read too late for it does not stand."""
    keeping = Keeping(tmp_path / FILE, "old")
    verdicts = Verdicts(keeping)
    verdicts.load()
    keeping.flush()
    verdicts.add(decide(Item.of(LIKELY), Decision.REJECTED, NOW))
    keeping.target("new")
    verdicts.forget()
    assert verdicts.standing(NOW) == ()
    verdicts.load()
    keeping.flush()
    assert verdicts.standing(NOW) == ()
    keeping.target("old")
    verdicts.forget()
    verdicts.load()
    keeping.flush()
    assert [v.decision for v in verdicts.standing(NOW)] == [Decision.REJECTED]
    keeping.close()
