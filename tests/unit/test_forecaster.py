from __future__ import annotations

import warnings

import pytest
from builders import NOW, P99, record_of, series
from hypothesis import given
from hypothesis import strategies as st

from perftui.forecast import prior
from perftui.forecast.breaches import BreachLog
from perftui.forecast.forecaster import UNCHECKED_CAP, Forecaster, forecast
from perftui.forecast.record import ENOUGH, Record
from perftui.forecast.track import NEEDED_POINTS, STALE_S, Track
from perftui.model.findings import Forecast, ForecastState
from perftui.model.objective import Objective
from perftui.model.series import Point, Series

FLAT = [0.1] * 60
RAMP = [0.2 + 0.004 * n for n in range(70)]
PROVEN = record_of(*[(0.9, 0.5, True)] * 5, *[(0.1, 0.5, False)] * 20)
NO_SKILL = record_of(*[(0.9, 0.1, False)] * 20)


@pytest.fixture(autouse=True)
def uncovered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lab has shown nothing yet."""
    known = prior._file()
    monkeypatch.setattr(prior, "_file", lambda: {**known, "covers": None})


def made_of(
    found: Series, now: float = NOW, objective: Objective = P99, record: Record | None = None
) -> Forecast:
    """The forecast of a watch that has seen this series up to `now`."""
    track = Track(BreachLog(objective), record or Record())
    track.follow([point for point in found.points if point.at <= now], now)
    return forecast(found, objective, now, track)


def made(values: list[float], record: Record | None = None, objective: Objective = P99) -> Forecast:
    return made_of(series("p99", values, unit="s"), NOW, objective, record)


def test_what_every_forecast_says():
    """A forecast names its objective, its maker, when it was made and when it expires."""
    found = made(FLAT)
    assert (found.objective, found.by) == (P99, "local")
    assert (found.made_at, found.expires_at) == (NOW, NOW + 60)
    assert found.series_unit == "s"


def test_no_series_is_learning():
    """Without a single value there is no forecast, and it says so."""
    found = forecast(None, P99, NOW, Track(BreachLog(P99)))
    assert found.state is ForecastState.LEARNING
    assert found.summary == "no value of p99 yet"
    assert (found.probability, found.base_rate, found.learned) == (None, None, 0)


def test_few_points_are_learning():
    """Below thirty points it learns, and says how far it is."""
    found = made([0.1] * (NEEDED_POINTS - 1))
    assert found.state is ForecastState.LEARNING
    assert (found.learned, found.needed, found.summary) == (29, 30, "")
    assert found.probability is None
    assert made([0.1] * NEEDED_POINTS).state is ForecastState.OK


def test_a_stale_series_is_not_forecast():
    """A series without a new point says since when, and no chance."""
    old = series("p99", FLAT, end=NOW - STALE_S - 2)
    found = made_of(old)
    assert (found.state, found.probability) == (ForecastState.LEARNING, None)
    assert found.summary == "no new value of p99 for 32 s"
    fresh = series("p99", FLAT, end=NOW - STALE_S)
    assert made_of(fresh).state is ForecastState.OK


def test_a_slow_series_may_be_older():
    """A series is stale after three of its own steps, where those are long."""
    objective = Objective("p99", 0.5, hold_s=120, horizon_s=3600)
    slow = series("p99", FLAT, every_s=60, end=NOW - 180)
    assert made_of(slow, objective=objective).state is ForecastState.OK
    older = series("p99", FLAT, every_s=60, end=NOW - 181)
    assert made_of(older, objective=objective).summary == "no new value of p99 for 181 s"


def test_in_breach():
    """In a breach it says since when, not how likely one is."""
    found = made([0.1] * 40 + [0.9] * 15)
    assert (found.state, found.since) == (ForecastState.IN_BREACH, NOW - 14)
    assert found.probability is None


def test_in_breach_while_learning():
    """A breach that lasts is one, however few points there are."""
    assert made([0.9] * 12).state is ForecastState.IN_BREACH


def test_violated_for_too_short_is_no_breach():
    """What has not lasted for `for` is still a forecast."""
    assert made([0.1] * 40 + [0.9] * 10).state is ForecastState.OK  # nine seconds


def test_the_chance_is_capped_until_the_record_proves_it():
    """Before its record is there, no forecast is near certain, and it says why."""
    capped = made(RAMP)
    assert (capped.state, capped.probability) == (ForecastState.OK, UNCHECKED_CAP)
    assert capped.summary == "79% is the most before its record proves it"
    proven = made(RAMP, PROVEN)
    assert proven.probability > 0.9
    assert proven.summary == ""


def test_what_the_lab_has_shown_is_not_capped(monkeypatch: pytest.MonkeyPatch):
    """It says so; where nothing was shown of such a horizon or of such steps, or once there is a
    record here that proves nothing, the cap is back."""
    horizon_s = P99.horizon_s
    case = {"least_s": 10, "most_s": horizon_s, "step_s": 2, "true": 18, "warnings": 20}
    known = prior._file()
    for changes, record, covers in (
        ({}, record_of(), True),
        ({"most_s": horizon_s - 1}, record_of(), False),
        ({"step_s": 0.5}, record_of(), False),
        ({}, record_of(*[(0.5, 0.5, False)] * ENOUGH), False),
    ):
        monkeypatch.setattr(prior, "_file", lambda c=changes: {**known, "covers": {**case, **c}})
        found = made(RAMP, record)
        assert (found.probability > UNCHECKED_CAP) is covers  # type: ignore[operator]
        words = "no proof here yet: in the lab 18 of 20 such warnings came true"
        assert (found.summary == words) is covers


def test_a_low_chance_is_not_capped():
    """The cap holds from above alone."""
    found = made(FLAT)
    assert found.probability < 0.02
    assert found.summary == ""


def test_no_skill_shows_the_base_rate():
    """Where the record shows no skill, the base rate stands in for the chance, and it says so."""
    found = made(RAMP * 2, NO_SKILL, Objective("p99", 0.9, hold_s=10, horizon_s=60))
    assert found.state is ForecastState.NO_SKILL
    assert found.probability == found.base_rate
    assert found.base_rate == pytest.approx(0.5 / (139 / 60 + 1))
    assert "base rate" in found.summary


def test_no_skill_without_base_rate():
    """No skill and too short a past is no number at all."""
    found = made(FLAT, NO_SKILL)
    assert (found.state, found.probability) == (ForecastState.NO_SKILL, None)


def test_the_record_is_shown():
    """Each forecast carries how earlier ones turned out."""
    assert made(FLAT).record is None
    assert made(FLAT, PROVEN).record == PROVEN.sentence()


def test_base_rate_beside_the_chance():
    """Where the past is long enough, what is usual stands beside the chance."""
    assert made(FLAT).base_rate is None
    assert made(FLAT * 3).base_rate == pytest.approx(0.5 / (179 / 60 + 1))


def test_a_lower_bound():
    """An objective below is breached by falling."""
    below = Objective("p99", 0.5, above=False, hold_s=10, horizon_s=60)
    assert made([0.9 - 0.005 * n for n in range(70)], objective=below).probability == UNCHECKED_CAP
    assert made(FLAT, objective=below).state is ForecastState.IN_BREACH


def test_the_record_is_asked_not_changed():
    """Making a forecast leaves the record as it was."""
    before = (list(PROVEN.open), list(PROVEN.outcomes))
    made(RAMP, PROVEN)
    assert (PROVEN.open, PROVEN.outcomes) == before


@pytest.mark.parametrize(("above", "unit"), [(True, "0.4"), (False, "0.1")])
def test_the_series_nearest_to_its_breach_counts(above: bool, unit: str):
    """Of several series of one metric the worst is forecast."""
    limit = 0.5 if above else 0.05
    found = [series("p99", [value] * 40, unit=str(value)) for value in (0.1, 0.4, 0.3)]
    (said,) = Forecaster([Objective("p99", limit, above)]).forecast(NOW, lambda _: found)
    assert said.series_unit == unit


def test_a_breach_counts_before_a_higher_value():
    """A series that is in breach goes before one that has only just gone higher."""
    breach = series("p99", [0.1] * 20 + [0.6] * 20, unit="a")
    spike = series("p99", [0.1] * 39 + [0.9], unit="b")
    (said,) = Forecaster([P99]).forecast(NOW, lambda _: [spike, breach])
    assert (said.series_unit, said.state) == ("a", ForecastState.IN_BREACH)


def test_a_series_that_has_stopped_counts_last():
    """A label that went away in its worst moment does not hide those that live."""
    gone = series("p99", [0.9] * 40, unit="a", end=NOW - 60)
    lives = series("p99", FLAT, unit="b")
    (said,) = Forecaster([P99]).forecast(NOW, lambda _: [gone, lives])
    assert (said.series_unit, said.state) == ("b", ForecastState.OK)


def test_each_series_has_its_record():
    """What was forecast on one series is not judged by another."""
    forecaster = Forecaster([P99])
    for now in range(40, 400, 10):
        calm = series("p99", [0.2] * now, labels=(("n", "calm"),), end=now)
        low = series("p99", [0.1] * now, labels=(("n", "low"),), end=now)
        found = [calm, low] if now < 200 else [low]
        (said,) = forecaster.forecast(now, lambda _, found=found: found)
    # Those on `low` were made at 200, 260 and 320; each was known 70 s later.
    assert said.record == "3 forecasts that were due said <1 % on average; 0 breaches came"


VALUES = st.lists(st.floats(-1e6, 1e6), max_size=20)


@given(st.sampled_from([FLAT, RAMP]), VALUES, VALUES)
def test_the_future_changes_nothing(past: list[float], one: list[float], other: list[float]):
    """A forecast is made of what was known then: later points never change it."""
    known = series("p99", past)

    def after(values: list[float]) -> Series:
        later = tuple(Point(NOW + 1 + n, value) for n, value in enumerate(values))
        return Series(known.key, known.points + later)

    said = [made_of(after(values)) for values in (one, other, [])]
    assert said[0] == said[1] == said[2]


def test_a_replay_says_what_was_said_live():
    """Going through a whole past gives the same forecasts as watching it come."""
    whole = series("p99", (FLAT + RAMP + [0.9] * 30) * 4, end=640)
    live, replay = Forecaster([P99]), Forecaster([P99])
    for now in range(1, 640, 2):
        known = Series(whole.key, tuple(p for p in whole.points if p.at <= now))
        (said,) = live.forecast(now, lambda _, known=known: [known] if known.points else [])
        assert replay.forecast(now, lambda _: [whole]) == (said,)
    assert said.record is not None


def test_the_same_points_give_the_same_forecast():
    """Asked twice, it says the same."""
    assert made(RAMP, PROVEN) == made(RAMP, PROVEN)


def test_one_forecast_per_objective():
    """Each objective has its forecast, in their order, also without any value."""
    rps = Objective("rps", 1, above=False)
    found = Forecaster([P99, rps]).forecast(
        NOW, lambda metric: [series(metric, FLAT)] if metric == "p99" else []
    )
    assert [(one.objective, one.state) for one in found] == [
        (P99, ForecastState.OK),
        (rps, ForecastState.LEARNING),
    ]
    assert len({one.id for one in found}) == 2


def test_the_record_grows_over_a_watch():
    """Forecasts are kept when they are made, and resolved when their time is up."""
    forecaster = Forecaster([P99])
    values = [0.1] * 400
    said = None
    for n in range(40, 400, 10):
        known = series("p99", values[: n + 1], end=n)
        (said,) = forecaster.forecast(n, lambda _, known=known: [known])
    # Made at 70 and then once a horizon; each is known 70 s later.
    assert said.record == "5 forecasts that were due said <1 % on average; 0 breaches came"


@given(
    st.lists(st.floats(1e-3, 100), min_size=60, max_size=60),
    st.lists(st.floats(-1e100, 1e100), min_size=30, max_size=60),
    st.sampled_from([10.0, 60.0, 900.0]),
    st.booleans(),
)
def test_any_series_can_be_forecast(
    gaps: list[float], values: list[float], horizon_s: float, above: bool
):
    """Whatever the points, a forecast is made, with a chance between 0 and 1 if it has one."""
    now, known = 0.0, []
    for gap, value in zip(gaps, values, strict=False):
        now += gap
        known.append(Point(now, value))
    objective = Objective("p99", 0.5, above, 10, horizon_s)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = made_of(Series(series("p99", [0]).key, tuple(known)), now, objective)
    assert found.state in (ForecastState.OK, ForecastState.IN_BREACH)
    for chance in (found.probability, found.base_rate):
        assert chance is None or 0 < chance < 1


def test_a_long_horizon_keeps_no_forecast_of_a_series_that_has_stopped():
    """A chance is computed some times in a horizon, and is gone as soon as the series is stale."""
    day = Objective("p99", 0.5, hold_s=10, horizon_s=86400)
    forecaster = Forecaster([day])
    known = series("p99", FLAT)
    [first] = forecaster.forecast(NOW, lambda _: [known])
    [same] = forecaster.forecast(NOW + 10, lambda _: [known])
    assert same is first
    assert first.state is ForecastState.OK
    [stale] = forecaster.forecast(NOW + STALE_S + 1, lambda _: [known])
    assert (stale.state, stale.probability) == (ForecastState.LEARNING, None)
    fresh = series("p99", FLAT, end=NOW + 61)
    [next_one] = Forecaster([day]).forecast(NOW + 61, lambda _: [fresh])
    assert next_one.made_at == NOW + 61


def test_what_comes_and_goes_does_not_fill_the_memory():
    """A series that is not kept any more is not followed, nor one without its objective."""
    watch = Forecaster([P99])
    for generation in range(5):
        pods = [series("p99", FLAT, labels=(("pod", f"{generation}-{n}"),)) for n in range(20)]
        watch.forecast(NOW + generation, lambda _, pods=pods: pods)
    assert len(watch._tracks) == 20
    watch.change([])
    watch.forecast(NOW + 9, lambda _: [])
    assert not watch._tracks
