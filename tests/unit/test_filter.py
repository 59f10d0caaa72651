from __future__ import annotations

import re
import time

import pytest
from builders import run_of_windows, snapshot
from hypothesis import given
from hypothesis import strategies as st

from perftui.tui.filter import Filter, TooSlow
from perftui.tui.functions_view import FunctionsView
from perftui.tui.profile_view import ProfileView


def test_a_filter_fits_function_or_file():
    """What has the expression in its function or its file fits, whatever the case."""
    found = Filter("^parse")
    assert found.fits("Parse_item", "/srv/app.py")
    assert not found.fits("handle", "/srv/parse.py")
    assert Filter("parse\\.py$").fits("handle", "/srv/parse.py")


def test_an_exclamation_mark_turns_a_filter_round():
    """With `!` before the expression what has it in neither function nor file fits."""
    found = Filter("!^parse|codec")
    assert not found.fits("Parse_item", "/srv/app.py")
    assert not found.fits("handle", "/srv/codec.py")
    assert found.fits("handle", "/srv/app.py")


def test_only_the_first_exclamation_mark_turns_it_round():
    """Any other `!` is a letter that is looked for."""
    assert Filter("a!").fits("a!", "")
    assert not Filter("a!").fits("a", "")
    assert not Filter("!!a").fits("!a", "")
    assert Filter("!!a").fits("a", "")


NAMES = st.text("ab!/.", max_size=6)


@given(st.sampled_from(["a", "^b", "a.*b", "!", r"\."]), NAMES, NAMES)
def test_a_filter_and_its_opposite_share_all_names(pattern: str, function: str, file: str):
    """Every name fits either an expression or its opposite, asked once or again."""
    fits, opposite = Filter(f"(?:{pattern})"), Filter(f"!(?:{pattern})")
    for _ in range(2):
        assert fits.fits(function, file) is not opposite.fits(function, file)


@pytest.mark.parametrize("pattern", ["(a", "!(a"])
def test_an_expression_that_is_none_is_refused(pattern: str):
    """A bad expression says what is wrong with it."""
    with pytest.raises(re.error, match="unterminated"):
        Filter(pattern)


@pytest.mark.parametrize("pattern", ["(a|aa)+$", "!(a|aa)+$"])
def test_an_expression_that_takes_too_long_is_given_up(pattern: str):
    """One that would look for years says so within a second, and everything is shown again."""
    view = ProfileView()
    seen = snapshot(windows=run_of_windows(2, {f"main {'a' * 40}_b": 5}))
    view.filter_by(pattern)
    began = time.monotonic()
    rows = FunctionsView(view).rows(seen)
    assert time.monotonic() - began < 1
    assert len(rows) == 2
    assert view.filter is None
    assert (view.pattern, view.pattern_error) == ("", "it takes too long on these names")


def test_many_slow_names_share_the_time():
    """The time is that of one look through all names, not of each of them."""
    found = Filter("(a|aa)+$")
    found.start()
    with pytest.raises(TooSlow):
        for n in range(1000):
            found.fits("a" * 17 + f"_{n}", "")
