"""From events to the lines of their list, the newest first. No widgets."""

from __future__ import annotations

from collections.abc import Sequence

from perftui.model.event import Event
from perftui.model.present import format_age, format_clock
from perftui.model.text import plain
from perftui.tui.axis import SIGNS

MOST_TEXT = 200


def newest_first(events: Sequence[Event]) -> list[Event]:
    """In the order in which they are listed."""
    return sorted(events, key=lambda event: (-event.at, event.kind, event.about))


def event_line(event: Event, now: float) -> str:
    """When, what kind, to what, what, and how long it lasted."""
    parts = [
        format_clock(event.at),
        f"{SIGNS[event.kind]} {event.kind.value}",
        plain(event.about)[:40],
        plain(event.text)[:MOST_TEXT],
        f"for {format_age(event.until - event.at)}" if event.until is not None else "",
        f"{format_age(now - event.at)} ago",
    ]
    return "  ".join(part for part in parts if part)
