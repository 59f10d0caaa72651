"""A line to type in, when keys come faster than they are taken."""

from __future__ import annotations

from textual import events
from textual.app import App, ComposeResult
from textual.widgets import Input

from perftui.tui.widgets.line_input import LineInput


class TypingApp(App[None]):
    """One line."""

    def __init__(self) -> None:
        super().__init__()
        self.submitted: list[str] = []

    def compose(self) -> ComposeResult:
        """The line."""
        yield LineInput()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Keep what was submitted."""
        self.submitted.append(event.value)


async def typed_at_once(*keys: str) -> tuple[str, list[str]]:
    """What stands there after keys that all came in one packet, and what was submitted."""
    app = TypingApp()
    async with app.run_test() as pilot:
        for key in keys:
            app.post_message(events.Key(key, key if len(key) == 1 else None))
        await pilot.pause()
        return app.query_one(LineInput).value, app.submitted


async def test_editing_keys_come_in_their_turn() -> None:
    """Letters that were typed behind an editing key are not what it edits."""
    assert await typed_at_once(*"sum(", "ctrl+u", *"up") == ("up", [])
    assert await typed_at_once(*"ab", "backspace", *"cd") == ("acd", [])
    assert await typed_at_once(*"bc", "home", "a", "end", "d") == ("abcd", [])
    assert await typed_at_once(*"ab", "left", "delete", "c") == ("ac", [])


async def test_enter_takes_what_was_typed_before_it() -> None:
    """And nothing that was typed behind it."""
    assert await typed_at_once(*"ab", "enter", "c") == ("abc", ["ab"])
