from __future__ import annotations

import pytest
from builders import NOW, P99, points

from perftui.model.objective_state import SHAPES, Standing, burn
from perftui.model.series import Point


def test_burn():
    """Each point tells of the time until the next one, the last one of a usual step."""
    assert burn(P99, points([0.1, 0.6, 0.6, 0.1]), 1.0) == 0.5
    assert burn(P99, points([0.1, 0.6]), 3.0) == 0.75


def test_a_gap_burns_nothing():
    """Of a gap nothing is known: a point tells of three steps at most."""
    seen = [Point(NOW - 100, 0.6), Point(NOW, 0.1)]
    assert burn(P99, seen, 1.0) == pytest.approx(0.75)
    assert burn(P99, [], 1.0) == 0.0


def test_each_standing_has_a_shape_of_its_own():
    """Never colour alone."""
    assert set(SHAPES) == set(Standing)
    assert len(set(SHAPES.values())) == 4
