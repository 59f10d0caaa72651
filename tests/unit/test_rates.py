from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perftui.sources.rates import DEAR_SHARE, Beat, Rates


def test_the_growth_a_second():
    """A rate is what all counters grew by, over the time since they were read."""
    rates = Rates()
    assert rates.rate("io", {"a": 100, "b": 5}, 10.0) is None
    assert rates.rate("io", {"a": 104, "b": 7}, 12.0) == 3.0
    assert rates.rate("other", {"a": 0}, 12.0) is None


def test_what_comes_and_goes_makes_no_jump():
    """A new one does not bring all that it counted before, and one that goes takes nothing away."""
    rates = Rates()
    rates.rate("io", {"a": 0, "b": 1e9}, 1.0)
    assert rates.rate("io", {"a": 1, "c": 1e9}, 2.0) == 1
    assert rates.rate("io", {"a": 2, "c": 1e9 + 3}, 3.0) == 4


def test_a_counter_that_begins_anew():
    """One that has fallen counts for nothing, and does not hide the growth of another."""
    rates = Rates()
    rates.rate("io", {"a": 50, "b": 0}, 1.0)
    assert rates.rate("io", {"a": 3, "b": 8}, 2.0) == 8


def test_nothing_in_common():
    """Where all that was read has gone, there is no rate, and not a rate of zero."""
    rates = Rates()
    rates.rate("io", {"a": 50}, 1.0)
    assert rates.rate("io", {"b": 70}, 2.0) is None
    assert rates.rate("io", {}, 3.0) is None


def test_a_clock_that_stands_still():
    """Without time there is no rate."""
    rates = Rates()
    rates.rate("io", {"a": 1}, 1.0)
    assert rates.rate("io", {"a": 2}, 1.0) is None


def test_what_is_forgotten_begins_anew():
    """After a gap the first reading gives no rate."""
    rates = Rates()
    rates.rate("io", {"a": 1}, 1.0)
    rates.forget("io")
    assert rates.rate("io", {"a": 90}, 2.0) is None


@given(
    st.lists(st.dictionaries(st.sampled_from("abcd"), st.floats(0, 1e12)), min_size=2, max_size=20)
)
def test_a_rate_is_never_negative(readings: list[dict[str, float]]):
    """Whatever comes, goes or falls."""
    rates = Rates()
    last: dict[str, float] = {}
    for at, counts in enumerate(readings):
        rate = rates.rate("io", counts, float(at))
        assert (rate is None) == (not set(counts) & set(last))
        assert rate is None or rate >= 0
        last = counts


def test_a_dear_reading_keeps_its_beat():
    """What is quick is read on its beat."""
    now = 0.0
    beat = Beat(5.0, timer=lambda: now)
    assert beat.due(0.0)
    assert beat.run(0.0, lambda: "read") == "read"
    assert not beat.due(4.0)
    assert beat.due(5.0)


def test_a_very_dear_reading_is_rarer():
    """What takes long is read less often, so that it keeps within its share, also if it fails."""
    timer = iter([0.0, 0.2])
    beat = Beat(5.0, timer=lambda: next(timer))

    def fail() -> None:
        raise ValueError

    with pytest.raises(ValueError):
        beat.run(0.0, fail)
    assert not beat.due(0.2 / DEAR_SHARE - 1)
    assert beat.due(0.2 / DEAR_SHARE)
