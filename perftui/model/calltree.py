"""Call trees of the stacks of a span: from the root down, below a function, and above it.

A tree is laid out only as far as somebody looks. A node knows its samples at once, its children
when they are asked for: until then it keeps the stacks that go on below it. So ten thousand
stacks a thousand frames deep cost what is shown of them, and a window that comes or goes costs
its own stacks, however long the span is. Nothing here calls itself: stacks can be deeper than
Python's own.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from perftui.model.following import Following, Stacks
from perftui.model.stacks import Frame, Stack, Thread

ROOT = Frame("", "", None)
"""The frame of a tree's root, which is no function."""
HOT_SHARE = 0.1
"""The hottest path ends where its next node has less than this share of the samples it began with;
below that it is one of many, and no longer the place to look at."""
MOST_HOT = 200
"""Nor is it followed deeper than this: deep recursion says nothing new with every level."""
_MOST_FRAMES = 100_000


@dataclass(slots=True, eq=False)
class Seen:
    """A sequence of frames and the samples that showed it."""

    frames: tuple[Frame, ...]
    samples: int = 0


class _Rows(dict[Frame, Frame]):
    """The frame that a node stands for: by line the frame itself, else its function, no line."""

    def __init__(self, *, by_line: bool) -> None:
        super().__init__()
        self._by_line = by_line

    def __missing__(self, frame: Frame) -> Frame:
        if len(self) > _MOST_FRAMES:
            self.clear()  # code that makes functions all the time cannot fill the memory
        row = self[frame] = frame if self._by_line else frame.without_line()
        return row


@dataclass(slots=True, eq=False)
class Node:
    """A function, or one line of it, at one place of a tree.

    `own` counts the samples that end here, `total` those that come through here, so `total` is
    `own` and the totals of all children. `frame.line` is None unless the tree is by line; `depth`
    counts the frames above, with this one; `waiting` are the stacks that go on below, None once
    they are laid out as children.
    """

    frame: Frame
    depth: int
    _rows: _Rows = field(repr=False)
    _line: int | None = None
    own: int = 0
    total: int = 0
    waiting: dict[Seen, None] | None = field(default_factory=dict, repr=False)
    _children: dict[Frame, Node] = field(default_factory=dict, repr=False)
    _other_lines: dict[int | None, int] | None = field(default=None, repr=False)

    @property
    def children(self) -> Mapping[Frame, Node]:
        """The nodes below this one by their frame, in no order that matters."""
        if self.waiting is not None:
            waiting, self.waiting = self.waiting, None
            for seen in waiting:
                self._child(seen.frames[self.depth], seen.samples).take(seen)
        return self._children

    @property
    def is_leaf(self) -> bool:
        """Whether no sample goes on below."""
        return self.own == self.total

    @property
    def line(self) -> int | None:
        """The line at which most of its samples were; None where that is not known."""
        if not self._other_lines:
            return self._line
        line, most = max(self._other_lines.items(), key=lambda item: item[1])
        return line if most > self.total - sum(self._other_lines.values()) else self._line

    def take(self, seen: Seen) -> None:
        """Count a new sequence that comes through here, its children for later."""
        self.total += seen.samples
        if len(seen.frames) == self.depth:
            self.own += seen.samples
        elif self.waiting is not None:
            self.waiting[seen] = None

    def _child(self, frame: Frame, samples: int) -> Node:
        """The child for `frame`, with its line counted but not yet its samples."""
        row = self._rows[frame]
        child = self._children.get(row)
        if child is None:
            child = self._children[row] = Node(row, self.depth + 1, self._rows, frame.line)
        elif frame.line != child._line:
            lines = child._other_lines
            if lines is None:
                lines = child._other_lines = {}
            count = lines.get(frame.line, 0) + samples
            if count:
                lines[frame.line] = count
            else:
                del lines[frame.line]
        return child

    def change(self, seen: Seen, samples: int, *, is_new: bool) -> None:
        """Count `samples` more of a sequence, fewer where negative, as deep as is laid out."""
        node = self
        while True:
            if is_new and node.waiting is not None:
                node.take(seen)
                return
            node.total += samples
            if len(seen.frames) == node.depth:
                node.own += samples
                return
            if node.waiting is not None:
                if not seen.samples:
                    del node.waiting[seen]
                return
            child = node._child(seen.frames[node.depth], samples)
            if child.total + samples == 0:
                del node._children[child.frame]  # and all below it, which has no samples either
                return
            node = child


class Path:
    """Where a node is: the frames from the root to it. Equal for equal frames, and hashable.

    A chain, so that the paths of all nodes of a deep tree take no more than one link each.
    """

    __slots__ = ("_hash", "depth", "frame", "parent")

    def __init__(self, parent: Path | None, frame: Frame) -> None:
        self.parent = parent
        self.frame = frame
        self.depth: int = 0 if parent is None else parent.depth + 1
        self._hash: int = hash((parent and parent._hash, frame))

    def child(self, frame: Frame) -> Path:
        """The path to a child of this node."""
        return Path(self, frame)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Path):
            return NotImplemented
        one: Path | None = self
        two: Path | None = other
        while one is not two:
            if one is None or two is None or one._hash != two._hash or one.frame != two.frame:
                return False
            one, two = one.parent, two.parent
        return True

    def __repr__(self) -> str:
        return f"Path({' > '.join(frame.function for frame in self.frames)})"

    @property
    def frames(self) -> tuple[Frame, ...]:
        """The frames below the root, down to the node's own."""
        return tuple(path.frame for path in self.upwards() if path.parent is not None)[::-1]

    def upwards(self) -> Iterator[Path]:
        """This path, its parent, and so on to the root's."""
        path: Path | None = self
        while path is not None:
            yield path
            path = path.parent


TOP = Path(None, ROOT)
"""The path to a tree's root."""


class CallTree(Following):
    """The tree of some windows' stacks, kept up as windows come and go.

    `by_line` makes each line of a function a node; `keep` says which threads count, None all of
    them. What cannot be changed is chosen anew with a new tree. Not thread-safe.
    """

    def __init__(
        self, *, by_line: bool = False, keep: Callable[[Thread], bool] | None = None
    ) -> None:
        super().__init__()
        self.root = Node(ROOT, 0, _Rows(by_line=by_line))
        self._keep = keep
        self._seen: dict[Stack, Seen] = {}

    def add(self, stacks: Stacks, sign: int = 1) -> None:
        """Count these stacks; with `sign` -1 take out what was counted before."""
        for (thread, stack), count in stacks.items():
            if not count or not (self._keep is None or self._keep(thread)):
                continue
            samples = sign * count
            seen = self._seen.get(stack)
            is_new = seen is None
            if seen is None:
                seen = self._seen[stack] = Seen(stack.frames)
            seen.samples += samples
            if seen.samples < 0:
                raise ValueError("more samples taken out than were counted")
            self.root.change(seen, samples, is_new=is_new)
            if not seen.samples:
                del self._seen[stack]

    def callees(self, function: str, file: str) -> Node:
        """What a function calls: the tree below its outermost occurrence in each stack.

        Each stack counts once, so the node's `total` is the function's total; where it recurses, it
        is among its own callees.
        """
        return _of(_cut(self.counts(), function, file, 1), function, file)

    def callers(self, function: str, file: str) -> Node:
        """Who called a function: its children are its callers, theirs the callers of those, and so
        on.

        From its outermost occurrence in each stack on, where :meth:`callees` begins too: so both
        tell of the same samples, and callers are those who brought the function its total. From an
        inner occurrence a function that recurses would mostly have been called by itself, which
        hides who began it. `own` of a node are the samples of stacks that begin there; `line` is
        where it calls.
        """
        return _of(_cut(self.counts(), function, file, -1), function, file)

    def counts(self) -> Iterator[tuple[Stack, int]]:
        """Each stack, whatever thread had it, with its samples."""
        return ((stack, seen.samples) for stack, seen in self._seen.items())


def call_tree(stacks: Stacks, *, by_line: bool = False) -> Node:
    """The tree of these stacks: its root's children are the functions that threads begin with."""
    tree = CallTree(by_line=by_line)
    tree.add(stacks)
    return tree.root


def _cut(
    counts: Iterable[tuple[Stack, int]], function: str, file: str, step: int
) -> Iterator[Seen]:
    """What lies below (`step` 1) or above (-1) the outermost frame of the function, with it."""
    for stack, count in counts:
        for index, frame in enumerate(stack.frames):
            # Names first: most frames differ in them. Not is_of: a call for each of them is dear.
            if frame.function == function and frame.file == file:
                yield Seen(stack.frames[index::step], count)
                break


def _of(parts: Iterable[Seen], function: str, file: str) -> Node:
    """The node that all of these sequences begin with."""
    root = Node(ROOT, 0, _Rows(by_line=False))
    for seen in parts:
        root.take(seen)
    first = Frame(function, file, None)
    return root.children.get(first) or Node(first, 1, _Rows(by_line=False))


def find(root: Node, path: Path) -> Node | None:
    """The node at `path`, None where there is none (any more)."""
    node: Node | None = root
    for frame in path.frames:
        node = node.children.get(frame) if node is not None else None
    return node


def by_total(node: Node) -> tuple[int, str, str, int]:
    """Sorts nodes: most samples first, equals by name."""
    frame = node.frame
    return (-node.total, frame.function, frame.file, frame.line or 0)


def by_name(node: Node) -> tuple[str, str, int]:
    """Sorts nodes by name, so that their order holds still while their samples change."""
    frame = node.frame
    return (frame.function, frame.file, frame.line or 0)


def hottest(nodes: Iterable[Node], most: int) -> list[Node]:
    """The `most` nodes with most samples, hottest first."""
    return heapq.nsmallest(most, nodes, key=by_total)


def hottest_path(
    node: Node, share: float = HOT_SHARE, *, last: Iterable[Frame] = (), lead: float = 0.0
) -> list[Node]:
    """From a node's hottest child on down the hottest ones, while they have at least `share`
    (0 to 1) of the node's total.

    `last` are the frames of the path that was found before. It is left only for a child that has
    more samples by `lead` (0 to 1), and ends only where there are fewer than enough by as much, so
    that it does not change with every sample.
    """
    found: list[Node] = []
    enough = max(1.0, share * node.total)
    known = iter(last)
    while not node.is_leaf and len(found) < MOST_HOT:
        children = node.children
        best = min(children.values(), key=by_total)
        held = children.get(next(known, ROOT))
        if held is not None and best.total <= held.total * (1 + lead):
            best = held
        else:
            known = iter(())  # what was below the last path is not below this one
        if best.total < (enough / (1 + lead) if best is held else enough):
            break
        found.append(best)
        node = best
    return found
