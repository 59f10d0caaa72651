"""The picker: this host's Python processes as a tree, filtered by typing."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Sequence
from pathlib import PurePath
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Footer, Input
from textual.worker import get_current_worker

from perftui.errors import PerftuiError
from perftui.model.present import format_age, format_share, format_value
from perftui.model.target import Candidate
from perftui.model.text import plain
from perftui.tui.cells import Column
from perftui.tui.widgets.bars import Header
from perftui.tui.widgets.line_input import LineInput
from perftui.tui.widgets.line_table import Cells, LineTable

REFRESH_S = 2.0
TITLE = "Which Python process?   ↑ ↓ choose   Enter attaches   Esc quits"
COLUMNS = (
    Column("pid", "pid", 8, right=True),
    Column("cpu", "cpu %", 5, right=True),
    Column("rss", "memory", 7, right=True),
    Column("age", "age", 6, right=True),
    Column("user", "user", 8),
    Column("environment", "environment", 12, cut="start"),
    Column("command", "command"),
)


class CandidatesTable(LineTable[Candidate]):
    """The processes; children stand indented below their parent."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(COLUMNS, id=id)

    @property
    def shows_cursor(self) -> bool:
        """Always: the line above it has the keys, and the arrows move it from there."""
        return True

    def key_of(self, item: Candidate) -> Hashable:
        """The process, which its id alone does not tell for ever."""
        return item.pid, item.started_at

    def cells_of(self, item: Candidate) -> Cells:
        """Its figures, its environment, its command line."""
        program, *arguments = item.cmdline or ("",)
        indent = "  " * (item.depth - 1) + "└ " if item.depth else ""
        return (
            str(item.pid),
            "–" if item.cpu_pct is None else format_share(item.cpu_pct),
            format_value(item.rss, "B"),
            format_age(time.time() - item.started_at),
            plain(item.user or "–"),
            plain("/".join(PurePath(item.environment or "–").parts[-2:])),
            indent + plain(" ".join((PurePath(program).name, *arguments))[:2000]),
        )


def fitting(candidates: Sequence[Candidate], words: str) -> list[Candidate]:
    """The processes in whose id, user, environment or command every word occurs."""
    wanted = words.lower().lstrip("/").split()  # who is used to / for a filter
    found: list[Candidate] = []
    for one in candidates:
        text = f"{one.pid} {one.user} {one.environment} {one.command}".lower()
        if all(word in text for word in wanted):
            found.append(one)
    return found


class PickerScreen(Screen[None]):
    """`candidates` looks at the host, `attach` opens the watch of a process id."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "attach", "attach"),
        Binding("up", "move('cursor', -1)", "up", show=False, priority=True),
        Binding("down", "move('cursor', 1)", "down", show=False, priority=True),
        Binding("pageup", "move('page', -1)", "page up", show=False, priority=True),
        Binding("pagedown", "move('page', 1)", "page down", show=False, priority=True),
        Binding("escape", "clear", "clear, quit", key_display="Esc"),
    ]

    def __init__(
        self, candidates: Callable[[], list[Candidate]], attach: Callable[[int], None]
    ) -> None:
        super().__init__()
        self._candidates = candidates
        self._watch = attach
        self._found: list[Candidate] | None = None
        self._enter_waits = False

    def compose(self) -> ComposeResult:
        """A line to type in above the table."""
        yield Header(id="header")
        yield LineInput(id="words", placeholder="type to filter", compact=True)
        yield CandidatesTable(id="candidates")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Look at the host now and then."""
        self.query_one(Header).show(TITLE, "")
        self.query_one(CandidatesTable).can_focus = False
        self.query_one(CandidatesTable).empty_text = "looking for Python processes"
        self.set_focus(self.query_one("#words"))
        self._look()
        self.set_interval(REFRESH_S, self._look)

    @work(thread=True, exclusive=True, group="look", exit_on_error=False)
    def _look(self) -> None:
        found = self._candidates()
        if not get_current_worker().is_cancelled:
            self.app.call_from_thread(self._show, found)

    def _show(self, found: list[Candidate]) -> None:
        self._found = found
        self._filter()
        if self._enter_waits:
            self._enter_waits = False
            self.action_attach()

    def _filter(self) -> None:
        words = self.query_one("#words", Input).value
        table = self.query_one(CandidatesTable)
        if self._found is not None:
            table.empty_text = "no Python process fits" if self._found else "no Python process here"
        table.show(fitting(self._found or [], words))

    def on_input_changed(self) -> None:
        """Filter while it is typed."""
        self._filter()

    def on_input_submitted(self) -> None:
        """Enter comes in its turn: after all that was typed before it."""
        self._filter()
        self.action_attach()

    def action_move(self, what: str, step: int) -> None:
        """Move the cursor while the typing goes on."""
        table = self.query_one(CandidatesTable)
        if what == "page":
            table.action_page(step)
        else:
            table.action_cursor(step)

    def action_attach(self) -> None:
        """Watch the process under the cursor."""
        # Enter can come before the first look at the host has.
        self._enter_waits = self._found is None
        chosen = self.query_one(CandidatesTable).selected
        if chosen is None:
            return
        try:
            self._watch(chosen.pid)
        except PerftuiError as error:
            self.notify(plain(str(error)), severity="error", markup=False)

    def action_clear(self) -> None:
        """Clear the filter; without one, quit."""
        box = self.query_one("#words", Input)
        if box.value:
            box.value = ""
        else:
            self.app.exit()
