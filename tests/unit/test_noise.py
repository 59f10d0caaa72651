from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perftui.model.noise import Z95, change, interval_pct, margin_pct

TICKS = 1000.0


@pytest.mark.parametrize(("samples", "ticks"), [(0, 100), (1, 100), (40, 1000), (1000, 1000)])
def test_margin_is_the_score_intervals_half_width(samples: int, ticks: int):
    """The margin is half of what Rao's score test of a Poisson mean does not reject."""

    def rejected(mean: float) -> float:
        return (samples - mean) ** 2 - Z95**2 * mean

    margin = margin_pct(samples, ticks) * ticks / 100
    centre = samples + Z95**2 / 2
    assert rejected(centre - margin) == pytest.approx(0, abs=1e-6)
    assert rejected(centre + margin) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("mean", [5, 12, 60, 500])
def test_the_margin_covers_the_truth(mean: int):
    """What is shown, share ± margin, holds the true share at least 93 times of 100."""
    counts = np.random.default_rng(20).poisson(mean, 20_000)
    margins = np.array([margin_pct(k, 100) for k in range(counts.max() + 1)])
    covered = np.abs(counts - mean) <= margins[counts]
    assert 0.93 <= covered.mean() <= 0.98


@pytest.mark.parametrize("mean", [5, 12, 60, 500])
def test_the_interval_covers_the_truth(mean: int):
    """The interval of a share holds the true one about 95 times of 100."""
    counts = np.random.default_rng(21).poisson(mean, 20_000)
    known = np.array([interval_pct(k, 100) for k in range(counts.max() + 1)])
    low, high = known[counts].T
    assert 0.92 <= ((low <= mean) & (mean <= high)).mean() <= 0.98


def test_no_ticks_no_certainty():
    """Without any expected tick a share could be anything."""
    assert margin_pct(0, 0) == math.inf
    assert interval_pct(0, 0) == (0, math.inf)


@pytest.mark.parametrize(("now", "before"), [((5, 0), (5, 100)), ((5, 100), (5, 0)), ((0, 0),) * 2])
def test_without_ticks_nothing_has_changed(now: tuple[float, float], before: tuple[float, float]):
    """Where one side was not looked at, no change is known, and none is beyond the noise."""
    assert change(now, before) == (0, math.inf, False)


def test_no_samples_at_all_are_no_change():
    """A function that nobody saw has not changed, and that is not known for certain either."""
    found = change((0, TICKS), (0, TICKS))
    assert (found.points, found.beyond_noise) == (0, False)
    assert found.margin == pytest.approx(100 * Z95**2 / TICKS)


def test_points_are_of_percent():
    """A change is the difference of the shares in points, each of its own ticks."""
    assert change((60, 200), (40, 400)).points == pytest.approx(20)
    assert change((0, 200), (40, 400)).points == pytest.approx(-10)


def beyond_noise(now: float, before: float, ratio: float = 1.0) -> float:
    """How often two Poisson counts of these means differ beyond the noise; the time before was
    `ratio` times as long."""
    chance = np.random.default_rng(23)
    pairs = zip(chance.poisson(now, 4000), chance.poisson(before * ratio, 4000), strict=True)
    changes = [change((int(a), TICKS), (int(b), TICKS * ratio)) for a, b in pairs]
    return sum(one.beyond_noise for one in changes) / len(changes)


@pytest.mark.parametrize("ratio", [1.0, 6.0])
@pytest.mark.parametrize("mean", [10, 40, 200])
def test_equal_rates_are_seldom_beyond_the_noise(mean: float, ratio: float):
    """Where nothing has changed, one time in twenty looks as if something had."""
    assert 0.03 <= beyond_noise(mean, mean, ratio) <= 0.065


@pytest.mark.parametrize("mean", [0.1, 1, 3])
def test_few_samples_are_hardly_ever_beyond_the_noise(mean: float):
    """With a handful of samples the claim of a change is rarer still, never more frequent."""
    assert beyond_noise(mean, mean) <= 0.05


@pytest.mark.parametrize(("now", "before"), [(120, 50), (50, 120), (20, 0), (0, 20), (500, 380)])
def test_clear_changes_are_beyond_the_noise(now: float, before: float):
    """A clear change is seen nearly always, upwards and downwards, from nothing and to it."""
    assert beyond_noise(now, before) >= 0.97


@pytest.mark.parametrize(("now", "before"), [(40, 40), (80, 60), (10, 30)])
def test_the_interval_of_a_change_covers_the_truth(now: int, before: int):
    """Change ± margin holds the true change about 95 times of 100."""
    chance = np.random.default_rng(24)
    pairs = zip(chance.poisson(now, 4000), chance.poisson(before, 4000), strict=True)
    truth = 100 * (now - before) / TICKS
    changes = [change((int(a), TICKS), (int(b), TICKS)) for a, b in pairs]
    covered = [abs(one.points - truth) <= one.margin for one in changes]
    assert 0.93 <= sum(covered) / len(covered) <= 0.97


SAMPLES = st.integers(0, 100_000)
LOOKS = st.integers(1, 1_000_000)


@given(SAMPLES, LOOKS)
def test_the_interval_holds_the_share(samples: int, ticks: int):
    """The share itself lies in its interval, which is as wide as two margins and never negative."""
    low, high = interval_pct(samples, ticks)
    assert 0 <= low <= 100 * samples / ticks <= high
    assert high - low <= 2 * margin_pct(samples, ticks) * (1 + 1e-9)


@given(SAMPLES, LOOKS)
def test_more_samples_are_a_wider_margin(samples: int, ticks: int):
    """In points the margin grows with the samples and shrinks with the looks."""
    assert margin_pct(samples, ticks) < margin_pct(samples + 1, ticks)
    assert margin_pct(samples, ticks + 1) < margin_pct(samples, ticks)


@given(SAMPLES, LOOKS, SAMPLES, LOOKS)
def test_a_change_back_is_the_opposite(a: int, ticks_a: int, b: int, ticks_b: int):
    """From one to the other and back again: the same change with the other sign, as certain."""
    there, back = change((a, ticks_a), (b, ticks_b)), change((b, ticks_b), (a, ticks_a))
    assert there.points == -back.points
    assert there.margin == pytest.approx(back.margin)
    assert there.beyond_noise == back.beyond_noise


@given(SAMPLES, LOOKS, LOOKS)
def test_the_same_share_is_no_change(samples: int, ticks: int, other: int):
    """Shares that are the same never differ beyond the noise, however long each was looked at."""
    now, before = (samples * other, ticks * other), (samples * ticks, ticks * ticks)
    assert not change(now, before).beyond_noise


@given(SAMPLES, LOOKS, SAMPLES, LOOKS, st.integers(1, 1000))
def test_more_of_a_rise_stays_beyond_the_noise(
    now: int, ticks: int, before: int, ticks_before: int, more: int
):
    """What is a rise with some samples is one with more of them."""
    found = change((now, ticks), (before, ticks_before))
    higher = change((now + more, ticks), (before, ticks_before))
    assert higher.points > found.points
    if found.beyond_noise and found.points > 0:
        assert higher.beyond_noise


@given(SAMPLES, LOOKS, SAMPLES, LOOKS, st.integers(2, 50))
def test_longer_looks_are_more_certain(a: int, ticks_a: int, b: int, ticks_b: int, times: int):
    """The same shares over a longer time: a narrower margin, and no change is lost."""
    short = change((a, ticks_a), (b, ticks_b))
    long = change((a * times, ticks_a * times), (b * times, ticks_b * times))
    assert long.margin < short.margin
    assert long.beyond_noise or not short.beyond_noise
