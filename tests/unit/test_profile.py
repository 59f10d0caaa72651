from __future__ import annotations

import pytest
from builders import MAIN, NOW, run_of_windows, stack, window
from hypothesis import given
from hypothesis import strategies as st

from perftui.model.noise import margin_pct
from perftui.model.profile import (
    OVERDUE_S,
    covered_seconds,
    profile,
    rows,
    settled_until,
    shares_of_work,
    tally,
)
from perftui.model.stacks import (
    CUT,
    Frame,
    FunctionKey,
    Grouping,
    Mode,
    Place,
    Thread,
    Window,
    merge,
)

FILE = "/srv/app.py"
WORKER = Thread(4775, 2, "worker")


@pytest.mark.parametrize(
    ("spans", "seconds"),
    [
        ([], 0),
        ([(0, 10)], 10),
        ([(2, 4), (6, 7)], 3),
        ([(2, 5), (4, 7)], 5),
        ([(4, 7), (2, 5)], 5),
        ([(1, 9), (2, 3)], 8),
        ([(-5, 1), (9, 20)], 2),
        ([(-5, -1), (11, 20)], 0),
        ([(0, 5), (5, 10)], 10),
        ([(3, 3)], 0),
    ],
)
def test_covered_seconds(spans: list[tuple[float, float]], seconds: float):
    """Of a span it counts what lies in a window, once where two overlap."""
    assert covered_seconds([window(*span) for span in spans], 0, 10) == seconds


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(1, 30)), max_size=8))
def test_covered_seconds_counts_each_second_once(spans: list[tuple[int, int]]):
    """However windows lie, covered time is the time that at least one of them covers."""
    windows = [window(start, start + length) for start, length in spans]
    covered = {second for start, length in spans for second in range(start, start + length)}
    assert covered_seconds(windows, 10, 90) == len(covered & set(range(10, 90)))


def test_all_looks_are_counted_in_what_sampling_costs():
    """Windows of another kind and looks at the GIL's holder took CPU time too, and stopped it."""
    made = {"sampler_cpu_s": 0.2, "stopped_s": 0.02}
    windows = [
        window(NOW - 4, NOW - 2, **made),
        window(NOW - 2, NOW, mode=Mode.GIL, **made),
    ]
    looks = [
        window(NOW - 9, NOW - 8, mode=Mode.GIL, sampler_cpu_s=0.1),
        window(NOW - 3, NOW - 2, mode=Mode.GIL, sampler_cpu_s=0.1),
    ]
    seen = profile(windows, NOW - 4, NOW, gil_windows=looks)
    assert seen.sampler_cpu_pct == pytest.approx(100 * 0.5 / 4)
    assert seen.stopped_pct == pytest.approx(100 * 0.04 / 4)
    assert seen.mode is Mode.GIL


def test_the_window_under_way_is_no_gap():
    """Until it is overdue, what the window under way covers is not missing."""
    windows = [window(NOW - 2, NOW - 1)]
    assert settled_until(windows, NOW) == NOW - 1
    assert profile(windows, NOW - 2, NOW).coverage == 1


def test_an_overdue_window_is_a_gap():
    """Once no window has come for too long, time is being missed."""
    end = NOW - OVERDUE_S
    windows = [window(end - 1, end)]
    assert settled_until(windows, NOW) == NOW
    assert profile(windows, end - 1, NOW).coverage == 1 / (1 + OVERDUE_S)
    assert settled_until([], NOW) == NOW


def test_short_windows_with_rests_are_not_all_the_time():
    """A window under way is about as long as the last ones: a rest behind short ones is a gap."""
    windows = [window(NOW - 5, NOW - 4.8, {"main": 20})]
    assert profile(windows, NOW - 5, NOW).coverage == pytest.approx(0.04)
    growing = [window(NOW - 5, NOW - 4, {"main": 100})]
    assert profile(growing, NOW - 5, NOW).coverage == 1


def test_a_missing_window_lowers_the_coverage():
    """Coverage is sampled time over wall time."""
    windows = [*run_of_windows(5, {}, end=NOW - 5), *run_of_windows(4, {})]
    assert profile(windows, NOW - 10, NOW).coverage == 0.9


def test_a_gap_inside_merged_windows_lowers_the_coverage():
    """Merging windows does not fill the gap between them."""
    merged = merge([window(NOW - 10, NOW - 9), window(NOW - 1, NOW)], keep_stacks=5)
    assert profile([merged], NOW - 10, NOW).coverage == pytest.approx(0.2)


def test_shares_are_of_the_expected_ticks():
    """A thread that is busy half of the time makes 50 %, whatever the others do."""
    windows = [window(0, 2, {"main": 100}), window(2, 3, {"main spin": 50})]
    seen = profile(windows, 0, 3)
    assert (seen.expected_ticks, seen.samples, seen.seconds, seen.rate_hz) == (300, 150, 3, 100)
    assert [(r.key.function, r.own_pct, r.total_pct) for r in seen.functions] == [
        ("main", pytest.approx(100 / 3), 50),
        ("spin", pytest.approx(50 / 3), pytest.approx(50 / 3)),
    ]
    assert [(r.own_samples, r.total_samples) for r in seen.functions] == [(100, 150), (50, 50)]
    assert seen.functions[0].own_margin == margin_pct(100, 300)
    assert seen.active_pct == 50


def test_the_hottest_comes_first():
    """Rows are by own samples, then by total, then by name."""
    counts = tally([window(0, 1, {"a b c": 5, "a d": 5, "e": 5, "b": 1})], Grouping())
    assert [r.key.function for r in rows(counts, 100)] == ["c", "d", "e", "b", "a"]


def test_a_row_names_its_hottest_line():
    """A function's line is the one with most own samples; one that only calls has none."""
    found = rows(tally([window(0, 1, {"a:1 b:7": 2, "a:1 b:8": 3})], Grouping()), 100)
    assert {row.key.function: row.line for row in found} == {"b": 8, "a": None}


def test_a_row_of_a_line_has_that_line():
    """By line, a row's line is its own, also where it has no own samples."""
    found = rows(tally([window(0, 1, {"a:1 b:7": 2})], Grouping(by_line=True)), 100)
    assert [(row.key.function, row.line) for row in found] == [("b", 7), ("a", 1)]


def test_native_frames_sort_with_the_others():
    """Rows without a line stand beside rows with one."""
    native = Frame("b", FILE, None)
    found = rows(tally([window(0, 1, {(native,): 2, "b:5": 2})], Grouping(by_line=True)), 100)
    assert {row.line for row in found} == {None, 5}


def test_threads_are_by_how_busy_they_were():
    """Each thread has its own share of the expected ticks, the busiest first."""
    stacks = {(MAIN, stack("a")): 10, (WORKER, stack("a")): 30, (WORKER, stack("b")): 30}
    seen = profile([Window(0, 1, 100, Mode.BLOCKING, stacks)], 0, 1)
    assert [(t.thread, t.active_pct, t.gil_pct) for t in seen.threads] == [
        (WORKER, 60, None),
        (MAIN, 10, None),
    ]


def test_gil_holders_alone_say_nothing_of_activity():
    """With -g the GIL's share is known and the active share is not."""
    seen = profile([window(0, 1, {"a": 40}, mode=Mode.GIL)], 0, 1)
    assert (seen.mode, seen.gil_pct, seen.active_pct) == (Mode.GIL, 40, None)
    assert (seen.threads[0].gil_pct, seen.threads[0].active_pct) == (40, None)


def test_each_process_has_a_gil_of_its_own():
    """Of two processes it is the share of the one that held its own most, never the sum."""
    other = Thread(2, 2, "worker")
    looks = Window(0, 1, 100, Mode.GIL, {(MAIN, stack("a")): 75, (other, stack("a")): 80})
    beside = profile([window(0, 1, {"a": 40})], 0, 1, gil_windows=[looks])
    assert (profile([looks], 0, 1).gil_pct, beside.gil_pct) == (80, 80)


def test_idle_threads_too_say_nothing_of_activity():
    """With -i nobody knows which of the samples were of threads at rest."""
    seen = profile([window(0, 1, {"a": 40}, idle=True)], 0, 1)
    assert (seen.active_pct, seen.gil_pct, seen.threads[0].active_pct) == (None, None, None)


def test_sampler_cpu_is_of_one_core():
    """py-spy's CPU is in percent of the sampled time, and unknown if one window does not know."""
    known = [window(0, 1, sampler_cpu_s=0.1), window(1, 2, sampler_cpu_s=0.3)]
    assert profile(known, 0, 2).sampler_cpu_pct == 20
    assert profile([*known, window(2, 3)], 0, 3).sampler_cpu_pct is None


def test_rate_and_mode_are_those_of_the_span():
    """The rate is the mean over the span, the mode that of most of its time."""
    seen = profile([window(0, 1), window(1, 3, rate_hz=25, mode=Mode.NONBLOCKING)], 0, 3)
    assert (seen.rate_hz, seen.mode, seen.mixed) == (50, Mode.NONBLOCKING, True)
    assert seen.expected_ticks == 150
    assert not profile([window(0, 1)], 0, 1).mixed


def test_what_the_profiler_did_to_the_target():
    """Stopped, cut and woken are shares of the span; one that is not known leaves all unknown."""
    windows = [
        window(0, 1, {"main": 80}, stopped_s=0.02, cut=0, woken=20),
        window(1, 2, {"main": 20}, stopped_s=0.0, cut=10, woken=0, torn=True),
    ]
    seen = profile(windows, 0, 2)
    assert (seen.stopped_pct, seen.cut_pct) == (1.0, 10.0)
    assert seen.woken_pct == pytest.approx(100 * 20 / 120)
    assert profile([*windows, window(2, 3)], 0, 3).stopped_pct is None


def test_costs_are_shares_of_all_time():
    """Where it rested between windows, what it cost is spread over the rests too."""
    seen = profile([window(0, 1, stopped_s=0.1, sampler_cpu_s=0.2)], 0, 1)
    rested = profile([window(9, 10, stopped_s=0.1, sampler_cpu_s=0.2)], 0, 10)
    assert (seen.stopped_pct, seen.sampler_cpu_pct) == (10.0, 20.0)
    assert (rested.stopped_pct, rested.sampler_cpu_pct) == (1.0, 2.0)


def test_nothing_sampled_is_not_zero_percent():
    """Before the first window nothing is known."""
    seen = profile([], NOW - 10, NOW)
    assert (seen.rate_hz, seen.mode, seen.coverage) == (None, None, None)
    assert (seen.sampler_cpu_pct, seen.active_pct, seen.gil_pct) == (None, None, None)
    assert (seen.functions, seen.threads) == ((), ())


def test_a_target_that_rests_is_zero_percent():
    """Windows without samples are known to hold none."""
    seen = profile(run_of_windows(3, {}), NOW - 3, NOW)
    assert (seen.active_pct, seen.samples, seen.coverage) == (0, 0, 1)


def test_grouping_reaches_the_rows():
    """The profile's rows are grouped as asked."""
    (row,) = profile([window(0, 1, {"a:3": 1})], 0, 1, Grouping(by_thread=True)).functions
    assert row.key == FunctionKey("a", FILE, thread=MAIN)


def test_what_a_library_does_is_its_callers_work():
    """Of each stack the innermost function with a name in one's own code counts; where there is
    none, what is on top."""
    own, other = Frame("work", "/srv/app.py", 3), Frame("main", "/srv/app.py", 9)
    escape = Frame("escape", "/usr/lib/python3.11/html/__init__.py", 4)
    pool = Frame("_worker", "/usr/lib/python3.11/concurrent/futures/thread.py", 8)
    inner = Frame("work.<locals>.<genexpr>", "/srv/app.py", 4)
    old = Frame("<lambda>", "/srv/app.py", 4)  # before Python 3.11 it says no more
    [window] = run_of_windows(
        1,
        {
            (other, own, escape): 30,
            (other, own, inner): 15,
            (other, own, old): 5,
            (other,): 10,
            (CUT, pool): 5,
        },
    )
    found = shares_of_work(window)
    ticks = window.expected_ticks
    assert found == {
        Place("work", "/srv/app.py"): 50 / ticks,
        Place("main", "/srv/app.py"): 10 / ticks,
        Place("_worker", pool.file): 5 / ticks,
    }
