from __future__ import annotations

import pytest
from builders import P99, forecast, record_of

from perftui.forecast.breaches import BreachLog
from perftui.forecast.record import ENOUGH, ENOUGH_BREACHES, KEPT, Record
from perftui.model.findings import ForecastState
from perftui.model.series import Point


def log_of(*spans: tuple[int, int], length: int = 200) -> BreachLog:
    """What was seen of a point each second from 0 on, violating in these spans, ends included."""
    log = BreachLog(P99)
    log.add(Point(t, float(any(a <= t <= b for a, b in spans))) for t in range(length))
    return log


def test_a_forecast_is_open_until_its_outcome_can_be_known():
    """A breach that begins at the end of the horizon shows only after its `for`."""
    record = Record()
    record.note(forecast(probability=0.4, made_at=100))
    record.resolve(log_of((160, 199)), 169)
    assert record.sentence() is None
    record.resolve(log_of((160, 199)), 170)
    assert record.sentence() == "the one forecast that was due said 40 %; a breach came"
    assert not record.open


def test_a_horizon_without_points_is_dropped():
    """A forecast whose outcome nobody saw says nothing about skill."""
    record = Record()
    record.note(forecast(probability=0.4, made_at=100))
    record.resolve(log_of(length=120), 500)
    assert (record.sentence(), record.open) == (None, [])


@pytest.mark.parametrize("state", [ForecastState.LEARNING, ForecastState.IN_BREACH])
def test_what_is_no_forecast_is_not_kept(state: ForecastState):
    """Learning and in breach are no statements about the future."""
    record = Record()
    record.note(forecast(state=state, probability=0.4))
    record.note(forecast(probability=None))
    assert not record.open


def test_forecasts_that_follow_fast_are_kept_once():
    """Of each horizon one forecast is kept: the others would count the same breach again."""
    record = Record()
    for t in range(200):
        record.note(forecast(probability=0.4, made_at=t))
    assert [made.made_at for made in record.open] == [0, 60, 120, 180]


def test_the_record_is_bounded():
    """A long watch keeps its last thousand outcomes."""
    record = record_of(*[(0.4, 0.5, False)] * (KEPT + 5))
    assert len(record.outcomes) == KEPT


def test_brier_scores():
    """Both scores are the mean squared distance from what happened."""
    record = record_of(*[(0.9, 0.5, True)] * 10, *[(0.2, 0.5, False)] * 10)
    own, usual = record.brier()
    assert own == pytest.approx((10 * 0.1**2 + 10 * 0.2**2) / 20)
    assert usual == pytest.approx(0.25)


def test_too_few_outcomes_say_nothing():
    """Below twenty outcomes with a known base rate there is neither skill nor its lack."""
    few = record_of(*[(0.9, 0.5, True)] * (ENOUGH - 1), (0.9, None, True))
    assert few.brier() is None
    assert not few.proven()
    assert not few.without_skill()


def test_better_than_the_base_rate_is_proven():
    """Enough outcomes, breaches among them, and a lower score prove a forecaster right."""
    good = [(0.9, 0.5, True)] * ENOUGH_BREACHES
    calm = [(0.1, 0.5, False)] * ENOUGH
    assert record_of(*good, *calm).proven()
    assert not record_of(*good[1:], *calm).proven()  # too few breaches
    assert not record_of(*good, *calm).without_skill()


def test_worse_than_the_base_rate_is_no_skill():
    """A forecaster that cries wolf has no skill."""
    record = record_of(*[(0.9, 0.1, False)] * ENOUGH)
    assert record.without_skill()
    assert not record.proven()


def test_equal_to_the_base_rate_is_neither():
    """Saying the base rate is neither better nor worse than it."""
    record = record_of(*[(0.3, 0.3, True)] * 5, *[(0.3, 0.3, False)] * 20)
    assert not record.without_skill()
    assert not record.proven()


def test_the_sentence():
    """The record in words says what was said on average, and what came of it."""
    assert Record().sentence() is None
    record = record_of((0.9, 0.5, True), (0.3, 0.5, False))
    assert record.sentence() == "2 forecasts that were due said 60 % on average; 1 breach came"
