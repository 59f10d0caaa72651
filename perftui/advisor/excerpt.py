"""The source of one function, as it may leave the host: when a person has seen it and says so."""

from __future__ import annotations

from perftui.advisor.outline import lines_of
from perftui.advisor.scrub import MOST, without_secrets
from perftui.errors import PerftuiError
from perftui.model.snapshot import Snapshot
from perftui.model.source import SourceText
from perftui.model.stacks import Place
from perftui.model.text import plain

MOST_LINES = 100
_ROOM = MOST - 500
"""Characters in which secrets are looked for, those that go over several lines, too."""


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
    except ValueError as error:
        raise PerftuiError(f"There is no source of {name}: {error}.") from None
    taken: list[str] = []
    for text in source.lines[first - 1 : last][:MOST_LINES]:
        if sum(len(one) + 1 for one in taken) + len(text) > _ROOM:
            break
        taken.append("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text))
    return tuple(without_secrets("\n".join(taken)).split("\n")) if taken else ()
