from __future__ import annotations

import pytest
from builders import MAIN, NOW, PID, run_of_windows, snapshot, window
from trees import shape

from perftui.model.baseline import Baseline
from perftui.model.snapshot import Snapshot
from perftui.model.stacks import Thread
from perftui.tui.profile_view import ProfileView
from perftui.tui.span_trees import SpanTrees

WORKER = Thread(PID, 2, "worker")
WINDOWS = (
    *run_of_windows(10, {"main old": 40}, end=NOW - 10),
    *run_of_windows(10, {"main work": 30, "main": 5}),
)


def watched(seen: Snapshot, **chosen: object) -> tuple[ProfileView, SpanTrees]:
    view = ProfileView(**chosen)
    view.count(seen)
    return view, SpanTrees(view)


def test_the_tree_of_the_span():
    """It has the samples of the span's windows alone, and follows the span."""
    seen = snapshot(windows=WINDOWS)
    view, trees = watched(seen)
    assert shape(trees.now(view.look(seen)).root)["main work"] == (300, 300)
    view.change_span(-1)
    assert shape(trees.now(view.look(seen)).root) == {
        "": (0, 70),
        "main": (10, 70),
        "main work": (60, 60),
    }


def test_it_is_kept_up():
    """The next refresh changes the tree that there is, it makes no other one."""
    first, second = snapshot(windows=WINDOWS[:15]), snapshot(windows=WINDOWS)
    view, trees = watched(first)
    before = trees.now(view.look(first))
    view.count(second)
    after = trees.now(view.look(second))
    assert after is before
    assert shape(after.root)["main work"] == (300, 300)


def test_one_thread_has_a_tree_of_its_own():
    """Other threads are not in it, and not in what it is compared with."""
    more = (
        window(NOW - 15, NOW - 14, {"other": 7}, thread=WORKER),
        window(NOW - 5, NOW - 4, {"other": 8}, thread=WORKER),
    )
    seen = snapshot(windows=sorted((*WINDOWS, *more), key=lambda one: one.end))
    view, trees = watched(seen)
    assert "other" in shape(trees.now(view.look(seen)).root)
    view.choose(thread=WORKER)
    looked = view.look(seen)
    assert shape(trees.now(looked).root) == {"": (0, 8), "other": (8, 8)}
    difference = trees.difference(looked)
    assert difference is not None
    assert shape(difference.before) == {"": (0, 7), "other": (7, 7)}
    view.choose(thread=MAIN)
    assert "other" not in shape(trees.now(view.look(seen)).root)


def test_the_span_before():
    """Without a baseline the span before is what is compared with, its ticks beside it."""
    seen = snapshot(windows=WINDOWS)
    view, trees = watched(seen)
    difference = trees.difference(view.look(seen))
    assert difference is not None
    assert shape(difference.before)["main old"] == (400, 400)
    assert difference.ticks == pytest.approx(1000)


def test_nothing_to_compare_with():
    """With no samples before there is no difference, rather than all of it being new."""
    seen = snapshot(windows=WINDOWS[10:])
    view, trees = watched(seen)
    assert trees.difference(view.look(seen)) is None
    view.baseline = Baseline({}, 100.0)  # a saved document has no stacks
    assert trees.difference(view.look(seen)) is None


def test_a_baseline():
    """It is laid out once, and again only for another baseline; a choice of thread that it was not
    marked with cannot be compared with it."""
    seen = snapshot(windows=WINDOWS)
    view, trees = watched(seen)
    view.mark_baseline(seen)
    first, second = (trees.difference(view.look(seen)) for _ in range(2))
    assert first is not None
    assert second is not None
    assert first.before is second.before
    assert shape(first.before)["main work"] == (300, 300)
    view.mark_baseline(seen)
    third = trees.difference(view.look(seen))
    assert third is not None
    assert third.before is not first.before
    view.choose(pid=PID)
    assert trees.difference(view.look(seen)) is None
