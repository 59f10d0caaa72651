"""What was known beside a point of a series."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from perftui.model.present import series_name
from perftui.model.profile import OVERDUE_S, shares_of_work
from perftui.model.stacks import Place, Window
from perftui.model.timeline import Timeline

STALE_S = 30.0
"""An older value says nothing of now."""


class Beside(NamedTuple):
    """The newest values of the other metrics by name, and how much each function was at work in the
    newest window (1.0 is one busy thread), None without one."""

    metrics: Mapping[str, float]
    shares: Mapping[Place, float] | None = None

    def of_others(self, name: str) -> Beside:
        """Without the metric of this name."""
        if name not in self.metrics:
            return self
        return self._replace(metrics={n: v for n, v in self.metrics.items() if n != name})


NOTHING = Beside({})


def beside(timeline: Timeline, now: float) -> Beside:
    """What is known at `now` (Unix seconds); what is too old is left out."""
    values = timeline.newest(now - STALE_S)
    named = {series_name(key): value for key, value in values.items()}
    return Beside(named, shares_at(timeline.newest_window(), now))


def shares_at(window: Window | None, now: float) -> Mapping[Place, float] | None:
    """How much each function was at work in the newest window; None where that is too old, or has
    looked at something else: who holds the GIL, or threads at rest, too."""
    if window is None or now - window.end > OVERDUE_S or window.kind[:2] != (False, False):
        return None
    return shares_of_work(window)
