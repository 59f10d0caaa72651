"""What calls for an explanation: something that begins, told once when it does."""

from __future__ import annotations

from collections.abc import Iterable

from perftui.advisor.conditions import Risen
from perftui.model.findings import LOCAL, Forecast, ForecastState
from perftui.model.objective import Objective
from perftui.model.stacks import Place

CROSSED = (0.5, 0.8)
"""Chances whose crossing is an occasion."""
REARMED = 0.1
"""The next crossing counts after the chance was below by so much: it may waver."""
RISEN_POINTS = 10.0
"""A function that has risen by so many points of one thread's time, and beyond its noise, is."""
FORGOTTEN_S = 600.0
"""And it is again once it was not seen to rise for so many seconds: two of about the same height
take turns, and one at the edge comes and goes."""


class Occasions:
    """Breaches, crossings and risers that begin. Not thread-safe."""

    def __init__(self) -> None:
        self._broken: set[Objective] = set()
        self._above: set[tuple[Objective, float]] = set()
        self._risen: dict[Place, float] = {}
        """Those that were told, and when each was seen to rise last."""

    def have_come(self, forecasts: Iterable[Forecast], risen: Risen | None, now: float) -> bool:
        """Whether one has begun since the last look; `now` in Unix seconds."""
        begun = False
        for forecast in forecasts:
            if forecast.by == LOCAL:
                begun |= self._of_breach(forecast)
                begun |= self._of_chance(forecast)
        return begun | self._of_riser(risen, now)

    def _of_breach(self, forecast: Forecast) -> bool:
        objective = forecast.objective
        if forecast.state is not ForecastState.IN_BREACH:
            self._broken.discard(objective)
            return False
        is_new = objective not in self._broken
        self._broken.add(objective)
        return is_new

    def _of_chance(self, forecast: Forecast) -> bool:
        chance, is_new = forecast.probability, False
        if chance is None:
            return False
        for limit in CROSSED:
            crossing = forecast.objective, limit
            if chance >= limit and crossing not in self._above:
                self._above.add(crossing)
                is_new = True
            elif chance < limit - REARMED:
                self._above.discard(crossing)
        return is_new

    def _of_riser(self, risen: Risen | None, now: float) -> bool:
        oldest = now - FORGOTTEN_S
        self._risen = {place: at for place, at in self._risen.items() if at > oldest}
        if risen is None or risen.points < RISEN_POINTS:
            return False
        is_new = risen.place not in self._risen
        self._risen[risen.place] = now
        return is_new
