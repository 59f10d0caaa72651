from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from trees import FILE, STACKS, live_tree, nodes, stacks, tree

from perftui.model.callsearch import Search
from perftui.model.calltree import Node, call_tree, find
from perftui.model.following import Stacks
from perftui.model.stacks import Frame


def search(*names: str) -> Search:
    return Search(lambda frame: frame.function in names)


def found(root: Node, *names: str, most: int = 100) -> list[str]:
    paths = search(*names).outermost(root, most)
    return [" ".join(frame.function for frame in path.frames) for path in paths]


def test_nested_matches_count_once() -> None:
    """A stack with several frames that fit counts its samples once."""
    root = tree({"main a b a": 5, "main b": 2, "main c": 3})
    assert search("a", "b").samples(root) == 7
    assert search("main", "a").samples(root) == 10
    assert search("x").samples(root) == 0


@given(STACKS, st.sets(st.sampled_from("abcd")), st.integers(0, 3))
def test_samples_are_those_of_the_stacks(seen: Stacks, names: set[str], looked: int) -> None:
    """However much of the tree is laid out, it is the samples of the stacks with such a frame."""
    root = call_tree(seen)
    for _, node in zip(range(looked), nodes(root), strict=False):
        _ = node.children
    wanted = sum(n for (_, s), n in seen.items() if names & {frame.function for frame in s})
    assert search(*names).samples(root) == wanted


@given(STACKS, st.sets(st.sampled_from("abcd")))
def test_the_outermost_matches_hold_all_samples(seen: Stacks, names: set[str]) -> None:
    """Their totals add up to the share, and none is below another."""
    root = call_tree(seen)
    looker = search(*names)
    paths = looker.outermost(root, 1000)
    assert sum(node.total for p in paths if (node := find(root, p))) == looker.samples(root)
    for path in paths:
        assert [frame.function in names for frame in path.frames[:-1]].count(True) == 0


def test_the_hottest_branches_come_first() -> None:
    """Matches are found from the hottest branch down, so that few of them are the ones to see."""
    root = tree({"main x a": 5, "main y a": 50, "main z": 99, "a": 1})
    assert found(root, "a") == ["main y a", "main x a", "a"]
    assert found(root, "a", most=1) == ["main y a"]
    assert found(root, "main", "a") == ["main", "a"]


def test_branches_without_a_match_are_not_laid_out() -> None:
    """Looking for a function lays out only what leads to it."""
    root = tree({"main x y z": 5, "main a": 1})
    assert found(root, "a") == ["main a"]
    main = root.children[Frame("main", FILE, None)]
    assert main.children[Frame("x", FILE, None)].waiting is not None


def test_a_tree_that_changes() -> None:
    """New samples are found, and gone ones forgotten."""
    live, looker = live_tree(stacks({"main a": 5})), search("a")
    assert looker.samples(live.root) == 5
    live.add(stacks({"main b a": 2}))
    live.add(stacks({"main a": 5}), -1)
    assert looker.samples(live.root) == 2
    for n in range(5_000):
        live.add(stacks({f"main f{n} a": 1}))
        live.add(stacks({f"main f{n} a": 1}), -1) if n > 10 else None
        assert looker.samples(live.root) == 2 + min(n + 1, 11)
    assert len(looker._last) <= 2_001


def test_another_tree() -> None:
    """What was found out about one tree is not kept for the next."""
    looker = search("a")
    for n in range(1, 4):
        assert looker.samples(tree({"main a": n, "main b": 5})) == n
        assert len(looker._last) <= 2
