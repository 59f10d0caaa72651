"""Tables of a TOML or JSON file as checked values: what is wrong is said with its place.

msgspec checks types and bounds. What it does not know, a duration or a regular expression, is a
type that checks itself: it has a class method `checked`, which raises ValueError.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar, get_args

import msgspec

T = TypeVar("T", bound=msgspec.Struct)

Key = str | int
"""A name in a table, or a place in a list, the first being 0."""

_MESSAGE = re.compile(r"(?P<reason>.*?)(?: - at `\$(?P<path>[^`]*)`)?", re.DOTALL)
_STEP = re.compile(r"\.(?P<name>[^.\[]+)|\[(?P<place>\d+|\.\.\.)\]")
_FIELD = re.compile(
    r"Object (?P<what>contains unknown|missing required) field `(?P<name>.*)`", re.DOTALL
)
_TYPES = re.compile(r"Expected `(?P<wanted>[^`]*)`, got `(?P<given>[^`]*)`")
_BOUND = re.compile(
    r"Expected `(?P<kind>\w+)[^`]*` (?P<of_length>of length )?(?P<sign>[<>]=?) (?P<number>\S+)"
)
_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
    "null": "nothing",
}
_FINITE = "must be a finite number"
_SIGNS = {"<": "less than", "<=": "at most", ">": "greater than", ">=": "at least"}


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table whose values do not change; every number in it is finite."""

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError(f"{name} {_FINITE}")

    def but(self, **values: object) -> Self:
        """The same table with other values by these names, whose types are not checked again."""
        return msgspec.structs.replace(self, **values)


@dataclass
class Invalid(Exception):
    """A value that cannot be there.

    `location` leads to it from the outermost table; `reason` says what is wrong, `given` is the
    value where it is one. `allowed` are the names that may stand there in place of one that is
    unknown, else empty.
    """

    location: tuple[Key, ...]
    reason: str
    given: object = None
    allowed: tuple[str, ...] = ()


def checked(values: object, kind: type[T]) -> T:
    """The values of a table, as they were read. Raises Invalid for the first that is wrong."""
    try:
        return msgspec.convert(values, kind, dec_hook=_own_kind)
    except msgspec.ValidationError as error:
        raise _explained(str(error), values, kind) from None
    except UnicodeError as error:  # a lone surrogate, which no TOML file holds but a command line
        raise Invalid((), f"holds text that is none: {error}") from None


def _own_kind(kind: type[Any], value: object) -> object:
    if kind is Path and not isinstance(value, str | Path):
        raise ValueError("must be the path of a file, as text")
    try:
        return Path(str(value)).expanduser() if kind is Path else kind.checked(value)
    except (RuntimeError, OverflowError, UnicodeError) as error:
        raise ValueError(f"cannot be used: {error}") from None


def _explained(message: str, values: object, kind: type[T]) -> Invalid:
    match = _MESSAGE.fullmatch(message)
    assert match is not None  # noqa: S101 - any text fits
    reason, location = match["reason"], tuple(_steps(match["path"] or "", message, values, kind))
    field = _FIELD.match(reason)
    if field is None:
        given = _at(values, location)
        is_finite = not isinstance(given, float) or math.isfinite(given)
        words = [repr(w) for w in _literals(_kind_at(location, kind))]
        return Invalid(location, _in_words(reason, words) if is_finite else _FINITE, given)
    location = (*location, field["name"])
    if field["what"] == "missing required":
        return Invalid(location, "is required")
    return Invalid(location, "is not known", allowed=tuple(_names(location, kind)))


def _in_words(reason: str, words: list[str]) -> str:
    """What msgspec says, as people say it who write such files; `words` are those that may stand
    there, where it is about words."""
    if types := _TYPES.fullmatch(reason):
        kinds = [_KINDS.get(one, one) for one in types["wanted"].split(" | ") if one != "null"]
        given = _KINDS.get(types["given"], types["given"])
        if "a whole number" in kinds and types["given"] == "float":
            given = "a fraction"
        return f"must be {' or '.join(kinds)}, not {given}"
    if bound := _BOUND.fullmatch(reason):
        limit = f"{_SIGNS[bound['sign']]} {bound['number'].removesuffix('.0')}"
        if not bound["of_length"]:
            return f"must be {limit}"
        one, more = ("character", "characters") if bound["kind"] == "str" else ("entry", "entries")
        return f"must have {limit} {one if bound['number'] == '1' else more}"
    return f"must be one of {', '.join(words)}" if "enum value" in reason else reason


def _steps(path: str, message: str, values: object, kind: type[T]) -> Iterator[Key]:
    """The parts of msgspec's path, which has `[...]` for the key of a dictionary: that of which
    alone the message would be the same."""
    at: list[Key] = []
    for step in _STEP.finditer(path):
        key: Key = step["name"] or step["place"]
        if step["place"] == "...":
            keys = list(_keys(_at(values, at)))
            same = (k for k in keys if _wrong(_only(values, at, k), kind) == message)
            key = next(same, keys[0])
        elif step["place"]:
            key = int(step["place"])
        at.append(key)
        yield key


def _keys(table: object) -> Iterator[str]:
    yield from table if isinstance(table, Mapping) else ()


def _only(values: Any, at: list[Key], key: str) -> Any:
    """The same values, but of the table at a place one key alone."""
    if not at:
        return {key: values[key]}
    first, *rest = at
    part = _only(values[first], rest, key)
    if isinstance(values, Mapping):
        return {**values, first: part}
    return [part if place == first else value for place, value in enumerate(values)]


def _wrong(values: object, kind: type[T]) -> str:
    """What msgspec says of these values, empty if they are right."""
    try:
        msgspec.convert(values, kind, dec_hook=_own_kind)
    except msgspec.ValidationError as error:
        return str(error)
    return ""


def _at(values: Any, location: tuple[Key, ...] | list[Key]) -> object:
    for key in location:
        values = values[key]
    return values


def _names(location: tuple[Key, ...], kind: type[msgspec.Struct]) -> Iterator[str]:
    """The names that are allowed where the last part of a location stands."""
    table = _kind_at(location[:-1], kind)
    yield from (field.encode_name for field in msgspec.structs.fields(table))


def _kind_at(location: tuple[Key, ...], kind: type[msgspec.Struct]) -> Any:
    """The type that a value at this place is to have."""
    found: Any = kind
    for key in location:
        inner = get_args(found)  # of a list `T, ...`, of a dictionary `str, T`
        if inner:
            found = inner[0] if isinstance(key, int) else inner[1]
        else:
            found = {f.encode_name: f.type for f in msgspec.structs.fields(found)}[str(key)]
    return found


def _literals(kind: Any) -> Iterator[str]:
    """The words of a type, or of the parts of a union."""
    for one in get_args(kind):
        if isinstance(one, str):
            yield one
        else:
            yield from _literals(one)
