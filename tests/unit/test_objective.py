from __future__ import annotations

import contextlib
import tomllib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perftui.checked import checked
from perftui.model.objective import (
    DEFAULT_HOLD_S,
    DEFAULT_HORIZON_S,
    Objective,
    format_duration,
    parse_duration,
    parse_objective,
    toml_lines,
)
from perftui.settings import ObjectiveSettings


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("500ms", 0.5),
        ("90s", 90),
        ("1m", 60),
        ("1h30m", 5400),
        ("1d", 86400),
        ("1.5m", 90),
        (" 30s ", 30),
        ("1d1h1m1s1ms", 90061.001),
        ("0s", 0),
    ],
)
def test_parse_duration(text: str, seconds: float):
    """Durations are read as Prometheus writes them."""
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["", "1", "m", "1 m", "-1m", "1m x", "1mm", "1y", "1e3s", ".5s", "1M", "1m,5s", "inf"]
)
def test_a_bad_duration_says_how_to_write_one(text: str):
    """What is no duration is refused with an example of one."""
    with pytest.raises(ValueError, match="is no duration; write it like 30s, 1m or 1h30m"):
        parse_duration(text)


@given(st.text(max_size=12) | st.from_regex(r"[0-9.smhd ]{0,12}", fullmatch=True))
def test_any_text_is_a_duration_or_a_value_error(text: str):
    """No text makes anything but seconds or a ValueError."""
    with contextlib.suppress(ValueError):
        assert parse_duration(text) >= 0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.25, "250ms"),
        (1, "1s"),
        (60, "1m"),
        (90, "1m30s"),
        (3600, "1h"),
        (5400, "1h30m"),
        (86400, "1d"),
        (90061, "1d1h1m1s"),
    ],
)
def test_format_duration(seconds: float, text: str):
    """A duration is written in the largest units that give it whole."""
    assert format_duration(seconds) == text


@given(st.integers(0, 10**8))
def test_whole_seconds_come_back(seconds: int):
    """Every whole number of seconds is read back as it was written."""
    assert parse_duration(format_duration(seconds)) == seconds


@given(st.integers(0, 10**7))
def test_milliseconds_come_back(milliseconds: int):
    """A duration that is no whole number of seconds is not rounded to one."""
    seconds = milliseconds / 1000
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds, abs=1e-6)


@pytest.mark.parametrize(
    ("text", "objective"),
    [
        ("p99 > 0.5 for 1m", Objective("p99", 0.5, True, 60, DEFAULT_HORIZON_S)),
        ("p99 > 0.5", Objective("p99", 0.5, True, DEFAULT_HOLD_S, DEFAULT_HORIZON_S)),
        ("p99>0.5 for 10s within 5m", Objective("p99", 0.5, True, 10, 300)),
        ("rps < 10 within 1h", Objective("rps", 10, False, DEFAULT_HOLD_S, 3600)),
        ("cpu >= 90%", Objective("cpu", 90)),
        ("cpu > 90 % for 30s", Objective("cpu", 90, hold_s=30)),
        ("  job:errors:rate5m  >  -1e-3  ", Objective("job:errors:rate5m", -0.001)),
        ("http.server-time/p99 > 1", Objective("http.server-time/p99", 1)),
    ],
)
def test_parse_objective(text: str, objective: Objective):
    """An objective is a metric, a side, a threshold, and perhaps `for` and `within`."""
    assert parse_objective(text) == objective


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is no objective; write it like 'p99 > 0.5 for 1m'"),
        ("p99", "is no objective"),
        ("rss > 600 MB for 1m", "a number without a unit; in bytes this one is 629145600"),
        ("rss > 1.5GiB", "in bytes this one is 1610612736"),
        ("p99 > 150 ms for 1m", "a number without a unit; in seconds this one is 0.15"),
        ("age > 2h", "in seconds this one is 7200"),
        ("p99 > ", "is no objective"),
        ("p99 = 0.5", "is no objective"),
        ("> 0.5", "is no objective"),
        ("99p > 0.5", "is no objective"),
        ("p99 > 0.5 1m", "is no objective"),
        ("p99 > 0.5 within 1m for 1m", "is no objective"),
        ("p99 > 500ms", "a number without a unit; in seconds this one is 0.5"),
        ("p99 > nan", "the threshold 'nan' is no number"),
        ("p99 > inf", "the threshold 'inf' is no number"),
        ("p99 > 0.5 for ever", "'ever' is no duration"),
        ("p99 > 0.5 for 1m within soon", "'soon' is no duration"),
        ("p99 > 0.5 for 0s", "must be longer than 0s"),
        ("p99 > 0.5 within 0s", "must be longer than 0s"),
        ("p99 > 0.5 within " + "9" * 400 + "d", "is too long"),
    ],
)
def test_a_bad_objective_says_what_is_wrong(text: str, reason: str):
    """What is no objective is refused with what is wrong with it."""
    with pytest.raises(ValueError, match=reason):
        parse_objective(text)


@given(st.text(max_size=30))
def test_any_text_is_an_objective_or_a_value_error(text: str):
    """No text makes anything but an objective or a ValueError."""
    with contextlib.suppress(ValueError):
        assert isinstance(parse_objective(text), Objective)


def test_objective_in_words():
    """An objective is written as it is typed."""
    assert str(Objective("p99", 0.5, hold_s=90)) == "p99 > 0.5 for 1m30s"
    assert str(Objective("rps", 10, above=False)) == "rps < 10 for 1m"


@given(
    st.floats(allow_nan=False, allow_infinity=False) | st.integers(0, 2**50).map(float),
    st.booleans(),
    st.integers(1, 10**6),
)
def test_objectives_come_back(threshold: float, above: bool, hold_s: int):
    """What an objective says of itself is read back as the same: no threshold is rounded."""
    objective = Objective("p99", threshold, above, float(hold_s))
    assert parse_objective(str(objective)) == objective


def test_violated():
    """A value at the threshold violates neither side."""
    above, below = Objective("m", 5), Objective("m", 5, above=False)
    assert [above.violated(v) for v in (4, 5, 6)] == [False, False, True]
    assert [below.violated(v) for v in (4, 5, 6)] == [True, False, False]


@given(
    st.text(min_size=1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.integers(1, 10**9),
    st.integers(1, 10**9),
    st.text(),
)
def test_toml_lines_read_back(
    metric: str, threshold: float, above: bool, hold_ms: int, horizon_ms: int, label: str
):
    """Whatever an objective is, the settings read it back from its lines."""
    objective = Objective(metric, threshold, above, hold_ms / 1000, horizon_ms / 1000, label)
    [entry] = tomllib.loads(toml_lines(objective))["objective"]
    back = checked(entry, ObjectiveSettings).objective()
    assert replace(back, hold_s=0, horizon_s=0) == replace(objective, hold_s=0, horizon_s=0)
    assert back.hold_s == pytest.approx(objective.hold_s)
    assert back.horizon_s == pytest.approx(objective.horizon_s)
