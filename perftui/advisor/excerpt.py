"""The source of one function, as it may leave the host: when a person has seen it and says so."""

from __future__ import annotations

import re
import tokenize
from collections.abc import Iterator, Sequence

from perftui.advisor.outline import lines_of
from perftui.advisor.scrub import MOST, REMOVED, is_secret_name, without_secrets
from perftui.errors import PerftuiError
from perftui.model.snapshot import Snapshot
from perftui.model.source import SourceText
from perftui.model.stacks import Place
from perftui.model.text import plain

MOST_LINES = 100
_ROOM = MOST - 500
"""Characters in which secrets are looked for, those that go over several lines, too."""
_SIGNS_IN = re.compile(r"(?i)login|authenticat|basic_?auth")
"""What is called with a secret that has no name of its own."""
_URL_WITH_PASSWORD = re.compile(r"(?s)://.*@")
_FILLING = frozenset(
    (tokenize.COMMENT, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING)
)
_Tokens = Sequence[tokenize.TokenInfo]
_Span = tuple[tuple[int, int], tuple[int, int]]


def excerpt(place: Place, snapshot: Snapshot, source: SourceText) -> tuple[str, ...]:
    """The lines of a function in its file, without what looks like a secret; the first `MOST_LINES`
    of a long one. PerftuiError, in one sentence, where there are none."""
    name = plain(place.function, 60)
    if source.why:
        raise PerftuiError(f"There is no source of {name}: {source.why}.")
    if source.is_stale:
        raise PerftuiError(f"The file of {name} has changed since the program began.")
    line = next(
        (
            frame.line
            for window in reversed(snapshot.windows)
            for _, stack in window.stacks
            for frame in stack
            if frame.line is not None and (frame.function, frame.file) == place
        ),
        None,
    )
    try:
        first, last = lines_of(source.lines, place.function, line)
        lines = _without_texts(source.lines)
    except ValueError as error:
        raise PerftuiError(f"There is no source of {name}: {error}.") from None
    taken: list[str] = []
    for text in lines[first - 1 : last][:MOST_LINES]:
        if sum(len(one) + 1 for one in taken) + len(text) > _ROOM:
            break
        taken.append("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text))
    return tuple(without_secrets("\n".join(taken)).split("\n")) if taken else ()


def _without_texts(lines: Sequence[str]) -> list[str]:
    """Lines of Python, as many, without the texts and comments of each statement that holds the
    name of a secret: there is more than one way to give it its value. ValueError, in a few words,
    where they cannot be told."""
    left = list(lines)
    try:
        statements = list(_statements(lines))
    except (tokenize.TokenError, SyntaxError):
        raise ValueError("its texts cannot be told from its code") from None
    for tokens in statements:
        if _holds_secret(tokens):
            for (row, start), (end_row, end) in reversed(list(_texts(tokens))):
                tail = left[end_row - 1][end:]
                left[row - 1 : end_row] = [
                    left[row - 1][:start] + REMOVED,
                    *[""] * (end_row - row),
                ]
                left[end_row - 1] += tail
    return left


def _statements(lines: Sequence[str]) -> Iterator[list[tokenize.TokenInfo]]:
    """The tokens of each logical line; those of a comment that stands alone."""
    tokens: list[tokenize.TokenInfo] = []
    for token in tokenize.generate_tokens(iter([f"{line}\n" for line in lines]).__next__):
        tokens.append(token)
        ends_comment = token.type == tokenize.NL and all(one.type in _FILLING for one in tokens)
        if token.type == tokenize.NEWLINE or ends_comment:
            yield tokens
            tokens = []
    yield tokens


def _holds_secret(tokens: _Tokens) -> bool:
    # The statement pass is no name.
    words = [one.string for one in tokens if one.string != "pass"]
    return any(is_secret_name(word) or _SIGNS_IN.search(word) for word in words) or bool(
        _URL_WITH_PASSWORD.search("".join(words))
    )


def _texts(tokens: _Tokens) -> Iterator[_Span]:
    """Where the texts and comments are. Up to Python 3.11 an f-string is a token, later several."""
    depth, began = 0, (0, 0)
    for token in tokens:
        kind = tokenize.tok_name[token.type]
        if kind.endswith("STRING_START"):
            began = began if depth else token.start
            depth += 1
        elif kind.endswith("STRING_END"):
            depth -= 1
            if not depth:
                yield began, token.end
        elif not depth and token.type in (tokenize.STRING, tokenize.COMMENT):
            yield token.start, token.end
