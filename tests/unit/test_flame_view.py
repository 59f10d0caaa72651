from __future__ import annotations

import pytest
from builders import stack
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from trees import FILE, HOSTILE, STACKS, live_tree, stacks, tree

from perftui.model.calltree import call_tree
from perftui.model.following import Stacks
from perftui.model.kinds import Kind
from perftui.model.stacks import Frame, Place
from perftui.tui.filter import Filter
from perftui.tui.flame_view import FlameView

COUNTS = {"main work parse": 50, "main work": 20, "main idle rest": 20, "main": 5, "side": 5}


def shown(counts: dict[str, int] | None = None, width: int = 100, ticks: float = 1000) -> FlameView:
    view = FlameView()
    view.resize(width)
    view.show(tree(counts or COUNTS), ticks)
    return view


def selected(view: FlameView) -> str:
    assert view.selected is not None
    return view.selected.node.frame.function or "all"


def texts(view: FlameView) -> list[list[str]]:
    rows = []
    while row := view.row(len(rows)):
        rows.append([piece.text.rstrip() for piece in row])
    return rows


def moved(view: FlameView, *moves: str) -> list[str]:
    names = []
    for move in moves:
        match move:
            case "left" | "right":
                view.move_sideways(1 if move == "right" else -1)
            case "up":
                view.move_up()
            case "down":
                view.move_down()
        names.append(selected(view))
    return names


def test_what_is_drawn() -> None:
    """Names stand in their boxes, callers above callees, the selected one with its sign."""
    assert texts(shown()) == [
        ["▸all"],
        ["▏main", "▏side"],
        ["▏idle", "▏work"],
        ["▏rest", "▏parse"],
    ]


def test_moves() -> None:
    """Down goes to the hottest callee, up to the caller, sideways along the row; ends hold."""
    view = shown()
    assert moved(view, "up", "left", "down", "down", "left", "left", "right", "right") == [
        *("all", "all", "main", "work", "idle", "idle", "work", "work"),
    ]
    assert moved(view, "down", "down", "up", "up", "right", "down") == [
        *("parse", "parse", "work", "main", "side", "side"),
    ]


def test_sideways_goes_on_beside_the_siblings() -> None:
    """After the last sibling comes what stands beside it, under another caller."""
    view = shown({"a x": 30, "a y": 20, "b x": 25, "b z": 25})
    view.select_at(0, 2)
    assert moved(view, "right", "right", "right", "right") == ["y", "x", "z", "z"]
    assert view.selected is not None
    assert [frame.function for frame in view.selected.path.frames] == ["b", "z"]


def test_several_rows_at_once() -> None:
    """Pages stop at the first and the last row."""
    view = shown()
    view.move_down(2)
    assert selected(view) == "work"
    view.move_down(20)
    assert (selected(view), view.depth) == ("parse", 3)
    view.move_up(20)
    assert (selected(view), view.depth) == ("all", 0)
    view.move_down(3)
    view.move_to_top()
    assert selected(view) == "all"


def test_select_at_a_cell() -> None:
    """A cell selects its box; gaps and boxes of many select nothing."""
    view = shown({"main big": 80, **{f"main s{n}": 1 for n in range(15)}, "main": 5}, width=50)
    assert view.select_at(10, 2) is view.selected
    assert selected(view) == "big"
    assert texts(view)[2] == ["▸big", "▏…15"]
    assert view.select_at(45, 2) is None
    assert view.select_at(49, 2) is None
    assert view.select_at(0, 9) is None
    assert selected(view) == "big"


def test_zoom_and_back() -> None:
    """Zoomed into, a box has the whole width and says how many are above; back is as before."""
    view = shown()
    moved(view, "down", "down")
    before = texts(view)
    view.zoom_in()
    assert texts(view) == [["▸⋯1 work"], ["▏parse"]]
    assert moved(view, "up", "down") == ["work", "parse"]
    view.zoom_in()
    assert texts(view) == [["▸⋯2 parse"]]
    view.zoom_in()  # it has the whole width already
    assert view.zoom_back()
    assert (selected(view), texts(view)[0]) == ("parse", ["▏⋯1 work"])
    assert view.zoom_back()
    moved(view, "up")
    assert texts(view) == before
    assert not view.zoom_back()


def test_the_zoom_stays_while_the_tree_changes() -> None:
    """New data are drawn under the same zoom; where nothing of it is left, that is said."""
    live, view = live_tree(stacks(COUNTS)), FlameView()
    view.resize(80)
    view.show(live.root, 1000)
    moved(view, "down", "down")
    view.zoom_in()
    live.add(stacks({"main work new": 200}))
    view.show(live.root, 1000)
    assert texts(view)[1] == ["▏new", "▏parse"]
    view.show(tree({"side": 5}), 1000)
    assert texts(view) == []
    assert view.words(80).rstrip() == "no samples of work (Backspace goes back)"
    assert (view.selected, view.place, view.pattern, view.depth) == (None, None, "", 0)
    moves = (view.zoom_in, view.move_sideways, view.move_up, view.move_down, view.next_match)
    for move in moves:
        move(1) if move != view.zoom_in else view.zoom_in()
    view.move_to_top()
    view.show(live.root, 1000)
    assert selected(view) == "work"
    view.show(tree({"side": 5}), 1000)
    assert view.zoom_back()
    assert texts(view) == [["▸all"], ["▏side"]]


def test_the_selection_comes_back_with_its_function() -> None:
    """A function that is gone for a moment is selected again when it is back."""
    view = shown()
    moved(view, "down", "down", "down")
    view.show(tree({"main work": 5}), 1000)
    assert selected(view) == "work"
    view.show(tree(COUNTS), 1000)
    assert selected(view) == "parse"


def test_words() -> None:
    """The line says function, place, whose code, and shares in percent of the ticks."""
    view = shown()
    moved(view, "down", "down")
    place, shares = "work  app.py:1  own code", "own 2.0 %  total 7.0 %"
    assert view.words(80) == f"{place:<56}  {shares}"
    assert view.words(40).split() == ["work", "app.py:1", "own", "2.0", "%", "total", "7.0", "%"]
    assert view.words(30).split() == ["work", "own", "2.0", "%", "total", "7.0", "%"]
    assert cell_len(view.words(10)) == 10
    assert FlameView().words(30).rstrip() == "no samples yet"


def test_search() -> None:
    """What fits is marked, its share counts each stack once, n and N go round."""
    view = shown({"main work parse work": 30, "main idle work": 20, "main rest": 50})
    view.filter_by(Filter("work"))
    assert view.words(90).split("  ")[-1] == "matches 50.0 % of the samples (– of 3)"
    seen = []
    for step in (1, 1, 1, 1, -1, -1):
        view.next_match(step)
        assert view.selected is not None
        seen.append((view.depth, view.selected.x))
    first, second, third = (2, 70), (3, 0), (4, 70)
    assert seen == [first, second, third, first, third, second]
    assert view.words(90).split("  ")[-1] == "matches 50.0 % of the samples (2 of 3)"
    assert texts(view)[3] == ["▸«work»", "▏parse"]
    assert texts(view)[4] == ["«work»"]
    view.filter_by(None)
    assert "matches" not in view.words(90)
    assert view.matches == []


def test_search_at_80_cells() -> None:
    """On a narrow screen function, place, shares and the count are all there."""
    view = shown()
    view.filter_by(Filter("parse|idle"))
    view.next_match(1)
    shares, found = "own 0.0 %  total 2.0 %", "matches 70.0 % of the samples (1 of 2)"
    assert view.words(80) == f"{'idle  app.py:1':<16}  {shares}  {found}"
    assert view.words(70).endswith(f"{shares}  matches 70.0 % (1 of 2)")
    assert view.words(70).startswith("idle  app.py:1   ")
    assert view.words(40) == f"idle  {shares}  {found}"[:39] + "…"


def test_a_match_that_is_too_small() -> None:
    """Where no match is wide enough, its share is said nevertheless."""
    view = shown({"main big": 999, "main small": 1}, width=80)
    view.filter_by(Filter("small"))
    view.next_match(1)
    assert selected(view) == "all"
    assert "matches 0.1 % of the samples (none is wide enough to be drawn)" in view.words(120)
    view.filter_by(Filter("no such"))
    assert view.words(120).rstrip().endswith("matches 0.0 % of the samples (none)")


def test_a_search_that_takes_too_long_is_given_up() -> None:
    """It cannot hold up the screen, and why is said."""
    view = shown({f"main {'a' * 40}{n}!": 1 for n in range(3)})
    view.filter_by(Filter("(a|a)+$"))
    assert "no search: it takes too long on these names" in view.words(100)
    assert not any(piece.is_match for piece in view.row(2))


def test_the_pattern_of_the_selected_function() -> None:
    """It fits that name alone, whatever signs are in it."""
    name = "a.b(c)[d]"
    view = shown({(Frame(name, FILE, 1),): 5, (Frame("axb(c)[d]", FILE, 1),): 5})
    assert view.pattern == ""
    view.move_down()
    view.filter_by(Filter(view.pattern))
    assert [box.node.frame.function for box in view.matches] == [name]


def test_go_to_a_function() -> None:
    """Its widest box is selected, where it has one."""
    view = shown({"main x": 10, "side x": 20, "main y": 70})
    assert view.go_to("x", FILE)
    assert view.place == Place("x", FILE)
    assert view.selected is not None
    assert view.selected.total == 20
    assert not view.go_to("nobody", FILE)
    assert view.place == Place("x", FILE)


def test_kinds_and_doubts() -> None:
    """A box knows whose code it is, and whether its call is confirmed."""
    library = stack("load", file="/usr/lib/python3.11/json/decoder.py")
    view = FlameView()
    view.resize(80)
    call = (Place("main", FILE), Place("load", library[0].file))
    view.show(tree({(*stack("main"), *library): 5}), 10, frozenset([call]))
    assert [(p.kind, p.is_doubtful) for depth in range(3) for p in view.row(depth)] == [
        (None, False),
        (Kind.OWN, False),
        (Kind.STDLIB, True),
    ]


def test_boxes_of_one_cell() -> None:
    """The narrowest boxes still show where they begin, what is selected and what fits."""
    view = shown({"a": 1, "b": 1, "c": 1}, width=3)
    view.select_at(0, 1)
    view.filter_by(Filter("c"))
    assert texts(view)[1] == ["▸", "▏", "«"]


@pytest.mark.parametrize("name", HOSTILE, ids=[str(n) for n in range(len(HOSTILE))])
def test_hostile_names(name: str) -> None:
    """Names are drawn as text, in exactly the cells of their box."""
    view = shown({(Frame(name, f"/srv/{name}.py", 1),): 9, (Frame("other", FILE, 1),): 1})
    view.move_down()
    box = view.row(1)[0] if view.row(1)[0].is_selected else view.row(1)[1]
    assert box.text.startswith(f"▸{HOSTILE[name]}")
    for text in (box.text, view.words(80)):
        assert not {"\x1b", "\x07", "\u202e", "\n"} & set(text)
    assert cell_len(box.text) == box.width
    assert cell_len(view.words(80)) == 80
    view.filter_by(Filter(view.pattern))
    assert len(view.matches) == 1


@given(STACKS, st.integers(1, 40), st.lists(st.sampled_from(["left", "right", "up", "down"])))
def test_every_row_fits(seen: Stacks, width: int, moves: list[str]) -> None:
    """Wherever one goes, pieces are as wide as they say, and what is selected is drawn once."""
    view = FlameView()
    view.resize(width)
    view.show(call_tree(seen), 100)
    view.filter_by(Filter("a"))
    if view.selected is None:
        assert not sum(seen.values())
        return
    moved(view, *moves)
    marked = 0
    for depth in range(view.height(100)):
        for piece in view.row(depth):
            assert cell_len(piece.text) == piece.width
            marked += piece.is_selected
    assert marked == 1
    assert cell_len(view.words(width)) == width


def test_a_match_is_next_to_where_one_is() -> None:
    """From a box that does not fit, the next match is the one after it, the previous one before."""
    view = shown({"a x": 25, "b": 25, "c x": 25, "d": 25})
    view.filter_by(Filter("x|d"))
    view.select_at(30, 1)
    view.next_match(1)
    assert selected(view) == "d"
    view.select_at(60, 1)
    view.next_match(-1)
    assert (selected(view), view.depth) == ("x", 2)
