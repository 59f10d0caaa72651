from __future__ import annotations

import pytest

from perftui.model.stacks import Mode
from perftui.settings import ProfileSettings
from perftui.sources.profiler import MANY_THREADS, Plan, plan, with_children


def planned(*threads: int, **settings: object) -> Plan:
    chosen = ProfileSettings(**settings)
    return plan(chosen, threads or (3,), with_children(chosen, python_children=False))


def test_few_threads_are_stopped():
    """By default a target with few threads is sampled truly, which means stopping it."""
    found = planned(MANY_THREADS)
    assert (found.nonblocking, found.mode, found.remark) == (False, Mode.BLOCKING, "")


def test_many_threads_are_not_stopped():
    """With more than ten threads the target is not stopped, and it says why."""
    found = planned(MANY_THREADS + 1)
    assert (found.nonblocking, found.mode) == (True, Mode.NONBLOCKING)
    assert found.remark == "non-blocking: 11 threads"


@pytest.mark.parametrize("threads", [1, 500])
@pytest.mark.parametrize("nonblocking", [True, False])
def test_what_the_user_says_holds(threads: int, nonblocking: bool):
    """--blocking and --nonblocking go before the rule, and need no remark."""
    found = planned(threads, nonblocking=nonblocking)
    assert (found.nonblocking, found.remark) == (nonblocking, "")


def test_native_frames_yield_to_the_rule():
    """py-spy cannot give native frames without stopping: the rule drops them, and says so."""
    found = planned(21, native=True)
    assert (found.nonblocking, found.native) == (True, False)
    assert found.remark == "non-blocking: 21 threads, so no native frames"


def test_native_frames_stay_where_the_target_is_stopped():
    """With few threads, or with --blocking, native frames are there."""
    assert planned(3, native=True).native
    assert planned(21, native=True, nonblocking=False).native


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
        ({}, Mode.BLOCKING),
        ({"nonblocking": True}, Mode.NONBLOCKING),
        ({"gil": True}, Mode.GIL),
        ({"gil": True, "nonblocking": True}, Mode.GIL),
    ],
)
def test_mode(settings: dict[str, bool], mode: Mode):
    """The mode is what the document names: GIL holders alone go first."""
    assert planned(**settings).mode is mode


def test_plain_arguments():
    """Without anything asked py-spy is given its rate alone."""
    assert planned().arguments() == ["--rate", "100"]


@pytest.mark.parametrize(
    ("setting", "flag"),
    [
        ("nonblocking", "--nonblocking"),
        ("gil", "--gil"),
        ("idle", "--idle"),
        ("native", "--native"),
        ("function", "--function"),
        ("subprocesses", "--subprocesses"),
    ],
)
def test_arguments_are_pyspys_own(setting: str, flag: str):
    """Each setting becomes py-spy's option of the same name."""
    assert planned(**{"rate": 50, setting: True}).arguments() == ["--rate", "50", flag]


def test_settings_about_rows_do_not_reach_pyspy():
    """A row per thread is a matter of the view: py-spy gives threads in any case."""
    found = plan(ProfileSettings(threads=True), [3], subprocesses=False)
    assert found.arguments() == ["--rate", "100"]


@pytest.mark.parametrize(
    ("threads", "more", "rate"),
    [
        (3, {}, 100),
        (10, {}, 100),
        (11, {}, 90),
        (20, {}, 50),
        (101, {}, 9),
        (5000, {}, 5),
        (5000, {"rate": 200}, 200),
        (101, {"nonblocking": False}, 9),
        (101, {"nonblocking": True}, 9),
        (0, {"nonblocking": True}, 100),
    ],
)
def test_with_many_threads_it_looks_less_often(threads: int, more: dict[str, object], rate: int):
    """py-spy's work is bounded by a lower rate, unless the user has named one."""
    assert planned(threads, **more).rate_hz == rate


def test_each_process_is_stopped_by_itself():
    """Many small processes may be stopped; but py-spy reads all of them, so it looks less often."""
    found = planned(4, 10, 6)
    assert (found.nonblocking, found.rate_hz) == (False, 50)
    one_large = planned(4, 11)
    assert (one_large.nonblocking, one_large.remark) == (True, "non-blocking: 11 threads")


def test_a_target_whose_threads_cannot_be_counted():
    """Where nobody can say how many threads there are, it is sampled as one with few."""
    found = plan(ProfileSettings(), [], subprocesses=False)
    assert (found.nonblocking, found.rate_hz) == (False, 100)
