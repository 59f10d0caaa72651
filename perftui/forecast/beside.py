"""What was known beside a point of a series."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from perftui.model.present import series_name
from perftui.model.profile import OVERDUE_S, GilShare, shares_of_work
from perftui.model.stacks import Mode, Place, Window
from perftui.model.timeline import Timeline

STALE_S = 30.0
"""An older value says nothing of now."""


class Beside(NamedTuple):
    """The newest values of the other metrics by name; and of the profile how much each function was
    at work in the newest window (1.0 is one busy thread), and the part of the time for which the
    GIL was held in the newest look at its holder (of several processes in the one that holds its
    own most), None without one."""

    metrics: Mapping[str, float]
    shares: Mapping[Place, float] | None = None
    gil_held: float | None = None

    def of_others(self, name: str) -> Beside:
        """Without the metric of this name."""
        if name not in self.metrics:
            return self
        return self._replace(metrics={n: v for n, v in self.metrics.items() if n != name})

    def without_profile(self) -> Beside:
        """For who has not seen the profile."""
        return self._replace(shares=None, gil_held=None)


NOTHING = Beside({})


def beside(timeline: Timeline, now: float) -> Beside:
    """What is known at `now` (Unix seconds); what is too old is left out."""
    values = timeline.newest(now - STALE_S)
    named = {series_name(key): value for key, value in values.items()}
    newest = timeline.newest_window()
    looks = (newest, timeline.newest_gil_window())
    return Beside(named, shares_at(newest, now), gil_held_at(looks, now))


def shares_at(window: Window | None, now: float) -> Mapping[Place, float] | None:
    """How much each function was at work in the newest window; None where that is too old, or has
    looked at something else: who holds the GIL, or threads at rest, too."""
    if window is None or now - window.end > OVERDUE_S or window.kind[:2] != (False, False):
        return None
    return shares_of_work(window)


def gil_held_at(windows: Iterable[Window | None], now: float) -> float | None:
    """For which part of the time the GIL was held, by the newest of the windows that looked at its
    holder alone; None where there is none, or it is too old."""
    looks = (one for one in windows if one is not None and one.mode is Mode.GIL)
    newest = max(looks, key=lambda window: window.end, default=None)
    if newest is None or now - newest.end > STALE_S:
        return None
    held_pct = GilShare([newest]).most_pct
    return None if held_pct is None else held_pct / 100
