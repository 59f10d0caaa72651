from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from builders import MAIN, NOW, PID, AnyStack, run_of_windows, snapshot, stack, window
from hypothesis import given
from hypothesis import strategies as st

from perftui.model import board as board_module
from perftui.model.baseline import Baseline
from perftui.model.noise import change, margin_pct
from perftui.model.snapshot import Snapshot
from perftui.model.stacks import FunctionKey, Mode, Place, Thread, Window
from perftui.model.target import TargetState
from perftui.tui import functions_view
from perftui.tui.functions_view import (
    RANKED_AT_ONCE,
    SORTS,
    FunctionsView,
    HotRow,
    Ranked,
)
from perftui.tui.profile_view import SPANS_S, ProfileView
from perftui.tui.trend import TREND_CELLS, top_of

FILE = "/srv/app.py"
COUNTS = {"main work": 40, "main idle": 10, "main": 5}
WORKER = Thread(PID, 2, "worker")
ATTACH = len(SPANS_S)


def ten_seconds(counts: dict[AnyStack, int] | None = None, **more: object) -> Snapshot:
    return snapshot(windows=run_of_windows(10, counts or COUNTS), **more)


def at(now: float, windows: Sequence[Window]) -> Snapshot:
    """A snapshot at `now` of the windows of the last five minutes."""
    return snapshot(taken_at=now, windows=[w for w in windows if now - 300 <= w.end <= now])


def counted(*seen: Snapshot, **chosen: bool) -> FunctionsView:
    view = FunctionsView(ProfileView(**chosen))
    for one in seen:
        view.view.count(one)
    return view


def names(view: FunctionsView, seen: Snapshot) -> list[str]:
    return [row.key.function for row in view.rows(seen)]


def by_name(view: FunctionsView, seen: Snapshot) -> dict[str, HotRow]:
    return {row.key.function: row for row in view.rows(seen)}


def test_a_row_has_the_shares_of_the_span():
    """Shares are those of the last ten seconds, not of all that is known."""
    windows = (*run_of_windows(20, {"main old": 90}, end=NOW - 10), *run_of_windows(10, COUNTS))
    view = counted(snapshot(windows=windows))
    rows = [row for row in view.rows(snapshot(windows=windows)) if row.mark != "GONE"]
    assert [(r.key.function, r.own_pct, r.total_pct) for r in rows] == [
        ("work", 40, 40),
        ("idle", 10, 10),
        ("main", 5, 55),
    ]
    assert [row.own_margin for row in rows] == [margin_pct(n, 1000) for n in (400, 100, 50)]


def test_a_row_names_its_hottest_line():
    """A row's line is the one with most own samples in the span; what only calls has none."""
    windows = (
        *run_of_windows(20, {"main:3 work:9": 90}, end=NOW - 10),
        *run_of_windows(10, {"main:3 work:7": 20, "main:3 work:8": 30}),
    )
    rows = by_name(counted(snapshot(windows=windows)), snapshot(windows=windows))
    assert (rows["work"].line, rows["main"].line) == (8, None)


def test_sort():
    """A column sorts highest first; the same one again turns the order round."""
    seen = ten_seconds()
    view = counted(seen)
    assert names(view, seen) == ["work", "idle", "main"]
    view.sort_by("total")
    assert names(view, seen) == ["main", "work", "idle"]
    view.sort_by("total")
    assert names(view, seen) == ["idle", "work", "main"]
    view.sort_by("own")
    assert names(view, seen) == ["work", "idle", "main"]
    assert view.descending


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


def test_sort_by_name_and_place():
    """Names and places are sorted from A, and from Z when turned round; by line in their order."""
    later = {stack("b:9 c:1", "/a.py"): 1, stack("b:9", "/b.py"): 1}
    windows = (
        *run_of_windows(5, {stack("b:10 a:1", "/b.py"): 50}, end=NOW - 5),
        *run_of_windows(5, later),
    )
    seen = snapshot(windows=windows)
    view = counted(seen, by_line=True)
    view.sort_by("function")
    assert [row.key[:3] for row in view.rows(seen)] == [
        ("a", "/b.py", 1),
        ("b", "/a.py", 9),
        ("b", "/b.py", 9),
        ("b", "/b.py", 10),
        ("c", "/a.py", 1),
    ]
    view.sort_by("function")
    assert names(view, seen) == ["c", "b", "b", "b", "a"]
    view.sort_by("place")
    assert [row.key[1:3] for row in view.rows(seen)] == [
        ("/a.py", 1),
        ("/a.py", 9),
        ("/b.py", 1),
        ("/b.py", 9),
        ("/b.py", 10),
    ]


def test_sort_by_change():
    """The greatest rise comes first, the greatest fall when turned round."""
    windows = (
        *run_of_windows(10, {"a": 40, "b": 10, "c": 20}, end=NOW - 10),
        *run_of_windows(10, {"a": 10, "b": 30, "c": 25}),
    )
    seen = snapshot(windows=windows)
    view = counted(seen)
    view.sort_by("change")
    assert names(view, seen) == ["b", "c", "a"]
    view.sort_by("change")
    assert names(view, seen) == ["a", "c", "b"]


def test_sort_by_change_where_none_is_known():
    """Without anything to compare with the own share decides."""
    seen = ten_seconds()
    view = counted(seen)
    view.sort_by("change")
    assert names(view, seen) == ["work", "idle", "main"]
    view.view.span = ATTACH
    assert names(view, seen) == ["work", "idle", "main"]


def test_sort_next():
    """The next column after the last is the first, each with the highest first."""
    view = FunctionsView(ProfileView())
    seen = []
    for _ in SORTS:
        view.sort_next()
        seen.append((view.sort, view.descending))
    assert seen == [(sort, True) for sort in (*SORTS[1:], "own")]


@pytest.mark.parametrize("turned", [False, True])
def test_the_total_decides_between_equals(turned: bool):
    """Of rows with the same own share the one with the higher total comes first."""
    seen = snapshot(
        windows=(*run_of_windows(2, {"d a": 5}, end=NOW - 5), *run_of_windows(5, {"c b": 5}))
    )
    view = counted(seen)
    if turned:
        view.sort_by("own")
    assert [name for name in names(view, seen) if name in "cd"] == ["c", "d"]


def test_the_total_decides_between_nothing_else():
    """However large totals have become, the change alone decides where changes differ."""
    day = window(NOW - 100_000, NOW, {"busy calm": 900, "busy": 9_000_000, "new": 9_000_500})
    seen = snapshot(windows=[day])
    view = counted(seen)
    view.view.span = ATTACH
    view.view.baseline = Baseline(own={Place("busy", FILE): 90}, ticks=100)
    view.sort_by("change")
    assert names(view, seen) == ["new", "calm", "busy"]
    view.view.baseline = Baseline(own={Place("busy", FILE): 9_000_000 - 800}, ticks=10_000_000)
    assert names(view, seen) == ["new", "calm", "busy"]


def test_equals_hold_still():
    """Rows that are equal stand in one order, refresh after refresh, also where there are more
    than are ranked at once."""
    counts: dict[AnyStack, int] = {f"f{n}": 1 for n in range(2 * RANKED_AT_ONCE + 500)}
    windows = [
        *run_of_windows(5, counts, end=NOW),
        *run_of_windows(1, {**counts, "f700": 90}, end=NOW + 1),
    ]
    first, second = at(NOW, windows), at(NOW + 1, windows)
    view = counted(first)
    before = names(view, first)
    view.view.count(second)
    after = names(view, second)
    assert after[0] == "f700"
    assert after[1:] == [name for name in before if name != "f700"]
    assert [row.key.function for row in view.rows(second)[:50]] == after[:50]


def test_filter():
    """A filter is a regular expression on function and file, whatever the case."""
    seen = ten_seconds()
    view = counted(seen)
    view.view.filter_by("^WO")
    assert names(view, seen) == ["work"]
    view.view.filter_by("srv/app")
    assert names(view, seen) == ["work", "idle", "main"]
    view.view.filter_by("no such")
    assert names(view, seen) == []
    view.view.filter_by("")
    assert names(view, seen) == ["work", "idle", "main"]


def test_an_inverse_filter():
    """With `!` before it, what fits is left out."""
    seen = ten_seconds()
    view = counted(seen)
    view.view.filter_by("!^(main|idle)$")
    assert names(view, seen) == ["work"]
    view.view.filter_by("!")
    assert names(view, seen) == ["work", "idle", "main"]


def test_a_filter_fits_rows_that_come_later():
    """Functions that are first seen while a filter is on are filtered like the others."""
    windows = [*run_of_windows(5, COUNTS), *run_of_windows(2, {"worse": 9, "new": 9}, end=NOW + 2)]
    view = counted(at(NOW, windows))
    view.view.filter_by("^wo")
    assert names(view, at(NOW, windows)) == ["work"]
    view.view.count(at(NOW + 2, windows))
    assert names(view, at(NOW + 2, windows)) == ["work", "worse"]


def test_a_filter_changes_no_share():
    """Shares are of all ticks, also where a filter shows one row."""
    seen = ten_seconds()
    view = counted(seen)
    view.view.filter_by("work")
    (row,) = view.rows(seen)
    assert (row.own_pct, row.own_s) == (40, pytest.approx(4.0))


def test_a_bad_filter_keeps_the_rows_of_the_old_one():
    """While a bad expression is typed, the old one holds."""
    seen = ten_seconds()
    view = counted(seen)
    view.view.filter_by("work")
    view.view.filter_by("work(")
    assert names(view, seen) == ["work"]


def test_own_code_only():
    """Without the standard library, packages and native code one's own is left; shares stay."""
    counts: dict[AnyStack, int] = {
        (*stack("main"), *stack("decode", "/usr/lib/python3.11/json/decoder.py")): 30,
        (*stack("main"), *stack("get", "/v/lib/python3.11/site-packages/x/y.py")): 20,
        (*stack("main"), *stack("memcpy", "libc.so.6")): 10,
        "main work": 5,
    }
    seen = ten_seconds(counts)
    view = counted(seen)
    assert names(view, seen) == ["decode", "get", "memcpy", "work", "main"]
    view.view.own_only = True
    assert [(r.key.function, r.own_pct) for r in view.rows(seen)] == [("work", 5), ("main", 0)]
    view.view.filter_by("!work")
    assert names(view, seen) == ["main"]
    view.view.own_only = False
    assert names(view, seen) == ["decode", "get", "memcpy", "main"]


def test_pause_holds_the_rows_while_counting_goes_on():
    """Paused, everything stands still; afterwards no second is missing."""
    windows = run_of_windows(15, COUNTS, end=NOW + 5)
    first, later = at(NOW, windows), at(NOW + 5, windows)
    view = counted(first)
    before = list(view.rows(first))
    view.view.pause(first)
    view.view.count(later)
    assert list(view.rows(later)) == before
    assert before[0].own_s == pytest.approx(4.0)
    view.view.resume()
    assert view.rows(later)[0].own_s == pytest.approx(6.0)


def test_a_paused_view_can_be_sorted_and_filtered():
    """What is held can still be looked at in another order."""
    seen = ten_seconds()
    view = counted(seen)
    view.view.pause(seen)
    view.sort_by("total")
    view.view.filter_by("m|w")
    assert names(view, snapshot()) == ["main", "work"]


def test_reset_counts_from_now_on():
    """After a reset, seconds and shares are those of later windows alone."""
    windows = [*run_of_windows(10, COUNTS), *run_of_windows(2, {"main new": 50}, end=NOW + 2)]
    view = counted(at(NOW, windows))
    view.view.reset(NOW)
    assert names(view, at(NOW, windows)) == []
    later = at(NOW + 2, windows)
    view.view.count(later)
    rows = [row for row in view.rows(later) if row.mark != "GONE"]
    assert [(row.key.function, row.own_s) for row in rows] == [("new", 1.0), ("main", 0.0)]


def test_seconds_add_up_over_different_rates():
    """A sample counts for as long as its window's rate says."""
    windows = (
        window(NOW - 2, NOW - 1, {"main work": 40}, rate_hz=100),
        window(NOW - 1, NOW, {"main work": 10}, rate_hz=20),
    )
    row = by_name(counted(snapshot(windows=windows)), snapshot(windows=windows))["work"]
    assert (row.own_s, row.total_s) == (pytest.approx(0.9), pytest.approx(0.9))
    assert row.own_pct == pytest.approx(100 * 50 / 120)


def test_windows_are_counted_once():
    """A window that is in several snapshots counts once."""
    first = ten_seconds()
    view = counted(first, first, snapshot(taken_at=NOW + 1, windows=first.windows))
    assert view.rows(first)[0].own_s == pytest.approx(4.0)


def test_by_line():
    """By line each line is a row with its own seconds, and back again nothing is lost."""
    seen = ten_seconds({"main:3 work:7": 30, "main:3 work:8": 10})
    view = counted(seen)
    view.view.by_line = True
    assert [(row.key.function, row.line, row.own_s) for row in view.rows(seen)] == [
        ("work", 7, pytest.approx(3.0)),
        ("work", 8, pytest.approx(1.0)),
        ("main", 3, 0.0),
    ]
    view.view.by_line = False
    assert view.rows(seen)[0].own_s == pytest.approx(4.0)


def test_by_thread():
    """With -t a function in two threads is two rows, each with its seconds."""
    stacks = {(MAIN, stack("main")): 30, (WORKER, stack("main")): 10}
    seen = snapshot(windows=[Window(NOW - 1, NOW, 100, Mode.BLOCKING, stacks)])
    view = counted(seen, by_thread=True)
    assert [(row.key.thread, row.own_s) for row in view.rows(seen)] == [
        (MAIN, pytest.approx(0.3)),
        (WORKER, pytest.approx(0.1)),
    ]


def test_one_thread():
    """Of a chosen thread only its samples make rows, their shares still those of all ticks."""
    stacks = {(MAIN, stack("main work")): 30, (WORKER, stack("main idle")): 10}
    seen = snapshot(windows=[Window(NOW - 1, NOW, 100, Mode.BLOCKING, stacks)])
    view = counted(seen)
    view.view.choose(thread=WORKER)
    found = [(r.key.function, r.own_pct, r.total_pct, r.own_s) for r in view.rows(seen)]
    assert found == [("idle", 10, 10, 0.1), ("main", 0, 10, 0.0)]


def late_choice() -> tuple[FunctionsView, list[Window]]:
    """A watch of 400 seconds, of which the last 300 are at hand."""
    windows = list(run_of_windows(420, COUNTS, end=NOW + 20))
    view = FunctionsView(ProfileView())
    for now in range(int(NOW) - 399, int(NOW) + 1):
        view.view.count(at(now, windows))
    return view, windows


def test_seconds_of_a_choice_made_late_are_not_known():
    """Rows that were not counted since the attach have shares, but no seconds; others have both."""
    view, windows = late_choice()
    assert view.rows(at(NOW, windows))[0].own_s == pytest.approx(160)
    view.view.choose(thread=MAIN)
    row = view.rows(at(NOW, windows))[0]
    assert (row.own_s, row.total_s, row.own_pct) == (None, None, 40)
    view.view.choose()
    assert view.rows(at(NOW, windows))[0].own_s == pytest.approx(160)


def test_seconds_since_a_reset_are_known_of_a_choice_made_later():
    """After a reset seconds are since then: what is at hand reaches back as far."""
    view, windows = late_choice()
    view.view.reset(NOW)
    view.view.count(at(NOW + 20, windows))
    view.view.by_line = True
    assert view.rows(at(NOW + 20, windows))[0].own_s == pytest.approx(8)


def test_seconds_of_a_choice_made_early_are_known():
    """While all windows are at hand, whatever is chosen has its seconds since the attach."""
    seen = ten_seconds()
    view = counted(seen)
    view.view.choose(pid=PID)
    assert view.rows(seen)[0].own_s == pytest.approx(4.0)


def test_a_change_is_against_the_span_before():
    """The own share's change in points, and whether it is beyond the noise."""
    windows = (
        *run_of_windows(10, {"a": 40, "b": 10}, end=NOW - 10),
        *run_of_windows(10, {"a": 20, "b": 11}),
    )
    seen = snapshot(windows=windows)
    rows = by_name(counted(seen), seen)
    assert rows["a"].change == change((200, 1000), (400, 1000))
    assert rows["b"].change == change((110, 1000), (100, 1000))
    assert rows["a"].change.points == pytest.approx(-20)
    assert (rows["a"].change.beyond_noise, rows["b"].change.beyond_noise) == (True, False)
    assert (rows["a"].mark, rows["b"].mark) == ("", "")


def test_new_and_gone():
    """What was never on top before is NEW, what no longer is is GONE, where it is no noise."""
    windows = (
        *run_of_windows(9, {"main gone": 40, "main": 20}, end=NOW - 11),
        window(NOW - 11, NOW - 10, {"main gone": 40, "main": 20, "main once": 1}),
        *run_of_windows(9, {"main fresh": 30, "main": 20}, end=NOW - 1),
        window(NOW - 1, NOW, {"main fresh": 30, "main": 20, "main rare": 1}),
    )
    seen = snapshot(windows=windows)
    rows = by_name(counted(seen), seen)
    marks = {name: row.mark for name, row in rows.items()}
    assert marks == {"fresh": "NEW", "main": "", "rare": "", "gone": "GONE"}
    gone = rows["gone"]
    assert (gone.own_pct, gone.total_pct, gone.line) == (0, 0, None)
    assert gone.change.points < -35
    assert gone.own_s == pytest.approx(4.0)


def test_what_calls_others_is_neither_new_nor_gone():
    """A function that was in the stacks all the time is not NEW when it is on top, nor GONE when
    it no longer is; its change is shown as any other."""
    windows = (
        *run_of_windows(10, {"main work": 40, "idle": 30}, end=NOW - 10),
        *run_of_windows(10, {"main": 40, "idle rest": 30}),
    )
    seen = snapshot(windows=windows)
    rows = by_name(counted(seen), seen)
    marks = {name: row.mark for name, row in rows.items()}
    assert marks == {"main": "", "idle": "", "rest": "NEW", "work": "GONE"}
    assert rows["main"].change.points == pytest.approx(40)
    assert rows["idle"].change.points == pytest.approx(-30)
    assert rows["idle"].change.beyond_noise


def test_nothing_before_is_no_change():
    """In the first seconds nothing is NEW: there was no look before."""
    rows = by_name(counted(ten_seconds()), ten_seconds())
    assert not any(row.change.beyond_noise for row in rows.values())
    assert {row.mark for row in rows.values()} == {""}
    assert {row.change.margin for row in rows.values()} == {float("inf")}


def test_what_is_gone_is_filtered_too():
    """A filter lets through what has gone as it does all else."""
    windows = (
        *run_of_windows(10, {"main gone": 40}, end=NOW - 10),
        *run_of_windows(10, {"main fresh": 30}),
    )
    seen = snapshot(windows=windows)
    view = counted(seen)
    view.view.filter_by("!gone|main")
    assert names(view, seen) == ["fresh"]
    view.view.filter_by("gone")
    assert names(view, seen) == ["gone"]


COUNTS_BEFORE = st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 40))


@given(COUNTS_BEFORE, st.integers(0, 9), st.sampled_from([10.0, 100.0]))
def test_gone_is_what_changed_to_nothing_beyond_the_noise(
    before: dict[str, int], own: int, rate_hz: float
):
    """Rows without samples are shown exactly where their change is beyond the noise."""
    windows = [
        window(NOW - 20, NOW - 10, before),
        window(NOW - 10, NOW, {"now": own} if own else {}, rate_hz=rate_hz),
    ]
    seen = snapshot(windows=windows)
    rows = [row for row in counted(seen).rows(seen) if not row.total_pct]
    ticks = 10 * rate_hz
    assert {row.key.function for row in rows} == {
        name for name, was in before.items() if change((0, ticks), (was, 1000)).beyond_noise
    }
    assert all(row.mark == "GONE" for row in rows)


def test_a_baseline_takes_the_place_of_the_span_before():
    """With a baseline changes are against it, in every span, also since the attach."""
    windows = (
        *run_of_windows(10, {"a": 40, "c": 30}, end=NOW - 10),
        *run_of_windows(10, {"a": 20, "b": 30}),
    )
    first, second = at(NOW - 10, windows), at(NOW, windows)
    view = counted(first)
    view.view.mark_baseline(first)
    view.view.count(second)
    rows = by_name(view, second)
    assert rows["a"].change == change((200, 1000), (400, 1000))
    assert {name: row.mark for name, row in rows.items()} == {"a": "", "b": "NEW", "c": "GONE"}
    view.view.span = ATTACH
    rows = by_name(view, second)
    assert rows["a"].change == change((600, 2000), (400, 1000))
    assert rows["c"].mark == ""
    view.view.baseline = None
    assert by_name(view, second)["a"].change is None


def test_a_baseline_knows_functions_only():
    """By line or by thread there is nothing to compare with, and that is no change."""
    seen = ten_seconds()
    for chosen in ({"by_line": True}, {"by_thread": True}):
        view = counted(seen, **chosen)
        view.view.baseline = Baseline({Place("work", FILE): 1}, 100)
        assert {row.change for row in view.rows(seen)} == {None}
        assert {row.mark for row in view.rows(seen)} == {""}


def test_a_baseline_tells_files_apart():
    """Functions of one name in two files are compared each with its own."""
    seen = ten_seconds({stack("run", "/a.py"): 30, stack("run", "/b.py"): 30})
    view = counted(seen)
    view.view.baseline = Baseline({Place("run", "/a.py"): 30}, 100)
    changes = {row.key.file: row.change.points for row in view.rows(seen)}
    assert changes == {"/a.py": pytest.approx(0), "/b.py": pytest.approx(30)}


def test_a_baseline_of_functions_that_come_later():
    """A function that is first seen after the baseline was set is compared with it as well."""
    windows = [*run_of_windows(5, COUNTS), *run_of_windows(2, {"late": 9}, end=NOW + 2)]
    view = counted(at(NOW, windows))
    view.view.baseline = Baseline({Place("late", FILE): 50}, 100)
    view.rows(at(NOW, windows))
    view.view.count(at(NOW + 2, windows))
    assert by_name(view, at(NOW + 2, windows))["late"].change == change((18, 700), (50, 100))


def test_another_baseline_is_compared_with():
    """When a new baseline is set, the old one is forgotten."""
    seen = ten_seconds()
    view = counted(seen)
    view.view.baseline = Baseline({Place("work", FILE): 40}, 100)
    assert by_name(view, seen)["work"].change.points == pytest.approx(0)
    view.view.baseline = Baseline({Place("work", FILE): 10}, 100)
    assert by_name(view, seen)["work"].change.points == pytest.approx(30)


def test_what_was_forgotten_disturbs_no_other_row(monkeypatch: pytest.MonkeyPatch):
    """When rows are forgotten the others keep their baseline and filter, and rows that were made
    from what was known before still name their functions."""
    monkeypatch.setattr(board_module, "MOST_ROWS", 10)
    windows = [window(NOW, NOW + 1, {f"once{n}": 1 for n in range(8)})]
    windows += [window(NOW + 1, NOW + 2, {"work": 40, "idle": 30})]
    windows += [window(NOW + 900, NOW + 901, {"work": 40, "idle": 30, "new": 5})]
    first, second = at(NOW + 2, windows), at(NOW + 901, windows)
    view = counted(first)
    view.view.baseline = Baseline({Place("work", FILE): 40, Place("idle", FILE): 10}, 100)
    view.view.filter_by("work|idle")
    before = view.rows(first)
    view.view.count(second)
    assert len(view.view.look(second).board.keys) < 10
    changes = {row.key.function: row.change.points for row in view.rows(second)}
    assert changes == {"work": pytest.approx(0), "idle": pytest.approx(20)}
    assert [row.key.function for row in before] == ["work", "idle"]


def test_trends():
    """The trend is the own share in seven parts of a minute, with blanks where nothing was seen."""
    windows = (
        *run_of_windows(8, {"main work": 80}, end=NOW - 30),
        *run_of_windows(8, {"main work": 20, "main new": 10}, end=NOW),
    )
    rows = by_name(counted(at(NOW, windows)), at(NOW, windows))
    assert len(rows["work"].trend) == TREND_CELLS
    # NOW ends a part; windows that end 30 to 38 s ago lie in the fourth and fifth part before it.
    assert rows["work"].trend == (None, None, 80, 80, None, None, 20)
    assert rows["new"].trend == (None, None, 0, 0, None, None, 10)
    assert [row.trend_top for row in rows.values()] == pytest.approx([2**6.5] * len(rows))


def test_a_trend_stands_until_its_next_part():
    """A window more changes the newest bar alone; that a new part has begun is no gap yet."""
    windows = run_of_windows(60, {"main work": 80}, end=NOW - 1)
    last = run_of_windows(2, {"main work": 20}, end=NOW + 1)
    view = counted(at(NOW - 1, windows))
    assert by_name(view, at(NOW - 1, windows))["work"].trend == (80,) * 7
    for now, seen, expected in (
        (NOW, (*windows, last[0]), (*[80] * 6, (8 * 80 + 20) / 9)),
        (NOW + 0.5, (*windows, last[0]), (*[80] * 6, (8 * 80 + 20) / 9)),
        (NOW + 1, (*windows, *last), (*[80] * 5, (8 * 80 + 20) / 9, 20)),
        (NOW + 10, (*windows, *last), (*[80] * 4, (8 * 80 + 20) / 9, 20, None)),
    ):
        view.view.count(at(now, seen))
        trend = by_name(view, at(now, seen))["work"].trend
        assert trend[:6] == pytest.approx(expected[:6])
        assert trend[6] == (expected[6] and pytest.approx(expected[6]))


def test_a_window_that_is_shown_otherwise_changes_the_trend():
    """A window of which stacks were cut takes the place of the one that it was."""
    windows = run_of_windows(3, {"main work": 80}, end=NOW)
    view = counted(at(NOW, windows))
    assert by_name(view, at(NOW, windows))["work"].trend[-1] == 80
    cut = (windows[0], *run_of_windows(1, {"main other": 80}, end=NOW - 1), windows[2])
    view.view.count(at(NOW, cut))
    assert by_name(view, at(NOW, cut))["work"].trend[-1] == pytest.approx(2 / 3 * 80)
    assert by_name(view, at(NOW, cut[2:]))["work"].trend[-1] == 80


def test_a_row_that_only_calls_has_a_trend_of_zeros():
    """A function without own samples has zeros where there were looks, blanks elsewhere."""
    seen = at(NOW, run_of_windows(10, {"main work": 5}, end=NOW))
    blanks = (None,) * (TREND_CELLS - 2)
    assert by_name(counted(seen), seen)["main"].trend == (*blanks, 0, 0)


def test_a_trend_is_of_one_minute():
    """What was seen more than a minute ago is no part of the trend, nor of its scale."""
    windows = (
        *run_of_windows(8, {"main work": 80}, end=NOW - 60),
        *run_of_windows(8, COUNTS, end=NOW),
    )
    seen = at(NOW, windows)
    row = by_name(counted(seen), seen)["work"]
    assert row.trend == (*(None,) * (TREND_CELLS - 1), 40)
    assert row.trend_top == pytest.approx(2**5.5)


def test_a_trend_is_of_one_kind():
    """Time in which only holders of the GIL were looked for is blank in the trend of all."""
    windows = (
        *run_of_windows(8, {"main work": 80}, end=NOW - 30),
        *run_of_windows(8, {"main work": 90}, end=NOW - 10, mode=Mode.GIL),
        *run_of_windows(8, {"main work": 20}, end=NOW),
    )
    seen = at(NOW, windows)
    assert by_name(counted(seen), seen)["work"].trend == (None, None, 80, 80, None, None, 20)


def test_a_trend_outlives_that_rows_are_forgotten(monkeypatch: pytest.MonkeyPatch):
    """Rows that get another number keep what they had before."""
    monkeypatch.setattr(board_module, "MOST_ROWS", 10)
    once = {f"once{n}": 1 for n in range(8)}
    windows = [window(NOW - 240, NOW - 239, once), window(NOW - 10, NOW - 9, {"work": 40})]
    view = counted(at(NOW - 9, windows))
    numbers = [view.view.look(at(NOW - 9, windows)).board.number(FunctionKey("work", FILE))]
    windows = [*windows[1:], window(NOW - 1, NOW, {"work": 20, "a": 1, "b": 1, "c": 1})]
    view.view.count(at(NOW, windows))
    numbers += [view.view.look(at(NOW, windows)).board.number(FunctionKey("work", FILE))]
    assert numbers[0] != numbers[1]
    assert by_name(view, at(NOW, windows))["work"].trend[-2:] == (40, 20)


@pytest.mark.parametrize(
    ("most", "top"), [(0, 0), (1, 1), (1.1, 2**0.5), (100, 128), (90, 2**6.5), (2**6.5, 2**6.5)]
)
def test_the_scale_of_trends_goes_in_steps(most: float, top: float):
    """A full bar means a power of the square root of 2: the bars do not move with each maximum."""
    assert top_of([(None, 0.0), (most / 2, most)]) == pytest.approx(top)


@pytest.mark.parametrize("torn", [False, True])
def test_torn(torn: bool):
    """Where the target was not stopped, stacks may be torn, and the rows say so, with -g too."""
    seen = snapshot(windows=run_of_windows(2, COUNTS, mode=Mode.GIL, torn=torn))
    assert {row.torn for row in counted(seen).rows(seen)} == {torn}


def test_one_window_that_may_be_torn_is_enough():
    """A span is only as sound as its worst window; one before the span does not matter."""
    torn = run_of_windows(1, COUNTS, end=NOW - 5, torn=True)
    seen = snapshot(windows=(*torn, *run_of_windows(3, COUNTS)))
    assert counted(seen).rows(seen)[0].torn
    later = snapshot(taken_at=NOW + 7, windows=(*torn, *run_of_windows(3, COUNTS, end=NOW + 7)))
    assert not counted(later).rows(later)[0].torn


def test_an_exited_target_keeps_its_last_profile():
    """Long after the target's end its last ten seconds are still shown."""
    seen = snapshot(
        taken_at=NOW + 3600,
        target_state=TargetState.EXITED,
        target_since=NOW,
        windows=run_of_windows(10, COUNTS),
    )
    assert [row.own_pct for row in counted(seen).rows(seen)] == [40, 10, 5]


def test_nothing_seen_is_no_rows():
    """Before the first window there is nothing to show and nothing fails, however it is sorted."""
    view = counted(snapshot())
    for sort in SORTS:
        view.sort_by(sort)
        rows = view.rows(snapshot())
        assert (len(rows), list(rows), rows.place(FunctionKey("work", FILE))) == (0, [], None)


def test_a_window_of_no_length_has_rows_without_shares():
    """Samples without expected ticks are shown, and their share could be anything."""
    seen = snapshot(windows=[window(NOW - 1, NOW - 1, {"main": 3})])
    for sort in SORTS:
        view = counted(seen)
        view.sort_by(sort)
        (row,) = view.rows(seen)
        assert (row.own_pct, row.total_pct, row.own_margin) == (0, 0, float("inf"))


def test_rows_are_a_sequence():
    """Rows can be taken from the end and in slices; there is none beyond."""
    seen = ten_seconds()
    rows = counted(seen).rows(seen)
    assert [row.key.function for row in rows[-2:]] == ["idle", "main"]
    assert rows[-1] == rows[2]
    for beyond in (3, -4):
        with pytest.raises(IndexError):
            rows[beyond]


def test_the_place_of_a_row():
    """A row is found by its key; one that is not shown is not."""
    seen = ten_seconds()
    view = counted(seen)
    places = {name: view.rows(seen).place(FunctionKey(name, FILE)) for name in ("idle", "main")}
    assert places == {"idle": 1, "main": 2}
    assert view.rows(seen).place(FunctionKey("nobody", FILE)) is None
    assert view.rows(seen).place("idle") is None
    view.view.filter_by("work")
    assert view.rows(seen).place(FunctionKey("idle", FILE)) is None


MANY = 2 * RANKED_AT_ONCE + 500


def many_rows() -> tuple[FunctionsView, Snapshot]:
    """More rows than are ranked at once; `f0` is the hottest."""
    seen = snapshot(windows=[window(NOW - 10, NOW, {f"f{n}": 9 * MANY - n for n in range(MANY)})])
    return counted(seen), seen


def test_the_end_of_many_rows_is_right():
    """Beyond the rows that are ranked at once all are in their order, and those before stay."""
    view, seen = many_rows()
    rows = view.rows(seen)
    assert len(rows) == MANY
    first = [row.key.function for row in rows[:RANKED_AT_ONCE]]
    assert first == [f"f{n}" for n in range(RANKED_AT_ONCE)]
    assert rows[-1].key.function == f"f{MANY - 1}"
    assert [row.key.function for row in rows] == [f"f{n}" for n in range(MANY)]
    assert view.rows(seen)[MANY - 1].key.function == f"f{MANY - 1}"


def test_the_place_of_a_row_beyond_the_ranked_ones():
    """A row far down is found where it then stands."""
    view, seen = many_rows()
    for number in (0, RANKED_AT_ONCE - 1, RANKED_AT_ONCE, MANY - 1):
        rows = view.rows(seen)
        assert rows.place(FunctionKey(f"f{number}", FILE)) == number
        assert rows[number].key.function == f"f{number}"


def made(number: int) -> HotRow:
    """A row that has its number for a name."""
    return HotRow(
        FunctionKey(str(number), ""), None, 0, 0, 0, None, None, (), 0, None, "", torn=False
    )


def test_only_rows_that_are_asked_for_are_made():
    """A row is made when it is asked for, and once only."""
    asked: list[int] = []

    def make(number: int) -> HotRow:
        asked.append(number)
        return made(number)

    rows = Ranked(np.arange(MANY), np.arange(MANY) * 1.0, make, lambda key: key)
    assert rows.place(5) == MANY - 6
    assert asked == []
    for _ in range(2):
        assert [row.key.function for row in rows[:2]] == [str(MANY - 1), str(MANY - 2)]
    assert asked == [MANY - 1, MANY - 2]


@given(
    st.lists(st.integers(0, 5), max_size=30),
    st.lists(st.integers(-30, 29), max_size=8),
    st.lists(st.integers(0, 29), max_size=3),
)
def test_ranked_rows_are_those_of_a_full_sort(
    scores: list[int], looks: list[int], searched: list[int]
):
    """However few are ranked at once, and in whatever order rows are asked for, they stand as a
    sort of all of them has it, equals by their number."""
    ids = [3 * n for n in range(len(scores))]
    order = [ids[n] for n in sorted(range(len(scores)), key=lambda n: (-scores[n], n))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(functions_view, "RANKED_AT_ONCE", 3)
        rows = Ranked(np.array(ids, np.intp), np.array(scores, float), made, lambda key: key)
        for place in looks:
            if -len(ids) <= place < len(ids):
                assert rows[place].key.function == str(order[place])
        for place in searched:
            if place < len(ids):
                assert rows.place(order[place]) == place
        assert rows.place(1) is None
        assert [row.key.function for row in rows] == [str(number) for number in order]


NAMES = st.dictionaries(
    st.lists(st.sampled_from("abcde"), min_size=1, max_size=4).map(" ".join),
    st.integers(1, 50),
    max_size=6,
)


@given(st.lists(NAMES, min_size=1, max_size=4), st.sampled_from(SORTS))
def test_rows_are_a_recount(looks: list[dict[str, int]], sort: str):
    """Whatever was sampled and however it is sorted: each row that has samples is there once, with
    the shares and seconds of a recount."""
    windows = [window(NOW - n - 1, NOW - n, counts) for n, counts in enumerate(looks)][::-1]
    seen = snapshot(windows=windows)
    view = counted(seen)
    view.sort_by(sort)
    owns: dict[str, int] = {}
    totals: dict[str, int] = {}
    for names_, count in (item for counts in looks for item in counts.items()):
        *_, top = names_.split()
        owns[top] = owns.get(top, 0) + count
        for name in set(names_.split()):
            totals[name] = totals.get(name, 0) + count
    rows = list(view.rows(seen))
    assert sorted(row.key.function for row in rows) == sorted(totals)
    for row in rows:
        own, total = owns.get(row.key.function, 0), totals[row.key.function]
        assert row.own_pct == pytest.approx(own / len(looks))
        assert row.total_pct == pytest.approx(total / len(looks))
        assert (row.own_s, row.total_s) == (pytest.approx(own / 100), pytest.approx(total / 100))


def test_a_window_that_is_shown_otherwise():
    """Rows of a window that was cut later on are those of what is left of it."""
    first = run_of_windows(3, {"main work": 40})
    view = counted(at(NOW, first))
    cut = replace(first[-1], stacks={(MAIN, stack("work")): 40}, cut=40)
    seen = at(NOW, (*first[:-1], cut))
    view.view.count(seen)
    rows = by_name(view, seen)
    assert (rows["main"].total_pct, rows["main"].total_s) == (
        pytest.approx(80 / 3),
        pytest.approx(0.8),
    )
    assert rows["work"].own_pct == 40


def test_rows_within_their_noise_hold_still():
    """Neither shares nor the order move while samples do so within their noise; a change that is
    beyond it is shown, and another span is shown as it is measured."""
    windows = [
        *run_of_windows(10, {"main work": 30, "main other": 29}, end=NOW),
        *run_of_windows(5, {"main work": 29, "main other": 30}, end=NOW + 5),
        *run_of_windows(5, {"main work": 10, "main other": 60}, end=NOW + 10),
    ]

    def seen(now: float) -> Snapshot:
        return snapshot(taken_at=now, windows=[one for one in windows if one.end <= now])

    view = FunctionsView(ProfileView())

    def shares(now: float) -> list[tuple[str, float]]:
        view.view.count(seen(now))
        return [(row.key.function, row.own_pct) for row in view.rows(seen(now))][:2]

    first = shares(NOW)
    assert first == [("work", pytest.approx(30)), ("other", pytest.approx(29))]
    assert [shares(NOW + n) for n in range(1, 6)] == [first] * 5
    view.view.change_span(-1)
    assert shares(NOW + 5) == [("other", pytest.approx(30)), ("work", pytest.approx(29))]
    view.view.change_span(1)
    last = dict(shares(NOW + 10))
    assert last == {"other": pytest.approx(45), "work": pytest.approx(19.5)}


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=2, max_size=8))
def test_no_row_owns_more_than_its_total(counts: list[tuple[int, int]]):
    """Each of the two holds still for itself, but never so that they contradict each other; and
    what is shown is within half of its margin of what is measured."""
    view = FunctionsView(ProfileView(span=0))
    windows = [
        window(NOW + n, NOW + n + 1, {"main work": own, "main work below": below})
        for n, (own, below) in enumerate(counts)
    ]
    for n in range(1, len(windows) + 1):
        seen = snapshot(taken_at=NOW + n, windows=windows[:n])
        view.view.count(seen)
        recent = windows[max(0, n - 2) : n]
        ticks = sum(one.expected_ticks for one in recent)
        own, below = (sum(pair[k] for pair in counts[max(0, n - 2) : n]) for k in (0, 1))
        for row in view.rows(seen):
            assert row.own_pct <= row.total_pct
            if row.key.function == "work" and row.mark != "GONE":
                total = own + below
                assert abs(row.own_pct - 100 * own / ticks) <= margin_pct(own, ticks) / 2 + 1e-9
                off = abs(row.total_pct - 100 * total / ticks)
                assert off <= margin_pct(total, ticks) / 2 + 1e-9
