from __future__ import annotations

import warnings

import numpy as np
import pytest
from builders import P99, points
from hypothesis import example, given
from hypothesis import strategies as st

from perftui.forecast.chance import breach_chance
from perftui.model.objective import Objective
from perftui.model.series import Point

BELOW = Objective("rps", 10, above=False, hold_s=10, horizon_s=60)
LOWEST = 1 / 402
"""What 400 futures without a single breach show: (0 + 1) / (400 + 2)."""


def noisy(values: list[float], noise: float = 0.005) -> tuple[Point, ...]:
    return points(np.array(values) + np.random.default_rng(1).normal(0, noise, len(values)))


def strictly(times: list[float], values: list[float]) -> list[Point]:
    """Points with these gaps between them."""
    return [Point(at, value) for at, value in zip(np.cumsum(times).tolist(), values, strict=False)]


def test_a_ramp_towards_the_threshold_is_likely():
    """A series that will reach the threshold in half of the horizon will most likely breach."""
    assert breach_chance(noisy([0.2 + 0.004 * n for n in range(61)]), P99) > 0.9


def test_a_flat_series_far_away_is_unlikely():
    """A series that stays far from the threshold will hardly breach."""
    assert breach_chance(noisy([0.1] * 61), P99) < 0.02


def test_a_ramp_away_is_unlikely():
    """A series that leaves the threshold behind will hardly breach."""
    assert breach_chance(noisy([0.48 - 0.004 * n for n in range(61)]), P99) < 0.02


def test_a_lower_bound_looks_downwards():
    """Where too low is bad, falling is likely to breach and rising is not."""
    assert breach_chance(noisy([30 - 0.3 * n for n in range(61)], 0.1), BELOW) > 0.9
    assert breach_chance(noisy([12 + 0.3 * n for n in range(61)], 0.1), BELOW) < 0.02


def test_nearer_is_likelier():
    """Of two noisy series the one nearer to the threshold is likelier to breach."""
    chances = [breach_chance(noisy([level] * 61, 0.02), P99) for level in (0.40, 0.47, 0.49, 0.52)]
    assert chances == sorted(chances)
    assert chances[0] < 0.1
    assert chances[-1] > 0.5


def test_a_longer_for_is_harder_to_break():
    """What must last longer is less likely."""
    series = noisy([0.49] * 61, 0.03)
    held = [breach_chance(series, Objective("m", 0.5, hold_s=s, horizon_s=60)) for s in (1, 5, 30)]
    assert held[0] > held[1] > held[2]


def test_the_same_points_give_the_same_chance():
    """Chance is drawn, but always in the same way."""
    series = noisy([0.45] * 61, 0.03)
    assert breach_chance(series, P99) == breach_chance(series, P99)


@pytest.mark.parametrize("value", [0, 0.1, 0.3, 1e-9, 99.9, 1e9])
def test_a_constant_series_below_never_breaches(value: float):
    """Where nothing ever moved, no future breaches."""
    assert breach_chance(points([value] * 61), Objective("m", value + 1)) == LOWEST


@pytest.mark.parametrize("value", [0, 0.1, 0.3, 0.7, 33.3, 99.9])
def test_a_constant_series_at_the_threshold_never_breaches(value: float):
    """A value that stays exactly at its limit is not beyond it."""
    assert breach_chance(points([value] * 61), Objective("m", value)) == LOWEST


def test_two_points():
    """Two points are little, but no error."""
    assert breach_chance(points([0.1, 0.1]), P99) == LOWEST
    assert breach_chance(points([0.1, 0.3]), P99) > 0.5


@pytest.mark.parametrize("every_s", [31, 60, 600])
def test_points_further_apart_than_the_horizon(every_s: float):
    """A series that is rarer than the horizon is long still gives a chance, without a warning."""
    objective = Objective("m", 0.5, hold_s=10, horizon_s=30)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert 0 < breach_chance(points([0.1] * 40, every_s=every_s), objective) < 1


def test_skewed_spacing():
    """Points that crowd at one end do not move the trend: it is by time."""
    dense = [Point(0.01 * n, 0.2) for n in range(40)]
    sparse = [Point(10.0 * n, 0.2 + 0.05 * n) for n in range(1, 7)]
    assert breach_chance([*dense, *sparse], P99) > 0.5
    assert breach_chance([*(Point(p.at, 0.2) for p in [*dense, *sparse])], P99) == LOWEST


OBJECTIVES = st.builds(
    Objective,
    st.just("m"),
    st.sampled_from([0.0, 0.5, -3.0, 1e6]),
    st.booleans(),
    st.sampled_from([0.0, 1.0, 10.0, 60.0]),
    st.sampled_from([10.0, 60.0, 900.0]),
)
GAPS = st.lists(st.floats(1e-3, 1e4), min_size=40, max_size=40)


def check(times: list[float], values: list[float], objective: Objective) -> None:
    series = strictly(times, values)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        chance = breach_chance(series, objective)
    assert 0 < chance < 1


@given(GAPS, st.lists(st.floats(-1e100, 1e100), min_size=2, max_size=40), OBJECTIVES)
@example([1.0] * 40, [0.0, 1e-300] * 10, Objective("m", 0.5, horizon_s=60))
def test_any_series_has_a_chance(times: list[float], values: list[float], objective: Objective):
    """Whatever a metric does, the chance lies between 0 and 1, without error and warning."""
    check(times, values, objective)


@given(
    GAPS,
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=40),
    OBJECTIVES,
)
@example([1.0] * 40, [1.7e308, -1.7e308] * 10, Objective("m", 0.5, horizon_s=60))
def test_the_largest_numbers_have_a_chance(
    times: list[float], values: list[float], objective: Objective
):
    """Numbers whose square is no float are no reason for an error or a warning either."""
    check(times, values, objective)
