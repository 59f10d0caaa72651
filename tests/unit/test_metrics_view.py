from __future__ import annotations

import pytest
from builders import NOW, P99, forecast, points, series, snapshot
from hypothesis import given
from hypothesis import strategies as st

from perftui.model.event import Event, EventKind
from perftui.model.findings import ForecastState
from perftui.model.objective import Objective
from perftui.model.objective_state import Standing
from perftui.model.present import line_names
from perftui.model.series import Origin, Point, Series, SeriesKey, Unavailable, in_order
from perftui.model.snapshot import Snapshot, SourceState, SourceStatus
from perftui.model.target import TargetState
from perftui.tui.axis import Axis, Moment
from perftui.tui.charts import THRESHOLD, chart, scale
from perftui.tui.metrics_view import (
    CHART_ROWS,
    Listed,
    MetricLine,
    listed,
    metric_line,
    source_lines,
    unavailable_lines,
    urgent,
)


def draw(values: list[Point] | tuple[Point, ...], **more: object) -> tuple[str, ...]:
    axis = Axis(more.pop("now", NOW), more.pop("span_s", 10.0), more.pop("width", 10))
    given_ = {"height": 1, "top": 100.0, "threshold": None, **more}
    return chart(values, axis=axis, **given_)


def lines_of(
    seen: Snapshot, moment: Moment | None = None, rows: int = CHART_ROWS
) -> list[MetricLine]:
    axis = Axis(seen.data_at, 60.0, 20)
    names = line_names(series.key for series in seen.series)
    return [metric_line(one, seen, axis, moment) for one in listed(seen.series, seen, names, rows)]


def one_line(
    found: Series,
    objective: Objective | None = None,
    moment: Moment | None = None,
    rows: int = CHART_ROWS,
    **more: object,
) -> MetricLine:
    objectives = (objective,) if objective is not None else ()
    seen = snapshot(series=[found], objectives=objectives, **more)
    (line,) = lines_of(seen, moment, rows)
    return line


def test_a_bar_per_cell():
    """Each cell is as high as its value on the scale; the newest is on the right."""
    assert draw(points([0, 12.5, 25, 50, 75, 100, 100, 50, 25, 0])) == ("▁▁▂▄▆██▄▂▁",)


def test_a_cell_shows_its_highest_point():
    """Where several points share a cell, a spike is not averaged away."""
    end = NOW - 0.5
    seen = points([0, 0, 100, 0, 0, 0, 0, 0, 0, 0] * 2, every_s=0.5, end=end)
    assert draw(seen, width=2, now=end) == ("██",)


def test_a_chart_moves_by_whole_cells():
    """Until its newest cell is full a chart stands still; then all of it moves by one cell."""
    seen = points([0, 100, 0, 25, 0, 50, 0, 75, 0, 50], every_s=2.0)
    drawn = [draw(seen, span_s=20.0, now=NOW + at)[0] for at in (0.0, 0.7, 1.9, 2.1, 3.9)]
    assert drawn[0] == drawn[1] == drawn[2] == "▁█▁▂▁▄▁▆▁▄"
    assert drawn[3] == drawn[4]
    assert drawn[3][:9] == drawn[0][1:]


def test_what_is_older_than_the_span_is_left_out():
    """The chart reaches back as far as its span."""
    assert draw(points([100] * 5 + [0] * 10)) == ("▁" * 10,)


def test_a_gap_is_blank():
    """Where no value came, nothing is drawn."""
    seen = [*points([50] * 10, end=NOW - 20), *points([50] * 10)]
    (row,) = draw(seen, span_s=30.0, width=30)
    assert row[:10] == "▄" * 10
    assert row[-10:] == "▄" * 10
    assert row[13:20] == " " * 7


def test_a_long_gap_does_not_stretch_what_is_bridged():
    """How long a value holds goes by how its points usually come, not by the gap itself."""
    seen = [*points([50] * 6, end=NOW - 15), Point(NOW, 50)]
    (row,) = draw(seen, span_s=20.0, width=20)
    assert row[7:19] == " " * 12


def test_a_series_that_has_stopped_is_blank_since():
    """A chart that has no newer values ends where they end."""
    (row,) = draw(points([50] * 20, end=NOW - 5), span_s=20.0, width=20)
    assert row[-4:] == "    "
    assert row[13] == "▄"


def test_rare_points_are_no_gaps():
    """Points that come more rarely than cells hold until the next one is due."""
    (row,) = draw(points([50] * 4, every_s=5.0), span_s=20.0, width=20)
    assert row == "    " + "▄" * 16


def test_higher_charts():
    """A chart of several rows fills from the bottom."""
    drawn = draw(points([0, 25, 50, 75, 100]), span_s=5.0, width=5, height=2)
    assert drawn == ("   ▄█", "▁▄███")


@pytest.mark.parametrize(
    ("threshold", "row"), [(100.0, 0), (51.0, 0), (49.0, 1), (0.0, 1), (500.0, 0), (-5.0, 1)]
)
def test_the_threshold_is_a_row(threshold: float, row: int):
    """The threshold is a dashed line in the row that it lies in, where no bar covers it."""
    drawn = draw((), height=2, threshold=threshold)
    assert drawn[row] == THRESHOLD * 10
    assert drawn[1 - row] == " " * 10


def test_bars_cover_the_threshold():
    """A bar that reaches the threshold's row covers it."""
    drawn = draw(points([10, 100]), span_s=2.0, width=2, height=2, threshold=75.0)
    assert drawn == (f"{THRESHOLD}█", "▂█")


def test_a_line_of_one_row_has_no_threshold():
    """A chart of one row is bars alone."""
    assert draw((), threshold=50.0) == (" " * 10,)


def test_marks_are_vertical_lines():
    """A moment that was marked is a line through every row, above bars too; outside there is
    none."""
    seen = points([100] * 10)
    marks = (NOW, NOW - 2.5, NOW - 10.5, NOW + 1)
    assert draw(seen, height=2, marks=marks) == ("██████┊██┊",) * 2
    assert draw((), marks=(NOW - 9,)) == ("┊" + " " * 9,)


def test_the_events_of_a_snapshot_are_on_its_charts():
    """Where the target was replaced by its successor each chart has a mark."""
    found = series("rss", [1.0] * 60, unit="B")
    line = one_line(found, events=(Event(NOW - 30, EventKind.RESTART, "pid 7"),))
    assert line.chart[0].index("┊") == 9
    assert "┊" not in one_line(found).chart[0]


def test_no_width_no_chart():
    """Without room there is nothing to draw."""
    assert draw(points([1]), width=0, height=2) == ("", "")


@given(
    st.lists(
        st.tuples(st.floats(-1000, 10), st.floats(allow_nan=False, allow_infinity=False)),
        max_size=30,
    ),
    st.integers(1, 40),
    st.integers(1, 4),
    st.floats(1e-3, 1e9),
)
def test_a_chart_has_its_size(seen: list[tuple[float, float]], width: int, height: int, top: float):
    """Whatever the points, a chart is as wide and high as asked."""
    values = [Point(NOW + at, value) for at, value in sorted(seen)]
    drawn = draw(values, width=width, height=height, top=top, threshold=top / 2)
    assert [len(row) for row in drawn] == [width] * height
    assert set("".join(drawn)) <= set(" ▁▂▃▄▅▆▇█╌")


@pytest.mark.parametrize(
    ("values", "more", "objective", "top"),
    [
        ([3], {}, None, 5),
        ([0.3], {}, None, 0.5),
        ([10], {}, None, 10),
        ([11], {}, None, 20),
        ([1000], {}, None, 1000),
        ([1, 90, 3], {}, None, 100),
        ([0.1], {}, P99, 0.5),
        ([3], {"limit": 100.0, "unit": "%"}, None, 100),
        ([3], {"limit": 100.0, "origin": Origin.PROMETHEUS}, None, 100),
        ([3 * 2**20], {"limit": 2.0**30, "unit": "B"}, None, 2**30),
        ([3], {"limit": 24.0}, None, 24),
        ([310], {"limit": 1048576.0}, None, 500),
        ([143], {"limit": 100.0}, None, 200),
        ([3], {"limit": 100.0}, Objective("m", 300), 500),
        ([0], {}, None, 1),
        ([300 * 2**20], {"unit": "B"}, None, 512 * 2**20),
        ([512 * 2**20], {"unit": "B"}, None, 512 * 2**20),
    ],
)
def test_scale_top(
    values: list[float], more: dict[str, object], objective: Objective | None, top: float
):
    """A scale ends at the metric's limit, else at the next round number above all that it shows."""
    found = series("m", values, **more)
    assert scale(found.points, found.key, objective)[1] == pytest.approx(top)


def test_a_scale_reaches_below_zero():
    """Negative values have a bottom of their own, and are drawn from there."""
    found = series("m", [-3, 4], unit="ms")
    assert scale(found.points, found.key, None) == (-5, 5)
    assert one_line(found).scale == "-5 ms–5 ms"
    assert draw(found.points, bottom=-5.0, top=5.0)[0].strip() == "▂▇"


@given(st.floats(1e-300, 1e300), st.sampled_from(["", "B"]))
def test_a_scale_holds_its_points(value: float, unit: str):
    """No point lies above its scale, and at least two fifths of the scale are used."""
    found = series("m", [value], unit=unit)
    bottom, top = scale(found.points, found.key, None)
    assert bottom == 0
    assert value <= top * (1 + 1e-12)
    assert top <= value * 2.5 * (1 + 1e-12)


def test_the_users_metrics_come_first():
    """What the user asked for stands above the process, the process above the host."""
    names = ["load1", "rss", "cpu", "zebra", "p99", "host_cpu", "cpu_used"]
    lines = lines_of(snapshot(series=in_order(series(name, [1]) for name in names)))
    assert [line.name for line in lines] == [
        *("p99", "zebra", "cpu", "rss", "cpu_used", "host_cpu", "load1")
    ]


def test_a_metric_has_ten_series_at_most():
    """Of a query with many series those with the newest and highest points are shown."""
    many = [series("q", [n], labels=(("n", str(n)),)) for n in range(30)]
    lines = lines_of(snapshot(series=many))
    assert [line.name for line in lines] == [f"q{{n={n}}}" for n in range(20, 30)]


def test_a_line_of_a_metric():
    """A line says name, value, slope a minute and scale."""
    line = one_line(series("cpu", [10 + n for n in range(31)], unit="%", limit=200.0))
    assert line.name == "cpu"
    assert line.value == "40.0 %"
    assert line.slope == "+60.0 %/min"
    assert (line.objective, line.scale) == ("", "0–200 %")
    assert (line.violated, line.stale) == (False, False)
    assert [len(row) for row in line.chart] == [20]


def test_a_line_with_an_objective():
    """An objective gives a higher chart and a threshold in words; a violation is said."""
    line = one_line(series("p99", [0.4, 0.6], unit="s"), P99)
    assert line.objective == "SLO ≤ 500 ms"
    assert [len(row) for row in line.chart] == [20] * CHART_ROWS
    assert line.violated
    assert not one_line(series("p99", [0.6, 0.5]), P99).violated
    below = one_line(series("p99", [0.6]), Objective("p99", 0.7, above=False))
    assert (below.violated, below.objective) == (True, "SLO ≥ 0.70")


def test_labels_tell_series_apart():
    """A series with labels names them, made harmless; those in which none of a metric differs, and
    those of the target where there is only one, are left to the large chart."""
    assert one_line(series("rq", [1], labels=(("path", "/a\u202e"),))).name == "rq{path=/a�}"
    of_target = (("instance", "a:1"), ("job", "shop"))
    assert one_line(series("up", [1], labels=of_target)).name == "up"
    assert one_line(series("rq", [1], labels=(*of_target, ("path", "/")))).name == "rq{path=/}"
    several = [
        series("rq", [1], labels=(("code", "200"), ("job", job), *more))
        for job, more in (("a", ()), ("b", ()), ("b", (("path", "/"),)))
    ]
    names = line_names(
        one.key for one in (*several, series("other", [1], labels=(("code", "200"),)))
    )
    assert list(names.values()) == ["rq{job=a}", "rq{job=b}", "rq{job=b,path=/}", "other{code=200}"]


@pytest.mark.parametrize(
    ("values", "slope"),
    [
        ([5, 5.0001] * 15, "steady"),
        ([1, 2, 3], ""),  # too short
        ([1] * 60, "steady"),
        ([40 - n for n in range(31)], "-60/min"),
    ],
)
def test_slopes(values: list[float], slope: str):
    """A slope is said once there is enough of it; standing still is a word."""
    assert one_line(series("m", values)).slope == slope


def test_figures_at_a_cursor_are_of_its_time():
    """Value, slope and colour; how it stood then is not known. Where points are rare, the value is
    what the chart shows, until the next one is due."""
    rising = series("p99", [*(0.01 * n for n in range(60)), *[0.1] * 60], unit="s")
    axis = Axis(NOW, 120.0, 120)
    seen = snapshot(series=[rising], objectives=[P99])
    p99, rare = (
        Listed(rising, "p99", P99, 1),
        Listed(series("m", range(24), every_s=5.0), "m", None, 1),
    )
    now = metric_line(p99, seen, axis)
    assert (now.value, now.slope, now.violated) == ("100 ms", "steady", False)
    then = metric_line(p99, seen, axis, Moment(NOW - 61, NOW - 60))
    assert (then.value, then.slope, then.violated) == ("580 ms", "+600 ms/min", True)
    assert (then.standing, then.wanted) == (None, "SLO ≤ 500 ms")
    values = [
        metric_line(rare, seen, axis, Moment(NOW - at, NOW - at + 1)).value
        for at in range(12, 2, -1)
    ]
    assert "–" not in values
    assert metric_line(rare, seen, axis, Moment(NOW - 200, NOW - 199)).value == "–"


def test_a_stale_value_says_its_age():
    """A value that is not renewed is shown with its age instead of a slope."""
    line = one_line(series("m", range(30), end=NOW - 16))
    assert (line.stale, line.slope) == (True, "16 s old")
    fresh = one_line(series("m", range(30), end=NOW - 15))
    assert not fresh.stale


def test_what_must_not_wait():
    """Figures may; what is new, violated or stale, what happened and what sources say may not."""
    p99 = series("p99", [0.1] * 20, unit="s")
    calm = snapshot(series=[p99], objectives=[P99])
    before = urgent(calm)
    assert (
        urgent(snapshot(series=[series("p99", [0.2] * 20, unit="s")], objectives=[P99])) == before
    )
    waiting = SourceStatus("prometheus", SourceState.FAILED, NOW, "refused")
    for more in (
        {"series": [series("p99", [0.9] * 20, unit="s")]},
        {"series": [p99, series("cpu", [1.0])]},
        {"taken_at": NOW + 16},
        {"events": [Event(NOW, EventKind.NOTE, "a note")]},
        {"sources": [waiting]},
        {"unavailable": [Unavailable(SeriesKey("uss", Origin.PROCESS), "not permitted")]},
    ):
        assert urgent(snapshot(**{"series": [p99], "objectives": [P99], **more})) != before, more


def test_the_past_has_fewer_points():
    """Where points of long ago are further apart, or few are in the chart, there is no gap."""
    long_ago = points([50] * 60, every_s=10.0, end=NOW - 300)
    found = Series(SeriesKey("cpu", Origin.PROCESS), (*long_ago, *points([50] * 300)))
    seen = snapshot(series=[found])
    line = metric_line(Listed(found, "cpu", None, 1), seen, Axis(NOW - 400, 60.0, 60))
    assert line.chart[0].lstrip() == "█" * 51  # before its first point nothing is drawn
    rare = Series(found.key, tuple(points([50] * 10, every_s=60.0, end=NOW - 50)))
    line = metric_line(Listed(rare, "cpu", None, 1), seen, Axis(NOW, 60.0, 20))
    assert line.chart[0].lstrip() == "█" * 18  # cells of 3 s, the point in the eighteenth from now


def test_the_chart_of_an_exited_target_stays():
    """After the target's end its charts end there, and its values say their age."""
    found = series("cpu", [50] * 60, unit="%", limit=100.0)
    line = one_line(found, taken_at=NOW + 3600, target_state=TargetState.EXITED, target_since=NOW)
    assert line.chart[0] == "▄" * 20
    assert line.slope == "1h00m old"


def test_how_an_objective_stands():
    """What is wanted has a word and a shape: ok, at risk where it is violated or likely to be,
    breached, no data where its last value is old."""
    calm, high = series("p99", [0.3] * 40), series("p99", [0.3] * 39 + [0.6])
    old = series("p99", [0.3] * 40, end=NOW - 60)
    likely = forecast(P99, probability=0.6)
    breach = forecast(P99, ForecastState.IN_BREACH, since=NOW - 20)
    assert one_line(calm, P99).standing is Standing.OK
    assert one_line(high, P99).standing is Standing.AT_RISK
    assert one_line(calm, P99, forecasts=[likely]).standing is Standing.AT_RISK
    assert one_line(high, P99, forecasts=[breach]).standing is Standing.BREACHED
    assert one_line(old, P99).standing is Standing.NO_DATA
    assert one_line(calm).standing is None
    assert one_line(high, P99).wanted == "▲ at risk SLO ≤ 0.50"


def test_how_much_of_the_time_it_was_violated():
    """The share of the chart's time in which the objective did not hold is said."""
    assert one_line(series("p99", [0.3] * 30 + [0.6] * 10), P99).burn == "violated 25.0 %"
    assert one_line(series("p99", [0.3] * 30), P99).burn == ""


def test_least_and_most_of_the_span():
    """What the chart does not show does not count for its extent."""
    found = series("m", [900, *range(10, 41)], every_s=2.0)
    assert one_line(found).extent == "12 to 40"


def test_a_value_of_the_past():
    """With a moment the value is the highest of that time, none where there was none."""
    found = series("m", range(40))
    assert one_line(found, moment=Moment(NOW - 12, NOW - 9)).value == "29"
    assert one_line(found, moment=Moment(NOW - 59, NOW - 56)).value == "–"


def test_low_panels_have_one_line_for_each():
    """Where there is no room a metric with an objective has one row, too."""
    assert len(one_line(series("p99", [0.3]), P99, rows=1).chart) == 1


def test_what_cannot_be_had_is_named():
    """A metric that may not be read is listed with the reason, not as zero."""
    key = SeriesKey("uss", Origin.PROCESS, "B")
    seen = snapshot(unavailable=(Unavailable(key, "not permitted"),))
    assert unavailable_lines(seen) == [("uss", "not permitted")]


def test_what_sources_say():
    """A failure comes first, with since when; what is well and silent is not named."""
    found = source_lines(
        snapshot(
            sources=[
                SourceStatus("py-spy", SourceState.FAILED, NOW - 5, "no"),
                SourceStatus("process", SourceState.OK, NOW - 9, ""),
                SourceStatus("host", SourceState.OK, NOW - 9, "not permitted: fds"),
                SourceStatus("prometheus", SourceState.FAILED, NOW - 8, "refused\x1b[2J."),
            ]
        )
    )
    assert found == [
        ("prometheus failed for 8 s: refused�.", True),
        ("host: not permitted: fds", False),
    ]
