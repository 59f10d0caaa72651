"""The lines of the metrics panel: what stands in which column. No widgets."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from perftui.model.event import Identity
from perftui.model.objective_state import SHAPES
from perftui.model.series import SeriesKey
from perftui.model.snapshot import Snapshot
from perftui.tui.cells import Column, cell_len, fit, widths
from perftui.tui.metrics_view import Listed, MetricLine, source_lines, unavailable_lines

WIDE = 100
NAME_CELLS, WIDE_NAME_CELLS = (13, 22), (26, 44)
"""Least and most for the names: as much as they need, and the rest is for the charts."""
COLUMNS = (
    Column("name", "", NAME_CELLS[0]),
    Column("chart", "", share=1),
    Column("value", "", 9, right=True),
    Column("slope", "", 13),
    Column("scale", "", 13, needs=50),
    Column("extent", "", 20, needs=WIDE),
)


@dataclass(frozen=True)
class Row:
    """One line of the panel: its text, which component style it has, where in it the chart begins,
    and which metric or event it is of."""

    text: str
    style: str
    chart_at: int | None = None
    key: SeriesKey | Identity | None = None


def columns_for(names: Iterable[str], width: int) -> list[tuple[Column, int]]:
    """The columns of a panel of `width` cells that shows metrics of these names."""
    least, most = WIDE_NAME_CELLS if width >= WIDE else NAME_CELLS
    wanted = max((cell_len(name[:most]) for name in names), default=0)
    column = replace(COLUMNS[0], width=max(least, min(most, wanted)))
    return widths((column, *COLUMNS[1:]), width)


def source_rows(snapshot: Snapshot, width: int) -> list[Row]:
    """What the sources of metrics have to say, in as many lines of `width` cells as it takes."""
    return [
        Row(line, "metrics--violated" if failed else "metrics--stale")
        for text, failed in source_lines(snapshot)
        for line in textwrap.wrap(text, width)
    ]


def unavailable_rows(snapshot: Snapshot) -> list[Row]:
    """A line for each metric that cannot be had."""
    return [
        Row(f"{fit(name, 30)} {why}", "metrics--stale") for name, why in unavailable_lines(snapshot)
    ]


def rows_in_sight(
    metrics: Iterable[Listed],
    columns: Sequence[tuple[Column, int]],
    draw: Callable[[Listed], MetricLine],
    first: int,
    sight: range,
) -> list[Row]:
    """A line for each row of these metrics, the first of which is line `first` of the panel. Of
    those out of `sight` only what they are of is known: how they look costs nothing."""
    found: list[Row] = []
    for metric in metrics:
        at = first + len(found)
        if at < sight.stop and at + metric.rows > sight.start:
            found.extend(metric_rows(draw(metric), columns))
        else:
            found.extend([Row("", "", _chart_at(columns), metric.series.key)] * metric.rows)
    return found


def _chart_at(columns: Sequence[tuple[Column, int]]) -> int:
    """In which cell the charts begin."""
    return columns[0][1] + 1


def metric_rows(metric: MetricLine, columns: Sequence[tuple[Column, int]]) -> list[Row]:
    """A line for each row of its chart."""
    style = "stale" if metric.stale else "violated" if metric.violated else "line"
    chart_at = _chart_at(columns)
    return [
        Row(
            " ".join(
                fit(cells["name"], width, cut="middle")
                if column.key == "name"
                else fit(cells[column.key], width, right=column.right)
                for column, width in columns
            ),
            f"metrics--{style}",
            chart_at,
            metric.key,
        )
        for cells in (_cells(metric, height) for height in range(len(metric.chart)))
    ]


def _cells(metric: MetricLine, height: int) -> dict[str, str]:
    """The texts of one of the metric's lines: its figures stand beside the chart's last row."""
    cells = dict.fromkeys((column.key for column in COLUMNS), "")
    cells["chart"] = metric.chart[height]
    is_last = height == len(metric.chart) - 1
    if height == 0:
        cells["scale"] = metric.scale
        if not is_last and metric.standing is not None:
            cells["slope"] = f"{SHAPES[metric.standing]} {metric.standing}"
            cells["extent"] = metric.burn
    if is_last:
        cells["name"], cells["value"] = metric.name, metric.value
        cells["slope"], cells["extent"] = metric.slope, metric.extent
        if metric.objective:
            sign = " " if metric.standing is None else SHAPES[metric.standing]
            cells["scale"] = f"{sign}{metric.objective}"
    return cells
