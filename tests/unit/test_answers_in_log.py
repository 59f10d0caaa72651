"""Answers of a model in the log: each once, beside what the local forecaster says, in time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from builders import P99, forecast, series

from perftui.forecast.forecaster import Forecaster
from perftui.forecast.keeping import FILE, Keeping
from perftui.forecast.log import ForecastLog
from perftui.forecast.logged import NAMES
from perftui.model.findings import Forecast
from perftui.model.objective import Objective
from perftui.model.series import Series

MODEL = "claude-test"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / FILE


def answer(made_at: float, chance: float | None = 0.3, **more: object) -> Forecast:
    """What the model says at a second."""
    return forecast(by=MODEL, id=f"{MODEL}-{made_at}", made_at=made_at, probability=chance, **more)


def watch(
    path: Path, *answers: Forecast, until: int = 300, values: Series | None = None
) -> list[tuple[float, float]]:
    """Watch a series a point a second, looking every two, with these answers once they are made;
    when what was written down of the model, and what."""
    whole = values or series("p99", [0.1] * until, end=until - 1)
    forecaster = Forecaster([P99], Keeping(path, "shop"))
    for now in range(1, until, 2):
        forecaster.hear([one for one in answers if one.made_at <= now][-1:])
        known = Series(whole.key, tuple(p for p in whole.points if p.at <= now))
        forecaster.forecast(now, lambda _, known=known: [known])
    forecaster.close()
    return [(at, chances[MODEL]) for _, at, chances in written(path) if MODEL in chances]


def written(path: Path) -> list[tuple[tuple[tuple[str, str], ...], float, Mapping[str, float]]]:
    """All that was written down and has come out: labels, moment, chances by forecaster."""
    log = ForecastLog(path)
    try:
        return [
            (question.labels, one.made_at, one.chances)
            for question in log.questions()
            for one in log.resolved(question.id)
        ]
    finally:
        log.close()


def test_an_answer_is_written_down_once_beside_the_local_forecast(path: Path):
    """At the first moment after it of which the local forecaster says something."""
    assert watch(path, answer(100.5, 0.3), answer(140.2, 0.6)) == [(101.0, 0.3), (141.0, 0.6)]
    beside = [set(chances) for _, _, chances in written(path) if MODEL in chances]
    assert beside == [{*NAMES, MODEL}] * 2


def test_an_answer_never_knows_more_than_the_local_forecast_beside_it(path: Path):
    """It waits for a point that is newer than it: with a slow series that can be long after."""
    slow = series("p99", [0.1] * 45, every_s=10.0, end=440)
    assert watch(path, answer(401.0), until=560, values=slow) == []  # nothing came of it yet
    slow = series("p99", [0.1] * 60, every_s=10.0, end=590)
    assert watch(path, answer(401.0), until=600, values=slow) == [(410.0, 0.3)]


@pytest.mark.parametrize(
    "wrong",
    [
        answer(100.5, None),
        answer(100.5, objective=Objective("p99", 0.7)),
        answer(100.5, labels=(("handler", "/cart"),)),
        replace(answer(100.5), expires_at=100.6),
        replace(answer(100.5), by="local"),
    ],
    ids=["no-chance", "other-objective", "other-series", "expired", "like-the-local-one"],
)
def test_what_is_no_answer_to_it_is_not_written_down(path: Path, wrong: Forecast):
    """Neither without a chance, nor of another question, nor once its time is up; and the local
    forecast is nobody else's."""
    assert watch(path, wrong) == []
    assert {name for _, _, chances in written(path) for name in chances} == set(NAMES)


def test_an_answer_that_a_breach_has_overtaken_is_not_written_down(path: Path):
    """Neither one made while it lasts, nor one made just before it was known; others are."""
    values = [0.1] * 100 + [0.9] * 30 + [0.1] * 200
    breached = series("p99", values, end=329)
    # It begins at 100 and is known at 110; perftui looks at 109 and at 111.
    asked = [answer(at) for at in (50.5, 109.5, 120.5, 129.5, 150.5)]
    assert watch(path, *asked, until=330, values=breached) == [(51.0, 0.3), (151.0, 0.3)]


def test_of_several_series_the_answer_is_of_the_one_it_is_about(path: Path):
    """What the screen shows is the worst series; the answer's waits until it is shown again."""
    forecaster = Forecaster([P99], Keeping(path, "shop"))
    said = answer(100.5, labels=(("n", "a"),))
    for now in range(1, 300, 2):
        # The worst one is a up to 90 and from 120 on.
        a, b = (0.1, 0.2) if 90 <= now < 120 else (0.2, 0.1)
        pair = [
            series("p99", [level] * now, labels=(("n", name),), end=now)
            for name, level in (("a", a), ("b", b))
        ]
        forecaster.hear([said] if now > 100 else [])
        forecaster.forecast(now, lambda _, pair=pair: pair)
    forecaster.close()
    found = [(labels, at) for labels, at, chances in written(path) if MODEL in chances]
    assert found == [((("n", "a"),), 121.0)]
