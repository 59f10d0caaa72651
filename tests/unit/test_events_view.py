from __future__ import annotations

from builders import NOW

from perftui.model.event import Event, EventKind
from perftui.tui.events_view import event_line, newest_first


def test_a_line_of_an_event():
    """When, what kind, of what, what, how long, how long ago; text from outside is harmless."""
    event = Event(NOW - 90, EventKind.FAULT, "no\x1b[2J", "prometheus", NOW - 30)
    line = event_line(event, NOW)
    assert line.split("  ")[1:] == ["? fault", "prometheus", "no\ufffd", "for 1m00s", "1m30s ago"]


def test_the_newest_comes_first():
    """As in a log that is read from its end."""
    events = [Event(NOW - n, EventKind.NOTE, str(n)) for n in (5, 1, 9)]
    assert [event.text for event in newest_first(events)] == ["1", "5", "9"]
