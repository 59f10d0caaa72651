"""The history of forecasts: what was said, what came, and how the two agree."""

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

from perftui.model.past import PastForecasts
from perftui.model.text import plain
from perftui.monitor import Monitor
from perftui.tui.past_view import past_lines


class PastScreen(ModalScreen[None]):
    """Reads what `monitor` has kept, and shows it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,h", "dismiss", "close"),
    ]

    def __init__(self, monitor: Monitor) -> None:
        super().__init__()
        self.monitor = monitor

    def compose(self) -> ComposeResult:
        """One text that scrolls."""
        with VerticalScroll(id="past") as box:
            box.border_title = "Forecasts and what came of them   Esc closes"
            yield Static("reading", markup=False)

    def on_mount(self) -> None:
        """Read."""
        self._read()

    @work(thread=True, exit_on_error=False)
    def _read(self) -> tuple[PastForecasts, ...]:
        """Read the log, which can take a while, off the screen's thread."""
        return self.monitor.past_forecasts()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Show it, or why it cannot be read."""
        text = ""
        if event.state is WorkerState.SUCCESS and event.worker.result is not None:
            text = "\n".join(past_lines(event.worker.result, self.monitor.clock()))
        elif event.state is WorkerState.ERROR:
            text = plain(str(event.worker.error))
        if text:
            # Content, since a label may look like markup.
            self.query_one(Static).update(Content(text))
