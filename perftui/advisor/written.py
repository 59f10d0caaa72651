"""Numbers as people write them in a sentence, with what they measure and how near they mean it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


NEAR, ROUNDED = 0.02, 0.25
"""A number may be off by the first of these parts, or by half of its last digit where that is no
more than the second: 0 is no rounded 0.4."""
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

_BETWEEN = re.compile(r"\s*(?:→|->)\s*|(?<=[\d%])\s*(?:–|—|-|/)\s*(?=\d)")
_JOINED = re.compile(r"(?<=\d)[-–—](?=[A-Za-z])|(?<=[A-Z]\d)/(?=[A-Z]\d)")
"""The dash of a 15-min horizon, and what lies between P1–P3 and P1/P2."""
_TOKEN = re.compile(r"[^\s()\[\]\"'`,;:!?~≈<>≤≥=±*|]+(?:,\d{3})*")
_NUMBER = re.compile(
    r"(?P<digits>[+-]?\d+(?:,\d{3})*(?:\.\d+)?)(?:(?P<unit>%|×|[A-Za-zµ]+)(?:/[A-Za-z]+)?)?"
)
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
NAME = re.compile(
    r"[A-Za-z_]\w*(?:\.[A-Za-z_<]\w*>?)+|[A-Za-z]\w*_\w+|\w+(?=\(\))|[A-Za-z]+\d\w*"
    r"|\b[A-Z][a-z0-9]+(?:[A-Z][a-z0-9]+)+\b"
)
"""What looks like a name: with dots, underscores, brackets or digits, or like OrderService."""
_TIMES, _BYTES, SHARES, RATIOS = "time", "bytes", "share", "ratio"
SAMPLES, DEVIATIONS = "samples", "deviations"
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
    **dict.fromkeys(("%", "percent", "percentage", "points", "point", "pp"), (SHARES, (0.01,))),
    **dict.fromkeys(("chance", "probability"), (SHARES, (1.0,))),
    **dict.fromkeys(("x", "×", "times", "fold"), (RATIOS, (1.0,))),
    **dict.fromkeys(("samples", "sample"), (SAMPLES, (1.0,))),
    **dict.fromkeys(("σ", "sigma", "sigmas", "deviations"), (DEVIATIONS, (1.0,))),
}
"""What a unit measures, and what one of it is in seconds, in bytes, as a part of one."""


class Known(NamedTuple):
    """A number of a row: what it measures, None where nobody says, and how much of it."""

    value: float
    of: str | None


class Written(NamedTuple):
    """A number as it is written: what it measures and what it may be worth, half the worth of its
    last digit beside each; without a unit `of` is None, and `counts` says whether a noun follows
    in its place."""

    worth: tuple[tuple[float, float], ...]
    of: str | None
    counts: bool = False

    def is_near(self, known: Known) -> bool:
        """Whether it can be the other one."""
        if self.of is not None or self.counts:
            return self.of == known.of and self._is(known.value)
        # Without a unit people write a share as percent, and milliseconds or megabytes as well.
        factors = {SHARES: (1, 100), _TIMES: (1, 1e3), _BYTES: (1, 1e-6, 2**-20)}
        return any(self._is(known.value * factor) for factor in factors.get(known.of or "", (1,)))

    def _is(self, value: float) -> bool:
        # A part of the infinite is infinite: everything would be near it.
        return math.isfinite(value) and any(
            abs(worth - abs(value))
            <= max(min(half, ROUNDED * abs(value)), NEAR * abs(value)) * (1 + 1e-9)
            for worth, half in self.worth
        )


def with_spans_in_seconds(text: str) -> str:
    """PT15M and 1m30s as one number each."""
    return _SPAN.sub(_in_seconds, text)


def _in_seconds(span: re.Match[str]) -> str:
    iso, clock = span.groups()[:3], span.groups()[3:]
    hours, minutes, seconds = (int(part or 0) for part in (iso if any(iso) else clock))
    return f"{3600 * hours + 60 * minutes + seconds} s"


def written(text: str) -> list[Written] | None:
    """The numbers in a text; None where something in it can be a number, but not be read as one."""
    text = _PART.sub(lambda part: _PARTS[(part.lastindex or 1) - 1], text)
    if _LARGE_WORD.search(text) or any(c.isnumeric() and not c.isascii() for c in text):
        return None
    plain = _JOINED.sub(" ", _BETWEEN.sub(" to ", text))
    tokens = _tokens(_SMALL_WORD.sub(lambda word: _SMALL_WORDS[word[0].casefold()], plain))
    found: list[Written] = []
    for place, token in enumerate(tokens):
        number = _NUMBER.fullmatch(token)
        if number is None:
            if any(c.isdigit() for c in token) and not NAME.fullmatch(token):
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
        found.append(Written(tuple((value * f, half * f) for f in factors), of, counts))
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


def in_unit(values: Iterable[float], unit: str) -> Iterator[Known]:
    """Numbers that are known to be of a unit."""
    of, factors = _UNITS.get(unit.partition("/")[0], (None, (1.0,)))
    return (Known(value * factors[0], of) for value in values)
