"""From forecasts to the lines of the forecast pane. No widgets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from perftui.model.findings import LOCAL, Finding, Forecast, ForecastState, LlmState, Mitigation
from perftui.model.present import (
    format_about,
    format_age,
    format_clock,
    format_probability,
    format_span,
)
from perftui.model.question import Explanation
from perftui.model.snapshot import Snapshot
from perftui.model.text import plain
from perftui.model.verdict import SNOOZE_S, Decision, Item, Verdict, decide
from perftui.model.warning import LIKELY, describe, said

MOST_FINDINGS = 2
"""So many patterns are shown whole: who is tired reads no more."""
SIGNS = {Decision.ACCEPTED: "✓", Decision.REJECTED: "✗", Decision.SNOOZED: "z"}
LONG_AGO_S = 3600.0
"""A verdict that is older than this says its age."""
MOST_NAME = 20
OLD_S, OLD_SHARE = 10.0, 1 / 20
"""A forecast older than this, and than this part of its horizon, says its age: the next one should
have come."""


@dataclass(frozen=True)
class Line:
    """One paragraph of the pane; `tone` is title, alarm, quiet or empty; `indent` in cells. With
    `item` it is what a person can decide on."""

    text: str
    tone: str = ""
    indent: int = 0
    item: Item | None = None

    @property
    def selected(self) -> Line:
        """The same with a sign that it is what a key would decide on."""
        if self.text.startswith(_DO):
            return replace(self, text=f"{_DO[:-2]}▸ {self.text[len(_DO) :]}")
        return replace(self, text=f"▸ {self.text}", indent=self.indent or 2)


def forecast_lines(snapshot: Snapshot) -> list[Line]:
    """The whole pane: the most urgent local forecast, the patterns that hold, what the LLM says,
    the other objectives."""
    lines = _lines(snapshot)
    stand = {verdict.item: verdict for verdict in snapshot.verdicts}
    return [part for line in lines for part in _with_verdict(line, stand, snapshot.taken_at)]


def question_of(item: Item, decision: Decision, now: float) -> str:
    """What is asked before a verdict is kept, in at most 76 cells."""
    name = plain(item.name, MOST_NAME)
    verb = {
        Decision.ACCEPTED: f"accepts {name}",
        Decision.REJECTED: f"rejects {name}",
        Decision.SNOOZED: f"snoozes {name} for {_snooze_span(item, now)}",
    }[decision]
    return f"a note, or none; Enter {verb}, Esc does not"


def _snooze_span(item: Item, now: float) -> str:
    ends = decide(item, Decision.SNOOZED, now).until - now
    return format_span(SNOOZE_S) if ends == SNOOZE_S else format_about(ends)


def _with_verdict(line: Line, stand: Mapping[Item, Verdict], now: float) -> Iterator[Line]:
    """What a person has decided stands below what it was decided on."""
    yield line
    verdict = stand.get(line.item) if line.item is not None else None
    if verdict is None:
        return
    words = f"{SIGNS[verdict.decision]} {verdict.decision.value}"
    if verdict.decision is Decision.SNOOZED:
        words += f" until {format_clock(verdict.until)}"
    elif now - verdict.at > LONG_AGO_S:
        words += f" {format_about(now - verdict.at)} ago"
    if verdict.note:
        words += f": {plain(verdict.note)}"
    margin = line.indent * " "
    yield Line(f"{margin}{words}", indent=line.indent + 2)


def _lines(snapshot: Snapshot) -> list[Line]:
    now = snapshot.taken_at
    local = sorted(snapshot.local, key=_urgency)
    lines: list[Line] = []
    for forecast in local[:1]:
        lines += [*_local(forecast, now), Line("")]
    if not local:
        lines += [Line("local forecast: learning", "quiet"), Line("")]
    # Who has allowed an LLM wants its word first: it weighs what the patterns say, too.
    llm: list[Line] = []
    for forecast in snapshot.forecasts:
        if forecast.by != LOCAL:
            llm += [*_advice(forecast, now), Line("")]
    llm += [*_llm(snapshot), Line("")]
    is_off = snapshot.llm.state is LlmState.OFF
    lines += [] if is_off else llm
    for finding in snapshot.findings[:MOST_FINDINGS]:
        lines += [*_finding(finding), Line("")]
    more = [plain(finding.name) for finding in snapshot.findings[MOST_FINDINGS:]]
    if more:
        lines += [Line(f"seen, too: {', '.join(more)}", "quiet"), Line("")]
    lines += llm if is_off else []
    for forecast in local[1:]:
        lines += [*_local(forecast, now), Line("")]
    return lines[:-1]


_DO = "Do   "
_URGENT = (ForecastState.IN_BREACH, ForecastState.OK, ForecastState.NO_SKILL)


def _urgency(forecast: Forecast) -> tuple[int, float]:
    rank = _URGENT.index(forecast.state) if forecast.state in _URGENT else len(_URGENT)
    return rank, -(forecast.probability or 0.0)


def _local(forecast: Forecast, now: float) -> Iterator[Line]:
    horizon_s = forecast.objective.horizon_s
    yield _title(describe(forecast), forecast, now)
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


def _title(text: str, forecast: Forecast, now: float) -> Line:
    """What is forecast; as long as its chance is one of what is to come, a person can decide on
    it."""
    is_open = forecast.probability is not None and now < forecast.expires_at
    named = replace(Item.of(forecast), name=text)
    return Line(text, "title", item=named if is_open else None)


def _advice(forecast: Forecast, now: float) -> Iterator[Line]:
    chance = format_probability(forecast.probability)
    ahead = format_span(forecast.objective.horizon_s)
    yield _title(f"{plain(forecast.by)} on {describe(forecast)}", forecast, now)
    if forecast.probability is not None:
        yield Line(f"{chance} within {ahead}")
    elif forecast.said is None:
        yield Line("inconclusive", "quiet")
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
    if counted := _counted(answer):
        yield Line(counted, indent=5)
    # Of what answers a person's own question nothing is decided, and nothing scored.
    said = answer if isinstance(answer, Forecast) else None
    yield from _advised(said, answer.mitigations, answer.disconfirming_check)
    cited_ids = {evidence for claim in answer.claims for evidence in claim.evidence}
    for fact in answer.evidence:
        if fact.id in cited_ids:
            yield Line(f"{fact.id}  {plain(fact.text)}", "quiet", indent=4)


def _counted(answer: Forecast | Explanation) -> str:
    """How much of it the evidence does not bear out, and is on no list; empty where all is well."""
    claims, actions = answer.claims, answer.mitigations
    unverified = sum(not claim.verified for claim in claims)
    unlisted = sum(not action.listed for action in actions)
    parts = [f"{unverified} of {len(claims)} claims unverified"] if unverified else []
    parts += [f"{unlisted} of {len(actions)} actions unlisted"] if unlisted else []
    return f"     {', '.join(parts)}" if parts else ""


def _finding(finding: Finding) -> Iterator[Line]:
    """A pattern that holds: what it means, what was seen, and what to do."""
    yield Line(f"Seen {plain(finding.says)}", indent=5)
    for fact in finding.evidence:
        yield Line(f"     {plain(fact.text)}", "quiet", indent=5)
    yield from _advised(finding, finding.mitigations, finding.check)


def _advised(
    said: Forecast | Finding | None, mitigations: Sequence[Mitigation], check: str | None
) -> Iterator[Line]:
    for number, mitigation in enumerate(mitigations, 1):
        risk = f" (risk: {plain(mitigation.risk)})" if mitigation.risk else ""
        why = f": {plain(mitigation.why)}" if mitigation.why else ""
        mark = "" if mitigation.listed else "  [unlisted]"
        text = f"{_DO}{number} {plain(mitigation.action)}{why}{risk}{mark}"
        item = None if said is None else Item.of(said, mitigation)
        yield Line(text, indent=5, item=item)
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
        month = f"{_usd(llm.month_usd)} of {_usd(llm.cap_usd)} this month"
        day = "" if llm.day_usd is None else f", {_usd(llm.day_usd)} in 24 h"
        about = "" if llm.projected_usd is None else f", {_usd(llm.projected_usd)} at this pace"
        call = "" if llm.call_usd is None else f"{_usd(llm.call_usd)} the last call, "
        yield Line(f"{call}{_usd(llm.cost_usd)} this run{day}, {month}{about}", "quiet")
    if llm.state is not LlmState.OK:
        since = format_age(snapshot.taken_at - llm.since) if llm.since is not None else "–"
        yield Line(f"{llm.state.value.upper()} for {since}: {message}", "alarm")
    elif message:
        yield Line(message, "quiet")


def _usd(dollars: float) -> str:
    """With more digits below ten cents: what costs something is not shown as free."""
    return f"${dollars:.4f}" if 0 < dollars < 0.1 else f"${dollars:.2f}"
