"""The panel of metrics: charts on one time axis with a cursor, one of them large, or the events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from perftui.model.event import Identity
from perftui.model.objective import format_duration
from perftui.model.present import line_names
from perftui.model.series import Series, SeriesKey
from perftui.model.snapshot import Snapshot
from perftui.monitor import Monitor
from perftui.tui.axis import Axis, Moment, TimeView, axis_line
from perftui.tui.cells import fit
from perftui.tui.events_view import event_line, newest_first
from perftui.tui.large_chart import LABEL_CELLS, large_chart
from perftui.tui.metric_rows import (
    Row,
    columns_for,
    rows_in_sight,
    source_rows,
    unavailable_rows,
)
from perftui.tui.metrics_view import (
    CHART_ROWS,
    listed,
    metric_line,
    urgent,
)
from perftui.tui.widgets.painted import Painted

FIGURES_S = 2.0
"""How long figures stand at least, so that they can be read and few bytes go to the terminal; what
is violated, stale or new is drawn at once."""
_EARLY_S = 0.25
"""Snapshots come a little early or late."""
LOW_LINES = 14
"""In a panel with fewer lines than this each metric has one."""


class _Drawn(NamedTuple):
    """All that decides how a line looks: `lit` are the cells that show the moment looked at."""

    row: Row
    width: int
    at_cursor: bool = False
    lit: tuple[int, int] | None = None


class MetricsPanel(Painted[_Drawn], ScrollView, can_focus=True):
    """Draws the series of a snapshot; only lines that changed are drawn again."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "time(-1)", "back in time", key_display="←"),
        Binding("right", "time(1)", "forward in time", show=False),
        Binding("shift+left", "time(-1, True)", "select back", show=False),
        Binding("shift+right", "time(1, True)", "select forward", show=False),
        Binding("pageup", "time(-10)", "ten cells back", show=False),
        Binding("pagedown", "time(10)", "ten cells forward", show=False),
        Binding("end", "live", "live", show=False),
        Binding("up,k", "row(-1)", "metric above", show=False),
        Binding("down,j", "row(1)", "metric below", show=False),
        Binding("z", "span(-1)", "zoom in"),
        Binding("Z", "span(1)", "zoom out", show=False),
        Binding("left_square_bracket", "span(-1)", "shorter span", key_display="[", show=False),
        Binding("right_square_bracket", "span(1)", "longer span", key_display="]", show=False),
        Binding("enter", "open", "large", key_display="Enter"),
        Binding("E", "events", "events"),
        Binding("O", "objective", "objective", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "metrics--line",
        "metrics--violated",
        "metrics--stale",
        "metrics--axis",
        "metrics--cursor",
        "metrics--moment",
    }

    class Moved(Message):
        """Another time is looked at: `moment`, or the present where it is None."""

        def __init__(self, moment: Moment | None) -> None:
            super().__init__()
            self.moment = moment

    class ObjectiveWanted(Message):
        """The user wants to set an objective; `text` is what it may be."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def __init__(self, monitor: Monitor, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.monitor = monitor
        self.view = TimeView()
        self.showing = "charts"
        self.selected: SeriesKey | Identity | None = None
        self._snapshot = monitor.latest
        self._rows: list[Row] = []
        self._axis = Axis(self._snapshot.data_at, 60.0, 0)
        self._moment: Moment | None = None
        self._drawn_at = 0.0
        self._urgent: object = None
        self._fetched: tuple[object, tuple[Series, ...]] = (None, ())

    @property
    def title(self) -> str:
        """What is shown, of which span."""
        if self.showing == "events":
            return "Events"
        return f"Metrics  {self.view.span_name}"

    @property
    def chart(self) -> SeriesKey | None:
        """The metric that the cursor is on."""
        return self.selected if isinstance(self.selected, SeriesKey) else None

    def show(self, snapshot: Snapshot) -> None:
        """Draw this snapshot's series."""
        self._snapshot = snapshot
        before, self._urgent = self._urgent, urgent(snapshot)
        is_early = 0 <= snapshot.taken_at - self._drawn_at < FIGURES_S - _EARLY_S
        if self._urgent != before or not is_early:
            self.redraw()

    def redraw(self) -> None:
        """Lay out what is known now, and draw it."""
        self._lay_out()
        self._drawn_at = self._snapshot.taken_at
        moment = self.view.moment(self._axis)
        if moment != self._moment:
            self._moment = moment
            self.post_message(self.Moved(moment))
        self.refresh_changed()

    def on_resize(self) -> None:
        """Other widths."""
        self.forget_painted()
        self._lay_out()
        self.refresh()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Others are in sight now."""
        if round(old_value) != round(new_value):
            self._lay_out()
        super().watch_scroll_y(old_value, new_value)

    # --- what is laid out

    def _lay_out(self) -> None:
        self._rows = self._rows_now()
        if self.virtual_size.height != len(self._rows) + 1:
            self.virtual_size = Size(0, len(self._rows) + 1)

    def _rows_now(self) -> list[Row]:
        width = self.scrollable_content_region.width
        if width <= 0:
            return []
        if self.showing == "events":
            return self._event_rows()
        if self.showing == "large":
            return self._large_rows(width)
        names = line_names(series.key for series in self._snapshot.series)
        columns = columns_for(names.values(), width)
        self._axis = self._axis_of(next(w for column, w in columns if column.key == "chart"))
        moment = self.view.moment(self._axis)
        rows = CHART_ROWS if self.size.height >= LOW_LINES else 1
        found = source_rows(self._snapshot, width)
        top = self.scroll_offset.y
        found += rows_in_sight(
            listed(self._series(), self._snapshot, names, rows),
            columns,
            lambda metric: metric_line(metric, self._snapshot, self._axis, moment),
            len(found),
            range(top, top + self.size.height - 1),
        )
        return [*found, *unavailable_rows(self._snapshot)]

    def _large_rows(self, width: int) -> list[Row]:
        self._axis = self._axis_of(max(1, width - LABEL_CELLS))
        series = next((one for one in self._series() if one.key == self.selected), None)
        if series is None:
            return [Row("there is no such metric any more (Esc: all of them)", "metrics--stale")]
        wanted = next((o for o in self._snapshot.objectives if o.metric == series.key.name), None)
        moment = self.view.moment(self._axis)
        height = max(4, self.size.height - 1)
        lines = large_chart(series, wanted, self._snapshot, self._axis, height, moment)
        return [
            Row(line, "metrics--line", LABEL_CELLS if n > 1 else None, series.key)
            for n, line in enumerate(lines)
        ]

    def _event_rows(self) -> list[Row]:
        now = self._snapshot.taken_at
        return [
            Row(event_line(event, now), "metrics--line", None, event.identity)
            for event in newest_first(self.monitor.events(0.0))
        ] or [Row("nothing has happened yet (M marks a note)", "metrics--stale")]

    def _axis_of(self, width: int) -> Axis:
        first = min(
            (series.points[0].at for series in (*self._fetched[1], *self._snapshot.series)),
            default=self._snapshot.data_at,
        )
        self.view.begin(self._snapshot.data_at, first)
        return self.view.axis(self._snapshot.data_at, first, width)

    def _series(self) -> Sequence[Series]:
        """The series of the axis: the snapshot's own, or from further back."""
        snapshot, axis = self._snapshot, self._axis
        if axis.start >= snapshot.since:
            return snapshot.series
        # As often as that can be seen.
        wanted = (axis.first, axis.width, axis.span_s, int(snapshot.taken_at / FIGURES_S))
        if axis.cell_s > FIGURES_S:
            wanted = (*wanted[:3], int(2 * snapshot.taken_at / axis.cell_s))
        if self._fetched[0] != wanted:
            self._fetched = wanted, self.monitor.series(axis.start)
        return self._fetched[1]

    # --- how a line looks

    def content(self, y: int) -> _Drawn:
        """All that decides how line `y` looks."""
        width = self.scrollable_content_region.width
        if y == 0:
            return _Drawn(Row(self._axis_text(), "metrics--axis"), width)
        index = self.scroll_offset.y + y - 1
        if index >= len(self._rows):
            empty = "waiting for the first values" if y == 1 and not self._rows else ""
            return _Drawn(Row(empty, ""), width)
        row = self._rows[index]
        at_cursor = self.has_focus and row.key is not None and row.key == self.selected
        return _Drawn(row, width, at_cursor, self._lit(row))

    def _axis_text(self) -> str:
        if self.showing == "events":
            return "Enter goes to the time, Esc back to the charts"
        if not self._rows:
            return ""
        at = next((row.chart_at for row in self._rows if row.chart_at is not None), 0)
        is_live = self.view.end is None and self._snapshot.data_at == self._snapshot.taken_at
        line = axis_line(self._axis, self._snapshot.events, self._moment, is_live=is_live)
        return " " * at + line

    def _lit(self, row: Row) -> tuple[int, int] | None:
        """From which cell to which a line shows the moment that is looked at."""
        if self._moment is None or row.chart_at is None:
            return None
        axis = self._axis
        first = max(0, int((self._moment.start - axis.start) / axis.cell_s + 0.5))
        last = min(axis.width, int((self._moment.end - axis.start) / axis.cell_s + 0.5))
        return (row.chart_at + first, row.chart_at + last) if first < last else None

    def paint(self, content: _Drawn) -> Strip:
        """Draw it."""
        row, width, at_cursor, lit = content
        style = self.get_component_rich_style(row.style) if row.style else self.rich_style
        strip = Strip([Segment(fit(row.text, width), style)], width)
        if at_cursor:
            end = row.chart_at if row.chart_at is not None else width
            strip = self._restyled(strip, (0, end), "metrics--cursor")
        if lit is not None:
            strip = self._restyled(strip, lit, "metrics--moment")
        return strip

    def _restyled(self, strip: Strip, part: tuple[int, int], name: str) -> Strip:
        first, last = part
        style = self.get_component_rich_style(name)
        middle = Strip([Segment(strip.crop(first, last).text, style)], last - first)
        return Strip.join([strip.crop(0, first), middle, strip.crop(last)])

    # --- keys and mouse

    def action_time(self, cells: int, select: bool = False) -> None:
        """Move the time cursor; with `select` what it passes is selected."""
        if self.showing != "events":
            self.view.move(self._axis, cells, self._snapshot.data_at, select=select)
            self.redraw()

    def action_live(self) -> None:
        """Back to the present."""
        self.view.go_live()
        self.redraw()

    def action_span(self, step: int) -> None:
        """A shorter or longer span."""
        self.view.change_span(step, self._snapshot.data_at)
        self.redraw()

    def action_row(self, step: int) -> None:
        """The metric or event above or below."""
        keys = list(dict.fromkeys(row.key for row in self._rows if row.key is not None))
        if self.showing == "large" or not keys:
            return
        place = keys.index(self.selected) + step if self.selected in keys else 0
        self.selected = keys[max(0, min(place, len(keys) - 1))]
        index = [n for n, row in enumerate(self._rows) if row.key == self.selected]
        top, height = self.scroll_offset.y, self.size.height - 1
        if index[0] < top:
            self.scroll_to(y=index[0], animate=False)
        elif index[-1] >= top + height:
            self.scroll_to(y=index[-1] - height + 1, animate=False)
        self.refresh_changed()

    def action_open(self) -> None:
        """The metric under the cursor over the whole panel, or the time of an event."""
        if self.showing == "events":
            chosen = self.selected
            self.close()
            if isinstance(chosen, tuple):
                *_, at = chosen
                self.view.go_to(at, self._axis, self._snapshot.data_at)
        elif self.showing == "charts":
            if self.chart is None:
                self.action_row(0)
            self._show_as("large")
        self.redraw()

    def action_events(self) -> None:
        """The list of events, or the charts again."""
        if self.showing == "events":
            self.close()
        else:
            newest = newest_first(self.monitor.events(0.0))[:1]
            self.selected = newest[0].identity if newest else None
            self._show_as("events")
        self.redraw()

    def action_objective(self) -> None:
        """Type the objective of the metric under the cursor."""
        if self.chart is None:
            self.action_row(0)
        key = self.chart
        if key is not None:
            known = next((o for o in self._snapshot.objectives if o.metric == key.name), None)
            text = f"{key.name} > "
            if known is not None:
                text = f"{known} within {format_duration(known.horizon_s)}"
            self.post_message(self.ObjectiveWanted(text))

    def _show_as(self, showing: str) -> None:
        self.showing = showing
        self.scroll_to(y=0, animate=False)
        self.forget_painted()
        self.screen.set_class(showing == "large", "-large")
        self.refresh()

    def close(self) -> bool:
        """Close the innermost thing that is open; whether there was one."""
        if self.showing != "charts":
            self.selected = self.chart
            self._show_as("charts")
        elif not self.view.go_live():
            return False
        self.redraw()
        return True

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Put the time cursor, and the metric's, where the mouse is."""
        if self._point_at(event, select=event.shift):
            self.capture_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """With the button held down: select what it passes."""
        if event.button and self.app.mouse_captured is self:
            self._point_at(event, select=True)

    def on_mouse_up(self) -> None:
        """What was selected stays."""
        self.release_mouse()

    def _point_at(self, event: events.MouseEvent, *, select: bool) -> bool:
        """Whether the mouse is on a chart."""
        offset = event.get_content_offset(self)
        if offset is None or self.showing == "events":
            return False
        index = self.scroll_offset.y + max(1, offset.y) - 1
        row = self._rows[index] if index < len(self._rows) else None
        if row is not None and row.key is not None and not select:
            self.selected = row.key
        chart_at = next((r.chart_at for r in self._rows if r.chart_at is not None), None)
        on_chart = chart_at is not None and 0 <= offset.x - chart_at < self._axis.width
        if on_chart and chart_at is not None:
            place = offset.x - chart_at
            self.view.point(self._axis, place, self._snapshot.data_at, select=select)
        self.redraw()
        return on_chart
