"""The screen of one watch: hot functions, metrics, forecasts."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import Screen
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Footer, Input
from textual.worker import Worker, WorkerState

from perftui.model.event import EventKind
from perftui.model.objective import parse_objective, toml_lines
from perftui.model.offer import Offer
from perftui.model.present import format_clock
from perftui.model.question import Question
from perftui.model.snapshot import Snapshot
from perftui.model.target import TargetState
from perftui.model.verdict import Decision, Item
from perftui.model.warning import strongest
from perftui.monitor import Monitor
from perftui.tui.forecast_view import question_of
from perftui.tui.header_view import header
from perftui.tui.screens.ask import AskScreen
from perftui.tui.screens.query import QueryScreen
from perftui.tui.screens.reading import PastScreen
from perftui.tui.screens.sent import SentScreen
from perftui.tui.widgets.bars import Header, Tabs, WarningLine
from perftui.tui.widgets.forecast import ForecastPane
from perftui.tui.widgets.line_input import LineInput
from perftui.tui.widgets.metrics import MetricsPanel
from perftui.tui.widgets.profile import ProfilePanel
from perftui.tui.widgets.prompt import Prompt

REFRESH_S = (0.5, 1.0, 2.0, 5.0, 10.0)
USUAL_REFRESH_S = 1.0
FIRST_LOOKS_S = 0.1
"""How often it looks for the first window, so that it is shown as soon as it is there."""
KEEP_WORDS, KEEP_S = "until perftui ends; perftui.toml keeps it:", 15.0
OBJECTIVE_WORDS = "an objective, like p99 > 0.5 for 1m within 15m; Enter sets it, Esc drops it"
SUCCESSOR = "F its successor"
NOTHING_TO_DECIDE = "There is no forecast and no proposal to decide on yet."
NO_PROMETHEUS = "To try a query, start perftui with --prometheus URL."
PANELS = ("profile", "metrics", "forecast")
SPARED = frozenset({"sort_next", "panel(1)", "pause", "screen.sent", "screen.ask"})
"""Keys that the footer of a narrow screen leaves out; help has them."""


class WatchScreen(Screen[None]):
    """Draws one snapshot a tick; every key changes what is drawn, never what is collected."""

    BINDINGS: ClassVar[list[BindingType]] = [
        # With priority, so that what is typed right behind it goes to the filter already.
        Binding("slash", "filter", "filter", key_display="/", priority=True),
        Binding("p,space", "pause", "pause", key_display="p", tooltip="hold the profile"),
        Binding("tab", "panel(1)", "panel", key_display="Tab", tooltip="next panel"),
        Binding("shift+tab", "panel(-1)", "previous panel", show=False),
        Binding("plus", "refresh_rate(-1)", "refresh more often", show=False),
        Binding("minus", "refresh_rate(1)", "refresh less often", show=False),
        Binding("A", "ask_about", "ask about what is selected", show=False),
        Binding("F", "follow", "follow the successor", show=False),
        Binding("M", "note", "mark a note", show=False),
        Binding("y", "take_offer", "watch what is offered", show=False),
        Binding("escape", "close", "close", show=False),
        Binding("question_mark", "app.help", "help", key_display="?"),
        Binding("q", "app.quit", "quit"),
    ]

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """For the footer, which has less room where it is narrow."""
        found = super().active_bindings
        if not self.has_class("-narrow"):
            return found
        return {
            key: active._replace(binding=replace(active.binding, show=False))
            if active.binding.action in SPARED
            else active
            for key, active in found.items()
        }

    def __init__(self, monitor: Monitor) -> None:
        super().__init__()
        self.monitor = monitor
        self.profile = ProfilePanel(monitor, id="profile")
        self._refresh_s = USUAL_REFRESH_S
        self._timer: Timer | None = None
        self._titles: dict[str, str] = {}
        self._following: Worker[str] | None = None
        self._decided: tuple[Item, Decision] | None = None

    def compose(self) -> ComposeResult:
        """Every panel, for wide and narrow screens alike; the stylesheet arranges them."""
        yield Header(id="header")
        yield Tabs(id="tabs")
        with Horizontal(id="body"):
            with Vertical(id="left"):
                yield self.profile
                yield MetricsPanel(self.monitor, id="metrics")
            yield ForecastPane(id="forecast")
        yield LineInput(
            id="filter",
            placeholder="filter by a regular expression on function and file; Enter keeps it",
            compact=True,
        )
        yield Prompt(id="prompt")
        yield WarningLine(id="warning")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Start to draw."""
        self._show_panel("profile")
        self.watch(self.profile, "title", self._draw_titles, init=False)
        # As far as the terminal tells.
        self.watch(self.app, "app_focus", self._attend, init=False)
        self._first_look = self.set_interval(FIRST_LOOKS_S, self._look_for_first)
        self._pace()

    def on_resize(self) -> None:
        """The footer has room for other keys now."""
        self.refresh_bindings()

    def _attend(self, is_there: bool) -> None:
        self.monitor.advisor.attend(is_there=is_there)

    def _look_for_first(self) -> None:
        """Draw the first window as soon as it is there, not only at the next refresh."""
        if self.monitor.latest.windows:
            self._first_look.stop()
            self.draw()

    def _pace(self) -> None:
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_interval(self._refresh_s, self.draw)
        self.draw()

    def draw(self) -> None:
        """Draw what is known now."""
        snapshot = self.monitor.latest
        with self.app.batch_update():
            self._draw_bars(snapshot)
            self.profile.show(snapshot)
            self.query_one(MetricsPanel).show(snapshot)
            self.query_one(ForecastPane).show(snapshot)

    def _draw_bars(self, snapshot: Snapshot) -> None:
        view = self.profile.view
        left, right = header(snapshot, view.paused_at, view.moment)
        if self._refresh_s != USUAL_REFRESH_S:
            left += f"  every {self._refresh_s:g} s"
        self.query_one(Header).show(left, right)
        warning = strongest(snapshot)
        has_ended = snapshot.target_state is TargetState.EXITED
        aside = warning.aside or SUCCESSOR * has_ended
        self.query_one(WarningLine).show(warning.level, warning.text, aside)
        self._draw_titles()

    def _draw_titles(self) -> None:
        titles = {
            "profile": self.profile.title,
            "metrics": self.query_one(MetricsPanel).title,
            "forecast": "Forecast",
        }
        tabs = self.query_one(Tabs)
        for panel, title in titles.items():
            # A title that is set draws its whole panel again.
            if self._titles.get(panel) != title:
                self._titles[panel] = title
                # Content, since a pattern may look like markup.
                self.query_one(f"#{panel}").border_title = Content(title)
        tabs.titles = tuple(
            (panel, title if panel == tabs.current else title.split()[0])
            for panel, title in titles.items()
        )

    def on_metrics_panel_moved(self, event: MetricsPanel.Moved) -> None:
        """The profile shows the time that the charts' cursor is on."""
        self.profile.look_at(event.moment)
        self._draw_bars(self.monitor.latest)

    def action_note(self) -> None:
        """Type a note on the time that is looked at."""
        moment = self.profile.view.moment
        when = "now" if moment is None else f"at {format_clock(moment.start)}"
        words = f"a note on what happens {when}; Enter keeps it, Esc drops it"
        self._ask("note", words)

    def on_metrics_panel_objective_wanted(self, event: MetricsPanel.ObjectiveWanted) -> None:
        """Type the objective of a metric."""
        self._ask("objective", OBJECTIVE_WORDS, event.text)

    def _ask(self, purpose: str, words: str, value: str = "") -> None:
        """Ask for a line; the panel below has the keys again after it, not the filter's line."""
        if self._is_filter_open:
            self._close_filter()
        self.query_one(Prompt).ask(purpose, words, value)

    def action_decide(self, decision: str) -> None:
        """Ask for a note on what is selected in the forecast pane, and whether it is meant."""
        item = self.query_one(ForecastPane).choose()
        if item is None:
            self.notify(NOTHING_TO_DECIDE, markup=False)
            return
        self._decided = item, Decision(decision)
        words = question_of(*self._decided, self.monitor.clock())
        self._ask("verdict", words)

    def on_prompt_answered(self, event: Prompt.Answered) -> None:
        """A note is marked, a verdict kept, an objective set; a bad one says what is wrong and is
        asked again."""
        if event.purpose == "note" and event.text.strip():
            moment = self.profile.view.moment
            self.monitor.mark(EventKind.NOTE, event.text, moment.start if moment else None)
        elif event.purpose == "verdict" and self._decided is not None:
            self.monitor.judge(*self._decided, event.text.strip())
        elif event.purpose == "objective":
            try:
                objective = parse_objective(event.text)
            except ValueError as error:
                self.notify(f"{error}.", severity="warning", markup=False)
                self._ask("objective", OBJECTIVE_WORDS, event.text)
            else:
                self.monitor.set_objective(objective)
                lines = toml_lines(objective).rstrip()
                self.notify(lines, title=KEEP_WORDS, timeout=KEEP_S, markup=False)
        self.draw()

    def action_take_offer(self) -> None:
        """Watch the first of what is offered, too."""
        offers = self.monitor.latest.offers
        if not offers:
            self.notify("Nothing more is offered to watch.", markup=False)
            return
        self.take(offers[0])

    def take(self, offer: Offer) -> None:
        """Watch what is offered, and say how that is kept."""
        lines = offer.toml_lines(self.monitor.settings.prometheus.packs).rstrip()
        self.monitor.take(offer)
        self.notify(lines, title=KEEP_WORDS, timeout=KEEP_S, markup=False)
        self.draw()

    def action_pause(self) -> None:
        """Hold what is shown of the profile, or go on; nothing stops being collected."""
        self.profile.toggle_pause()
        self.draw()

    def action_follow(self) -> None:
        """Watch what took the place of a target that has ended."""
        if self._following is None or self._following.is_finished:
            self._following = self._follow()

    @work(thread=True, exit_on_error=False, group="follow")
    def _follow(self) -> str:
        """Look for the successor, which can take a while, off the screen's thread."""
        return self.monitor.follow()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Say what came of it."""
        if event.state is WorkerState.ERROR:
            self.notify(f"It cannot be followed: {event.worker.error}", markup=False)
        elif event.state is WorkerState.SUCCESS:
            self.notify(str(event.worker.result), markup=False)
            self.draw()

    def action_refresh_rate(self, step: int) -> None:
        """Draw more or less often."""
        place = REFRESH_S.index(self._refresh_s) + step
        self._refresh_s = REFRESH_S[max(0, min(place, len(REFRESH_S) - 1))]
        self._pace()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """While something is typed, `/` is a letter of it."""
        return action != "filter" or not isinstance(self.focused, Input)

    @property
    def _is_filter_open(self) -> bool:
        return bool(self.query_one("#filter", Input).display)

    def action_filter(self) -> None:
        """Type a filter."""
        self._clear_for("profile")
        box = self.query_one("#filter", Input)
        box.display = True
        box.value = self.profile.view.pattern
        # Not box.focus(), which comes later: keys that are typed at once belong to the box.
        self.set_focus(box)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while it is typed; a bad expression says what is wrong."""
        self.profile.filter_by(event.value)

    def on_input_submitted(self) -> None:
        """Keep the filter."""
        self._close_filter()

    def _close_filter(self) -> None:
        self.query_one("#filter", Input).display = False
        self._show_panel("profile")

    def action_close(self) -> None:
        """Close the innermost thing that is open: a line that is typed, then what the panel in
        focus has open, the time that is looked at, a call to the LLM, the pause."""
        metrics = self.query_one(MetricsPanel)
        if self._is_filter_open:
            self.profile.filter_by("")
            self._close_filter()
        elif self.query_one(Prompt).is_open:
            self.query_one(Prompt).close()
        else:
            panels = [metrics.close, self.profile.close]
            if not metrics.has_focus:
                panels.reverse()
            # A call that is cancelled says so in the pane.
            if not any(close() for close in (*panels, self.monitor.advisor.cancel)):
                self.profile.view.resume()
        self.draw()

    def action_panel(self, step: int) -> None:
        """Go to the next or previous panel."""
        current = self.query_one(Tabs).current
        self._show_panel(PANELS[(PANELS.index(current) + step) % len(PANELS)])

    def on_tabs_chosen(self, event: Tabs.Chosen) -> None:
        """Go to the panel whose tab was clicked."""
        self._show_panel(event.panel)

    def on_descendant_focus(self) -> None:
        """A click into a panel makes it the current one; who leaves the filter keeps it."""
        if self._is_filter_open and self.focused is not self.query_one("#filter"):
            self.query_one("#filter").display = False
        for node in self.focused.ancestors_with_self if self.focused is not None else ():
            if node.id in PANELS:
                self._mark_panel(node.id)

    def _show_panel(self, name: str) -> None:
        self._clear_for(name)
        self._mark_panel(name)
        self.set_focus(
            self.profile.seen if name == "profile" else self.query_one(f"#{name}", Widget)
        )

    def _clear_for(self, name: str) -> None:
        """A large chart lies where the profile is, unless they are tabs."""
        metrics = self.query_one(MetricsPanel)
        if name == "profile" and metrics.showing == "large" and not self.has_class("-narrow"):
            metrics.close()

    def _mark_panel(self, name: str) -> None:
        self.query_one(Tabs).current = name
        for panel in PANELS:
            self.query_one(f"#{panel}", Widget).set_class(panel == name, "-current")
        self.query_one("#left").set_class(name == "forecast", "-hidden")
        self._draw_titles()

    def action_query(self) -> None:
        """Try PromQL, and keep what is worth it."""
        if self.monitor.can_query:
            self.app.push_screen(QueryScreen(self.monitor))
        else:
            self.notify(NO_PROMETHEUS, markup=False)

    def action_ask_about(self) -> None:
        """Ask the LLM about the function or metric that is selected, and the time that is looked
        at."""
        metrics, moment = self.query_one(MetricsPanel), self.profile.view.moment
        start, end = moment or (None, None)
        subject = Question(place=self.profile.selected(), start=start, end=end)
        if metrics.has_focus and metrics.chart is not None:
            subject = replace(subject, place=None, metric=metrics.chart)
        self.app.push_screen(AskScreen(self.monitor, subject))

    def action_past(self) -> None:
        """What was forecast before, and what came of it."""
        self.app.push_screen(PastScreen(self.monitor))

    def action_sent(self) -> None:
        """What an LLM was sent and would be sent now, and whether it may be."""
        self.app.push_screen(SentScreen(self.monitor))

    def action_ask(self) -> None:
        """Ask the LLM now, or whether it may be asked; it says itself why it is off."""
        if self.monitor.permission.consent.is_wanted:
            self.action_sent()
        else:
            self.monitor.advisor.ask_now()
