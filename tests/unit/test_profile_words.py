from __future__ import annotations

from typing import Any

import pytest
from builders import MAIN, NOW, PID, run_of_windows, snapshot, status

from perftui.model.baseline import Baseline
from perftui.model.snapshot import SourceState
from perftui.model.stacks import Mode, Place
from perftui.tui.functions_view import FunctionsView
from perftui.tui.profile_view import SPANS_S, ProfileView
from perftui.tui.profile_words import VIEWS, title, why_empty

WORK = Place("work", "/srv/app.py")


def view(**more: Any) -> ProfileView:
    return ProfileView(**more)


@pytest.mark.parametrize(
    ("showing", "chosen", "more", "said"),
    [
        ("functions", {}, {}, "Functions  own ▾  last 10 s"),
        ("functions", {"by_line": True, "own_only": True}, {}, "Lines  own ▾  last 10 s  own code"),
        ("functions", {"pattern": "a|b"}, {}, "Functions  own ▾  last 10 s  /a|b/"),
        (
            "functions",
            {"pattern": "a", "pattern_error": "missing )"},
            {},
            "Functions  own ▾  last 10 s  no filter: missing )",
        ),
        ("functions", {"span": len(SPANS_S)}, {}, "Functions  own ▾  since attach"),
        ("threads", {"span": len(SPANS_S)}, {}, "Threads  since attach"),
        ("threads", {"only_pid": PID}, {}, f"Threads  last 10 s  pid {PID}"),
        ("tree", {"only_thread": MAIN}, {}, "Call tree  last 10 s  thread 1 MainThread"),
        ("tree", {}, {"has_difference": True}, "Call tree  last 10 s  Δ span before"),
        (
            "flame",
            {"baseline": Baseline({}, 1.0)},
            {"has_difference": True},
            "Flame  last 10 s  Δ baseline",
        ),
        ("functions", {}, {"has_difference": True}, "Functions  own ▾  last 10 s"),
        ("flame", {"own_only": True, "pattern": "a"}, {}, "Flame  last 10 s  /a/"),
        ("threads", {"own_only": True, "pattern": "a"}, {}, "Threads  last 10 s"),
        ("callers", {}, {"place": WORK, "is_stale": True}, "Callers  work  last 10 s"),
        ("source", {}, {"place": WORK}, "Source  work  last 10 s"),
        (
            "source",
            {},
            {"place": WORK, "is_stale": True},
            "Source  work  CHANGED since the start of the process  last 10 s",
        ),
    ],
)
def test_the_title(showing: str, chosen: dict[str, Any], more: dict[str, Any], said: str):
    """It says the view, the function it is about, the span, the choice, the filter."""
    assert title(showing, FunctionsView(view(**chosen)), **more) == said


def test_the_title_of_a_sort():
    """The functions say what they are sorted by, and which way."""
    functions = FunctionsView(view(), sort="own_s", descending=False)
    assert title("functions", functions).startswith("Functions  own s ▴")


@pytest.mark.parametrize("showing", VIEWS)
def test_names_of_the_target_are_plain(showing: str):
    """A hostile name of a function or thread is made harmless, and cut."""
    hostile = "\x1b[2J" + "x" * 500
    shown = view(only_thread=MAIN._replace(name=hostile))
    said = title(showing, FunctionsView(shown), Place(hostile, "/f.py"))
    assert said.isprintable()
    assert len(said) < 120


@pytest.mark.parametrize(
    ("chosen", "shown", "said"),
    [
        ({"pattern": "x"}, {}, "no function fits the filter (Esc clears it)"),
        (
            {"only_pid": 7},
            {"windows": run_of_windows(3, {}, idle=True)},
            "no Python code was running in pid 7 (Esc: all)",
        ),
        ({"own_only": True}, {}, "no own code was running (o shows all)"),
        ({}, {}, "no samples yet"),
        (
            {},
            {"sources": [status("py-spy", SourceState.FAILED, "no\npermission")]},
            "no functions: no permission",
        ),
        (
            {},
            {"windows": run_of_windows(3, {})},
            "no Python code was running (I shows where threads wait)",
        ),
        ({}, {"windows": run_of_windows(3, {}, idle=True)}, "no Python code was running"),
        ({}, {"windows": run_of_windows(3, {}, mode=Mode.GIL)}, "no Python code was running"),
        ({"reset_at": NOW + 1}, {"windows": run_of_windows(3, {})}, "no samples yet"),
    ],
)
def test_why_a_view_is_empty(chosen: dict[str, Any], shown: dict[str, Any], said: str):
    """What the user has chosen comes first, then what py-spy says, then what was seen."""
    assert why_empty("functions", view(**chosen), snapshot(**shown)) == said


@pytest.mark.parametrize("showing", sorted(VIEWS.keys() - {"functions"}))
def test_what_the_filter_does_not_narrow_is_not_empty_by_it(showing: str):
    """Tree and flame only let stand out what it fits."""
    narrowed = view(pattern="x", own_only=True)
    assert why_empty(showing, narrowed, snapshot()) == "no samples yet"
