"""A line above the footer in which something is typed: a note, an objective."""

from __future__ import annotations

from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

from perftui.tui.widgets.line_input import LineInput


class Prompt(LineInput):
    """Asks for one line at a time; hidden while nothing is asked."""

    class Answered(Message):
        """What was asked for `purpose` was answered by `text`."""

        def __init__(self, purpose: str, text: str) -> None:
            super().__init__()
            self.purpose = purpose
            self.text = text

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, compact=True, select_on_focus=False)
        self.purpose = ""
        self._before: Widget | None = None

    @property
    def is_open(self) -> bool:
        """Whether something is asked."""
        return bool(self.purpose)

    def ask(self, purpose: str, words: str, value: str = "") -> None:
        """Ask for a line; `words` say what for."""
        if not self.is_open:
            self._before = self.screen.focused
        self.purpose = purpose
        self.placeholder = words
        self.value = value
        self.cursor_position = len(value)
        self.display = True
        # Not self.focus(), which comes later: keys that are typed at once belong to it.
        self.screen.set_focus(self)

    async def action_submit(self) -> None:
        """Hand on what was typed, and give the keys back at once: the next one is not for here."""
        answered = self.Answered(self.purpose, self.value)
        self.close()
        self.post_message(answered)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Nobody else is to take it for the filter."""
        event.stop()

    def close(self) -> None:
        """Ask no longer; who had the keys has them again."""
        self.purpose = ""
        self.display = False
        self.screen.set_focus(self._before)
