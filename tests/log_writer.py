"""A process that writes forecasts, for tests of several at once."""

from __future__ import annotations

import time
from pathlib import Path

from perftui.forecast.keeping import Keeping
from perftui.model.objective import Objective
from perftui.model.series import SeriesKey


def write_forecasts(
    path: Path, objective: Objective, key: SeriesKey, name: str, count: int
) -> None:
    """So many forecasts of a forecaster of that name, until all of them are in the file."""
    keeping = Keeping(path, "shop")
    for n in range(count):
        keeping.forecast(objective, key, float(n), {name: 0.5})
    keeping.flush(60)
    while keeping.failure:
        time.sleep(0.1)
        keeping.flush(60)
