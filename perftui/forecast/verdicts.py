"""The verdicts of a person on one target's forecasts, kept from run to run."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import partial

from perftui.forecast.keeping import Keeping
from perftui.model.verdict import Item, Verdict


class Verdicts:
    """The newest verdict on each item; all of them are kept in `keeping`. From any thread."""

    def __init__(self, keeping: Keeping) -> None:
        self._keeping = keeping
        self._lock = threading.Lock()
        self._newest: dict[Item, Verdict] = {}
        self._is_loaded = False
        self._target = 0

    def load(self) -> None:
        """Have those of earlier runs read; the first time only."""
        if not self._is_loaded:
            self._is_loaded = True
            self._keeping.read_verdicts(partial(self._remember, self._target))

    def forget(self) -> None:
        """Another target: what was decided of the last one is kept, and does not stand here."""
        with self._lock:
            self._newest, self._is_loaded = {}, False
            self._target += 1

    def _remember(self, target: int, earlier: Sequence[Verdict]) -> None:
        with self._lock:
            if target != self._target:
                return  # they were read for the one before
            self._newest = {verdict.item: verdict for verdict in earlier} | self._newest

    def add(self, verdict: Verdict) -> None:
        """One more, in place of an earlier one on the same item."""
        with self._lock:
            self._newest = self._newest | {verdict.item: verdict}
        self._keeping.verdict(verdict)

    def standing(self, now: float) -> tuple[Verdict, ...]:
        """Those that stand at `now` (Unix seconds)."""
        return tuple(verdict for verdict in self._newest.values() if now < verdict.until)
