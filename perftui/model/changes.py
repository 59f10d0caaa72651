"""What has happened from one snapshot to the next: the events that nobody else tells of."""

from __future__ import annotations

from collections.abc import Iterator

from perftui.model.event import Event, EventKind
from perftui.model.findings import Forecast, ForecastState
from perftui.model.present import format_probability
from perftui.model.snapshot import Snapshot, SourceState
from perftui.model.warning import describe

CROSSED, REARMED = 0.8, 0.5
"""A warning is a chance that crosses the first; the next one only after it was below the second."""


class Changes:
    """Compares each snapshot with the one before. Not thread-safe."""

    def __init__(self) -> None:
        self._open: dict[tuple[EventKind, str], Event] = {}

    def events(self, snapshot: Snapshot) -> list[Event]:
        """The events that began or ended since the last snapshot; one that lasts comes again, with
        its end, when that is known."""
        now = {(event.kind, event.about): event for event in self._lasting(snapshot)}
        ended = [
            Event(event.at, event.kind, event.text, event.about, snapshot.taken_at)
            for key, event in self._open.items()
            if key not in now
        ]
        begun = [event for key, event in now.items() if key not in self._open]
        # What lasts goes by when it was first seen: its beginning does not move.
        self._open = {key: self._open.get(key, event) for key, event in now.items()}
        return [*ended, *begun]

    def _lasting(self, snapshot: Snapshot) -> Iterator[Event]:
        """What lasts at present: breaches, warnings, faults of sources."""
        for forecast in snapshot.local:
            yield from self._of_forecast(forecast)
        for status in snapshot.sources:
            if status.state is SourceState.FAILED:
                yield Event(status.since, EventKind.FAULT, status.message, status.name)

    def _of_forecast(self, forecast: Forecast) -> Iterator[Event]:
        name = str(forecast.objective)
        if forecast.state is ForecastState.IN_BREACH and forecast.since is not None:
            yield Event(forecast.since, EventKind.BREACH, describe(forecast), name)
            return
        chance = forecast.probability
        if forecast.state is not ForecastState.OK or chance is None:
            return
        if chance >= (REARMED if (EventKind.WARNING, name) in self._open else CROSSED):
            text = f"{describe(forecast)}: {format_probability(chance)}"
            yield Event(forecast.made_at, EventKind.WARNING, text, name)
