"""Screens of a text that takes a moment to make: as it is, or why it is not there."""

from __future__ import annotations

from typing import Any

import pytest
from builders import NOW
from textual.widgets import Static

from perftui.errors import StateError
from perftui.model.sent import Sent
from perftui.tui.screens.reading import PastScreen, ReadingScreen, SentScreen
from perftui.tui.widgets.forecast import ForecastPane

BODY = '{"model":"m","messages":[{"content":"{\\"name\\":\\"[bold]fn_1\\"}"}]}'


async def shown(pilot: Any) -> str:
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()
    assert isinstance(pilot.app.screen, ReadingScreen)
    return str(pilot.app.screen.query_one(Static).render())


@pytest.mark.parametrize("size", [(120, 36), (80, 24)])
async def test_v_shows_what_is_sent(
    size: Any, make_app: Any, make_monitor: Any, picture: Any
) -> None:
    """Names in it are no markup; v closes it again."""
    monitor = make_monitor(picture())
    monitor.sent = Sent("https://x", BODY, BODY, NOW - 60)
    app = make_app(monitor)
    async with app.run_test(size=size) as pilot:
        await pilot.press("shift+tab")
        assert isinstance(app.focused, ForecastPane)
        await pilot.press("v")
        text = await shown(pilot)
        assert isinstance(app.screen, SentScreen)
        assert "to https://x" in text
        assert "[bold]fn_1" in text
        assert "LAST SENT, 1m00s ago" in text
        await pilot.press("v")
        assert not isinstance(app.screen, ReadingScreen)


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
