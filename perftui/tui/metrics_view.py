"""From series to the lines of the metrics panel: charts on a stated scale. No widgets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from perftui.model.objective import Objective
from perftui.model.present import format_age, format_rate, format_value, series_name
from perftui.model.series import Point, Series, slope_per_s, usual_step
from perftui.model.snapshot import Snapshot
from perftui.tui.sparks import BARS

SPANS_S = (60.0, 120.0, 300.0)
STALE_S = 15.0
STALE_STEPS = 3
"""A value older than this, or than so many of its usual steps, says its age."""
SLOPE_S = 60.0
SLOPE_LEAST_S = 15.0
"""The slope is that of the last `SLOPE_S` seconds, and not said below this many."""
CHART_ROWS = 2
"""Height of the chart of a metric that has an objective; the others have one line."""
THRESHOLD = "╌"
_ORDER = (
    *("cpu", "rss", "threads", "fds", "cpu_used", "rss_used"),
    *("host_cpu", "load1", "mem_available"),
)


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
    """A line for each series: what the user asked for, then the process, then the host."""
    # Of several objectives the first one is drawn; the forecast pane has them all.
    objectives = {objective.metric: objective for objective in reversed(snapshot.objectives)}
    span = span_of(snapshot)
    ordered = sorted(
        snapshot.series,
        key=lambda s: (_rank(s.key.name), s.key.name, s.key.labels),
    )
    return [
        _line(series, objectives.get(series.key.name), snapshot, span, chart_width)
        for series in ordered
    ]


def _rank(name: str) -> int:
    # Queries of the user come before what is always there.
    return _ORDER.index(name) if name in _ORDER else -1


def _line(
    series: Series, objective: Objective | None, snapshot: Snapshot, span: float, width: int
) -> MetricLine:
    key = series.key
    top = scale_top(series, objective)
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
            top=top,
            threshold=objective.threshold if objective is not None else None,
        ),
        value=value,
        slope=f"{format_age(age)} old" if is_stale else _slope(recent, key.unit),
        objective=wanted,
        scale=f"0–{format_value(top, key.unit)}",
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


def scale_top(series: Series, objective: Objective | None) -> float:
    """The top of a chart's scale: the metric's own limit, else the next of 1, 2, 5 x 10^n above
    all points and the threshold."""
    highest = max(point.value for point in series.points)
    if objective is not None:
        highest = max(highest, objective.threshold)
    limit = series.key.limit
    if limit is not None and highest <= limit:
        return limit
    if highest <= 0 or not math.isfinite(highest):
        return 1.0
    if series.key.unit == "B":
        return float(2 ** math.ceil(math.log2(highest)))
    power = 10.0 ** math.floor(math.log10(highest))
    return next(step * power for step in (1.0, 2.0, 5.0, 10.0) if highest <= step * power)


def chart(
    points: Sequence[Point],
    *,
    now: float,
    span_s: float,
    width: int,
    height: int,
    top: float,
    threshold: float | None,
) -> tuple[str, ...]:
    """Rows of a bar chart from 0 to `top`, top row first; a cell shows its highest point.

    A cell without a point is a gap: blank. The threshold is a dashed line where no bar covers it.
    """
    if width <= 0:
        return ("",) * height
    cells: list[float | None] = [None] * width
    for point in points:
        index = width - 1 - int((now - point.at) / span_s * width)
        if 0 <= index < width:
            known = cells[index]
            cells[index] = point.value if known is None else max(known, point.value)
    _bridge(cells, points, span_s / width)
    line = None if threshold is None else _row_of(threshold, top, height)
    rows: list[str] = []
    for row in range(height):
        floor = height - 1 - row
        drawn = [_cell(value, top, height, floor) for value in cells]
        if row == line and height > 1:
            drawn = [THRESHOLD if cell == " " else cell for cell in drawn]
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


def _row_of(value: float, top: float, height: int) -> int:
    """The row in which `value` lies, 0 at the top."""
    share = min(max(value / top, 0.0), 1.0)
    return min(height - 1, int((1 - share) * height))


def _cell(value: float | None, top: float, height: int, floor: int) -> str:
    """The part of a bar that lies `floor` rows above the bottom."""
    if value is None:
        return " "
    eighths = round(min(max(value / top, 0.0), 1.0) * height * 8) - floor * 8
    if floor == 0:
        eighths = max(1, eighths)  # a value near zero is not a gap
    return BARS[min(8, max(0, eighths))]
