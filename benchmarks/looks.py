"""What one look of py-spy costs: ``python benchmarks/looks.py``.

By number of threads, mode and rate: how much of its time the target is found stopped, py-spy's CPU
time, and what the target still does. The lines that are fitted to that are what the governor
believes before it has measured anything (:mod:`perftui.sources.governor`). Linux only.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from report import heading, orderly, say, table
from targets import Target

from perftui.sources import governor
from perftui.sources.pyspy_run import Finished, PySpyRun
from perftui.sources.speedscope import SpeedscopeReader, error_count
from perftui.sources.stops import StopWatch

ATTACH_S = 30.0
END_S = 20.0
LIMIT_S = 600
"""py-spy ends by itself after this, should the benchmark not be there to end it."""


@dataclass(frozen=True)
class Way:
    """How py-spy looks."""

    threads: int
    nonblocking: bool
    gil: bool
    rate_hz: int

    @property
    def mode(self) -> str:
        """In words."""
        return ("non-blocking" if self.nonblocking else "blocking") + (" -g" if self.gil else "")

    def arguments(self) -> list[str]:
        """py-spy's own options for it."""
        flags = [("--nonblocking", self.nonblocking), ("--gil", self.gil)]
        return ["--rate", str(self.rate_hz), *(flag for flag, on in flags if on)]


@dataclass(frozen=True)
class Cost:
    """What a run took: `looks` in `seconds`, CPU seconds of py-spy, from its start on; `stopped` of
    `polls`; the part of its speed that the target kept; looks that failed."""

    looks: int
    seconds: float
    cpu_s: float
    stopped: int
    polls: int
    speed: float
    errors: int


class Runs:
    """Measures runs of py-spy on one target."""

    def __init__(self, target: Target, seconds: float) -> None:
        self._target = target
        self._seconds = seconds

    def measure(self, way: Way) -> Cost:
        """One run, with the target alone before and after it."""
        before = self._target.pace(self._seconds / 2).speed
        run = self._attach(way)
        try:
            begun, count = time.perf_counter(), self._target.count()
            # A non-blocking look never stops it; to be sure of that it is polled all the same.
            with StopWatch([self._target.pid]) as stops:
                while (left := begun + self._seconds - time.perf_counter()) > 0 and not run.ended:
                    run.listen(min(left, stops.wait_s() or left))
                    stops.poll()
            done, seconds = self._target.count() - count, time.perf_counter() - begun
        finally:
            run.interrupt()
            finished = run.finish(END_S)
            self._target.let_go()
        alone = statistics.mean([before, self._target.pace(self._seconds / 2).speed])
        return Cost(
            looks=self._looks(finished),
            seconds=seconds,
            cpu_s=finished.cpu_s,
            stopped=stops.stopped,
            polls=stops.polls,
            speed=done / seconds / alone,
            errors=error_count(finished.output),
        )

    def _attach(self, way: Way) -> PySpyRun:
        run = PySpyRun(way.arguments(), self._target.pid, LIMIT_S)
        deadline = time.monotonic() + ATTACH_S
        while not (run.attached or run.ended) and time.monotonic() < deadline:
            run.listen(0.1)
        if not run.attached:
            run.interrupt()
            finished = run.finish(END_S)
            raise RuntimeError(f"py-spy did not attach: {finished.output[-500:]}")
        return run

    def _looks(self, finished: Finished) -> int:
        """The busy thread is in the stacks of each look but those that failed."""
        samples = SpeedscopeReader(self._target.pid).read(finished.data)
        main = sum(n for (thread, _), n in samples.items() if thread.tid == self._target.pid)
        return main + error_count(finished.output)


def row(way: Way, costs: Sequence[Cost]) -> tuple[str, ...]:
    """The medians of the rounds."""

    def median(values: Iterable[float]) -> float:
        return statistics.median(list(values))

    stopped = median(c.stopped / c.polls for c in costs if c.polls)
    held = median(c.looks / c.seconds for c in costs)
    return (
        str(way.threads),
        way.mode,
        str(way.rate_hz),
        f"{held:.0f}",
        f"{100 * stopped:.1f}",
        "" if way.nonblocking else f"{1000 * stopped / held:.2f}" if held else "–",
        f"{100 * median(c.cpu_s / c.seconds for c in costs):.1f}",
        f"{1000 * median(c.cpu_s / max(1, c.looks) for c in costs):.2f}",
        f"{median(c.speed for c in costs):.2f}",
        f"{median(c.errors for c in costs):.0f}",
    )


TITLES = (
    "threads",
    "mode",
    "Hz asked",
    "Hz held",
    "stopped %",
    "stop per look, ms",
    "py-spy's CPU, %",
    "CPU per look, ms",
    "speed kept",
    "errors",
)


def _fit(rows: list[tuple[float, ...]], values: list[float]) -> list[float]:
    """The factors that fit `values` best, relative errors squared; each row is what they count."""
    weights = 1 / np.maximum(np.array(values), 1e-9)
    solved, *_ = np.linalg.lstsq(
        np.array(rows) * weights[:, None], np.array(values) * weights, rcond=None
    )
    return [float(value) for value in solved]


def fitted(costs: dict[Way, list[Cost]]) -> str:
    """What a run, a look and a thread take, beside what the governor believes at first."""
    each = [(way, cost) for way, many in costs.items() for cost in many if cost.looks]
    rows: list[tuple[str, str, str]] = []
    for gil, names, believed in (
        (False, "_THREAD_CPU_S", governor._THREAD_CPU_S),
        (True, "_GIL_THREAD_CPU_S", governor._GIL_THREAD_CPU_S),
    ):
        found = [(way, cost) for way, cost in each if way.gil is gil]
        if len({(way.threads, way.rate_hz) for way, _ in found}) < 3:
            continue
        run_s, look_s, thread_s = _fit(
            [(1.0, cost.looks, cost.looks * way.threads) for way, cost in found],
            [cost.cpu_s for _, cost in found],
        )
        kind = " -g" if gil else ""
        rows += [
            (f"CPU of a run{kind} (_START_CPU_S)", _ms(run_s), _ms(governor._START_CPU_S)),
            (f"CPU of a look{kind} (_LOOK_CPU_S)", _ms(look_s), _ms(governor._LOOK_CPU_S)),
            (f"CPU of a look, for each thread{kind} ({names})", _ms(thread_s), _ms(believed)),
        ]
    # Where it is stopped nearly always, a stop cannot be told from the next one.
    stops = [
        (way, cost.stopped / cost.polls / (cost.looks / cost.seconds))
        for way, cost in each
        if not (way.nonblocking or way.gil) and 0 < cost.stopped < 0.8 * cost.polls
    ]
    if len({way.threads for way, _ in stops}) > 1:
        look_s, thread_s = _fit([(1.0, way.threads) for way, _ in stops], [s for _, s in stops])
        rows += [
            ("stop of a look (_LOOK_STOP_S)", _ms(look_s), _ms(governor._LOOK_STOP_S)),
            (
                "stop of a look, for each thread (_THREAD_STOP_S)",
                _ms(thread_s),
                _ms(governor._THREAD_STOP_S),
            ),
        ]
    return table(("ms", "fitted here", "the governor's first belief"), rows)


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.3f}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What one look of py-spy costs.")
    parser.add_argument("--threads", metavar="N,N", help="of the targets (2,20,50,100,200)")
    parser.add_argument("--rates", metavar="HZ,HZ", help="to look at (10,50)")
    parser.add_argument("--rounds", type=int, metavar="N", help="of each run (3)")
    parser.add_argument("--seconds", type=float, metavar="S", help="of each run (4)")
    parser.add_argument("--quick", action="store_true", help="one short round, to try it")
    arguments = parser.parse_args()
    quick = arguments.quick
    counts = _numbers(arguments.threads or ("2,20,100" if quick else "2,20,50,100,200"))
    rates = _numbers(arguments.rates or "10,50")
    rounds = arguments.rounds or (1 if quick else 3)
    seconds = arguments.seconds or (1.5 if quick else 4.0)
    if sys.platform != "linux":
        parser.error("how often a process is stopped can be told on Linux only")
    ways = [
        Way(threads, nonblocking, gil, rate)
        for threads in counts
        for gil in (False, True)
        for nonblocking in (False, True)
        for rate in rates
    ]
    say(f"about {len(ways) * rounds * (2 * seconds + 0.7) / 60:.0f} minutes")
    print(heading(), flush=True)
    print(
        f"- one busy thread, the others asleep, stacks 20 deep; medians of {rounds} runs of "
        f"{seconds:g} s in random order\n",
        flush=True,
    )
    costs: dict[Way, list[Cost]] = defaultdict(list)
    with orderly(), tempfile.TemporaryDirectory(prefix="bench-") as name:
        for threads in counts:
            with Target(threads, Path(name)) as target:
                runs = Runs(target, seconds)
                for number in range(1, rounds + 1):
                    say(f"{threads} threads, round {number} of {rounds}")
                    mine = [way for way in ways if way.threads == threads]
                    for way in random.sample(mine, len(mine)):
                        costs[way].append(runs.measure(way))
    print(table(TITLES, [row(way, costs[way]) for way in ways]), "\n")
    print(fitted(costs))


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


if __name__ == "__main__":
    main()
