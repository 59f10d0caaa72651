"""py-spy's samples held against the kernel's count of CPU time.

Threads that py-spy woke. In its blocking mode it stops every thread for each look and lets it go
again. A thread that waits (for a lock, a socket, a queue) then runs for a moment to go back to its
wait, and when the next look comes soon, or the host is busy, it is found running: a service that
idles seems to spend a tenth of its time in `select`.

Threads that are about to wait. A thread that wakes for a moment and finds no CPU free counts as one
that could run, with the wait that it comes from or goes to on top; where that is more than chance,
and more than it ran, it goes too.

Looks that never were. With many threads, or on a busy host, py-spy does not hold its rate, and says
so only when it is more than a second late; a busy thread then seems to be busy a part of the time.

A thread is busy for py-spy when it could run: also while it waits for a CPU, which on a full host
can be most of the time.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath
from typing import NamedTuple

from perftui.model.stacks import Frame, Stack, Thread

Samples = Mapping[tuple[Thread, Stack], int]

_WAITS: Mapping[str, frozenset[str]] = {
    "threading.py": frozenset({"wait", "acquire", "join", "_wait_for_tstate_lock"}),
    "selectors.py": frozenset({"select"}),
    "socket.py": frozenset({"accept", "readinto"}),
    "ssl.py": frozenset({"read", "recv", "recv_into"}),
    "queue.py": frozenset({"get"}),
    "thread.py": frozenset({"_worker"}),
    "subprocess.py": frozenset({"wait", "_try_wait", "_communicate"}),
    "connection.py": frozenset({"_recv", "_poll", "wait"}),
    "resource_tracker.py": frozenset({"main"}),
}
"""Functions of the standard library on top of whose stack a thread mostly waits."""
_IDLE_SHARE = 0.01
"""A thread that took less of a core than this did nothing but wait."""
_ENOUGH_TICKS = 20
"""Less CPU time than this many ticks is too little to judge the rate by."""
_HELD = 0.9
"""A rate that is held to this part is held; so exact is the comparison."""
_BUSY = 0.9
"""A thread that could run for this part of the time tells how often it was looked at."""


class ThreadTime(NamedTuple):
    """Seconds that a thread ran on a CPU, and seconds that it could have run but waited for one."""

    cpu_s: float
    wait_s: float


def thread_times(pids: Iterable[int]) -> dict[int, ThreadTime]:
    """The times of every thread of these processes by thread id; empty where they are not told."""
    found: dict[int, ThreadTime] = {}
    for pid in pids:
        try:
            tasks = list(Path(f"/proc/{pid}/task").iterdir())
        except OSError:
            continue
        for task in tasks:
            try:
                # proc(5): time on the CPU in ns, time on a run queue, number of time slices.
                cpu, wait, _ = (task / "schedstat").read_bytes().split()
                found[int(task.name)] = ThreadTime(int(cpu) / 1e9, int(wait) / 1e9)
            except (OSError, ValueError):
                continue
    return found


def spent_between(
    before: Mapping[int, ThreadTime], after: Mapping[int, ThreadTime]
) -> dict[int, ThreadTime]:
    """What each thread took from one look to the next; of those that are in both."""
    return {
        tid: ThreadTime(end.cpu_s - before[tid].cpu_s, end.wait_s - before[tid].wait_s)
        for tid, end in after.items()
        if tid in before
    }


def without_waking(
    samples: Samples, spent: Mapping[int, ThreadTime], seconds: float, rate_hz: float
) -> tuple[Counter[tuple[Thread, Stack]], int]:
    """The samples that are left, and how many were dropped.

    `spent` is what each thread id took during the window; threads that it does not name are left
    alone. `rate_hz` times a thread's CPU time is the mean of a Poisson count of its samples. What
    is more than two standard deviations beyond that goes if it lies at a waiting place; what is
    more than three beyond CPU time and wait for a CPU together goes wherever it lies. A thread
    that did nothing keeps what its CPU time gives.
    """
    kept: Counter[tuple[Thread, Stack]] = Counter(dict(samples))
    by_thread: dict[Thread, list[tuple[Stack, int]]] = {}
    for (thread, stack), count in samples.items():
        by_thread.setdefault(thread, []).append((stack, count))
    dropped = 0
    for thread, stacks in by_thread.items():
        took = spent.get(thread.tid)
        if took is None:
            continue
        count = sum(n for _, n in stacks)
        on_cpu, ready = rate_hz * took.cpu_s, rate_hz * (took.cpu_s + took.wait_s)
        waiting, anywhere = _beyond(count, on_cpu, 2), _beyond(count, ready, 3)
        if took.cpu_s < _IDLE_SHARE * seconds:
            anywhere = max(0, count - round(on_cpu))
        waits = [(stack, n) for stack, n in stacks if stack and is_wait(stack[-1])]
        gone = _drop(kept, thread, waits, max(waiting, anywhere))
        others = [(stack, kept[thread, stack]) for stack, _ in stacks]
        gone += _drop(kept, thread, others, anywhere - gone)
        dropped += gone
    return +kept, dropped


def _beyond(count: int, mean: float, deviations: float) -> int:
    """How many of `count` are beyond what chance makes of `mean`."""
    return max(0, math.ceil(count - mean - deviations * math.sqrt(mean) - 1))


def _drop(
    kept: Counter[tuple[Thread, Stack]], thread: Thread, stacks: list[tuple[Stack, int]], most: int
) -> int:
    """Take up to `most` samples away, from the most frequent stacks first; how many went."""
    left = most
    for stack, count in sorted(stacks, key=lambda pair: -pair[1]):
        gone = max(0, min(count, left))
        kept[thread, stack] -= gone
        left -= gone
    return max(0, most) - max(0, left)


def is_wait(frame: Frame) -> bool:
    """Whether a thread with this frame on top most likely waits."""
    names = _WAITS.get(PurePath(frame.file).name)
    return names is not None and frame.function.rpartition(".")[2] in names


def _by_thread(samples: Samples) -> Counter[Thread]:
    seen: Counter[Thread] = Counter()
    for (thread, _), count in samples.items():
        seen[thread] += count
    return seen


def least_seconds(samples: Samples, seconds: float, rate_hz: float) -> float:
    """How long it must have looked: `seconds`, or more where that is beyond chance.

    A thread gives at most one sample a look. Where perftui was held up itself, stopped say, it
    hears of py-spy's first look too late, and a thread seems to be busy for more than all the time.
    """
    seen = _by_thread(samples)
    most = max(seen.values(), default=0)
    return most / rate_hz if _beyond(most, rate_hz * seconds, 3) else seconds


def held_rate(
    samples: Samples, spent: Mapping[int, ThreadTime], seconds: float, rate_hz: float, *, idle: bool
) -> float:
    """How often a second it really looked: `rate_hz`, or less where that is beyond chance.

    With `idle` threads among the samples, each look gives one sample of a thread that is there all
    the time. Without, the threads' samples are compared with the CPU time that they `spent`,
    three standard deviations of their Poisson count allowed.
    """
    seen = _by_thread(samples)
    if idle:
        looks, possible = max(seen.values(), default=0), rate_hz * seconds
    else:
        known = {thread: count for thread, count in seen.items() if thread.tid in spent}
        looks = sum(known.values())
        possible = rate_hz * sum(spent[thread.tid].cpu_s for thread in known)
    if possible < _ENOUGH_TICKS or looks + 3 * math.sqrt(looks + 1) >= _HELD * possible:
        return rate_hz
    return rate_hz * looks / possible


def looks_made(
    samples: Samples,
    spent: Mapping[int, ThreadTime],
    expected: float,
    seconds: float,
    *,
    idle: bool,
    stopped_s: float = 0.0,
) -> float | None:
    """How many times it looked, where one thread tells that better than the number `expected` by
    rate and length; None where none does. All threads must be those of one process, all that were
    seen be among the samples: what is left out later was looked at, too.

    py-spy looks at random times, 200 looks are 200 ± 14, and a program that never waits seems to
    run for 93 % of the time, then for 107 %. But a thread that could run all the time was seen at
    each look. In general the looks at which a thread was seen running, and those at which it was
    not, are two independent Poisson counts (thinning: Kingman, Poisson Processes, 1993): to the
    samples of the thread that waited least come the looks that are expected while it did. With
    `idle` threads among the samples, one that is always there was seen at each look.
    """
    seen = _by_thread(samples)
    if not seen:
        return None
    most = max(seen.values())  # none can be seen more often
    if idle:
        return most
    shares = {
        thread: (spent[thread.tid].cpu_s + spent[thread.tid].wait_s + stopped_s) / seconds
        for thread in seen
        if thread.tid in spent
    }
    busiest = max(shares, key=lambda thread: shares[thread], default=None)
    if busiest is None or shares[busiest] < _BUSY:
        return None
    return max(most, seen[busiest] + max(0.0, 1 - shares[busiest]) * expected)
