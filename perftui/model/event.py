"""Moments on the time axis that are worth a mark: what happened, when, and to what."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class EventKind(StrEnum):
    """What kind of thing happened."""

    BREACH = "breach"
    WARNING = "warning"
    ALERT = "alert"
    RESTART = "restart"
    FAULT = "fault"
    KILLED = "oom kill"
    BASELINE = "baseline"
    NOTE = "note"


LASTING = frozenset((EventKind.BREACH, EventKind.WARNING, EventKind.ALERT, EventKind.FAULT))
"""What goes on until its end is known; the others are over as soon as they happen."""


Identity = tuple[EventKind, str, float]
"""What tells an event from others: its kind, what it is about, and when it was."""


@dataclass(frozen=True)
class Event:
    """Something that happened at one moment (Unix seconds), in a few words.

    `about` names what it happened to: an objective's metric, a source, an alert. One that lasts has
    its end in `until`, None while that is not known. `text` comes from outside: it is data.
    """

    at: float
    kind: EventKind
    text: str
    about: str = ""
    until: float | None = None

    @property
    def identity(self) -> Identity:
        """What tells it from others: the same one may be told of again when its end is known."""
        return self.kind, self.about, self.at

    def lasts_beyond(self, at: float) -> bool:
        """Whether it began, ended or goes on at `at` (Unix seconds) or later."""
        if self.until is None and self.kind in LASTING:
            return True
        return max(self.at, self.until or self.at) >= at
