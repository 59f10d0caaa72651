from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from builders import MAIN, NOW, PID, run_of_windows, stack, window
from hypothesis import given
from hypothesis import strategies as st

from perftui.model import board as board_module
from perftui.model.board import Board, Span, Sums
from perftui.model.stacks import CUT, FunctionKey, Grouping, Stack, Thread, Window

FILE = "/srv/app.py"
PLAIN = Grouping()
COUNTS = {"main work": 40, "main idle": 10, "main": 5}
OWN = {"work": 40, "idle": 10, "main": 5}
TOTAL = {"work": 40, "idle": 10, "main": 55}


def key(function: str, **more: object) -> FunctionKey:
    return FunctionKey(function, FILE, **more)


def shown(board: Board, counts: object) -> dict[str, float]:
    """The rows that have any, by function."""
    found = zip(board.keys, counts.tolist(), strict=False)  # type: ignore[attr-defined]
    return {one.function: value for one, value in found if value}


def own(board: Board, sums: Sums) -> dict[str, float]:
    return shown(board, sums.own)


def total(board: Board, sums: Sums) -> dict[str, float]:
    return shown(board, sums.total)


def of(*windows: Window, grouping: Grouping = PLAIN) -> Board:
    board = Board(grouping)
    board.update(windows)
    return board


@pytest.mark.parametrize("grouping", [PLAIN, Grouping(only_pid=PID)])
def test_what_merging_put_together_is_of_no_row(grouping: Grouping):
    """Of the rarest stacks not even the top is known: they are nobody's samples, whatever stands
    before them, and also where there is nothing else."""
    together = Stack((CUT,))
    alone = of(window(NOW - 1, NOW, {together: 7}), grouping=grouping)
    assert not alone.samples.own.any()
    beside = of(window(NOW - 1, NOW, {"main work": 40, together: 7}), grouping=grouping)
    assert own(beside, beside.samples) == {"work": 40}
    assert total(beside, beside.samples) == {"work": 40, "main": 40}


def naive(windows: list[Window], grouping: Grouping = PLAIN) -> tuple[Counter, Counter, float]:
    """Own and total samples and ticks, counted one window after the other."""
    owns: Counter[FunctionKey] = Counter()
    totals: Counter[FunctionKey] = Counter()
    for one in windows:
        owns.update(one.tally(grouping).own)
        totals.update(one.tally(grouping).total)
    return owns, totals, sum(one.expected_ticks for one in windows)


def numbers(board: Board, sums: Sums) -> tuple[Counter, Counter, float]:
    """The same of sums."""
    owns = Counter(dict(zip(board.keys, sums.own.tolist(), strict=False)))
    totals = Counter(dict(zip(board.keys, sums.total.tolist(), strict=False)))
    return owns, totals, sums.ticks


def test_samples_and_seconds_of_one_window():
    """Own and total are counted per row, with the ticks and seconds of the window."""
    board = of(window(NOW - 2, NOW, COUNTS, rate_hz=50))
    assert own(board, board.samples) == OWN
    assert total(board, board.samples) == TOTAL
    assert (board.samples.ticks, board.samples.seconds) == (100, 2)
    assert own(board, board.seconds) == pytest.approx({"work": 0.8, "idle": 0.2, "main": 0.1})
    assert total(board, board.seconds) == pytest.approx({"work": 0.8, "idle": 0.2, "main": 1.1})


def test_seconds_are_samples_over_their_rate():
    """Windows of different rates add up in seconds, as they do in samples."""
    board = of(
        window(NOW, NOW + 1, {"main work": 50}, rate_hz=100),
        window(NOW + 1, NOW + 2, {"main work": 10}, rate_hz=20),
    )
    assert own(board, board.samples) == {"work": 60}
    assert own(board, board.seconds) == pytest.approx({"work": 1.0})
    assert total(board, board.seconds) == pytest.approx({"main": 1.0, "work": 1.0})


def test_a_window_counts_once():
    """A window that is in several snapshots is counted when it is first seen."""
    windows = run_of_windows(3, COUNTS)
    board = of(*windows)
    board.update(windows)
    board.update(windows[1:])
    assert own(board, board.samples) == {"work": 120, "idle": 30, "main": 15}
    assert board.samples.ticks == 300


def test_windows_that_have_gone_stay_counted():
    """What was counted since the board began stays, when its windows are no longer at hand."""
    board = of(*run_of_windows(3, COUNTS, end=NOW - 3))
    board.update(run_of_windows(2, {"main new": 7}))
    assert own(board, board.samples) == {"work": 120, "idle": 30, "main": 15, "new": 14}
    assert board.samples.seconds == 5


def test_a_window_that_is_shown_otherwise_is_counted_anew():
    """A window gives its place to another of the same start: the old counts go, the new come."""
    first, second = run_of_windows(2, {"main work": 40})
    board = of(first, second)
    cut = replace(second, stacks={(MAIN, stack("other")): 30}, cut=10)
    board.update([first, cut])
    assert own(board, board.samples) == {"work": 40, "other": 30}
    assert total(board, board.samples) == {"work": 40, "main": 40, "other": 30}
    assert own(board, board.seconds) == pytest.approx({"work": 0.4, "other": 0.3})
    assert board.samples.ticks == 200


def test_a_window_from_before_the_reset_that_is_shown_otherwise():
    """What is counted anew from before the reset is no part of what was counted since then."""
    old = window(NOW - 1, NOW, {"main work": 40})
    board = of(old)
    board.reset(NOW)
    board.update([replace(old, stacks={(MAIN, stack("other")): 30})])
    assert own(board, board.samples) == {"other": 30}
    assert own(board, board.since_reset) == {}
    assert own(board, board.seconds) == {}
    assert board.since_reset.ticks == 0


def test_reset():
    """After a reset seconds and samples since then begin at nothing, those of all time go on."""
    board = of(*run_of_windows(2, COUNTS))
    board.reset(NOW)
    assert own(board, board.since_reset) == own(board, board.seconds) == {}
    board.update([*run_of_windows(2, COUNTS), window(NOW, NOW + 1, {"main new": 50})])
    assert own(board, board.since_reset) == {"new": 50}
    assert total(board, board.since_reset) == {"main": 50, "new": 50}
    assert (board.since_reset.ticks, board.since_reset.seconds) == (100, 1)
    assert own(board, board.seconds) == {"new": 0.5}
    assert own(board, board.samples) == {"work": 80, "idle": 20, "main": 10, "new": 50}


def test_a_window_across_the_reset_is_whole():
    """Windows are whole: the one that was under way at the reset counts."""
    board = Board(PLAIN, since=NOW)
    board.update([window(NOW - 1, NOW, {"before": 9}), window(NOW - 0.5, NOW + 0.5, {"across": 9})])
    assert own(board, board.since_reset) == {"across": 9}


def test_a_window_without_a_rate_has_no_seconds():
    """Samples at no rate are samples, but nobody knows how long they took."""
    board = of(window(NOW - 1, NOW, {"main": 5}, rate_hz=0))
    assert own(board, board.samples) == {"main": 5}
    assert own(board, board.seconds) == {}


def test_a_board_began_with_its_first_window():
    """A board knows since when it has counted, and nothing before its first window."""
    board = Board(PLAIN)
    assert board.began is None
    board.update(run_of_windows(3, COUNTS))
    board.update(run_of_windows(2, COUNTS, end=NOW + 2))
    assert board.began == NOW - 3


def test_a_copy_goes_its_own_way():
    """A copy that is held does not grow with the original, nor is it reset with it."""
    windows = run_of_windows(2, COUNTS)
    board = of(*windows)
    held = board.copy()
    board.reset(NOW)
    board.update([*windows, window(NOW, NOW + 1, {"main new": 50})])
    assert own(held, held.samples) == {"work": 80, "idle": 20, "main": 10}
    assert own(held, held.since_reset) == {"work": 80, "idle": 20, "main": 10}
    assert own(held, held.seconds)["work"] == pytest.approx(0.8)
    assert held.number(key("new")) is None
    assert (held.began, held.since) == (NOW - 2, 0)
    held.update(windows)
    assert own(held, held.samples)["work"] == 80


def test_numbers():
    """A row that was seen has a number, one that was not has none."""
    board = of(window(NOW - 1, NOW, COUNTS))
    assert [board.number(one) for one in board.keys] == [0, 1, 2]
    assert board.number(key("nobody")) is None


def test_a_boards_grouping_makes_its_rows():
    """By line each line is a row; of one thread alone nothing else is counted."""
    stacks = {(MAIN, stack("main:3 work:7")): 30, (Thread(PID, 2, "b"), stack("main:3")): 10}
    seen = replace(window(NOW - 1, NOW), stacks=stacks)
    by_line = of(seen, grouping=Grouping(by_line=True))
    assert set(by_line.keys) == {key("main", line=3), key("work", line=7)}
    one = of(seen, grouping=Grouping(only_thread=(PID, 2)))
    assert own(one, one.samples) == total(one, one.samples) == {"main": 10}
    assert one.samples.ticks == 100


def test_hottest_line():
    """A row's line is the one with most own samples in the windows that are looked at."""
    old = window(NOW - 2, NOW - 1, {"main:3 work:7": 30})
    new = window(NOW - 1, NOW, {"main:3 work:8": 10, "main:3 work:9": 10})
    board = of(old, new)
    assert board.hottest_line(key("work"), [old, new]) == 7
    assert board.hottest_line(key("work"), [new]) == 8
    assert board.hottest_line(key("work"), []) is None
    assert board.hottest_line(key("main"), [old, new]) is None


def test_the_hottest_line_of_a_line_is_itself():
    """By line a row's line is its own, whatever is looked at."""
    board = of(window(NOW - 1, NOW, {"main:3 work:7": 30}), grouping=Grouping(by_line=True))
    assert board.hottest_line(key("main", line=3), []) == 3


def test_hottest_line_changes_no_window():
    """Asking for a line adds nothing to what a window counted."""
    one, two = run_of_windows(2, {"main:3 work:7": 30})
    board = of(one, two)
    board.hottest_line(key("work"), [one, two])
    assert one.tally(PLAIN).lines == {key("work"): {7: 30}}


def test_a_span_holds_what_it_is_given():
    """Windows that come are added and those that go are taken away again."""
    windows = run_of_windows(4, COUNTS)
    board, span = of(*windows), Span()
    span.hold(board.counted(windows[:3]))
    assert own(board, span.sums) == {"work": 120, "idle": 30, "main": 15}
    assert (span.sums.ticks, span.sums.seconds, span.windows) == (300, 3, windows[:3])
    span.hold(board.counted(windows[1:]))
    assert own(board, span.sums) == {"work": 120, "idle": 30, "main": 15}
    assert span.windows == windows[1:]
    span.hold([])
    assert own(board, span.sums) == {}
    assert (span.sums.ticks, span.sums.seconds, span.windows) == (0, 0, ())


def test_a_span_holds_a_window_that_is_shown_otherwise():
    """A window that was replaced is held as it is now."""
    windows = run_of_windows(4, {"main work": 40})
    board, span = of(*windows), Span()
    span.hold(board.counted(windows))
    changed = (*windows[:3], replace(windows[3], stacks={(MAIN, stack("other")): 30}))
    board.update(changed)
    span.hold(board.counted(changed))
    assert own(board, span.sums) == {"work": 120, "other": 30}


def test_only_windows_at_hand_are_counted_for_a_span():
    """A window that the board was not given last time has nothing to add."""
    old, new = run_of_windows(2, COUNTS)
    board = of(old, new)
    board.update([new])
    assert [one.window for one in board.counted([old, new])] == [new]


STACKS = st.dictionaries(
    st.tuples(
        st.sampled_from([MAIN, Thread(PID, 2, "worker")]),
        st.lists(st.sampled_from(stack("a b c d:1 d:2").frames), max_size=4).map(tuple).map(Stack),
    ),
    st.integers(1, 9),
    max_size=6,
)
WINDOWS = st.lists(STACKS, min_size=1, max_size=8).map(
    lambda parts: [replace(window(n, n + 1), stacks=stacks) for n, stacks in enumerate(parts)]
)
GROUPINGS = st.builds(
    Grouping,
    by_line=st.booleans(),
    by_thread=st.booleans(),
    only_thread=st.sampled_from([None, (PID, 2)]),
)


@given(WINDOWS, st.lists(st.sets(st.integers(0, 7)), max_size=8), GROUPINGS)
def test_a_span_is_a_recount(windows: list[Window], steps: list[set[int]], grouping: Grouping):
    """Whatever windows come and go, a span's sums are those of a recount."""
    board, span = of(*windows, grouping=grouping), Span()
    for step in steps:
        held = [one for n, one in enumerate(windows) if n in step]
        span.hold(board.counted(held))
        assert numbers(board, span.sums) == naive(held, grouping)


SNAPSHOTS = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 3), st.sets(st.integers(0, 20))), max_size=8
)


@given(SNAPSHOTS, st.lists(STACKS, min_size=1, max_size=5), st.integers(0, 8))
def test_a_board_is_a_recount(
    steps: list[tuple[int, int, set[int]]], looks: list[dict], reset_in: int
):
    """However windows come, go and are replaced, each counts once, as it was shown last."""
    board, span = Board(PLAIN), Span()
    first = after = 0
    latest: dict[int, Window] = {}
    reset_at = 0
    for step, (gone, new, otherwise) in enumerate(steps):
        if step == reset_in:
            reset_at = after
            board.reset(float(after))
        for n in range(after, after + new):
            latest[n] = replace(window(n, n + 1), stacks=looks[n % len(looks)])
        first, after = min(after, first + gone), after + new
        for n in otherwise & set(range(first, after)):
            latest[n] = replace(latest[n], stacks=looks[(n + step) % len(looks)])
        at_hand = [latest[n] for n in range(first, after)]
        board.update(at_hand)
        span.hold(board.counted(at_hand))
        assert numbers(board, board.samples) == naive(list(latest.values()))
        assert numbers(board, span.sums) == naive(at_hand)
        since = [one for one in latest.values() if one.end > reset_at]
        assert numbers(board, board.since_reset) == naive(since)


@pytest.fixture
def ten_rows(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(board_module, "MOST_ROWS", 10)


@pytest.mark.usefixtures("ten_rows")
def test_functions_without_end_do_not_fill_the_memory():
    """Past the bound those with least time are forgotten; the others keep all their numbers."""
    board = of(window(NOW - 1, NOW, {"cold": 1}), window(NOW, NOW + 1, {"hot": 50, "warm": 20}))
    for n in range(1, 60):
        board.update([window(NOW + n, NOW + n + 1, {f"f{n}": 2})])
        assert len(board.keys) <= 10
        assert len(board.samples.own) <= 64
    assert {"hot": 50, "warm": 20, "f59": 2}.items() <= own(board, board.samples).items()
    assert own(board, board.seconds)["hot"] == 0.5
    assert own(board, board.since_reset)["warm"] == 20
    assert board.number(key("cold")) is board.number(key("f40")) is None
    assert [board.number(one) for one in board.keys] == list(range(len(board.keys)))
    assert board.samples.seconds == 61


@pytest.mark.usefixtures("ten_rows")
def test_a_row_that_was_forgotten_begins_anew():
    """A function that comes again after it was forgotten is a row like a new one."""
    board = of(window(NOW, NOW + 1, {"once": 1}))
    for n in range(1, 20):
        board.update([window(NOW + n, NOW + n + 1, {f"f{n}": 2})])
    assert board.number(key("once")) is None
    board.update([window(NOW + 30, NOW + 31, {"once": 3})])
    assert own(board, board.samples)["once"] == 3


@pytest.mark.usefixtures("ten_rows")
def test_rows_of_windows_at_hand_are_never_forgotten():
    """However many rows recent windows have, they are kept: they can be shown, and can still be
    replaced."""
    hot = window(NOW, NOW + 1, {"hot": 90})
    many = [window(NOW + n, NOW + n + 1, {f"f{n} g{n}": n}) for n in range(1, 9)]
    board = of(hot)
    board.update(many)
    assert own(board, board.samples) == {f"g{n}": n for n in range(1, 9)}
    board.update([*many[:-1], replace(many[-1], stacks={(MAIN, stack("f8")): 3})])
    assert own(board, board.samples) == {**{f"g{n}": n for n in range(1, 8)}, "f8": 3}


@pytest.mark.usefixtures("ten_rows")
def test_a_copy_does_not_forget_with_the_original():
    """What is held keeps rows that are forgotten meanwhile."""
    board = of(window(NOW, NOW + 1, {"once": 1}))
    held = board.copy()
    for n in range(1, 20):
        board.update([window(NOW + n, NOW + n + 1, {f"f{n}": 2})])
    assert board.number(key("once")) is None
    assert own(held, held.samples) == {"once": 1}


NAMES = st.lists(
    st.dictionaries(st.sampled_from([f"f{n}" for n in range(12)]), st.integers(1, 9), max_size=4),
    min_size=1,
    max_size=12,
)


@given(NAMES, st.integers(1, 4))
def test_forgetting_keeps_numbers_consistent(looks: list[dict[str, int]], at_hand: int):
    """Whatever is forgotten, spans of windows at hand are those of a recount, and no row has more
    samples than it ever had."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(board_module, "MOST_ROWS", 4)
        board, span = Board(PLAIN), Span()
        windows = [window(n, n + 1, counts) for n, counts in enumerate(looks)]
        for last in range(1, len(windows) + 1):
            recent = windows[max(0, last - at_hand) : last]
            board.update(recent)
            span.hold(board.counted(recent))
            owns, totals, ticks = numbers(board, span.sums)
            assert (+owns, +totals, ticks) == naive(recent)
            assert len(set(board.keys)) == len(board.keys)
            all_own, _, all_ticks = naive(windows[:last])
            kept, _, kept_ticks = numbers(board, board.samples)
            assert kept_ticks == all_ticks
            assert all(0 <= kept[one] <= all_own[one] for one in board.keys)
            assert all(kept[one] >= naive(recent)[0][one] for one in board.keys)
