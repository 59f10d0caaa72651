"""A model beside the local forecaster, scored on the same moments."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from builders import NOW, P99

from perftui.cli import main
from perftui.forecast.intervals import BLOCK_HORIZONS
from perftui.forecast.keeping import FILE
from perftui.forecast.log import _OF_MODELS, ForecastLog, Pair
from perftui.forecast.logged import NAMES, paired
from perftui.forecast.outcome import Outcome
from perftui.forecast.pairs import ENOUGH_BLOCKS, compare, documents, lines
from perftui.model.series import Origin, SeriesKey

MODEL = "claude-test"
KEY = SeriesKey("p99", Origin.PROMETHEUS, "s")


def test_models_are_those_that_are_not_always_there():
    """The words in the SQL are the forecasters that the log always has."""
    assert all(f"'{name}'" in _OF_MODELS for name in NAMES)
    assert _OF_MODELS.count("'") == 2 * len(NAMES)


def pairs(said: float, local: float, horizons: int, *, breached: bool = False) -> list[Pair]:
    """A pair each horizon."""
    return [Pair(1, 60.0 * n, 60.0, said, local, breached) for n in range(horizons)]


def test_both_are_scored_on_the_same_moments():
    """Brier scores by hand, their difference, and at how many moments the model was nearer."""
    found = compare(MODEL, [Pair(1, 0, 60, 0.9, 0.6, True), Pair(1, 60, 60, 0.4, 0.2, False)])
    assert found is not None
    assert (found.moments, found.onsets, found.nearer) == (2, 1, 1)
    assert found.brier == pytest.approx((0.01 + 0.16) / 2)
    assert found.local_brier == pytest.approx((0.16 + 0.04) / 2)
    assert found.difference == pytest.approx(found.brier - found.local_brier)
    assert found.sentence() == (
        "of 2 forecasts that came out, it was better than the local one in 1;"
        " Brier 0.09 against 0.10"
    )
    assert compare(MODEL, []) is None


def test_the_interval_is_by_blocks():
    """Moments of one block tell one thing: there is none of few blocks; of enough of them each is
    drawn as a whole, and one of another question is another block."""
    short = pairs(0.1, 0.2, (ENOUGH_BLOCKS - 1) * BLOCK_HORIZONS)
    long = pairs(0.1, 0.2, ENOUGH_BLOCKS * BLOCK_HORIZONS)
    assert (few := compare(MODEL, short)) is not None
    assert (few.blocks, few.interval) == (ENOUGH_BLOCKS - 1, None)
    assert (many := compare(MODEL, long)) is not None
    assert many.blocks == ENOUGH_BLOCKS
    assert many.interval == pytest.approx((0.01 - 0.04, 0.01 - 0.04))
    other = [pair._replace(question=2) for pair in short]
    assert (both := compare(MODEL, [*short, *other])) is not None
    assert both.blocks == 2 * (ENOUGH_BLOCKS - 1)
    mixed = pairs(0.1, 0.2, 10 * BLOCK_HORIZONS)
    for n in range(0, len(mixed), 2 * BLOCK_HORIZONS):
        mixed[n : n + BLOCK_HORIZONS] = [
            pair._replace(said=0.2, local=0.1) for pair in mixed[n : n + BLOCK_HORIZONS]
        ]
    assert (equal := compare(MODEL, mixed)) is not None
    assert equal.interval is not None
    assert equal.interval[0] < -0.01 < 0.01 < equal.interval[1]


def test_the_table_says_where_it_is_too_little():
    """A row for each model, with no interval where there is none; a name is plain text."""
    found = [compare("m\x1b", pairs(0.1, 0.2, 2)), compare("n", pairs(0.2, 0.1, 400))]
    text = list(lines(documents([one for one in found if one is not None])))
    assert text[0].startswith("beside local, at the moments of which both spoke")
    assert text[1].split()[:4] == ["forecaster", "moments", "onsets", "nearer"]
    assert text[2].split()[:4] == ["m�", "2", "0", "2"]
    assert text[2].split("-0.0300")[1].strip() == "too few to say"
    assert text[3].endswith("+0.0300  +0.0300 to +0.0300")
    assert list(lines([])) == []


def test_score_shows_the_model_beside_the_local_forecaster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """In text and JSON; the other rows are of all moments, as they were."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    file = tmp_path / "perftui" / FILE
    log = ForecastLog(file)
    question = log.question("shop", P99, KEY)
    for n in range(60):
        spoke = {MODEL: 0.2} if n % 3 == 0 else {}
        log.write(question, NOW + n, dict.fromkeys(NAMES, 0.4) | spoke)
    log.resolve(question, [Outcome(NOW + n, False) for n in range(57)], NOW + 200)
    log.close()
    assert [(one.name, one.moments) for one in paired(file)] == [(MODEL, 19)]
    assert main(["score", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {one["moments"] for one in found["results"]} == {57}
    [beside] = found["paired"]
    assert (beside["forecaster"], beside["moments"], beside["nearer"]) == (MODEL, 19, 19)
    assert (beside["brier"], beside["local_brier"]) == pytest.approx((0.04, 0.16))
    assert main(["score"]) == 0
    assert f"  {MODEL}       19" in capsys.readouterr().out
