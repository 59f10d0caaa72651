"""Charts of block characters on a stated scale. No widgets."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence

from perftui.model.objective import Objective
from perftui.model.series import Origin, Point, SeriesKey, usual_step
from perftui.tui.axis import Axis
from perftui.tui.sparks import BARS

THRESHOLD = "╌"
MARK = "┊"
_ROUNDABLE = 1e307
"""No round number is above a larger one."""
FAR = 8
"""A count below this part of its limit, the least that a bar of one row shows, is far from it."""


def scale(
    points: Sequence[Point], key: SeriesKey, objective: Objective | None
) -> tuple[float, float]:
    """Bottom and top of a chart of these points, at least one: from 0, or from below the least
    value where that is negative, to the metric's own limit, else to the next round number above all
    points and the threshold. So it is for a count of the process far below its limit, too: where a
    million files may be open, a leak of some hundred would look flat."""
    values = [point.value for point in points]
    if objective is not None:
        values.append(objective.threshold)
    least, most = min(values), max(values)
    top, unit = key.limit, key.unit
    is_count = key.origin is Origin.PROCESS and not unit
    if top is None or most > top or (is_count and most < top / FAR):
        top = _round_up(max(0.0, most), unit)
    bottom = -_round_up(-least, unit) if least < 0 else 0.0
    return bottom, top if top > bottom else bottom + 1.0


def _round_up(value: float, unit: str) -> float:
    """The next of 1, 2, 5 x 10^n, of bytes the next power of two; 0 for 0."""
    if value <= 0:
        return 0.0
    if value > _ROUNDABLE:
        return sys.float_info.max
    if unit == "B":
        return float(2 ** math.ceil(math.log2(value)))
    power = 10.0 ** math.floor(math.log10(value))
    return next((step * power for step in (1.0, 2.0, 5.0) if value <= step * power), 10 * power)


def chart(
    points: Sequence[Point],
    *,
    axis: Axis,
    height: int,
    top: float,
    threshold: float | None,
    bottom: float = 0.0,
    marks: Sequence[float] = (),
) -> tuple[str, ...]:
    """Rows of a bar chart from `bottom` to `top`, top row first; a cell shows its highest point,
    the last one those so far.

    A cell without a point is a gap: blank. The threshold is a dashed line where no bar covers it,
    `marks` (Unix seconds) are vertical ones.
    """
    if axis.width <= 0:
        return ("",) * height
    # What is drawn moves when a cell is full, and holds still in between.
    cells = cell_values(points, axis)
    shares = [None if value is None else _share(value, bottom, top) for value in cells]
    line = None
    if threshold is not None:
        line = min(height - 1, int((1 - _share(threshold, bottom, top)) * height))
    rows: list[str] = []
    for row in range(height):
        floor = height - 1 - row
        drawn = [_cell(share, height, floor) for share in shares]
        if row == line and height > 1:
            drawn = [THRESHOLD if cell == " " else cell for cell in drawn]
        for at in marks:
            index = axis.place(at)
            if index is not None:
                drawn[index] = MARK
        rows.append("".join(drawn))
    return tuple(rows)


def cell_values(points: Sequence[Point], axis: Axis) -> list[float | None]:
    """The highest value in each cell; None where there is none."""
    cells: list[float | None] = [None] * axis.width
    first, cell_s = axis.first, axis.cell_s
    for at, value in points:
        index = math.floor(at / cell_s) - first
        if 0 <= index < axis.width:
            known = cells[index]
            cells[index] = value if known is None else max(known, value)
    _bridge(cells, points, cell_s)
    return cells


def _bridge(cells: list[float | None], points: Sequence[Point], cell_s: float) -> None:
    """Points that come more rarely than cells hold until the next one is due: no gap."""
    if len(points) < 2:
        return
    apart = usual_step(points)
    reach = math.ceil(2 * apart / cell_s)
    since, last = reach, None
    for index, value in enumerate(cells):
        if value is not None:
            since, last = 0, value
        else:
            since += 1
            if last is not None and since < reach:
                cells[index] = last


def _share(value: float, bottom: float, top: float) -> float:
    """How high a value is on a scale, 0 to 1. In halves: a difference can be beyond any number."""
    return min(max((value / 2 - bottom / 2) / (top / 2 - bottom / 2), 0.0), 1.0)


def _cell(share: float | None, height: int, floor: int) -> str:
    """The part of a bar, `share` of the chart high, that lies `floor` rows above the bottom."""
    if share is None:
        return " "
    eighths = round(share * height * 8) - floor * 8
    if floor == 0:
        eighths = max(1, eighths)  # a value near zero is not a gap
    return BARS[min(8, max(0, eighths))]
