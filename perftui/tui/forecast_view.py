"""From forecasts to the lines of the forecast pane. No widgets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from perftui.model.findings import LOCAL, Finding, Forecast, ForecastState, LlmState, Mitigation
from perftui.model.present import format_age, format_probability, format_span, format_value
from perftui.model.question import Explanation
from perftui.model.snapshot import Snapshot
from perftui.model.text import plain
from perftui.model.warning import LIKELY, describe, said

MOST_FINDINGS = 2
"""So many patterns are shown whole: who is tired reads no more."""
OLD_S, OLD_SHARE = 10.0, 1 / 20
"""A forecast older than this, and than this part of its horizon, says its age: the next one should
have come."""


@dataclass(frozen=True)
class Line:
    """One paragraph of the pane; `tone` is title, alarm, quiet or empty; `indent` in cells."""

    text: str
    tone: str = ""
    indent: int = 0


def forecast_lines(snapshot: Snapshot) -> list[Line]:
    """The whole pane: the most urgent local forecast, the patterns that hold, what the LLM says,
    the other objectives."""
    now = snapshot.taken_at
    local = sorted((f for f in snapshot.forecasts if f.by == LOCAL), key=_urgency)
    lines: list[Line] = []
    for forecast in local[:1]:
        lines += [*_local(forecast, now), Line("")]
    if not local:
        lines += [Line("local forecast: learning", "quiet"), Line("")]
    for finding in snapshot.findings[:MOST_FINDINGS]:
        lines += [*_finding(finding), Line("")]
    more = [plain(finding.name) for finding in snapshot.findings[MOST_FINDINGS:]]
    if more:
        lines += [Line(f"seen, too: {', '.join(more)}", "quiet"), Line("")]
    for forecast in snapshot.forecasts:
        if forecast.by != LOCAL:
            lines += [*_advice(forecast, now), Line("")]
    lines += [*_llm(snapshot), Line("")]
    for forecast in local[1:]:
        lines += [*_local(forecast, now), Line("")]
    return lines[:-1]


_URGENT = (ForecastState.IN_BREACH, ForecastState.OK, ForecastState.NO_SKILL)


def _urgency(forecast: Forecast) -> tuple[int, float]:
    rank = _URGENT.index(forecast.state) if forecast.state in _URGENT else len(_URGENT)
    return rank, -(forecast.probability or 0.0)


def _local(forecast: Forecast, now: float) -> Iterator[Line]:
    horizon_s = forecast.objective.horizon_s
    yield Line(describe(forecast), "title")
    if forecast.state is ForecastState.LEARNING:
        yield Line(said(forecast, now), "quiet")
    else:
        likely = (forecast.probability or 0.0) >= LIKELY
        urgent = likely or forecast.state is ForecastState.IN_BREACH
        yield Line(f"{'▲ ' if urgent else ''}{said(forecast, now)}", "alarm" if urgent else "")
        if forecast.state is ForecastState.OK and forecast.base_rate is None:
            yield Line(f"how usual that is shows after {format_span(2 * horizon_s)}", "quiet")
        if forecast.summary:
            yield Line(plain(forecast.summary), "quiet")
        for number, fact in enumerate(forecast.evidence):
            yield Line(f"{'     ' if number else 'Why  '}{plain(fact.text)}", "quiet", indent=5)
    unchecked = f"no record yet: the first is checked after {format_span(horizon_s)}"
    yield Line(forecast.record or unchecked, "quiet")
    age = now - forecast.made_at
    if now > forecast.expires_at:
        yield Line(f"expired: made {format_age(age)} ago", "alarm")
    elif age > max(OLD_S, OLD_SHARE * horizon_s):
        yield Line(f"made {format_age(age)} ago", "quiet")


def _advice(forecast: Forecast, now: float) -> Iterator[Line]:
    chance = format_probability(forecast.probability)
    ahead = format_span(forecast.objective.horizon_s)
    yield Line(f"{plain(forecast.by)} on {describe(forecast)}", "title")
    if forecast.probability is None:
        yield Line("inconclusive", "quiet")
    else:
        yield Line(f"{chance} within {ahead}")
    if forecast.record:
        yield Line(plain(forecast.record), "quiet")
    if forecast.summary:
        yield Line(plain(forecast.summary))
    if now > forecast.expires_at:
        yield Line(f"expired: made {format_age(now - forecast.made_at)} ago", "alarm")
    yield from argued(forecast)


def argued(answer: Forecast | Explanation) -> Iterator[Line]:
    """What a model claims, what it proposes, and the evidence that it cites."""
    for claim in answer.claims:
        mark = "" if claim.verified else "  [unverified]"
        cited = " ".join(claim.evidence) or "no evidence"
        yield Line(f"Why  {plain(claim.text)} ({plain(cited)}){mark}", indent=5)
    yield from _advised(answer.mitigations, answer.disconfirming_check)
    cited_ids = {evidence for claim in answer.claims for evidence in claim.evidence}
    for fact in answer.evidence:
        if fact.id in cited_ids:
            value = f" = {format_value(fact.value, fact.unit)}" if fact.value is not None else ""
            yield Line(f"{fact.id}  {plain(fact.text)}{value}", "quiet", indent=4)


def _finding(finding: Finding) -> Iterator[Line]:
    """A pattern that holds: what it means, what was seen, and what to do."""
    yield Line(f"Seen {plain(finding.says)}", indent=5)
    for fact in finding.evidence:
        yield Line(f"     {plain(fact.text)}", "quiet", indent=5)
    yield from _advised(finding.mitigations, finding.check)


def _advised(mitigations: Sequence[Mitigation], check: str | None) -> Iterator[Line]:
    for number, mitigation in enumerate(mitigations, 1):
        risk = f" (risk: {plain(mitigation.risk)})" if mitigation.risk else ""
        why = f": {plain(mitigation.why)}" if mitigation.why else ""
        mark = "" if mitigation.listed else "  [unlisted]"
        yield Line(f"Do   {number} {plain(mitigation.action)}{why}{risk}{mark}", indent=5)
    if check:
        yield Line(f"Check {plain(check)}", "quiet", indent=6)


def _llm(snapshot: Snapshot) -> Iterator[Line]:
    llm = snapshot.llm
    message = plain(llm.message)
    if llm.state is LlmState.OFF:
        yield Line(f"LLM {message or 'off'}", "quiet")
        return
    model = plain(llm.model or "LLM")
    answered = (
        f"answered {format_age(snapshot.taken_at - llm.last_at)} ago"
        if llm.last_at is not None
        else "no answer yet"
    )
    asking = "asking, Esc cancels… " if llm.calling else ""
    yield Line(f"{model}  {asking}{answered}", "quiet")
    if llm.partial:
        yield Line(f"{plain(llm.partial)}…")
    if llm.month_usd is not None and llm.cap_usd is not None:
        month = f"${llm.month_usd:.2f} of ${llm.cap_usd:.2f} this month"
        day = "" if llm.day_usd is None else f", ${llm.day_usd:.2f} in 24 h"
        about = "" if llm.projected_usd is None else f", ${llm.projected_usd:.2f} at this pace"
        yield Line(f"${llm.cost_usd:.4f} this run{day}, {month}{about}", "quiet")
    if llm.state is not LlmState.OK:
        since = format_age(snapshot.taken_at - llm.since) if llm.since is not None else "–"
        yield Line(f"{llm.state.value.upper()} for {since}: {message}", "alarm")
    elif message:
        yield Line(message, "quiet")
