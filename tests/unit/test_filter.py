from __future__ import annotations

import re
import time

import pytest
from builders import run_of_windows, snapshot

from perftui.tui.filter import Filter, TooSlow
from perftui.tui.functions_view import FunctionsView


def test_a_filter_fits_function_or_file():
    """What has the expression in its function or its file fits, whatever the case."""
    found = Filter("^parse")
    assert found.fits("Parse_item", "/srv/app.py")
    assert not found.fits("handle", "/srv/parse.py")
    assert Filter("parse\\.py$").fits("handle", "/srv/parse.py")


def test_an_expression_that_is_none_is_refused():
    """A bad expression says what is wrong with it."""
    with pytest.raises(re.error, match="unterminated"):
        Filter("(a")


def test_an_expression_that_takes_too_long_is_given_up():
    """One that would look for years says so within a second, and everything is shown again."""
    view = FunctionsView()
    seen = snapshot(windows=run_of_windows(2, {f"main {'a' * 40}_b": 5}))
    view.filter_by("(a|aa)+$")
    began = time.monotonic()
    _, rows = view.look(seen)
    assert time.monotonic() - began < 1
    assert len(rows) == 2
    assert (view.pattern, view.pattern_error) == ("", "it takes too long on these names")


def test_many_slow_names_share_the_time():
    """The time is that of one look through all names, not of each of them."""
    found = Filter("(a|aa)+$")
    found.start()
    with pytest.raises(TooSlow):
        for n in range(1000):
            found.fits("a" * 17 + f"_{n}", "")
