"""Whether what a model claims is what its evidence says: the rows, the numbers and the names.

A claim is checked as it came, with pseudonyms. It is verified if it cites rows, all of which exist;
if each number in it is one of these rows, or of what was asked, as near as it is written; and if
each function or metric that it names was in the table. Nothing here understands the claim: what is
verified can still be a wrong conclusion from true figures.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from perftui.advisor.evidence import Facts, ForecastFact, FunctionFact, MetricFact
from perftui.advisor.patterns import shipped
from perftui.advisor.redact import Pseudonyms

NEAR = 0.02
"""A number may be off by this part, or by half of its last digit."""
SMALL = 10
"""Whole numbers up to this, without a unit, are a way of speaking: one of three functions."""

_Row = MetricFact | FunctionFact | ForecastFact

_NUMBER = re.compile(
    r"(?<![\w.])(?P<digits>\d+(?:,\d{3})*(?:\.\d+)?)(?![\w.]*\d)\s*(?P<word>%|[A-Za-zµ]+\b)?"
)
_ORDINAL = frozenset({"st", "nd", "rd", "th"})
_NAME = re.compile(r"(?<![\w.])(?:(?:fn|m)_\d+|[A-Za-z_]\w*(?:\.[A-Za-z_<]\w*>?)+|\w+(?=\(\)))")
_ABBREVIATIONS = frozenset({"e.g", "i.e"})
_TIMES, _BYTES, _SHARES = "time", "bytes", "share"
_UNITS: dict[str, tuple[str, tuple[float, ...]]] = {
    "s": (_TIMES, (1, 1e3, 1e6, 1 / 60, 1 / 3600)),
    "ms": (_TIMES, (1, 1e-3)),
    "B": (_BYTES, (1, 1e-3, 1e-6, 1e-9, 2**-10, 2**-20, 2**-30)),
    "%": (_SHARES, (1, 0.01)),
    "": (_SHARES, (1, 100)),
}
"""What a unit measures, and by what a value may have been multiplied to be written in another."""
_WORDS = {
    **dict.fromkeys(
        ("s", "ms", "us", "µs", "min", "h", "sec", "seconds", "minutes", "hours"), _TIMES
    ),
    **dict.fromkeys(("B", "kB", "KB", "MB", "GB", "KiB", "MiB", "GiB", "bytes"), _BYTES),
    **dict.fromkeys(("%", "percent", "points"), _SHARES),
}
"""What a number with this word behind it measures."""
_PACES = (1, 60, 1 / 60)
"""A slope a minute can be written a second or an hour, too."""


def is_verified(text: str, cited: Sequence[str], table: Facts, names: Pseudonyms) -> bool:
    """Whether a claim's text is borne out by the rows that it cites."""
    facts: tuple[_Row, ...] = (*table.metrics, *table.functions, *table.forecasts)
    rows = {fact.id: fact for fact in facts}
    seen = frozenset(finding.id for finding in table.findings)
    if not cited or not all(one in rows or one in seen for one in cited):
        return False
    known = [*_asked(table), *(n for one in cited if one in rows for n in _numbers(rows[one]))]
    said = {name.casefold() for name in _sent(table, names)}
    return all(any(map(number.is_near, known)) for number in _written(text)) and all(
        _is_sent(name.casefold(), said) for name in _NAME.findall(text)
    )


@lru_cache(maxsize=1)
def listed_actions() -> frozenset[str]:
    """What perftui's own patterns propose, in the form of :func:`action_key`."""
    return frozenset(action_key(one.action) for pattern in shipped() for one in pattern.try_)


def action_key(action: str) -> str:
    """An action without what does not matter when two are compared."""
    return " ".join(re.findall(r"\w+", action.casefold()))


class _Number(NamedTuple):
    """A number, what it measures, None where nobody says, and half the worth of its last digit."""

    value: float
    of: str | None
    half: float = 0.0

    def is_near(self, known: _Number) -> bool:
        """Whether it can be the other one, as people write it."""
        if self.of is not None and known.of is not None and self.of != known.of:
            return False
        off = abs(self.value - abs(known.value))
        return off <= max(self.half, NEAR * abs(known.value)) * (1 + 1e-9)


def _written(text: str) -> Iterator[_Number]:
    """The numbers in a text."""
    for match in _NUMBER.finditer(text):
        digits, word = match["digits"].replace(",", ""), match["word"]
        value, decimals = float(digits), len(digits.partition(".")[2])
        is_said = value <= SMALL and not decimals and word not in _WORDS
        if word not in _ORDINAL and not is_said:
            yield _Number(value, _WORDS.get(word), 0.5 * 10.0**-decimals)


def _asked(table: Facts) -> Iterator[_Number]:
    """The numbers of what was asked, and of the spans."""
    yield from _scaled((table.span_s, table.recent_s), "s")
    for forecast in table.forecasts:
        objective = forecast.forecast.objective
        yield from _scaled((objective.hold_s, objective.horizon_s), "s")
        yield from _scaled((objective.threshold,), forecast.forecast.series_unit)
    if table.question is not None:
        yield from _scaled((table.question.threshold,), table.question_unit)
        yield from _scaled((table.question.hold_s, table.question.horizon_s), "s")


def _numbers(fact: _Row) -> Iterator[_Number]:
    """All that a row says, in every way to write it; of two shares their difference and ratio."""
    if isinstance(fact, MetricFact):
        yield from _scaled((fact.value,), fact.key.unit)
        yield from _scaled((fact.age_s,), "s")
        if fact.per_min is not None:
            yield from _scaled([pace * fact.per_min for pace in _PACES], fact.key.unit)
    elif isinstance(fact, FunctionFact):
        whole = fact.whole
        shares = (fact.own_pct, fact.own_margin, fact.total_pct)
        shown = [share for share in shares if share is not None]
        yield from _scaled((*shown, whole.own_pct, whole.own_margin, whole.total_pct), "%")
        for now, before in ((fact.own_pct, whole.own_pct), (fact.total_pct, whole.total_pct)):
            if now is not None:
                yield _Number(now - before, _SHARES)
            if now is not None and before:
                yield _Number(now / before, None)
                yield _Number(100 * (now / before - 1), _SHARES)
    else:
        said, usual = fact.forecast.probability, fact.forecast.base_rate
        yield from _scaled([chance for chance in (said, usual) if chance is not None], "")
        if said is not None and usual:
            yield _Number(said / usual, None)


def _scaled(values: Iterable[float], unit: str) -> Iterator[_Number]:
    of, factors = _UNITS.get(unit.partition("/")[0], (None, (1.0,)))
    return (_Number(value * factor, of) for value in values for factor in factors)


def _sent(table: Facts, names: Pseudonyms) -> Iterator[str]:
    """The names that were in the table as it was sent."""
    yield from (names.function(f.key.function, f.key.file) for f in table.functions)
    yield from (names.metric(fact.key.name) for fact in table.metrics)
    yield from (names.metric(f.forecast.objective.metric) for f in table.forecasts)


def _is_sent(name: str, sent: Iterable[str]) -> bool:
    """Whether it is one of these, or whole parts at the beginning or the end of one."""
    return name in _ABBREVIATIONS or any(f".{name}." in f".{one}." for one in sent)
