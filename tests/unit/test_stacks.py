from __future__ import annotations

from dataclasses import replace

import pytest
from builders import MAIN, PID, stack, window
from hypothesis import given
from hypothesis import strategies as st

from perftui.model.stacks import (
    CUT,
    TOPS_PER_STACK,
    Frame,
    FunctionKey,
    Grouping,
    Mode,
    Stack,
    Tally,
    Thread,
    Window,
    known_sum,
    merge,
    of_newest_kind,
)

FILE = "/srv/app.py"
PLAIN = Grouping()
OTHER = Thread(77, 2, "worker")


def key(function: str, **more: object) -> FunctionKey:
    return FunctionKey(function, FILE, **more)


def test_own_is_on_top_and_total_anywhere():
    """A function owns the samples that it is on top of, and shares those that it is part of."""
    tally = window(0, 1, {"main work": 3, "main": 2}).tally(PLAIN)
    assert tally.own == {key("work"): 3, key("main"): 2}
    assert tally.total == {key("work"): 3, key("main"): 5}


def test_recursion_counts_once_per_stack():
    """A function that calls itself is in each of its stacks once."""
    tally = window(0, 1, {"main walk walk walk": 4}).tally(PLAIN)
    assert tally.total == {key("main"): 4, key("walk"): 4}
    assert tally.own == {key("walk"): 4}


def test_recursion_over_two_lines_is_two_rows_by_line():
    """By line, each line of a function that recurses is a row, once per stack."""
    tally = window(0, 1, {"walk:3 walk:5 walk:3": 4}).tally(Grouping(by_line=True))
    assert tally.own == {key("walk", line=3): 4}
    assert tally.total == {key("walk", line=3): 4, key("walk", line=5): 4}


def test_lines_count_own_samples():
    """The lines of a row are those on which it was on top."""
    tally = window(0, 1, {"main:9 work:7": 3, "main:9 work:8": 1}).tally(PLAIN)
    assert tally.lines == {key("work"): {7: 3, 8: 1}}


def test_a_frame_without_line_has_none():
    """A native frame counts as a row but names no line."""
    native = (Frame("memcpy", "libc.so.6", None),)
    tally = window(0, 1, {native: 3}).tally(PLAIN)
    assert tally.own == {FunctionKey("memcpy", "libc.so.6"): 3}
    assert not tally.lines


def test_an_empty_stack_is_a_sample_of_no_function():
    """A look that found a thread without any frame is a sample all the same."""
    seen = window(0, 1, {(): 3, "main": 2})
    assert seen.samples == 5
    assert seen.tally(PLAIN).own == {key("main"): 2}


@pytest.mark.parametrize(
    ("grouping", "rows"),
    [
        (PLAIN, {key("main"): 5}),
        (Grouping(by_line=True), {key("main", line=1): 5}),
        (Grouping(by_pid=True), {key("main", pid=4775): 3, key("main", pid=77): 2}),
        (
            Grouping(by_thread=True),
            {key("main", thread=MAIN): 3, key("main", thread=OTHER): 2},
        ),
    ],
)
def test_grouping(grouping: Grouping, rows: dict[FunctionKey, int]):
    """A row is a function, or one per line, process or thread, as it is asked for."""
    seen = Window(0, 1, 100, Mode.BLOCKING, {(MAIN, stack("main")): 3, (OTHER, stack("main")): 2})
    assert seen.tally(grouping).own == rows


THREADS = [MAIN, Thread(PID, 2, "worker"), Thread(77, 1, "MainThread"), Thread(77, 3, "worker")]


@pytest.mark.parametrize(
    ("grouping", "has"),
    [
        (PLAIN, [True, True, True, True]),
        (Grouping(only_pid=PID), [True, True, False, False]),
        (Grouping(only_pid=77), [False, False, True, True]),
        (Grouping(only_pid=5), [False, False, False, False]),
        (Grouping(only_thread=(PID, 1)), [True, False, False, False]),
        (Grouping(only_thread=(77, 3)), [False, False, False, True]),
        (Grouping(only_pid=PID, only_thread=(77, 3)), [False, False, False, False]),
    ],
)
def test_a_choice_of_process_or_thread(grouping: Grouping, has: list[bool]):
    """Only the chosen process or thread is counted: a thread by both of its ids, since two
    processes can have threads of one id, and whatever its name."""
    assert [grouping.has(thread) for thread in THREADS] == has
    counts = {(thread, stack("main")): 10**n for n, thread in enumerate(THREADS)}
    tally = Window(0, 1, 100, Mode.BLOCKING, counts).tally(grouping)
    chosen = sum(10**n for n, yes in enumerate(has) if yes)
    assert (tally.own[key("main")], tally.total[key("main")]) == (chosen, chosen)
    assert sum(tally.lines.get(key("main"), {}).values()) == chosen


def test_a_thread_that_is_renamed_is_the_same():
    """A thread may take another name; who chose it still looks at it."""
    assert Grouping(only_thread=(77, 3)).has(Thread(77, 3, "renamed"))


def test_the_hottest_line_has_most_own_samples():
    """A row's hottest line is the one that was on top most often, the first of equals."""
    counts = {"main:9 work:8": 3, "main:9 work:7": 3, "main:9 work:5": 2}
    tally = window(0, 1, counts).tally(PLAIN)
    assert tally.hottest_line(key("work")) == 7


def test_a_row_without_own_lines_has_no_hottest_one():
    """What only calls, has no line or was never seen has no hottest line; asking adds nothing."""
    native = (Frame("memcpy", FILE, None),)
    tally = window(0, 1, {"main:9 work:7": 3, native: 5}).tally(PLAIN)
    for name in ("main", "memcpy", "nobody"):
        assert tally.hottest_line(key(name)) is None
    assert set(tally.lines) == {key("work")}


def test_tallies_add_up():
    """Own, total and line counts of two windows together; neither of them changes."""
    one = window(0, 1, {"main:9 work:7": 3}).tally(PLAIN)
    two = window(1, 2, {"main:9 work:7": 1, "main:9 work:8": 9, "main:4": 2}).tally(PLAIN)
    both = Tally()
    both.update(one)
    both.update(two)
    assert both.own == {key("work"): 13, key("main"): 2}
    assert both.total == {key("work"): 13, key("main"): 15}
    assert both.lines == {key("work"): {7: 4, 8: 9}, key("main"): {4: 2}}
    assert both.hottest_line(key("work")) == 8
    assert one.lines == {key("work"): {7: 3}}


def test_functions_of_one_name_in_two_files_are_two():
    """The file tells functions of the same name apart."""
    seen = window(0, 1, {stack("run", "/a.py"): 1, stack("run", "/b.py"): 2})
    assert seen.tally(PLAIN).own == {FunctionKey("run", "/a.py"): 1, FunctionKey("run", "/b.py"): 2}


def test_a_tally_is_computed_once_per_grouping():
    """A second look at the same window costs nothing."""
    seen = window(0, 1, {"main": 1})
    assert seen.tally(PLAIN) is seen.tally(Grouping())
    assert seen.tally(PLAIN) is not seen.tally(Grouping(by_line=True))


def test_a_window_with_other_stacks_has_another_tally():
    """A window that is made from one whose rows are known already counts its own stacks."""
    seen = window(0, 1, {"main": 1})
    assert seen.tally(PLAIN).own == {key("main"): 1}
    cut = replace(seen, stacks={(MAIN, stack("work")): 2})
    assert cut.tally(PLAIN).own == {key("work"): 2}
    assert seen.tally(PLAIN).own == {key("main"): 1}


def test_what_was_looked_for_makes_a_windows_kind():
    """Holders of the GIL, idle threads and native frames make kinds; stopping the target or not,
    and how often it is looked at, does not."""
    usual = window(0, 1)
    kinds = {
        usual.kind,
        window(0, 1, mode=Mode.GIL).kind,
        window(0, 1, idle=True).kind,
        window(0, 1, native=True).kind,
    }
    assert len(kinds) == 4
    assert window(0, 1, mode=Mode.NONBLOCKING, torn=True, rate_hz=20).kind == usual.kind


def test_windows_of_the_newest_kind():
    """Of windows of several kinds those are chosen that looked for what the newest one did."""
    old, gil, new = window(0, 1), window(1, 2, mode=Mode.GIL), window(2, 3, mode=Mode.NONBLOCKING)
    assert list(of_newest_kind([old, gil, new])) == [old, new]
    assert list(of_newest_kind([old, gil])) == [gil]
    assert list(of_newest_kind([])) == []


@pytest.mark.parametrize(
    ("values", "total"),
    [
        ([], None),
        ([None], None),
        ([0], 0),
        ([0.0, 0.5], 0.5),
        ([1, 2, 3], 6),
        ([1, None, 3], None),
        ([1, 2, None], None),
    ],
)
def test_a_sum_is_known_if_all_of_it_is(values: list[float | None], total: float | None):
    """One value that is not known leaves the sum unknown; of nothing there is none; zero is one."""
    assert known_sum(values) == total


def test_a_windows_figures():
    """Expected ticks are rate times seconds; sampled seconds go before the clock's."""
    assert window(10, 12, rate_hz=50).expected_ticks == 100
    assert window(10, 12, rate_hz=50, sampled_s=0.5).expected_ticks == 25
    assert window(12, 10).seconds == 0


def test_merge_adds_up():
    """Merged windows keep samples, errors, CPU and sampled time, and span from first to last."""
    whole = merge(
        [
            window(0, 1, {"main": 3}, errors=1, sampler_cpu_s=0.1),
            window(5, 7, {"main": 4, "main work": 1}, errors=2, sampler_cpu_s=0.2, rate_hz=25),
        ],
        keep_stacks=10,
    )
    assert whole.stacks == {(MAIN, stack("main")): 7, (MAIN, stack("main work")): 1}
    assert (whole.start, whole.end, whole.seconds) == (0, 7, 3)
    assert (whole.errors, whole.sampler_cpu_s) == (3, pytest.approx(0.3))
    assert whole.rate_hz == 50  # 100 ticks in the first second, 50 in the two others
    assert whole.expected_ticks == 150


def test_how_often_it_really_looked():
    """Known better than by the rate, it is what shares are of, and each sample's seconds; merged,
    the rate stays what was held."""
    known = window(10, 12, {"main": 180}, rate_hz=100, looks=180)
    assert (known.expected_ticks, known.tick_s) == (180, pytest.approx(2 / 180))
    whole = merge([known, window(12, 13, {"main": 90}, rate_hz=100)], keep_stacks=100)
    assert (whole.expected_ticks, whole.rate_hz) == (280, 100)
    assert window(10, 12, rate_hz=0).tick_s == 0


def test_merge_knows_what_it_does_not_know():
    """CPU that one window does not know is not known of all; idle threads in one are in all."""
    whole = merge([window(0, 1, sampler_cpu_s=0.1), window(1, 2, idle=True)], keep_stacks=1)
    assert whole.sampler_cpu_s is None
    assert whole.idle


def test_merge_has_the_newest_mode():
    """The mode of merged windows is that of the last."""
    parts = [window(0, 1), window(1, 2, mode=Mode.GIL)]
    assert merge(parts, keep_stacks=1).mode is Mode.GIL


def test_merge_of_empty_windows():
    """Windows of no length merge to one of no length, at their own rate."""
    whole = merge([window(1, 1), window(1, 1)], keep_stacks=1)
    assert (whole.seconds, whole.rate_hz, whole.expected_ticks) == (0, 100, 0)


def test_merge_cuts_rare_stacks_to_their_top():
    """The most frequent stacks stay whole; of the others the callers are unknown."""
    whole = merge([window(0, 1, {"a b": 9, "c d": 2, "e d": 1})], keep_stacks=1)
    assert whole.stacks == {(MAIN, stack("a b")): 9, (MAIN, Stack((CUT, *stack("d")))): 3}


def test_merge_cuts_nothing_from_a_function_alone():
    """A rare stack of one function has no callers that could be unknown; merging again changes
    nothing."""
    whole = merge([window(0, 1, {"a b": 9, "c d": 2, "d": 1})], keep_stacks=1)
    kept = {(MAIN, stack("a b")): 9, (MAIN, Stack((CUT, *stack("d")))): 2, (MAIN, stack("d")): 1}
    assert whole.stacks == kept
    assert merge([whole], keep_stacks=1).stacks == kept


def test_merge_keeps_threads_apart():
    """Cut stacks stay with the thread they were seen in."""
    stacks = {
        (MAIN, stack("a b")): 9,
        (MAIN, stack("c d")): 2,
        (OTHER, stack("c d")): 3,
    }
    whole = merge([Window(0, 1, 100, Mode.BLOCKING, stacks)], keep_stacks=1)
    assert whole.stacks[MAIN, Stack((CUT, *stack("d")))] == 2
    assert whole.stacks[OTHER, Stack((CUT, *stack("d")))] == 3


STACKS = st.dictionaries(
    st.tuples(
        st.sampled_from([MAIN, OTHER]),
        st.lists(st.sampled_from(stack("a b c d:1 d:2").frames), max_size=4).map(tuple).map(Stack),
    ),
    st.integers(1, 9),
    max_size=30,
)


@given(st.lists(STACKS, min_size=1, max_size=4), st.integers(8, 12))
def test_merge_keeps_own_shares_and_bounds_stacks(
    parts: list[dict[tuple[Thread, Stack], int]], keep: int
):
    """Whatever is merged: own samples, per line and thread too, stay; whole stacks are bounded."""
    windows = [Window(n, n + 1, 100, Mode.BLOCKING, part) for n, part in enumerate(parts)]
    whole = merge(windows, keep_stacks=keep)
    assert whole.samples == sum(w.samples for w in windows)
    assert whole.seconds == len(windows)
    grouping = Grouping(by_line=True, by_thread=True)
    own = sum((w.tally(grouping).own for w in windows), start=type(whole.tally(grouping).own)())
    assert whole.tally(grouping).own == own
    assert sum(len(kept) > 1 and kept[0] != CUT for _, kept in whole.stacks) <= keep


def test_unknown_callers_are_no_function():
    """What stands for unknown callers is no row of the profile."""
    tally = window(0, 1, {(CUT, *stack("work")): 3, (CUT,): 1}).tally(Grouping())
    assert {key.function for key in tally.total} == {"work"}


def test_merge_is_bounded_whatever_is_on_top():
    """However many functions there were, a merged window has so many entries; no sample is lost."""
    seen = {f"main f{n}x{m}": 1 + n for n in range(40) for m in range(10)}
    whole = merge([window(0, 1, seen)], keep_stacks=10)
    assert len(whole.stacks) <= 10 * (1 + TOPS_PER_STACK) + 1
    assert whole.samples == sum(seen.values())
    assert max(count for (_, kept), count in whole.stacks.items() if len(kept) > 1) == 40
