"""Read-only tools: what a model may look at beyond the table, and what it is told.

Each look is at the snapshot that the table was made from, by the ids of its rows; what it gives is
redacted like the table and becomes a row itself, Q1…, that claims can cite and are held to.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from perftui.advisor.outline import outline
from perftui.advisor.redact import Pseudonyms, public_unit
from perftui.advisor.reply import ToolCall
from perftui.advisor.rows import Facts, FunctionFact, LookFact, MetricFact
from perftui.model.event import EventKind
from perftui.model.noise import change
from perftui.model.profile import profile, tally
from perftui.model.series import between, slope_per_s
from perftui.model.snapshot import Snapshot, SourceState
from perftui.model.source import SourceText
from perftui.model.stacks import Frame, Grouping, of_newest_kind
from perftui.model.text import plain

MOST_LOOKS = 3
LEAST_S = 1.0
"""No look is at less than so many seconds."""
MOST_POINTS = 30
MOST_FUNCTIONS = 10
MOST_PATHS = 6
MOST_FRAMES = 14

ReadSource = Callable[[str], SourceText]


def no_source(file: str) -> SourceText:
    """Where no source can be read."""
    return SourceText(file, why="it is not known here")


_Known = tuple[float, str]
"""A number that was told, and its unit."""
_Row = TypeVar("_Row", MetricFact, FunctionFact)


class _Refused(ValueError):
    """Why it may not look, in a few words."""


class _NoLook(ValueError):
    """Why there is nothing to be told, in a few words."""


@dataclass(frozen=True)
class _Told:
    """What a look gives: for the model, and for the screen with real names."""

    content: Mapping[str, Any]
    text: str
    numbers: Sequence[_Known] = ()
    names: Sequence[str] = ()


class Toolbox:
    """The looks at one snapshot: `MOST_LOOKS` at most, and none twice. `names` is not locked."""

    def __init__(
        self, table: Facts, snapshot: Snapshot, names: Pseudonyms, read_source: ReadSource
    ) -> None:
        self._metrics = {fact.id: fact for fact in table.metrics}
        self._functions = {fact.id: fact for fact in table.functions}
        self._snapshot = snapshot
        self._names = names
        self._read_source = read_source
        self._asked: set[tuple[object, ...]] = set()
        self._count = 0
        self._tools: dict[str, Callable[..., _Told]] = {
            "metric_window": self._metric_window,
            "profile_diff": self._profile_diff,
            "call_tree": self._call_tree,
            "source_outline": self._source_outline,
            "alert_rules": self._alert_rules,
        }
        self.looks: list[LookFact] = []
        self.is_spent = False
        """Whether there is no look left: so many were made, or one that is none was asked for."""

    def answers(self, calls: Sequence[ToolCall]) -> Iterator[dict[str, Any]]:
        """A `tool_result` for each call, in their order."""
        for call in calls:
            try:
                said: object = self._look(call)
            except _Refused as error:
                said = {"error": str(error)}
                self.is_spent = True
            text = json.dumps(said, separators=(",", ":"), allow_nan=False)
            result = {"type": "tool_result", "tool_use_id": call.id, "content": text}
            yield result | (
                {"is_error": True} if isinstance(said, Mapping) and "error" in said else {}
            )

    def _look(self, call: ToolCall) -> Mapping[str, Any]:
        tool = self._tools.get(call.name)
        if tool is None:
            raise _Refused("there is no such tool")
        if self._count == MOST_LOOKS:
            raise _Refused(f"only {MOST_LOOKS} looks are allowed: answer now")
        # One at nothing is a look all the same, so that it cannot go on for ever.
        self._count += 1
        self.is_spent = self._count == MOST_LOOKS
        try:
            meant = self._meant(call)
            key = (call.name, *(getattr(value, "id", value) for value in meant))
            if key in self._asked:
                raise _Refused("that was asked before")
            self._asked.add(key)
            told = tool(*meant)
        except _NoLook as error:
            return {"nothing": str(error)}
        look = LookFact(
            f"Q{len(self.looks) + 1}", told.text, tuple(told.numbers), tuple(told.names)
        )
        self.looks.append(look)
        return {"id": look.id, **told.content}

    def _meant(self, call: ToolCall) -> Sequence[Any]:
        """What a tool is to look at, however that is written: a row, and seconds of the span."""
        match call.name:
            case "metric_window":
                row = self._row(call.arguments, self._metrics)
                return row, self._seconds(call.arguments)
            case "profile_diff":
                return (self._seconds(call.arguments),)
            case "call_tree" | "source_outline":
                return (self._row(call.arguments, self._functions),)
        return ()

    def _metric_window(self, fact: MetricFact, seconds: float) -> _Told:
        now = self._snapshot.taken_at
        series = next(s for s in self._snapshot.series if s.key == fact.key)
        points = between(series.points, now - seconds, now)
        if not points:
            raise _NoLook("there is no point in that time")
        step = seconds / MOST_POINTS
        steps: dict[int, list[float]] = {}
        for point in points:
            steps.setdefault(min(MOST_POINTS - 1, int((now - point.at) / step)), []).append(
                point.value
            )
        values = [point.value for point in points]
        fitted = slope_per_s(points)
        means = [
            {"s_ago": _short(step * (place + 0.5)), "mean": _short(sum(v) / len(v))}
            for place, v in sorted(steps.items(), reverse=True)
        ]
        figures = {
            "min": min(values),
            "max": max(values),
            "mean": sum(values) / len(values),
            "per_min": None if fitted is None else fitted[0] * 60,
        }
        unit = fact.key.unit
        known = [*figures.values(), *(m["mean"] for m in means)]
        return _Told(
            {
                "row": fact.id,
                "unit": public_unit(unit),
                "seconds": seconds,
                **{name: _short(v) for name, v in figures.items()},
                "means": means,
            },
            f"{fact.key.name} over {seconds:g} s: {min(values):.4g} to {max(values):.4g} {unit}",
            [
                *((v, unit) for v in known if v is not None),
                *((m["s_ago"], "s") for m in means),
                (seconds, "s"),
            ],
            [self._names.metric(fact.key.name)],
        )

    def _profile_diff(self, seconds: float) -> _Told:
        snapshot = self._snapshot
        cut = snapshot.taken_at - seconds
        late = [w for w in snapshot.windows if w.start >= cut]
        early = [w for w in snapshot.windows if w.start < cut]
        now = profile(late, cut, snapshot.taken_at)
        before = profile(early, snapshot.since, cut)
        if not now.expected_ticks or not before.expected_ticks:
            raise _NoLook("nothing was sampled in one of the two spans")
        was = {row.key: row for row in before.functions}
        is_ = {row.key: row for row in now.functions}
        changes = []
        for key in was.keys() | is_.keys():
            new, old = is_.get(key), was.get(key)
            changed = change(
                (new.own_samples if new else 0, now.expected_ticks),
                (old.own_samples if old else 0, before.expected_ticks),
            )
            if changed.beyond_noise:
                changes.append((changed, key, new, old))
        changes.sort(key=lambda one: (-abs(one[0].points), one[1][:2]))
        told = [
            {
                "name": self._names.function(key.function, key.file),
                "own_now": _short(new.own_pct if new else 0.0),
                "own_before": _short(old.own_pct if old else 0.0),
                "change": _short(changed.points),
                "margin": _short(changed.margin),
            }
            for changed, key, new, old in changes[:MOST_FUNCTIONS]
        ]
        first = changes[0] if changes else None
        text = (
            f"{plain(first[1].function, 60)} changed most in {seconds:g} s: "
            f"{first[0].points:+.1f} points"
            if first
            else f"no function changed beyond its noise in {seconds:g} s"
        )
        return _Told(
            {"seconds": seconds, "functions": told},
            text,
            [
                *((v, "%") for row in told for k, v in row.items() if k != "name"),
                (seconds, "s"),
            ],
            [str(row["name"]) for row in told],
        )

    def _call_tree(self, fact: FunctionFact) -> _Told:
        above: Counter[tuple[Frame, ...]] = Counter()
        below: Counter[Frame] = Counter()
        own = total = 0
        for window in of_newest_kind(self._snapshot.windows):
            for (_, stack), count in window.stacks.items():
                at = next((n for n, f in enumerate(stack) if f.is_of(*fact.key[:2])), None)
                if at is None:
                    continue
                total += count
                nearest = stack.frames[max(0, at - MOST_FRAMES) : at]
                above[tuple(frame.without_line() for frame in nearest)] += count
                if at + 1 == len(stack):
                    own += count
                else:
                    below[stack[at + 1].without_line()] += count
        if not total:
            raise _NoLook("it is in no stack at present")
        named = self._names.function
        paths = [
            {
                "share": _short(100 * count / total),
                "through": [named(f.function, f.file) for f in path],
            }
            for path, count in above.most_common(MOST_PATHS)
        ]
        calls = [
            {"share": _short(100 * count / total), "name": named(f.function, f.file)}
            for f, count in below.most_common(MOST_PATHS)
        ]
        own_share = _short(100 * own / total)
        return _Told(
            {"row": fact.id, "own_share": own_share, "reached": paths, "calls": calls},
            f"how {plain(fact.key.function, 60)} is reached, and what it calls",
            [(own_share, "%"), *((one["share"], "%") for one in (*paths, *calls))],
            [
                named(fact.key.function, fact.key.file),
                *(name for one in paths for name in one["through"]),
                *(c["name"] for c in calls),
            ],
        )

    def _source_outline(self, fact: FunctionFact) -> _Told:
        source = self._read_source(fact.key.file)
        if source.why:
            raise _NoLook(f"there is no source: {source.why}")
        if source.is_stale:
            raise _NoLook("its file has changed since the program began")
        windows = of_newest_kind(self._snapshot.windows)
        ticks = sum(window.expected_ticks for window in windows)
        spent = tally(windows, Grouping()).lines.get(fact.key, {}) if ticks else {}
        shares = {line: 100 * count / ticks for line, count in spent.items()}
        try:
            rows = outline(source.lines, fact.key.function, fact.line, shares)
        except ValueError as error:
            raise _NoLook(str(error)) from None
        if not self._names.share.library_names:
            # With numbers alone not even a library's function is named.
            rows = [replace(row, notes=()) for row in rows]
        told = [
            {"line": row.offset, "depth": row.depth, "is": row.kind}
            | ({"does": row.notes} if row.notes else {})
            | ({"own": _short(row.own_pct)} if row.own_pct else {})
            for row in rows
        ]
        return _Told(
            {"row": fact.id, "outline": told},
            f"the outline of {plain(fact.key.function, 60)}",
            [
                *((row.own_pct, "%") for row in rows if row.own_pct),
                *((float(row.offset), "") for row in rows),
            ],
            [
                self._names.function(fact.key.function, fact.key.file),
                *sorted({note for row in rows for note in row.notes}),
            ],
        )

    def _alert_rules(self) -> _Told:
        # A model's own earlier forecast is about the same objective, and knows of no breach.
        states = {forecast.objective: forecast for forecast in self._snapshot.local}
        now = self._snapshot.taken_at
        rules = [
            {
                "metric": self._names.metric(one.metric),
                "breach": "above" if one.above else "below",
                "threshold": _short(one.threshold),
                "hold_s": one.hold_s,
                "state": states[one].state.value if one in states else "unknown",
            }
            for one in self._snapshot.objectives
        ]
        source = self._snapshot.source("prometheus")
        is_known = source is not None and source.state is not SourceState.FAILED
        on = [e for e in self._snapshot.events if e.kind is EventKind.ALERT and e.until is None]
        firing = [
            {"alert": f"alert_{number}", "firing_s": _short(now - event.at)}
            for number, event in enumerate(on if is_known else (), 1)
        ]
        # Who cannot ask Prometheus does not know whether the last ones still fire.
        told = f"{len(firing)} alerts that fire" if is_known else "of alerts nothing is known"
        return _Told(
            {"objectives": rules, "alerts": firing if is_known else None},
            f"{len(rules)} objectives, {told}",
            [
                *((one.threshold, "") for one in self._snapshot.objectives),
                *((one.hold_s, "s") for one in self._snapshot.objectives),
                *((a["firing_s"], "s") for a in firing),
            ],
            [str(rule["metric"]) for rule in rules] + [str(a["alert"]) for a in firing],
        )

    def _seconds(self, arguments: Mapping[str, Any]) -> float:
        seconds = arguments.get("seconds")
        longest = self._snapshot.taken_at - self._snapshot.since
        if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not seconds > 0:
            raise _NoLook("seconds must be a number above 0")
        # Held to the span first: not every number fits into a float.
        return max(LEAST_S, float(min(seconds, longest)))

    def _row(self, arguments: Mapping[str, Any], rows: Mapping[str, _Row]) -> _Row:
        row = arguments.get("row")
        fact = rows.get(row.strip("[] ").upper()) if isinstance(row, str) else None
        if fact is None:
            raise _NoLook(f"row must be one of {', '.join(rows) or 'none'}")
        return fact


def _short(value: float | None) -> Any:
    short = math.nan if value is None else float(f"{value:.4g}")
    # A mean of the largest floats is none any more.
    return short if math.isfinite(short) else None
