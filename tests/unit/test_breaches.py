from __future__ import annotations

import time

import pytest
from builders import P99
from hypothesis import given
from hypothesis import strategies as st

from perftui.forecast.breaches import KEPT_S, BreachLog
from perftui.model.objective import Objective
from perftui.model.series import Point

# P99: above 0.5 for 10 s, within 60 s.
DAY_S = 86400


def log_of(
    *spans: tuple[int, int],
    length: int = 200,
    objective: Objective = P99,
    missing: range = range(0),
) -> BreachLog:
    """A point each second from 0 on, 1 in these spans (ends included), else 0."""
    log = BreachLog(objective)
    log.add(
        Point(t, float(any(a <= t <= b for a, b in spans)))
        for t in range(length)
        if t not in missing
    )
    return log


@pytest.mark.parametrize(
    ("spans", "since"),
    [
        ([], None),
        ([(189, 199)], 189),  # ten seconds
        ([(190, 199)], None),  # nine
        ([(0, 199)], 0),
        ([(100, 150)], None),  # over
        ([(150, 170), (172, 199)], 172),
        ([(150, 190), (192, 199)], None),
    ],
)
def test_in_breach_since(spans: list[tuple[int, int]], since: float | None):
    """A breach lasts at the newest point for its `for`, and began with its run's first."""
    assert log_of(*spans).since == since


def test_the_threshold_itself_is_no_violation():
    """A value at the threshold ends a run."""
    log = BreachLog(P99)
    log.add(Point(t, 0.5 if t == 15 else 1.0) for t in range(20))
    assert log.since is None
    assert log.breaches == [(0, 15)]


def test_a_lower_bound():
    """Too low for long enough is a breach of a lower bound."""
    below = Objective("m", 0.5, above=False, hold_s=10, horizon_s=60)
    assert log_of((0, 150), objective=below).since == 151


def test_without_for_one_point_is_a_breach():
    """An objective that need not last is breached by one point."""
    at_once = Objective("m", 0.5, hold_s=0, horizon_s=60)
    assert log_of((199, 199), objective=at_once).since == 199


def test_points_are_looked_at_once():
    """The same points again, as means of a minute even, change nothing."""
    log = log_of((50, 70))
    log.add([Point(t, 1.0) for t in range(200)])
    assert log.breaches == [(50, 71)]
    assert log.since is None


def test_one_by_one_or_all_at_once():
    """It does not matter in what portions points come."""
    log = BreachLog(P99)
    for t in range(200):
        log.add([Point(t, float(50 <= t <= 70 or t > 180))])
    whole = log_of((50, 70), (181, 199))
    assert (log.since, log.breaches, log.seen) == (whole.since, whole.breaches, whole.seen)
    assert log.since == 181


def test_a_gap_ends_a_breach():
    """What went on while nothing was seen is not known: the breach is not drawn through it."""
    log = log_of((50, 199), missing=range(100, 140))
    assert log.breaches == [(50, 99)]
    assert log.seen == [(0, 99), (140, 199)]
    assert log.since == 140


def test_a_late_point_is_no_gap():
    """A point or two that fail do not end anything."""
    log = log_of((50, 199), missing=range(100, 102))
    assert log.seen == [(0, 199)]
    assert log.since == 50


def test_the_usual_step():
    """The usual distance of points is known from two on, and no gap moves it."""
    assert BreachLog(P99).step_s is None
    assert log_of(length=1).step_s is None
    assert log_of(length=2).step_s == 1
    assert log_of(missing=range(100, 140)).step_s == 1


@pytest.mark.parametrize(
    ("spans", "began"),
    [
        ([], False),
        ([(120, 140)], True),
        ([(120, 130)], True),  # ten seconds
        ([(120, 129)], False),  # nine
        ([(160, 175)], True),  # begins with the last moment of the horizon
        ([(161, 190)], False),  # after it
        ([(101, 190)], True),
        ([(100, 190)], False),  # had begun when it was asked
        ([(120, 125), (140, 145)], False),
        ([(120, 125), (140, 150)], True),
        ([(20, 60)], False),
        ([(150, 199)], True),  # lasts
    ],
)
def test_began_in(spans: list[tuple[int, int]], began: bool):
    """A breach begins in a span if its onset lies after the start and not after the end."""
    assert log_of(*spans).began_in(100, 160) is began


@pytest.mark.parametrize(
    ("missing", "began"),
    [(range(100, 161), None), (range(110, 161), None), (range(140, 161), False)],
)
def test_what_was_not_seen_is_not_known(missing: range, began: bool | None):
    """That nothing happened is said only of a span that was mostly seen."""
    assert log_of(missing=missing).began_in(100, 160) is began


def test_a_breach_that_was_seen_is_known():
    """A breach in the little that was seen is one all the same."""
    log = log_of((140, 160), missing=range(100, 140))
    assert log.began_in(99, 159) is True


def test_nothing_seen_is_not_known():
    """Without any point nothing is known."""
    assert BreachLog(P99).began_in(100, 160) is None
    assert BreachLog(P99).base_rate() is None


def test_no_base_rate_before_two_horizons():
    """How often a breach begins is not known before two horizons were seen."""
    assert log_of(length=120).base_rate() is None
    assert log_of(length=121).base_rate() is not None
    assert log_of(length=150, missing=range(50, 90)).base_rate() is None


def test_the_base_rate_without_breach():
    """After n horizons without a breach it is (1/2) / (n + 1)."""
    assert log_of(length=1201).base_rate() == pytest.approx(0.5 / 21)


def test_the_base_rate_counts_moments_before_a_breach():
    """Each moment is asked whether a breach began within its horizon; those in one are not."""
    usual = log_of((300, 319), (900, 919), length=1201).base_rate()
    asked = 1140 - 2 * 20  # seconds with a whole horizon behind them, in no breach
    assert usual == pytest.approx((120 / asked * 20 + 0.5) / 21)


def test_a_violation_shorter_than_for_is_no_breach():
    """What did not last for `for` does not count."""
    usual = log_of((300, 309), (900, 909), length=1201).base_rate()
    assert usual == pytest.approx(0.5 / 21)


def test_a_series_that_was_always_in_breach_has_no_base_rate():
    """Where no moment could be asked, nothing is known."""
    assert log_of((0, 500), length=500).base_rate() is None


def test_the_base_rate_of_a_long_watch():
    """A breach an hour is as usual after four days as after one."""
    objective = Objective("m", 0.5, hold_s=60, horizon_s=900)

    def usual(days: int) -> float | None:
        log = BreachLog(objective)
        log.add(Point(t, float(t % 3600 < 120)) for t in range(0, days * DAY_S, 10))
        return log.base_rate()

    assert usual(4) == pytest.approx(usual(1), rel=0.05)


def test_a_days_memory():
    """What is older than a day is forgotten."""
    log = BreachLog(P99)
    log.add(Point(t, float(t % 600 < 60)) for t in range(0, 2 * DAY_S, 10))
    assert len(log.breaches) == pytest.approx(KEPT_S / 600, abs=2)


def test_a_flapping_series_is_no_work():
    """A thousand breaches in a day do not hold up the next forecast."""
    log = BreachLog(Objective("m", 0.5, hold_s=1, horizon_s=60))
    log.add(Point(t, float(t % 20 < 5)) for t in range(20_000))
    assert len(log.breaches) == 1000
    begun = time.perf_counter()
    assert 0 < log.base_rate() < 1
    assert time.perf_counter() - begun < 0.2


@given(
    st.lists(
        st.tuples(st.floats(1e-3, 1e3), st.floats(allow_nan=False, allow_infinity=False)),
        max_size=60,
    ),
    st.sampled_from([0.0, 1.0, 60.0]),
    st.sampled_from([1.0, 60.0, 900.0]),
    st.booleans(),
)
def test_any_series_can_be_followed(
    steps: list[tuple[float, float]], hold_s: float, horizon_s: float, above: bool
):
    """Whatever comes: breaches lie in what was seen, last for `for`, and the base rate is one."""
    objective = Objective("m", 0.5, above, hold_s, horizon_s)
    log, at = BreachLog(objective), 0.0
    for step, value in steps:
        at += step
        log.add([Point(at, value)])
        if log.since is not None:
            assert objective.violated(value)
            assert at - log.since >= hold_s
    assert all(a <= b for a, b in log.seen)
    assert all(end - onset >= hold_s for onset, end in log.breaches)
    usual = log.base_rate()
    assert usual is None or 0 < usual < 1
