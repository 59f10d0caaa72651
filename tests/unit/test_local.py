"""The local forecaster: experts that mean the same for any series, and what is learned of them."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perftui.forecast.beside import NOTHING
from perftui.forecast.chance import breach_chance
from perftui.forecast.features import FULL_CELLS, NAMES, PER_HORIZON, Past
from perftui.forecast.local import LEAST, MOST, SMOOTH, Local
from perftui.forecast.logistic import OnlineLogistic, sigmoid
from perftui.forecast.outcome import Outcome, Outcomes
from perftui.forecast.teller import BaseRate, Holt, PredictLinear, beyond
from perftui.model.objective import Objective
from perftui.model.series import Point

HORIZON_S = 60.0
OBJECTIVE = Objective("m", 10.0, True, 5.0, HORIZON_S)


def noisy(count: int, level: float = 8.0, slope: float = 0.0, seed: int = 1) -> list[float]:
    chance = np.random.default_rng(seed)
    return (level + slope * np.arange(count) + chance.normal(0, 0.3, count)).tolist()


def past_of(
    values: Sequence[float], objective: Objective = OBJECTIVE, every_s: float = 1.0
) -> Past:
    past = Past(objective)
    for n, value in enumerate(values):
        past.see(n * every_s, value)
    return past


def local_of(values: Sequence[float], objective: Objective = OBJECTIVE) -> tuple[Local, list]:
    """A forecaster that has seen them, one a second, and what it said of each."""
    local, outcomes = Local(objective), Outcomes(objective)
    said = []
    for n, value in enumerate(values):
        for outcome in outcomes.add(Point(float(n), value)):
            local.learn(outcome)
        local.see(float(n), value, NOTHING)
        said.append(None if outcomes.in_breach else local.chance())
    return local, said


# --- features


@given(st.floats(1e-6, 1e6), st.integers(0, 3))
def test_experts_mean_the_same_in_any_unit(factor: float, seed: int):
    """Bytes or megabytes, above or below: the features are those of the shape alone."""
    values = noisy(200, 8, 0.005, seed)
    known = past_of(values).features()
    scaled = Objective("m", 10 * factor, True, 5.0, HORIZON_S)
    mirrored = Objective("m", -10.0, False, 5.0, HORIZON_S)
    same = pytest.approx(known, abs=0.05)
    assert past_of([v * factor for v in values], scaled).features() == same
    assert past_of([-v for v in values], mirrored).features() == same


def test_what_each_expert_sees():
    """Nearer, faster, more restless, violated: each moves its own feature in its direction."""

    def seen(values: Sequence[float]) -> dict[str, float]:
        found = past_of(values).features()
        assert found is not None
        return dict(zip(NAMES, found.tolist(), strict=True))

    calm = seen(noisy(200, 5))
    near = seen(noisy(200, 9.6))
    rising = seen(noisy(200, 5, 0.02))
    restless = seen([*noisy(380, 5), *(5 + 3 * (-1) ** (n // 4) for n in range(60))])
    violated = seen([*noisy(150, 8), 11, 11, *noisy(48, 8)])
    assert near["distance"] > calm["distance"]
    assert rising["drift"] > calm["drift"]
    assert rising["line"] > calm["line"]
    assert rising["holt"] > calm["holt"]
    assert rising["record"] > 1 > calm["record"]
    assert restless["volatility"] > 0.5 > abs(calm["volatility"])
    assert violated["violated"] > 0.8 > calm["violated"] == 0
    assert violated["closest"] > near["closest"]


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_holt_sees_how_many_times_the_threshold_it_is(sign: float):
    """What doubles again and again is foreseen where a line through it is not yet; what falls to
    the threshold is, too, and where that is no measure the values are taken as they are."""
    place = NAMES.index("holt")
    doubling = [10 * 2.0 ** (sign * (n - 140) / 20) for n in range(120)]
    steady = [doubling[0]] * 120
    objective = Objective("m", 10.0, sign > 0, 0.0, HORIZON_S)
    grows, stands = (past_of(values, objective).features()[place] for values in (doubling, steady))
    assert grows > 0 > stands
    difference = Objective("m", 0.0, sign > 0, 0.0, HORIZON_S)
    towards = [sign * (0.05 * n - 7) for n in range(120)]
    assert past_of(towards, difference).features()[place] > 0


def test_a_record_is_a_mean_beyond_all_before():
    """One peak among others is none, and the same height again is none."""
    place = NAMES.index("record")
    waves = [5 + 3 * math.sin(n / 20) for n in range(400)]
    assert past_of(waves).features()[place] < 0.3
    assert past_of([*waves, *(8 + 0.05 * n for n in range(40))]).features()[place] > 1


def test_a_day_ago():
    """Where a day of it is known, how it went on at this time of the day."""
    objective = Objective("m", 10.0, True, 0.0, 3600.0)
    daily = [5 + 3 * (n % 144 >= 72) for n in range(3 * 144)]
    before = past_of(daily[: 144 + 70], objective, 600.0).features()
    calm = past_of(daily[: 144 + 40], objective, 600.0).features()
    assert before is not None
    assert calm is not None
    place = NAMES.index("day_ago")
    assert before[place] > 0 == calm[place]


def test_a_long_past_is_seen_in_longer_cells():
    """However long it is watched, a horizon has at most so many cells, and a short past has more
    than it would have then."""
    objective = Objective("m", 10.0, True, 5.0, 900.0)
    assert past_of(noisy(40), objective).horizon_cells == 900
    assert past_of(noisy(FULL_CELLS * 40), objective).horizon_cells <= PER_HORIZON


@given(st.lists(st.floats(-1e300, 1e300), min_size=30, max_size=80), st.floats(-1e300, 1e300))
def test_any_values_have_finite_features(values: list[float], threshold: float):
    """No number is too large, and none is missing."""
    found = past_of(values, Objective("m", threshold, True, 5.0, HORIZON_S)).features()
    assert found is not None
    assert np.isfinite(found).all()


# --- learning


def test_the_regression_learns_what_decides():
    """From a prior of nothing to the log-odds that the outcomes were drawn with."""
    chance = np.random.default_rng(2)
    model = OnlineLogistic(np.zeros(3), np.full(3, 3.0))
    for _ in range(4000):
        x = chance.normal(0, 1, 2)
        model.learn(x, bool(chance.random() < sigmoid(-1 + 2 * x[0])), 1.0)
    assert model.weights == pytest.approx([-1, 2, 0], abs=0.15)
    spread = np.sqrt(np.diag(model.covariance))
    assert (spread < 0.08).all()


def test_what_counts_less_moves_less():
    """An outcome of a tenth of the weight moves the weights by about a tenth."""
    whole, part = (OnlineLogistic(np.zeros(2), np.full(2, 0.1)) for _ in range(2))
    whole.learn(np.array([1.0]), True, 1.0)
    part.learn(np.array([1.0]), True, 0.1)
    assert part.weights == pytest.approx(whole.weights / 10, rel=0.02)


@pytest.mark.parametrize(
    ("weights", "covariance"),
    [
        (np.zeros(3), np.eye(2)),
        (np.zeros(2), np.eye(3)),
        (np.array([math.nan, 0]), np.eye(2)),
        (np.zeros(2), -np.eye(2)),
    ],
)
def test_what_cannot_be_a_posterior_is_refused(weights: np.ndarray, covariance: np.ndarray):
    """A damaged state is not gone on from, and changes nothing."""
    model = OnlineLogistic(np.ones(2), np.ones(2))
    with pytest.raises(ValueError, match=r"other|numbers|covariance"):
        model.resume(weights, covariance)
    assert model.weights.tolist() == [1, 1]


def test_it_goes_on_from_what_it_has_learned():
    """In a later run it says what it would have said, and what it has counted is counted once."""
    values = [8 + 3 * math.sin(n / 30) for n in range(900)]
    first, _ = local_of(values)
    state = first.state()
    later = Local(OBJECTIVE)
    assert later.resume(state, 900.0)
    for n, value in enumerate(values[:-61]):
        later.learn(Outcome(float(n), value > 9))
        later.see(float(n), value, NOTHING)
    assert later.state() == state
    fresh = Local(OBJECTIVE)
    for damaged in ("", "{}", "[]", state.replace("holt", "halt"), state.replace("[", "{", 1)):
        assert not fresh.resume(damaged, 900.0)
    assert fresh.state() == Local(OBJECTIVE).state()


def test_a_clock_that_was_ahead():
    """What a run with a wrong clock has learned of the future keeps nothing from being learned."""
    ahead = Local(OBJECTIVE)
    for n in range(40):
        ahead.learn(Outcome(1e6 + n, False))
    later = Local(OBJECTIVE)
    assert later.resume(ahead.state(), 900.0)
    before = later.state()
    later.learn(Outcome(901.0, True))
    assert later.state() != before
    fresh = Local(OBJECTIVE)
    for bad in ("Infinity", "-1", "NaN"):
        damaged = json.loads(ahead.state())
        damaged["base"][2] = float(bad)
        assert not fresh.resume(json.dumps(damaged), 900.0)
    assert fresh.state() == Local(OBJECTIVE).state()


def test_the_chance_does_not_jump():
    """It moves towards a new one by the part of a tenth of a horizon that has passed."""
    values = [*noisy(120, 5), *(5 + 0.5 * n for n in range(6))]
    local, said = local_of(values[:-1])
    before = said[-1]
    local.see(float(len(values) - 1), values[-1], NOTHING)
    raw = local._weighed()
    after = local.chance()
    share = 1 - math.exp(-1 / (SMOOTH * HORIZON_S))
    assert raw > before
    assert after == pytest.approx(before + share * (raw - before))


def test_after_a_pause_the_chance_starts_anew():
    """What was said long ago does not hold back what is said now."""
    local, _ = local_of(noisy(120, 5))
    for n in range(60):
        local.see(1000.0 + n, 5 + 0.08 * n, NOTHING)
    assert local.chance() == pytest.approx(local._weighed(), rel=1e-6)


def test_points_too_odd_for_cells_have_a_trend():
    """A first gap that is much longer than the others leaves no cells: the trend alone is said."""
    times = [0.0, 100.0, *(200 + n / 100 for n in range(60))]
    points = [Point(at, 5 + 0.01 * n) for n, at in enumerate(times)]
    local = Local(OBJECTIVE)
    for point in points:
        local.see(point.at, point.value, NOTHING)
    assert local.chance() == breach_chance(local._past.points, OBJECTIVE)


def test_it_learns_on_the_job():
    """On a series whose trends always turn before the threshold it stops to believe them."""
    turning = [5 + 4 * abs((n % 120) / 60 - 1) for n in range(120 * 40)]
    _, said = local_of(turning)
    early = max(chance for chance in said[100:700] if chance is not None)
    late = max(chance for chance in said[-700:] if chance is not None)
    assert late < early / 2
    assert all(chance is None or LEAST <= chance <= MOST for chance in said)


# --- the ones to beat


def test_predict_linear_is_the_line_and_its_residuals():
    """The chance that a Gaussian around the line's end is beyond the threshold."""
    values = noisy(120, 5, 0.02)
    teller = PredictLinear(OBJECTIVE)
    for n, value in enumerate(values):
        teller.see(float(n), value, NOTHING)
    slope, now = np.polyfit(np.arange(-119.0, 1.0), values, 1)
    spread = float(np.std(np.array(values) - now - slope * np.arange(-119.0, 1.0), ddof=2))
    assert teller.chance() == pytest.approx(beyond(OBJECTIVE, now + 60 * slope, spread), rel=1e-6)


@pytest.mark.parametrize("kind", [PredictLinear, Holt])
def test_the_others_follow_a_trend(kind: type):
    """Far away and flat is unlikely, a ramp that will arrive is likely, and so downwards."""
    below = Objective("m", -10.0, False, 5.0, HORIZON_S)
    for objective, sign in ((OBJECTIVE, 1), (below, -1)):
        chances = []
        for values in (noisy(120, 2), noisy(120, 2, 0.06)):
            teller = kind(objective)
            assert teller.chance() is None
            for n, value in enumerate(values):
                teller.see(float(n), sign * value, NOTHING)
            chances.append(teller.chance())
        assert chances[0] < 0.2
        assert chances[1] > 0.6


def test_the_base_rate_counts_separate_horizons():
    """What is usual is worth as many of them as is said."""
    base = BaseRate(OBJECTIVE, 0.2, 3.0)
    assert base.chance() == pytest.approx(0.2)
    for n in range(601):
        base.learn(Outcome(float(n), n % 10 == 0))
    assert base.chance() == pytest.approx((61 / 601 * 10 + 0.2 * 3) / 13)
