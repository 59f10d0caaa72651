from __future__ import annotations

import re

import pytest
from builders import stack
from hypothesis import given
from hypothesis import strategies as st
from trees import FILE, STACKS, live_tree, stacks, tree

from perftui.model.calltree import call_tree
from perftui.model.following import Stacks
from perftui.model.stacks import Frame, Place
from perftui.tui.filter import Filter
from perftui.tui.tree_view import MOST_CHILDREN, Fold, TreeRow, TreeView, indent

COUNTS = {"main work parse": 50, "main work": 20, "main idle rest": 30, "side": 3}
SIGNS = {Fold.OPEN: "▾", Fold.CLOSED: "▸", Fold.LEAF: " "}


def lines(view: TreeView) -> list[str]:
    """The rows as an outline."""
    return [
        f"{' ' * row.depth}{SIGNS[row.fold]}{row.frame.function or f'… {row.hidden}'}"
        for row in view.rows
    ]


def shown(counts: dict[str, int] | None = None, ticks: float = 1000) -> TreeView:
    view = TreeView()
    view.show(tree(counts or COUNTS), ticks)
    return view


def row_of(view: TreeView, function: str) -> TreeRow:
    return next(row for row in view.rows if row.frame.function == function)


def index_of(view: TreeView, function: str) -> int:
    return view.rows.index(row_of(view, function))


def test_the_hottest_path_is_unfolded() -> None:
    """At first the way to the hottest function is open, and nothing else."""
    assert lines(shown()) == ["▾main", " ▾work", "   parse", " ▸idle", " side"]


def test_shares_are_of_the_ticks() -> None:
    """Own and total are percent of the expected ticks, not of the samples."""
    view = shown()
    assert [(row.own_pct, row.total_pct) for row in view.rows[:3]] == [
        (0, 10),
        (2, 7),
        (5, 5),
    ]
    assert [row.total_pct for row in shown(ticks=0).rows] == [0] * 5


def test_fold_and_unfold() -> None:
    """A row that is folded hides what is below, also of the hottest path."""
    view = shown()
    view.fold(row_of(view, "idle"), is_open=True)
    view.fold(row_of(view, "work"), is_open=False)
    view.fold(row_of(view, "side"), is_open=True)
    assert lines(view) == ["▾main", " ▸work", " ▾idle", "   rest", " side"]


def test_what_is_folded_stays_so() -> None:
    """New data change figures and order, but not what the user has folded or unfolded."""
    view = shown()
    view.fold(row_of(view, "idle"), is_open=True)
    view.fold(row_of(view, "work"), is_open=False)
    view.show(tree({"main work parse": 10, "main idle rest": 90, "main idle nap": 95}), 1000)
    assert lines(view) == ["▾main", " ▾idle", "   nap", "   rest", " ▸work"]
    view.show(call_tree({}), 1000)
    assert lines(view) == []
    view.show(tree(COUNTS), 1000)
    assert lines(view) == ["▾main", " ▸work", " ▾idle", "   rest", " side"]


def test_rows_are_ranked_when_data_come() -> None:
    """Samples that came since are shown with the next data, not by a key."""
    live, view = live_tree(stacks({"a": 5, "b": 4})), TreeView()
    view.show(live.root, 100)
    before = list(view.rows)
    live.add(stacks({"b": 9}))
    assert view.rightwards(0) == 0
    assert view.next_match(0, 1) is None
    assert view.rows == before
    view.show(live.root, 100)
    assert lines(view) == [" b", " a"]


def test_the_hottest_path_does_not_take_turns() -> None:
    """Two that are equally hot do not unfold and fold with every refresh."""
    view = shown({"main a x": 50, "main b y": 45})
    before = {row.frame.function for row in view.rows}
    view.show(tree({"main a x": 45, "main b y": 50}), 1000)
    assert {row.frame.function for row in view.rows} == before
    view.show(tree({"main a x": 20, "main b y": 70}), 1000)
    assert lines(view) == ["▾main", " ▾b", "   y", " ▸a"]


def test_what_leads_to_the_cursor_stays_open() -> None:
    """When the hottest path goes elsewhere, the row under the cursor does not vanish."""
    view = shown({"main a x": 50, "main b y": 5})
    cursor = row_of(view, "x").path
    view.show(tree({"main a x": 5, "main b y": 50}), 1000, cursor=cursor)
    assert lines(view) == ["▾main", " ▾b", "   y", " ▾a", "   x"]
    assert view.index_of(cursor) == 4
    view.show(tree({"main b y": 50, "main a z": 4}), 1000, cursor=cursor)
    assert view.rows[view.index_of(cursor)].frame.function == "a"
    assert TreeView().index_of(cursor) == 0


def test_left_and_right() -> None:
    """Right unfolds, then goes below; left folds, then goes above; at the ends they stay."""
    view = shown()
    assert view.rightwards(0) == 1
    idle = index_of(view, "idle")
    assert view.rightwards(idle) == idle
    assert row_of(view, "idle").fold is Fold.OPEN
    assert view.rightwards(idle) == idle + 1
    assert view.rightwards(idle + 1) == idle + 1
    assert view.leftwards(idle + 1) == idle
    assert view.leftwards(idle) == idle
    assert row_of(view, "idle").fold is Fold.CLOSED
    assert view.leftwards(idle) == 0
    side = index_of(view, "side")
    assert view.leftwards(side) == side


def test_many_children_are_one_row() -> None:
    """Beyond a hundred children the others are one row, until it is unfolded."""
    counts = {f"main f{n}": 2 for n in range(MOST_CHILDREN)}
    view = shown({**counts, "main big": 500, "main g1": 1, "main g2": 1, "main g3": 1})
    assert len(view.rows) == MOST_CHILDREN + 2
    assert lines(view)[-1] == " ▸… 4"
    assert view.rows[-1].total_pct == pytest.approx((2 + 3) / 10)
    view.fold(view.rows[-1], is_open=True)
    assert len(view.rows) == MOST_CHILDREN + 5
    assert sum(row.total_pct for row in view.rows[1:]) == pytest.approx(70.3)


def test_the_filter_marks_rows_and_unfolds_what_leads_there() -> None:
    """What fits stands out wherever it is; the share counts each stack once."""
    view = shown({"main work parse": 50, "main idle rest nap": 5, "main idle rest": 4, "x": 41})
    assert view.matched_pct is None
    view.filter_by(Filter("rest|nap"))
    assert lines(view) == ["▾main", " ▾work", "   parse", " ▾idle", "  ▸rest", " x"]
    assert [row.fits for row in view.rows] == [False, False, False, False, True, False]
    assert view.matched_pct == 9
    view.filter_by(None)
    assert {row.fits for row in view.rows} == {None}
    assert lines(view)[3:] == [" ▸idle", " x"]


def test_next_and_previous_match() -> None:
    """n and N go round the ends, and stay where nothing fits."""
    view = shown()
    view.filter_by(Filter("parse|side"))
    one, two = index_of(view, "parse"), index_of(view, "side")
    assert [view.next_match(0, 1), view.next_match(one, 1), view.next_match(two, 1)] == [
        one,
        two,
        one,
    ]
    assert [view.next_match(0, -1), view.next_match(two, -1)] == [two, one]
    view.filter_by(Filter("no such"))
    assert view.next_match(0, 1) is None
    assert TreeView().next_match(0, 1) is None


def test_a_filter_that_takes_too_long_is_given_up() -> None:
    """It cannot hold up the screen: nothing stands out, and why is said."""
    view = shown({f"main {'a' * 40}{n}!": 1 for n in range(3)})
    view.filter_by(Filter("(a|a)+$"))
    assert view.highlight.error == "it takes too long on these names"
    assert view.matched_pct is None
    assert {row.fits for row in view.rows} == {None}


def test_doubtful_calls() -> None:
    """A call that no blocking look has confirmed is marked, its function elsewhere is not."""
    view = TreeView()
    call = (Place("work", FILE), Place("parse", FILE))
    view.show(tree(COUNTS), 100, frozenset([call]))
    assert [row.frame.function for row in view.rows if row.is_doubtful] == ["parse"]


def test_go_to_a_function() -> None:
    """The tree unfolds where the function has most samples."""
    view = shown({"main hot": 90, "main a x": 1, "main b c x": 5, "main b c": 2})
    index = view.go_to("x", FILE)
    assert index is not None
    assert [frame.function for frame in view.rows[index].path.frames] == ["main", "b", "c", "x"]
    assert view.go_to("nobody", FILE) is None
    assert TreeView().go_to("x", FILE) is None


def test_lines() -> None:
    """A row names its hottest line, in a tree by line its own."""
    view = TreeView()
    view.show(tree({"main:3 a:7": 1, "main:4 b:7": 5}), 100)
    assert view.rows[0].line == 4
    view.show(tree({"main:3 a:7": 1, "main:4 b:7": 5}, by_line=True), 100)
    assert [row.line for row in view.rows] == [4, 7, 3]


def test_deep_trees() -> None:
    """Thousands of frames below each other can be unfolded."""
    view = TreeView()
    view.show(tree({tuple(Frame(f"f{n}", FILE, 1) for n in range(1_500)): 1}), 1)
    assert view.go_to("f1499", FILE) == 1_499
    assert [row.depth for row in view.rows] == list(range(1_500))
    assert view.leftwards(1_499) == 1_498
    assert view.leftwards(1_498) == 1_498
    assert len(view.rows) == 1_499


def test_indent() -> None:
    """A cell for each level, and where there is no room for that its number."""
    assert [indent(n, 3) for n in (0, 2, 3, 4, 120)] == ["", "  ", "   ", "  4", "120"]


@given(STACKS, st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=8))
def test_rows_add_up(seen: Stacks, folds: list[tuple[int, bool]]) -> None:
    """However it is folded, an unfolded row's own and its children's shares are its total, and
    every row stands below its parent."""
    view = TreeView()
    view.show(call_tree(seen), 100)
    for index, is_open in folds:
        if view.rows:
            view.fold(view.rows[index % len(view.rows)], is_open=is_open)
    assert len({row.path for row in view.rows}) == len(view.rows)
    for row in view.rows:
        children = [r for r in view.rows if r.path.parent == row.path]
        assert bool(children) == (row.fold is Fold.OPEN)
        if children:
            total = row.own_pct + sum(child.total_pct for child in children)
            assert total == pytest.approx(row.total_pct)
        place = view.index_of(row.path)
        assert view.rows[place] is row
        assert row.depth == 0 or view.rows[view.index_of(row.path.parent)].depth == row.depth - 1


def test_names_are_kept_as_they_are() -> None:
    """A name with signs of a regular expression is found by its escaped name."""
    name = "a(b)[c]*"
    frames = (stack("main")[0], Frame(name, FILE, 1))
    view = TreeView()
    view.show(tree({frames: 5}), 10)
    view.filter_by(Filter(f"^{re.escape(name)}$"))
    assert [row.fits for row in view.rows] == [False, True]
