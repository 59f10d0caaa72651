"""What protects a real target: the stop budget, and stacks that never existed."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from servers import wait_for

from perftui.config import load
from perftui.model.snapshot import Snapshot
from perftui.model.stacks import Window
from perftui.monitor import Monitor
from perftui.target.describe import describe

pytestmark = pytest.mark.live

PATHS = """
DEPTH = {depth}
lines = []
for side in "lr":
    lines.append(f"def {{side}}_{{DEPTH}}(): return sum(range(30))")
    for level in range(DEPTH - 1, 0, -1):
        lines.append(f"def {{side}}_{{level}}(): return {{side}}_{{level + 1}}()")
exec(compile("\\n".join(lines), "/srv/paths.py", "exec"))
print("ready")
while True:
    l_1()
    r_1()
"""

POOL = """
import threading

def asleep(depth=20):
    if depth:
        return asleep(depth - 1)
    threading.Event().wait()

def burn():
    count = 0
    while True:
        count += 1

for _ in range(80):
    threading.Thread(target=asleep, daemon=True).start()
print("ready")
burn()
"""


@contextmanager
def watched(pid: int, **profile: Any) -> Iterator[Monitor]:
    monitor = Monitor(describe(pid), load({"profile": profile}, {}, []))
    monitor.start()
    try:
        yield monitor
    finally:
        monitor.stop()


def wait_until(monitor: Monitor, enough: Callable[[Snapshot], bool], seconds: float) -> Snapshot:
    wait_for(lambda: enough(monitor.snapshot()), seconds, "enough windows", every=0.2)
    return monitor.snapshot()


def blocking(seen: Snapshot) -> list[Window]:
    return [one for one in seen.windows if not one.torn]


def mixed_share(seen: Snapshot) -> float:
    """The part of all samples that show both paths."""
    both = 0
    for one in seen.windows:
        for (_, frames), count in one.stacks.items():
            found = {f.function[0] for f in frames if f.function[:2] in ("l_", "r_")}
            both += count * (len(found) > 1)
    return both / sum(one.samples for one in seen.windows)


def tops(seen: Snapshot) -> Counter[str]:
    """Samples by the side that their top is on; the loop around both is on none."""
    found: Counter[str] = Counter()
    for one in seen.windows:
        for (_, frames), count in one.stacks.items():
            found[frames[-1].function[:2]] += count
    return found


@pytest.mark.parametrize("depth", [5, 40, 100])
def test_paths_that_exclude_each_other_do_not_mix(depth: int, python_target: Any) -> None:
    """Once blocking looks have shown what calls there are, at most 2 % of the stacks mix two paths
    of which only one can be true; own shares are those of blocking looks."""
    target = python_target(PATHS.format(depth=depth))
    with watched(target.pid) as monitor:
        seen = wait_until(
            monitor,
            lambda s: (
                len(blocking(s)) >= 2 and any(w.cut for w in s.windows) and mixed_share(s) <= 0.02
            ),
            120,
        )
    assert any(one.torn and one.cut for one in seen.windows)
    # Both sides do the same, thousands of times between two looks, so that the side of each look is
    # the toss of a coin: the difference of `n` tosses has the standard deviation sqrt(n), and of
    # five of them one run in a million has more.
    left, right = tops(seen)["l_"], tops(seen)["r_"]
    assert left + right > 100
    assert abs(left - right) < 5 * math.sqrt(left + right)


def test_a_pool_of_threads_is_spared(python_target: Any) -> None:
    """A target of 80 threads, which blocking looks at 100 Hz would stop for most of the time, is
    hardly stopped at all, and how much is known."""
    target = python_target(POOL)
    with watched(target.pid) as monitor:
        seen = wait_until(monitor, lambda s: len(blocking(s)) >= 3, 90)
    stopped = [one.stopped_s for one in seen.windows if one.stopped_s is not None]
    assert len(stopped) == len(seen.windows)
    assert sum(stopped) < 0.05 * sum(one.seconds for one in seen.windows)
    assert any(stopped)


def test_the_user_may_allow_more(python_target: Any) -> None:
    """With a budget that allows it every window is a blocking one, and nothing is cut."""
    target = python_target(PATHS.format(depth=5))
    with watched(target.pid, max_overhead=100.0) as monitor:
        began = time.time()
        seen = wait_until(monitor, lambda s: len(s.windows) >= 6, 60)
    assert not [w for w in seen.windows if w.torn and w.start > began + 3]
