"""From series to the lines of the metrics panel: charts on a stated scale. No widgets."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from perftui.model.objective import Objective
from perftui.model.present import format_age, format_rate, format_value, series_name
from perftui.model.series import Point, Series, slope_per_s, usual_step
from perftui.model.snapshot import Snapshot, SourceState
from perftui.model.text import plain
from perftui.tui.sparks import BARS

SPANS_S = (60.0, 120.0, 300.0)
STALE_S = 15.0
STALE_STEPS = 3
"""A value older than this, or than so many of its usual steps, says its age."""
SLOPE_S = 30.0
SLOPE_LEAST_S = 15.0
"""The slope is that of the last `SLOPE_S` seconds, and not said below this many."""
CHART_ROWS = 2
"""Height of the chart of a metric that has an objective; the others have one line."""
THRESHOLD = "╌"
MARK = "┊"
SERIES_PER_NAME = 10


@dataclass(frozen=True)
class MetricLine:
    """One metric as it is drawn.

    `chart` holds `CHART_ROWS` rows or one, top first. `violated` says that the last value is on
    the wrong side of its objective. `scale` names the chart's top.
    """

    name: str
    chart: tuple[str, ...]
    value: str
    slope: str
    objective: str
    scale: str
    violated: bool
    stale: bool


def span_of(snapshot: Snapshot) -> float:
    """How far back the charts reach, in seconds: the least of `SPANS_S` that holds all points."""
    first = min((series.points[0].at for series in snapshot.series), default=snapshot.taken_at)
    seen = snapshot.data_at - first
    return next((span for span in SPANS_S if seen <= span), SPANS_S[-1])


def metric_lines(snapshot: Snapshot, chart_width: int) -> list[MetricLine]:
    """A line for each series, in their order."""
    # Of several objectives the first one is drawn; the forecast pane has them all.
    objectives = {objective.metric: objective for objective in reversed(snapshot.objectives)}
    span = span_of(snapshot)
    return [
        _line(series, objectives.get(series.key.name), snapshot, span, chart_width)
        for series in _fewer(snapshot.series)
    ]


def source_lines(snapshot: Snapshot) -> list[tuple[str, bool]]:
    """What the sources of metrics have to say, and whether it is a failure; those come first."""
    found: list[tuple[str, bool]] = []
    for status in snapshot.sources:
        if status.name == "py-spy" or not status.message:
            continue
        failed = status.state is SourceState.FAILED
        age = format_age(snapshot.taken_at - status.since)
        how = f" {status.state.value} for {age}" if status.state is not SourceState.OK else ""
        found.append((f"{plain(status.name)}{how}: {plain(status.message)}", failed))
    return sorted(found, key=lambda line: not line[1])


def _fewer(found: Sequence[Series]) -> Iterator[Series]:
    """At most `SERIES_PER_NAME` of each metric: those with the newest points, then the highest."""
    by_name: dict[str, list[Series]] = {}
    for series in found:
        by_name.setdefault(series.key.name, []).append(series)
    for same in by_name.values():
        shown = heapq.nlargest(SERIES_PER_NAME, same, key=lambda s: (s.last.at, s.last.value))
        yield from (series for series in same if series in shown)


def _line(
    series: Series, objective: Objective | None, snapshot: Snapshot, span: float, width: int
) -> MetricLine:
    key = series.key
    bottom, top = scale(series, objective)
    now = snapshot.data_at
    age = snapshot.taken_at - series.last.at
    is_stale = age > max(STALE_S, STALE_STEPS * usual_step(series.points))
    recent = [point for point in series.points if point.at >= now - SLOPE_S]
    value = format_value(series.last.value, key.unit)
    wanted = ""
    if objective is not None:
        sign = ">" if objective.above else "<"
        wanted = f"SLO {sign} {format_value(objective.threshold, key.unit)}"
    return MetricLine(
        name=series_name(key),
        chart=chart(
            series.points,
            now=now,
            span_s=span,
            width=width,
            height=CHART_ROWS if objective is not None else 1,
            bottom=bottom,
            top=top,
            threshold=objective.threshold if objective is not None else None,
            marks=[event.at for event in snapshot.events],
        ),
        value=value,
        slope=f"{format_age(age)} old" if is_stale else _slope(recent, key.unit),
        objective=wanted,
        scale=f"{format_value(bottom, key.unit) if bottom else 0}–{format_value(top, key.unit)}",
        violated=objective is not None and objective.violated(series.last.value),
        stale=is_stale,
    )


def _slope(points: Sequence[Point], unit: str) -> str:
    fitted = slope_per_s(points)
    if fitted is None or points[-1].at - points[0].at < SLOPE_LEAST_S:
        return ""
    slope, error = fitted
    # Within its own noise, or less than a thousandth of the value in a minute: standing still.
    size = max(abs(point.value) for point in points)
    still = abs(slope) <= 2 * error or abs(slope) * 60 < size / 1000
    rate = format_rate(slope, unit)
    shows = any(digit in rate for digit in "123456789")
    return rate if shows and not still else "steady"


def scale(series: Series, objective: Objective | None) -> tuple[float, float]:
    """Bottom and top of a chart: from 0, or from below the least value where that is negative, to
    the metric's own limit, else to the next round number above all points and the threshold."""
    values = [point.value for point in series.points]
    if objective is not None:
        values.append(objective.threshold)
    least, most = min(values), max(values)
    limit = series.key.limit
    unit = series.key.unit
    top = limit if limit is not None and most <= limit else _round_up(max(0.0, most), unit)
    bottom = -_round_up(-least, unit) if least < 0 else 0.0
    return bottom, top if top > bottom else bottom + 1.0


def _round_up(value: float, unit: str) -> float:
    """The next of 1, 2, 5 x 10^n, of bytes the next power of two; 0 for 0."""
    if value <= 0:
        return 0.0
    if unit == "B":
        return float(2 ** math.ceil(math.log2(value)))
    power = 10.0 ** math.floor(math.log10(value))
    return next((step * power for step in (1.0, 2.0, 5.0) if value <= step * power), 10 * power)


def chart(
    points: Sequence[Point],
    *,
    now: float,
    span_s: float,
    width: int,
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
    if width <= 0:
        return ("",) * height
    cells: list[float | None] = [None] * width
    cell_s = span_s / width
    # Cells begin at fixed times, so that no point goes from one to another as time goes on: what
    # is drawn moves when a cell is full, and holds still in between.
    first = math.floor(now / cell_s) - width + 1
    for point in points:
        index = math.floor(point.at / cell_s) - first
        if 0 <= index < width:
            known = cells[index]
            cells[index] = point.value if known is None else max(known, point.value)
    _bridge(cells, points, cell_s)
    shares = [None if value is None else (value - bottom) / (top - bottom) for value in cells]
    line = None
    if threshold is not None:
        line = min(height - 1, int((1 - _clip((threshold - bottom) / (top - bottom))) * height))
    rows: list[str] = []
    for row in range(height):
        floor = height - 1 - row
        drawn = [_cell(share, height, floor) for share in shares]
        if row == line and height > 1:
            drawn = [THRESHOLD if cell == " " else cell for cell in drawn]
        for at in marks:
            index = math.floor(at / cell_s) - first
            if 0 <= index < width:
                drawn[index] = MARK
        rows.append("".join(drawn))
    return tuple(rows)


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


def _clip(share: float) -> float:
    return min(max(share, 0.0), 1.0)


def _cell(share: float | None, height: int, floor: int) -> str:
    """The part of a bar, `share` of the chart high, that lies `floor` rows above the bottom."""
    if share is None:
        return " "
    eighths = round(_clip(share) * height * 8) - floor * 8
    if floor == 0:
        eighths = max(1, eighths)  # a value near zero is not a gap
    return BARS[min(8, max(0, eighths))]
