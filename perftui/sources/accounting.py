"""py-spy's samples held against the kernel's count of CPU time.

Threads that py-spy woke. In its blocking mode it stops every thread for each look and lets it go
again. A thread that waits (for a lock, a socket, a queue) then runs for a moment to go back to its
wait, and when the next look comes soon, or the host is busy, it is found running: a service that
idles seems to spend a tenth of its time in `select`.

Looks that never were. With many threads, or on a busy host, py-spy does not hold its rate, and says
so only when it is more than a second late; a busy thread then seems to be busy a part of the time.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath

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


def cpu_seconds(pids: Iterable[int]) -> dict[int, float]:
    """CPU time of every thread of these processes by thread id; empty where that is not told."""
    used: dict[int, float] = {}
    for pid in pids:
        try:
            tasks = list(Path(f"/proc/{pid}/task").iterdir())
        except OSError:
            continue
        for task in tasks:
            try:
                # proc(5): time on the CPU in ns, time on a run queue, number of time slices.
                used[int(task.name)] = int((task / "schedstat").read_bytes().split()[0]) / 1e9
            except (OSError, ValueError, IndexError):
                continue
    return used


def without_waking(
    samples: Samples, cpu_s: Mapping[int, float], seconds: float, rate_hz: float
) -> tuple[Counter[tuple[Thread, Stack]], int]:
    """The samples that are left, and how many were dropped.

    `cpu_s` is the CPU time of each thread id during the window, in seconds; threads that it does
    not name are left alone. Of a thread that did nothing all samples go. Of one that worked, those
    go that lie at a waiting place and are more than two standard deviations beyond what its CPU
    time can have given: `rate_hz * cpu_s` is the mean of a Poisson count.
    """
    kept: Counter[tuple[Thread, Stack]] = Counter(dict(samples))
    dropped = 0
    seen: Counter[Thread] = Counter()
    for (thread, _), count in samples.items():
        seen[thread] += count
    for thread, count in seen.items():
        spent = cpu_s.get(thread.tid)
        if spent is None:
            continue
        is_idle = spent < _IDLE_SHARE * seconds
        possible = rate_hz * spent
        surplus = count if is_idle else math.ceil(count - possible - 2 * math.sqrt(possible) - 1)
        if surplus <= 0:
            continue
        waits = [
            (stack, n)
            for (of, stack), n in samples.items()
            if of == thread and (is_idle or (stack and is_wait(stack[-1])))
        ]
        for stack, n in sorted(waits, key=lambda wait: -wait[1]):
            gone = min(n, surplus)
            surplus -= gone
            dropped += gone
            kept[thread, stack] -= gone
    return +kept, dropped


def is_wait(frame: Frame) -> bool:
    """Whether a thread with this frame on top most likely waits."""
    names = _WAITS.get(PurePath(frame.file).name)
    return names is not None and frame.function.rpartition(".")[2] in names


def held_rate(
    samples: Samples, cpu_s: Mapping[int, float], seconds: float, rate_hz: float, *, idle: bool
) -> float:
    """How often a second it really looked: `rate_hz`, or less where that is beyond chance.

    With `idle` threads among the samples, each look gives one sample of a thread that is there all
    the time. Without, the threads' samples are compared with their CPU time `cpu_s` in seconds,
    three standard deviations of their Poisson count allowed.
    """
    seen: Counter[Thread] = Counter()
    for (thread, _), count in samples.items():
        seen[thread] += count
    if idle:
        looks, possible = max(seen.values(), default=0), rate_hz * seconds
    else:
        known = {thread: count for thread, count in seen.items() if thread.tid in cpu_s}
        looks = sum(known.values())
        possible = rate_hz * sum(cpu_s[thread.tid] for thread in known)
    if possible < _ENOUGH_TICKS or looks + 3 * math.sqrt(looks + 1) >= _HELD * possible:
        return rate_hz
    return rate_hz * looks / possible
