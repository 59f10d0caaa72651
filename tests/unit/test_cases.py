"""Similar past cases: what came when about the same was forecast."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from builders import NOW, P99, forecast

from perftui.forecast.cases import MOST, similar_cases
from perftui.forecast.keeping import FILE, Keeping
from perftui.forecast.log import ForecastLog
from perftui.forecast.outcome import Outcome
from perftui.model.findings import Forecast, ForecastState
from perftui.model.objective import Objective
from perftui.model.past import PastCase
from perftui.model.series import Origin, SeriesKey
from perftui.model.verdict import Decision, Item, Verdict

KEY = SeriesKey("p99", Origin.PROMETHEUS, "s", (("handler", "/cart"),))
HORIZON = P99.horizon_s
NOW_SAID = forecast(P99, probability=0.84, labels=KEY.labels)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / FILE


def told(path: Path, *said: tuple[float, float, bool], key: SeriesKey = KEY) -> None:
    """At horizons before now the local forecaster said so, and a breach came or not: 40 s later."""
    log = ForecastLog(path)
    question = log.question("shop", P99, key)
    for horizons, chance, breached in said:
        at = NOW - horizons * HORIZON
        log.write(question, at, {"local": chance, "holt": 0.84})
        log.resolve(question, [Outcome(at, breached)], NOW)
        if breached:
            log.breach(question, at + 40, at + 60)
    log.close()


def chances(path: Path, now: Forecast = NOW_SAID, target: str = "shop") -> list[float]:
    return [case.chance for case in similar_cases(path, target, now)]


def test_the_most_similar_come_first(path: Path):
    """Of those that are about the same; of two that are as similar the newer one."""
    told(path, (9, 0.9, True), (7, 0.5, False), (5, 0.82, False), (3, 0.8, True), (1.5, 0.82, True))
    assert [
        (round((NOW - c.at) / HORIZON, 1), c.chance, c.breached)
        for c in (similar_cases(path, "shop", NOW_SAID))
    ] == [(1.5, 0.82, True), (5, 0.82, False), (3, 0.8, True), (9, 0.9, True)]
    first = similar_cases(path, "shop", NOW_SAID)[0]
    assert first.onset == first.at + 40


def test_moments_near_each_other_are_one_case(path: Path):
    """A horizon apart at least, and a few of them."""
    told(path, *((2 + n / 10, 0.84, False) for n in range(200)))
    found = [case.at for case in similar_cases(path, "shop", NOW_SAID)]
    assert len(found) == MOST
    assert all(abs(a - b) >= HORIZON for a in found for b in found if a != b)


def test_what_is_not_like_it_is_no_case(path: Path):
    """Another target, objective or series; what is not known yet; and where nothing is said of what
    is to come."""
    told(path, (3, 0.84, True))
    log = ForecastLog(path)
    log.write(log.question("shop", P99, KEY), NOW - 10, {"local": 0.84})
    log.close()
    assert chances(path) == [0.84]
    assert chances(path, target="other") == []
    for other in (
        replace(NOW_SAID, labels=()),
        replace(NOW_SAID, objective=Objective("p99", 0.7)),
        replace(NOW_SAID, probability=0.3),
        replace(NOW_SAID, probability=None),
        replace(NOW_SAID, state=ForecastState.NO_SKILL),
    ):
        assert chances(path, other) == []
    labelled = replace(NOW_SAID, objective=replace(P99, label="latency"))
    assert chances(path, labelled) == [0.84]


def test_what_a_person_said_to_it(path: Path):
    """Within its horizon, on the local forecast; what was taken back was not said."""
    told(path, (3, 0.84, True), (6, 0.83, False), (9, 0.82, False))
    log = ForecastLog(path)

    def judged(horizons: float, decision: Decision, *, by: str = "local", note: str = "") -> None:
        at = NOW - horizons * HORIZON
        item = Item(by, P99, KEY.labels, "", at, 0.84)
        log.judge("shop", Verdict(item, decision, at + 1, at + HORIZON, note))

    judged(9, Decision.REJECTED, by="claude")
    judged(6, Decision.ACCEPTED)
    judged(5.9, Decision.SNOOZED)
    judged(3, Decision.ACCEPTED, note="known: the batch")
    log.close()
    said = [case.verdict for case in similar_cases(path, "shop", NOW_SAID)]
    assert [one and (one.decision, one.note) for one in said] == [
        (Decision.ACCEPTED, "known: the batch"),
        None,
        None,
    ]


def test_without_a_log_there_is_none(path: Path, tmp_path: Path):
    """None is made, either; one that cannot be read is as good as none."""
    assert Keeping(path, "shop").cases(NOW_SAID) == ()
    assert Keeping(None, "shop").cases(NOW_SAID) == ()
    assert not path.exists()
    broken = tmp_path / "broken.sqlite"
    broken.write_bytes(b"no database" * 1000)
    assert Keeping(broken, "shop").cases(NOW_SAID) == ()
    told(path, (3, 0.84, True))
    assert Keeping(path, "shop").cases(NOW_SAID) == (
        PastCase(NOW - 3 * HORIZON, 0.84, True, NOW - 3 * HORIZON + 40),
    )
