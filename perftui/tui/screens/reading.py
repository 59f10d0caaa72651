"""Texts that take a moment to make; the history of forecasts is one."""

from __future__ import annotations

from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static
from textual.worker import Worker, WorkerState

from perftui.model.text import plain
from perftui.monitor import Monitor
from perftui.tui.past_view import past_lines


class ReadingScreen(ModalScreen[None]):
    """A text under a `HEADING`, which `read` makes off the screen's thread."""

    HEADING: ClassVar[str]

    def __init__(self, monitor: Monitor) -> None:
        super().__init__()
        self.monitor = monitor

    def compose(self) -> ComposeResult:
        """One text that scrolls."""
        with VerticalScroll(classes="reading") as box:
            box.border_title = f"{self.HEADING}   Esc closes"
            yield Static("reading", markup=False)

    def on_mount(self) -> None:
        """Read."""
        self._read()

    def read(self) -> list[str]:
        """The lines of the text. PerftuiError, in a sentence, where it cannot be had."""
        raise NotImplementedError

    @work(thread=True, exit_on_error=False)
    def _read(self) -> list[str]:
        return self.read()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Show it, or why it cannot be had."""
        text = ""
        if event.state is WorkerState.SUCCESS and event.worker.result is not None:
            text = "\n".join(event.worker.result)
        elif event.state is WorkerState.ERROR:
            text = plain(str(event.worker.error))
        if text:
            # Content, since a label may look like markup.
            self.query_one(Static).update(Content(text))


class PastScreen(ReadingScreen):
    """What was forecast before, and what came of it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,h", "dismiss", "close")]
    HEADING = "Forecasts and what came of them"

    def read(self) -> list[str]:
        """From the log."""
        return past_lines(self.monitor.past_forecasts(), self.monitor.clock())
