from __future__ import annotations

import pytest
from builders import points, series
from hypothesis import given
from hypothesis import strategies as st

from perftui.model.series import Point, slope_per_s


@given(st.floats(-100, 100), st.floats(-100, 100), st.integers(3, 50))
def test_the_slope_of_a_line(level: float, slope: float, count: int):
    """Points on a line have its slope, at Unix times too."""
    line = points([level + slope * n for n in range(count)])
    assert slope_per_s(line) == pytest.approx(slope, abs=1e-6)


def test_two_points_make_no_slope():
    """Two points, or points of one moment, say nothing of a slope."""
    assert slope_per_s(points([1, 2])) is None
    assert slope_per_s([Point(5, 1), Point(5, 2), Point(5, 3)]) is None


def test_uneven_times():
    """The slope is by time, not by count."""
    assert slope_per_s([Point(0, 0), Point(1, 2), Point(10, 20)]) == pytest.approx(2)


def test_last():
    """The last point is the newest."""
    assert series("cpu", [1, 2, 3]).last.value == 3
