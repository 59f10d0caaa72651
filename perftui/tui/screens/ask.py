"""Asking the advisor about what is selected, in one's own words or in none."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Footer, Input, Static
from textual.worker import Worker, WorkerState

from perftui.model.question import EXPLAIN, MOST_TEXT, Question
from perftui.model.text import plain
from perftui.monitor import Monitor
from perftui.tui.ask_view import about, answer_lines
from perftui.tui.widgets.bars import Header
from perftui.tui.widgets.line_input import LineInput

REFRESH_S = 0.3
WORDS = "a question, like: why did it rise? Enter asks; with nothing typed: explain this"


class AskScreen(Screen[None]):
    """Asks the LLM of `monitor` what is typed about `subject`, and shows the answer as it comes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "ask", "ask"),
        # Ctrl, since every letter belongs to the question.
        Binding("ctrl+s", "source", "with its source", key_display="Ctrl+S", priority=True),
        Binding("up", "scroll(-1)", "up", show=False, priority=True),
        Binding("down", "scroll(1)", "down", show=False, priority=True),
        Binding("escape", "close", "cancel, close", key_display="Esc"),
    ]

    def __init__(self, monitor: Monitor, subject: Question) -> None:
        super().__init__()
        self.monitor = monitor
        self._subject = subject
        self._asked: Question | None = None
        self._drawn = ""

    def compose(self) -> ComposeResult:
        """A line to type in above the answer."""
        yield Header(id="header")
        yield LineInput(
            id="words", placeholder=WORDS, compact=True, select_on_focus=False, max_length=MOST_TEXT
        )
        with VerticalScroll(id="answer", can_focus=False):
            yield Static(markup=False)
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Give the keys to the question."""
        self.query_one(Header).show(f"Ask about {about(self._subject)}", "")
        self.set_focus(self.query_one("#words"))
        self.set_interval(REFRESH_S, self._draw)
        self._draw()

    def _draw(self) -> None:
        advisor = self.monitor.advisor
        lines = answer_lines(
            self._asked,
            advisor.explanation,
            advisor.status,
            advisor.answering,
            self._subject.source,
        )
        text = "\n".join(lines)
        if text != self._drawn:
            # A text that is set is laid out and sent again, over SSH, too.
            self._drawn = text
            # Content, since what a model says may look like markup.
            self.query_one("#answer > Static", Static).update(Content(text))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter comes in its turn: after all that was typed before it."""
        self._ask(event.value)

    def action_ask(self) -> None:
        """Ask what is typed."""
        self._ask(self.query_one("#words", Input).value)

    def _ask(self, typed: str) -> None:
        # What is read only now would go along without having been seen.
        self.workers.cancel_group(self, "source")
        self._asked = replace(self._subject, text=typed.strip() or EXPLAIN)
        self.monitor.advisor.explain(self._asked)
        self._draw()

    def action_source(self) -> None:
        """Show the source of the function, which goes along then, or drop it."""
        self._asked = None
        if self._subject.source:
            self._subject = replace(self._subject, source=())
            self._draw()
        elif self._subject.place is None:
            self.notify("No function is selected.", markup=False)
        else:
            self._read(self._subject)

    @work(thread=True, exclusive=True, exit_on_error=False, group="source")
    def _read(self, subject: Question) -> tuple[str, ...]:
        """Read it off the screen's thread."""
        return self.monitor.advisor.excerpt(subject)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Show it, or why there is none."""
        if event.state is WorkerState.SUCCESS:
            self._asked = None
            self._subject = replace(self._subject, source=event.worker.result or ())
            self._draw()
        elif event.state is WorkerState.ERROR:
            self.notify(plain(str(event.worker.error)), severity="warning", markup=False)

    def action_scroll(self, step: int) -> None:
        """Look further while the typing goes on."""
        self.query_one("#answer").scroll_relative(y=step, animate=False)

    def action_close(self) -> None:
        """Drop the question that is being answered, or close."""
        if not self.monitor.advisor.withdraw(self._asked):
            self.dismiss()
            return
        # What the LLM says of itself then speaks of keys that are not here.
        self._asked = None
        self._draw()
        self.notify("Cancelled; Enter asks again.", markup=False)
