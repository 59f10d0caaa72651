"""From events to the lines of their list, the newest first. No widgets."""

from __future__ import annotations

from collections.abc import Sequence

from perftui.model.event import Event
from perftui.model.present import event_text
from perftui.tui.axis import SIGNS


def newest_first(events: Sequence[Event]) -> list[Event]:
    """In the order in which they are listed."""
    return sorted(events, key=lambda event: (-event.at, event.kind, event.about))


def event_line(event: Event, now: float) -> str:
    """What happened, behind the sign that it has on the axis."""
    return event_text(event, now, SIGNS[event.kind])
