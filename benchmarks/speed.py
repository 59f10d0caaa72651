"""How fast perftui itself is: ``python benchmarks/speed.py``.

Stacks parsed and merged a second, the cost of a refresh with few and with many functions, how soon
a key is answered, and the memory of a day. CPU time is measured where that is possible, so that
another program on the machine matters little.
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import io
import itertools
import pstats
import random
import statistics
import sys
import tempfile
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from key_presses import pressing, pressing_among_faults
from on_terminal import OnTerminal, environment, plain
from report import MB, heading, judged, orderly, say, table
from synthetic import (
    DEPTH,
    HISTORY_S,
    MANY,
    PID,
    STACKS,
    THREADS,
    Program,
    in_second,
    picture,
    threads,
)

from perftui.cli import GC_THRESHOLD
from perftui.model.series import Origin, Point, SeriesKey
from perftui.model.snapshot import Snapshot
from perftui.model.stacks import Stack, Thread
from perftui.model.timeline import TIERS, Timeline
from perftui.sources.speedscope import SpeedscopeReader
from perftui.sources.torn import EdgeBook
from perftui.tui.functions_view import FunctionsView
from perftui.tui.profile_view import ProfileView

FEW = 100
PARSE_GOAL = 100_000
REFRESH_GOAL = 1.5
SAMPLES = 100 * THREADS
"""A second at 100 Hz in which every thread was busy."""
TURNS = 5
"""So many runs of the screen with few and with many functions, in turn; their medians count."""
SERIES = 50
IN_SIGHT = 30
"""Rows of the table that are drawn."""
WHOLE_S = 5.0
"""How long the timeline of the parsing keeps windows whole: most of them are merged in its time."""
TIMEOUT_S = 30.0
SETTLE_S = 4.0


@contextmanager
def profiled(wanted: bool, title: str) -> Iterator[None]:
    """Print where the time went, on stderr, if that is wanted."""
    if not wanted:
        yield
        return
    profiler = cProfile.Profile()
    with profiler:
        yield
    text = io.StringIO()
    pstats.Stats(profiler, stream=text).strip_dirs().sort_stats("tottime").print_stats(14)
    say(f"--- {title}\n{text.getvalue()}")


@dataclass
class Stages:
    """CPU seconds by stage."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count what is done inside for this stage."""
        begun = time.process_time()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.process_time() - begun


def parsed(files: Sequence[bytes]) -> Stages:
    """Each file is read, cut, put into a timeline, and merged there `WHOLE_S` seconds later."""
    stages = Stages()
    reader, edges, timeline = SpeedscopeReader(PID), EdgeBook(), Timeline(whole_s=WHOLE_S)
    for number, data in enumerate(files):
        with stages.stage("read"):
            stacks = reader.read(data)
        with stages.stage("cut"):
            shown, replaced = edges.add(in_second(number, stacks))
        with stages.stage("keep and merge"):
            timeline.add_window(shown, replaced)
    return stages


def parsing(windows: int, *, profile: bool) -> str:
    """The table of stacks a second."""
    rows: list[tuple[str, ...]] = []
    for name in ("stacks repeat", "all distinct"):
        say(f"parsing, {name}")
        program = Program(20 * DEPTH)
        repeat = name == "stacks repeat"
        samples = program.repeating(SAMPLES) if repeat else program.distinct(SAMPLES)
        files = [program.speedscope(seen) for seen in itertools.islice(samples, windows)]
        with profiled(profile, f"parsing, {name}"):
            stages = parsed(files)
        count, seconds = windows * SAMPLES, stages.seconds
        merged = count / (seconds["read"] + seconds["keep and merge"])
        checked = count / sum(seconds.values())
        rows.append(
            (
                name,
                f"{count:,}",
                *(f"{1e6 * spent / count:.1f}" for spent in seconds.values()),
                f"{merged:,.0f}",
                f"{checked:,.0f}",
                judged(f"≥ {PARSE_GOAL:,}", met=checked >= PARSE_GOAL),
            )
        )
    titles = ("read, µs each", "cut, µs each", "keep and merge, µs each")
    sums = ("read and merged/s of a core", "all three/s", "goal of all three")
    return table((f"stacks {DEPTH} deep", "stacks", *titles, *sums), rows)


@dataclass
class Refresh:
    """CPU seconds: of the first look at a minute, of each refresh by its two parts, of a key."""

    first: float
    functions: int
    count: list[float] = field(default_factory=list)
    look: list[float] = field(default_factory=list)
    key: list[float] = field(default_factory=list)


def cpu(work: Callable[..., object], *arguments: object) -> float:
    """The CPU seconds that it takes."""
    begun = time.process_time()
    work(*arguments)
    return time.process_time() - begun


def refreshed(functions: int, times: int, *, repeat: bool) -> Refresh:
    """A view of a minute of windows, to which each refresh adds one; then its order is changed.

    The number of samples and of distinct stacks is the same for every number of functions. With
    `repeat` the stacks of all windows are of a set large enough to have every function in it;
    without, no stack ever comes again.
    """
    program = Program(functions)
    samples = program.from_pool(STACKS, MANY // DEPTH) if repeat else program.distinct(STACKS)
    every = [
        program.window(number, seen)
        for number, seen in enumerate(itertools.islice(samples, HISTORY_S + times))
    ]
    view = ProfileView()
    table_view = FunctionsView(view)

    def look(snapshot: Snapshot) -> None:
        rows = table_view.rows(snapshot)
        for row in range(min(IN_SIGHT, len(rows))):
            rows[row]

    def first(snapshot: Snapshot) -> None:
        view.count(snapshot)
        look(snapshot)

    def key(snapshot: Snapshot, sort: str) -> None:
        table_view.sort_by(sort)
        look(snapshot)

    snapshot = picture(every[:HISTORY_S])
    seen = Refresh(cpu(first, snapshot), len(table_view.rows(snapshot)))
    for number in range(1, times + 1):
        snapshot = picture(every[number : HISTORY_S + number])
        seen.count.append(cpu(view.count, snapshot))
        seen.look.append(cpu(look, snapshot))
    seen.key = [cpu(key, snapshot, sort) for sort in ("total", "own", "own_s", "own") * 3]
    return seen


def drawn(functions: int, directory: Path, seconds: float) -> tuple[float, int]:
    """CPU seconds of a refresh of the whole screen on a terminal, and the memory in bytes."""
    argv = [sys.executable, str(Path(__file__).with_name("play.py")), str(functions)]
    with OnTerminal(argv, directory, environment(directory)) as running:
        if running.wait(lambda data: b"module_" in data, 2 * TIMEOUT_S) is None:
            raise RuntimeError(f"no functions:\n{plain(running.drawn())[-2000:]}")
        time.sleep(SETTLE_S)
        begun, (cpu_s, _) = time.perf_counter(), running.cpu_s()
        time.sleep(seconds)
        spent = running.cpu_s()[0] - cpu_s
        return spent / (time.perf_counter() - begun), running.rss()


def refreshing(directory: Path, times: int, *, profile: bool) -> str:
    """The table of what a refresh costs."""
    runs: dict[int, list[tuple[float, int]]] = {FEW: [], MANY: []}
    for turn in range(TURNS):
        say(f"a refresh of the screen, {turn + 1} of {TURNS}")
        for functions, seen in runs.items():
            seen.append(drawn(functions, directory, times))
    few_s, many_s = (statistics.median(cpu_s for cpu_s, _ in seen) for seen in runs.values())
    few_rss, many_rss = (statistics.median(rss for _, rss in seen) for seen in runs.values())
    ratio = many_s / few_s
    rows: list[tuple[str, ...]] = [
        (
            "a refresh of the whole screen, stacks repeat",
            *(f"{1000 * few_s:.1f}", f"{1000 * many_s:.1f}", f"{ratio:.2f}"),
            judged(f"≤ {REFRESH_GOAL:g}", met=ratio <= REFRESH_GOAL),
        ),
        ("RSS with it, MB", f"{few_rss / MB:.0f}", f"{many_rss / MB:.0f}", "", ""),
    ]
    for repeat in (True, False):
        case = "stacks repeat" if repeat else "all distinct"
        say(f"a refresh of the functions alone, {case}")
        few = refreshed(FEW, times, repeat=repeat)
        with profiled(profile, f"a refresh, {MANY} functions, {case}"):
            many = refreshed(MANY, times, repeat=repeat)
        rows += [
            (name, f"{1000 * a:.2f}", f"{1000 * b:.2f}", f"{b / a:.2f}", "")
            for name, a, b in (
                (f"the functions alone, {case}", _both(few), _both(many)),
                ("– count the new window", *_medians(few.count, many.count)),
                ("– look, and make the rows in sight", *_medians(few.look, many.look)),
                ("– a key that changes the order", *_medians(few.key, many.key)),
                ("– the first look at a minute", few.first, many.first),
            )
        ]
        rows.append(("– rows in the span", f"{few.functions:,}", f"{many.functions:,}", "", ""))
    titles = (f"{FEW} functions", f"{MANY:,} functions")
    return table(("CPU, ms", *titles, "ratio", "goal"), rows)


def _both(seen: Refresh) -> float:
    return statistics.median(a + b for a, b in zip(seen.count, seen.look, strict=True))


def _medians(few: Sequence[float], many: Sequence[float]) -> tuple[float, float]:
    return statistics.median(few), statistics.median(many)


def remembering(stacks: int, every_s: int) -> str:
    """The table of what a timeline holds after a day."""
    rows = []
    for name, fresh in (("stacks repeat", 0.02), ("all distinct", 1.0)):
        say(f"a day, {name}")
        tracemalloc.start()
        program = Program(20_000)
        timeline = Timeline()
        known: list[Stack] = [program.stack(route) for route in program.routes(400)]
        every = threads()
        most = 0
        for second in (*range(0, 86_400 - 600, every_s), *range(86_400 - 600, 86_400)):
            new = int(stacks * fresh)
            seen = [*random.choices(known, k=stacks - new)]
            seen += [program.stack(program.route()) for _ in range(new)]
            counted: Counter[tuple[Thread, Stack]] = Counter(
                (every[n % THREADS], stack) for n, stack in enumerate(seen)
            )
            timeline.add_window(in_second(second, counted))
            most = max(most, tracemalloc.get_traced_memory()[0])
        kept = timeline.windows(0.0)
        whole = sum(window.end > 86_400 - TIERS[0].keep_s for window in kept)
        del known, seen, counted, program
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        rows.append(
            (
                name,
                f"{len(kept):,} ({whole} whole)",
                f"{sum(len(window.stacks) for window in kept):,}",
                f"{held / MB:.0f}",
                f"{most / MB:.0f}",
            )
        )
    titles = (f"a day, {stacks} stacks a window", "windows", "stacks", "MB held", "most, MB")
    return table(titles, rows)


def remembering_series() -> str:
    """The table of what a timeline holds of metrics after a day, a point of each a second."""
    say("a day of metrics")
    timeline = Timeline()
    keys = [
        SeriesKey(f"metric_{n // 10}", Origin.PROMETHEUS, "", (("n", str(n)),))
        for n in range(SERIES)
    ]
    tracemalloc.start()
    for second in range(86_400):
        at = float(second)
        timeline.add_points((key, Point(at, random.random())) for key in keys)
    held, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    begun = time.thread_time()
    points = sum(len(series.points) for series in timeline.series(0.0))
    read_ms = 1000 * (time.thread_time() - begun)
    row = (f"{SERIES}", f"{points:,}", f"{held / MB:.1f}", f"{most / MB:.1f}", f"{read_ms:.1f}")
    titles = ("a day, series", "points", "MB held", "most, MB", "to read all, ms of CPU")
    return table(titles, [row])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="How fast perftui itself is.")
    parts = ("parse", "refresh", "keys", "faults", "memory")
    parser.add_argument("--part", choices=parts, action="append", help="only this; repeatable")
    parser.add_argument(
        "--profile", action="store_true", help="say on stderr where the time goes (slower)"
    )
    parser.add_argument("--quick", action="store_true", help="less of all, to try it")
    arguments = parser.parse_args()
    wanted, quick, profile = arguments.part or parts, arguments.quick, arguments.profile
    print(heading(), "\n", flush=True)
    gc.set_threshold(GC_THRESHOLD)  # as perftui does
    with orderly(), tempfile.TemporaryDirectory(prefix="bench-") as name:
        if "parse" in wanted:
            print(parsing(40 if quick else 120, profile=profile), "\n", flush=True)
        if "refresh" in wanted:
            print(refreshing(Path(name), 10 if quick else 40, profile=profile), "\n", flush=True)
        if "keys" in wanted:
            presses, warm_s = (40, 4.0) if quick else (500, 15.0)
            print(pressing(Path(name), presses, warm_s), "\n", flush=True)
        if "faults" in wanted:
            presses, warm_s = (40, 4.0) if quick else (500, 15.0)
            print(pressing_among_faults(Path(name), presses, warm_s), "\n", flush=True)
        if "memory" in wanted:
            stacks, every_s = (100, 60) if quick else (300, 10)
            print(remembering(stacks, every_s), "\n", flush=True)
            print(remembering_series(), flush=True)


if __name__ == "__main__":
    main()
