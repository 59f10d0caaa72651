"""The table of a function's callers and callees."""

from __future__ import annotations

from collections.abc import Hashable
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from perftui.model.calltree import Node
from perftui.model.present import format_share, place
from perftui.model.stacks import Frame, Place
from perftui.model.text import plain
from perftui.tui.callers_view import CallRow, Role, call_rows
from perftui.tui.cells import Column
from perftui.tui.widgets.line_table import Cells, LineTable

COLUMNS = (
    Column("role", "", 9),
    Column("share", "share%", 6, right=True),
    Column("total", "total%", 7, right=True),
    Column("function", "function", share=3, cut="start"),
    Column("place", "file:line", share=2, cut="start"),
)
_NOBODY = {
    Role.CALLER: "(nobody: a stack begins here)",
    Role.ITSELF: "",
    Role.CALLEE: "(nothing: its own code)",
}


class CallersTable(LineTable[CallRow]):
    """Callers above, the function between, callees below. Enter or a double click asks for another
    function."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "choose", "go there", key_display="Enter"),
    ]

    class Chosen(Message):
        """The callers and callees of this function are wanted."""

        def __init__(self, function: str, file: str) -> None:
            super().__init__()
            self.function = function
            self.file = file

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(COLUMNS, id=id)
        self._shown: Frame | None = None

    @property
    def place(self) -> Place | None:
        """The function under the cursor."""
        frame = self.selected.frame if self.selected else None
        return Place(frame.function, frame.file) if frame else None

    def show_calls(self, above: Node, below: Node, ticks: float) -> None:
        """Draw the calls of a function, given by its trees of callers and of callees; with another
        function the cursor goes to it."""
        rows = call_rows(above, below, ticks)
        if below.frame == self._shown:
            self.show(rows)
            return
        self._shown = below.frame
        self.items = ()  # there is no row to stay on
        self.show(rows)
        self.action_cursor_to(next((n for n, row in enumerate(rows) if row.role is Role.ITSELF), 0))

    def key_of(self, item: CallRow) -> Hashable:
        """Who, and on which side."""
        return (item.role, item.frame)

    def cells_of(self, item: CallRow) -> Cells:
        """What it is to the function, shares, name and place."""
        shares = (item.role.value, f"{item.share_pct:.1f}", format_share(item.total_pct))
        if item.frame is None:
            return (*shares, _NOBODY[item.role], "")
        name = plain(item.frame.function[:500])
        if item.role is Role.ITSELF:
            name = f"▸ {name}"
        elif item.is_recursive:
            name = f"{name} (recursion)"
        return (*shares, name, plain(place(item.frame.file[-500:], item.line)))

    def is_quiet(self, item: CallRow) -> bool:
        """What is no function to go to."""
        return item.frame is None

    def action_choose(self) -> None:
        """Ask for the function under the cursor."""
        if self.place is not None:
            self.post_message(self.Chosen(*self.place))

    def on_click(self, event: events.Click) -> None:
        """A double click chooses; the table itself has put the cursor there."""
        offset = event.get_content_offset(self)
        if event.chain == 2 and offset is not None and offset.y > 0:
            self.action_choose()
