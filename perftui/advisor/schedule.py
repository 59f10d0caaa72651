"""When a call is worth it: whether there is evidence, somebody to tell, and anything new in it."""

from __future__ import annotations

from collections.abc import Hashable

from perftui.advisor.rows import Facts
from perftui.model.snapshot import Snapshot
from perftui.model.target import TargetState
from perftui.sources.base import Clock

ENOUGH_S = 10.0
"""Seconds of evidence before the first call."""
TOO_EARLY = f"the first call comes after {ENOUGH_S:g} s of evidence"
ENOUGH_ALONE_S = 30.0
"""Seconds to wait for windows before metrics have to do without them."""
AWAY_S = 600.0
"""Who has not looked at the screen for so long is not told of what changes, in seconds."""
GIST_POINTS = 10.0
"""A function's own share counts as another one when it differs by about so much."""


class Schedule:
    """Says why there is no call now. Its methods can be called from any thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = clock()
        self._away_since: float | None = None
        self._answered: tuple[str, object, float] | None = None
        """The evidence of the last good answer, its gist, and until when that answer holds."""

    def begin(self) -> None:
        """Calls may be made from now on."""
        self._began = self._clock()

    def attend(self, *, is_there: bool) -> None:
        """Whether somebody looks at the screen."""
        if is_there:
            self._away_since = None
        elif self._away_since is None:
            self._away_since = self._clock()

    def nothing_to_say(self, snapshot: Snapshot | None, *, asked: bool) -> str:
        """Why there is nothing to ask about (yet); empty if there is."""
        if snapshot is None or not (snapshot.windows or snapshot.series):
            return "waits for the first evidence"
        if snapshot.target_state is not TargetState.RUNNING:
            return f"pauses: the target is {snapshot.target_state.value}"
        if not (snapshot.objectives or snapshot.forecasts):
            return "pauses: there is no objective to forecast"
        if asked:
            return ""
        away = self._away_since
        if away is not None and self._clock() - away >= AWAY_S:
            return f"pauses: the screen has had no focus for {AWAY_S / 60:.0f} min"
        windows = snapshot.windows
        if windows:
            enough = windows[-1].end - windows[0].start >= ENOUGH_S
        else:
            enough = self._clock() - self._began >= ENOUGH_ALONE_S
        return "" if enough else TOO_EARLY

    def nothing_new(self, content: str, table: Facts, *, asked: bool) -> str:
        """Why an answer would be the last one again; empty if it would not. What is asked for is
        the same only if all of it, the `content`, is; on schedule what matters in it is enough."""
        if self._answered is None:
            return ""
        before, was, until = self._answered
        if content == before:
            return "the evidence is that of the last answer"
        if not asked and gist(table) == was and self._clock() < until:
            return "nothing has changed since the last answer"
        return ""

    def forget(self) -> None:
        """No answer holds any more: another target is watched."""
        self._answered = None

    def answered(self, content: str, table: Facts) -> None:
        """There is a good answer to this: it holds as far as it looks ahead."""
        ahead = table.question.horizon_s if table.question else 0.0
        self._answered = content, gist(table), self._clock() + ahead


def gist(table: Facts) -> Hashable:
    """What matters in a table, in round figures: where it stays, an answer would, too."""
    asked = table.question.metric if table.question else None
    return (
        table.question,
        tuple(
            (f.forecast.objective, f.forecast.state, _tenths(f.forecast.probability))
            for f in table.forecasts
        ),
        tuple((m.key, f"{m.value:.0e}") for m in table.metrics if m.key.name == asked),
        frozenset(
            (f.key[:2], round(f.own_pct / GIST_POINTS))
            for f in table.functions
            if f.own_pct >= GIST_POINTS
        ),
        tuple(f.pattern.name for f in table.findings),
    )


def _tenths(chance: float | None) -> int | None:
    return None if chance is None else round(10 * chance)
