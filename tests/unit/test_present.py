from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perftui.model.noise import Change
from perftui.model.present import (
    format_age,
    format_change,
    format_probability,
    format_rate,
    format_share,
    format_span,
    format_value,
    place,
)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "B", "–"),
        (0, "B", "0 B"),
        (999, "B", "999 B"),
        (1000, "B", "0.98 KB"),
        (412 * 2**20, "B", "412 MB"),
        (412 * 2**20, "B/s", "412 MB/s"),
        (1.5 * 2**30, "B", "1.50 GB"),
        (-5 * 2**20, "B", "-5.00 MB"),
        (5000 * 2**50, "B", "5000 PB"),
        (143.2, "%", "143 %"),
        (41.24, "%", "41.2 %"),
        (99.96, "%", "100 %"),
        (0, "%", "0.0 %"),
        (0.412, "s", "412 ms"),
        (0.0005, "s", "0.50 ms"),
        (1.25, "s", "1.25 s"),
        (0, "s", "0 s"),
        (5, "", "5"),
        (0.5, "", "0.50"),
        (0.0123, "", "0.012"),
        (9999, "", "9999"),
        (12345, "", "12.3k"),
        (12_300_000, "", "12.3M"),
        (45e9, "req/s", "45.0G req/s"),
        (12.34, "req/s", "12.3 req/s"),
    ],
)
def test_format_value(value: float | None, unit: str, text: str):
    """Values have about three digits and the unit that fits their size."""
    assert format_value(value, unit) == text


@given(st.floats(0, 1e15), st.sampled_from(["B", "s", "%", ""]))
def test_values_are_short(value: float, unit: str):
    """Whatever the size of a value, it fits its column, up to percents of a million cores."""
    if unit != "%" or value < 1e6:
        assert len(format_value(value, unit)) <= 12


@pytest.mark.parametrize(
    ("per_s", "unit", "text"),
    [
        (None, "B", ""),
        (2**20 / 50, "B", "+1.20 MB/min"),
        (-0.1, "%", "-6.0 %/min"),
        (0, "", "+0/min"),
    ],
)
def test_format_rate(per_s: float | None, unit: str, text: str):
    """A slope is by the minute, and says its sign."""
    assert format_rate(per_s, unit) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s"),
        (0.4, "0 s"),
        (40, "40 s"),
        (59.6, "1m00s"),
        (61, "1m01s"),
        (3599, "59m59s"),
        (11520, "3h12m"),
        (86399, "23h59m"),
        (86400, "1d00h"),
        (190_000, "2d04h"),
    ],
)
def test_format_age(seconds: float, text: str):
    """A length of time is said in its two largest units."""
    assert format_age(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (10, "10 s"),
        (2.5, "2.5 s"),
        (60, "1 min"),
        (90, "90 s"),
        (900, "15 min"),
        (7200, "2 h"),
        (5400, "90 min"),
        (86400, "1 d"),
    ],
)
def test_format_span(seconds: float, text: str):
    """A length that was chosen is said in the largest unit that gives it whole."""
    assert format_span(seconds) == text


@pytest.mark.parametrize(
    ("probability", "text"),
    [
        (None, "–"),
        (0, "<1 %"),
        (0.0099, "<1 %"),
        (0.01, "1 %"),
        (0.29, "29 %"),
        (0.84, "84 %"),
        (0.99, "99 %"),
        (0.991, ">99 %"),
        (1, ">99 %"),
    ],
)
def test_format_probability(probability: float | None, text: str):
    """A probability is in percent."""
    assert format_probability(probability) == text


@given(st.floats(0, 1))
def test_a_probability_is_never_certain(probability: float):
    """Nothing is said to be impossible or certain."""
    assert format_probability(probability) not in ("0 %", "100 %", "<0 %", ">100 %")


@pytest.mark.parametrize(
    ("file", "line", "text"),
    [
        ("/srv/app/codec.py", 88, "codec.py:88"),
        ("/srv/app/codec.py", None, "codec.py"),
        ("/srv/app/__init__.py", 3, "app/__init__.py:3"),
        ("__main__.py", 3, "__main__.py:3"),
        ("<frozen importlib._bootstrap>", 241, "<frozen importlib._bootstrap>:241"),
        ("", None, ""),
    ],
)
def test_place(file: str, line: int | None, text: str):
    """A place is the file's name and line; a package's own file keeps its folder."""
    assert place(file, line) == text


@pytest.mark.parametrize(
    ("moved", "mark", "text"),
    [
        (None, "", ""),
        (Change(3.0, math.inf, False), "", ""),
        (Change(3.04, 1.0, True), "", "▲3.0"),
        (Change(-3.04, 1.0, True), "", "▼3.0"),
        (Change(30.4, 1.0, True), "NEW", "NEW 30"),
        (Change(3.04, 4.0, False), "NEW", "+3.0"),
        (Change(-3.04, 4.0, False), "", "-3.0"),
        (Change(-0.04, 4.0, False), "", "+0.0"),
        (Change(-1234.56, 1.0, True), "", "▼1235"),
        (Change(1234.56, 2000.0, False), "", "+1235"),
        (Change(-999.4, 1.0, True), "GONE", "GONE 999"),
        (Change(-10000.0, 1.0, True), "GONE", "GONE"),
    ],
)
def test_a_change(moved: Change | None, mark: str, text: str):
    """In points; none is below zero by nothing, none too long for its column."""
    assert format_change(moved, mark) == text
    assert len(text) <= 8


@pytest.mark.parametrize(
    ("percent", "text"),
    [(0.04, "0.0"), (99.96, "100.0"), (999.9, "999.9"), (999.96, "1000"), (20000.0, "20000")],
)
def test_a_share_fits_its_column(percent: float, text: str):
    """However many threads wait: a digit that is cut off makes another number."""
    assert format_share(percent) == text
    assert len(text) <= 5
