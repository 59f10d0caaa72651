"""Snapshots for the advisor's tests; everything that may not leave the host holds SECRET."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from perftui.model.findings import Forecast, ForecastState, LlmStatus
from perftui.model.objective import Objective
from perftui.model.series import Origin, Point, Series, SeriesKey
from perftui.model.snapshot import Snapshot
from perftui.model.stacks import Frame, Mode, Stack, Thread, Window
from perftui.model.target import Target, TargetState

NOW = 1_800_000_000.0
SECRET = "s3cr3tword"

P99 = Objective("p99", 0.5, hold_s=60.0, horizon_s=900.0, label=f"{SECRET} label")
RSS = Objective("rss_used", 90.0)

MAIN = Frame(f"main_{SECRET}", f"/home/{SECRET}/app.py", 3)
OWN = Frame(f"bill_{SECRET}", f"/srv/{SECRET}/billing.py", 88)
JSON = Frame("raw_decode", "/usr/lib/python3.11/json/decoder.py", 353)
SITE = Frame("execute", "/opt/venv/lib/python3.11/site-packages/sqlalchemy/engine/base.py", 12)


def window(end: float, stacks: Mapping[tuple[Frame, ...], int], seconds: float = 1.0) -> Window:
    thread = Thread(None, 1, f"worker-{SECRET}")
    return Window(
        end - seconds,
        end,
        100.0,
        Mode.BLOCKING,
        {(thread, Stack(frames)): count for frames, count in stacks.items()},
    )


def windows(count: int = 30, stacks: Mapping[tuple[Frame, ...], int] | None = None) -> list[Window]:
    seen = stacks or {(MAIN, OWN): 40, (MAIN, JSON): 20, (MAIN, SITE): 10}
    return [window(NOW - age, seen) for age in reversed(range(count))]


def series(
    name: str,
    *values: float,
    unit: str = "",
    origin: Origin = Origin.PROCESS,
    labels: tuple[tuple[str, str], ...] = (),
) -> Series:
    """One point every ten seconds, the last one now."""
    points = [Point(NOW - 10.0 * age, v) for age, v in enumerate(reversed(values))]
    return Series(SeriesKey(name, origin, unit, labels), tuple(reversed(points)))


def local(objective: Objective, probability: float | None, **more: Any) -> Forecast:
    return Forecast(
        id=f"local-{objective.metric}",
        objective=objective,
        state=ForecastState.OK,
        by="local",
        made_at=NOW,
        expires_at=NOW + objective.horizon_s,
        probability=probability,
        base_rate=0.03,
        **more,
    )


def snapshot(
    *,
    windows_: Sequence[Window] | None = None,
    series_: Sequence[Series] | None = None,
    forecasts: Sequence[Forecast] | None = None,
    objectives: Sequence[Objective] = (P99, RSS),
    state: TargetState = TargetState.RUNNING,
) -> Snapshot:
    default_series = [
        series("rss_used", 40, 41, 42, unit="%"),
        series(
            "p99",
            0.2,
            0.3,
            0.4,
            unit="s",
            origin=Origin.PROMETHEUS,
            labels=(("instance", f"{SECRET}.example:80"),),
        ),
    ]
    return Snapshot(
        taken_at=NOW,
        since=NOW - 300,
        target=Target(
            pid=1,
            name=f"{SECRET}-service",
            cmdline=("python", f"--password={SECRET}"),
            started_at=NOW - 1000,
            host=f"{SECRET}-host",
            user=f"{SECRET}-user",
        ),
        target_state=state,
        target_since=NOW - 1000,
        children=(),
        windows=tuple(windows() if windows_ is None else windows_),
        series=tuple(default_series if series_ is None else series_),
        objectives=tuple(objectives),
        forecasts=tuple(
            [local(RSS, 0.1), local(P99, 0.31, series_unit="s")] if forecasts is None else forecasts
        ),
        sources=(),
        llm=LlmStatus(),
    )


def answer_text(**changes: Any) -> str:
    """A fitting answer, as the JSON text that a model would give."""
    answer = {
        "summary": "p99 rises with fn_1.",
        "probability": 0.6,
        "claims": [
            {"text": "fn_1 is hottest.", "evidence": ["P1"]},
            {"text": "The disk is slow.", "evidence": ["E9"]},
            {"text": "It feels slow.", "evidence": []},
        ],
        "mitigations": [{"action": "Cache fn_1", "why": "It is hot.", "risk": "Stale data."}],
        "disconfirming_check": "p99 falls while fn_1 stays hot.",
    }
    return json.dumps(answer | changes)
