"""Checks of what a client sent: each returns the value or says what is wrong with it."""

from __future__ import annotations

import json


class Invalid(ValueError):
    """The request cannot be served; the message is for the client (HTTP 400)."""


def read_json(body: bytes) -> object:
    """The JSON document of a request's body."""
    try:
        document: object = json.loads(body)
    except ValueError as error:
        raise Invalid("the body is not JSON") from error
    return document


def need_text(document: object, key: str, longest: int = 20_000) -> str:
    """The text under `key`."""
    value = _member(document, key)
    if not isinstance(value, str) or len(value) > longest:
        raise Invalid(f"{key} must be text of at most {longest} characters")
    return value


def need_int(document: object, key: str, least: int, most: int) -> int:
    """The whole number under `key`, from `least` to `most`."""
    value = _member(document, key)
    if not isinstance(value, int) or not least <= value <= most:
        raise Invalid(f"{key} must be a whole number from {least} to {most}")
    return value


def need_list(document: object, key: str, least: int, most: int) -> list[object]:
    """The list under `key`, of `least` to `most` entries."""
    value = _member(document, key)
    if not isinstance(value, list) or not least <= len(value) <= most:
        raise Invalid(f"{key} must be a list of {least} to {most} entries")
    return value


def _member(document: object, key: str) -> object:
    if not isinstance(document, dict) or key not in document:
        raise Invalid(f"{key} is missing")
    return document[key]
