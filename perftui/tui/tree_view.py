"""From a call tree to the rows of its table: what is unfolded, in which order. No widgets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from perftui.model.callsearch import Search
from perftui.model.calltree import TOP, Node, Path, find, hottest, hottest_path
from perftui.model.noise import Change
from perftui.model.stacks import Frame, Place
from perftui.tui.difference import Difference
from perftui.tui.filter import Filter
from perftui.tui.highlight import Highlight

MOST_CHILDREN = 100
"""So many children of one node are listed, the others are one row until that is unfolded."""
MOST_BRANCHES = 30
"""To so many of the frames that the filter fits the tree unfolds by itself."""
LEAD = 0.25
"""The path that is unfolded by itself goes elsewhere only for a quarter more samples."""
_REST = Frame("", "", -1)

Calls = frozenset[tuple[Place, Place]]
"""Calls, from caller to callee, that no look at a target that stood still has shown yet."""


class Fold(Enum):
    """What a row hides, and the sign for it."""

    LEAF = " "
    CLOSED = "▸"
    OPEN = "▾"


@dataclass(frozen=True, slots=True)
class TreeRow:
    """A row of the tree. Shares are percent of the expected ticks: one busy thread is 100.

    `line` is the one with most samples here. `fits` says whether the filter fits its function, None
    where there is no filter; `is_doubtful` that its call is not confirmed,
    `change` how its total share has changed. With `hidden` it stands
    for so many of its parent's children, those with least samples.
    """

    path: Path
    line: int | None
    fold: Fold
    own_pct: float
    total_pct: float
    fits: bool | None = None
    is_doubtful: bool = False
    hidden: int = 0
    change: Change | None = None

    @property
    def frame(self) -> Frame:
        """Its function, and in a tree by line the line."""
        return self.path.frame

    @property
    def depth(self) -> int:
        """How many rows it is below."""
        return self.path.depth - 1


@dataclass
class TreeView:
    """Which branches of a tree are unfolded.

    The hottest path is, and what leads to the cursor or to what the filter fits, unless the user
    has folded it. Rows are ranked when data come or something is unfolded, by nothing else.
    """

    rows: list[TreeRow] = field(default_factory=list)
    difference: Difference | None = None
    """What the total shares are compared with."""
    highlight: Highlight = field(default_factory=Highlight)
    _root: Node | None = None
    _ticks: float = 0.0
    _doubtful: Calls = frozenset()
    _chosen: dict[Path, bool] = field(default_factory=dict)
    _in_full: set[Path] = field(default_factory=set)
    _known: dict[Path, Path] = field(default_factory=dict)
    _hottest: tuple[Frame, ...] = ()
    _by_itself: set[Path] = field(default_factory=set)
    _to_branches: set[Path] = field(default_factory=set)

    @property
    def matched_pct(self) -> float | None:
        """What percentage of all samples shows a function that the filter fits; None without."""
        if not self.highlight.is_on or self._root is None or not self._root.total:
            return None
        return 100 * self.highlight.samples / self._root.total

    def show(
        self, root: Node, ticks: float, doubtful: Calls = frozenset(), cursor: Path | None = None
    ) -> None:
        """List the rows of new data: a tree, and the ticks that its samples are shares of.

        What leads to `cursor` stays in sight, whatever becomes of the hottest path.
        """
        self._root, self._ticks, self._doubtful = root, ticks, doubtful
        self.highlight.look(root)
        path = hottest_path(root, last=self._hottest, lead=LEAD)
        self._hottest = tuple(node.frame for node in path)
        self._by_itself = set(cursor.upwards()) - {cursor} if cursor else set()
        at = TOP
        for frame in self._hottest[:-1]:
            at = at.child(frame)
            self._by_itself.add(at)
        self._list()

    def filter_by(self, wanted: Filter | None) -> None:
        """Let the functions stand out that the filter fits, and unfold what leads to them."""
        self.highlight = Highlight(wanted)
        self._to_branches = set()
        if self._root is not None:
            self.highlight.look(self._root)
            for path in self.highlight.branches(self._root, MOST_BRANCHES):
                self._to_branches.update(path.upwards())
                self._to_branches.discard(path)
            self._list()

    def fold(self, row: TreeRow, *, is_open: bool) -> None:
        """Fold or unfold a row; it stays so while the tree changes."""
        if row.fold is Fold.LEAF:
            return
        if row.hidden and row.path.parent is not None:
            self._in_full.add(row.path.parent)
        else:
            self._chosen[row.path] = is_open
        self._list()

    def index_of(self, path: Path) -> int:
        """The row of this path, or of the nearest above it that there is; 0 if there is none."""
        index = {row.path: n for n, row in enumerate(self.rows)}
        return next((index[p] for p in path.upwards() if p in index), 0)

    def leftwards(self, index: int) -> int:
        """Fold the row, or if it is folded go to the one that it is below: that row's index."""
        row = self.rows[index]
        if row.fold is Fold.OPEN:
            self.fold(row, is_open=False)
            return index
        return self.index_of(row.path.parent) if row.path.parent and row.depth else index

    def rightwards(self, index: int) -> int:
        """Unfold the row, or if it is unfolded go to the first one below: that row's index."""
        row = self.rows[index]
        if row.fold is Fold.OPEN:
            return index + 1
        self.fold(row, is_open=True)
        return index

    def next_match(self, index: int, step: int) -> int | None:
        """The next row (`step` 1) or the one before (-1) that the filter fits, round the ends."""
        count = len(self.rows)
        places = ((index + step * n) % count for n in range(1, count + 1))
        return next((place for place in places if self.rows[place].fits), None)

    def go_to(self, function: str, file: str) -> int | None:
        """Unfold the tree where the function has most samples: the index of that row, None if it
        is nowhere."""
        if self._root is None:
            return None
        search = Search(lambda frame: frame.is_of(function, file))
        totals = {
            path: node.total
            for path in search.outermost(self._root, MOST_BRANCHES)
            if (node := find(self._root, path))
        }
        if not totals:
            return None
        best = max(totals, key=totals.__getitem__)
        for path in best.upwards():
            if path is not best:
                self._chosen[path] = True
        self._list()
        return self.index_of(best)

    def _is_open(self, path: Path) -> bool:
        chosen = self._chosen.get(path)
        if chosen is None:
            return path in self._by_itself or path in self._to_branches
        return chosen

    def _list(self) -> None:
        """The rows in their order; none is computed below a folded one."""
        # Where rows keep their paths, two paths are seen to be equal at a glance, however deep.
        self._known = {row.path: row.path for row in self.rows}
        self.rows = []
        if self._root is None:
            return
        below = [self._below(self._root, TOP)]
        while below:
            found = next(below[-1], None)
            if found is None:
                below.pop()
                continue
            row, node = found
            self.rows.append(row)
            if row.fold is Fold.OPEN:
                below.append(self._below(node, row.path))

    def _below(self, node: Node, path: Path) -> Iterator[tuple[TreeRow, Node]]:
        """The rows of a node's children, hottest first, then one for those that are not listed."""
        children = node.children
        most = len(children) if path in self._in_full else MOST_CHILDREN
        listed = hottest(children.values(), most)
        scale = 100 / self._ticks if self._ticks else 0.0
        for child in listed:
            below = path.child(child.frame)
            below = self._known.get(below, below)
            fold = Fold.OPEN if self._is_open(below) else Fold.CLOSED
            yield (
                TreeRow(
                    below,
                    line=child.frame.line or child.line,
                    fold=Fold.LEAF if child.is_leaf else fold,
                    own_pct=child.own * scale,
                    total_pct=child.total * scale,
                    fits=self.highlight.fits(child.frame) if self.highlight.is_on else None,
                    is_doubtful=(node.frame.place, child.frame.place) in self._doubtful,
                    change=self.difference.of(below, child, self._ticks)
                    if self.difference is not None
                    else None,
                ),
                child,
            )
        if len(listed) < len(children):
            rest = node.total - node.own - sum(child.total for child in listed)
            hidden = len(children) - len(listed)
            row = TreeRow(path.child(_REST), None, Fold.CLOSED, 0.0, rest * scale, hidden=hidden)
            yield row, node


def indent(depth: int, room: int) -> str:
    """Where a row of this depth begins, in `room` cells at most: a cell for each level, and where
    there are more of them their number."""
    return " " * depth if depth <= room else f"{depth:>{room}}"
