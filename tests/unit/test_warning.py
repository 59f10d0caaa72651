from __future__ import annotations

import pytest
from builders import NOW, P99, forecast, series, snapshot, status

from perftui.model.findings import Forecast, ForecastState
from perftui.model.objective import Objective
from perftui.model.snapshot import SourceState
from perftui.model.target import TargetState
from perftui.model.verdict import Decision, Item, decide
from perftui.model.warning import Level, describe, strongest
from perftui.model.warning import Warning as Said
from perftui.model.warning import said as said_of

BREACH = forecast(state=ForecastState.IN_BREACH, since=NOW - 75, series_unit="s")
LIKELY = forecast(Objective("rss_used", 90, label="memory"), probability=0.84)
LIKELIER = forecast(Objective("cpu", 90, horizon_s=900), probability=0.9, series_unit="%", by="m")
UNLIKELY = forecast(Objective("rps", 1, above=False), probability=0.1)
FAILED = status("prometheus", SourceState.FAILED, "refused\nhere")


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (TargetState.EXITED, "the target EXITED 1m30s ago; what is shown is its last"),
        (TargetState.STOPPED, "the target is STOPPED for 1m30s (kill -CONT continues it)"),
        (TargetState.LOST, "the target is LOST for 1m30s: its state cannot be read"),
    ],
)
def test_the_target_goes_before_all(state: TargetState, text: str):
    """A target that does not run matters more than anything said about it."""
    seen = snapshot(
        target_state=state, target_since=NOW - 90, forecasts=[LIKELY, BREACH], sources=[FAILED]
    )
    assert strongest(seen) == Said(Level.ALARM, text)


def test_a_breach_goes_before_forecasts():
    """What is happening matters more than what may."""
    seen = snapshot(forecasts=[LIKELIER, BREACH], sources=[FAILED])
    assert strongest(seen) == Said(Level.ALARM, "BREACH for 1m15s: p99 above 500 ms")


def test_the_likeliest_forecast_goes_first():
    """Of several warnings the likeliest is shown, with who says it."""
    seen = snapshot(forecasts=[UNLIKELY, LIKELY, LIKELIER], sources=[FAILED])
    assert strongest(seen) == Said(
        Level.WARNING, "90 % within 15 min: cpu above 90.0 % (m, 0 s ago)"
    )
    seen = snapshot(forecasts=[UNLIKELY, LIKELY])
    assert strongest(seen) == Said(Level.WARNING, "84 % within 15 min: memory")


@pytest.mark.parametrize(
    "said",
    [
        [],
        [forecast(state=ForecastState.LEARNING)],
        [forecast(state=ForecastState.NO_SKILL, probability=0.1)],
        [forecast(probability=0.1)],
    ],
)
def test_a_threshold_that_is_crossed_is_a_warning_before_it_is_a_breach(said: list[Forecast]):
    """Whatever the forecast says, or before it says anything: the worst value that is fresh."""
    seen = snapshot(
        series=[
            series("p99", [0.1, 0.6], unit="s", labels=(("handler", "/a"),)),
            series("p99", [0.1, 0.75], unit="s", labels=(("handler", "/b\u202e"),)),
            series("p99", [0.9], end=NOW - 60, unit="s", labels=(("handler", "/gone"),)),
        ],
        forecasts=said,
        objectives=(P99,),
    )
    assert strongest(seen) == Said(
        Level.WARNING, "p99 above 500 ms: now 750 ms at handler=/b�, not yet for 10 s"
    )


def test_below_a_threshold_the_lowest_is_said():
    """Of an objective without a time that it has to last, the next point is the breach."""
    rate = Objective("rps", 5.0, above=False, hold_s=0.0, label="too few requests")
    few = [series("rps", [v], labels=(("h", str(n)),)) for n, v in enumerate((9.0, 3.0, 2.0))]
    seen = snapshot(series=few, objectives=(rate,))
    assert strongest(seen) == Said(Level.WARNING, "too few requests: now 2 at h=2")


def test_what_is_no_crossing():
    """A value at its threshold, one that is old, and one of a target that is gone."""
    at_it = snapshot(series=[series("p99", [0.5])], objectives=(P99,))
    assert strongest(at_it).level is Level.NOTICE
    old = snapshot(series=[series("p99", [0.9], end=NOW - 16)], objectives=(P99,))
    assert strongest(old).text == "no warning: the forecasts still learn"
    above = {"series": [series("p99", [0.9])], "objectives": (P99,)}
    assert "EXITED" in strongest(snapshot(target_state=TargetState.EXITED, **above)).text


def test_a_warning_says_that_its_threshold_is_crossed_already():
    """A chance alone would read as if all were well; of a breach it says how bad it is."""
    above = {"series": [series("p99", [0.75], unit="s")], "objectives": (P99,)}
    likely = forecast(probability=0.84, series_unit="s")
    assert strongest(snapshot(forecasts=[likely], **above)) == Said(
        Level.WARNING, "84 % within 1 min: p99 above 500 ms (now 750 ms)"
    )
    model = forecast(probability=0.84, series_unit="s", by="m")
    assert strongest(snapshot(forecasts=[model], **above)).text == (
        "84 % within 1 min: p99 above 500 ms (now 750 ms, m, 0 s ago)"
    )
    assert strongest(snapshot(forecasts=[BREACH], **above)).text == (
        "BREACH for 1m15s: p99 above 500 ms (now 750 ms)"
    )


def test_of_an_objective_that_is_snoozed_no_crossing_is_said():
    """Who wants to hear nothing of it for a while knows of it."""
    likely = forecast(probability=0.84)
    seen = snapshot(
        series=[series("p99", [0.75], unit="s")],
        objectives=(P99,),
        forecasts=[likely],
        verdicts=(decide(Item.of(likely), Decision.SNOOZED, NOW),),
    )
    assert strongest(seen) == Said(Level.NOTICE, "no other warning", "1 snoozed")


def test_a_failed_source_goes_before_calm():
    """A source that failed is worth a notice where no forecast warns."""
    assert strongest(snapshot(forecasts=[UNLIKELY], sources=[FAILED])) == Said(
        Level.NOTICE, "prometheus failed for 5 s: refused here"
    )


def test_a_failed_profiler_is_a_warning():
    """Without a profile the main thing is missing; only a likelier forecast goes before it."""
    failed = status("py-spy", SourceState.FAILED, "not permitted")
    said = Said(Level.WARNING, "py-spy failed for 5 s: not permitted")
    assert strongest(snapshot(forecasts=[UNLIKELY], sources=[FAILED, failed])) == said
    assert strongest(snapshot(forecasts=[LIKELY], sources=[failed])).text.startswith("84 %")


def test_calm():
    """Where nothing warns, the highest chance is named, or that there is none yet."""
    assert strongest(snapshot(forecasts=[UNLIKELY])) == Said(
        Level.CALM, "no warning; highest chance 10 % within 15 min: rps below 1"
    )
    waiting = status("py-spy", SourceState.WAITING)
    assert strongest(snapshot(sources=[waiting])) == Said(
        Level.NOTICE, "no warning: the forecasts still learn"
    )


@pytest.mark.parametrize(
    ("probability", "level"), [(0.499, Level.CALM), (0.5, Level.WARNING), (0.99, Level.WARNING)]
)
def test_an_even_chance_is_a_warning(probability: float, level: Level):
    """From one in two on a forecast warns."""
    assert strongest(snapshot(forecasts=[forecast(probability=probability)])).level is level


def test_no_skill_is_no_warning():
    """A base rate, however high, warns of nothing."""
    seen = snapshot(forecasts=[forecast(state=ForecastState.NO_SKILL, probability=0.9)])
    assert strongest(seen).level is Level.CALM


def test_why_there_is_no_warning():
    """Calm says why: no signal, a metric that does not come, or that it is too early."""
    no_skill = forecast(state=ForecastState.NO_SKILL)
    assert strongest(snapshot(forecasts=[no_skill])).text == (
        "no warning: there is no forecastable signal"
    )
    silent = forecast(state=ForecastState.LEARNING, summary="no new value of p99 for 40 s")
    assert strongest(snapshot(forecasts=[silent])).text == (
        "no warning: no new value of p99 for 40 s"
    )


def test_what_has_expired_warns_of_nothing():
    """A forecast whose time is up is no warning any more, however sure it was."""
    old = forecast(probability=0.9, made_at=NOW - 60)
    assert strongest(snapshot(forecasts=[old])).level is Level.CALM
    last = forecast(probability=0.9, made_at=NOW - 59)
    assert strongest(snapshot(forecasts=[last])).level is Level.WARNING


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (forecast(state=ForecastState.IN_BREACH, since=NOW - 75), "in breach for 1m15s"),
        (forecast(state=ForecastState.IN_BREACH), "in breach for –"),
        (
            forecast(state=ForecastState.LEARNING, learned=3, needed=30),
            "learning 3 of 30 points",
        ),
        (forecast(state=ForecastState.LEARNING, summary="no\x07 value"), "no� value"),
        (forecast(probability=0.12), "12 % within 1 min"),
        (forecast(probability=0.12, base_rate=0.03), "12 % within 1 min  (usually 3 %)"),
        (
            forecast(state=ForecastState.NO_SKILL, probability=0.03, base_rate=0.03),
            "3 % within 1 min  (usually 3 %)",
        ),
    ],
)
def test_said(made: Forecast, words: str):
    """Each state of a forecast has its words, the same on the screen and in text."""
    assert said_of(made, NOW) == words


@pytest.mark.parametrize(
    ("objective", "unit", "words"),
    [
        (P99, "s", "p99 above 500 ms"),
        (Objective("rps", 10, above=False), "", "rps below 10"),
        (Objective("m", 1, label="a\u202elabel"), "", "a�label"),
        (Objective("m\n", 1), "", "m above 1"),
    ],
)
def test_describe(objective: Objective, unit: str, words: str):
    """An objective is its label, else the metric and its side of the threshold."""
    assert describe(forecast(objective, series_unit=unit)) == words


def test_a_model_alone_does_not_calm():
    """Its words are none of perftui's, and where it says nothing of the chance nothing is known;
    nor does it hide that there is no signal."""
    learning = forecast(state=ForecastState.LEARNING)
    model = forecast(by="claude", summary="All is well, no need to look.")
    assert strongest(snapshot(forecasts=[learning, model])) == Said(
        Level.NOTICE, "no warning: the forecasts still learn"
    )
    without = forecast(state=ForecastState.NO_SKILL)
    assert strongest(snapshot(forecasts=[without, model])) == Said(
        Level.CALM, "no warning: there is no forecastable signal"
    )
