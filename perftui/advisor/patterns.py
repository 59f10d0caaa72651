"""Patterns of trouble: which of them hold in a snapshot. No LLM has a part in it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from perftui.advisor.conditions import Condition, Risen, Said, Seen
from perftui.advisor.stack_search import Fits, Sought, StackSearch
from perftui.checked import checked
from perftui.errors import UsageError
from perftui.model.findings import Evidence, Finding, Mitigation
from perftui.model.pattern import Pattern
from perftui.model.snapshot import Snapshot
from perftui.pattern_settings import NeedSettings, PatternFile, PatternSettings

SLOW_S = 0.02
"""How long an expression of the user's own may take for one name."""
_MOST_KNOWN = 10_000

Compile = Callable[[str, bool], Fits]
"""From an expression, and whether it is to fit the whole name."""


@dataclass(frozen=True)
class _Compiled:
    """A pattern with its conditions ready to be looked at."""

    settings: PatternSettings
    needs: tuple[Condition, ...]
    any_: tuple[Condition, ...]
    unless: tuple[Condition, ...]
    is_shipped: bool

    def finding(self, seen: Seen) -> Finding | None:
        """What is found, None where it does not hold."""
        needed = [seen.holds(condition) for condition in self.needs]
        if None in needed:
            return None
        one_of = [seen.holds(condition) for condition in self.any_]
        if self.any_ and not any(one_of):
            return None
        if any(map(seen.holds, self.unless)):
            return None
        said = dict.fromkeys(one for one in (*needed, *one_of) if one is not None)
        settings = self.settings
        return Finding(
            settings.name,
            settings.says,
            tuple(_evidence(number, one) for number, one in enumerate(said, 1)),
            tuple(Mitigation(t.action, t.why, t.risk, listed=True) for t in settings.try_),
            settings.check,
            self.is_shipped,
        )


class Patterns:
    """The shipped patterns, and the user's `own` in place of those of the same name or beside them.

    Not thread-safe.
    """

    def __init__(self, own: Sequence[PatternSettings] = ()) -> None:
        replaced = {pattern.name for pattern in own}
        self._sought: list[Sought] = []
        self.slow: list[str] = []
        """The user's expressions that took too long for some name: they fit nothing any more."""
        self._patterns = [
            *(self._compiled(p, _quick, True) for p in shipped() if p.name not in replaced),
            *(self._compiled(p, self._guarded, False) for p in own),
        ]
        self._search = StackSearch(self._sought)
        self.risen: Risen | None = None
        """What had risen most at the last look."""

    def _compiled(self, pattern: PatternSettings, fits: Compile, is_shipped: bool) -> _Compiled:
        try:
            needs, any_, unless = (
                tuple(self._condition(need, fits) for need in part)
                for part in (pattern.needs, pattern.any_, pattern.unless)
            )
        except re.error as error:
            raise UsageError(
                f"The pattern {pattern.name!r} has an expression that cannot be used: {error}.",
                "Write it otherwise.",
            ) from None
        return _Compiled(pattern, needs, any_, unless, is_shipped)

    def _condition(self, need: NeedSettings, fits: Compile) -> Condition:
        if need.metric is not None:
            return Condition(need, metric=fits(need.metric, True))
        if not need.of_function:
            return Condition(need)
        self._sought.append(
            Sought(
                None if need.function is None else fits(need.function, True),
                None if need.file is None else fits(need.file, False),
                None if need.under is None else fits(need.under, False),
            )
        )
        return Condition(need, number=len(self._sought) - 1)

    def _guarded(self, text: str, whole: bool) -> Fits:
        """Of a user's own expression, which no name of the target's making may hold up: one that
        is too slow once is not tried again."""
        expression = Pattern(text)
        look = expression.is_all_of if whole else expression.is_in
        known: dict[str, bool] = {}

        def fits(name: str) -> bool:
            if text in self.slow:
                return False
            if name not in known:
                if len(known) > _MOST_KNOWN:
                    known.clear()
                try:
                    known[name] = look(name, SLOW_S)
                except TimeoutError:
                    self.slow.append(text)
                    return False
            return known[name]

        return fits

    def look(self, snapshot: Snapshot) -> tuple[Finding, ...]:
        """Those that hold in `snapshot`, in the order of the files."""
        seen = Seen(snapshot, self._search)
        self.risen = seen.risen
        found = (pattern.finding(seen) for pattern in self._patterns)
        return tuple(finding for finding in found if finding is not None)


@cache
def shipped() -> tuple[PatternSettings, ...]:
    """The patterns of patterns.toml, in its order."""
    text = (resources.files("perftui.advisor") / "patterns.toml").read_text(encoding="utf-8")
    return checked(tomllib.loads(text), PatternFile).pattern


def _quick(text: str, whole: bool) -> Fits:
    """Of a shipped expression: none of them can be slow."""
    expression = re.compile(text)
    look = expression.fullmatch if whole else expression.search
    return lambda name: look(name) is not None


def _evidence(number: int, said: Said) -> Evidence:
    return Evidence(f"S{number}", said.kind, said.text, said.value, said.unit)
