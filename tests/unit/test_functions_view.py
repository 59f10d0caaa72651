from __future__ import annotations

import pytest
from builders import NOW, run_of_windows, snapshot, stack, window

from perftui.model.running import RunningSeconds
from perftui.model.snapshot import Snapshot
from perftui.model.stacks import FunctionKey, Grouping, Mode, Thread, Window
from perftui.model.target import TargetState
from perftui.tui.functions_view import TREND_CELLS, FunctionsView

FILE = "/srv/app.py"
COUNTS = {"main work": 40, "main idle": 10, "main": 5}


def ten_seconds(counts: dict[str, int] | None = None, **more: object) -> Snapshot:
    return snapshot(windows=run_of_windows(10, counts or COUNTS), **more)


def names(view: FunctionsView, seen: Snapshot) -> list[str]:
    return [row.stats.key.function for row in view.look(seen)[1]]


def counted(*seen: Snapshot) -> FunctionsView:
    view = FunctionsView()
    for one in seen:
        view.count(one)
    return view


def test_the_last_ten_seconds():
    """Shares are those of the last ten seconds, not of all that is known."""
    windows = (
        *run_of_windows(20, {"main old": 90}, end=NOW - 10),
        *run_of_windows(10, COUNTS),
    )
    profile, rows = FunctionsView().look(snapshot(windows=windows))
    assert [(row.stats.key.function, row.stats.own_pct) for row in rows] == [
        ("work", 40),
        ("idle", 10),
        ("main", 5),
    ]
    assert (profile.seconds, profile.coverage) == (10, 1)


def test_sort():
    """A column sorts highest first; the same one again turns the order round."""
    view, seen = FunctionsView(), ten_seconds()
    assert names(view, seen) == ["work", "idle", "main"]
    view.sort_by("total")
    assert names(view, seen) == ["main", "work", "idle"]
    view.sort_by("total")
    assert names(view, seen) == ["idle", "work", "main"]
    view.sort_by("own")
    assert names(view, seen) == ["work", "idle", "main"]


def test_sort_by_seconds():
    """What was hot since the attach need not be hot now."""
    past = snapshot(taken_at=NOW - 10, windows=run_of_windows(5, {"main once": 99}, end=NOW - 10))
    now = snapshot(windows=(*past.windows, *run_of_windows(10, {"main once": 1, "main work": 9})))
    view = counted(past, now)
    assert names(view, now)[0] == "work"
    view.sort_by("own_s")
    assert names(view, now)[0] == "once"
    view.sort_by("total_s")
    assert names(view, now)[0] == "main"


def test_sort_next():
    """The next column after the last is the first."""
    view = FunctionsView()
    seen = []
    for _ in range(4):
        view.sort_next()
        seen.append((view.sort, view.descending))
    assert seen == [("total", True), ("own_s", True), ("total_s", True), ("own", True)]


def test_equals_keep_their_order():
    """Rows that are equal stand as the profile has them, in both directions."""
    view, seen = FunctionsView(), ten_seconds({"main b": 5, "main a": 5})
    view.sort_by("own_s")  # nothing was counted
    assert names(view, seen) == ["a", "b", "main"]


def test_filter():
    """A filter is a regular expression on function and file, whatever the case."""
    view, seen = FunctionsView(), ten_seconds()
    view.filter_by("^WO")
    assert names(view, seen) == ["work"]
    view.filter_by("srv/app")
    assert names(view, seen) == ["work", "idle", "main"]
    view.filter_by("no such")
    assert names(view, seen) == []
    view.filter_by("")
    assert names(view, seen) == ["work", "idle", "main"]


def test_a_filter_changes_no_share():
    """Shares are of all ticks, also where a filter shows one row."""
    view = FunctionsView()
    view.filter_by("work")
    profile, (row,) = view.look(ten_seconds())
    assert row.stats.own_pct == 40
    assert profile.samples == 550


def test_a_bad_filter_keeps_the_old_one():
    """While a bad expression is typed, the old one holds, and what is wrong is said."""
    view, seen = FunctionsView(), ten_seconds()
    view.filter_by("work")
    view.filter_by("work(")
    assert (view.pattern, names(view, seen)) == ("work", ["work"])
    assert view.pattern_error.startswith("missing ), unterminated subpattern")
    view.filter_by("idle")
    assert (view.pattern_error, names(view, seen)) == ("", ["idle"])


def test_pause_holds_the_view_while_counting_goes_on():
    """Paused, everything stands still; afterwards no second is missing."""
    first = ten_seconds()
    later = snapshot(taken_at=NOW + 5, windows=run_of_windows(15, COUNTS, end=NOW + 5))
    view = counted(first)
    before = view.look(first)
    view.pause(first)
    assert view.paused_at == NOW
    view.count(later)
    assert view.look(later) == before
    assert before[1][0].own_s == pytest.approx(4.0)
    view.resume()
    assert view.paused_at is None
    assert view.look(later)[1][0].own_s == pytest.approx(6.0)


def test_a_paused_view_can_be_sorted_and_filtered():
    """What is held can still be looked at in another order."""
    seen = ten_seconds()
    view = counted(seen)
    view.pause(seen)
    view.sort_by("total")
    view.filter_by("m|w")
    assert names(view, snapshot()) == ["main", "work"]


def test_reset_counts_from_now_on():
    """After a reset, seconds and shares are those of later windows alone."""
    first = ten_seconds()
    view = counted(first)
    view.reset(NOW)
    assert view.look(first)[1] == []
    later = snapshot(
        taken_at=NOW + 2,
        windows=(*first.windows, *run_of_windows(2, {"main new": 50}, end=NOW + 2)),
    )
    view.count(later)
    profile, rows = view.look(later)
    assert [(row.stats.key.function, row.own_s) for row in rows] == [("new", 1.0), ("main", 0.0)]
    assert profile.coverage == 1


def test_seconds_add_up_over_different_rates():
    """A sample counts for as long as its window's rate says."""
    windows = (
        window(NOW - 2, NOW - 1, {"main work": 40}, rate_hz=100),
        window(NOW - 1, NOW, {"main work": 10}, rate_hz=20),
    )
    view = counted(snapshot(windows=windows))
    row = next(r for r in view.look(snapshot(windows=windows))[1] if r.own_s)
    assert (row.own_s, row.total_s) == (pytest.approx(0.9), pytest.approx(0.9))


def test_windows_are_counted_once():
    """A window that is in several snapshots counts once."""
    first = ten_seconds()
    view = counted(first, first, snapshot(taken_at=NOW + 1, windows=first.windows))
    assert view.look(first)[1][0].own_s == pytest.approx(4.0)


def test_by_line():
    """By line each line is a row with its own seconds, and back again nothing is lost."""
    seen = ten_seconds({"main:3 work:7": 30, "main:3 work:8": 10})
    view = counted(seen)
    view.by_line = True
    rows = view.look(seen)[1]
    assert [(row.stats.key.function, row.stats.line, row.own_s) for row in rows] == [
        ("work", 7, pytest.approx(3.0)),
        ("work", 8, pytest.approx(1.0)),
        ("main", 3, 0.0),
    ]
    view.by_line = False
    assert view.look(seen)[1][0].own_s == pytest.approx(4.0)


def test_by_thread():
    """With -t a function in two threads is two rows, each with its seconds."""
    one, two = Thread(4775, 1, "a"), Thread(4775, 2, "b")
    stacks = {(one, stack("main")): 30, (two, stack("main")): 10}
    seen = snapshot(windows=[Window(NOW - 1, NOW, 100, Mode.BLOCKING, stacks)])
    view = FunctionsView(by_thread=True)
    view.count(seen)
    assert [(row.stats.key.thread, row.own_s) for row in view.look(seen)[1]] == [
        (one, pytest.approx(0.3)),
        (two, pytest.approx(0.1)),
    ]


def test_trends():
    """The trend is the own share in seven parts of a minute, with blanks where nothing was seen."""
    windows = (
        *run_of_windows(8, {"main work": 80}, end=NOW - 30),
        *run_of_windows(8, {"main work": 20, "main new": 10}),
    )
    _, rows = FunctionsView().look(snapshot(windows=windows))
    trends = {row.stats.key.function: row.trend for row in rows}
    assert len(trends["work"]) == TREND_CELLS
    # Windows that end 30 to 38 s ago lie in the fourth and fifth part before the last.
    assert trends["work"] == (None, None, 80, 80, None, None, 20)
    assert trends["new"] == (None, None, 0, 0, None, None, 10)
    assert {row.trend_top for row in rows} == {80}


def test_a_row_that_only_calls_has_a_trend_of_zeros():
    """A function without own samples has zeros where there were looks, blanks elsewhere."""
    _, rows = FunctionsView().look(ten_seconds({"main work": 5}))
    assert {row.stats.key.function: row.trend for row in rows}["main"] == (
        *(None,) * (TREND_CELLS - 2),
        0,
        0,
    )


@pytest.mark.parametrize("torn", [False, True])
def test_torn(torn: bool):
    """Where the target was not stopped, stacks may be torn, and the rows say so, with -g too."""
    windows = run_of_windows(2, COUNTS, mode=Mode.GIL, torn=torn)
    _, rows = FunctionsView().look(snapshot(windows=windows))
    assert {row.torn for row in rows} == {torn}


def test_one_window_that_may_be_torn_is_enough():
    """A span is only as sound as its worst window; one before the span does not matter."""
    torn = run_of_windows(1, COUNTS, end=NOW - 5, torn=True)
    recent = run_of_windows(3, COUNTS)
    assert FunctionsView().look(snapshot(windows=(*torn, *recent)))[1][0].torn
    later = snapshot(taken_at=NOW + 7, windows=(*torn, *run_of_windows(3, COUNTS, end=NOW + 7)))
    assert not FunctionsView().look(later)[1][0].torn


def test_an_exited_target_keeps_its_last_profile():
    """Long after the target's end its last ten seconds are still shown."""
    windows = run_of_windows(10, COUNTS)
    seen = snapshot(
        taken_at=NOW + 3600,
        target_state=TargetState.EXITED,
        target_since=NOW,
        windows=windows,
    )
    profile, rows = FunctionsView().look(seen)
    assert [row.stats.own_pct for row in rows] == [40, 10, 5]
    assert profile.coverage == 1


def test_nothing_seen_is_no_rows():
    """Before the first window there is nothing to show and nothing fails."""
    profile, rows = FunctionsView().look(snapshot())
    assert (rows, profile.coverage) == ([], None)


def test_running_seconds_copy_goes_its_own_way():
    """A copy that is held does not grow with the original."""
    running = RunningSeconds(Grouping())
    running.update([window(0, 1, {"main": 50})])
    held = running.copy()
    running.update([window(0, 1, {"main": 50}), window(1, 2, {"main": 50})])
    assert held.own == {FunctionKey("main", FILE): 0.5}
    assert running.own == {FunctionKey("main", FILE): 1.0}
    assert (held.until, running.until) == (1, 2)
