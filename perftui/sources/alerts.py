"""Prometheus's alerts as events on the time axis."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from perftui.model.event import Event, EventKind
from perftui.sources.promql import short

MOST = 200
"""So many alerts of one answer are looked at."""


def firing(data: Mapping[str, Any], ours: Mapping[str, str]) -> tuple[Event, ...]:
    """The alerts that fire for these labels, in the `data` of /api/v1/alerts.

    An alert is meant that has at least one of the labels `ours` and contradicts none. Its time is
    when it became active, by Prometheus's clock. What has another shape is skipped.
    """
    alerts = data.get("alerts")
    found: dict[tuple[EventKind, str, float], Event] = {}
    for alert in alerts[:MOST] if isinstance(alerts, list) else ():
        if not isinstance(alert, dict) or alert.get("state") != "firing":
            continue
        labels = alert.get("labels")
        if isinstance(labels, dict) and _is_meant(labels, ours):
            event = _event(alert, labels)
            if event is not None:
                found.setdefault(event.identity, event)
    return tuple(found.values())


def _is_meant(labels: Mapping[str, object], ours: Mapping[str, str]) -> bool:
    shared = ours.keys() & labels.keys()
    return bool(shared) and all(labels[name] == ours[name] for name in shared)


def _event(alert: Mapping[str, Any], labels: Mapping[str, Any]) -> Event | None:
    name, notes = labels.get("alertname"), alert.get("annotations")
    try:
        began = datetime.fromisoformat(alert["activeAt"])
        at = (began if began.tzinfo else began.replace(tzinfo=UTC)).timestamp()
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    if not isinstance(name, str):
        return None
    summary = notes.get("summary") if isinstance(notes, dict) else None
    text = summary if isinstance(summary, str) and summary.strip() else name
    return Event(at, EventKind.ALERT, short(text), short(name))


class Alerts:
    """Which alerts fire, from one answer to the next."""

    def __init__(self) -> None:
        self._firing: dict[tuple[EventKind, str, float], Event] = {}

    def changed(self, now_firing: Iterable[Event], now: float) -> tuple[Event, ...]:
        """The events that are new, and those that have ended, with `now` as their end."""
        current = {event.identity: event for event in now_firing}
        begun = [event for known, event in current.items() if known not in self._firing]
        gone = [event for known, event in self._firing.items() if known not in current]
        self._firing = current
        return (*begun, *(replace(event, until=max(now, event.at)) for event in gone))
