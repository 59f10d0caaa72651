"""The values of settings that have a form of their own: each checks itself, for `checked`."""

from __future__ import annotations

import re
from typing import Self
from urllib.parse import urlsplit

from perftui.model.objective import parse_duration
from perftui.model.pattern import Pattern
from perftui.model.series import BUILT_IN

BUILT_IN_METRICS = frozenset(BUILT_IN)
"""What the process, its cgroups and the host have, where the system has it."""
MOST_OF_NAME = 60
"""Characters of a name at most."""

_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VISIBLE = re.compile(r"[!-~]([ -~]*[!-~])?")


class Seconds(float):
    """A duration: a number of seconds, or text like `90s`, `1m`, `1h30m`."""

    @classmethod
    def checked(cls, value: object) -> Self:
        """What was written. ValueError says what it cannot be."""
        if isinstance(value, str):
            value = parse_duration(value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError("must be a number of seconds, or text like 30s, 1m or 1h30m")
        if not value > 0:
            raise ValueError("must be greater than 0")
        return cls(value)


class _Text(str):
    """Text with a form of its own, which :meth:`_formed` gives, or it raises ValueError."""

    @classmethod
    def checked(cls, value: object) -> Self:
        """What was written. ValueError says what it cannot be."""
        if not isinstance(value, str):
            raise ValueError("must be text")
        return cls(cls._formed(value))

    @classmethod
    def _formed(cls, text: str) -> str:
        raise NotImplementedError


class Secret:
    """Text that no message and no log shows; it goes into the header of a request."""

    def __init__(self, text: str) -> None:
        self._text = text

    @classmethod
    def checked(cls, value: object) -> Self:
        """What was written. ValueError says what it cannot be."""
        if not isinstance(value, str):
            raise ValueError("must be text")
        return cls(value)

    def reveal(self) -> str:
        """The text."""
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "Secret(…)"


class Token(Secret):
    """A secret that is sent as it is."""

    @classmethod
    def checked(cls, value: object) -> Self:
        """What was written. ValueError says what it cannot be."""
        found = super().checked(value)
        if not _VISIBLE.fullmatch(found.reveal()):
            raise ValueError("must be plain ASCII without line breaks")
        return found


class Headers(dict[str, Secret]):
    """HTTP headers by name."""

    @classmethod
    def checked(cls, value: object) -> Self:
        """What was written. ValueError says what it cannot be."""
        found = value if isinstance(value, dict) else {"": ""}
        for name, text in found.items():
            is_text = isinstance(name, str) and isinstance(text, str)
            if not is_text or not _HEADER.fullmatch(name) or not _VISIBLE.fullmatch(text):
                raise ValueError("must be names and values of HTTP headers, in plain ASCII")
        return cls({name: Secret(text) for name, text in found.items()})


class Address(_Text):
    """The URL of a server, without a slash at its end. It may hold a password."""

    @classmethod
    def _formed(cls, text: str) -> str:
        if not text.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        try:
            usable = bool(urlsplit(text).hostname) and not set("?#\\") & set(text)
        except ValueError:
            usable = False
        if not usable:  # what follows a ? or # could be taken for the host
            raise ValueError("must be a URL like https://example.org:8443, without ? and #")
        return text.rstrip("/")

    def __repr__(self) -> str:
        return "Address(…)"


class PageAddress(_Text):
    """The URL of a /metrics page. It may hold a password."""

    def __repr__(self) -> str:
        return "PageAddress(…)"

    @classmethod
    def _formed(cls, text: str) -> str:
        try:
            parts = urlsplit(text)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname)
            usable = usable and (parts.port is None or parts.port > 0)
        except ValueError:
            usable = False
        if not usable:
            raise ValueError("must be a URL like http://127.0.0.1:8000/metrics")
        return text


class Expression(_Text):
    """A regular expression."""

    @classmethod
    def _formed(cls, text: str) -> str:
        try:
            Pattern(text)
        except re.error as error:
            raise ValueError(f"is no regular expression: {error}") from None
        return text


class Fitting(_Text):
    """A regular expression of a pattern: checked without regex, whose import each start would pay
    for those that are shipped."""

    @classmethod
    def _formed(cls, text: str) -> str:
        try:
            re.compile(text)
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(f"is no regular expression: {error}") from None
        return text


class FreeName(_Text):
    """The name of a metric, which none has that is always there."""

    @classmethod
    def _formed(cls, text: str) -> str:
        if not 1 <= len(text) <= MOST_OF_NAME:
            raise ValueError(f"must have 1 to {MOST_OF_NAME} characters")
        if text in BUILT_IN_METRICS:
            raise ValueError("is the name of a metric that is always there; choose another")
        return text
