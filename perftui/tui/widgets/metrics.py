"""The panel of metrics: a chart, a value, its change and its objective for each."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from perftui.model.snapshot import Snapshot
from perftui.tui.cells import Column, fit, widths
from perftui.tui.metrics_view import MetricLine, metric_lines, source_lines
from perftui.tui.widgets.painted import Painted

COLUMNS = (
    Column("name", "", 13),
    Column("chart", "", share=1),
    Column("value", "", 9, right=True),
    Column("slope", "", 13),
    Column("scale", "", 13, needs=50),
)
FIGURES_S = 2.0
"""How long figures stand at least, so that they can be read and few bytes go to the terminal; what
is violated, stale or new is drawn at once."""
_EARLY_S = 0.25
"""Snapshots come a little early or late."""


@dataclass(frozen=True)
class _Row:
    """One line of the panel: its text, and which component style it has."""

    text: str
    style: str


class MetricsPanel(Painted, ScrollView, can_focus=True):
    """Draws the series of a snapshot; only lines that changed are drawn again."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll_up", "Up", show=False),
        Binding("down,j", "scroll_down", "Down", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "metrics--line",
        "metrics--violated",
        "metrics--stale",
    }

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._snapshot: Snapshot | None = None
        self._rows: list[_Row] = []
        self._drawn_at = 0.0

    def show(self, snapshot: Snapshot) -> None:
        """Draw this snapshot's series."""
        self._snapshot = snapshot
        rows = self._lay_out()
        only_figures = [row.style for row in rows] == [row.style for row in self._rows]
        if only_figures and 0 <= snapshot.taken_at - self._drawn_at < FIGURES_S - _EARLY_S:
            return
        self._rows, self._drawn_at = rows, snapshot.taken_at
        if self.virtual_size.height != len(self._rows):
            self.virtual_size = Size(0, len(self._rows))
        self.refresh_changed()

    def on_resize(self) -> None:
        """Other widths."""
        self.forget_painted()
        self._rows = self._lay_out()
        self.refresh()

    def _lay_out(self) -> list[_Row]:
        if self._snapshot is None or self.scrollable_content_region.width <= 0:
            return []
        columns = widths(COLUMNS, self.scrollable_content_region.width)
        chart_width = next(width for column, width in columns if column.key == "chart")
        rows = [
            _Row(line, "metrics--violated" if failed else "metrics--stale")
            for text, failed in source_lines(self._snapshot)
            for line in textwrap.wrap(text, self.scrollable_content_region.width)
        ]
        for metric in metric_lines(self._snapshot, chart_width):
            style = "line"
            if metric.stale:
                style = "stale"
            elif metric.violated:
                style = "violated"
            for height in range(len(metric.chart)):
                cells = _cells(metric, height)
                text = " ".join(
                    fit(cells[column.key], width, right=column.right) for column, width in columns
                )
                rows.append(_Row(text, f"metrics--{style}"))
        return rows

    def content(self, y: int) -> _Row:
        """All that decides how line `y` looks."""
        index = self.scroll_offset.y + y
        if index < len(self._rows):
            return self._rows[index]
        return _Row("waiting for the first values" if y == 0 and not self._rows else "", "")

    def paint(self, y: int) -> Strip:
        """Draw it."""
        row, width = self.content(y), self.scrollable_content_region.width
        style = self.get_component_rich_style(row.style) if row.style else self.rich_style
        return Strip([Segment(fit(row.text, width), style)], width)


def _cells(metric: MetricLine, height: int) -> dict[str, str]:
    """The texts of one of the metric's lines: its figures stand beside the chart's last row."""
    cells = dict.fromkeys((column.key for column in COLUMNS), "")
    cells["chart"] = metric.chart[height]
    if height == 0:
        cells["scale"] = metric.scale
    if height == len(metric.chart) - 1:
        cells["name"], cells["value"] = metric.name, metric.value
        cells["slope"] = metric.slope
        if metric.objective:
            cells["scale"] = f"{'▲' if metric.violated else ''}{metric.objective}"
    return cells
