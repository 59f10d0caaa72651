"""The app: which screen is open, how it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterable
from functools import partial
from typing import ClassVar

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen

from perftui.model.target import Candidate
from perftui.monitor import Monitor
from perftui.tui.screens.help import HelpScreen
from perftui.tui.screens.picker import PickerScreen
from perftui.tui.screens.watch import WatchScreen

LAST_RESORT_S = 2.5
"""A terminal that has gone can hold up the end; after this there is no more waiting."""


class PerftuiApp(App[None]):
    """Shows `monitor`; without one, a picker among `candidates`, whose choice `attach` watches."""

    CSS_PATH = "app.tcss"
    TITLE = "perftui"
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012 - as the base class has it
        (0, "-narrow"),
        (110, "-wide"),
        (160, "-broad"),
    ]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", "quit", "quit", show=False, priority=True, system=True),
        Binding("ctrl+z", "suspend_process", "suspend", show=False),
    ]

    def __init__(
        self,
        monitor: Monitor | None,
        *,
        candidates: Callable[[], list[Candidate]],
        attach: Callable[[int], Monitor],
    ) -> None:
        super().__init__()
        self._monitor = monitor
        self._candidates = candidates
        self._watch = attach

    def on_mount(self) -> None:
        """Open the first screen, and end on the signals that end a program."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._end, number)
        if self._monitor is not None:
            self.push_screen(WatchScreen(self._monitor))
        else:
            self.push_screen(PickerScreen(self._candidates, self._open))

    def _open(self, pid: int) -> None:
        """Watch what was picked."""
        self.switch_screen(WatchScreen(self._watch(pid)))

    def _end(self, number: signal.Signals) -> None:
        last_resort = threading.Timer(LAST_RESORT_S, os._exit, (128 + number,))
        last_resort.daemon = True
        last_resort.start()
        self.exit(return_code=128 + number)

    def action_help(self) -> None:
        """The keys of the screen that is open."""
        groups = []
        for widget in (
            self.screen,
            *self.screen.query("#profile, #profile > *, #metrics, #forecast"),
        ):
            name = "everywhere" if widget is self.screen else widget.id or ""
            own = [
                b
                for cls in type(widget).__mro__
                for b in vars(cls).get("BINDINGS", ())
                if cls.__module__.startswith("perftui.")
            ]
            groups.append((name, [b for b in own if isinstance(b, Binding)]))
        groups[0][1].extend(b for b in self.BINDINGS if isinstance(b, Binding))
        groups[0][1].append(Binding("ctrl+p", "command_palette", "commands"))
        self.push_screen(HelpScreen(groups))

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The command palette: what this program does, without Textual's own extras."""
        yield SystemCommand("Help", "The keys of this screen", self.action_help)
        yield SystemCommand("Quit", "Leave perftui", self.action_quit)
        if isinstance(screen, WatchScreen):
            yield SystemCommand("Pause", "Hold the profile, or go on", screen.action_pause)
            yield SystemCommand("Filter", "Functions by an expression", screen.action_filter)
            for title, words, action in screen.profile.commands():
                yield SystemCommand(title, words, action)
            yield SystemCommand("Query", "PromQL: try it, keep it", screen.action_query)
            yield SystemCommand("Note", "On the time that is looked at", screen.action_note)
            yield SystemCommand("Follow", "The target's successor", screen.action_follow)
            yield SystemCommand("Ask", "Ask the LLM now", screen.action_ask)
            yield SystemCommand(
                "Ask about this", "What is selected, in your words", screen.action_ask_about
            )
            yield SystemCommand("Consent", "What the LLM may be sent", screen.action_sent)
            yield SystemCommand("History", "Of forecasts, and what came", screen.action_past)
            for offer in screen.monitor.latest.offers:
                yield SystemCommand(
                    f"Watch {offer.name}", f"{offer.words}, too", partial(screen.take, offer)
                )
