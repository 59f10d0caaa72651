from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perftui.model.noise import margin_pct
from perftui.tui.held import PART, Held

TICKS = 1000.0
ROWS = st.lists(st.integers(0, 3000), min_size=1, max_size=5)


def shown(held: Held, *samples: float, ticks: float = TICKS) -> list[float]:
    return list(held.hold(np.array(samples, np.float64), ticks))


def test_what_moves_within_its_noise_holds_still():
    """Of 100 samples the margin is 20, half of it 10: 9 more change nothing, 11 more do."""
    held = Held()
    assert shown(held, 100) == [100]
    assert shown(held, 109) == [100]
    assert shown(held, 92) == [100]
    assert shown(held, 111) == [111]
    assert shown(held, 103) == [111]


def test_what_creeps_is_followed():
    """Small steps in one direction are seen as soon as they add up."""
    held = Held()
    figures = [shown(held, 100 + n)[0] for n in range(50)]
    assert len(set(figures)) > 3
    assert figures[-1] > 130


def test_none_at_all():
    """What is gone, and what has come, is shown at once however little it is."""
    held = Held()
    assert shown(held, 1, 0) == [1, 0]
    assert shown(held, 0, 1) == [0, 1]


def test_rows_that_come_later():
    """A new row is shown as it is, and holds from then on; the others are not touched."""
    held = Held()
    shown(held, 100)
    assert shown(held, 101, 50) == [100, 50]
    assert shown(held, 102, 51, 7) == [100, 50, 7]


def test_no_ticks():
    """Without ticks there are no shares: nothing is held, before or after."""
    held = Held()
    shown(held, 100)
    assert shown(held, 3, ticks=0.0) == [3]
    assert shown(held, 104) == [104]


def test_the_share_is_held():
    """With other ticks the same share has other samples."""
    held = Held()
    shown(held, 100)
    assert shown(held, 104, ticks=1010.0) == [pytest.approx(101)]


@given(st.lists(st.tuples(ROWS, st.sampled_from([10.0, 990.0, 1000.0])), max_size=8))
def test_a_held_share_is_within_the_stated_noise(looks: list[tuple[list[int], float]]):
    """Whatever comes, what is shown is never further from what was measured than half the margin
    that is stated for it."""
    held, most = Held(), 0
    for samples, ticks in looks:
        most = max(most, len(samples))  # rows are never fewer than before
        now = [*samples, *[0] * (most - len(samples))]
        for n, (figure, measured) in enumerate(
            zip(shown(held, *now, ticks=ticks), now, strict=True)
        ):
            off = 100 * abs(figure - measured) / ticks
            assert off <= PART * margin_pct(measured, ticks) + 1e-9, n
            assert (figure > 0) == (measured > 0)
