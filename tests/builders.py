"""Plain data for the tests, made in one call: windows, series, forecasts, snapshots."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from perftui.forecast.breaches import BreachLog
from perftui.forecast.record import Record
from perftui.model.findings import Forecast, ForecastState, LlmStatus
from perftui.model.objective import Objective
from perftui.model.series import Origin, Point, Series, SeriesKey
from perftui.model.snapshot import Snapshot, SourceState, SourceStatus
from perftui.model.stacks import Frame, Mode, Stack, Thread, Window
from perftui.model.target import Candidate, Target, TargetState

NOW = 1_800_000_000.0
PID = 4775
MAIN = Thread(PID, 1, "MainThread")
P99 = Objective("p99", 0.5, hold_s=10.0, horizon_s=60.0)


AnyStack = str | Stack | tuple[Frame, ...]
"""What :func:`stack` reads, or the stack itself, or its frames."""


def stack(names: AnyStack, file: str = "/srv/app.py") -> Stack:
    """`main work:7` gives two frames, the outermost first; lines are 1 where none is named."""
    if not isinstance(names, str):
        return names if isinstance(names, Stack) else Stack(names)
    frames = []
    for name in names.split():
        function, _, line = name.partition(":")
        frames.append(Frame(function, file, int(line or 1)))
    return Stack(tuple(frames))


def window(
    start: float,
    end: float,
    counts: Mapping[AnyStack, int] | None = None,
    *,
    thread: Thread = MAIN,
    rate_hz: float = 100.0,
    mode: Mode = Mode.BLOCKING,
    **more: Any,
) -> Window:
    """A window of one thread."""
    stacks = {(thread, stack(key)): count for key, count in (counts or {}).items()}
    return Window(start, end, rate_hz, mode, stacks, **more)


def run_of_windows(
    count: int, counts: Mapping[AnyStack, int], *, end: float = NOW, **more: Any
) -> tuple[Window, ...]:
    """`count` windows of one second without a gap, the last one ends at `end`."""
    return tuple(window(end - n - 1, end - n, counts, **more) for n in reversed(range(count)))


def points(values: Iterable[float], *, every_s: float = 1.0, end: float = NOW) -> tuple[Point, ...]:
    """Points `every_s` seconds apart, the last one at `end`."""
    known = list(values)
    return tuple(
        Point(end - every_s * (len(known) - 1 - n), float(value)) for n, value in enumerate(known)
    )


def series(
    name: str,
    values: Iterable[float],
    *,
    unit: str = "",
    origin: Origin = Origin.PROCESS,
    labels: tuple[tuple[str, str], ...] = (),
    limit: float | None = None,
    every_s: float = 1.0,
    end: float = NOW,
) -> Series:
    """A series of :func:`points`."""
    key = SeriesKey(name, origin, unit, labels, limit)
    return Series(key, points(values, every_s=every_s, end=end))


def forecast(
    objective: Objective = P99, state: ForecastState = ForecastState.OK, **more: Any
) -> Forecast:
    """A local forecast made now."""
    made_at = more.pop("made_at", NOW)
    return Forecast(
        **{
            "id": f"local:{objective}",
            "objective": objective,
            "state": state,
            "by": "local",
            "made_at": made_at,
            "expires_at": made_at + objective.horizon_s,
            **more,
        }
    )


def record_of(*outcomes: tuple[float, float | None, bool]) -> Record:
    """A record of forecasts with this probability and base rate that came true or not."""
    record = Record()
    for n, (probability, usual, breached) in enumerate(outcomes):
        at = n * 200.0
        record.note(forecast(probability=probability, base_rate=usual, made_at=at))
        log = BreachLog(P99)
        log.add(Point(at + t, float(breached)) for t in range(1, 100))
        record.resolve(log, at + 70)
    return record


def target(**more: Any) -> Target:
    """A process that has been up for 3 h 12 min."""
    return Target(
        **{
            "pid": PID,
            "name": "checkout",
            "cmdline": ("python", "checkout.py"),
            "started_at": NOW - 11520,
            "host": "web-12",
            "python": "3.11.7",
            **more,
        }
    )


def status(
    name: str, state: SourceState = SourceState.OK, message: str = "", since: float = NOW - 5
) -> SourceStatus:
    """The state of a source since five seconds ago."""
    return SourceStatus(name, state, since, message)


def snapshot(
    *,
    windows: Sequence[Window] = (),
    series: Sequence[Series] = (),
    forecasts: Sequence[Forecast] = (),
    sources: Sequence[SourceStatus] = (),
    **more: Any,
) -> Snapshot:
    """A snapshot taken now of a running target, with nothing known but what is given."""
    return Snapshot(
        **{
            "taken_at": NOW,
            "since": NOW - 300,
            "target": target(),
            "target_state": TargetState.RUNNING,
            "target_since": NOW - 300,
            "children": (),
            "windows": tuple(windows),
            "series": tuple(series),
            "objectives": (),
            "forecasts": tuple(forecasts),
            "sources": tuple(sources),
            "llm": LlmStatus(),
            **more,
        }
    )


def candidate(pid: int, parent: int = 1, command: str = "python app.py", **more: Any) -> Candidate:
    """A Python process that can be picked; the higher its id, the younger it is."""
    return Candidate(
        **{
            "pid": pid,
            "parent": parent,
            "depth": 0,
            "cpu_pct": None,
            "rss": None,
            "started_at": float(pid),
            "user": None,
            "environment": None,
            "cmdline": tuple(command.split()),
            **more,
        }
    )
