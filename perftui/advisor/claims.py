"""Whether what a model claims is what its evidence says: the rows, the numbers and the names.

A claim is checked as it came, with pseudonyms. It is verified if it cites rows, all of which exist;
if each number in it is one of these rows, or of what was asked, as near as it is written and in its
unit; and if each function or metric that it names was in the table. Nothing here understands the
claim: what rises or falls, what is whose, and what follows from it are not checked.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import zip_longest
from typing import NamedTuple

from perftui.advisor.evidence import (
    EventFact,
    Facts,
    ForecastFact,
    FunctionFact,
    LookFact,
    MetricFact,
    ThreadFact,
)
from perftui.advisor.patterns import shipped
from perftui.advisor.redact import Pseudonyms
from perftui.model.findings import action_key

NEAR = 0.02
"""A number may be off by this part, or by half of its last digit."""
SMALL = 10
"""Whole numbers up to this are a way of speaking where such a word or none follows."""
_COUNTED = frozenset(
    ("of", "and", "or", "function", "functions", "thread", "threads", "metrics", "rows")
)

_Row = MetricFact | FunctionFact | ThreadFact | EventFact | ForecastFact | LookFact

_BETWEEN = re.compile(r"(?<=\d)\s*(?:→|–|—|-|/)\s*(?=\d)")
_TOKEN = re.compile(r"[^\s()\[\]\"'`,;:!?]+(?:,\d{3})*")
_NUMBER = re.compile(r"(?P<digits>[+-]?\d+(?:,\d{3})*(?:\.\d+)?)(?P<unit>%|[A-Za-zµ]+)?")
_PLAIN = re.compile(r"\d+(?:\.\d+)?")
_ORDINAL = frozenset(("st", "nd", "rd", "th"))
_NAME = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_<]\w*>?)+|[A-Za-z]\w*_\w+|\w+(?=\(\))|[A-Za-z]+\d\w*")
_ABBREVIATIONS = frozenset(("e.g", "i.e", "vs"))
_TIMES, _BYTES, _SHARES = "time", "bytes", "share"
_UNITS: dict[str, tuple[str, tuple[float, ...]]] = {
    **dict.fromkeys(("s", "sec", "seconds", "second"), (_TIMES, (1.0,))),
    **dict.fromkeys(("ms", "milliseconds"), (_TIMES, (1e-3,))),
    **dict.fromkeys(("us", "µs"), (_TIMES, (1e-6,))),
    **dict.fromkeys(("min", "minutes", "minute"), (_TIMES, (60.0,))),
    **dict.fromkeys(("h", "hours", "hour"), (_TIMES, (3600.0,))),
    **dict.fromkeys(("B", "bytes"), (_BYTES, (1.0,))),
    **dict.fromkeys(("kB", "KB", "KiB"), (_BYTES, (1e3, 2.0**10))),
    **dict.fromkeys(("MB", "MiB"), (_BYTES, (1e6, 2.0**20))),
    **dict.fromkeys(("GB", "GiB"), (_BYTES, (1e9, 2.0**30))),
    **dict.fromkeys(("TB", "TiB"), (_BYTES, (1e12, 2.0**40))),
    **dict.fromkeys(("%", "percent", "points"), (_SHARES, (0.01,))),
}
"""What a unit measures, and what one of it is in seconds, in bytes, as a part of one."""
_PACES = (1, 60, 1 / 60)
"""A slope a minute can be written a second or an hour, too."""


def is_verified(text: str, cited: Sequence[str], table: Facts, names: Pseudonyms) -> bool:
    """Whether a claim's text is borne out by the rows that it cites."""
    facts: list[_Row] = [*table.metrics, *table.functions, *table.forecasts, *table.looks]
    facts += [*table.threads, *table.events]
    rows = {fact.id: fact for fact in facts}
    patterns = {fact.id: fact.pattern for fact in table.findings}
    if not cited or not all(one in rows or one in patterns for one in cited):
        return False
    known = [*_asked(table), *(n for one in cited if one in rows for n in _numbers(rows[one]))]
    known += [n for one in cited if one in rows for n in _in_labels(rows[one], names)]
    written = _written(_BETWEEN.sub(" ", text))
    if written is None or not all(any(map(number.is_near, known)) for number in written):
        return False
    # What a cited pattern proposes may be named; so may the rows.
    own = " ".join(t.action for one in cited if one in patterns for t in patterns[one].try_)
    sent = [*_sent(table, names), *rows, *patterns, *_NAME.findall(own)]
    return all(_is_sent(name, sent) for name in _NAME.findall(text))


@lru_cache(maxsize=1)
def listed_actions() -> frozenset[str]:
    """What perftui's own patterns propose, in the form of :func:`.action_key`."""
    return frozenset(action_key(one.action) for pattern in shipped() for one in pattern.try_)


class _Known(NamedTuple):
    """A number of a row: what it measures, None where nobody says, and how much of it."""

    value: float
    of: str | None


class _Written(NamedTuple):
    """A number as it is written: what it measures and what it may be worth, half the worth of its
    last digit beside each; without a unit `of` is None."""

    worth: tuple[tuple[float, float], ...]
    of: str | None

    def is_near(self, known: _Known) -> bool:
        """Whether it can be the other one."""
        if self.of is not None:
            return self.of == known.of and self._is(known.value)
        # Without a unit people write a share as percent, and milliseconds or megabytes as well.
        factors = {_SHARES: (1, 100), _TIMES: (1, 1e3), _BYTES: (1, 1e-6, 2**-20)}
        return any(self._is(known.value * factor) for factor in factors.get(known.of or "", (1,)))

    def _is(self, value: float) -> bool:
        # A part of the infinite is infinite: everything would be near it.
        return math.isfinite(value) and any(
            abs(worth - abs(value)) <= max(half, NEAR * abs(value)) * (1 + 1e-9)
            for worth, half in self.worth
        )


def _written(text: str) -> list[_Written] | None:
    """The numbers in a text; None where something with a digit is neither a number nor a name."""
    found: list[_Written] = []
    tokens = [token.rstrip(".") for token in _TOKEN.findall(text)]
    for token, following in zip_longest(tokens, tokens[1:], fillvalue=""):
        number = _NUMBER.fullmatch(token)
        if number is None:
            if any(c.isdigit() for c in token) and not _NAME.fullmatch(token.removesuffix("()")):
                return None
            continue
        digits, unit = number["digits"].replace(",", ""), number["unit"] or following
        if number["unit"] in _ORDINAL:
            continue
        if number["unit"] is not None and unit not in (*_UNITS, "x"):
            return None
        value, decimals = abs(float(digits)), len(digits.partition(".")[2])
        is_said = not decimals and value <= SMALL and (unit in _COUNTED or not unit[:1].isalnum())
        if is_said and unit != "%":
            continue
        of, factors = _UNITS.get(unit, (None, (1.0,)))
        half = 0.5 * 10.0**-decimals
        found.append(_Written(tuple((value * f, half * f) for f in factors), of))
    return found


def _asked(table: Facts) -> Iterator[_Known]:
    """The numbers of what was asked, and of the spans."""
    yield from _in((table.span_s, table.recent_s), "s")
    for forecast in table.forecasts:
        objective = forecast.forecast.objective
        yield from _in((objective.hold_s, objective.horizon_s), "s")
        yield from _in((objective.threshold,), forecast.forecast.series_unit)
    if table.question is not None:
        yield from _in((table.question.threshold,), table.question_unit)
        yield from _in((table.question.hold_s, table.question.horizon_s), "s")


def _numbers(fact: _Row) -> Iterator[_Known]:
    """All that a row says; of two shares their difference and ratio."""
    if isinstance(fact, LookFact):
        for value, unit in fact.numbers:
            yield from _in((value,), unit)
    elif isinstance(fact, ThreadFact):
        yield from _in([v for v in (fact.active_pct, fact.gil_pct) if v is not None], "%")
    elif isinstance(fact, EventFact):
        yield from _in([v for v in (fact.age_s, fact.lasted_s) if v is not None], "s")
    elif isinstance(fact, MetricFact):
        yield from _in((fact.value,), fact.key.unit)
        yield from _in((fact.age_s,), "s")
        if fact.per_min is not None:
            yield from _in([pace * fact.per_min for pace in _PACES], fact.key.unit)
    elif isinstance(fact, FunctionFact):
        whole = fact.whole
        shares = (fact.own_pct, fact.own_margin, fact.total_pct)
        shown = [share for share in shares if share is not None]
        yield from _in((*shown, whole.own_pct, whole.own_margin, whole.total_pct), "%")
        for now, before in ((fact.own_pct, whole.own_pct), (fact.total_pct, whole.total_pct)):
            if now is not None:
                yield from _in((now - before,), "%")
            if now is not None and before:
                yield _Known(now / before, None)
                yield _Known(now / before - 1, _SHARES)
    else:
        said, usual = fact.forecast.probability, fact.forecast.base_rate
        yield from (_Known(chance, _SHARES) for chance in (said, usual) if chance is not None)
        if said is not None and usual:
            yield _Known(said / usual, None)


def _in_labels(fact: _Row, names: Pseudonyms) -> Iterator[_Known]:
    """The numbers that are values of its labels, as far as those were sent: code="500"."""
    if isinstance(fact, MetricFact) and names.share.labels:
        told = (names.label(*label)[1] for label in fact.key.labels)
        yield from (_Known(float(value), None) for value in told if _PLAIN.fullmatch(value))


def _in(values: Iterable[float], unit: str) -> Iterator[_Known]:
    of, factors = _UNITS.get(unit.partition("/")[0], (None, (1.0,)))
    return (_Known(value * factors[0], of) for value in values)


def _sent(table: Facts, names: Pseudonyms) -> Iterator[str]:
    """The names that were in the table as it was sent."""
    yield from (names.function(f.key.function, f.key.file) for f in table.functions)
    yield from (names.metric(fact.key.name) for fact in table.metrics)
    yield from (names.metric(f.forecast.objective.metric) for f in table.forecasts)
    yield from (name for fact in table.looks for name in fact.names)
    yield from (names.thread(fact.thread.name) for fact in table.threads)
    if names.share.labels:
        for label in (label for fact in table.metrics for label in fact.key.labels):
            yield from names.label(*label)
    if names.share.paths:
        yield from (names.path(f.key.file).rpartition("/")[2] for f in table.functions)
    if names.share.host:
        yield names.host(table.host)


def _is_sent(name: str, sent: Iterable[str]) -> bool:
    """Whether it is one of these, or whole parts at the beginning or the end of one."""
    wanted = name.casefold()
    return wanted in _ABBREVIATIONS or any(f".{wanted}." in f".{one.casefold()}." for one in sent)
