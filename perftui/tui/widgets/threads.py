"""The table of threads."""

from __future__ import annotations

from collections.abc import Hashable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message

from perftui.model.present import format_share
from perftui.model.stacks import Thread
from perftui.model.text import plain
from perftui.tui.cells import Column
from perftui.tui.threads_view import ThreadLine
from perftui.tui.widgets.line_table import Cells, LineTable

COLUMNS = (
    Column("active", "active%", 7, right=True),
    Column("gil", "GIL%", 5, right=True),
    Column("tid", "tid", 8, right=True),
    Column("name", "thread", share=3, cut="middle"),
    Column("top_pct", "top%", 5, right=True, needs=60),
    Column("top", "top function", share=3, cut="start"),
)


class ThreadsTable(LineTable[ThreadLine]):
    """Threads, below their process where there are several. Enter looks at one of them only."""

    STAYS_FIRST = True

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "only", "only it", key_display="Enter"),
    ]

    class Chosen(Message):
        """This thread, or this process, is to be looked at alone."""

        def __init__(self, pid: int, thread: Thread | None) -> None:
            super().__init__()
            self.pid = pid
            self.thread = thread

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(COLUMNS, id=id)

    def key_of(self, item: ThreadLine) -> Hashable:
        """The thread, or the process."""
        return item.thread or item.pid

    def cells_of(self, item: ThreadLine) -> Cells:
        """Shares, ids, name and what it does most."""
        count = f"{item.threads} thread{'s' if item.threads != 1 else ''}"
        name = f"pid {item.pid}: {count}" if item.thread is None else ""
        if item.thread is not None:
            # py-spy knows no names before the program has imported threading.
            unnamed = "(main)" if item.thread.tid == item.pid else "–"
            name = plain(item.thread.name[:500]) or unnamed
        return (
            "–" if item.active_pct is None else format_share(item.active_pct),
            "–" if item.gil_pct is None else format_share(item.gil_pct),
            str(item.thread.tid) if item.thread is not None else "",
            name,
            format_share(item.top_pct) if item.top is not None else "",
            plain(item.top.function[:500]) if item.top is not None else "",
        )

    def action_only(self) -> None:
        """Look at the thread under the cursor only."""
        if self.selected is not None:
            self.post_message(self.Chosen(self.selected.pid, self.selected.thread))
