"""What an LLM is sent, and whether it may be: where that is allowed, and taken back."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static

from perftui.model.consent import Choice
from perftui.model.sent import Sent
from perftui.tui.screens.reading import ReadingScreen
from perftui.tui.sent_view import sent_lines

ALLOWED = {
    Choice.NUMBERS: "An LLM is asked from now on, with numbers only.",
    Choice.NAMES: "An LLM is asked from now on, with function names.",
}


class SentScreen(ReadingScreen):
    """What an LLM was sent, and what it would be sent now. Where it may not be called yet, each
    choice shows what that would send; nothing but Enter allows it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,v", "dismiss", "close"),
        Binding("n", "show('numbers')", "numbers only"),
        Binding("f", "show('names')", "with function names"),
        # With priority: the text would scroll.
        Binding("left,right,tab", "show_other", "the other choice", priority=True),
        Binding("enter", "allow", "allow it"),
        Binding("x", "refuse", "not now, or take it back"),
        Binding("X", "never", "never on this host"),
    ]
    HEADING = "What is sent to the LLM"

    _sent: Sent | None = None
    _shown = Choice.NUMBERS
    """The choice whose body is shown."""

    def read(self) -> list[str]:
        """As the next call would make it."""
        self._sent = self.monitor.permission.sent()
        if self._sent.consent.is_given:
            self._shown = self._sent.consent.choice or self._shown
        return self._lines(self._sent)

    def _lines(self, sent: Sent) -> list[str]:
        of = self.monitor
        return sent_lines(sent, of.settings.llm, of.latest.llm, of.clock(), self._shown)

    def action_show(self, name: str) -> None:
        """Show what a choice would send."""
        self._shown = Choice(name)
        if self._sent is not None:
            self.query_one(Static).update(Content("\n".join(self._lines(self._sent))))

    def action_show_other(self) -> None:
        """Show what the other choice would send."""
        self.action_show("names" if self._shown is Choice.NUMBERS else "numbers")

    def action_allow(self) -> None:
        """Allow what is shown, from now on."""
        # What was not seen cannot be agreed to.
        if self._sent is not None and self._sent.consent.is_open:
            self._close(self.monitor.permission.choose(self._shown), ALLOWED[self._shown])

    def action_refuse(self) -> None:
        """Not now; or no more, where it was allowed."""
        if self.monitor.permission.consent.is_given:
            if self.monitor.permission.consent.is_open:
                self._close(self.monitor.permission.take_back(), "Nothing is sent any more.")
        else:
            self.monitor.permission.put_off()
            self.dismiss()

    def action_never(self) -> None:
        """Never on this host, and do not offer it again."""
        if self.monitor.permission.consent.is_open:
            self._close(self.monitor.permission.choose(Choice.NEVER), "It is not offered any more.")

    def _close(self, trouble: str, done: str) -> None:
        text = f"{done} {trouble}".strip()
        self.notify(text, severity="warning" if trouble else "information", markup=False)
        self.dismiss()
