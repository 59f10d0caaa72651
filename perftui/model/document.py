"""The snapshot as the document that the headless commands print (schema perftui/1)."""

from __future__ import annotations

from typing import Any

from perftui.model.baseline import SCHEMA, Baseline
from perftui.model.findings import Evidence, Finding, Forecast, LlmStatus, Mitigation
from perftui.model.objective import Objective
from perftui.model.profile import FunctionRow, Profile, profile
from perftui.model.series import Point, SeriesKey
from perftui.model.snapshot import Snapshot
from perftui.model.stacks import Grouping, Place


def document(snapshot: Snapshot) -> dict[str, Any]:
    """The document, ready for :func:`json.dumps`. What is not known is None, never zero."""
    target = snapshot.target
    seen = profile(
        snapshot.windows,
        snapshot.since,
        snapshot.data_at,
        Grouping(by_pid=True),
        snapshot.gil_windows,
    )
    return {
        "schema": SCHEMA,
        "taken_at": snapshot.taken_at,
        "target": {
            "pid": target.pid,
            "name": target.name,
            "cmdline": list(target.cmdline),
            "python": target.python,
            "state": snapshot.target_state.value,
            "started_at": target.started_at,
            "host": target.host,
            "container": target.container,
            "children": list(snapshot.children),
        },
        "profile": _profile(seen, snapshot.baseline),
        "metrics": [
            *(_metric(series.key, series.last, snapshot.objectives) for series in snapshot.series),
            *(_metric(one.key, None, snapshot.objectives, one.why) for one in snapshot.unavailable),
        ],
        "events": [
            {
                "at": event.at,
                "until": event.until,
                "kind": event.kind.value,
                "about": event.about or None,
                "text": event.text,
            }
            for event in snapshot.events
        ],
        "forecasts": [_forecast(forecast) for forecast in snapshot.forecasts],
        "findings": [_finding(finding) for finding in snapshot.findings],
        "sources": [
            {
                "name": status.name,
                "state": status.state.value,
                "since": status.since,
                "message": status.message,
            }
            for status in snapshot.sources
        ],
        "offers": [
            {"kind": offer.kind.value, "name": offer.name, "option": offer.option}
            for offer in snapshot.offers
        ],
        "llm": _llm(snapshot.llm),
    }


def _profile(seen: Profile, baseline: Baseline | None) -> dict[str, Any]:
    sampled = seen.expected_ticks > 0
    is_alone = len({row.key.pid for row in seen.functions}) == 1
    return {
        "seconds": seen.seconds,
        "rate_hz": seen.rate_hz,
        "mode": seen.mode.value if seen.mode else None,
        "expected_ticks": round(seen.expected_ticks) if sampled else None,
        "samples": seen.samples if sampled else None,
        "errors": seen.errors if sampled else None,
        "coverage": seen.coverage,
        "stopped_pct": seen.stopped_pct,
        "cut_pct": seen.cut_pct,
        "sampler_cpu_pct": seen.sampler_cpu_pct,
        "gil_pct": seen.gil_pct,
        "active_pct": seen.active_pct,
        "functions": [_function(row, baseline, is_alone=is_alone) for row in seen.functions],
        "threads": [
            {
                "pid": row.thread.pid,
                "tid": row.thread.tid,
                "name": row.thread.name,
                "active_pct": row.active_pct,
                "gil_pct": row.gil_pct,
            }
            for row in seen.threads
        ],
    }


def _function(row: FunctionRow, baseline: Baseline | None, *, is_alone: bool) -> dict[str, Any]:
    return {
        "pid": row.key.pid,
        "function": row.key.function,
        "file": row.key.file,
        "line": row.line,
        "own_pct": row.own_pct,
        "own_margin": row.own_margin,
        "total_pct": row.total_pct,
        "own_samples": row.own_samples,
        "total_samples": row.total_samples,
        "baseline_own_pct": None
        if baseline is None or row.key.pid is None
        else baseline.own_pct_of(row.key.pid, Place(*row.key[:2]), is_alone=is_alone),
    }


def _metric(
    key: SeriesKey, last: Point | None, objectives: tuple[Objective, ...], why: str | None = None
) -> dict[str, Any]:
    """A metric with its last point, or `why` there is none."""
    return {
        "name": key.name,
        "source": key.origin.value,
        "labels": dict(key.labels),
        "unit": key.unit,
        "value": last.value if last is not None else None,
        "at": last.at if last is not None else None,
        "objective": next((str(o) for o in objectives if o.metric == key.name), None),
        "why": why,
    }


def _forecast(forecast: Forecast) -> dict[str, Any]:
    return {
        "id": forecast.id,
        "objective": str(forecast.objective),
        "state": forecast.state.value,
        "probability": forecast.probability,
        "horizon_s": forecast.objective.horizon_s,
        "by": forecast.by,
        "made_at": forecast.made_at,
        "expires_at": forecast.expires_at,
        "base_rate": forecast.base_rate,
        "record": forecast.record,
        "summary": forecast.summary or None,
        "evidence": [_evidence(fact) for fact in forecast.evidence],
        "claims": [
            {"text": claim.text, "evidence": list(claim.evidence), "verified": claim.verified}
            for claim in forecast.claims
        ],
        "mitigations": [_mitigation(one) for one in forecast.mitigations],
        "disconfirming_check": forecast.disconfirming_check,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "name": finding.name,
        "text": finding.says,
        "evidence": [_evidence(fact) for fact in finding.evidence],
        "mitigations": [_mitigation(one) for one in finding.mitigations],
        "disconfirming_check": finding.check or None,
    }


def _evidence(fact: Evidence) -> dict[str, Any]:
    return {
        "id": fact.id,
        "kind": fact.kind.value,
        "text": fact.text,
        "value": fact.value,
        "unit": fact.unit,
    }


def _mitigation(one: Mitigation) -> dict[str, Any]:
    return {"action": one.action, "why": one.why, "risk": one.risk, "listed": one.listed}


def _llm(status: LlmStatus) -> dict[str, Any]:
    return {
        "state": status.state.value,
        "model": status.model,
        "cost_usd": status.cost_usd,
        "month_usd": status.month_usd,
        "cap_usd": status.cap_usd,
    }
