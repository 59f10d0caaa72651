from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from builders import MAIN, NOW, PID, run_of_windows, snapshot, stack, window

from perftui.model.baseline import Baseline
from perftui.model.board import Board, Sums
from perftui.model.snapshot import Snapshot
from perftui.model.stacks import Grouping, Mode, Place, Thread, Window
from perftui.model.target import TargetState
from perftui.model.timeline import Timeline
from perftui.tui.axis import Moment
from perftui.tui.profile_view import SPANS_S, Looked, ProfileView

FILE = "/srv/app.py"
COUNTS = {"main work": 40, "main idle": 10, "main": 5}
WORKER = Thread(PID, 2, "worker")
CHILD = Thread(77, 77, "MainThread")
ATTACH, RESET = len(SPANS_S), len(SPANS_S) + 1
KEPT_S = 300
"""How far back a snapshot reaches."""


def own(board: Board, sums: Sums) -> dict[str, float]:
    """Own samples by function, of the rows that have any."""
    found = zip(board.keys, sums.own.tolist(), strict=False)
    return {key.function: samples for key, samples in found if samples}


def shown(looked: Looked) -> dict[str, float]:
    return own(looked.board, looked.sums)


def at(now: float, windows: Sequence[Window], **more: object) -> Snapshot:
    """A snapshot at `now` of those windows that were there then and still are."""
    there = [one for one in windows if now - KEPT_S <= one.end <= now]
    return snapshot(taken_at=now, windows=there, **more)


def watch(view: ProfileView, windows: Sequence[Window], start: float, end: float) -> Snapshot:
    """A snapshot every second, from `start` on until the last one at `end`; each is counted."""
    for now in range(int(start), int(end) + 1):
        view.count(at(now, windows))
    return at(end, windows)


def seconds(count: int, end: float = NOW) -> list[Window]:
    """One window a second; each has a function of its own, by how long ago it is: `s1` is last."""
    return [window(end - n, end - n + 1, {f"main s{n}": n}) for n in range(count, 0, -1)]


def counted(*seen: Snapshot) -> ProfileView:
    view = ProfileView()
    for one in seen:
        view.count(one)
    return view


@pytest.mark.parametrize(("place", "length"), list(enumerate(SPANS_S[:3])))
def test_a_span_looks_back_so_far(place: int, length: float):
    """The last seconds of the span count, nothing older does, and the ticks are theirs."""
    seen = at(NOW, seconds(200))
    view = counted(seen)
    view.span = place
    looked = view.look(seen)
    assert shown(looked) == {f"s{n}": n for n in range(1, int(length) + 1)}
    assert (looked.sums.ticks, looked.sums.seconds) == (100 * length, length)
    assert (looked.start, looked.now) == (NOW - length, NOW)
    assert list(looked.windows) == list(seen.windows[-int(length) :])
    assert len(looked.recent) == 200


def test_five_minutes():
    """The longest span is all that is kept whole."""
    seen = at(NOW, seconds(400))
    view = counted(seen)
    view.span = 3
    assert view.look(seen).sums.seconds == 300


def test_the_usual_span_is_ten_seconds():
    """What is shown first is what is hot now, not what ever was."""
    view = ProfileView()
    assert (view.span_s, view.span_name) == (10, "last 10 s")


def test_spans_have_names():
    """Each span says what it is; since reset is one only after a reset."""
    view = ProfileView()
    view.change_span(-9)
    names = []
    for _ in range(7):
        names.append(view.span_name)
        view.change_span(1)
    assert names[:4] == ["last 2 s", "last 10 s", "last 1 min", "last 5 min"]
    assert names[4:] == ["since attach"] * 3
    view.reset(NOW)
    view.change_span(1)
    assert (view.span_name, view.span_s) == ("since reset", None)
    view.change_span(1)
    view.change_span(-1)
    assert view.span_name == "since attach"


@pytest.mark.parametrize(("first", "length"), [(NOW - 13, 13), (NOW - 14, 6)])
def test_windows_are_whole(first: float, length: float):
    """Windows are not cut: one of which more than half is inside the span counts as a whole."""
    seen = at(NOW, [window(first, NOW - 6, {"main": 60}), window(NOW - 6, NOW, {"main": 8})])
    looked = counted(seen).look(seen)
    assert (looked.sums.seconds, looked.start) == (length, NOW - length)


def test_a_short_span_has_a_window_as_long_as_one_reaches_into_it():
    """Until the next window is due the newest one is shown, however long, and then nothing."""
    windows = [window(NOW - 4, NOW - 2, {"main": 20}), window(NOW - 2, NOW, {"main": 20})]
    view = ProfileView(span=0)
    for late in (0.0, 0.5, 1.9, 2.3):
        seen = snapshot(taken_at=NOW + late, windows=windows)
        view.count(seen)
        looked = view.look(seen)
        assert (looked.sums.seconds, looked.start) == (2, NOW - 2)
    assert view.look(snapshot(taken_at=NOW + 4.6, windows=windows)).sums.seconds == 0


def test_since_attach_is_more_than_what_is_at_hand():
    """All since the watch began is counted, also when its windows have gone."""
    windows = run_of_windows(400, COUNTS)
    view = ProfileView()
    last = watch(view, windows, NOW - 399, NOW)
    view.span = ATTACH
    looked = view.look(last)
    assert shown(looked) == {"work": 16000, "idle": 4000, "main": 2000}
    assert (looked.sums.seconds, looked.start, view.began) == (400, NOW - 400, NOW - 400)
    assert looked.before is None


def test_since_attach_every_view_reaches_back_beyond_what_is_kept_whole():
    """The windows that a tree is made of go on with the merged ones, of the same kind; a thread
    that is chosen late is counted from the beginning, too."""
    timeline = Timeline()
    timeline.add_window(replace(window(NOW - 700, NOW - 699, {"main": 9}), native=True))
    for one in run_of_windows(400, COUNTS):
        timeline.add_window(one)
    view = ProfileView(history=timeline.windows, span=ATTACH)
    seen = at(NOW, timeline.windows(NOW - KEPT_S))
    view.count(seen)
    view.choose(thread=MAIN)
    looked = view.look(seen)
    assert looked.ticks == 40_000
    assert shown(looked) == {"work": 16000, "idle": 4000, "main": 2000}
    assert looked.start == NOW - 400
    assert sum(one.seconds for one in looked.windows) == 400
    view.reset(NOW - 350)
    view.span = RESET
    assert 350 <= sum(one.seconds for one in view.look(seen).windows) <= 360
    view.span = ATTACH
    view.pause(seen)
    timeline.add_window(window(NOW, NOW + 1, {"main": 1}))
    assert view.look(at(NOW + 1, timeline.windows(NOW - KEPT_S))).ticks == 40_000


def test_a_moment_of_the_past():
    """What is looked at are the whole windows that overlap it, beside as long a time before."""
    windows = seconds(100)
    view = counted(at(NOW, windows))
    view.moment = Moment(NOW - 20.5, NOW - 18.5)
    looked = view.look(at(NOW, windows))
    assert shown(looked) == {"s19": 19, "s20": 20, "s21": 21}
    assert view.bounds == (looked.start, looked.now) == (NOW - 21, NOW - 18)
    assert looked.before is not None
    assert own(looked.board, looked.before) == {"s22": 22, "s23": 23, "s24": 24}
    assert looked.seconds is not None
    assert own(looked.board, looked.seconds) == pytest.approx(
        {"s19": 0.19, "s20": 0.2, "s21": 0.21}
    )
    assert [window.start for window in looked.windows] == [NOW - 21, NOW - 20, NOW - 19]
    view.moment = None
    assert shown(view.look(at(NOW, windows))) == {f"s{n}": n for n in range(1, 11)}


def test_a_moment_from_before_what_a_snapshot_has():
    """Older windows come from the history, merged as they are; a moment without any has none."""
    timeline = Timeline()
    for one in seconds(900):
        timeline.add_window(one)
    view = ProfileView(history=timeline.windows)
    seen = at(NOW, timeline.windows(NOW - KEPT_S))
    view.count(seen)
    view.moment = Moment(NOW - 702, NOW - 700)
    looked = view.look(seen)
    assert {"s701", "s702"} <= set(shown(looked))
    assert looked.now - looked.start == 20  # the merged windows that both of them are in
    assert looked.before is not None
    assert looked.before.ticks > 0
    view.moment = Moment(NOW - 5000, NOW - 4990)
    empty = view.look(seen)
    assert (shown(empty), empty.ticks, view.bounds) == ({}, 0, None)


def test_the_past_of_one_thread():
    """The choice of a thread holds for the past, too."""
    windows = [
        replace(one, stacks={**one.stacks, (WORKER, stack("other")): 7}) for one in seconds(30)
    ]
    view = counted(at(NOW, windows))
    view.choose(thread=WORKER)
    view.moment = Moment(NOW - 20, NOW - 18)
    assert shown(view.look(at(NOW, windows))) == {"other": 14}


def test_since_reset():
    """After a reset the span since then has what came later, in all that is shown of it."""
    windows = seconds(20)
    view = counted(at(NOW - 5, windows))
    view.reset(NOW - 5)
    view.span = RESET
    assert shown(view.look(at(NOW - 5, windows))) == {}
    last = at(NOW, windows)
    view.count(last)
    looked = view.look(last)
    assert shown(looked) == {f"s{n}": n for n in range(1, 6)}
    assert (looked.sums.seconds, looked.start) == (5, NOW - 5)
    assert list(looked.windows) == windows[-5:]
    assert {key[1][-1].function for key in view.stacks(last)} == {f"s{n}" for n in range(1, 6)}


def test_a_reset_ends_the_other_spans_too():
    """Nothing from before the reset is shown in a shorter span, all of it is since attach."""
    windows = seconds(20)
    view = counted(at(NOW - 5, windows))
    view.reset(NOW - 5)
    last = at(NOW, windows)
    view.count(last)
    assert shown(view.look(last)) == {f"s{n}": n for n in range(1, 6)}
    view.span = ATTACH
    assert len(shown(view.look(last))) == 20


def test_the_span_before():
    """A span is compared with as long a time right before it, as far as there is one."""
    seen = at(NOW, seconds(25))
    view = counted(seen)
    looked = view.look(seen)
    assert looked.before is not None
    assert own(looked.board, looked.before) == {f"s{n}": n for n in range(11, 21)}
    assert looked.before.ticks == 1000
    view.span = 0
    looked = view.look(seen)
    assert looked.before is not None
    assert own(looked.board, looked.before) == {"s3": 3, "s4": 4}


def test_the_span_before_may_be_short_or_empty():
    """Early in a watch there is little or nothing before, and its ticks say so."""
    seen = at(NOW, seconds(13))
    before = counted(seen).look(seen).before
    assert before is not None
    assert before.ticks == 300
    seen = at(NOW, seconds(5))
    before = counted(seen).look(seen).before
    assert before is not None
    assert before.ticks == 0


def test_the_longest_span_has_none_before():
    """What is kept whole ends there: five minutes are compared with nothing."""
    seen = at(NOW, seconds(300))
    view = counted(seen)
    view.span = 2
    assert view.look(seen).before is not None
    view.span = 3
    assert view.look(seen).before is None


def test_spans_move_with_time():
    """Second by second windows come and go; at any time a span has exactly its own."""
    windows = seconds(60)
    view = ProfileView()
    for now in range(int(NOW) - 45, int(NOW) + 1):
        seen = at(now, windows)
        view.count(seen)
        age = int(NOW) - now
        looked = view.look(seen)
        assert shown(looked) == {f"s{n}": n for n in range(age + 1, age + 11)}
        assert looked.sums.ticks == 1000


def test_a_window_that_is_shown_otherwise():
    """A window whose stacks were cut later on is shown and counted as it is now."""
    first = run_of_windows(3, {"main work": 40})
    view = counted(at(NOW, first))
    cut = replace(first[-1], stacks={(MAIN, stack("other")): 30}, cut=10)
    seen = at(NOW, (*first[:-1], cut))
    view.count(seen)
    assert shown(view.look(seen)) == {"work": 80, "other": 30}
    view.span = ATTACH
    assert shown(view.look(seen)) == {"work": 80, "other": 30}


def test_pause_keeps_what_is_shown_for_longer_than_windows_are_kept():
    """Paused for more than five minutes the same is shown; afterwards no second is missing."""
    windows = run_of_windows(500, COUNTS)
    view = ProfileView()
    held = watch(view, windows, NOW - 490, NOW - 480)
    assert view.paused_at is None
    spans = range(len(SPANS_S) + 1)

    def all_spans(seen: Snapshot) -> list[tuple[object, ...]]:
        found = []
        for span in spans:
            view.span = span
            looked = view.look(seen)
            found.append((shown(looked), looked.sums.ticks, looked.start, looked.now))
        return found

    before = all_spans(held)
    view.pause(held)
    assert view.paused_at == NOW - 480
    last = watch(view, windows, NOW - 479, NOW)
    assert all_spans(last) == before
    assert sum(view.stacks(last).values()) == 55 * 20
    view.resume()
    assert view.paused_at is None
    assert view.look(last).sums.seconds == 500
    assert shown(view.look(last))["work"] == 40 * 500


def test_rows_that_are_asked_for_in_a_pause_are_those_of_the_pause():
    """By line or of one thread, what is held is what was there when it was held."""
    windows = [*run_of_windows(20, COUNTS, end=NOW - 5), *run_of_windows(5, {"main late": 9})]
    view = counted(at(NOW - 5, windows))
    view.pause(at(NOW - 5, windows))
    last = watch(view, windows, NOW - 4, NOW)
    view.by_line = True
    assert shown(view.look(last)) == {"work": 400, "idle": 100, "main": 50}
    view.choose(thread=WORKER)
    assert shown(view.look(last)) == {}
    view.resume()
    view.choose()
    assert shown(view.look(last)) == {"work": 200, "idle": 50, "main": 25, "late": 45}


def test_rows_that_nobody_looks_at_are_counted_all_the_same():
    """By line and back again, minutes later: nothing is missing, and what is newest is there at
    once."""
    windows = run_of_windows(700, {"main:3 work:7": 10})
    view = ProfileView()
    watch(view, windows, NOW - 700, NOW - 640)
    view.by_line = True
    last = watch(view, windows, NOW - 639, NOW)
    view.by_line = False
    view.span = 0
    assert shown(view.look(last)) == {"work": 20}
    view.span = ATTACH
    assert shown(view.look(last)) == {"work": 7000}
    view.by_line = True
    assert view.look(last).sums.seconds == 700


@pytest.mark.parametrize("other", [{"mode": Mode.GIL}, {"idle": True}, {"native": True}])
def test_windows_of_another_kind_are_no_part_of_the_whole(other: dict):
    """Holders of the GIL, idle threads and native frames are shares of something else: only
    windows that looked for what the newest one did are counted together."""
    windows = [*run_of_windows(8, COUNTS, end=NOW - 2), *run_of_windows(2, {"main": 90}, **other)]
    view = counted(at(NOW - 2, windows), at(NOW, windows))
    for span in (1, ATTACH):
        view.span = span
        looked = view.look(at(NOW, windows))
        assert shown(looked) == {"main": 180}
        assert looked.sums.ticks == 200
        assert list(looked.windows) == windows[-2:]
    assert sum(view.stacks(at(NOW, windows)).values()) == 180


def test_stopping_the_target_or_not_is_one_kind():
    """Blocking or not, and at another rate, it is looked for the same."""
    windows = [
        *run_of_windows(5, COUNTS, end=NOW - 5),
        *run_of_windows(5, COUNTS, mode=Mode.NONBLOCKING, torn=True, rate_hz=50),
    ]
    looked = counted(at(NOW, windows)).look(at(NOW, windows))
    assert (looked.sums.seconds, looked.sums.ticks) == (10, 750)
    assert shown(looked)["work"] == 400


def test_a_kind_that_comes_back_is_counted_once():
    """GIL holders for a while and all threads again: what was counted before counts once, and
    each kind keeps its own."""
    windows = [
        *run_of_windows(50, COUNTS, end=NOW - 60),
        *run_of_windows(40, {"main": 90}, end=NOW - 20, mode=Mode.GIL),
        *run_of_windows(20, COUNTS),
    ]
    view = ProfileView(span=ATTACH)
    seen = watch(view, windows, NOW - 100, NOW - 25)
    assert shown(view.look(seen)) == {"main": 35 * 90}
    last = watch(view, windows, NOW - 24, NOW)
    looked = view.look(last)
    assert shown(looked) == {"work": 70 * 40, "idle": 70 * 10, "main": 70 * 5}
    assert looked.sums.seconds == 70


def of_three_threads() -> Snapshot:
    stacks = {
        (MAIN, stack("main work")): 40,
        (WORKER, stack("main")): 7,
        (CHILD, stack("main")): 9,
    }
    return at(NOW, [replace(one, stacks=stacks) for one in run_of_windows(10, {})])


def test_one_thread():
    """Of a chosen thread only its own samples are shown, in percent of all the ticks."""
    seen = of_three_threads()
    view = counted(seen)
    view.choose(thread=WORKER)
    assert view.choice_name == "thread 2 worker"
    looked = view.look(seen)
    assert (shown(looked), looked.sums.ticks) == ({"main": 70}, 1000)
    assert view.stacks(seen) == {(WORKER, stack("main")): 70}
    view.choose()
    assert view.choice_name == ""
    assert shown(view.look(seen)) == {"work": 400, "main": 160}


def test_one_process():
    """Of a chosen process all threads are shown together; choosing it lets a thread go."""
    seen = of_three_threads()
    view = counted(seen)
    view.choose(thread=CHILD)
    view.choose(pid=PID)
    assert (view.choice_name, view.only_thread) == (f"pid {PID}", None)
    assert shown(view.look(seen)) == {"work": 400, "main": 70}
    assert sum(view.stacks(seen).values()) == 470


def test_a_thread_without_a_name():
    """A thread that has no name is known by its number."""
    view = ProfileView()
    view.choose(thread=Thread(PID, 12, ""))
    assert view.choice_name == "thread 12"


def test_a_row_is_what_was_chosen():
    """Line, thread and choice make the rows."""
    view = ProfileView(by_thread=True, by_line=True)
    view.choose(thread=WORKER)
    assert view.grouping == Grouping(by_line=True, by_thread=True, only_thread=(PID, 2))


def test_the_stacks_of_a_span():
    """The tree, the flame and the source show the stacks of the span, added up."""
    windows = [*run_of_windows(5, {"main old": 9}, end=NOW - 10), *run_of_windows(10, COUNTS)]
    seen = at(NOW, windows)
    view = counted(seen)
    assert view.stacks(seen) == {
        (MAIN, stack("main work")): 400,
        (MAIN, stack("main idle")): 100,
        (MAIN, stack("main")): 50,
    }
    view.span = 0
    assert view.stacks(seen)[MAIN, stack("main work")] == 80


def test_an_exited_target_keeps_its_last_profile():
    """Long after the target's end its last ten seconds are still shown."""
    windows = run_of_windows(20, COUNTS)
    exited = {"target_state": TargetState.EXITED, "target_since": NOW}
    seen = snapshot(taken_at=NOW + 3600, windows=windows, **exited)
    looked = counted(seen).look(seen)
    assert (looked.now, looked.sums.seconds) == (NOW, 10)
    assert shown(looked)["work"] == 400


def test_nothing_seen_is_nothing_to_show():
    """Before the first window there are no sums in any span, and nothing fails."""
    view = counted(snapshot())
    for span in range(len(SPANS_S) + 1):
        view.span = span
        looked = view.look(snapshot())
        assert (shown(looked), looked.sums.ticks, list(looked.windows)) == ({}, 0, [])
    assert view.stacks(snapshot()) == {}


def test_rows_stay_when_no_window_comes_any_more():
    """When the profiler fails for long, what was counted since attach is still of its kind."""
    view = counted(at(NOW, run_of_windows(5, COUNTS, mode=Mode.GIL)))
    later = snapshot(taken_at=NOW + 900)
    view.count(later)
    view.span = ATTACH
    assert shown(view.look(later)) == {"work": 200, "idle": 50, "main": 25}


def test_a_baseline_is_what_is_shown():
    """A baseline holds the own samples of the span, by function, whatever thread or line."""
    stacks = {(MAIN, stack("main:3 work:7")): 30, (WORKER, stack("work:8")): 10}
    seen = at(NOW, [replace(one, stacks=stacks) for one in run_of_windows(20, {})])
    view = ProfileView(by_thread=True, by_line=True)
    view.count(seen)
    view.mark_baseline(seen)
    assert view.baseline is not None
    assert view.baseline.own == {Place("work", FILE): 400}
    assert view.baseline.ticks == 1000
    assert sum(view.baseline.stacks.values()) == 400


def test_a_baseline_does_not_move_on():
    """What was marked stays as it was, whatever is counted afterwards."""
    windows = [*run_of_windows(10, COUNTS, end=NOW - 10), *run_of_windows(10, {"main": 90})]
    view = counted(at(NOW - 10, windows))
    view.mark_baseline(at(NOW - 10, windows))
    watch(view, windows, NOW - 9, NOW)
    view.look(at(NOW, windows))
    assert view.baseline is not None
    assert view.baseline.own[Place("work", FILE)] == 400
    assert view.baseline.ticks == 1000


def test_a_baseline_in_a_pause_is_of_what_is_held():
    """Marking while paused marks what is seen, not what is newest."""
    windows = [*run_of_windows(10, COUNTS, end=NOW - 10), *run_of_windows(10, {"main": 90})]
    view = counted(at(NOW - 10, windows))
    view.pause(at(NOW - 10, windows))
    last = watch(view, windows, NOW - 9, NOW)
    view.mark_baseline(last)
    assert view.baseline is not None
    assert view.baseline.own[Place("work", FILE)] == 400


def test_without_a_look_there_is_no_baseline():
    """Where nothing was sampled there is nothing to compare with; an earlier baseline stays."""
    view = ProfileView()
    view.mark_baseline(snapshot())
    assert view.baseline is None
    view.baseline = earlier = Baseline({}, 100)
    view.mark_baseline(snapshot())
    assert view.baseline is earlier


def test_a_bad_filter_keeps_the_old_one():
    """While a bad expression is typed, the old one holds, and what is wrong is said."""
    view = ProfileView()
    view.filter_by("work")
    held = view.filter
    view.filter_by("work(")
    assert (view.pattern, view.filter) == ("work", held)
    assert view.pattern_error.startswith("missing ), unterminated subpattern")
    view.filter_by("idle")
    assert (view.pattern, view.pattern_error) == ("idle", "")
    assert view.filter is not None
    assert view.filter is not held


@pytest.mark.parametrize("pattern", ["", "!"])
def test_an_empty_filter_is_none(pattern: str):
    """Without an expression everything is shown, also where only `!` has been typed so far."""
    view = ProfileView()
    view.filter_by("work")
    view.filter_by(pattern)
    assert (view.filter, view.pattern, view.pattern_error) == (None, pattern, "")
