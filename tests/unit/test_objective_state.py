from __future__ import annotations

import pytest
from builders import NOW, P99, forecast, points, series, snapshot

from perftui.model.findings import Forecast, ForecastState
from perftui.model.objective import Objective
from perftui.model.objective_state import SHAPES, Standing, burn, standing
from perftui.model.series import Point, Series


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


IN_BREACH = forecast(P99, ForecastState.IN_BREACH, since=NOW - 9)
LIKELY = forecast(P99, probability=0.7)


def of_handlers(*values: float) -> list[Series]:
    return [series("p99", [v], labels=(("handler", str(n)),)) for n, v in enumerate(values)]


@pytest.mark.parametrize(
    ("said", "values", "stand"),
    [
        (IN_BREACH, [0.9], ["breached"]),
        (IN_BREACH, [0.4], ["breached"]),  # it dips, and the breach is not over yet
        (IN_BREACH, [0.9, 0.6, 0.1], ["breached", "breached", "ok"]),
        (IN_BREACH, [0.4, 0.1], ["breached", "ok"]),
        (LIKELY, [0.4, 0.1], ["at risk", "ok"]),
        (LIKELY, [0.6, 0.1], ["at risk", "ok"]),
        (forecast(P99, probability=0.1), [0.6, 0.1], ["at risk", "ok"]),
    ],
)
def test_of_several_series_each_stands_for_itself(
    said: Forecast, values: list[float], stand: list[str]
):
    """The forecast is about the worst of them."""
    seen = snapshot(series=of_handlers(*values), forecasts=[said], objectives=(P99,))
    assert [standing(P99, seen, value).value for value in values] == stand


def test_below_a_threshold_the_lowest_is_the_worst():
    """And a series that is silent has no data, unless it is the only one and in breach."""
    rate = Objective("rps", 5.0, above=False)
    said = forecast(rate, ForecastState.IN_BREACH, since=NOW - 9)
    few = [series("rps", [v], labels=(("h", str(n)),)) for n, v in enumerate((9.0, 6.0))]
    seen = snapshot(series=few, forecasts=[said])
    assert [standing(rate, seen, v) for v in (9.0, 6.0, None)] == [
        *(Standing.OK, Standing.BREACHED, Standing.NO_DATA)
    ]
    assert standing(rate, snapshot(series=few[:1], forecasts=[said]), None) is Standing.BREACHED


def test_a_series_that_has_stopped_is_not_the_worst():
    """A pod that has gone hides no risk of one that lives."""
    live = series("p99", [0.4], labels=(("pod", "new"),))
    gone = series("p99", [0.48], labels=(("pod", "old"),), end=NOW - 60)
    seen = snapshot(series=[live, gone], forecasts=[LIKELY], objectives=(P99,))
    assert standing(P99, seen, 0.4) is Standing.AT_RISK
