"""The text of a source file of the target."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SourceText:
    """The lines of `file`; with none, `why` says why. `is_stale` where the file has changed since
    the target began, so that it may run other code."""

    file: str
    lines: tuple[str, ...] = ()
    is_stale: bool = False
    why: str = ""
