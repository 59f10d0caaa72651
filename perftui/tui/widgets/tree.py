"""The table of the call tree."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import ClassVar

from textual import events
from textual.actions import SkipAction
from textual.binding import Binding, BindingType

from perftui.model.calltree import Node
from perftui.model.present import format_change, format_share, place
from perftui.model.stacks import Place
from perftui.model.text import plain
from perftui.tui.cells import Column, widths
from perftui.tui.difference import Difference
from perftui.tui.filter import Filter
from perftui.tui.tree_view import Calls, Fold, TreeRow, TreeView, indent
from perftui.tui.widgets.line_table import Cells, LineTable

COLUMNS = (
    Column("own", "own%", 5, right=True),
    Column("total", "total%", 7, right=True),
    Column("change", "Δtotal", 6, right=True),
    Column("function", "function", share=2, cut="middle"),
    Column("place", "file:line", share=1, cut="start"),
)
_INDENTED = 3
"""A function's name keeps two thirds of its column however deep it is."""


class TreeTable(LineTable[TreeRow]):
    """A call tree whose branches fold. What the filter fits stands in « », the rest is quiet."""

    STAYS_FIRST = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "list", "source", key_display="Enter"),
        Binding("right", "unfold", "unfold, or first below", show=False),
        Binding("left", "fold", "fold, or row above", show=False),
        Binding("n", "match(1)", "next match", show=False),
        Binding("N", "match(-1)", "previous match", show=False),
    ]

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(COLUMNS, id=id)
        self.view = TreeView()
        self.compare(None)

    def compare(self, difference: Difference | None) -> None:
        """Say how each total share has changed, or not."""
        self.view.difference = difference
        has_change = difference is not None
        self.columns = tuple(c for c in COLUMNS if c.key != "change" or has_change)

    @property
    def place(self) -> Place | None:
        """The function under the cursor."""
        row = self.selected
        return Place(row.frame.function, row.frame.file) if row and not row.hidden else None

    def show_tree(self, root: Node, ticks: float, doubtful: Calls = frozenset()) -> None:
        """Draw this tree; `ticks` are the looks that its samples are shares of.

        The cursor stays on its row, or goes to the nearest one above that is left.
        """
        row = self.selected
        self.view.show(root, ticks, doubtful, row.path if row else None)
        if row is None or (self.cursor == 0 and self.STAYS_FIRST):
            self.show(self.view.rows)
        else:
            index = self.view.index_of(row.path)
            self.show(self.view.rows)
            if self.cursor != index:
                self.action_cursor_to(index)

    def filter_by(self, wanted: Filter | None) -> None:
        """Let what the filter fits stand out."""
        self.view.filter_by(wanted)
        self.show(self.view.rows)

    def go_to(self, function: str, file: str) -> bool:
        """Put the cursor where the function has most samples; whether it is anywhere."""
        index = self.view.go_to(function, file)
        self._move(index)
        return index is not None

    def key_of(self, item: TreeRow) -> Hashable:
        """Where in the tree it is."""
        return item.path

    def cells_of(self, item: TreeRow) -> Cells:
        """Shares, the name below those of its callers, and its place."""
        shown = widths(self.columns, self._width)
        room = next(width for column, width in shown if column.key == "function")
        name = f"{indent(item.depth, room // _INDENTED)}{item.fold.value} "
        moved = () if self.view.difference is None else (format_change(item.change),)
        if item.hidden:
            return ("", format_share(item.total_pct), *moved, f"{name}… {item.hidden} more", "")
        function = plain(item.frame.function[:500])
        doubt = "~" if item.is_doubtful else ""
        return (
            format_share(item.own_pct),
            f"{doubt}{format_share(item.total_pct)}",
            *moved,
            name + (f"«{function}»" if item.fits else function),
            plain(place(item.frame.file[-500:], item.line)),
        )

    def accents(self, item: TreeRow) -> Mapping[str, str]:
        """A change beyond the noise stands out, one within it does not."""
        return {"change": "loud" if item.change and item.change.beyond_noise else "quiet"}

    def is_quiet(self, item: TreeRow) -> bool:
        """What the filter does not fit, and calls that are not confirmed."""
        return item.fits is False or item.is_doubtful or bool(item.hidden)

    def action_list(self) -> None:
        """List the rows that this one stands for; of a function the panel shows the source."""
        if self.selected is None or not self.selected.hidden:
            raise SkipAction
        self.action_turn()

    def action_turn(self) -> None:
        """Fold or unfold the row."""
        if self.selected is not None:
            self.view.fold(self.selected, is_open=self.selected.fold is not Fold.OPEN)
            self._move(self.cursor)

    def action_fold(self) -> None:
        """Fold the row, or go to the one above that it is below."""
        if self.selected is not None:
            self._move(self.view.leftwards(self.cursor))

    def action_unfold(self) -> None:
        """Unfold the row, or go to the first one below."""
        if self.selected is not None:
            self._move(self.view.rightwards(self.cursor))

    def action_match(self, step: int) -> None:
        """Go to the next or previous row that the filter fits."""
        self._move(self.view.next_match(self.cursor, step))

    def on_click(self, event: events.Click) -> None:
        """A double click folds or unfolds; the table itself has put the cursor there."""
        offset = event.get_content_offset(self)
        if event.chain == 2 and offset is not None and offset.y > 0:
            self.action_turn()

    def _move(self, index: int | None) -> None:
        """Show the rows as they are now, with the cursor there."""
        if index is not None:
            self.cursor = index
            self.items = ()  # so that the cursor does not follow its row once more
            self.show(self.view.rows)
            self.action_cursor_to(index)
