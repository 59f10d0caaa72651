"""Where the boxes of an icicle stand: a flame graph with its root at the top. No widgets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from perftui.model.calltree import Node, Path, by_name
from perftui.model.stacks import Frame

_REST = Frame("", "", -1)


@dataclass(frozen=True, slots=True, eq=False)
class Box:
    """A node's box: its first cell and its width in cells, and the samples they stand for.

    `start` counts the samples left of it. With `hidden` it stands for so many of its parent's
    children, each of which is too small for a cell; it is no node then.
    """

    x: int
    width: int
    path: Path
    node: Node
    parent: Box | None
    start: int
    total: int
    hidden: int = 0


class Layout:
    """The boxes below `node`, which is `width` cells wide, row by row from itself down.

    A sample is as wide in every row, so a box is exactly below its parent's, never beyond it, and
    begins and ends at the cell in which its samples do. Every node of at least one cell has a
    box; smaller ones share one, if together they fill a cell. Siblings stand by name, not by
    size, so that they hold still while their sizes change. Rows are laid out when they are asked
    for.
    """

    def __init__(self, node: Node, path: Path, width: int) -> None:
        self._all = node.total
        self._width = width
        self._rows: list[list[Box]] = []
        self._boxes: dict[Path, Box] = {}
        if self._all > 0 and width > 0:
            self._add([Box(0, width, path, node, None, 0, self._all)])

    @property
    def height(self) -> int:
        """Rows laid out so far."""
        return len(self._rows)

    def row(self, depth: int) -> Sequence[Box]:
        """The boxes from left to right, so many rows below the first; none below the last row."""
        self.extend(depth + 1)
        return self._rows[depth] if depth < len(self._rows) else ()

    def extend(self, height: int) -> bool:
        """Lay out at least so many rows; whether there are as many."""
        while 0 < len(self._rows) < height:
            row = [child for box in self._rows[-1] for child in self._below(box)]
            if not row:
                return False
            self._add(row)
        return len(self._rows) >= height

    def box(self, path: Path) -> Box | None:
        """The box of a node, None where it has none; :meth:`extend` has to reach so far."""
        return self._boxes.get(path)

    def _add(self, row: list[Box]) -> None:
        self._rows.append(row)
        self._boxes.update((box.path, box) for box in row)

    def _below(self, parent: Box) -> list[Box]:
        node = parent.node
        if parent.hidden or not self._fills_a_cell(node.total - node.own):
            return []
        boxes: list[Box] = []
        start = parent.start
        large = [c for c in node.children.values() if self._fills_a_cell(c.total)]
        for child in sorted(large, key=by_name):
            path = parent.path.child(child.frame)
            boxes.append(self._box(path, child, parent, start, child.total))
            start += child.total
        rest = parent.start + node.total - node.own - start
        if self._fills_a_cell(rest):
            hidden = len(node.children) - len(large)
            boxes.append(self._box(parent.path.child(_REST), node, parent, start, rest, hidden))
        return boxes

    def _box(
        self, path: Path, node: Node, parent: Box, start: int, total: int, hidden: int = 0
    ) -> Box:
        x = start * self._width // self._all
        end = (start + total) * self._width // self._all
        return Box(x, end - x, path, node, parent, start, total, hidden)

    def _fills_a_cell(self, samples: int) -> bool:
        return samples * self._width >= self._all
