"""Whether what a model claims is what its evidence says: the rows, the numbers and the names.

A claim is checked as it came, with pseudonyms. It is verified if it cites rows, all of which exist;
if each number in it is one of these rows, or of what was asked, as near as it is written and in its
unit; and if each function, metric or thread that it names is one of these rows. What cannot be read
as a number or a name is not verified. Nothing here understands the claim: what rises or falls, what
is whose, and what follows from it are not checked.
"""

from __future__ import annotations

import math
import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from perftui.advisor.evidence import (
    CaseFact,
    EventFact,
    Facts,
    ForecastFact,
    FunctionFact,
    LookFact,
    MetricFact,
    ThreadFact,
)
from perftui.advisor.patterns import shipped
from perftui.advisor.public_query import public_query
from perftui.advisor.redact import Pseudonyms
from perftui.model.findings import action_key
from perftui.model.text import HIDDEN


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


NEAR = 0.02
"""A number may be off by this part, or by half of its last digit,"""
ROUNDED = 0.25
"""but by no more than this part: 0 is no rounded 0.4."""
SMALL = 10
"""Whole numbers up to this are a way of speaking where they count such things."""
_COUNTED = _words(
    "function functions thread threads metric metrics row rows event events pattern patterns"
)
_ORDERED = _words("top first last the all these those")
"""Before a small number that counts nothing: the top 3."""
_LINKS = _words("to and or")
_NO_NOUNS = _words(
    "a about above after again against ago already also an and are as at be because been before "
    "below both but by compared during each every falling for from growing had has if in is it its "
    "not now of on only or over per rising since so still than that the then these this to too "
    "under until up vs versus was were when where whereas which while with within without "
    # These say what a number is, and not what it counts.
    "average base bound level limit margin mark maximum mean median minimum objective slope "
    "threshold value"
)
"""What follows a number and is not what it counts."""

_Row = MetricFact | FunctionFact | ThreadFact | EventFact | ForecastFact | LookFact | CaseFact

_BETWEEN = re.compile(r"\s*(?:→|->)\s*|(?<=[\d%])\s*(?:–|—|-|/)\s*(?=\d)")
_JOINED = re.compile(r"(?<=\d)[-–—](?=[A-Za-z])|(?<=[A-Z]\d)/(?=[A-Z]\d)")
"""The dash of a 15-min horizon, and what lies between P1–P3 and P1/P2."""
_TOKEN = re.compile(r"[^\s()\[\]\"'`,;:!?~≈<>≤≥=±*|]+(?:,\d{3})*")
_NUMBER = re.compile(
    r"(?P<digits>[+-]?\d+(?:,\d{3})*(?:\.\d+)?)(?:(?P<unit>%|×|[A-Za-zµ]+)(?:/[A-Za-z]+)?)?"
)
_PLAIN = re.compile(r"\d+(?:\.\d+)?")
_ORDINAL = frozenset(("st", "nd", "rd", "th"))
_DIGITS = "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"
_SMALL_WORDS = {word: str(n) for n, word in enumerate(_DIGITS)}
_SMALL_WORD = re.compile(
    # "One" is a word like any other where no unit follows.
    rf"(?<![\w.-])(?:{'|'.join(word for word in _SMALL_WORDS if word != 'one')}"
    r"|one(?=[\s-](?:milli)?(?:second|minute|hour|percent)))(?!\w)",
    re.IGNORECASE,
)
_LARGE_WORD = re.compile(
    r"(?<![\w.])(?:eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen"
    r"|(?:twen|thir|for|fif|six|seven|eigh|nine)ty|(?:dozen|hundred|thousand|[mbtr]+illion)(?:th)?s?"
    rf"|(?:a|one)\s+(?:fif|six|seven|eigh|nin|ten)th|(?:{'|'.join(_DIGITS)})(?=fold))"
    r"(?:fold)?(?!\w|\.\w)|(?<![\w.])\d+/\d+(?=\s+of\b)",
    re.IGNORECASE,
)
_PART = re.compile(
    r"(?<![\w.-])(?:(half)|(halv(?:e[sd]?|ing))|(doubl(?:e[sd]?|ing)|twice)"
    r"|(tripl(?:e[sd]?|ing)|thrice)|(quadrupl(?:e[sd]?|ing))|((?:one|a)[\s-]third)"
    r"|(two[\s-]thirds)|((?:one|a)[\s-]quarter)|(three[\s-]quarters))(?![\w-])",
    re.IGNORECASE,
)
_PARTS = "50 %", "0.5 x", "2 x", "3 x", "4 x", "33 %", "67 %", "25 %", "75 %"
"""Shares and ratios in words, in the order of the groups above, and as numbers."""
_SPAN = re.compile(
    r"(?<![\w.])(?:PT(?=\d)(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,6})S)?"
    r"|(?:(\d{1,6})h)?(\d{1,6})m(?:(\d{1,6})s)?)(?!\w)",
    re.ASCII,
)
"""PT15M, and 1m30s."""
_NAME = re.compile(
    r"[A-Za-z_]\w*(?:\.[A-Za-z_<]\w*>?)+|[A-Za-z]\w*_\w+|\w+(?=\(\))|[A-Za-z]+\d\w*"
    r"|\b[A-Z][a-z0-9]+(?:[A-Z][a-z0-9]+)+\b"
)
"""What looks like a name: with dots, underscores, brackets or digits, or like OrderService."""
LEAST_NAME = 3
"""A name of fewer letters is a word like any other."""
_QUOTED = re.compile(r"`([A-Za-z_][\w.<>]*)")
_WORD = re.compile(r"\w+")
_EVERYDAY = _words(
    "accept all any cache call check client close compile connect copy cost count error event "
    "fetch filter find for function get handle index join job level list load lock main map match "
    "max memory metric min next not open poll process profile put query rate read release request "
    "run sample search select send server service set share sleep sort start step stop sum task "
    "the thread time total update value view wait was work worker write"
)
"""Names of functions that are words like any other, but where they are what a clause is about."""
_SUBJECT = re.compile(
    r"(?:^|[.,;:!?]\s+|\b(?:and|as|because|but|that|when|while)\s+)(\w+)\s+"
    r"(?:is|was|has|had|takes|took|uses|used|holds|held|spends|spent|costs|rises|rose|grows|grew)\b",
    re.IGNORECASE,
)
_ABBREVIATIONS = frozenset(("e.g", "i.e", "vs"))
_TIMES, _BYTES, _SHARES, _RATIOS = "time", "bytes", "share", "ratio"
_SAMPLES, _DEVIATIONS = "samples", "deviations"
_UNITS: dict[str, tuple[str, tuple[float, ...]]] = {
    **dict.fromkeys(("s", "sec", "secs", "seconds", "second"), (_TIMES, (1.0,))),
    **dict.fromkeys(("ms", "milliseconds", "millisecond"), (_TIMES, (1e-3,))),
    **dict.fromkeys(("us", "µs", "microseconds", "microsecond"), (_TIMES, (1e-6,))),
    **dict.fromkeys(("min", "mins", "minutes", "minute"), (_TIMES, (60.0,))),
    **dict.fromkeys(("h", "hours", "hour"), (_TIMES, (3600.0,))),
    **dict.fromkeys(("B", "bytes"), (_BYTES, (1.0,))),
    **dict.fromkeys(("kB", "KB", "KiB"), (_BYTES, (1e3, 2.0**10))),
    **dict.fromkeys(("MB", "MiB"), (_BYTES, (1e6, 2.0**20))),
    **dict.fromkeys(("GB", "GiB"), (_BYTES, (1e9, 2.0**30))),
    **dict.fromkeys(("TB", "TiB"), (_BYTES, (1e12, 2.0**40))),
    **dict.fromkeys(("%", "percent", "percentage", "points", "point", "pp"), (_SHARES, (0.01,))),
    **dict.fromkeys(("chance", "probability"), (_SHARES, (1.0,))),
    **dict.fromkeys(("x", "×", "times", "fold"), (_RATIOS, (1.0,))),
    **dict.fromkeys(("samples", "sample"), (_SAMPLES, (1.0,))),
    **dict.fromkeys(("σ", "sigma", "sigmas", "deviations"), (_DEVIATIONS, (1.0,))),
}
"""What a unit measures, and what one of it is in seconds, in bytes, as a part of one."""
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
    read = _SPAN.sub(_in_seconds, text)
    written = _written(read)
    if written is None or not all(any(map(number.is_near, known)) for number in written):
        return False
    # What a cited pattern proposes may be named; so may the rows.
    own = " ".join(t.action for one in cited if one in patterns for t in patterns[one].try_)
    may = [*(name for fact in shown for name in _names(fact, names)), *rows, *patterns]
    may += _NAME.findall(own)
    if names.share.host:
        may.append(names.host(table.host))
    functions = (names.function(f.key.function, f.key.file) for f in table.functions)
    last_parts = {name.rpartition(".")[2].casefold() for name in functions}
    return all(_is_one_of(name, may) for name in _named(read, last_parts))


@lru_cache(maxsize=1)
def listed_actions() -> Mapping[str, str]:
    """What perftui's own patterns propose, in the form of :func:`.action_key`, and its risk."""
    return {action_key(one.action): one.risk for pattern in shipped() for one in pattern.try_}


class _Known(NamedTuple):
    """A number of a row: what it measures, None where nobody says, and how much of it."""

    value: float
    of: str | None


class _Written(NamedTuple):
    """A number as it is written: what it measures and what it may be worth, half the worth of its
    last digit beside each; without a unit `of` is None, and `counts` says whether a noun follows
    in its place."""

    worth: tuple[tuple[float, float], ...]
    of: str | None
    counts: bool = False

    def is_near(self, known: _Known) -> bool:
        """Whether it can be the other one."""
        if self.of is not None or self.counts:
            return self.of == known.of and self._is(known.value)
        # Without a unit people write a share as percent, and milliseconds or megabytes as well.
        factors = {_SHARES: (1, 100), _TIMES: (1, 1e3), _BYTES: (1, 1e-6, 2**-20)}
        return any(self._is(known.value * factor) for factor in factors.get(known.of or "", (1,)))

    def _is(self, value: float) -> bool:
        # A part of the infinite is infinite: everything would be near it.
        return math.isfinite(value) and any(
            abs(worth - abs(value))
            <= max(min(half, ROUNDED * abs(value)), NEAR * abs(value)) * (1 + 1e-9)
            for worth, half in self.worth
        )


def _in_seconds(span: re.Match[str]) -> str:
    iso, clock = span.groups()[:3], span.groups()[3:]
    hours, minutes, seconds = (int(part or 0) for part in (iso if any(iso) else clock))
    return f"{3600 * hours + 60 * minutes + seconds} s"


def _written(text: str) -> list[_Written] | None:
    """The numbers in a text; None where something in it can be a number, but not be read as one."""
    text = _PART.sub(lambda part: _PARTS[(part.lastindex or 1) - 1], text)
    if _LARGE_WORD.search(text) or any(c.isnumeric() and not c.isascii() for c in text):
        return None
    plain = _JOINED.sub(" ", _BETWEEN.sub(" to ", text))
    tokens = _tokens(_SMALL_WORD.sub(lambda word: _SMALL_WORDS[word[0].casefold()], plain))
    found: list[_Written] = []
    for place, token in enumerate(tokens):
        number = _NUMBER.fullmatch(token)
        if number is None:
            if any(c.isdigit() for c in token) and not _NAME.fullmatch(token):
                return None
            continue
        if number["unit"] in _ORDINAL:
            continue
        if number["unit"] is not None and number["unit"] not in _UNITS:
            return None
        digits, unit = number["digits"].replace(",", ""), _unit(tokens, place)
        value, decimals = abs(float(digits)), len(digits.partition(".")[2])
        if not decimals and value <= SMALL and _is_said(tokens, place, unit):
            continue
        of, factors = _UNITS.get(unit, (None, (1.0,)))
        half = 0.5 * 10.0**-decimals
        counts = of is None and unit[:1].isalnum() and unit.casefold() not in _NO_NOUNS
        found.append(_Written(tuple((value * f, half * f) for f in factors), of, counts))
    return found


def _tokens(text: str) -> list[str]:
    """Words and numbers, and an empty one wherever punctuation parts them."""
    found: list[str] = []
    end = 0
    for match in _TOKEN.finditer(text):
        if text[end : match.start()].strip():
            found.append("")
        token = match[0].rstrip(".")
        found.append(token)
        end = match.start() + len(token)
    return found


def _unit(tokens: Sequence[str], place: int) -> str:
    """The unit of the number there, or the word that follows it; from 12 to 41 % is of one unit."""
    number = _NUMBER.fullmatch(tokens[place])
    if number is not None and number["unit"]:
        return number["unit"]
    following, other = (*tokens[place + 1 : place + 3], "", "")[:2]
    if following in _LINKS and _NUMBER.fullmatch(other):
        return _unit(tokens, place + 2)
    return following.partition("/")[0]


def _is_said(tokens: Sequence[str], place: int, unit: str) -> bool:
    """Whether a small number is a way of speaking: one of them, 3 other functions, the top 3."""
    if unit in _UNITS:
        return False
    following, other = (*tokens[place + 1 : place + 3], "", "")[:2]
    if following == "of" or unit in _COUNTED:
        return True
    if following.isalpha() and following.casefold() not in _NO_NOUNS:
        return other in _COUNTED
    before = tokens[place - 1].casefold() if place else ""
    return before in _ORDERED


def _asked(table: Facts) -> Iterator[_Known]:
    """The numbers of what was asked, and of the spans."""
    yield from _in((table.before_s, table.recent_s, table.before_s + table.recent_s), "s")
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
        # An age of 0 would bear out every 0.
        yield from _in((s for s in (fact.age_s, fact.over_s) if s), "s")
        if fact.z is not None:
            yield _Known(fact.z, _DEVIATIONS)
        if fact.per_min is not None:
            yield from _in([pace * fact.per_min for pace in _PACES], fact.key.unit)
    elif isinstance(fact, CaseFact):
        yield from _in([s for s in (fact.age_s, fact.onset_s) if s is not None], "s")
        yield _Known(fact.case.chance, _SHARES)
    elif isinstance(fact, FunctionFact):
        yield from _of_function(fact)
    else:
        # What its record says in words.
        for number in _written(fact.forecast.record or "") or ():
            yield from (_Known(worth, number.of) for worth, _ in number.worth)
        said, usual = fact.forecast.probability, fact.forecast.base_rate
        yield from (_Known(chance, _SHARES) for chance in (said, usual) if chance is not None)
        if said is not None and usual:
            yield _Known(said / usual, _RATIOS)


def _of_function(fact: FunctionFact) -> Iterator[_Known]:
    for row in (fact.now, fact.before):
        if row is not None:
            yield from _in((row.own_pct, row.own_margin, row.total_pct), "%")
            yield _Known(row.own_samples, _SAMPLES)
    if fact.now is not None and fact.before is not None:
        yield from _between(fact.now.own_pct, fact.before.own_pct)
        yield from _between(fact.now.total_pct, fact.before.total_pct)
    yield from _in((share for _, share in fact.callers), "%")


def _between(now: float, before: float) -> Iterator[_Known]:
    """What two shares, in percent, are to each other."""
    yield from _in((now - before,), "%")
    if before:
        yield _Known(now / before, _RATIOS)
        yield _Known(now / before - 1, _SHARES)


def _in_labels(fact: _Row, names: Pseudonyms) -> Iterator[_Known]:
    """The numbers that are values of its labels, as far as those were sent: code="500"."""
    if isinstance(fact, MetricFact) and names.share.labels:
        told = (names.label(*label)[1] for label in fact.key.labels)
        yield from (_Known(float(value), None) for value in told if _PLAIN.fullmatch(value))


def _in(values: Iterable[float], unit: str) -> Iterator[_Known]:
    of, factors = _UNITS.get(unit.partition("/")[0], (None, (1.0,)))
    return (_Known(value * factors[0], of) for value in values)


def _names(fact: _Row, names: Pseudonyms) -> Iterator[str]:
    """What a row names, as it was sent."""
    if isinstance(fact, LookFact):
        yield from fact.names
    elif isinstance(fact, ThreadFact):
        yield names.thread(fact.thread.name)
    elif isinstance(fact, MetricFact):
        yield names.metric(fact.key.name)
        yield from _NAME.findall(public_query(fact.query, names))
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
        yield from _NAME.findall(names.event(fact.event.text))


def _named(text: str, functions: Container[str]) -> Iterator[str]:
    """What a text names: what looks like a name or stands in backticks, and the words that are the
    last parts of names of `functions`."""
    yield from _NAME.findall(text)
    yield from (name.rstrip(".") for name in _QUOTED.findall(text))
    subjects = {subject.casefold() for subject in _SUBJECT.findall(text)}
    for word in map(str.casefold, _WORD.findall(text)):
        if len(word) >= LEAST_NAME and word in functions and word not in _EVERYDAY - subjects:
            yield word


def _is_one_of(name: str, known: Iterable[str]) -> bool:
    """Whether it is one of these, or whole parts of one."""
    wanted = name.casefold()
    return wanted in _ABBREVIATIONS or any(f".{wanted}." in f".{one.casefold()}." for one in known)
