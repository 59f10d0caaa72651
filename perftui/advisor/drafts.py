"""Requests made out of snapshots, under the names of this run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from perftui.advisor import prompt
from perftui.advisor.asked import redacted
from perftui.advisor.evidence import facts, with_cases
from perftui.advisor.prompt import Looks, Request
from perftui.advisor.redact import Pseudonyms
from perftui.advisor.rows import Facts
from perftui.model.findings import Forecast
from perftui.model.past import PastCase
from perftui.model.question import Question
from perftui.model.snapshot import Snapshot
from perftui.settings import LlmSettings, ShareSettings

Cases = Callable[[Forecast], Sequence[PastCase]]
"""Gives earlier moments that are like a forecast, the most similar first."""


def no_cases(_: Forecast) -> Sequence[PastCase]:
    """Where nothing of earlier is known."""
    return ()


class Drafts:
    """Makes requests; from any thread.

    `names` is how things are called towards the model at present: who makes a request keeps them
    for all of it. `naming` is held while they are used, here and by whoever else does.
    """

    def __init__(
        self,
        settings: LlmSettings,
        of_files: frozenset[str] = frozenset(),
        cases: Cases = no_cases,
    ) -> None:
        self._settings = settings
        self._cases = cases
        self.names = Pseudonyms(settings.share, of_files)
        self.naming = threading.Lock()

    def share(self, share: ShareSettings) -> bool:
        """Tell what `share` opens from now on; whether that is less of some kind than before."""
        closes = any(kind not in share.opened for kind in self.names.share.opened)
        self.names = self.names.sharing(share)
        return closes

    def table(
        self, snapshot: Snapshot, names: Pseudonyms, question: Question | None = None
    ) -> Facts:
        """The evidence for a forecast, or for what a person asks, as much of it as there is room
        for."""
        table = facts(snapshot, question)
        if table.local is not None:
            table = with_cases(table, self._cases(table.local), snapshot.taken_at)
        with self.naming:
            if question is not None:
                table = replace(table, words=redacted(question.text, snapshot, names))
            return prompt.fitted(table, names)

    def request(self, table: Facts, names: Pseudonyms, *, asked: bool = False) -> Request:
        """The first call about `table`; a model may look closer where it is `asked`, and not on
        schedule."""
        looks = Looks.OFFERED if asked and self._settings.tools else Looks.NONE
        with self.naming:
            return prompt.request(table, names, self._settings.model, looks=looks)

    def would_send(self, snapshot: Snapshot | None, share: ShareSettings) -> str:
        """The body of a call as it would be now, if it were asked for, with what `share` opens;
        empty where there is nothing to ask about."""
        if snapshot is None or not (snapshot.windows or snapshot.series):
            return ""
        names = self.names.sharing(share)
        return self.request(self.table(snapshot, names), names, asked=True).body
