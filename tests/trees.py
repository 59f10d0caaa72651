"""Call trees for the tests: from words, from hypothesis, and back to words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from builders import MAIN, AnyStack, stack
from hypothesis import strategies as st

from perftui.model.calltree import CallTree, Node, call_tree
from perftui.model.following import Stacks
from perftui.model.stacks import Frame, Stack

FILE = "/srv/app.py"
HOSTILE = {
    "[/red]": "[/red]",
    "[bold]x": "[bold]x",
    "two\nlines\tand a tab": "two lines and a tab",
    "x\x1b]0;owned\x07y\x1b[2Jz": "x�y�z",
    "x\x1b[31": "x�",
    "\u202egnp": "�gnp",
    "漢字🐍": "漢字🐍",
    "q" * 10_000: "qqqqqqqq",
}
"""Names that a target can have, and how they begin where they are drawn."""


def stacks(counts: Mapping[AnyStack, int]) -> Stacks:
    """Samples by stack in one thread."""
    return {(MAIN, stack(key)): count for key, count in counts.items()}


def tree(counts: Mapping[AnyStack, int], *, by_line: bool = False) -> Node:
    """The tree of such stacks."""
    return call_tree(stacks(counts), by_line=by_line)


def live_tree(seen: Stacks) -> CallTree:
    """A tree of these stacks that can be added to."""
    live = CallTree()
    live.add(seen)
    return live


def nodes(root: Node) -> Iterator[Node]:
    """All nodes, the root among them."""
    below = [root]
    while below:
        node = below.pop()
        yield node
        below.extend(node.children.values())


def shape(root: Node) -> dict[str, tuple[int, int]]:
    """Own and total samples of every node, by the functions that lead there; each with its file
    where that is not the usual one."""
    found = {}
    below = [(root, "")]
    while below:
        node, names = below.pop()
        found[names] = (node.own, node.total)
        for frame, child in node.children.items():
            name = frame.function if frame.file == FILE else f"{frame.function}@{frame.file}"
            below.append((child, f"{names} {name}".strip()))
    return found


FRAMES = st.builds(
    Frame,
    st.sampled_from("abcd"),
    st.sampled_from(["/srv/app.py", ""]),
    st.sampled_from([1, 2, None]),
)
STACKS = st.dictionaries(
    st.tuples(st.just(MAIN), st.lists(FRAMES, max_size=6).map(tuple).map(Stack)),
    st.integers(1, 50),
    max_size=12,
)
"""Some stacks of few functions, so that they share callers and recurse."""
