from __future__ import annotations

import math

import pytest
from builders import P99
from hypothesis import given
from hypothesis import strategies as st

from perftui.forecast.outcome import Breach, Outcomes
from perftui.model.objective import Objective
from perftui.model.series import Point

# P99: above 0.5 for 10 s, within 60 s.
AT_ONCE = Objective("m", 0.5, True, 0.0, 60.0)


def points(*spans: tuple[int, int], length: int = 300, missing: range = range(0)) -> list[Point]:
    """A point each second from 0 on, 1 in these spans (ends included), else 0."""
    return [
        Point(t, float(any(a <= t <= b for a, b in spans)))
        for t in range(length)
        if t not in missing
    ]


def breaches_of(found: list[Point], objective: Objective) -> list[Breach]:
    """All that the points show."""
    state = Outcomes(objective)
    for point in found:
        state.add(point)
    return state.breaches


def outcomes(found: list[Point], objective: Objective = P99) -> dict[float, bool]:
    """The outcome of each moment that has one."""
    outcomes = Outcomes(objective)
    return {o.at: o.breached for point in found for o in outcomes.add(point)}


@pytest.mark.parametrize(
    ("spans", "breaches"),
    [
        ([], []),
        ([(100, 110)], [Breach(100, 110, 111)]),
        ([(100, 109)], []),  # nine seconds
        ([(100, 150), (152, 170)], [Breach(100, 110, 151), Breach(152, 162, 171)]),
        ([(280, 299)], [Breach(280, 290)]),  # it lasts
        ([(0, 20)], [Breach(0, 10, 21)]),
    ],
)
def test_breaches(spans: list[tuple[int, int]], breaches: list[Breach]):
    """Onset is the first violation of a run that lasts for its `for`; then an alert would fire."""
    assert breaches_of(points(*spans), P99) == breaches


def test_a_gap_ends_a_run():
    """What went on in a gap is not known: neither side of it lasts long enough alone."""
    seen = points((100, 130), missing=range(107, 122))
    assert breaches_of(seen, P99) == []


def test_points_that_come_less_often_are_no_gaps_for_ever():
    """A series whose step grows tenfold is followed again once that has become usual."""
    sparse = [Point(300 + 10 * n, float(n >= 40)) for n in range(60)]
    assert breaches_of([*points(), *sparse], P99) == [Breach(700, 710)]


def test_outcomes_of_moments():
    """True within the horizon before an onset and while it may yet become a breach; false before
    that; none in breach and where it is not known yet."""
    found = outcomes(points((200, 220)))
    assert [at for at, breached in found.items() if breached] == list(range(140, 210))
    assert [at for at, breached in found.items() if not breached][:140] == list(range(140))
    assert not [at for at in found if 210 <= at <= 220]
    assert max(found) == 299 - 60 - 1


def test_a_short_violation_is_no_breach():
    """Its moments are judged by what comes later, as all others are."""
    found = outcomes(points((100, 105), (150, 170)))
    assert all(found[at] for at in range(90, 160))
    assert not any(found[at] for at in range(90))


def test_moments_before_a_gap_have_no_outcome():
    """A breach may have begun in it; those whose horizon ended before it are known."""
    found = outcomes(points(length=400, missing=range(200, 260)))
    assert set(range(139)) <= set(found)
    assert not [at for at in found if 140 <= at < 200]


def test_at_once():
    """Without a `for` each violation is a breach, and no moment that violates is asked."""
    found = outcomes(points((100, 101), (150, 150)), AT_ONCE)
    assert [at for at, breached in found.items() if breached] == [
        *range(40, 100),
        *range(102, 150),
    ]


@given(st.lists(st.sampled_from([0.0, 1.0]), min_size=30, max_size=200), st.integers(0, 200))
def test_what_is_known_stays(values: list[float], cut: int):
    """What is said up to a point does not depend on what comes after it."""
    seen = [Point(float(t), value) for t, value in enumerate(values)]
    whole = Outcomes(Objective("m", 0.5, True, 3.0, 20.0))
    told = [whole.add(point) for point in seen]
    part = Outcomes(Objective("m", 0.5, True, 3.0, 20.0))
    assert [part.add(point) for point in seen[:cut]] == told[:cut]


@given(st.lists(st.floats(-2, 2), min_size=1, max_size=150))
def test_every_moment_has_at_most_one_outcome_and_the_right_one(values: list[float]):
    """Against the definition, with the whole series at hand."""
    objective = Objective("m", 0.0, False, 2.0, 15.0)
    seen = [Point(float(t), value) for t, value in enumerate(values)]
    state = Outcomes(objective)
    told = [outcome for point in seen for outcome in state.add(point)]
    assert len({outcome.at for outcome in told}) == len(told)
    for outcome in told:
        came = any(
            outcome.at < breach.alerted
            and (breach.end or math.inf) > outcome.at
            and breach.onset <= outcome.at + 15
            for breach in state.breaches
        )
        assert came == outcome.breached
