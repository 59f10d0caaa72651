"""The words of a person's question, as they may leave the host."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import PurePath

from perftui.advisor.redact import Pseudonyms
from perftui.advisor.scrub import without_secrets
from perftui.model.question import MOST_TEXT
from perftui.model.snapshot import Snapshot
from perftui.model.text import plain

_LEAST = 3
"""A name of fewer letters is a word like any other."""
_WORD = re.compile(r"[\w.-]+")


def redacted(text: str, snapshot: Snapshot, names: Pseudonyms) -> str:
    """`text` without what looks like a secret, and with the names in `snapshot` as `names` tells
    them. Other words are the person's own, and go as they were typed."""
    told = plain(without_secrets(text), MOST_TEXT)
    words = {part for word in _WORD.findall(told) for part in (word, *word.split("."))}
    known = dict(_known(words, told, snapshot, names))
    if not known:
        return told
    any_of = "|".join(re.escape(real) for real in sorted(known, key=len, reverse=True))
    return re.sub(rf"(?<!\w)(?:{any_of})(?!\w)", lambda found: known[found[0]], told)


def _known(
    words: set[str], text: str, snapshot: Snapshot, names: Pseudonyms
) -> Iterator[tuple[str, str]]:
    """Names that may be in the text, each with what may be told of it."""
    yield from _of_code(words, snapshot, names)
    target = snapshot.target
    threads = {thread.name for window in snapshot.windows for thread, _ in window.stacks}
    labels = [label for series in snapshot.series for label in series.key.labels]
    found: list[tuple[str, Callable[[], str]]] = [
        *((s.key.name, partial(names.metric, s.key.name)) for s in snapshot.series),
        *((value, partial(_value, names, name, value)) for name, value in labels),
        *((thread, partial(names.thread, thread)) for thread in threads),
        (target.host, partial(names.host, target.host)),
        (target.user or "", partial(names.user, target.user or "")),
    ]
    yield from ((real, told()) for real, told in found if len(real) >= _LEAST and real in text)


def _value(names: Pseudonyms, name: str, value: str) -> str:
    return names.label(name, value)[1]


def _of_code(words: set[str], snapshot: Snapshot, names: Pseudonyms) -> Iterator[tuple[str, str]]:
    """Functions, by their whole names or the last part of them, and files, with suffix or not."""
    frames = {
        (frame.function, frame.file)
        for window in snapshot.windows
        for _, stack in window.stacks
        for frame in stack
    }
    for function, file in sorted(frames):
        path = PurePath(file)
        of_function = {function, function.rpartition(".")[2]} & words
        of_file = {path.name, path.stem} & words
        yield from ((w, names.function(function, file)) for w in of_function if len(w) >= _LEAST)
        yield from ((w, names.path(file)) for w in of_file if len(w) >= _LEAST)
