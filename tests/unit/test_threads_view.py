from __future__ import annotations

from dataclasses import replace

import pytest
from builders import MAIN, NOW, PID, run_of_windows, stack, window
from hypothesis import given
from hypothesis import strategies as st

from perftui.model.stacks import Mode, Place, Thread, Window
from perftui.tui.threads_view import ThreadLine, ThreadsView

FILE = "/srv/app.py"
WORKER = Thread(PID, 2, "worker")
CHILD = Thread(77, 77, "MainThread")
TICKS = 100.0


def windows(counts: dict[tuple[Thread, str], int], **more: object) -> list[Window]:
    """One window of a second, by thread and the words of a stack."""
    stacks = {(thread, stack(words)): count for (thread, words), count in counts.items()}
    return [replace(window(NOW - 1, NOW, **more), stacks=stacks)]


def lines(counts: dict[tuple[Thread, str], int], **more: object) -> list[ThreadLine]:
    return ThreadsView().lines(windows(counts, **more), TICKS)


def test_the_busiest_comes_first():
    """A row per thread with its share of the expected ticks and what it did most."""
    seen = lines({(WORKER, "main work"): 20, (MAIN, "main work"): 30, (MAIN, "main idle"): 60})
    assert seen == [
        ThreadLine(PID, MAIN, 90, None, Place("idle", FILE), 60),
        ThreadLine(PID, WORKER, 20, None, Place("work", FILE), 20),
    ]


def test_the_top_function_is_of_all_its_lines_and_stacks():
    """A function that is on top in several stacks and lines is one function."""
    (line,) = lines({(MAIN, "a work:1"): 20, (MAIN, "b work:2"): 20, (MAIN, "a idle:3"): 30})
    assert (line.top, line.top_pct) == (Place("work", FILE), 40)


def test_functions_of_one_name_in_two_files_are_two():
    """The file tells functions of the same name on top apart."""
    stacks = {(MAIN, stack("run", "/a.py")): 30, (MAIN, stack("run", "/b.py")): 40}
    (line,) = ThreadsView().lines([replace(window(NOW - 1, NOW), stacks=stacks)], TICKS)
    assert (line.top, line.top_pct) == (Place("run", "/b.py"), 40)


def test_windows_add_up():
    """Shares are those of all windows of the span together."""
    two = run_of_windows(2, {"main work": 40})
    (line,) = ThreadsView().lines(two, sum(one.expected_ticks for one in two))
    assert (line.active_pct, line.top_pct) == (40, 40)


def test_the_only_busy_process_of_several_is_named():
    """Where all processes but one are at rest, a row says which one is not."""
    seen = ThreadsView().lines(windows({(CHILD, "a"): 5}), TICKS, has_children=True)
    assert [(line.pid, line.thread) for line in seen] == [(77, None), (77, CHILD)]


def test_one_process_has_no_row_of_its_own():
    """With one process there are threads alone; with several each has a row above its threads."""
    assert [line.thread for line in lines({(MAIN, "a"): 1, (WORKER, "a"): 2})] == [WORKER, MAIN]
    seen = lines({(CHILD, "a"): 50, (MAIN, "a"): 30, (WORKER, "b"): 40, (WORKER, "a"): 1})
    assert [(line.pid, line.thread, line.threads) for line in seen] == [
        (PID, None, 2),
        (PID, WORKER, 1),
        (PID, MAIN, 1),
        (77, None, 1),
        (77, CHILD, 1),
    ]


def test_the_busiest_process_comes_first():
    """Processes stand by all of their samples, not by how many threads they have."""
    seen = lines({(MAIN, "a"): 30, (WORKER, "b"): 40, (CHILD, "a"): 80})
    assert [line.pid for line in seen if line.thread is None] == [77, PID]
    seen = lines({(MAIN, "a"): 50, (WORKER, "b"): 40, (CHILD, "a"): 80})
    assert [line.pid for line in seen if line.thread is None] == [PID, 77]


def test_a_process_is_the_sum_of_its_threads():
    """A process's row adds up its threads, and names what they do most together."""
    seen = lines({(MAIN, "a"): 30, (MAIN, "b"): 31, (WORKER, "a"): 30, (CHILD, "c"): 5})
    process = seen[0]
    assert (process.active_pct, process.top, process.top_pct) == (91, Place("a", FILE), 60)


def test_processes_with_threads_of_one_id():
    """Threads are told apart by their process too."""
    other = Thread(77, MAIN.tid, MAIN.name)
    seen = lines({(MAIN, "a"): 30, (other, "a"): 40})
    assert [line.active_pct for line in seen if line.thread is not None] == [40, 30]


def test_holders_of_the_gil_alone():
    """With GIL holders alone the share of the GIL is known, and how busy a thread is is not."""
    (line,) = lines({(MAIN, "a"): 30}, mode=Mode.GIL)
    assert (line.active_pct, line.gil_pct, line.top_pct) == (None, 30, 30)


def test_idle_threads_too():
    """With idle threads among them nobody knows which of the samples were of threads at rest."""
    (line,) = lines({(MAIN, "a"): 30}, idle=True)
    assert (line.active_pct, line.gil_pct, line.top_pct) == (None, None, 30)


def test_a_thread_without_frames():
    """A thread in which no frame was found is as busy as it is, at nothing that is known."""
    stacks = {(MAIN, ()): 30}
    (line,) = ThreadsView().lines([replace(window(NOW - 1, NOW), stacks=stacks)], TICKS)
    assert (line.active_pct, line.top, line.top_pct) == (30, None, 0)


def test_nothing_sampled_is_no_rows():
    """Without windows, or without samples in them, there are no threads."""
    assert ThreadsView().lines([], 0) == []
    assert ThreadsView().lines(run_of_windows(3, {}), 300) == []


def test_without_ticks_there_are_no_shares():
    """A window of no length has samples but no share."""
    (line,) = ThreadsView().lines([window(NOW, NOW, {"a": 3})], 0)
    assert (line.active_pct, line.top_pct) == (0, 0)


THREADS = st.builds(Thread, st.sampled_from([1, 2]), st.sampled_from([1, 2, 3]), st.just("t"))
COUNTS = st.dictionaries(st.tuples(THREADS, st.sampled_from("abc")), st.integers(1, 50))


@given(COUNTS)
def test_no_sample_is_lost(counts: dict[tuple[Thread, str], int]):
    """Whatever was sampled, the threads' shares add up to all of it, and so do the processes'."""
    seen = lines(counts)
    whole = sum(counts.values())
    threads = [line for line in seen if line.thread is not None]
    processes = [line for line in seen if line.thread is None]
    assert {line.thread for line in threads} == {thread for thread, _ in counts}
    assert sum(line.active_pct or 0 for line in threads) == pytest.approx(whole)
    if processes:
        assert sum(line.active_pct or 0 for line in processes) == pytest.approx(whole)
        assert sum(line.threads for line in processes) == len(threads)


@given(COUNTS, st.randoms(use_true_random=False))
def test_rows_hold_still(counts: dict[tuple[Thread, str], int], chance):
    """In whatever order samples come, equals stand in the same order, with the same function."""
    shuffled = list(counts.items())
    chance.shuffle(shuffled)
    assert lines(dict(shuffled)) == lines(counts)
