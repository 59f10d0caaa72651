from __future__ import annotations

import pytest
from builders import P99, forecast, points, record_of

from perftui.forecast.record import ENOUGH, ENOUGH_BREACHES, KEPT, Record, began_within
from perftui.model.findings import ForecastState
from perftui.model.objective import Objective
from perftui.model.series import Point

# P99: above 0.5 for 10 s, within 60 s.


def ones(*spans: tuple[int, int], length: int = 200) -> list[Point]:
    """A point each second from 0 on, violating in these spans, both ends included."""
    return [Point(t, float(any(a <= t <= b for a, b in spans))) for t in range(length)]


@pytest.mark.parametrize(
    ("spans", "breached"),
    [
        ([], False),
        ([(120, 140)], True),
        ([(120, 130)], True),  # ten seconds
        ([(120, 129)], False),  # nine
        ([(160, 175)], True),  # begins with the last moment of the horizon
        ([(161, 190)], False),  # after it
        ([(120, 125), (140, 145)], False),
        ([(120, 125), (140, 150)], True),
        ([(20, 60)], False),  # over before it was made
    ],
)
def test_began_within(spans: list[tuple[int, int]], breached: bool):
    """A forecast is right if a breach begins after it was made and before it expires."""
    assert began_within(ones(*spans), forecast(made_at=100)) is breached


def test_no_points_no_outcome():
    """Without a point inside the horizon nobody knows what happened."""
    made = forecast(made_at=100)
    assert began_within([], made) is None
    assert began_within(ones(length=100), made) is None
    assert began_within([Point(170, 0)], made) is None


def test_a_breach_of_a_lower_bound():
    """A lower bound is breached from below."""
    objective = Objective("m", 0.5, above=False, hold_s=10, horizon_s=60)
    assert began_within(ones(), forecast(objective, made_at=100)) is True
    assert began_within(ones((0, 200)), forecast(objective, made_at=100)) is False


def test_a_forecast_is_open_until_its_outcome_can_be_known():
    """A breach that begins at the end of the horizon shows only after its `for`."""
    record = Record()
    record.note(forecast(probability=0.4, made_at=100))
    record.resolve(ones((160, 199)), 169)
    assert record.sentence() is None
    record.resolve(ones((160, 199)), 170)
    assert record.sentence() == "1 earlier forecasts said 40% on average; 1 came true"
    assert not record.open


def test_a_horizon_without_points_is_dropped():
    """A forecast whose outcome nobody saw says nothing about skill."""
    record = Record()
    record.note(forecast(probability=0.4, made_at=100))
    record.resolve([Point(500, 0)], 500)
    assert (record.sentence(), record.open) == (None, [])


@pytest.mark.parametrize("state", [ForecastState.LEARNING, ForecastState.IN_BREACH])
def test_what_is_no_forecast_is_not_kept(state: ForecastState):
    """Learning and in breach are no statements about the future."""
    record = Record()
    record.note(forecast(state=state, probability=0.4))
    record.note(forecast(probability=None))
    assert not record.open


def test_forecasts_that_follow_fast_are_kept_once():
    """Of one horizon at most twenty forecasts are kept."""
    record = Record()
    for t in range(60):
        record.note(forecast(probability=0.4, made_at=t))
    assert [made.made_at for made in record.open] == list(range(0, 60, 3))


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
    assert record.sentence() == "2 earlier forecasts said 60% on average; 1 came true"


def test_points_are_those_of_the_objective():
    """What happened is told by the objective of the forecast."""
    record = Record()
    record.note(forecast(P99, probability=0.5, made_at=100))
    record.resolve(points([0.4] * 100, end=199), 199)
    assert record.sentence() == "1 earlier forecasts said 50% on average; 0 came true"
