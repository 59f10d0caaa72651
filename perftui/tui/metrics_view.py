"""From series to the lines of the metrics panel. No widgets."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from perftui.model.objective import Objective
from perftui.model.objective_state import SHAPES, Standing, burn, standing
from perftui.model.present import format_age, format_rate, format_value, series_name
from perftui.model.series import (
    RECENT,
    Point,
    Series,
    SeriesKey,
    between,
    slope_per_s,
    usual_step,
)
from perftui.model.snapshot import Snapshot, SourceState
from perftui.model.text import plain
from perftui.tui.axis import Axis, Moment
from perftui.tui.charts import cell_values, chart, scale

SLOPE_S = 30.0
SLOPE_LEAST_S = 15.0
"""The slope is that of the last `SLOPE_S` seconds, and not said below this many."""
CHART_ROWS = 2
"""Height of the chart of a metric that has an objective, where there is room; else it is one."""
SERIES_PER_NAME = 10
NOTABLE_BURN = 0.001


@dataclass(frozen=True)
class MetricLine:
    """One metric as it is drawn.

    `chart` holds one row or more, top first. `value` is the newest, or the one at the cursor.
    `extent` says least and most of what the chart shows, `scale` its bottom and top. `objective`
    and `standing` say what is wanted and how that stands, None where nothing is wanted; `burn` how
    much of the time of the chart it was violated; `violated` says that it is now.
    """

    key: SeriesKey
    name: str
    chart: tuple[str, ...]
    value: str
    slope: str
    extent: str
    objective: str
    standing: Standing | None
    burn: str
    scale: str
    violated: bool
    stale: bool

    @property
    def wanted(self) -> str:
        """How it stands, where that is known, and what is wanted, in words."""
        if self.standing is None:
            return self.objective
        return f"{SHAPES[self.standing]} {self.standing} {self.objective}"


@dataclass(frozen=True)
class Listed:
    """A series in the panel: under which name, what is wanted of it, and how many rows it has."""

    series: Series
    name: str
    objective: Objective | None
    rows: int


def listed(
    found: Sequence[Series],
    snapshot: Snapshot,
    names: Mapping[SeriesKey, str],
    rows: int = CHART_ROWS,
) -> list[Listed]:
    """What is listed of these series, in their order, under these names; charts of metrics with an
    objective have `rows`."""
    objectives = _objectives(snapshot)
    return [
        Listed(
            series,
            names[series.key],
            objectives.get(series.key.name),
            rows if series.key.name in objectives else 1,
        )
        for series in _fewer(found)
    ]


def urgent(snapshot: Snapshot) -> object:
    """What must not wait to be drawn, to be compared with what it was: which metrics there are,
    which are violated or stale, what happened, and what the sources have to say."""
    objectives = _objectives(snapshot)
    metrics = [
        (
            one.key,
            _is_violated(one, objectives.get(one.key.name)),
            one.is_stale(snapshot.taken_at),
        )
        for one in snapshot.series
    ]
    sources = [(status.name, status.state, status.message) for status in snapshot.sources]
    return metrics, sources, snapshot.events, snapshot.unavailable, snapshot.offers


def _objectives(snapshot: Snapshot) -> dict[str, Objective]:
    """By metric. Of several the first one is drawn; the forecast pane has them all."""
    return {objective.metric: objective for objective in reversed(snapshot.objectives)}


def _is_violated(series: Series, objective: Objective | None) -> bool:
    return objective is not None and objective.violated(series.last.value)


def unavailable_lines(snapshot: Snapshot) -> list[tuple[str, str]]:
    """The metrics that cannot be had, each with the reason."""
    return [(series_name(one.key), plain(one.why)) for one in snapshot.unavailable]


def source_lines(snapshot: Snapshot) -> list[tuple[str, bool]]:
    """What the sources of metrics have to say, and whether it is a failure; those come first, and
    what could be watched, too, comes last."""
    found: list[tuple[str, bool]] = []
    for status in snapshot.sources:
        if status.name == "py-spy" or not status.message:
            continue
        failed = status.state is SourceState.FAILED
        age = format_age(snapshot.taken_at - status.since)
        how = f" {status.state.value} for {age}" if status.state is not SourceState.OK else ""
        found.append((f"{plain(status.name)}{how}: {plain(status.message)}", failed))
    found.sort(key=lambda line: not line[1])
    if snapshot.offers:
        first, *others = snapshot.offers
        also = f" ({len(others)} more)" if others else ""
        found.append((f"y watches {plain(first.words)}, too{also}", False))
    return found


def _fewer(found: Sequence[Series]) -> Iterator[Series]:
    """At most `SERIES_PER_NAME` of each metric: those with the newest points, then the highest."""
    by_name: dict[str, list[Series]] = {}
    for series in found:
        by_name.setdefault(series.key.name, []).append(series)
    for same in by_name.values():
        shown = heapq.nlargest(SERIES_PER_NAME, same, key=lambda s: (s.last.at, s.last.value))
        yield from (series for series in same if series in shown)


def metric_line(
    metric: Listed, snapshot: Snapshot, axis: Axis, moment: Moment | None = None
) -> MetricLine:
    """One series as it is drawn. With a `moment` its figures are those of that time: as high as its
    chart is there, and how it stood is not known."""
    series, objective, key = metric.series, metric.objective, metric.series.key
    visible = between(series.points, axis.start, axis.end)
    # Where points are rare, how far apart they are shows only further back.
    around = between(series.points, -math.inf, axis.end)[-max(RECENT, len(visible)) :]
    bottom, top = scale(visible or series.points, key, objective)
    is_stale = moment is None and series.is_stale(snapshot.taken_at)
    value: float | None = series.last.value
    slope = _slope(between(series.points, snapshot.data_at - SLOPE_S, math.inf), key.unit)
    if moment is not None:
        value = _highest(cell_values(around, axis), axis, moment)
        slope = _slope(between(series.points, moment.end - SLOPE_S, moment.end), key.unit)
    extent = ""
    if visible:
        least, most = min(p.value for p in visible), max(p.value for p in visible)
        extent = f"{format_value(least, key.unit)} to {format_value(most, key.unit)}"
    wanted, burnt, how = "", "", None
    if objective is not None:
        sign = "≤" if objective.above else "≥"  # what is wanted, not what is typed: the breach
        wanted = f"SLO {sign} {format_value(objective.threshold, key.unit)}"
        if moment is None:
            how = standing(objective, snapshot, None if is_stale else value)
        share = burn(objective, visible, usual_step(around))
        burnt = f"violated {100 * share:.1f} %" if share >= NOTABLE_BURN else ""
    return MetricLine(
        key=key,
        name=metric.name,
        chart=chart(
            around,
            axis=axis,
            height=metric.rows,
            bottom=bottom,
            top=top,
            threshold=objective.threshold if objective is not None else None,
            marks=[event.at for event in snapshot.events],
        ),
        value=format_value(value, key.unit),
        slope=f"{format_age(snapshot.taken_at - series.last.at)} old" if is_stale else slope,
        extent=extent,
        objective=wanted,
        standing=how,
        burn=burnt,
        scale=f"{format_value(bottom, key.unit) if bottom else 0}–{format_value(top, key.unit)}",
        violated=objective is not None and value is not None and objective.violated(value),
        stale=is_stale,
    )


def _highest(cells: Sequence[float | None], axis: Axis, moment: Moment) -> float | None:
    """The highest value of the cells that a moment is made of, None where they are a gap."""
    first, last = (
        max(0, round((at - axis.start) / axis.cell_s)) for at in (moment.start, moment.end)
    )
    return max((value for value in cells[first:last] if value is not None), default=None)


def _slope(points: Sequence[Point], unit: str) -> str:
    if len(points) < 2 or points[-1].at - points[0].at < SLOPE_LEAST_S:
        return ""
    fitted = slope_per_s(points)
    if fitted is None:
        return ""
    slope, error = fitted
    # Within its own noise, or less than a thousandth of the value in a minute: standing still.
    size = max(abs(point.value) for point in points)
    still = abs(slope) <= 2 * error or abs(slope) * 60 < size / 1000
    rate = format_rate(slope, unit)
    shows = any(digit in rate for digit in "123456789")
    return rate if shows and not still else "steady"
