from __future__ import annotations

import random

import pytest
from builders import stack
from hypothesis import given
from hypothesis import strategies as st

from perftui.model.stacks import Frame, Stack, Thread
from perftui.sources.accounting import (
    ThreadTime,
    held_rate,
    is_wait,
    least_seconds,
    looks_made,
    without_waking,
)

BUSY, IDLE, OTHER = Thread(4775, 1, "a"), Thread(4775, 2, "b"), Thread(4775, 3, "c")


def cpu(seconds: dict[int, float], waits: float = 9.0) -> dict[int, ThreadTime]:
    """Threads that took so much CPU time, on a host where they waited for a CPU as well."""
    return {tid: ThreadTime(cpu_s, waits) for tid, cpu_s in seconds.items()}


WORK = stack("main work")
WAIT = Stack((*stack("main"), Frame("Condition.wait", "/usr/lib/python3.11/threading.py", 327)))


@pytest.mark.parametrize(
    ("function", "file", "waits"),
    [
        ("wait", "/usr/lib/python3.11/threading.py", True),
        ("Condition.wait", "/usr/lib/python3.13/threading.py", True),
        ("EpollSelector.select", "/usr/lib/python3.11/selectors.py", True),
        ("wait", "/srv/app.py", False),
        ("run", "/usr/lib/python3.11/threading.py", False),
        ("await", "/usr/lib/python3.11/threading.py", False),
        ("wait", "", False),
    ],
)
def test_waiting_places(function: str, file: str, waits: bool):
    """A thread waits in the standard library's functions for that, whatever class they are of."""
    assert is_wait(Frame(function, file, 1)) is waits


def test_a_thread_that_took_no_cpu_did_nothing():
    """All samples of a thread that took next to no CPU are dropped, wherever they lie."""
    samples = {(BUSY, WORK): 80, (IDLE, WORK): 5, (IDLE, WAIT): 7, (IDLE, ()): 1}
    kept, dropped = without_waking(samples, cpu({1: 0.8, 2: 0.001}), 1.0, 100)
    assert kept == {(BUSY, WORK): 80}
    assert dropped == 13


def test_a_thread_whose_cpu_is_not_known_is_left_alone():
    """Where the kernel says nothing, nothing is dropped."""
    samples = {(OTHER, WAIT): 50}
    assert without_waking(samples, cpu({1: 0.0}), 1.0, 100) == (samples, 0)


def test_what_the_cpu_accounts_for_stays():
    """Within two standard deviations of what its CPU time gives, nothing is dropped."""
    samples = {(BUSY, WAIT): 71}  # 50 expected, 2 * sqrt(50) = 14.1, and one
    kept, dropped = without_waking(samples, cpu({1: 0.5}), 1.0, 100)
    assert dropped == 6
    assert kept == {(BUSY, WAIT): 65}
    assert without_waking({(BUSY, WAIT): 65}, cpu({1: 0.5}), 1.0, 100)[1] == 0


def test_work_is_never_dropped():
    """Of a thread that worked only samples at waiting places go."""
    samples = {(BUSY, WORK): 90, (BUSY, WAIT): 3}
    kept, dropped = without_waking(samples, cpu({1: 0.2}), 1.0, 100)
    assert kept == {(BUSY, WORK): 90}
    assert dropped == 3


def test_the_most_frequent_waits_go_first():
    """Of several waiting places the most frequent loses first."""
    other = Stack((Frame("select", "selectors.py", 1),))
    samples = {(BUSY, WAIT): 10, (BUSY, other): 40, (BUSY, WORK): 20}
    kept, dropped = without_waking(samples, cpu({1: 0.25}), 1.0, 100)
    assert dropped == 34  # 70 - 25 - 10 - 1
    assert kept == {(BUSY, WAIT): 10, (BUSY, other): 6, (BUSY, WORK): 20}


@pytest.mark.parametrize(
    ("count", "held"),
    [
        (100, 100),
        (80, 100),  # 80 + 3 * sqrt(81) is more than 90
        (40, 40),
        (1, 1),
        (150, 100),
    ],
)
def test_the_rate_that_was_held(count: int, held: float):
    """Fewer samples than the CPU time accounts for, beyond chance, mean a lower rate."""
    found = held_rate({(BUSY, WORK): count}, cpu({1: 1.0}), 1.0, 100, idle=False)
    assert found == pytest.approx(held)


def test_threads_are_taken_together():
    """What is held is told by the samples of all threads whose CPU time is known."""
    samples = {(BUSY, WORK): 20, (IDLE, WORK): 20, (OTHER, WORK): 500}
    assert held_rate(samples, cpu({1: 0.5, 2: 0.5}), 1.0, 100, idle=False) == pytest.approx(40)


def test_too_little_cpu_says_nothing_of_the_rate():
    """A target that hardly worked cannot tell how often it was looked at."""
    assert held_rate({(BUSY, WORK): 1}, cpu({1: 0.19}), 1.0, 100, idle=False) == 100
    assert held_rate({}, {}, 1.0, 100, idle=False) == 100


def test_with_idle_threads_each_look_is_a_sample():
    """Where threads at rest are seen too, the thread seen most often counts the looks."""
    samples = {(BUSY, WORK): 30, (BUSY, WAIT): 20, (IDLE, WAIT): 45}
    assert held_rate(samples, {}, 1.0, 100, idle=True) == 50
    assert held_rate({(BUSY, WAIT): 95}, {}, 1.0, 100, idle=True) == 100


def test_more_than_a_thread_could_have_run_is_dropped_anywhere():
    """Beyond CPU time and wait for a CPU together, three deviations allowed, any sample goes."""
    spent = {1: ThreadTime(0.2, 0.05)}  # 25 possible, 3 * sqrt(25) = 15, and one
    kept, dropped = without_waking({(BUSY, WORK): 90, (BUSY, WAIT): 10}, spent, 1.0, 100)
    assert kept == {(BUSY, WORK): 41}
    assert dropped == 59


def test_a_thread_that_did_little_keeps_what_its_cpu_gives():
    """Half a percent of a core and more is one sample of a hundred, not none."""
    samples = {(IDLE, WORK): 5, (IDLE, WAIT): 7}
    kept, dropped = without_waking(samples, cpu({2: 0.009}), 1.0, 100)
    assert kept == {(IDLE, WORK): 1}
    assert dropped == 11


def test_a_thread_gives_at_most_one_sample_a_look():
    """More samples of one thread than its window has looks mean that it was longer."""
    assert least_seconds({(BUSY, WORK): 100, (OTHER, WORK): 300}, 1.0, 100) == 3.0
    assert least_seconds({(BUSY, WORK): 131}, 1.0, 100) == 1.0  # 100 + 3 * sqrt(100) + 1
    assert least_seconds({(BUSY, WORK): 100, (BUSY, WAIT): 32}, 1.0, 100) == 1.32
    assert least_seconds({}, 1.0, 100) == 1.0


def test_a_busy_thread_tells_how_often_it_was_looked_at():
    """It was seen at each look, however many its rate makes; to one that waited a little come the
    looks that are expected meanwhile. The samples of others say nothing."""
    samples = {(BUSY, WORK): 180, (OTHER, WORK): 40}
    always = {1: ThreadTime(1.9, 0.1), 3: ThreadTime(0.4, 0.0)}
    assert looks_made(samples, always, 200.0, 2.0, idle=False) == 180
    mostly = {1: ThreadTime(1.85, 0.05), 3: ThreadTime(0.4, 0.0)}
    assert looks_made(samples, mostly, 200.0, 2.0, idle=False) == pytest.approx(180 + 0.05 * 200)
    # It did not wait while it was stopped to be looked at.
    assert looks_made(samples, mostly, 200.0, 2.0, idle=False, stopped_s=0.1) == pytest.approx(180)
    # Clocks are read one after the other: not less than it was seen.
    assert looks_made(samples, {1: ThreadTime(2.01, 0.0)}, 200.0, 2.0, idle=False) == 180


def test_threads_that_wait_tell_nothing():
    """Nor do those whose times are not known; with threads at rest among the samples, one that is
    there all the time was seen at each look."""
    samples = {(BUSY, WORK): 100, (IDLE, WAIT): 120, (IDLE, WORK): 3}
    assert looks_made(samples, cpu({1: 0.5}, 0.1), 200.0, 2.0, idle=False) is None
    assert looks_made(samples, cpu({9: 2.0}, 0.0), 200.0, 2.0, idle=False) is None
    assert looks_made(samples, {}, 200.0, 2.0, idle=False) is None
    assert looks_made(samples, {}, 200.0, 2.0, idle=True) == 123
    assert looks_made({}, {}, 200.0, 2.0, idle=True) is None
    assert looks_made({}, cpu({1: 2.0}, 0.0), 200.0, 2.0, idle=False) is None


@given(
    st.floats(0.9, 1.0),
    st.sampled_from([20, 100, 400]),
    st.integers(0, 2**32 - 1),
)
def test_no_share_is_more_than_all(share: float, expected: int, seed: int):
    """Whatever chance makes of the looks: of all threads none was seen at more of them."""
    chance = random.Random(seed)
    seen = [chance.randint(0, 2 * expected) for _ in range(3)]
    threads = (BUSY, IDLE, OTHER)
    samples = {(thread, WORK): n for thread, n in zip(threads, seen, strict=True) if n}
    spent = {1: ThreadTime(share, 0.0), 2: ThreadTime(0.2, 0.0), 3: ThreadTime(0.2, 0.0)}
    looks = looks_made(samples, spent, expected, 1.0, idle=False)
    assert looks is None or looks >= max(seen)


def test_what_was_left_out_was_looked_at():
    """A loop that always runs, on a host without a free processor: samples at its wait are left
    out, since it took less CPU time, but the looks that gave them were made."""
    samples = {(BUSY, WORK): 130, (BUSY, WAIT): 70}
    spent = {1: ThreadTime(0.8, 1.2)}
    kept, dropped = without_waking(samples, spent, 2.0, 100)
    assert dropped > 0
    assert looks_made(samples, spent, 200.0, 2.0, idle=False) == 200
    assert kept.total() < 200
