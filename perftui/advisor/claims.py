"""Whether what a model claims is what its evidence says: the rows, the numbers and the names.

A claim is checked as it came, with pseudonyms. It is verified if it cites rows, all of which exist;
if each number in it is one of these rows, or of what was asked, as near as it is written and in its
unit; and if each function, metric or thread that it names is one of these rows. What cannot be read
as a number or a name is not verified. Nothing here understands the claim: what rises or falls, what
is whose, and what follows from it are not checked.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from perftui.advisor.patterns import shipped
from perftui.advisor.public_query import public_query
from perftui.advisor.redact import Pseudonyms
from perftui.advisor.rows import (
    CaseFact,
    EventFact,
    Facts,
    ForecastFact,
    FunctionFact,
    LookFact,
    MetricFact,
    ThreadFact,
)
from perftui.advisor.written import (
    DEVIATIONS,
    NAME,
    RATIOS,
    SAMPLES,
    SHARES,
    Known,
    in_unit,
    with_spans_in_seconds,
    written,
)
from perftui.model.findings import action_key
from perftui.model.text import HIDDEN

_Row = MetricFact | FunctionFact | ThreadFact | EventFact | ForecastFact | LookFact | CaseFact

LEAST_NAME = 3
"""A name of fewer letters is a word like any other."""
_PLAIN = re.compile(r"\d+(?:\.\d+)?")
_QUOTED = re.compile(r"`([A-Za-z_][\w.<>]*)")
_WORD = re.compile(r"\w+")
_EVERYDAY_WORDS = (
    "accept all any cache call check client close compile connect copy cost count error event "
    "fetch filter find for function get handle index join job level list load lock main map match "
    "max memory metric min next not open poll process profile put query rate read release request "
    "run sample search select send server service set share sleep sort start step stop sum task "
    "the thread time total update value view wait was work worker write"
)
_EVERYDAY = frozenset(_EVERYDAY_WORDS.split())
"""Names of functions that are words like any other, but where they are what a clause is about."""
_SUBJECT = re.compile(
    r"(?:^|[.,;:!?]\s+|\b(?:and|as|because|but|that|when|while)\s+)(\w+)\s+"
    r"(?:is|was|has|had|takes|took|uses|used|holds|held|spends|spent|costs|rises|rose|grows|grew)\b",
    re.IGNORECASE,
)
_ABBREVIATIONS = frozenset(("e.g", "i.e", "vs"))
_PACES = (1, 60, 1 / 60)
"""A slope a minute can be written a second or an hour, too."""


def is_verified(text: str, cited: Sequence[str], table: Facts, names: Pseudonyms) -> bool:
    """Whether a claim's text is borne out by the rows that it cites."""
    facts: list[_Row] = [*table.metrics, *table.functions, *table.forecasts, *table.looks]
    facts += [*table.threads, *table.events, *table.cases]
    rows = {fact.id: fact for fact in facts}
    patterns = {fact.id: fact.pattern for fact in table.findings}
    if not cited or not all(one in rows or one in patterns for one in cited):
        return False
    if HIDDEN in text:
        return False  # nobody can tell what it says
    shown = [rows[one] for one in cited if one in rows]
    known = [*_asked(table), *(n for fact in shown for n in _numbers(fact))]
    known += [n for fact in shown for n in _in_labels(fact, names)]
    read = with_spans_in_seconds(text)
    said = written(read)
    if said is None or not all(any(map(number.is_near, known)) for number in said):
        return False
    # What a cited pattern proposes may be named; so may the rows.
    own = " ".join(t.action for one in cited if one in patterns for t in patterns[one].try_)
    may = [*(name for fact in shown for name in _names(fact, names)), *rows, *patterns]
    may += NAME.findall(own)
    if names.share.host:
        may.append(names.host(table.host))
    functions = (names.function(f.key.function, f.key.file) for f in table.functions)
    last_parts = {name.rpartition(".")[2].casefold() for name in functions}
    return all(_is_one_of(name, may) for name in _named(read, last_parts))


@lru_cache(maxsize=1)
def listed_actions() -> Mapping[str, str]:
    """What perftui's own patterns propose, in the form of :func:`.action_key`, and its risk."""
    return {action_key(one.action): one.risk for pattern in shipped() for one in pattern.try_}


def _asked(table: Facts) -> Iterator[Known]:
    """The numbers of what was asked, and of the spans."""
    yield from in_unit((table.before_s, table.recent_s, table.before_s + table.recent_s), "s")
    for forecast in table.forecasts:
        objective = forecast.forecast.objective
        yield from in_unit((objective.hold_s, objective.horizon_s), "s")
        yield from in_unit((objective.threshold,), forecast.forecast.series_unit)
    if table.question is not None:
        yield from in_unit((table.question.threshold,), table.question_unit)
        yield from in_unit((table.question.hold_s, table.question.horizon_s), "s")


def _numbers(fact: _Row) -> Iterator[Known]:
    """All that a row says; of two shares their difference and ratio."""
    if isinstance(fact, LookFact):
        for value, unit in fact.numbers:
            yield from in_unit((value,), unit)
    elif isinstance(fact, ThreadFact):
        yield from in_unit([v for v in (fact.active_pct, fact.gil_pct) if v is not None], "%")
    elif isinstance(fact, EventFact):
        yield from in_unit([v for v in (fact.age_s, fact.lasted_s) if v is not None], "s")
    elif isinstance(fact, MetricFact):
        yield from in_unit((fact.value,), fact.key.unit)
        # An age of 0 would bear out every 0.
        yield from in_unit((s for s in (fact.age_s, fact.over_s) if s), "s")
        if fact.z is not None:
            yield Known(fact.z, DEVIATIONS)
        if fact.per_min is not None:
            yield from in_unit([pace * fact.per_min for pace in _PACES], fact.key.unit)
    elif isinstance(fact, CaseFact):
        yield from in_unit([s for s in (fact.age_s, fact.onset_s) if s is not None], "s")
        yield Known(fact.case.chance, SHARES)
    elif isinstance(fact, FunctionFact):
        yield from _of_function(fact)
    else:
        # What its record says in words.
        for number in written(fact.forecast.record or "") or ():
            yield from (Known(worth, number.of) for worth, _ in number.worth)
        said, usual = fact.forecast.probability, fact.forecast.base_rate
        yield from (Known(chance, SHARES) for chance in (said, usual) if chance is not None)
        if said is not None and usual:
            yield Known(said / usual, RATIOS)


def _of_function(fact: FunctionFact) -> Iterator[Known]:
    for row in (fact.now, fact.before):
        if row is not None:
            yield from in_unit((row.own_pct, row.own_margin, row.total_pct), "%")
            yield Known(row.own_samples, SAMPLES)
    if fact.now is not None and fact.before is not None:
        yield from _between(fact.now.own_pct, fact.before.own_pct)
        yield from _between(fact.now.total_pct, fact.before.total_pct)
    yield from in_unit((share for _, share in fact.callers), "%")


def _between(now: float, before: float) -> Iterator[Known]:
    """What two shares, in percent, are to each other."""
    yield from in_unit((now - before,), "%")
    if before:
        yield Known(now / before, RATIOS)
        yield Known(now / before - 1, SHARES)


def _in_labels(fact: _Row, names: Pseudonyms) -> Iterator[Known]:
    """The numbers that are values of its labels, as far as those were sent: code="500"."""
    if isinstance(fact, MetricFact) and names.share.labels:
        told = (names.label(*label)[1] for label in fact.key.labels)
        yield from (Known(float(value), None) for value in told if _PLAIN.fullmatch(value))


def _names(fact: _Row, names: Pseudonyms) -> Iterator[str]:
    """What a row names, as it was sent."""
    if isinstance(fact, LookFact):
        yield from fact.names
    elif isinstance(fact, ThreadFact):
        yield names.thread(fact.thread.name)
    elif isinstance(fact, MetricFact):
        yield names.metric(fact.key.name)
        yield from NAME.findall(public_query(fact.query, names))
        if names.share.labels:
            yield from (part for label in fact.key.labels for part in names.label(*label))
    elif isinstance(fact, FunctionFact):
        yield names.function(fact.key.function, fact.key.file)
        yield from (names.function(*caller) for caller, _ in fact.callers)
        if names.share.paths:
            yield names.path(fact.key.file).rpartition("/")[2]
    elif isinstance(fact, ForecastFact):
        yield names.metric(fact.forecast.objective.metric)
    elif isinstance(fact, CaseFact):
        return  # it names nothing
    elif names.share.events:
        yield from NAME.findall(names.event(fact.event.text))


def _named(text: str, functions: Container[str]) -> Iterator[str]:
    """What a text names: what looks like a name or stands in backticks, and the words that are the
    last parts of names of `functions`."""
    yield from NAME.findall(text)
    yield from (name.rstrip(".") for name in _QUOTED.findall(text))
    subjects = {subject.casefold() for subject in _SUBJECT.findall(text)}
    for word in map(str.casefold, _WORD.findall(text)):
        if len(word) >= LEAST_NAME and word in functions and word not in _EVERYDAY - subjects:
            yield word


def _is_one_of(name: str, known: Iterable[str]) -> bool:
    """Whether it is one of these, or whole parts of one."""
    wanted = name.casefold()
    return wanted in _ABBREVIATIONS or any(f".{wanted}." in f".{one.casefold()}." for one in known)
