"""perftui beside `py-spy top`, on the same target: ``python benchmarks/against_pyspy_top.py``.

Prints two Markdown tables: what each of them takes, and what the target still does meanwhile. The
second comes from interleaved turns: the target runs under `py-spy top` and under perftui in random
order, alone before each, and is compared with itself alone at about the same time. perftui is held
where it is not its turn. See README.md.
"""

from __future__ import annotations

import argparse
import random
import re
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from on_terminal import OnTerminal, environment, plain
from report import MB, heading, judged, orderly, quartiles, say, spread, table
from targets import HOT, Pace, Target

from perftui.sources.gil import DURATION_S
from perftui.sources.pyspy_run import find_pyspy

FIRST_GOAL_S = 1.5
OWN_CPU_GOAL_PCT = 3.0
SAMPLER_CPU_GOAL = 1.3
RSS_GOAL_MB = 45.0
BYTES_GOAL = 1500.0
SPEED_GOALS = {2: 0.98, 100: 0.95}
"""The part of its speed that a target of so many threads keeps at least."""

TIMEOUT_S = 30.0
SETTLE_S = 2.0
ALONE_SETTLE_S = 0.5
LOOKS_AT_PYSPY = 50
"""At which py-spy runs, a fifth of a second apart: several windows."""
_HEADER = re.compile(r"(\d+) Hz  (blocking|non-blocking|mixed|GIL only)\b")
_SAMPLER = re.compile(r"py-spy (\d+)% cpu")
_FRAME = re.compile(rb"\x1b\[\d+;\d+H")
_EMPTY_APP = "from textual.app import App; App().run()"


@dataclass(frozen=True)
class Plan:
    """How long and how often it is measured, times in seconds.

    Work is measured in rounds of so many `turns`, each of `turn_s`, once perftui has run for
    `warm_s` and learned what a look costs. It is at rest after `settled_s`: its trends are full.
    What it takes is read for `rest_s`, and its sampler and `py-spy top` in so many `pairs`.
    """

    starts: int
    rest_s: float
    pairs: int
    rounds: int
    turns: int
    turn_s: float
    warm_s: float
    settled_s: float


FULL = Plan(5, rest_s=30.0, pairs=3, rounds=15, turns=5, turn_s=2.0, warm_s=30.0, settled_s=120.0)
QUICK = Plan(2, rest_s=5.0, pairs=2, rounds=3, turns=1, turn_s=2.0, warm_s=8.0, settled_s=8.0)


@dataclass(frozen=True)
class Taken:
    """What a program takes at rest: CPU in percent of a core, its own and that of what it started,
    memory and output in bytes and bytes a second; and what stands on its screen."""

    own_pct: float
    children_pct: float
    rss: int
    bytes_s: float
    screen: str


@dataclass(frozen=True)
class Sampler:
    """What perftui's header says: looks a second, mode in words, CPU of py-spy in percent."""

    rate_hz: int
    mode: str
    cpu_pct: int | None

    def options(self, rate_hz: int) -> list[str]:
        """The same for `py-spy top`. Where most looks are non-blocking, all are there."""
        gil = ["--gil"] if self.mode == "GIL only" else []
        nonblocking = [] if self.mode == "blocking" else ["--nonblocking"]
        return ["--rate", str(rate_hz), *nonblocking, *gil]


@dataclass
class Compared:
    """A program beside the target alone: by round, the part of its speed that the target kept, and
    the part of the time that it ran."""

    ratios: list[float] = field(default_factory=list)
    ran: list[float] = field(default_factory=list)
    under: float = 0.0
    alone: float = 0.0

    def add(self, paces: Sequence[Pace], alone: float) -> None:
        """Take in a round: how fast in each turn under the program, and alone in that round."""
        speed = statistics.mean(pace.speed for pace in paces)
        self.ratios.append(speed / alone)
        self.ran.append(statistics.mean(pace.ran for pace in paces))
        self.under += speed
        self.alone += alone

    @property
    def median(self) -> float:
        """The median of the rounds."""
        return quartiles(self.ratios)[1]

    def __str__(self) -> str:
        """Median, quartiles, and all rounds together; the median of how much of the time it ran."""
        together = self.under / self.alone
        return f"{spread(self.ratios)}, all {together:.3f}; ran {statistics.median(self.ran):.3f}"


class Bench:
    """Starts perftui, `py-spy top` and an empty app in a directory without settings."""

    def __init__(self, directory: Path, plan: Plan) -> None:
        self._directory = directory
        self._env = environment(directory)
        self.plan = plan

    def perftui(self, target: Target) -> OnTerminal:
        """perftui as it is without options."""
        return self._run([sys.executable, "-m", "perftui", str(target.pid)])

    @contextmanager
    def top(self, target: Target, options: Sequence[str] = ()) -> Iterator[OnTerminal]:
        """`py-spy top`, by default blocking and at 100 Hz."""
        argv = [find_pyspy(), "top", "--pid", str(target.pid), *options]
        with self._run(argv, signal.SIGINT) as top:
            yield top
        if target.let_go():
            say("  py-spy top left the target stopped; it was continued")

    def empty(self) -> OnTerminal:
        """The least that a Textual app can be."""
        return self._run([sys.executable, "-c", _EMPTY_APP])

    def _run(self, argv: Sequence[str], end: signal.Signals = signal.SIGTERM) -> OnTerminal:
        return OnTerminal(argv, self._directory, self._env, end)

    def target(self, threads: int) -> Target:
        """The program that is watched."""
        return Target(threads, self._directory)

    def at_rest(self, running: OnTerminal, warm_s: float) -> Taken:
        """What it takes once it has run for `warm_s` seconds and nobody presses a key."""
        time.sleep(max(0.0, running.started + warm_s - time.perf_counter()))
        begun, (own, children), written = time.perf_counter(), running.cpu_s(), running.written
        time.sleep(self.plan.rest_s)
        seconds, (own_end, children_end) = time.perf_counter() - begun, running.cpu_s()
        written, rss = running.written - written, running.rss()
        return Taken(
            own_pct=100 * (own_end - own) / seconds,
            children_pct=100 * (children_end - children) / seconds,
            rss=rss,
            bytes_s=written / seconds,
            screen=plain(running.redrawn()),
        )


def is_hot(data: bytes) -> bool:
    """Whether the hottest function has been drawn."""
    return HOT.encode() in data


def seconds_to(running: OnTerminal, is_there: Callable[[bytes], bool]) -> float:
    """How long it took from its start to draw what is waited for."""
    at = running.wait(is_there, TIMEOUT_S)
    if at is None:
        shown = plain(running.drawn())[-2000:]
        raise RuntimeError(f"after {TIMEOUT_S:.0f} s it still shows only:\n{shown}")
    return at - running.started


def seconds_to_first(bench: Bench, target: Target) -> tuple[list[float], list[float], list[float]]:
    """Of perftui, `py-spy top` and the empty app; the first start of each is to warm up."""
    mine, top, empty = [], [], []
    for _ in range(bench.plan.starts + 1):
        with bench.perftui(target) as running:
            mine.append(seconds_to(running, is_hot))
        with bench.top(target) as running:
            top.append(seconds_to(running, is_hot))
        with bench.empty() as running:
            empty.append(seconds_to(running, lambda data: bool(_FRAME.search(data))))
    return mine[1:], top[1:], empty[1:]


def sampler_of(screen: str) -> Sampler | None:
    """What the last header says that was drawn."""
    headers = list(_HEADER.finditer(screen))
    if not headers:
        return None
    cpu = _SAMPLER.search(screen, headers[-1].start())
    return Sampler(int(headers[-1][1]), headers[-1][2], int(cpu[1]) if cpu else None)


def rate_asked_for(running: OnTerminal) -> int:
    """The rate that perftui mostly asks py-spy for. The header says what was held, which is less:
    to ask `py-spy top` for that would make it hold less again."""
    rates: Counter[int] = Counter()
    for _ in range(LOOKS_AT_PYSPY):
        for process in running.family():
            with suppress(psutil.Error):
                words = process.cmdline()
                # The looks at the GIL's holder beside the windows are not what is meant.
                if "record" in words and int(words[words.index("--duration") + 1]) > DURATION_S:
                    rates[int(words[words.index("--rate") + 1])] += 1
        time.sleep(0.2)
    if not rates:
        raise RuntimeError("perftui has started no py-spy")
    return rates.most_common(1)[0][0]


def resources(bench: Bench, threads: int) -> str:
    """The table of what each takes on a target of so many threads."""
    plan = bench.plan
    with bench.target(threads) as target:
        say(f"{threads} threads: {plan.starts + 1} starts of each")
        first, first_top, first_empty = seconds_to_first(bench, target)
        say(f"{threads} threads: perftui at rest")
        with bench.perftui(target) as running:
            mine = bench.at_rest(running, plan.settled_s)
            rate_hz = rate_asked_for(running)
        sampler = sampler_of(mine.screen) or Sampler(rate_hz, "blocking", None)
        options = sampler.options(rate_hz)
        say(f"{threads} threads: py-spy top at rest")
        with bench.top(target) as running:
            top = bench.at_rest(running, SETTLE_S)
        with bench.top(target, options) as running:
            same = bench.at_rest(running, SETTLE_S)
        ratios = [mine.children_pct / same.own_pct]
        while len(ratios) < plan.pairs:
            say(f"{threads} threads: both samplers once more")
            with bench.perftui(target) as running:
                again = bench.at_rest(running, plan.warm_s)
            with bench.top(target, options) as running:
                ratios.append(again.children_pct / bench.at_rest(running, SETTLE_S).own_pct)
    with bench.empty() as running:
        empty = bench.at_rest(running, SETTLE_S)
    ratio = statistics.median(ratios)
    more = (mine.rss - empty.rss) / MB
    first_s = statistics.median(first)
    said = "–" if sampler.cpu_pct is None else f"{sampler.cpu_pct}"
    rows = [
        (
            "start to first hot functions, s",
            *(spread(first, 2), spread(first_top, 2), "", f"{spread(first_empty, 2)} (blank)"),
            judged(f"≤ {FIRST_GOAL_S:g}", met=first_s <= FIRST_GOAL_S),
        ),
        (
            "own CPU, % of a core",
            *(f"{mine.own_pct:.1f}", "in the sampler's", "", f"{empty.own_pct:.1f}"),
            judged(f"≤ {OWN_CPU_GOAL_PCT:g}", met=mine.own_pct <= OWN_CPU_GOAL_PCT),
        ),
        (
            "sampler's CPU, % of a core",
            f"{mine.children_pct:.1f} (its header: {said})",
            *(f"{top.own_pct:.1f}", f"{same.own_pct:.1f}", ""),
            judged(
                f"≤ {SAMPLER_CPU_GOAL:g} × py-spy top's at the same rate and mode "
                f"({spread(ratios, 2)} ×)",
                met=ratio <= SAMPLER_CPU_GOAL,
            ),
        ),
        (
            "RSS without py-spy, MB",
            *(f"{one.rss / MB:.0f}" for one in (mine, top, same, empty)),
            judged(f"≤ empty app + {RSS_GOAL_MB:g} (+{more:.0f})", met=more <= RSS_GOAL_MB),
        ),
        (
            "bytes/s to the terminal",
            *(f"{one.bytes_s:.0f}" for one in (mine, top, same, empty)),
            judged(f"≤ {BYTES_GOAL:g}", met=mine.bytes_s <= BYTES_GOAL),
        ),
    ]
    looked = f"{sampler.rate_hz} Hz, {sampler.mode}"
    same_as = "py-spy top " + " ".join(options)
    titles = (f"{threads} threads", f"perftui ({looked})", "py-spy top", same_as, "empty app")
    return table((*titles, "goal"), rows)


class Work:
    """What a target of so many threads does alone, under `py-spy top` and under perftui."""

    def __init__(self, bench: Bench, target: Target, perftui: OnTerminal, threads: int) -> None:
        self._bench = bench
        self._target = target
        self._perftui = perftui
        self.threads = threads
        self.top, self.perftui = Compared(), Compared()
        self.alone: list[float] = []

    def round(self) -> None:
        """Both in turn, several times, in random order; alone before each turn.

        A processor that is now faster, now slower changes its speed within seconds, so turns are
        short. Of a round all turns together count.
        """
        top: list[Pace] = []
        perftui: list[Pace] = []
        alone: list[float] = []
        ways = [(self._under_top, top), (self._under_perftui, perftui)]
        for _ in range(self._bench.plan.turns):
            for under, paces in random.sample(ways, 2):
                alone.append(self._pace(ALONE_SETTLE_S).speed)
                paces.append(under())
        self.alone.append(statistics.mean(alone))
        self.top.add(top, self.alone[-1])
        self.perftui.add(perftui, self.alone[-1])

    def _pace(self, settle_s: float) -> Pace:
        time.sleep(settle_s)
        return self._target.pace(self._bench.plan.turn_s)

    def _under_top(self) -> Pace:
        with self._bench.top(self._target):
            return self._pace(SETTLE_S)

    def _under_perftui(self) -> Pace:
        self._perftui.resume()
        pace = self._pace(SETTLE_S)
        self._perftui.hold(self._target.is_free)
        return pace

    def row(self) -> tuple[str, ...]:
        """Its row of the table."""
        goal = SPEED_GOALS.get(self.threads)
        return (
            str(self.threads),
            f"{statistics.median(self.alone):,.0f}",
            str(self.top),
            str(self.perftui),
            "" if goal is None else judged(f"≥ {goal:g}", met=self.perftui.median >= goal),
        )


def work(bench: Bench, counts: Sequence[int]) -> str:
    """The table of what targets of so many threads do."""
    plan = bench.plan
    measured = []
    for threads in counts:
        with bench.target(threads) as target, bench.perftui(target) as running:
            time.sleep(plan.warm_s)
            running.hold(target.is_free)
            one = Work(bench, target, running, threads)
            for number in range(1, plan.rounds + 1):
                one.round()
                say(
                    f"{threads} threads, round {number} of {plan.rounds}: "
                    f"py-spy top {one.top.ratios[-1]:.3f}, perftui {one.perftui.ratios[-1]:.3f}"
                )
            running.resume()  # else it could not end
        measured.append(one)
    titles = ("threads", "work/s alone", "under py-spy top", "under perftui", "goal")
    return table(titles, [one.row() for one in measured])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="perftui beside py-spy top, on the same target.")
    parser.add_argument(
        "--threads", default="2,20,100", metavar="N,N", help="of the targets (2,20,100)"
    )
    parser.add_argument("--rounds", type=int, metavar="N", help=f"of the work ({FULL.rounds})")
    parser.add_argument(
        "--part", choices=("resources", "work", "both"), default="both", help="one table or both"
    )
    parser.add_argument(
        "--quick", action="store_true", help=f"{QUICK.rounds} short rounds, to try it"
    )
    arguments = parser.parse_args()
    plan = QUICK if arguments.quick else FULL
    if arguments.rounds:
        plan = Plan(**{**vars(plan), "rounds": max(1, arguments.rounds)})
    counts = [int(number) for number in arguments.threads.split(",")]
    a_round_s = plan.turns * (4 * plan.turn_s + 2 * (SETTLE_S + ALONE_SETTLE_S) + 1)
    minutes = 0.0
    if arguments.part != "work":
        pairs_s = (plan.pairs - 1) * (plan.warm_s + 2 * plan.rest_s + 10)
        rest_s = plan.settled_s + 4 * plan.rest_s + pairs_s
        minutes += len(counts) * (rest_s + 4 * plan.starts + 10) / 60
    if arguments.part != "resources":
        minutes += len(counts) * plan.rounds * a_round_s / 60
    say(f"about {minutes:.0f} minutes")
    print(heading(), flush=True)
    print(
        f"- a terminal of 120x36; one busy thread, the others asleep, stacks 20 deep"
        f"{'; a quick try, not a measurement' if arguments.quick else ''}\n",
        flush=True,
    )
    with orderly(), tempfile.TemporaryDirectory(prefix="bench-") as name:
        bench = Bench(Path(name), plan)
        if arguments.part != "work":
            for threads in counts:
                print(resources(bench, threads), "\n", flush=True)
        if arguments.part != "resources":
            print(
                f"The part of its speed that the target kept, {plan.rounds} rounds of {plan.turns} "
                f"interleaved turns of {plan.turn_s:g} s: median (quartiles) of the rounds, all "
                f"rounds together; how much of the time its busy thread ran.\n"
            )
            print(work(bench, counts), flush=True)


if __name__ == "__main__":
    main()
