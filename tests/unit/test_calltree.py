from __future__ import annotations

import pytest
from builders import MAIN, stack, window
from hypothesis import given
from hypothesis import strategies as st
from trees import FILE, STACKS, live_tree, nodes, shape, stacks, tree

from perftui.model.calltree import (
    MOST_HOT,
    ROOT,
    TOP,
    CallTree,
    Node,
    Path,
    Stacks,
    call_tree,
    find,
    hottest_path,
)
from perftui.model.stacks import Frame, Grouping, Mode, Stack, Thread, Window

DEEP = 5_000


def path(names: str) -> Path:
    found = TOP
    for name in names.split():
        found = found.child(Frame(name, FILE, None))
    return found


def names(found: list[Node]) -> str:
    return " ".join(node.frame.function for node in found)


def test_own_and_total() -> None:
    """A node's own samples end there, its total come through there."""
    root = tree({"main work": 4, "main work parse": 3, "main": 2, "other": 1})
    assert shape(root) == {
        "": (0, 10),
        "main": (2, 9),
        "main work": (4, 7),
        "main work parse": (3, 3),
        "other": (1, 1),
    }


def test_threads_share_a_tree() -> None:
    """The same stack in two threads is one path with the samples of both."""
    one, two = Thread(1, 1, "a"), Thread(1, 2, "b")
    seen = {(one, stack("main work")): 3, (two, stack("main work")): 4}
    assert shape(call_tree(seen))["main work"] == (7, 7)
    live = CallTree(keep=lambda thread: thread == two)
    live.add(seen)
    assert shape(live.root) == {"": (0, 4), "main": (0, 4), "main work": (4, 4)}


def test_lines_of_a_function_are_one_node() -> None:
    """By function the lines are together, and the one with most samples is named."""
    root = tree({"main:3 work:7": 2, "main:3 work:8": 5, "main:4 work:9": 4})
    main = root.children[Frame("main", FILE, None)]
    work = main.children[Frame("work", FILE, None)]
    assert (main.line, main.total, work.line, work.total) == (3, 11, 8, 11)


def test_the_line_of_a_node_follows_the_samples() -> None:
    """When samples of the hottest line go, another line is the hottest."""
    live = live_tree(stacks({"main:3 work": 5, "main:4 work": 2}))
    main = live.root.children[Frame("main", FILE, None)]
    assert main.line == 3
    live.add(stacks({"main:3 work": 4}), -1)
    assert main.line == 4
    live.add(stacks({"main:4 work": 2}), -1)
    assert main.line == 3


def test_by_line_each_line_is_a_node() -> None:
    """By line, calls from two lines are two nodes."""
    root = tree({"main:3 work:7": 2, "main:4 work:7": 5}, by_line=True)
    assert {frame.line: node.total for frame, node in root.children.items()} == {3: 2, 4: 5}


def test_a_stack_without_frames() -> None:
    """Samples without any frame are the root's own."""
    assert shape(tree({(): 3})) == {"": (3, 3)}
    assert shape(call_tree({})) == {"": (0, 0)}


@given(STACKS, st.booleans())
def test_samples_are_neither_lost_nor_counted_twice(seen: Stacks, by_line: bool) -> None:
    """The root has all samples, and each node its own and its children's."""
    root = call_tree(seen, by_line=by_line)
    assert root.total == sum(seen.values())
    for node in nodes(root):
        assert node.total == node.own + sum(child.total for child in node.children.values())
        assert node.own >= 0
        assert node.is_leaf == (not node.children)
        assert node is root or node.total > 0


@given(STACKS)
def test_callers_and_callees_tell_of_the_function_s_total(seen: Stacks) -> None:
    """Both trees hold exactly the samples that the function's row counts in its total."""
    totals = Window(0, 1, 100, Mode.BLOCKING, seen).tally(Grouping()).total
    for key, total in totals.items():
        for node in (live_tree(seen).callees(*key[:2]), live_tree(seen).callers(*key[:2])):
            assert node.frame == Frame(key.function, key.file, None)
            assert node.total == total
            assert node.total == node.own + sum(c.total for c in node.children.values())
        assert node.frame not in node.children  # nobody is its own caller


@given(st.lists(STACKS, max_size=5), st.data())
def test_windows_come_and_go(seen: list[Stacks], data: st.DataObject) -> None:
    """Whatever came, went and was looked at in between, the tree is that of what is left."""
    windows = [Window(n, n + 1, 100, Mode.BLOCKING, s) for n, s in enumerate(seen)]
    live = CallTree()
    for _ in range(3):
        left = data.draw(st.lists(st.sampled_from(windows), unique=True)) if windows else []
        live.follow(left)
        anew = CallTree()
        for one in left:
            anew.add(one.stacks)
        for _, node in zip(range(data.draw(st.integers(0, 9))), nodes(live.root), strict=False):
            _ = node.children
        assert live.root.total == sum(one.samples for one in left)
        if data.draw(st.booleans()):
            assert shape(live.root) == shape(anew.root)
    live.follow([])
    assert shape(live.root) == {"": (0, 0)}


def test_what_goes_must_have_come() -> None:
    """Taking out what was never counted is an error, not a negative share."""
    live = live_tree(stacks({"main": 1}))
    with pytest.raises(ValueError, match="more samples"):
        live.add(stacks({"main": 2}), -1)


def test_a_window_counts_once() -> None:
    """A window that is still there is not counted again."""
    live, one, two = CallTree(), window(0, 1, {"main": 5}), window(1, 2, {"main": 2})
    live.follow([one])
    live.follow([one, two])
    assert live.root.total == 7
    live.follow([two])
    assert live.root.total == 2


def test_callees_of_a_function_that_recurses() -> None:
    """The tree begins at its outermost occurrence, so that nothing counts twice."""
    seen = stacks({"main fib fib fib": 5, "main fib": 1, "main fib log": 2})
    node = live_tree(seen).callees("fib", FILE)
    assert shape(node) == {
        "": (1, 8),
        "fib": (0, 5),
        "fib fib": (5, 5),
        "log": (2, 2),
    }


def test_callers_of_a_function_that_recurses() -> None:
    """Its callers are those who began the recursion, with the lines that they call at."""
    seen = stacks({"main:3 a:5 fib fib": 5, "main:4 b:6 fib": 1, "fib main fib": 2})
    node = live_tree(seen).callers("fib", FILE)
    assert shape(node) == {
        "": (2, 8),
        "a": (0, 5),
        "a main": (5, 5),
        "b": (0, 1),
        "b main": (1, 1),
    }
    assert [c.line for c in node.children.values()] == [5, 6]


def test_callers_of_functions_that_call_each_other() -> None:
    """a calls b calls a: what called the first of them is the caller."""
    seen = stacks({"main a b a b": 4})
    assert list(live_tree(seen).callers("b", FILE).children) == [Frame("a", FILE, None)]
    assert shape(live_tree(seen).callers("b", FILE)) == {"": (0, 4), "a": (0, 4), "a main": (4, 4)}


def test_a_function_that_nobody_saw() -> None:
    """Its trees are empty."""
    for node in (live_tree({}).callees("f", "/f.py"), live_tree({}).callers("f", "/f.py")):
        assert (node.frame, node.total, node.children) == (Frame("f", "/f.py", None), 0, {})


def test_a_live_tree_knows_callers_and_callees() -> None:
    """The same as from the stacks, of what is in the tree at the time."""
    counts = {"main work parse": 4, "other work": 2, "gone work": 1}
    live = live_tree(stacks(counts))
    live.add(stacks({"gone work": 1}), -1)
    del counts["gone work"]
    anew = live_tree(stacks(counts))
    assert shape(live.callers("work", FILE)) == shape(anew.callers("work", FILE))
    assert shape(live.callees("work", FILE)) == shape(anew.callees("work", FILE))
    assert dict(live.counts()) == {stack("main work parse"): 4, stack("other work"): 2}


def test_deep_stacks() -> None:
    """Stacks deeper than Python's own are no trouble in any direction."""
    seen = {(MAIN, Stack(tuple(Frame(f"f{n}", FILE, n) for n in range(DEEP)))): 1}
    root = call_tree(seen)
    assert sum(1 for _ in nodes(root)) == DEEP + 1
    assert sum(1 for _ in nodes(live_tree(seen).callers(f"f{DEEP - 1}", FILE))) == DEEP
    assert sum(1 for _ in nodes(live_tree(seen).callees("f0", FILE))) == DEEP
    assert len(hottest_path(root)) == MOST_HOT
    deep = TOP
    for frame in (frame for _, s in seen for frame in s):
        deep = deep.child(frame.without_line())
    found = find(root, deep)
    assert found is not None
    assert found.own == 1
    again = TOP
    for frame in deep.frames:
        again = again.child(frame)
    assert again == deep
    assert hash(again) == hash(deep)


def test_paths() -> None:
    """Equal frames are equal paths; a part of a path is another one."""
    assert path("main work") == path("main work")
    assert len({path("main work"), path("main work"), path("main"), path("work")}) == 3
    assert path("main work") != path("other work")
    assert path("main work") != "main work"
    assert repr(path("main work")) == "Path(main > work)"
    assert [len(p.frames) for p in path("main work").upwards()] == [2, 1, 0]
    assert (TOP.frame, TOP.depth, path("main work").depth) == (ROOT, 0, 2)


def test_find() -> None:
    """A path leads to its node, or to none where it is not there."""
    root = tree({"main work": 1})
    assert find(root, TOP) is root
    found = find(root, path("main work"))
    assert found is not None
    assert found.frame.function == "work"
    assert find(root, path("main other work")) is None


def test_the_hottest_path() -> None:
    """It follows the child with most samples while that has a share of the whole."""
    root = tree({"main work parse": 50, "main work": 20, "main idle": 30, "main work parse x": 5})
    assert names(hottest_path(root)) == "main work parse"
    assert names(hottest_path(root, 0.01)) == "main work parse x"
    assert names(hottest_path(root, 0.6)) == "main work"
    assert hottest_path(call_tree({})) == []


def test_equals_are_taken_by_name() -> None:
    """Of two hottest children the path takes the first by name, whichever came first."""
    assert names(hottest_path(tree({"b": 5, "a": 5}))) == "a"
    assert names(hottest_path(tree({"a": 5, "b": 5}))) == "a"


def test_the_hottest_path_does_not_jump() -> None:
    """A path that was taken is left for one that is clearly hotter, not for a little hotter one."""
    last = stack("main a x")
    last = tuple(frame.without_line() for frame in last)
    little = tree({"main a x": 40, "main b y": 45})
    much = tree({"main a x": 40, "main b y": 60})
    assert names(hottest_path(little)) == "main b y"
    assert names(hottest_path(little, last=last, lead=0.25)) == "main a x"
    assert names(hottest_path(much, last=last, lead=0.25)) == "main b y"
    fading = tree({"main a x": 9, "main a": 41, "main b": 50})
    assert names(hottest_path(fading, last=last, lead=0.25)) == "main a x"
    assert names(hottest_path(fading, last=last[:2], lead=0.25)) == "main a"
