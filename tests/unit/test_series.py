from __future__ import annotations

import pytest
from builders import points, series
from hypothesis import given
from hypothesis import strategies as st

from perftui.model.series import (
    BUILT_IN,
    Origin,
    Point,
    between,
    in_order,
    robust_z,
    slope_per_s,
    usual_step,
)


@given(st.floats(-100, 100), st.floats(-100, 100), st.integers(3, 50))
def test_the_slope_of_a_line(level: float, slope: float, count: int):
    """Points on a line have its slope, at Unix times too."""
    line = points([level + slope * n for n in range(count)])
    found, error = slope_per_s(line)
    assert found == pytest.approx(slope, abs=1e-6)
    assert error == pytest.approx(0, abs=1e-6)


def test_how_far_a_value_is_from_those_before():
    """In their robust standard deviations: 0.6745 (x - median) / MAD; one that is far off among
    them changes little."""
    before = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]
    assert robust_z(points([*before, 11.0])) == pytest.approx(0.6745 * 6 / 2)
    assert robust_z(points([*before[:-1], 1e9, 11.0])) == pytest.approx(0.6745 * 6 / 2)
    assert robust_z(points([*before, 1.0])) == pytest.approx(-0.6745 * 4 / 2)
    assert robust_z(points([1.0] * 9 + [5.0])) is None
    assert robust_z(points(before[:8])) is None


def test_two_points_make_no_slope():
    """Two points, or points of one moment, say nothing of a slope."""
    assert slope_per_s(points([1, 2])) is None
    assert slope_per_s([Point(5, 1), Point(5, 2), Point(5, 3)]) is None


def test_uneven_times():
    """The slope is by time, not by count."""
    slope, error = slope_per_s([Point(0, 0), Point(1, 2), Point(10, 20)])
    assert (slope, error) == (pytest.approx(2), pytest.approx(0))


def test_the_error_of_a_slope():
    """The noise around the line is the slope's standard error: sqrt(SSE / (n - 2) / Sxx)."""
    slope, error = slope_per_s(points([0, 1, 0, 1, 0]))
    assert slope == pytest.approx(0)
    assert error == pytest.approx((1.2 / 3 / 10) ** 0.5)


def test_usual_step():
    """The usual distance of two points is not moved by one gap."""
    assert usual_step(points([1, 2, 3, 4])) == 1
    assert usual_step([Point(0, 0), Point(1, 0), Point(2, 0), Point(90, 0)]) == 1
    assert usual_step(points([1])) == usual_step([]) == 0


def test_last():
    """The last point is the newest."""
    assert series("cpu", [1, 2, 3]).last.value == 3


def test_series_in_their_order():
    """What the user asked for, the main figures, those of the cgroup, the rest, the host's last."""
    names = ["host_cpu", "uss", "cgroup_throttled", "fds", "cpu", "p99", "host_psi_io"]
    assert [found.key.name for found in in_order(series(name, [1]) for name in names)] == [
        *("p99", "cpu", "fds", "cgroup_throttled", "uss", "host_cpu", "host_psi_io")
    ]
    assert len(set(BUILT_IN)) == len(BUILT_IN)


def test_what_has_an_objective_comes_first_and_a_pages_metrics_after_the_process():
    """A page can have hundreds: what is wanted of them, and the process, must not be below."""
    found = [
        *(series(name, [1], origin=Origin.SCRAPE) for name in ("a_total", "z_p95", "b_total")),
        *(series(name, [1]) for name in ("host_cpu", "rss", "cpu")),
        series("rps", [1], origin=Origin.PROMETHEUS),
    ]
    assert [one.key.name for one in in_order(found, {"z_p95", "rss"})] == [
        *("rss", "z_p95", "rps", "cpu", "a_total", "b_total", "host_cpu")
    ]


@given(st.lists(st.integers(0, 20)), st.integers(-1, 21), st.integers(-1, 21))
def test_the_points_between_two_times(times: list[int], start: int, end: int):
    """Those at the bounds are among them; of bounds the wrong way round there are none."""
    points = [Point(at, 0.0) for at in sorted(times)]
    assert list(between(points, start, end)) == [p for p in points if start <= p.at <= end]


@pytest.mark.parametrize("size", [1e155, 1e300, 1.7e308])
def test_a_slope_of_huge_values(size: float):
    """No value is too large to be squared; a slope that is larger than any number is none."""
    fitted = slope_per_s(points([size / 4, size / 2, size]))
    assert fitted is not None
    assert fitted[0] == pytest.approx(0.375 * size)
    assert slope_per_s(points([-1.7e308, 0, 1.7e308], every_s=1e-3)) is None
