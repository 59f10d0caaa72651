"""What of a call tree the flame graph shows: zoom, selection, search, and its line of words."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass

from perftui.model.calltree import TOP, Node, Path, call_tree, find
from perftui.model.kinds import Kind, kind_of
from perftui.model.noise import Change
from perftui.model.present import place
from perftui.model.stacks import Place
from perftui.model.text import plain
from perftui.tui.cells import cell_len, fit
from perftui.tui.difference import Difference, sign
from perftui.tui.filter import Filter
from perftui.tui.flame_layout import Box, Layout
from perftui.tui.highlight import Highlight
from perftui.tui.tree_view import Calls

MOST_ROWS = 1_000
"""A search looks so many rows down for boxes."""
UNSEEN_WIDTH = 200
"""Cells, before it is first on the screen: a key may select a function until then."""
_LEAST_NAME = 12
"""So many cells of a name are shown, whatever has to give way."""
_LONGEST = 200
"""A literal of some thousand letters takes the regex module minutes, whatever time it is given."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A box as it is drawn: `text` fills exactly its `width` cells. `kind` is None for a box that
    is no function, and where colours say what has changed. All that is said by colour is said by
    the text, too, but for the kind, which the line of words says of the selected box. `moved` is ▲
    or ▼ where the total share has changed beyond the noise."""

    x: int
    width: int
    text: str
    kind: Kind | None
    is_selected: bool = False
    is_match: bool = False
    is_doubtful: bool = False
    moved: str = ""


class FlameView:
    """An icicle of the newest tree. What is selected and zoomed into stays so while the tree
    changes, also when it is not there for a while."""

    def __init__(self) -> None:
        self.highlight = Highlight()
        self.difference: Difference | None = None
        """What the total shares are compared with."""
        self.selected: Box | None = None
        """The box of what is selected, or the nearest one above it that is drawn."""
        self.why_empty = "no samples yet"
        """Why there are no boxes, where there are none at all."""
        self._root = call_tree({})
        self._width = UNSEEN_WIDTH
        self._layout = Layout(self._root, TOP, self._width)
        self._ticks = 0.0
        self._doubtful: Calls = frozenset()
        self._zooms = [TOP]
        self._wanted = TOP
        self._matches: list[Box] | None = None

    def show(self, root: Node, ticks: float, doubtful: Calls = frozenset()) -> None:
        """Lay out new data: a tree, the ticks that its samples are shares of, and its calls that
        are not confirmed."""
        self._root, self._ticks, self._doubtful = root, ticks, doubtful
        self.highlight.look(root)
        self._lay_out()

    def resize(self, width: int) -> None:
        """Lay out in so many cells."""
        if width != self._width:
            self._width = width
            self._lay_out()

    def filter_by(self, wanted: Filter | None) -> None:
        """Let the functions stand out that the filter fits."""
        self.highlight = Highlight(wanted)
        self.highlight.look(self._root)
        self._matches = None

    # Where to

    @property
    def zoom(self) -> Path:
        """The node that has the whole width."""
        return self._zooms[-1]

    def zoom_in(self) -> None:
        """Give the selected box the whole width."""
        if self.selected is not None and self.selected.path != self.zoom:
            self._wanted = self.selected.path
            self._zooms.append(self._wanted)
            self._lay_out()

    def zoom_back(self) -> bool:
        """Show what was shown before the last zoom; whether there was one."""
        if len(self._zooms) == 1:
            return False
        self._zooms.pop()
        self._lay_out()
        return True

    def move_sideways(self, step: int) -> None:
        """Select the next box to the right (`step` 1) or left (-1): a sibling, and after the last
        one whatever stands beside it in its row."""
        if self.selected is not None:
            row = [box for box in self._layout.row(self._depth(self.selected)) if not box.hidden]
            place = row.index(self.selected) + step
            self._select(row[max(0, min(place, len(row) - 1))])

    def move_up(self, rows: int = 1) -> None:
        """Select the caller, or who is so many rows above."""
        box = self.selected
        for _ in range(rows):
            box = (box and box.parent) or box
        self._select(box)

    def move_down(self, rows: int = 1) -> None:
        """Select the hottest box below, so many times."""
        box = self.selected
        for _ in range(rows):
            below = [b for b in self._below(box) if b.parent is box and not b.hidden]
            if not below:
                break
            box = max(below, key=lambda b: b.total)
        self._select(box)

    def move_to_top(self) -> None:
        """Select the box that has the whole width."""
        self._select(next(iter(self._layout.row(0)), None))

    def select_at(self, x: int, depth: int) -> Box | None:
        """Select the box at a cell, if there is one that can be."""
        for box in self._layout.row(depth):
            if box.x <= x < box.x + box.width and not box.hidden:
                self._select(box)
                return box
        return None

    def go_to(self, function: str, file: str) -> bool:
        """Select the widest box of a function; whether there is one."""
        boxes = [box for box in self._drawn() if box.node.frame.is_of(function, file)]
        if boxes:
            self._select(max(boxes, key=lambda box: box.total))
        return bool(boxes)

    def next_match(self, step: int) -> None:
        """Select the next (`step` 1) or previous (-1) box that stands out, row by row, round the
        ends."""
        if self.matches and self.selected is not None:
            here = self._order(self.selected)
            if step > 0:
                index = bisect_right(self.matches, here, key=self._order)
            else:
                index = bisect_left(self.matches, here, key=self._order) - 1
            self._select(self.matches[index % len(self.matches)])

    @property
    def place(self) -> Place | None:
        """The selected function."""
        if self.selected is None or self.selected.path == TOP:
            return None
        frame = self.selected.node.frame
        return Place(frame.function, frame.file)

    @property
    def pattern(self) -> str:
        """The expression that fits the selected function's name, of a very long one how it
        begins; "" where none is selected."""
        if self.place is None:
            return ""
        name = self.place.function
        return f"^{re.escape(name[:_LONGEST])}{'$' if len(name) <= _LONGEST else ''}"

    # What is drawn

    @property
    def matches(self) -> list[Box]:
        """The boxes that stand out, row by row."""
        if self._matches is None:
            is_on, fits = self.highlight.is_on, self.highlight.fits
            self._matches = [b for b in self._drawn() if fits(b.node.frame)] if is_on else []
        return self._matches

    @property
    def depth(self) -> int:
        """The row of the selected box."""
        return self._depth(self.selected) if self.selected is not None else 0

    def height(self, enough: int) -> int:
        """How many rows there are; if they are more than `enough`, that or more."""
        self._layout.extend(enough)
        return self._layout.height

    def row(self, depth: int) -> tuple[Piece, ...]:
        """The boxes of a row, from left to right; where they leave a gap, functions above ran
        themselves."""
        return tuple(self._piece(box) for box in self._layout.row(depth))

    def words(self, width: int) -> str:
        """What is selected and found, in `width` cells. Shares are percent of the expected ticks;
        the matches' share is of the samples, each of which counts once."""
        box = self.selected
        if box is None:
            return fit(self._nothing(), width)
        scale = 100 / self._ticks if self._ticks else 0.0
        shares = f"own {box.node.own * scale:.1f} %  total {box.node.total * scale:.1f} %"
        moved = self._change(box)
        if moved is not None:
            shares += f"  Δ {moved.points:+z.1f} ± {moved.margin:.1f}"
        left = [f"{self._name(box)}"]
        if box.path != TOP:
            frame = box.node.frame
            left.append(plain(place(frame.file[-500:], frame.line or box.node.line)))
            left.append(kind_of(frame.file).value)
        long, short = self._found()
        for found, parts in ((long, 3), (long, 2), (short, 3), (short, 2), (short, 1)):
            right = f"{shares}  {found}".rstrip()
            text = "  ".join(part for part in left[:parts] if part)
            room = width - cell_len(right) - 2
            if cell_len(text) <= room:
                break
        room = max(room, min(cell_len(text), _LEAST_NAME))
        return fit(f"{fit(text, room)}  {right}", width)

    def _found(self) -> tuple[str, str]:
        """What was found, in full and in short."""
        if self.highlight.error:
            return (f"no search: {self.highlight.error}",) * 2
        if not self.highlight.is_on:
            return "", ""
        share = 100 * self.highlight.samples / self._root.total if self._root.total else 0.0
        if not self.matches:
            where = "none is wide enough to be drawn" if share else "none"
            return f"matches {share:.1f} % of the samples ({where})", f"matches {share:.1f} %"
        number = next((n for n, b in enumerate(self.matches, 1) if b is self.selected), "–")
        count = f"({number} of {len(self.matches)})"
        return f"matches {share:.1f} % of the samples {count}", f"matches {share:.1f} % {count}"

    def _nothing(self) -> str:
        if self.zoom == TOP:
            return self.why_empty
        return f"no samples of {plain(self.zoom.frame.function[:500])} (Backspace goes back)"

    def _piece(self, box: Box) -> Piece:
        if box.hidden:
            text = f"▏…{box.hidden}"
            text = text if len(text) <= box.width else "…"
            return Piece(box.x, box.width, fit(text, box.width), None)
        frame = box.node.frame
        is_selected = box is self.selected
        is_match = box.path != TOP and self.highlight.fits(frame)
        moved = sign(self._change(box))
        text = f"{moved} {self._name(box)}" if moved else self._name(box)
        text = f"«{text}»" if is_match else text
        if is_selected or not is_match:
            text = ("▸" if is_selected else "▏") + text
        return Piece(
            box.x,
            box.width,
            fit(text, box.width) if box.width > 1 else text[0],
            None if box.path == TOP or self.difference is not None else kind_of(frame.file),
            is_selected,
            is_match,
            box.parent is not None and (box.parent.node.frame.place, frame.place) in self._doubtful,
            moved,
        )

    def _change(self, box: Box) -> Change | None:
        if self.difference is None or box.path == TOP:
            return None
        return self.difference.of(box.path, box.node, self._ticks)

    def _name(self, box: Box) -> str:
        if box.path == TOP:
            return "all"
        above = f"⋯{box.path.depth - 1} " if box.path == self.zoom and box.path.depth > 1 else ""
        return above + plain(box.node.frame.function[:500])

    # How it hangs together

    def _lay_out(self) -> None:
        node = find(self._root, self.zoom) or call_tree({})
        self._layout = Layout(node, self.zoom, self._width)
        self._matches = None
        self._find_selected()

    def _find_selected(self) -> None:
        self._layout.extend(self._wanted.depth - self.zoom.depth + 1)
        boxes = (self._layout.box(path) for path in self._wanted.upwards())
        self.selected = next((box for box in boxes if box), None)
        if self.selected is None:  # it is not below what is zoomed into
            self.selected = next(iter(self._layout.row(0)), None)

    def _select(self, box: Box | None) -> None:
        if box is not None:
            self._wanted = box.path
            self.selected = box

    def _depth(self, box: Box) -> int:
        return box.path.depth - self.zoom.depth

    def _order(self, box: Box) -> tuple[int, int]:
        return box.path.depth, box.x

    def _below(self, box: Box | None) -> tuple[Box, ...]:
        return tuple(self._layout.row(self._depth(box) + 1)) if box is not None else ()

    def _drawn(self) -> list[Box]:
        """All boxes of functions, row by row."""
        self._layout.extend(MOST_ROWS)
        rows = (self._layout.row(depth) for depth in range(self._layout.height))
        return [box for row in rows for box in row if not box.hidden and box.path != TOP]
