"""What Prometheus is asked and what it answers, as pure functions on plain data: no I/O."""

from __future__ import annotations

import heapq
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, NamedTuple

from perftui.errors import SourceError
from perftui.model.series import Point
from perftui.model.text import plain, without_password

MAX_TEXT = 200
"""Characters kept of any one text of the server."""
PLACES = ("pod", "namespace", "node", "container")
"""The variables that say where a process runs."""

# A string literal or a comment as a whole, so that a variable is seen in its context.
_TOKEN = re.compile(
    r"""(?P<quoted>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|(?P<raw>`[^`]*`)|(?P<comment>\#[^\n]*)"""
    r"""|\$(?P<bare>pid|host|instance|job|k|pod|namespace|node|container)\b""",
    re.DOTALL,
)
_VARIABLE = re.compile(r"\$(pid|host|instance|job|k|pod|namespace|node|container)\b")
_NUMBERS = frozenset({"pid", "k"})


class QueryFailed(SourceError):
    """One query has no usable answer; the others can still be asked."""


class NotPrometheus(SourceError):
    """What answers is not a working Prometheus: nothing else needs to be asked in this poll.

    The message is a sentence without its subject, the URL, where it comes from this module.
    `status` is the HTTP status, where the status is what is wrong.
    """

    def __init__(self, message: str, fix: str = "", status: int | None = None) -> None:
        super().__init__(message, fix)
        self.status = status


def short(text: str) -> str:
    """`text` of the server as harmless data, `MAX_TEXT` characters at most."""
    return plain(text, MAX_TEXT)


# --- what is asked


@dataclass(frozen=True)
class Variables:
    """What `$pid`, `$host`, `$instance`, `$job` and `$k` stand for; None is not known.

    `places` has those of `PLACES` that are known. `why_unknown` says in half a sentence why an
    instance or a job is not.
    """

    pid: int
    host: str
    instance: str | None = None
    job: str | None = None
    why_unknown: str = ""
    k: int = 10
    places: Mapping[str, str] = field(default_factory=dict)

    def value(self, name: str) -> str | None:
        """What stands for `$name`, None if it is not known."""
        if name in PLACES:
            return self.places.get(name)
        return {
            "pid": str(self.pid),
            "host": self.host,
            "instance": self.instance,
            "job": self.job,
            "k": str(self.k),
        }[name]

    @property
    def labels(self) -> Mapping[str, str]:
        """The labels by which Prometheus knows the target, those that are known."""
        found = {name: self.value(name) for name in ("instance", "job", *PLACES)}
        return {name: value for name, value in found.items() if value is not None}


def needed(query: str) -> frozenset[str]:
    """The names, without `$`, of the variables in `query`; comments do not count."""
    names: set[str] = set()
    for token in _TOKEN.finditer(query):
        if token["bare"]:
            names.add(token["bare"])
        elif not token["comment"]:
            names.update(_VARIABLE.findall(token[0]))
    return frozenset(names)


def substitute(query: str, variables: Variables) -> str:
    """`query` with its variables filled in, so that no value can end the literal it stands in.

    In a string literal the value is escaped for that literal; outside of one `$pid` and `$k` become
    numbers and the others string literals. Every other `$` stays. QueryFailed where a value is not
    known, or cannot be written where it stands.
    """

    def value_of(name: str) -> str:
        value = variables.value(name)
        if value is None:
            reason = variables.why_unknown
            if name in PLACES:
                reason = f"nothing here tells the {name} of process {variables.pid}"
            why = f", as {reason}" if reason else ""
            raise QueryFailed(f"${name} is not known{why}.", f'Set [prometheus] {name} = "…".')
        return value

    def raw(match: re.Match[str]) -> str:
        value = value_of(match[1])
        if "`" in value:
            raise QueryFailed(
                f"the value of ${match[1]} has a backtick, which `…` cannot hold.",
                "Write that string in double quotes.",
            )
        return value

    def fill(token: re.Match[str]) -> str:
        text = token[0]
        if name := token["bare"]:
            value = value_of(name)
            return value if name in _NUMBERS else f'"{_escape(value, chr(34))}"'
        if token["quoted"]:
            return _VARIABLE.sub(lambda match: _escape(value_of(match[1]), text[0]), text)
        return _VARIABLE.sub(raw, text) if token["raw"] else text

    return _TOKEN.sub(fill, query)


def _escape(value: str, quote: str) -> str:
    # PromQL's literals are Go's: in "…" an escaped ' is an error, and the other way round.
    value = value.replace("\\", "\\\\").replace(quote, "\\" + quote)
    return re.sub(r"[\x00-\x1f\x7f]", lambda match: f"\\x{ord(match[0]):02x}", value)


# --- what it answers


def read_answer(status: int, body: bytes, location: str | None = None) -> Mapping[str, Any]:
    """The `data` of an answer of Prometheus's HTTP API; a bare list is its `values`.

    `location` is where a redirect leads. QueryFailed with Prometheus's own reason where it refuses
    the query; NotPrometheus for anything that is no answer of a Prometheus.
    """
    if 300 <= status < 400:
        where = f" to {short(without_password(location))}" if location else ""
        raise NotPrometheus(
            f"redirects{where}, which is not followed.",
            "Set the URL of Prometheus itself.",
            status,
        )
    if status in (401, 403):
        raise NotPrometheus(f"refuses access ({_named(status)}).", "", status)
    try:
        # A hook in Python lets other threads run between two objects; else a long answer is one
        # call that holds the GIL to its end.
        answer = json.loads(body, object_hook=_same)
    except (ValueError, RecursionError):
        raise _no_json(status, body) from None
    if isinstance(answer, dict) and answer.get("status") == "error":
        reason = answer.get("error")
        shown = short(reason).rstrip(". ") if isinstance(reason, str) else _named(status)
        raise QueryFailed(f"{shown}.")
    if status != HTTPStatus.OK:
        raise NotPrometheus(f"answers {_named(status)}.", "", status)
    data = answer.get("data") if isinstance(answer, dict) else None
    if isinstance(data, list):
        data = {"values": data}
    if not isinstance(data, dict) or answer.get("status") != "success":
        raise _other_shape()
    return data


def _same(value: dict[str, Any]) -> dict[str, Any]:
    return value


def _named(status: int) -> str:
    try:
        return f"HTTP {status} {HTTPStatus(status).phrase}"
    except ValueError:
        return f"HTTP {status}"


def _no_json(status: int, body: bytes) -> NotPrometheus:
    if status != HTTPStatus.OK:
        hint = "Is this the URL of Prometheus?" if status == HTTPStatus.NOT_FOUND else ""
        return NotPrometheus(f"answers {_named(status)}.", hint, status)
    start = body[:200].lstrip()
    if start.startswith(b"<"):
        what = "answers with a web page in place of JSON."
    elif start[:1] in (b"{", b"["):
        what = "answers with broken JSON, perhaps cut off."
    else:
        what = "answers with something that is not JSON."
    return NotPrometheus(what, "Is this the URL of Prometheus?")


def _other_shape() -> NotPrometheus:
    return NotPrometheus("answers with JSON of another shape.", "Is this the URL of Prometheus?")


Labels = tuple[tuple[str, str], ...]
"""Sorted pairs, without `__name__`."""


class Sample(NamedTuple):
    """One series of an answer: its labels and its value now."""

    labels: Labels
    point: Point


class Answer(NamedTuple):
    """The highest samples of one query, in order; what is not a finite number is not among them.

    `returned` counts the series that Prometheus returned, numbers or not; `left_out` those with a
    number that are lower than the samples. `at` is when Prometheus looked, Unix seconds by its
    clock, None where it returned nothing.
    """

    samples: tuple[Sample, ...]
    returned: int
    left_out: int = 0
    at: float | None = None


def read_samples(data: Mapping[str, Any], most: int | None = None) -> Answer:
    """The samples in the `data` of an instant query: an instant vector or a scalar.

    `most` are kept, all with None.

    QueryFailed for results that are no samples, NotPrometheus for JSON of another shape. Shapes:
    https://prometheus.io/docs/prometheus/latest/querying/api/#expression-query-result-formats
    """
    kind, result = data.get("resultType"), data.get("result")
    if kind == "string":
        raise QueryFailed("it gives a string, not numbers.")
    if kind == "matrix":
        raise QueryFailed("it gives ranges of values.", "Put a function like rate() around it.")
    if kind == "scalar":
        return _answer([Sample((), _point(result))], most)
    if kind != "vector" or not isinstance(result, list):
        raise _other_shape()
    return _answer([_sample(entry) for entry in result], most)


def _answer(samples: list[Sample], most: int | None) -> Answer:
    # Labels that are the same once cut cannot be told apart; the highest stands for them.
    distinct: dict[Labels, Sample] = {}
    for sample in samples:
        if math.isfinite(sample.point.value):
            known = distinct.setdefault(sample.labels, sample)
            if sample.point.value > known.point.value:
                distinct[sample.labels] = sample
    count = len(distinct) if most is None else most
    # Not sort(), which holds the GIL to its end.
    kept = heapq.nsmallest(count, distinct.values(), key=lambda s: (-s.point.value, s.labels))
    at = samples[0].point.at if samples else None
    return Answer(tuple(kept), len(samples), len(distinct) - len(kept), at)


def read_ranges(
    data: Mapping[str, Any], wanted: Iterable[Labels]
) -> Mapping[Labels, tuple[Point, ...]]:
    """The points of the series with `wanted` labels, oldest first, in the `data` of a range query.

    What is not a finite number is a gap. Errors as in :func:`read_samples`.
    """
    result = data.get("result")
    if data.get("resultType") != "matrix" or not isinstance(result, list):
        raise _other_shape()
    found: dict[Labels, tuple[Point, ...]] = {}
    looked_for = set(wanted)
    for entry in result:
        labels = _labels(entry)
        if labels not in looked_for:
            continue
        values = entry.get("values", [])
        if not isinstance(values, list):
            raise _other_shape()
        points = [point for point in map(_point, values) if math.isfinite(point.value)]
        # As in _answer: of those that cannot be told apart the one that is highest now.
        other = found.get(labels)
        if points and (other is None or points[-1].value > other[-1].value):
            found[labels] = tuple(points)
    return found


def read_names(data: Mapping[str, Any]) -> frozenset[str]:
    """The values of a label in the `data` of /api/v1/label/…/values."""
    values = data.get("values")
    if not isinstance(values, list):
        raise _other_shape()
    return frozenset(value for value in values if isinstance(value, str))


def _sample(entry: object) -> Sample:
    labels = _labels(entry)
    assert isinstance(entry, dict)  # noqa: S101 - _labels has checked it
    if "value" not in entry and "histogram" in entry:
        raise QueryFailed("it gives histograms.", "Put histogram_quantile() around it.")
    return Sample(labels, _point(entry.get("value")))


def _labels(entry: object) -> Labels:
    if not isinstance(entry, dict) or not isinstance(entry.get("metric"), dict):
        raise _other_shape()
    labels = entry["metric"]
    if not all(isinstance(value, str) for value in labels.values()):
        raise _other_shape()
    kept = ((short(name), short(value)) for name, value in labels.items() if name != "__name__")
    return tuple(sorted(kept))


def _point(pair: object) -> Point:
    """`[Unix seconds, "value"]`, the value perhaps NaN or infinite."""
    match pair:
        case [int() | float() as at, str() as text] if not isinstance(at, bool):
            pass
        case _:
            raise _other_shape()
    try:
        at_s, value = float(at), float(text)
    except (ValueError, OverflowError):
        raise _other_shape() from None
    if not math.isfinite(at_s):
        raise _other_shape()
    return Point(at_s, value)
