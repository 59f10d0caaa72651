"""The evidence table: the few numbered facts of a snapshot that an analysis may cite.

E1… are metrics, P1… the hottest functions, T1… the busiest threads, L1… the newest events, F1… the
local forecasts, C1… similar past cases, H1… patterns that hold, Q1… what tools gave. The same
snapshot always gives the same table. Facts hold real names; what leaves the host is made from them
by `prompt`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from perftui.advisor.patterns import shipped
from perftui.advisor.rows import (
    CaseFact,
    EventFact,
    Facts,
    ForecastFact,
    FunctionFact,
    MetricFact,
    PatternFact,
    ThreadFact,
)
from perftui.model.calltree import CallTree, hottest
from perftui.model.findings import Finding, Forecast, ForecastState
from perftui.model.noise import margin_pct
from perftui.model.objective import Objective
from perftui.model.past import PastCase
from perftui.model.profile import FunctionRow, Profile, profile
from perftui.model.question import Question
from perftui.model.series import BUILT_IN, Origin, Series, SeriesKey, robust_z, slope_per_s
from perftui.model.snapshot import Snapshot
from perftui.model.stacks import CUT, FunctionKey, Place, Window, of_newest_kind
from perftui.pattern_settings import PatternSettings

RECENT_S = 10.0
"""The span that "now" means for functions, in seconds."""

MAX_METRICS = 24
FAR, MAX_FAR = 3.5, 6
"""A metric so many standard deviations from the values before tells something; the first few of
those that are farthest come before others that nobody asked for."""
MAX_SERIES_PER_NAME = 4
MAX_FUNCTIONS = 12
MAX_CALLERS = 2
MAX_FORECASTS = 8
MAX_FINDINGS = 3
MAX_THREADS = 6
MAX_EVENTS = 8

_ORDER = [Origin.PROCESS, Origin.PROMETHEUS, Origin.LOG, Origin.HOST, Origin.SCRAPE]
"""Whose metrics come first after those of the objectives: a page can have a thousand of them."""
_MAIN = {*BUILT_IN[: BUILT_IN.index("cpu_user")], "host_cpu", "load1", "mem_available"}
_DETAILS = frozenset(BUILT_IN) - _MAIN
"""What a process and its host have beside the main figures; it comes last."""


def facts(snapshot: Snapshot, asked: Question | None = None) -> Facts:
    """The numbered facts of `snapshot`, for a forecast or for what a person asks."""
    local = snapshot.local
    question = _question(local, snapshot.objectives) if asked is None else None
    # The forecast in question is always in the table, however many objectives there are.
    local.sort(key=lambda forecast: forecast.objective != question)
    recent_s = RECENT_S
    if asked is not None and asked.start is not None:
        recent_s = snapshot.taken_at - asked.start
    since = snapshot.taken_at - recent_s
    newest = [window for window in snapshot.windows if window.end > since]
    recent = profile(newest, since, snapshot.taken_at, gil_windows=snapshot.gil_windows)
    older = [window for window in snapshot.windows if window.end <= since]
    before = profile(older, snapshot.since, since)
    functions = _functions(recent, before, asked.place if asked else None)
    functions = _with_callers(functions, newest or older)
    metrics = _metrics(snapshot, asked.metric if asked else None)
    return Facts(
        metrics=metrics,
        functions=functions,
        forecasts=tuple(
            ForecastFact(f"F{number}", forecast)
            for number, forecast in enumerate(local[:MAX_FORECASTS], 1)
        ),
        question=question,
        question_unit=_unit_of(question, snapshot.series),
        recent_s=recent.seconds,
        before_s=before.seconds,
        findings=tuple(
            PatternFact(f"H{number}", pattern)
            for number, pattern in enumerate(_shipped(snapshot.findings)[:MAX_FINDINGS], 1)
        ),
        threads=tuple(
            ThreadFact(f"T{number}", row.thread, row.active_pct, row.gil_pct)
            for number, row in enumerate(recent.threads[:MAX_THREADS], 1)
        ),
        events=_events(snapshot),
        asked=asked,
        about=_about(asked, functions, metrics) if asked else "",
        host=snapshot.target.host,
        command=snapshot.target.cmdline,
    )


def with_cases(table: Facts, cases: Sequence[PastCase], now: float) -> Facts:
    """The table with similar past cases, in their order; `now` in Unix seconds."""
    return replace(
        table,
        cases=tuple(
            CaseFact(f"C{number}", case, max(0.0, now - case.at))
            for number, case in enumerate(cases, 1)
        ),
    )


def _about(
    asked: Question, functions: Sequence[FunctionFact], metrics: Sequence[MetricFact]
) -> str:
    """The row that a question is about; it comes first among its kind, where there is one."""
    if functions and asked.place == functions[0].key[:2]:
        return functions[0].id
    return metrics[0].id if metrics and asked.metric == metrics[0].key else ""


def _events(snapshot: Snapshot) -> tuple[EventFact, ...]:
    """The newest events, the newest first."""
    newest = sorted(snapshot.events, key=lambda event: -event.at)[:MAX_EVENTS]
    return tuple(
        EventFact(
            f"L{number}",
            event,
            max(0.0, snapshot.taken_at - event.at),
            None if event.until is None else event.until - event.at,
        )
        for number, event in enumerate(newest, 1)
    )


def _shipped(findings: Sequence[Finding]) -> list[PatternSettings]:
    """The shipped patterns among what was found, never the user's changes of them."""
    known = {pattern.name: pattern for pattern in shipped()}
    found = (known.get(finding.name) for finding in findings if finding.is_shipped)
    return [pattern for pattern in found if pattern is not None]


def _question(local: Sequence[Forecast], objectives: Sequence[Objective]) -> Objective | None:
    """The objective that is in breach or most at risk, by the local forecast; else the first."""
    broken = next((f.objective for f in local if f.state is ForecastState.IN_BREACH), None)
    if broken is not None:
        return broken
    rated = [(f.probability, f.objective) for f in local if f.probability is not None]
    if rated:
        return max(rated, key=lambda pair: pair[0])[1]
    return next(iter([f.objective for f in local] or objectives), None)


def _unit_of(objective: Objective | None, series: Sequence[Series]) -> str:
    if objective is None:
        return ""
    return next((s.key.unit for s in series if s.key.name == objective.metric), "")


def _metrics(snapshot: Snapshot, first: SeriesKey | None) -> tuple[MetricFact, ...]:
    wanted = {objective.metric for objective in snapshot.objectives}
    distances = {series.key: robust_z(series.points) for series in snapshot.series}
    left = [(abs(z), key) for key, z in distances.items() if z is not None and abs(z) >= FAR]
    left.sort(key=lambda one: (-one[0], one[1].name, one[1].labels))
    far = {key: place for place, (_, key) in enumerate(left[:MAX_FAR])}
    # Of several series of a metric the one that is forecast, then the others from the worst on.
    meant = {(local.objective.metric, local.labels) for local in snapshot.local}
    signs = {o.metric: -1 if o.above else 1 for o in reversed(snapshot.objectives)}
    ranked = sorted(
        snapshot.series,
        key=lambda s: (
            s.key != first,
            s.key.name not in wanted,
            (s.key.name, s.key.labels) not in meant,
            far.get(s.key, MAX_FAR),
            s.key.name in _DETAILS,
            _ORDER.index(s.key.origin),
            s.key.name,
            s.is_stale(snapshot.taken_at),
            signs.get(s.key.name, 0) * s.last.value,
            s.key.labels,
            s.key.unit,
        ),
    )
    seen: Counter[str] = Counter()
    found: list[MetricFact] = []
    for series in ranked:
        seen[series.key.name] += 1
        # One query with a hundred label sets must not crowd out every other metric.
        if seen[series.key.name] > MAX_SERIES_PER_NAME or len(found) == MAX_METRICS:
            continue
        fitted = slope_per_s(series.points)
        is_asked = series.key.origin is Origin.PROMETHEUS
        found.append(
            MetricFact(
                id=f"E{len(found) + 1}",
                key=series.key,
                value=series.last.value,
                age_s=max(0.0, snapshot.taken_at - series.last.at),
                per_min=None if fitted is None else fitted[0] * 60,
                z=distances[series.key],
                over_s=series.last.at - series.points[0].at,
                query=snapshot.queries.get(series.key.name, "") if is_asked else "",
            )
        )
    return tuple(found)


def _functions(recent: Profile, before: Profile, first: Place | None) -> tuple[FunctionFact, ...]:
    now, was = ({row.key: row for row in of.functions} for of in (recent, before))
    # Hottest in either span: a function that has cooled down says as much as one that has risen.
    share = {
        key: max(_own_pct(now.get(key)), _own_pct(was.get(key))) for key in now.keys() | was.keys()
    }
    ranked = sorted(
        (key for key, own_pct in share.items() if own_pct or key[:2] == first),
        key=lambda key: (key[:2] != first, -share[key], key[:2]),
    )
    found: list[FunctionFact] = []
    for key in ranked[:MAX_FUNCTIONS]:
        row = now.get(key) or was[key]
        found.append(
            FunctionFact(
                f"P{len(found) + 1}",
                key,
                now.get(key, _unseen(key, recent)),
                was.get(key, _unseen(key, before)),
                row.line,
            )
        )
    return tuple(found)


def _unseen(key: FunctionKey, of: Profile) -> FunctionRow | None:
    """A function that was not seen: its share is 0 where anything could be."""
    if not of.expected_ticks:
        return None
    return FunctionRow(key, None, 0.0, margin_pct(0, of.expected_ticks), 0.0, 0, 0)


def _own_pct(row: FunctionRow | None) -> float:
    return row.own_pct if row else 0.0


def _with_callers(
    functions: Sequence[FunctionFact], windows: Sequence[Window]
) -> tuple[FunctionFact, ...]:
    """With what called each of them in these windows, directly."""
    tree = CallTree()
    for window in of_newest_kind(windows):
        tree.add(window.stacks)
    return tuple(replace(fact, callers=_callers(tree, fact.key)) for fact in functions)


def _callers(tree: CallTree, key: FunctionKey) -> tuple[tuple[Place, float], ...]:
    called = tree.callers(key.function, key.file)
    known = (node for node in called.children.values() if node.frame != CUT)
    return tuple(
        (Place(node.frame.function, node.frame.file), 100 * node.total / called.total)
        for node in hottest(known, MAX_CALLERS)
    )
