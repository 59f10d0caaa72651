from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from trees import FILE, STACKS, tree

from perftui.model.calltree import TOP, call_tree
from perftui.model.following import Stacks
from perftui.model.stacks import Frame
from perftui.tui.flame_layout import Box, Layout


def rows(layout: Layout) -> list[list[Box]]:
    layout.extend(10_000)
    return [list(layout.row(depth)) for depth in range(layout.height)]


def drawn(counts: dict[str, int], width: int) -> list[list[tuple[str, int, int]]]:
    """Name, first cell and width of each box; a box of several is `+` and their number."""
    return [
        [(b.node.frame.function if not b.hidden else f"+{b.hidden}", b.x, b.width) for b in row]
        for row in rows(Layout(tree(counts), TOP, width))
    ]


def test_widths_are_the_shares() -> None:
    """Boxes are as wide as their totals; what a function does itself is a gap at its right end."""
    assert drawn({"main work parse": 5, "main work": 2, "main idle": 2, "main": 1}, 20) == [
        [("", 0, 20)],
        [("main", 0, 20)],
        [("idle", 0, 4), ("work", 4, 14)],
        [("parse", 4, 10)],
    ]


def test_siblings_stand_by_name() -> None:
    """The order does not change when the shares do."""
    for counts in ({"b": 1, "a": 9, "c": 5}, {"c": 9, "b": 5, "a": 1}):
        assert [name for name, _, _ in drawn(counts, 30)[1]] == ["a", "b", "c"]


def test_small_frames_share_a_box() -> None:
    """Frames below one cell are together in a box that says how many, at the right end."""
    counts = {"main big": 80, **{f"main s{n}": 1 for n in range(20)}}
    assert drawn(counts, 50)[2] == [("big", 0, 40), ("+20", 40, 10)]
    assert len(drawn(counts, 50)) == 3


def test_what_fills_no_cell_is_not_drawn() -> None:
    """Where all the small ones together are less than a cell, they have no box."""
    assert drawn({"main big": 99, "main s": 1}, 50)[2] == [("big", 0, 49)]
    assert drawn({"main s1": 1, "main s2": 1, "main": 198}, 50) == [
        [("", 0, 50)],
        [("main", 0, 50)],
    ]


def test_nothing_to_draw() -> None:
    """Without samples or without cells there are no rows."""
    assert rows(Layout(call_tree({}), TOP, 80)) == []
    assert rows(Layout(tree({"a": 1}), TOP, 0)) == []
    assert list(Layout(tree({"a": 1}), TOP, 0).row(0)) == []


def test_rows_are_laid_out_when_asked_for() -> None:
    """A stack of thousands of frames costs the rows that are looked at."""
    root = tree({tuple(Frame(f"f{n}", FILE, 1) for n in range(3_000)): 5})
    layout = Layout(root, TOP, 80)
    assert layout.height == 1
    assert layout.row(20)[0].node.frame.function == "f19"
    assert layout.height == 21
    assert not layout.extend(4_000)
    assert layout.height == 3_001
    assert list(layout.row(3_001)) == []


@given(STACKS, st.integers(1, 60))
def test_boxes(seen: Stacks, width: int) -> None:
    """In any tree and width: boxes are in order, do not overlap, stay within their parent, have
    their exact share to within a cell, and every node of a cell or more has one."""
    root = call_tree(seen)
    layout = Layout(root, TOP, width)
    for row in rows(layout):
        end = 0
        for box in row:
            assert box.x >= end
            assert box.width >= 1
            end = box.x + box.width
            assert abs(box.width - box.total * width / root.total) < 1
            assert layout.box(box.path) is box
            parent = box.parent
            if parent is not None:
                assert parent.x <= box.x
                assert end <= parent.x + parent.width
                assert parent.start <= box.start
                assert box.start + box.total <= parent.start + parent.total
        assert end <= width
    for row in rows(layout):
        for box in row:
            for child in () if box.hidden else box.node.children.values():
                has_one = layout.box(box.path.child(child.frame)) is not None
                assert has_one == (child.total * width >= root.total)
