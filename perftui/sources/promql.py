"""What Prometheus is asked and what it answers, as pure functions on plain data: no I/O."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from perftui.errors import SourceError
from perftui.model.series import Point
from perftui.model.text import plain

MAX_TEXT = 200
"""Characters kept of any one text of the server."""

# A string literal or a comment as a whole, so that a variable is seen in its context.
_TOKEN = re.compile(
    r"""(?P<quoted>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|(?P<raw>`[^`]*`)|(?P<comment>\#[^\n]*)"""
    r"""|\$(?P<bare>pid|host|instance|job)\b""",
    re.DOTALL,
)
_VARIABLE = re.compile(r"\$(pid|host|instance|job)\b")


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
    """What `$pid`, `$host`, `$instance` and `$job` stand for; None is not known.

    `why_unknown` says in half a sentence why an unknown one is.
    """

    pid: int
    host: str
    instance: str | None = None
    job: str | None = None
    why_unknown: str = ""


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

    In a string literal the value is escaped for that literal; outside of one `$pid` becomes a
    number and the others become string literals. Every other `$` stays. QueryFailed where a value
    is not known, or cannot be written where it stands.
    """

    def value_of(name: str) -> str:
        value = {
            "pid": str(variables.pid),
            "host": variables.host,
            "instance": variables.instance,
            "job": variables.job,
        }[name]
        if value is None:
            why = f", as {variables.why_unknown}" if variables.why_unknown else ""
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
            return value if name == "pid" else f'"{_escape(value, chr(34))}"'
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
    """The `data` of an answer of Prometheus's HTTP API.

    `location` is where a redirect leads. QueryFailed with Prometheus's own reason where it refuses
    the query; NotPrometheus for anything that is no answer of a Prometheus.
    """
    if 300 <= status < 400:
        where = f" to {short(_without_password(location))}" if location else ""
        raise NotPrometheus(
            f"redirects{where}, which is not followed.",
            "Set the URL of Prometheus itself.",
            status,
        )
    if status in (401, 403):
        raise NotPrometheus(f"refuses access ({_named(status)}).", "", status)
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        raise _no_json(status, body) from None
    if isinstance(answer, dict) and answer.get("status") == "error":
        reason = answer.get("error")
        shown = short(reason).rstrip(". ") if isinstance(reason, str) else _named(status)
        raise QueryFailed(f"{shown}.")
    if status != HTTPStatus.OK:
        raise NotPrometheus(f"answers {_named(status)}.", "", status)
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, dict) or answer.get("status") != "success":
        raise _other_shape()
    return data


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


def _without_password(url: str) -> str:
    return re.sub(r"//[^/@]*@", "//", url)


class Sample(NamedTuple):
    """One series of an answer: its labels (sorted pairs, without `__name__`) and its value now."""

    labels: tuple[tuple[str, str], ...]
    point: Point


class Answer(NamedTuple):
    """The samples of one query, highest first; what is not a finite number is not among them.

    `returned` counts the series that Prometheus returned, numbers or not.
    """

    samples: tuple[Sample, ...]
    returned: int


def read_samples(data: Mapping[str, Any]) -> Answer:
    """The samples in the `data` of an instant query: an instant vector or a scalar.

    QueryFailed for results that are no samples, NotPrometheus for JSON of another shape. Shapes:
    https://prometheus.io/docs/prometheus/latest/querying/api/#expression-query-result-formats
    """
    kind, result = data.get("resultType"), data.get("result")
    if kind == "string":
        raise QueryFailed("it gives a string, not numbers.")
    if kind == "matrix":
        raise QueryFailed("it gives ranges of values.", "Put a function like rate() around it.")
    if kind == "scalar":
        return _answer([Sample((), _point(result))])
    if kind != "vector" or not isinstance(result, list):
        raise _other_shape()
    return _answer([_sample(entry) for entry in result])


def _answer(samples: list[Sample]) -> Answer:
    finite = [s for s in samples if math.isfinite(s.point.value)]
    # Labels that are the same once cut cannot be told apart; the highest stands for them.
    finite.sort(key=lambda sample: (-sample.point.value, sample.labels))
    distinct = {sample.labels: sample for sample in reversed(finite)}
    return Answer(tuple(s for s in finite if distinct[s.labels] is s), len(samples))


def _sample(entry: object) -> Sample:
    if not isinstance(entry, dict) or not isinstance(entry.get("metric"), dict):
        raise _other_shape()
    if "value" not in entry and "histogram" in entry:
        raise QueryFailed("it gives histograms.", "Put histogram_quantile() around it.")
    labels = entry["metric"]
    if not all(isinstance(value, str) for value in labels.values()):
        raise _other_shape()
    kept = sorted(
        (short(name), short(value)) for name, value in labels.items() if name != "__name__"
    )
    return Sample(tuple(kept), _point(entry.get("value")))


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


# --- which of Prometheus's targets is the process that is watched


def find_target(
    data: Mapping[str, Any],
    variables: Variables,
    ports: Collection[int],
    here: Collection[str],
) -> Variables:
    """`variables` with `$instance` and `$job` found among the active targets in `data`.

    `data` is that of /api/v1/targets; `ports` are those that the process listens on, `here` this
    host's names and addresses in lower case. An instance or a job that is known already narrows
    the search and stays. What stays unknown has its reason in `why_unknown`.
    """
    fits = [
        (instance, job)
        for instance, job, address in _targets(data)
        if (variables.job is None or variables.job == job)
        and (
            variables.instance == instance
            if variables.instance is not None
            else address[1] in ports and address[0] in here
        )
    ]
    instances = {variables.instance} if variables.instance else {i for i, _ in fits}
    jobs = {variables.job} if variables.job else {j for _, j in fits}
    why = ""
    if not fits and variables.instance is not None:
        why = f"no active target of Prometheus has the instance {short(variables.instance)}"
    elif not fits and not ports:
        why = f"process {variables.pid} listens on no port"
    elif not fits:
        shown = ", ".join(str(port) for port in sorted(ports)[:5])
        why = f"no active target of Prometheus is on this host at port {shown}"
    elif len(instances) > 1 or len(jobs) > 1:
        several = sorted({f"{job}/{instance}" for instance, job in fits})
        why = f"several targets of Prometheus fit ({short(', '.join(several))})"
    return Variables(
        variables.pid,
        variables.host,
        next(iter(instances)) if len(instances) == 1 else None,
        next(iter(jobs)) if len(jobs) == 1 else None,
        why,
    )


def _targets(data: Mapping[str, Any]) -> Iterator[tuple[str, str, tuple[str, int | None]]]:
    """Instance, job, and (host, port) of each active target; what has another shape is skipped."""
    active = data.get("activeTargets")
    entries: Iterable[object] = active if isinstance(active, list) else ()
    for entry in entries:
        labels = entry.get("labels") if isinstance(entry, dict) else None
        if not isinstance(entry, dict) or not isinstance(labels, dict):
            continue
        instance, job, url = labels.get("instance"), labels.get("job"), entry.get("scrapeUrl")
        if isinstance(instance, str) and isinstance(job, str) and isinstance(url, str):
            yield instance, job, _address(url)


def _address(url: str) -> tuple[str, int | None]:
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return "", None
    return (parts.hostname or "").rstrip("."), port
