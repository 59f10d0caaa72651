"""When a forecast is a warning, and what came of those that were given."""

from __future__ import annotations

import statistics
from collections import deque
from dataclasses import dataclass, field

from perftui.forecast.outcome import Outcome
from perftui.model.present import format_about

WARN, REARM = 0.8, 0.5
LAST = 20
"""So many warnings are spoken of: what was long ago says little of a service that has changed."""


@dataclass
class Trigger:
    """Says when a warning begins: when the chance reaches `WARN`, and again only once it was below
    `REARM` or a breach has come; one that stays high is one warning."""

    _armed: bool = True

    def begins(self, chance: float) -> bool:
        """Whether a warning begins with this chance."""
        if chance < REARM:
            self._armed = True
        if chance < WARN or not self._armed:
            return False
        self._armed = False
        return True

    def breach(self) -> None:
        """A breach has come."""
        self._armed = True


@dataclass
class WarningRecord:
    """The warnings of one forecaster for one objective on one series, and how they turned out."""

    horizon_s: float
    came: deque[bool] = field(default_factory=lambda: deque(maxlen=LAST))
    leads_s: deque[float] = field(default_factory=lambda: deque(maxlen=LAST))
    _trigger: Trigger = field(default_factory=Trigger)
    _open: deque[float] = field(default_factory=lambda: deque(maxlen=LAST))

    def note(self, at: float, chance: float) -> None:
        """A forecast was made at `at` (Unix seconds)."""
        if self._trigger.begins(chance):
            self._open.append(at)

    def resolve(self, outcome: Outcome) -> None:
        """The outcome of a moment; those of breaches come by :meth:`breach`."""
        if not outcome.breached and outcome.at in self._open:
            self._open.remove(outcome.at)
            self.came.append(False)

    def breach(self, onset: float) -> None:
        """A breach began at `onset`."""
        self._trigger.breach()
        true = [at for at in self._open if onset - self.horizon_s <= at]
        early = [at for at in true if at < onset]
        for at in true:
            self._open.remove(at)
            self.came.append(True)
        self.leads_s.extend(onset - at for at in early)

    def sentence(self) -> str | None:
        """In words; None while no warning has turned out one way or the other."""
        if not self.came:
            return None
        true, count = sum(self.came), len(self.came)
        if count == 1:
            words = f"the one such warning so far {'came' if true else 'did not come'} true"
        else:
            words = f"{true} of the last {count} such warnings came true"
        if self.leads_s:
            words += f", usually {format_about(statistics.median(self.leads_s))} ahead"
        return words
