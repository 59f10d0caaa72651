from __future__ import annotations

import itertools
import tracemalloc

import pytest
from builders import MAIN, NOW, stack, window

from perftui.model.event import Event, EventKind
from perftui.model.series import Origin, Point, SeriesKey
from perftui.model.stacks import CUT, Stack
from perftui.model.timeline import MAX_SERIES, Timeline

KEY = SeriesKey("cpu", Origin.PROCESS, "%")
DAY_S = 86400


def filled(seconds: int, step: int = 1) -> Timeline:
    """A point each `step` seconds whose value is its time."""
    timeline = Timeline()
    timeline.add_points((KEY, Point(t, t)) for t in range(0, seconds, step))
    return timeline


def kept(timeline: Timeline, since: float = 0) -> tuple[Point, ...]:
    (found,) = timeline.series(since)
    return found.points


def test_a_limit_can_change():
    """A container that is given more memory, say: the series is the same, its scale is not."""
    timeline = Timeline()
    for at, limit in ((1, 100.0), (2, 200.0), (3, None)):
        key = SeriesKey("cpu", Origin.PROCESS, "%", limit=limit)
        timeline.add_unavailable(SeriesKey("cpu", Origin.PROCESS, "%"), "not permitted")
        timeline.add_points([(key, Point(at, 50.0))])
        [found] = timeline.series(0)
        assert (found.key.limit, len(found.points)) == (limit, at)
        assert timeline.unavailable() == ()


def test_of_a_slow_series_enough_is_there_to_see_that_it_goes_on():
    """One that is asked for every five minutes has one point or none in them."""
    timeline = filled(3000, step=300)
    [found] = timeline.series(2700 + 1)
    assert [point.at for point in found.points] == [2100, 2400, 2700]
    assert not found.is_stale(2700 + 899)
    assert found.is_stale(2700 + 901)


def test_what_lasts_of_a_kind_can_be_ended():
    """Until somebody sees that it goes on."""
    timeline = Timeline()
    alert, fault = Event(NOW - 9, EventKind.ALERT, "a"), Event(NOW - 8, EventKind.FAULT, "b")
    for event in (alert, fault):
        timeline.add_event(event)
    timeline.end_all(EventKind.ALERT, NOW)
    assert [event.until for event in timeline.events(0)] == [NOW, None]
    timeline.add_event(alert)
    assert [event.until for event in timeline.events(0)] == [None, None]


def test_five_minutes_are_kept_whole():
    """Of the last 300 s every point is there as it came."""
    last = kept(filled(4000), since=3999 - 300)
    assert last == tuple(Point(t, t) for t in range(3699, 4000))


def test_an_hour_is_kept_in_ten_seconds():
    """What is older than five minutes is the mean of each ten seconds."""
    found = kept(filled(2000))
    assert found[:3] == ((4.5, 4.5), (14.5, 14.5), (24.5, 24.5))
    assert 170 + 301 <= len(found) <= 170 + 301 + 10  # ten may wait for their bucket to be full


def test_a_day_is_kept_in_minutes():
    """What is older than an hour is the mean of each minute, what is older than a day is gone."""
    found = kept(filled(DAY_S + 7200, step=5))
    assert found[0].at == pytest.approx(7200, abs=120)
    assert found[1].at - found[0].at == 60
    assert len(found) == pytest.approx(1380 + 330 + 60, rel=0.01)


def test_a_day_of_fifty_series_is_bounded():
    """It takes less than 15 MB at a point a second, and a second day takes no more."""
    timeline, key = Timeline(), SeriesKey("m", Origin.SCRAPE)
    sizes = []
    tracemalloc.start()
    try:
        for day in range(2):
            for n in range(86_400):
                timeline.add_points([(key, Point(86_400.0 * day + n, n + 0.5))])
            sizes.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert 50 * max(sizes) < 15e6
    assert sizes[1] < 1.02 * sizes[0]


def test_points_are_in_order_across_tiers():
    """Time rises from the coarse past to the whole present, and no value leaves its place."""
    found = kept(filled(9000))
    assert all(a.at < b.at for a, b in itertools.pairwise(found))
    assert all(point.value == pytest.approx(point.at) for point in found)


def test_since_is_where_it_begins():
    """Only points of that moment or later are given, from whatever tier."""
    timeline = filled(9000)
    for since in (8990, 8000, 6000, 100):
        found = kept(timeline, since)
        assert since <= found[0].at <= since + 60


def test_nothing_since_then_gives_the_last():
    """A series that has gone quiet still says its last value, with its age, and how far apart its
    points were."""
    assert kept(filled(10), since=100) == (Point(7, 7), Point(8, 8), Point(9, 9))
    assert kept(filled(4000), since=5000) == (
        Point(3997, 3997),
        Point(3998, 3998),
        Point(3999, 3999),
    )
    assert kept(filled(1), since=100) == (Point(0, 0),)


def test_points_that_are_not_newer_are_dropped():
    """A point that was seen, or is older than the last, changes nothing."""
    timeline = filled(10)
    timeline.add_points([(KEY, Point(9, 1)), (KEY, Point(3, 1)), (KEY, Point(10, 7))])
    assert kept(timeline)[-2:] == ((9, 9), (10, 7))


def many(count: int) -> list[SeriesKey]:
    return [SeriesKey("m", Origin.SCRAPE, "", (("n", str(n)),)) for n in range(count)]


def test_series_that_are_silent_make_room():
    """Labels that come and go do not fill the memory: the longest silent series goes first."""
    timeline = Timeline()
    keys = many(MAX_SERIES + 10)
    for n, key in enumerate(keys):
        timeline.add_points([(key, Point(100.0 * n, 1))])
    assert [one.key for one in timeline.series(0)] == keys[10:]


def test_more_series_than_fit_do_not_push_each_other_out():
    """Where more live series come than there is room for, those that have room keep their past."""
    timeline = Timeline()
    timeline.add_points([(KEY, Point(0, 7))])
    keys = many(MAX_SERIES + 10)
    for at in range(1, 4):
        timeline.add_points((key, Point(at, at)) for key in keys)
        timeline.add_points([(KEY, Point(at, 7))])
    found = timeline.series(0)
    assert len(found) == MAX_SERIES
    assert {len(one.points) for one in found if one.key != KEY} == {3}
    assert len(timeline.named("cpu", 0)[0].points) == 4


def test_named():
    """One metric's series are all that have its name, whatever their labels."""
    timeline = Timeline()
    a, b = (SeriesKey("p99", Origin.SCRAPE, "s", (("n", n),)) for n in "ab")
    timeline.add_points([(a, Point(1, 1)), (KEY, Point(1, 2)), (b, Point(1, 3))])
    assert [one.key for one in timeline.named("p99", 0)] == [a, b]
    assert timeline.named("p9", 0) == ()


def test_a_metric_can_be_forgotten():
    """What a metric of one origin had goes; what comes later is a new series, older points too."""
    timeline = Timeline()
    key, scraped = SeriesKey("p99", Origin.PROMETHEUS), SeriesKey("p99", Origin.SCRAPE)
    timeline.add_points([(key, Point(9, 1)), (scraped, Point(9, 2)), (KEY, Point(9, 3))])
    timeline.forget("p99", Origin.PROMETHEUS)
    assert {series.key for series in timeline.series(0)} == {scraped, KEY}
    timeline.add_points([(key, Point(5, 4))])
    assert [series.points for series in timeline.series(0) if series.key == key] == [(Point(5, 4),)]


def test_windows_by_their_end():
    """Windows that end at that moment or later are given, the oldest first."""
    timeline = Timeline()
    windows = [window(n, n + 1) for n in range(5)]
    for one in windows:
        timeline.add_window(one)
    assert timeline.windows(3) == tuple(windows[2:])


def test_old_windows_are_merged():
    """Windows older than five minutes become one for ten seconds, with all their samples."""
    timeline = Timeline()
    for n in range(1000):
        timeline.add_window(window(n, n + 1, {"main": 2}))
    found = timeline.windows(0)
    assert (found[0].start, found[0].end) == (0, 9)  # those that end before second 10
    assert (found[1].start, found[1].end, found[1].samples) == (9, 19, 20)
    assert sum(one.samples for one in found) == 2000
    assert all(a.end <= b.start for a, b in itertools.pairwise(found))
    assert [one.seconds for one in found[-300:]] == [1.0] * 300


def test_a_day_of_windows_is_bounded():
    """After a day and more, no more is kept than the tiers say, and the day's samples are there."""
    timeline = Timeline()
    for n in range(0, DAY_S + 7200, 5):
        timeline.add_window(window(n, n + 5, {f"main f{n % 7}": 1}))
    found = timeline.windows(0)
    assert len(found) == pytest.approx(1380 + 330 + 60, rel=0.01)
    assert found[-1].end - found[0].start == pytest.approx(DAY_S, abs=120)
    assert sum(one.samples for one in found) == pytest.approx(DAY_S / 5, abs=24)


def test_a_day_of_many_stacks_is_bounded():
    """A merged window keeps 100 whole stacks, however many were seen."""
    timeline = Timeline()
    for n in range(700):
        timeline.add_window(window(n, n + 1, {f"main f{n}x{i} leaf": 1 for i in range(60)}))
    merged = timeline.windows(0)[0]
    assert merged.samples == 9 * 60
    assert len(merged.stacks) == 101
    assert merged.stacks[MAIN, Stack((CUT, *stack("leaf")))] == 440


def test_a_window_gives_its_place_to_another():
    """A window that is shown otherwise later stands where it stood; one that has gone stays so."""
    timeline = Timeline(whole_s=10)
    first, second = window(0, 1, {"a": 1}), window(1, 2, {"b": 1})
    timeline.add_window(first)
    timeline.add_window(second, [(first, window(0, 1, {"c": 1}))])
    assert [{s[0].function for _, s in w.stacks} for w in timeline.windows(0)] == [{"c"}, {"b"}]
    timeline.add_window(window(60, 61))
    timeline.add_window(window(61, 62), [(second, window(1, 2, {"d": 1}))])
    assert not any(s == stack("d") for w in timeline.windows(0) for _, s in w.stacks)


def test_what_goes_on_is_told_however_long_ago_it_began():
    """A breach or an alert without an end still holds; what is over, or was a moment, is past."""
    timeline = Timeline()
    began = Event(NOW - 900, EventKind.ALERT, "slow", "slow")
    over = Event(NOW - 900, EventKind.BREACH, "p99", "p99", NOW - 600)
    moment = Event(NOW - 900, EventKind.RESTART, "pid 3")
    for event in (began, over, moment):
        timeline.add_event(event)
    assert timeline.events(NOW - 300) == (began,)
    assert set(timeline.events(NOW - 700)) == {began, over}
