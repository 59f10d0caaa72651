from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perftui.model.stacks import Mode
from perftui.settings import ProfileSettings
from perftui.sources.governor import (
    EARLY_WINDOW_S,
    EARLY_WINDOWS,
    FIRST_WINDOW_S,
    RATES_HZ,
    WINDOW_S,
    Cost,
    Governor,
    Plan,
)
from perftui.sources.profiler import with_children

PER_THREAD_S = 0.1e-3


class Target:
    """A target whose looks cost so much, watched for some windows."""

    def __init__(
        self,
        threads: int | Iterable[int] = 3,
        *,
        stop_s: float = PER_THREAD_S,
        cpu_s: float = PER_THREAD_S,
        **settings: object,
    ) -> None:
        self.threads = [threads] if isinstance(threads, int) else list(threads)
        self.stop_s, self.cpu_s = stop_s, cpu_s
        self.governor = Governor(ProfileSettings(**settings))
        self.plans: list[Plan] = []
        self.stopped = self.cpu = self.wall = self.due = 0.0

    def plan(self) -> Plan:
        return self.governor.plan(self.threads, subprocesses=False)

    def watch(self, windows: int) -> list[Plan]:
        """The plans of so many windows, each of which costs what it does."""
        plans = []
        for _ in range(windows):
            plan = self.plan()
            # A rate at which it would be stopped for longer than there is time is not held.
            stop_s = self.stop_s * max(self.threads, default=1)
            held = plan.rate_hz if plan.nonblocking else min(plan.rate_hz, 1 / stop_s)
            looks = held * plan.seconds
            cpu = 0.02 + looks * (3e-4 if plan.gil else self.cpu_s * sum(self.threads))
            share = 0.0 if plan.nonblocking else held * stop_s
            polls = 0 if plan.nonblocking else round(200 * plan.seconds)
            self.due += polls * share
            hits = int(self.due)
            self.due -= hits
            self.governor.learn(plan, self.threads, Cost(plan.seconds, held, cpu, polls, hits))
            self.stopped += share * plan.seconds
            self.cpu += cpu
            self.wall += plan.seconds + plan.rest_s
            plans.append(plan)
        self.plans += plans
        return plans


def blocking(plans: Iterable[Plan]) -> list[Plan]:
    return [plan for plan in plans if not plan.nonblocking]


def seconds(plans: Iterable[Plan]) -> float:
    return sum(plan.seconds for plan in plans)


def test_it_begins_gently():
    """Nothing is known of a target at first: the first window is short and does not stop it."""
    first, second = Target(500).watch(2)
    assert (first.nonblocking, first.seconds) == (True, FIRST_WINDOW_S)
    assert second.nonblocking  # one look may stop so many threads for a tenth of a second
    first = blocking(Target(100).watch(20))[0]
    assert first.rate_hz * first.seconds <= 3


@pytest.mark.parametrize("threads", [20, 50, 100])
def test_the_first_window_shows_something(threads: int):
    """It has ten looks or about as many, however dear one may be, and takes no more in them than
    py-spy may in a second; the user's own rate stays."""
    first, second = Target(threads, cpu_s=PER_THREAD_S).watch(2)
    assert first.rate_hz * first.seconds >= 10
    assert first.rate_hz * first.seconds * threads * PER_THREAD_S <= 0.15
    assert second.rate_hz * threads * PER_THREAD_S <= 0.15
    assert not first.rest_s
    assert Target(threads, rate=5).plan().rate_hz == 5


def test_a_first_window_of_a_second_has_no_more():
    """Where none can be shorter than a second, the first one takes what any may."""
    governor = Governor(ProfileSettings(), whole_seconds=True)
    plan = governor.plan([100], subprocesses=False)
    assert (plan.seconds, plan.rate_hz) == (1.0, 10)


def test_a_look_that_was_never_made_costs_nothing():
    """A py-spy that cannot attach gives back what its window may have stopped the target for, and
    what comes after it begins as gently as it would have."""
    tried, calm = Target(3, nonblocking=False), Target(3, nonblocking=False)
    for _ in range(50):
        tried.governor.cancel(tried.plan())
    assert tried.watch(10) == calm.watch(10)
    tried, calm = Target(30), Target(30)
    tried.watch(3), calm.watch(3)
    for _ in range(50):
        tried.governor.cancel(tried.plan())
    assert tried.watch(30) == calm.watch(30)
    assert blocking(calm.plans)


def test_windows_are_short_while_somebody_waits_for_them():
    """The first window is over at once, some more are short, and then py-spy is started seldom."""
    target = Target(2, nonblocking=True, cpu_s=0.4e-3)
    lengths = [plan.seconds for plan in target.watch(EARLY_WINDOWS + 5)]
    assert lengths[:2] == [FIRST_WINDOW_S, EARLY_WINDOW_S]
    assert set(lengths[1:EARLY_WINDOWS]) == {EARLY_WINDOW_S}
    assert set(lengths[EARLY_WINDOWS:]) == {WINDOW_S}


@pytest.mark.parametrize(
    ("start_cpu_s", "whole_seconds", "length"),
    [
        *((0.001, False, WINDOW_S), (0.02, False, 4.0), (0.5, False, 5.0)),
        # A py-spy that ends by itself alone is waited for: that is never long.
        (0.1, True, WINDOW_S),
    ],
)
def test_windows_are_longer_where_a_start_is_dear(
    start_cpu_s: float, whole_seconds: bool, length: float
):
    """py-spy is started less often where that takes much CPU time beside the looks themselves:
    here a second of looks takes 0.04 s, and a start is to take an eighth of that."""
    governor = Governor(ProfileSettings(nonblocking=True), whole_seconds=whole_seconds)
    for _ in range(40):
        plan = governor.plan([4], subprocesses=False)
        cpu_s = start_cpu_s + 0.04 * plan.seconds
        cost = Cost(plan.seconds, plan.rate_hz, cpu_s, start_cpu_s=start_cpu_s)
        governor.learn(plan, [4], cost)
    assert (plan.seconds, plan.rate_hz) == (length, 100)


def test_dear_blocking_looks_make_no_other_window_shorter():
    """Where one window in several is blocking, what its looks take is no reason to start py-spy
    more often for the others."""
    governor = Governor(ProfileSettings())
    seen: list[Plan] = []
    for _ in range(60):
        seen.append(plan := governor.plan([60], subprocesses=False))
        looks = plan.seconds * plan.rate_hz
        cpu_s = 0.02 + looks * (0.0004 if plan.nonblocking else 0.0100)
        polls = 0 if plan.nonblocking else round(200 * plan.seconds)
        stopped = round(polls * plan.rate_hz * 0.002)
        governor.learn(plan, [60], Cost(plan.seconds, plan.rate_hz, cpu_s, polls, stopped, 0.02))
    assert blocking(seen[-20:])
    assert {plan.seconds for plan in seen[-20:] if plan.nonblocking} == {4.0}
    # And they come seldom and long, since each costs a start too.
    assert len(blocking(seen[-40:])) <= 40 / 3


@pytest.mark.parametrize("wish", [{}, {"duty": 2.0}, {"nonblocking": False}])
def test_whole_seconds(wish: dict[str, object]):
    """Where a window cannot be told when to end, none ends between two seconds, and what it may
    stop the target for holds all the same."""
    governor = Governor(ProfileSettings(**wish), whole_seconds=True)
    target = Target(20, **wish)
    target.governor = governor
    plans = target.watch(40)
    assert {plan.seconds for plan in plans} <= {1.0, 2.0}
    assert target.stopped <= 0.02 * target.wall


def test_where_looks_are_cheap_all_are_blocking():
    """A target that the full rate stops for less than its budget is always sampled truly."""
    plans = Target(1, stop_s=0.05e-3).watch(30)
    assert {plan.mode for plan in plans[5:]} == {Mode.BLOCKING}
    assert {plan.rate_hz for plan in plans[5:]} == {100}


def test_where_they_are_dear_one_window_in_several_is():
    """Where blocking looks at the full rate are too dear, most windows are non-blocking."""
    target = Target(20, cpu_s=0.05e-3)
    target.watch(20)
    plans = target.watch(60)
    assert 0.1 <= seconds(blocking(plans)) / seconds(plans) <= 0.3
    assert {plan.rate_hz for plan in plans if plan.nonblocking} == {100}
    assert all(plan.seconds <= WINDOW_S for plan in plans)


@given(
    threads=st.integers(1, 3000),
    stop_s=st.floats(1e-6, 1e-3),
    overhead=st.sampled_from([0.1, 1.0, 10.0]),
    settings=st.sampled_from(
        [
            *({}, {"nonblocking": False}, {"native": True}, {"gil": True}),
            *({"rate": 50}, {"rate": 200, "nonblocking": False}),
        ]
    ),
)
def test_the_stop_budget_holds(threads: int, stop_s: float, overhead: float, settings: dict):
    """Whatever a look costs and the user has fixed, the target is not stopped beyond the budget."""
    target = Target(threads, stop_s=stop_s, cpu_s=1e-6, max_overhead=overhead, **settings)
    target.watch(60)  # what it has learned by then is what counts
    target.stopped = target.wall = 0.0
    target.watch(120)
    # A tenth more, and a tenth of a poll in each window: so exactly is it measured.
    assert 100 * target.stopped / target.wall <= 1.1 * overhead + 100 * 0.1 / 200


@given(
    threads=st.integers(1, 3000),
    cpu_s=st.floats(1e-6, 1e-3),
    settings=st.sampled_from([{}, {"nonblocking": True}, {"nonblocking": False}, {"rate": 100}]),
)
def test_the_samplers_budget_holds(threads: int, cpu_s: float, settings: dict):
    """py-spy takes no more of a core than it may, with rate, GIL holders only or rests."""
    target = Target(threads, cpu_s=cpu_s, stop_s=1e-9, **settings)
    target.watch(60)
    target.cpu = target.wall = 0.0
    target.watch(120)
    assert 100 * target.cpu / target.wall <= 1.1 * 15


@given(st.integers(1, 400), st.floats(0.05e-3, 0.12e-3), st.floats(0.05e-3, 0.2e-3))
def test_nothing_is_missed_by_itself(threads: int, cpu_s: float, stop_s: float):
    """Rate, mode and GIL holders only keep the budgets; the target is never left out of sight."""
    plans = Target(threads, cpu_s=cpu_s, stop_s=stop_s).watch(80)
    assert [plan for plan in plans if plan.rest_s] == []


def test_many_threads_at_once():
    """A target that starts many threads is treated as one that has them at once."""
    target = Target(1, stop_s=0.05e-3)
    target.watch(20)
    target.threads = [300]
    plans = target.watch(20)
    assert plans[0].remark.startswith("300 threads")
    assert all(plan.rate_hz * plan.seconds <= 10 for plan in blocking(plans))  # 15 ms a look


@pytest.mark.parametrize(("threads", "gil"), [(60, False), (200, True)])
def test_it_comes_back_up(threads: int, gil: bool):
    """When the threads have gone, rate and mode are those of a small target again."""
    target = Target(threads, stop_s=0.05e-3)
    last = target.watch(20)[-1]
    assert last.gil is gil
    assert last.rate_hz == (100 if gil else 15)
    target.threads = [1]
    assert {(plan.rate_hz, plan.mode) for plan in target.watch(40)[30:]} == {(100, Mode.BLOCKING)}


def test_the_rate_in_use_changes_seldom():
    """A cost on the edge between two rates does not make it go to and fro."""
    target = Target(50, cpu_s=0.1e-3, nonblocking=True)
    target.watch(10)
    assert len({plan.rate_hz for plan in target.watch(30)}) == 1


def test_gil_holders_only_where_all_threads_are_too_many():
    """Where py-spy could read all threads less than ten times a second, it reads one."""
    plan = Target(2000).watch(20)[-1]
    assert (plan.mode, plan.rate_hz) == (Mode.GIL, 100)
    assert plan.remark == "GIL holders only: 2000 threads"


@pytest.mark.parametrize("settings", [{"idle": True}, {"rate": 10}])
def test_gil_holders_only_is_not_against_the_users_word(settings: dict[str, object]):
    """Who wants idle threads, or this rate, does not get GIL holders; it rests instead."""
    plan = Target(5000, **settings).watch(20)[-1]
    assert (plan.gil, plan.rest_s > 0) == (False, True)


@pytest.mark.parametrize("threads", [1, 100])
def test_nonblocking_never_stops(threads: int):
    """With --nonblocking no window stops the target."""
    assert not blocking(Target(threads, nonblocking=True).watch(40))


@pytest.mark.parametrize("settings", [{"nonblocking": False}, {"native": True}])
def test_blocking_always_does(settings: dict[str, object]):
    """With --blocking every window is blocking, at the rate that the budget allows; native frames
    cannot be had otherwise."""
    plans = Target(20, **settings).watch(40)
    assert len(blocking(plans)) == 40
    assert plans[-1].rate_hz == 5  # 2 ms a look


def test_blocking_at_a_fixed_rate_rests():
    """When mode and rate are the user's, only rests are left to keep the budget."""
    plan = Target(20, nonblocking=False, rate=100).watch(40)[-1]
    assert (plan.nonblocking, plan.rate_hz) == (False, 100)
    share = plan.seconds / (plan.seconds + plan.rest_s)
    assert share == pytest.approx(0.05, rel=0.2)
    assert plan.remark == f"looks {100 * share:.3g}% of time"


@pytest.mark.parametrize("duty", [1.0, 25.0, 100.0])
def test_duty(duty: float):
    """--duty fixes how much of the time it looks."""
    target = Target(2, duty=duty)
    target.watch(20)
    assert sum(p.seconds for p in target.plans) / target.wall == pytest.approx(duty / 100)


def test_a_rate_of_the_user():
    """-r fixes the rate of every window."""
    assert {plan.rate_hz for plan in Target(3, rate=37).watch(20)} == {37}


def test_each_process_is_stopped_by_itself():
    """py-spy reads the threads of all processes, but stops each by itself."""
    many = blocking(Target([4] * 10, cpu_s=0.01e-3).watch(40))
    one = blocking(Target(40, cpu_s=0.01e-3).watch(40))
    assert min(plan.rate_hz for plan in many[1:]) > max(plan.rate_hz for plan in one)


def test_a_target_whose_threads_cannot_be_counted():
    """Where nobody can say how many threads there are, it is sampled as one with few."""
    assert Target([]).plan().rate_hz == 100


def test_without_polls_what_is_usual_is_believed():
    """Where a stop cannot be seen (not on Linux), what looks usually cost is planned with."""
    governor = Governor(ProfileSettings())
    for _ in range(30):
        plan = governor.plan([20], subprocesses=False)
        governor.learn(plan, [20], Cost(plan.seconds, plan.rate_hz, 0.05))
    assert plan.nonblocking or plan.rate_hz <= 10


@pytest.mark.parametrize(
    ("asked", "python_children", "on"),
    [(None, True, True), (None, False, False), (True, False, True), (False, True, False)],
)
def test_subprocesses(asked: bool | None, python_children: bool, on: bool):
    """-s comes on by itself where a child runs Python, unless the user has said otherwise."""
    assert with_children(ProfileSettings(subprocesses=asked), python_children) is on


@pytest.mark.parametrize(
    ("settings", "mode"),
    [
        ({"nonblocking": False}, Mode.BLOCKING),
        ({"nonblocking": True}, Mode.NONBLOCKING),
        ({"gil": True}, Mode.GIL),
        ({"gil": True, "nonblocking": True}, Mode.GIL),
    ],
)
def test_mode(settings: dict[str, bool], mode: Mode):
    """The mode is what the document names: GIL holders alone go first."""
    assert Target(**settings).plan().mode is mode


def test_plain_arguments():
    """Without anything asked py-spy is given its rate alone."""
    assert Target(nonblocking=False, rate=50).plan().arguments() == ["--rate", "50"]


@pytest.mark.parametrize(
    ("setting", "flag"),
    [
        ("gil", "--gil"),
        ("idle", "--idle"),
        ("function", "--function"),
        ("subprocesses", "--subprocesses"),
    ],
)
def test_arguments_are_pyspys_own(setting: str, flag: str):
    """Each setting becomes py-spy's option of the same name."""
    governor = Governor(ProfileSettings(**{"nonblocking": True, setting: True}))
    plan = governor.plan([1], subprocesses=setting == "subprocesses")
    assert plan.arguments() == sorted(["--rate", "100", "--nonblocking", flag], key=_ORDER.index)


_ORDER = ["--rate", "100", "--nonblocking", "--gil", "--idle", "--native", "--function"]
_ORDER += ["--subprocesses"]


def test_settings_about_rows_do_not_reach_pyspy():
    """A row per thread is a matter of the view: py-spy gives threads in any case."""
    governor = Governor(ProfileSettings(threads=True, nonblocking=True))
    plan = governor.plan([1], subprocesses=False)
    assert plan.arguments() == ["--rate", "100", "--nonblocking"]


def test_rates_are_round():
    """Chosen rates are among a few, all of which py-spy takes."""
    for threads in (1, 7, 30, 100, 700):
        assert {plan.rate_hz for plan in Target(threads).watch(30)} <= set(RATES_HZ)
