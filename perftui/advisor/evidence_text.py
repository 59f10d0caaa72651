"""The evidence table in words, with real names, for the screen."""

from __future__ import annotations

from pathlib import PurePath

from perftui.advisor.evidence import FAR
from perftui.advisor.rows import CaseFact, Facts, FunctionFact, MetricFact
from perftui.model.findings import Evidence, EvidenceKind, Forecast, ForecastState
from perftui.model.objective import format_duration
from perftui.model.present import format_about
from perftui.model.text import plain

MAX_NAME = 80


def evidence(table: Facts) -> tuple[Evidence, ...]:
    """The table for the screen, with real names."""
    return (
        *(
            Evidence(fact.id, EvidenceKind.METRIC, _metric_text(fact), fact.value, fact.key.unit)
            for fact in table.metrics
        ),
        *(_function_evidence(fact) for fact in table.functions),
        *(
            Evidence(
                fact.id,
                EvidenceKind.THREAD,
                f"thread {plain(fact.thread.name, MAX_NAME)}: {_share(fact.active_pct)} of the "
                f"time at work, {_share(fact.gil_pct)} with the GIL",
                fact.active_pct,
                "%",
            )
            for fact in table.threads
        ),
        *(
            Evidence(
                fact.id,
                EvidenceKind.EVENT,
                f"{fact.event.kind.value} {format_duration(max(1.0, round(fact.age_s)))} before: "
                f"{plain(fact.event.text, 2 * MAX_NAME)}",
                None,
                "",
            )
            for fact in table.events
        ),
        *(
            Evidence(
                fact.id,
                EvidenceKind.FORECAST,
                _forecast_text(fact.forecast),
                fact.forecast.probability,
                "",
            )
            for fact in table.forecasts
        ),
        *(
            Evidence(fact.id, EvidenceKind.CASE, _case_text(fact), fact.case.chance, "")
            for fact in table.cases
        ),
        *(
            Evidence(fact.id, EvidenceKind.PATTERN, plain(fact.pattern.says), None, "")
            for fact in table.findings
        ),
        *(
            Evidence(fact.id, EvidenceKind.LOOK, plain(fact.text, 2 * MAX_NAME), None, "")
            for fact in table.looks
        ),
    )


def _metric_text(fact: MetricFact) -> str:
    unit = f" {fact.key.unit}" if fact.key.unit else ""
    labels = ", ".join(f"{name}={value}" for name, value in fact.key.labels)
    name = f"{fact.key.name} ({labels})" if labels else fact.key.name
    slope = "" if fact.per_min is None else f", {fact.per_min:+.3g}{unit}/min"
    far = "" if fact.z is None or abs(fact.z) < FAR else f", {fact.z:+.1f} σ from before"
    return plain(f"{plain(name, MAX_NAME)} {fact.value:.4g}{unit}{slope}{far}", 2 * MAX_NAME)


def _function_evidence(fact: FunctionFact) -> Evidence:
    name = plain(fact.key.function, MAX_NAME)
    file = plain(PurePath(fact.key.file).name, MAX_NAME)
    text = f"{name} ({file})"
    row = fact.now or fact.before
    if row is not None:
        was = f"{fact.before.own_pct:.1f} → " if fact.now and fact.before else ""
        text += f" {was}{row.own_pct:.1f} ± {row.own_margin:.1f} % own, {row.total_pct:.1f} % total"
    if fact.now is None:
        text += ", not sampled lately"
    if fact.callers:
        text += f", called by {plain(fact.callers[0][0].function, MAX_NAME)}"
    return Evidence(fact.id, EvidenceKind.PROFILE, text, fact.own_pct, "%")


def _forecast_text(forecast: Forecast) -> str:
    horizon = format_duration(forecast.objective.horizon_s)
    usual = "" if forecast.base_rate is None else f" (usually {forecast.base_rate:.0%})"
    if forecast.state is ForecastState.IN_BREACH:
        said = "in breach"
    elif forecast.probability is None:
        said = forecast.state.value.replace("_", " ")
    else:
        said = f"{forecast.probability:.0%} within {horizon}{usual}"
    return f"local forecast of {plain(str(forecast.objective), 2 * MAX_NAME)}: {said}"


def _case_text(fact: CaseFact) -> str:
    case, came = fact.case, "no breach came"
    if case.breached:
        after = fact.onset_s
        came = f"a breach came {format_about(after)} later" if after else "a breach came"
    text = f"{format_about(fact.age_s)} ago the local forecast said {case.chance:.0%}: {came}"
    if case.verdict is not None:
        note = f": {plain(case.verdict.note, MAX_NAME)}" if case.verdict.note else ""
        text += f", a person {case.verdict.decision.value} it{note}"
    return text


def _share(pct: float | None) -> str:
    return "unknown" if pct is None else f"{pct:.1f} %"
