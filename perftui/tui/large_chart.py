"""One metric over a whole panel: its figures above, scale and times around it. No widgets."""

from __future__ import annotations

from perftui.model.objective import Objective
from perftui.model.present import format_clock, format_value, series_name
from perftui.model.series import Series, between
from perftui.model.snapshot import Snapshot
from perftui.tui.axis import Axis, Moment
from perftui.tui.cells import fit
from perftui.tui.charts import scale
from perftui.tui.metrics_view import Listed, metric_line

LABEL_CELLS = 10
"""Width of the scale on the left, with the gap behind it."""
TITLE_LINES = 2
TIMES_APART = 20
"""Cells between two times below the chart."""


def large_chart(
    series: Series,
    objective: Objective | None,
    snapshot: Snapshot,
    axis: Axis,
    height: int,
    moment: Moment | None,
) -> list[str]:
    """`height` lines of `LABEL_CELLS` + the axis's width."""
    rows = max(1, height - TITLE_LINES - 1)
    shown = Listed(series, series_name(series.key), objective, rows)
    line = metric_line(shown, snapshot, axis, moment)
    visible = between(series.points, axis.start, axis.end)
    bottom, top = scale(visible or series.points, series.key, objective)
    unit = series.key.unit
    labels = dict.fromkeys(range(rows), "")
    for row, value in ((rows // 2, top / 2 + bottom / 2), (rows - 1, bottom), (0, top)):
        labels[row] = format_value(value, unit)
    where = "" if moment is None else f" at {format_clock(moment.start)}"
    title = [f"{line.name}  {line.value}{where}", line.slope, line.extent]
    wanted = [line.wanted, line.burn]
    return [
        "  ".join(part for part in title if part),
        "  ".join(part for part in wanted if part),
        *(
            f"{fit(labels[row], LABEL_CELLS - 1, right=True)} {line.chart[row]}"
            for row in range(rows)
        ),
        " " * LABEL_CELLS + _times(axis),
    ]


def _times(axis: Axis) -> str:
    """The time of every so many cells, where it begins."""
    text = ""
    for place in range(0, axis.width, TIMES_APART):
        text += f"└{format_clock(axis.cell(place).start)}".ljust(TIMES_APART)
    return text[: axis.width]
