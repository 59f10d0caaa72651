"""What is sent to an LLM and what is asked before, as lines of text. No widgets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from perftui.model.consent import Choice
from perftui.model.findings import LlmStatus
from perftui.model.objective import format_duration
from perftui.model.present import format_age
from perftui.model.sent import Sent
from perftui.model.text import plain, without_password
from perftui.settings import LlmSettings

NOTHING = "There is nothing to ask about yet."
QUESTION = "May an LLM explain what is seen here? Nothing is sent before you allow it."
HEAD = """\
Beside the body below go the key, and what the SDK says of itself.
What looks like a secret is left out in any case.\
"""
TOOLS = """\
The body is what F5 sends, with tools: a model may look closer by them,
three times at most, and is told no other names. On schedule it has none.\
"""
NUMBERS = "numbers only: figures and units; all names go as fn_1, m_1"
NAMES = {
    "library_names": "functions of the standard library and of well-known packages",
    "metric_names": "metrics",
    "function_names": "your own functions and modules",
    "labels": "labels of metrics and their values",
    "threads": "threads",
    "paths": "files and lines",
    "host": "this host and hosts in labels",
    "users": "users in labels",
    "commands": "the command line",
    "events": "what is said of events",
}
"""The kinds of `[llm.share]`, in words."""
KEYS = "Enter allows what is marked, for this host    n f ← → show the other"


def sent_lines(
    sent: Sent, settings: LlmSettings, status: LlmStatus, now: float, shown: Choice
) -> list[str]:
    """What is asked or holds, what would be sent, and what was; `now` in Unix seconds, `shown` the
    choice whose body is shown where there is one to make."""
    lines = [*_consent(sent, status), *_where(sent, settings), *HEAD.splitlines()]
    if settings.tools:
        lines += TOOLS.splitlines()
    if sent.consent.is_open:
        lines += ["", *_choices(sent, settings, shown)]
    would, was = _would(sent, shown), _was(sent, now)
    # What would change is looked at before what was.
    is_other = sent.consent.is_open and shown is not sent.consent.choice
    for part in (would, was) if is_other else (was, would):
        lines += ["", *part] if part else []
    return lines


def _would(sent: Sent, shown: Choice) -> list[str]:
    which = ""
    if sent.consent.is_open:
        which = ", numbers only" if shown is Choice.NUMBERS else ", with function names"
    body = sent.choices.get(shown, sent.now)
    return [f"WOULD BE SENT NOW{which}", *(_body(body) if body else [NOTHING])]


def _was(sent: Sent, now: float) -> list[str]:
    if sent.last_at is not None:
        return [f"LAST SENT, {format_age(now - sent.last_at)} ago", *_body(sent.last)]
    return [] if sent.consent.is_wanted else ["Nothing was sent in this run."]


def _consent(sent: Sent, status: LlmStatus) -> Iterator[str]:
    consent = sent.consent
    if consent.is_given:
        what = "with numbers only" if consent.choice is Choice.NUMBERS else "with function names"
        yield f"Allowed {what}, by {consent.by}."
    elif consent.is_open:
        yield QUESTION
    else:
        yield f"LLM {plain(status.message) or 'off'}"
    if consent.note:
        yield plain(consent.note)


def _where(sent: Sent, settings: LlmSettings) -> Iterator[str]:
    yield f"to {plain(without_password(sent.server), 200)}"
    price = "no price known, so it is not called"
    if sent.price is not None:
        price = f"${sent.price[0]:.2f} a million tokens in, ${sent.price[1]:.2f} out"
    yield f"model {plain(settings.model, 80)}: {price}"
    every, cap = format_duration(settings.every), settings.monthly_cap_usd
    yield f"every {every} and on warnings, until ${cap:.2f} in a month"


def _choices(sent: Sent, settings: LlmSettings, shown: Choice) -> Iterator[str]:
    names = ", ".join(NAMES[kind] for kind in settings.share.opened) or "[llm.share] opens none"
    withheld = "" if settings.share.function_names else "; your own go as fn_1"
    for key, choice, words in (
        ("n", Choice.NUMBERS, NUMBERS),
        ("f", Choice.NAMES, f"with function names; told are {names}{withheld}"),
    ):
        yield f"{'▸' if choice is shown else ' '} {key}  {words}"
    yield KEYS
    if sent.consent.is_given:
        yield "x takes it back    X never on this host    Esc closes"
    else:
        yield "x not now    X never on this host    Esc closes"


def _body(body: str) -> Iterator[str]:
    """To be read, the table and what tools gave opened; then the same as it goes over the line."""
    yield from _readable(body)
    yield f"as bytes ({len(body.encode())}):"
    # What a model has said goes back as it came, and can hold what a terminal obeys.
    yield body if body.isprintable() else plain(body)


def _readable(body: str) -> list[str]:
    """The body over many lines; none where it cannot be shown so: a model's part of it is as it
    came, and may be nested too deep."""
    try:
        document = json.loads(body)
        match document:
            case {"messages": [*messages]}:
                document["messages"] = [_opened(message) for message in messages]
        # Not a line in it is made of anything but ASCII: JSON escapes the rest.
        return json.dumps(document, indent=1).splitlines()
    except (ValueError, RecursionError):
        return []


def _opened(message: Any) -> Any:
    """A message, with what perftui has written as JSON in it as what that is: the table, and the
    results of tools. What a model has said stays as it came."""
    match message:
        case {"role": "user", "content": str(text)}:
            return message | {"content": _loaded(text)}
        case {"role": "user", "content": [*blocks]}:
            return message | {"content": [_result(block) for block in blocks]}
    return message


def _result(block: Any) -> Any:
    match block:
        case {"type": "tool_result", "content": str(text)}:
            return block | {"content": _loaded(text)}
    return block


def _loaded(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
