from __future__ import annotations

from builders import NOW, P99, forecast, snapshot, status

from perftui.model.changes import Changes
from perftui.model.event import EventKind
from perftui.model.findings import Forecast, ForecastState
from perftui.model.snapshot import Snapshot, SourceState


def at(seconds: float, *forecasts: Forecast, **more: object) -> Snapshot:
    return snapshot(taken_at=NOW + seconds, forecasts=forecasts, **more)


def chance(probability: float, seconds: float = 0.0) -> Forecast:
    return forecast(P99, probability=probability, made_at=NOW + seconds)


def test_a_breach_begins_and_ends():
    """A breach is told of once when it is known, from its onset, and again with its end."""
    changes = Changes()
    breach = forecast(P99, ForecastState.IN_BREACH, since=NOW - 30)
    assert changes.events(at(0)) == []
    (begun,) = changes.events(at(1, breach))
    assert (begun.kind, begun.at, begun.until, begun.about) == (
        *(EventKind.BREACH, NOW - 30, None),
        str(P99),
    )
    assert changes.events(at(2, breach)) == []
    (ended,) = changes.events(at(9, chance(0.1)))
    assert (ended.identity, ended.until) == (begun.identity, NOW + 9)
    assert changes.events(at(10)) == []


def test_a_warning_is_a_crossing():
    """A chance that reaches 80 % is a warning, and no new one before it was below 50 %."""
    changes = Changes()
    seen = [
        [event.kind for event in changes.events(at(n, chance(share, n)))]
        for n, share in enumerate((0.7, 0.85, 0.75, 0.9, 0.4, 0.79, 0.81))
    ]
    warning = EventKind.WARNING
    assert seen == [[], [warning], [], [], [warning], [], [warning]]


def test_what_others_forecast_is_no_event():
    """Only the local forecast makes events: an LLM's words do not."""
    assert Changes().events(at(0, forecast(P99, probability=0.9, by="claude"))) == []


def test_a_fault_of_a_source():
    """A source that fails is an event from then until it works again."""
    changes = Changes()
    failed = status("prometheus", SourceState.FAILED, "it refuses", since=NOW - 3)
    (begun,) = changes.events(at(0, sources=[failed]))
    assert (begun.kind, begun.at, begun.about, begun.text) == (
        *(EventKind.FAULT, NOW - 3),
        *("prometheus", "it refuses"),
    )
    (ended,) = changes.events(at(5, sources=[status("prometheus")]))
    assert (ended.identity, ended.until) == (begun.identity, NOW + 5)
