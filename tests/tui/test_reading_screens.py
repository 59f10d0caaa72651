"""Screens of a text that takes a moment to make: as it is, or why it is not there."""

from __future__ import annotations

from typing import Any

from textual.widgets import Static

from perftui.errors import StateError
from perftui.tui.screens.reading import PastScreen, ReadingScreen


async def shown(pilot: Any) -> str:
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()
    assert isinstance(pilot.app.screen, ReadingScreen)
    return str(pilot.app.screen.query_one(Static).render())


async def test_what_cannot_be_read_says_why(make_app: Any, make_monitor: Any, picture: Any) -> None:
    """In the words of the error, with its fix."""
    monitor = make_monitor(picture())
    monitor.past = StateError("It is [b]broken.", "Mend it.")
    app = make_app(monitor)
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.press("shift+tab", "h")
        assert await shown(pilot) == "It is [b]broken. Mend it."
        assert isinstance(app.screen, PastScreen)
        await pilot.press("escape")
        assert not isinstance(app.screen, ReadingScreen)
