"""The query browser: PromQL is typed and tried, and kept as a metric."""

from __future__ import annotations

from typing import ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Footer, Input, Static
from textual.worker import Worker, WorkerState

from perftui.errors import UsageError
from perftui.model.query import QueryResult, toml_lines
from perftui.model.text import plain
from perftui.monitor import Monitor
from perftui.settings import MetricSettings, named_query
from perftui.tui.query_view import answer_lines, asking_lines, kept_lines
from perftui.tui.widgets.bars import Header
from perftui.tui.widgets.line_input import LineInput
from perftui.tui.widgets.prompt import Prompt

TITLE = "Query   type PromQL   Enter asks   $instance, $job, $pid … are filled in"
NAME_WORDS = "its name in the metrics panel; Enter goes on, Esc drops it"
UNIT_WORDS = "its unit, like s, B or %, or nothing; Enter keeps it, Esc drops it"
ERROR_LENGTH = 200


class PromqlInput(LineInput):
    """One line of PromQL; a query of several lines that is pasted becomes one."""

    def on_paste(self, event: events.Paste) -> None:
        """Take all of it, where an input takes the first line."""
        event.prevent_default()
        event.stop()
        self.replace(" ".join(event.text.splitlines()).strip(), *sorted(self.selection))


class QueryScreen(Screen[None]):
    """Asks the Prometheus of `monitor`. What is typed goes to the query, or to what is asked about
    it below; one answer is shown, that of the newest query."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "ask", "ask"),
        # Ctrl, since every letter belongs to the query.
        Binding("ctrl+s", "keep", "keep", key_display="Ctrl+S", priority=True),
        Binding("ctrl+y", "copy", "copy TOML", key_display="Ctrl+Y", priority=True),
        Binding("up", "scroll('up')", "up", show=False, priority=True),
        Binding("down", "scroll('down')", "down", show=False, priority=True),
        Binding("pageup", "scroll('page_up')", "page up", show=False, priority=True),
        Binding("pagedown", "scroll('page_down')", "page down", show=False, priority=True),
        Binding("escape", "close", "close", key_display="Esc"),
    ]

    def __init__(self, monitor: Monitor) -> None:
        super().__init__()
        self.monitor = monitor
        self._asking: Worker[QueryResult] | None = None
        self._promql = self._keeping = ""
        self._result: QueryResult | None = None
        self._wanted: MetricSettings | None = None
        self._kept: MetricSettings | None = None

    def compose(self) -> ComposeResult:
        """A line to type in above the answer."""
        yield Header(id="header")
        yield PromqlInput(
            id="promql",
            placeholder="PromQL, like sum by (code) (rate(http_requests_total[1m]))",
            compact=True,
            select_on_focus=False,
        )
        with VerticalScroll(id="answer", can_focus=False):
            yield Static(markup=False)
        yield Prompt(id="prompt")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Give the keys to the query."""
        self.query_one(Header).show(TITLE, "")
        self.set_focus(self.query_one("#promql"))

    def on_unmount(self) -> None:
        """Nobody waits for the answer any more, and the end of perftui must not."""
        self.monitor.end_query()

    def on_resize(self) -> None:
        """The series are as wide as the screen."""
        self.call_after_refresh(self._draw)

    def _draw(self) -> None:
        box = self.query_one("#answer", VerticalScroll)
        lines: list[str] = []
        if self._asking is not None:
            lines = asking_lines(self._promql)
        elif self._result is not None:
            lines = answer_lines(self._result, box.scrollable_content_region.width)
        if self._kept is not None:
            every_s = self.monitor.settings.prometheus.every
            lines = [*kept_lines(self._kept, every_s), "", *lines]
        # Content, since a label may look like markup.
        self.query_one("#answer > Static", Static).update(Content("\n".join(lines)))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter comes in its turn: after all that was typed before it."""
        self._ask(event.value)

    def action_ask(self) -> None:
        """Ask what is typed."""
        self._ask(self.query_one("#promql", Input).value)

    def _ask(self, typed: str) -> None:
        promql = typed.strip()
        if not promql:
            return
        self._promql, self._result, self._kept = promql, None, None
        self._asking = self._try(promql)
        self._draw()
        self.query_one("#answer").scroll_home(animate=False)

    @work(thread=True, exclusive=True, exit_on_error=False, group="query")
    def _try(self, promql: str) -> QueryResult:
        """Ask off the screen's thread; it ends the query that was asked before."""
        return self.monitor.try_query(promql)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Show the answer, if it is that of the newest query."""
        if event.worker is not self._asking:
            return
        if event.state is WorkerState.SUCCESS:
            self._result = event.worker.result
        elif event.state is WorkerState.ERROR:
            self._result = QueryResult(self._promql, error=f"{event.worker.error}")
        else:
            return
        self._asking = None
        self._draw()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """While something else is asked, what is kept is decided already."""
        return action not in {"keep", "copy"} or not self.query_one(Prompt).is_open

    def action_keep(self) -> None:
        """Ask for the name under which the query that was answered is kept."""
        if self._result is None or self._result.error:
            self._warn("Only a query that Prometheus has answered can be kept.")
        else:
            self._keeping = self._promql  # whatever is asked in the meantime
            self.query_one(Prompt).ask("name", NAME_WORDS)

    def on_prompt_answered(self, event: Prompt.Answered) -> None:
        """After the name its unit; a name that cannot be is asked for again."""
        text = event.text.strip()
        if event.purpose == "name":
            try:
                self._wanted = named_query(text, self._keeping)
            except UsageError as error:
                self._warn(error.message)
                self.query_one(Prompt).ask("name", NAME_WORDS, event.text)
                return
            self.query_one(Prompt).ask("unit", UNIT_WORDS)
        elif self._wanted is not None:
            self._kept = self._wanted.but(unit=text)
            self.monitor.keep_query(self._kept)
            self._draw()
            self.query_one("#answer").scroll_home(animate=False)

    def action_copy(self) -> None:
        """Put the lines for perftui.toml into the terminal's clipboard, by OSC 52."""
        if self._kept is None:
            self._warn("Keep a query first: then its lines can be copied.")
            return
        self.app.copy_to_clipboard(toml_lines(self._kept.name, self._kept.query, self._kept.unit))
        self.notify("Copied, where the terminal takes it (OSC 52).", markup=False)

    def action_scroll(self, what: str) -> None:
        """Look further while the typing goes on."""
        box = self.query_one("#answer", VerticalScroll)
        step = {
            "up": box.scroll_up,
            "down": box.scroll_down,
            "page_up": box.scroll_page_up,
            "page_down": box.scroll_page_down,
        }[what]
        step(animate=False)

    def action_close(self) -> None:
        """Drop what is asked, or close the browser."""
        prompt = self.query_one(Prompt)
        if prompt.is_open:
            prompt.close()
        else:
            self.dismiss()

    def _warn(self, text: str) -> None:
        self.notify(plain(text, ERROR_LENGTH), severity="warning", markup=False)
