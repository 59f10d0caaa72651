"""What is sent, and the question whether it may be."""

from __future__ import annotations

import json
from typing import Any

import pytest
from builders import NOW
from textual.widgets import Static

from perftui.model.consent import Choice, Consent
from perftui.model.sent import Sent
from perftui.tui.screens.sent import SentScreen
from perftui.tui.screens.watch import WatchScreen
from perftui.tui.widgets.forecast import ForecastPane

SIZES = pytest.mark.parametrize("size", [(120, 36), (80, 24)], ids=["wide", "narrow"])


def body(name: str) -> str:
    content = json.dumps({"name": name})
    return json.dumps({"model": "m", "messages": [{"content": content}]})


BODY = body("[bold]fn_1")
NUMBERS, NAMES = body("only_numbers"), body("json.decoder.raw_decode")


async def shown(pilot: Any) -> str:
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()
    assert isinstance(pilot.app.screen, SentScreen)
    return str(pilot.app.screen.query_one(Static).render())


@pytest.fixture
def asking(make_app: Any, make_monitor: Any, picture: Any) -> Any:
    """An app whose LLM may be called once the user says so, and its monitor."""
    monitor = make_monitor(picture())
    monitor.permission.ask(NUMBERS, NAMES)
    return make_app(monitor), monitor


@SIZES
async def test_v_shows_what_is_sent(
    size: Any, make_app: Any, make_monitor: Any, picture: Any
) -> None:
    """Names in it are no markup; v closes it again."""
    monitor = make_monitor(picture())
    monitor.permission.given = Sent("https://x", BODY, BODY, NOW - 60)
    app = make_app(monitor)
    async with app.run_test(size=size) as pilot:
        await pilot.press("shift+tab")
        assert isinstance(app.focused, ForecastPane)
        await pilot.press("v")
        text = await shown(pilot)
        assert "to https://x" in text
        assert "[bold]fn_1" in text
        assert "LAST SENT, 1m00s ago" in text
        await pilot.press("n", "f", "left", "enter", "x")
        assert isinstance(app.screen, WatchScreen)
    assert monitor.permission.said == ["not now"]


@SIZES
async def test_consent_is_asked_for_with_what_would_be_sent(size: Any, asking: Any) -> None:
    """The numbers alone at first; n, f and the arrows show what a choice would send; Enter alone
    allows it, and only what is shown."""
    app, monitor = asking
    async with app.run_test(size=size) as pilot:
        await pilot.press("shift+tab", "v")
        text = await shown(pilot)
        for words in (
            "Nothing is sent before you allow it.",
            "to https://api.anthropic.com",
            "claude-haiku-5-5: $0.10 a million tokens in, $0.50 out",
            "until $50.00 in a month",
            "▸ n  numbers only",
            "x not now    X never on this host",
        ):
            assert words in text
        assert NUMBERS in text
        assert NAMES not in text
        await pilot.press("f")
        text = await shown(pilot)
        assert "▸ f  with function names" in text
        assert NAMES in text
        assert NUMBERS not in text
        for key, expected in (("left", NUMBERS), ("right", NAMES), ("n", NUMBERS), ("tab", NAMES)):
            await pilot.press(key)
            assert expected in await shown(pilot)
        assert monitor.permission.said == []
        await pilot.press("enter")
        assert isinstance(app.screen, WatchScreen)
        assert monitor.permission.said == [Choice.NAMES]
        assert [n.message for n in app._notifications] == [
            "An LLM is asked from now on, with function names."
        ]


@SIZES
async def test_the_question_is_in_sight_as_a_whole(size: Any, asking: Any) -> None:
    """At 80x24, too, without scrolling, with the beginning of the body below."""
    app, _ = asking
    async with app.run_test(size=size) as pilot:
        await pilot.press("shift+tab", "v")
        await shown(pilot)
        screen = "".join(
            "".join(segment.text for segment in strip) + "\n"
            for strip in app.screen._compositor.render_strips()
        )
        for words in (
            "May an LLM explain",
            "▸ n",
            "  f ",
            "Enter allows",
            "WOULD BE SENT NOW",
            "{",
        ):
            assert words in screen, screen


@pytest.mark.parametrize(
    ("key", "said", "words"),
    [
        ("x", ["not now"], []),
        ("escape", [], []),
        ("X", [Choice.NEVER], ["It is not offered any more."]),
    ],
)
async def test_the_ways_to_say_no(key: str, said: Any, words: Any, asking: Any) -> None:
    """Not now, never, or no answer at all."""
    app, monitor = asking
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("shift+tab", "v")
        await shown(pilot)
        await pilot.press(key)
        assert isinstance(app.screen, WatchScreen)
        assert monitor.permission.said == said
        assert [n.message for n in app._notifications] == words


async def test_what_was_not_seen_is_not_allowed(asking: Any) -> None:
    """Enter that is pressed before the body is there does nothing."""
    app, monitor = asking
    async with app.run_test(size=(80, 24)):
        screen = SentScreen(monitor)
        await app.push_screen(screen)
        screen._sent = None
        screen.action_allow()
        assert app.screen is screen
    assert monitor.permission.said == []


async def test_f5_and_the_palette_ask_where_nothing_was_said(asking: Any) -> None:
    """F5 calls nothing without consent, but asks for it; after that it calls."""
    app, monitor = asking
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.press("shift+tab", "f5")
        await shown(pilot)
        assert monitor.advisor.asked == 0
        await pilot.press("enter", "f5")
        assert isinstance(app.screen, WatchScreen)
        assert monitor.advisor.asked == 1
        command = next(c for c in app.get_system_commands(app.screen) if c.title == "Consent")
        command.callback()
        await pilot.pause()
        assert "Allowed with numbers only, by you." in await shown(pilot)


async def test_consent_is_taken_back_where_it_was_given(asking: Any) -> None:
    """x on the same screen; what cannot be made sure is said."""
    app, monitor = asking
    monitor.permission.consent = Consent(Choice.NAMES, "you, for this host", is_open=True)
    monitor.permission.trouble = "The disk is [b]full."
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("shift+tab", "v")
        text = await shown(pilot)
        assert "Allowed with function names, by you, for this host." in text
        assert "▸ f" in text
        assert NAMES in text
        await pilot.press("x")
        assert monitor.permission.said == ["taken back"]
        assert [n.message for n in app._notifications] == [
            "Nothing is sent any more. The disk is [b]full."
        ]


async def test_what_the_settings_allow_is_not_changed_here(
    make_app: Any, make_monitor: Any, picture: Any
) -> None:
    """Neither taken back nor narrowed: it would be back in the next run."""
    monitor = make_monitor(picture())
    monitor.permission.consent = Consent(Choice.NAMES, "the settings or --llm")
    app = make_app(monitor)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("shift+tab", "v")
        assert "by the settings or --llm" in await shown(pilot)
        await pilot.press("x", "n", "enter", "X")
        assert isinstance(app.screen, SentScreen)
    assert monitor.permission.said == []
