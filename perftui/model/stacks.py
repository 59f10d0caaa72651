"""What the profiler saw: frames, threads, and the windows that hold their stacks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import NamedTuple, TypeVar

import msgspec

N = TypeVar("N", int, float)

TOPS_PER_STACK = 4
"""A merged window keeps so many functions without their callers for each stack that stays whole."""


class Mode(StrEnum):
    """How py-spy looked: with the target stopped for each sample, without, or at GIL holders."""

    BLOCKING = "blocking"
    NONBLOCKING = "nonblocking"
    GIL = "gil"


class Place(NamedTuple):
    """A function, whatever line of it."""

    function: str
    file: str


class Frame(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """One place in a stack. `line` is None where py-spy knows none (native frames).

    It computes its hash once, as stacks are looked up in one table after the other: one of such
    frames is hashed in half the time that one of named tuples takes.
    """

    function: str
    file: str
    line: int | None

    @property
    def place(self) -> Place:
        """The function."""
        return Place(self.function, self.file)

    def is_of(self, function: str, file: str) -> bool:
        """Whether it is in this function, whatever line of it."""
        return self.function == function and self.file == file

    def without_line(self) -> Frame:
        """The frame whatever the line."""
        return Frame(self.function, self.file, None)


CUT = Frame("(callers unknown)", "", None)
"""Stands above what is left of a stack whose callers cannot be true (:mod:`sources.torn`)."""


class Thread(NamedTuple):
    """A thread of the target or of one of its children, by the system's ids."""

    pid: int
    tid: int
    name: str


class Stack(msgspec.Struct, frozen=True, cache_hash=True, gc=False):
    """Frames from the outermost caller to the function on top.

    It computes its hash once, as its frames do: it is looked up in one table after the other, too.
    """

    frames: tuple[Frame, ...]

    def __len__(self) -> int:
        return len(self.frames)

    def __iter__(self) -> Iterator[Frame]:
        return iter(self.frames)

    def __getitem__(self, place: int) -> Frame:
        return self.frames[place]


class FunctionKey(NamedTuple):
    """A row of the profile: a function, or one line of it, in one process or thread or in all."""

    function: str
    file: str
    line: int | None = None
    pid: int | None = None
    thread: Thread | None = None


@dataclass(frozen=True)
class Grouping:
    """What makes two frames the same row: also the line, the process, the thread?

    With `only_pid` or `only_thread` the samples of other processes and threads are left out.
    """

    by_line: bool = False
    by_pid: bool = False
    by_thread: bool = False
    only_pid: int | None = None
    only_thread: tuple[int, int] | None = None
    """(process id, thread id)"""

    def has(self, thread: Thread) -> bool:
        """Whether the samples of this thread are counted."""
        return (self.only_pid is None or thread.pid == self.only_pid) and (
            self.only_thread is None or thread[:2] == self.only_thread
        )

    def key(self, frame: Frame, thread: Thread) -> FunctionKey:
        """The row that `frame`, seen in `thread`, belongs to."""
        return FunctionKey(
            frame.function,
            frame.file,
            frame.line if self.by_line else None,
            thread.pid if self.by_pid else None,
            thread if self.by_thread else None,
        )


Lines = dict[FunctionKey, dict[int, int]]
"""Own samples of each line of a row."""


@dataclass(eq=False)
class Tally:
    """Samples per row: on top of the stack (`own`), and anywhere in it (`total`).

    A function that recurses counts once per stack in `total`. `lines` counts the own samples of
    each line of a row.
    """

    own: Counter[FunctionKey] = field(default_factory=Counter)
    total: Counter[FunctionKey] = field(default_factory=Counter)
    lines: Lines = field(default_factory=dict)

    def update(self, other: Tally) -> None:
        """Add the samples of `other`."""
        self.own.update(other.own)
        self.total.update(other.total)
        for key, lines in other.lines.items():
            known = self.lines.setdefault(key, {})
            for line, count in lines.items():
                known[line] = known.get(line, 0) + count

    def hottest_line(self, key: FunctionKey) -> int | None:
        """The line of a row with most own samples, the first of equals."""
        return first_of_most(self.lines.get(key, {}))


def first_of_most(samples: Mapping[int, float]) -> int | None:
    """The line with most samples, the first of equals; None of no lines."""
    return min(samples, key=lambda line: (-samples[line], line), default=None)


@dataclass(frozen=True, eq=False)
class Window:
    """One run of the profiler.

    `start` and `end` are Unix seconds between which it looked `rate_hz` times a second at each of
    `processes`; `stacks` counts the samples of each stack of each thread; `errors` are looks that
    failed; `sampler_cpu_s` is the CPU time that the profiler itself took, in seconds, None if
    unknown. `sampled_s` is the time spent looking where that is less than `end - start`: merged
    windows have gaps between them. `torn` says that the target ran on while it was looked at, so
    that stacks can mix two moments; `idle` says that threads at rest are among the stacks, `native`
    that functions of C libraries are. `cut`
    counts samples whose callers were cut off since they cannot be true, `unconfirmed` are calls in
    them that no blocking look has seen yet; None and empty where that was not checked. `woken`
    counts samples that were left out: threads that ran only since the profiler had stopped them.
    `looks` is how many times it looked, where that is known better than by rate and length: the
    profiler looks at random times. `stopped_s` is how long it stopped the target, `cpu_wait_s` how
    long threads could have run but waited for a CPU, over all of them; None where not known.
    """

    start: float
    end: float
    rate_hz: float
    mode: Mode
    stacks: Mapping[tuple[Thread, Stack], int]
    errors: int = 0
    sampler_cpu_s: float | None = None
    sampled_s: float | None = None
    idle: bool = False
    native: bool = False
    processes: int = 1
    torn: bool = False
    cut: int | None = None
    unconfirmed: frozenset[tuple[Place, Place]] = frozenset()
    woken: int | None = None
    looks: float | None = None
    stopped_s: float | None = None
    cpu_wait_s: float | None = None
    # Not copied by dataclasses.replace: other stacks have other tallies.
    _tallies: dict[Grouping, Tally] = field(default_factory=dict, repr=False, init=False)
    _lines: dict[Grouping, Lines] = field(default_factory=dict, repr=False, init=False)

    @property
    def kind(self) -> tuple[bool, bool, bool]:
        """What was looked for: windows of different kinds are no parts of one whole."""
        return self.mode is Mode.GIL, self.idle, self.native

    @property
    def leaves_out_waits(self) -> bool:
        """Whether threads at rest were left out, so that to look for them, too, would show more."""
        return not self.idle and self.mode is not Mode.GIL

    @property
    def seconds(self) -> float:
        """How long it looked."""
        return max(0.0, self.end - self.start) if self.sampled_s is None else self.sampled_s

    @property
    def held_ticks(self) -> float:
        """How many looks its rate and length make."""
        return self.rate_hz * self.seconds

    @property
    def expected_ticks(self) -> float:
        """How many times it looked, as far as that is known: shares are parts of this."""
        return self.held_ticks if self.looks is None else self.looks

    @property
    def tick_s(self) -> float:
        """For how many seconds a sample stands; 0 where it did not look."""
        return self.seconds / self.expected_ticks if self.expected_ticks > 0 else 0.0

    @cached_property
    def samples(self) -> int:
        """Stacks seen, over all threads."""
        return sum(self.stacks.values())

    def tally(self, grouping: Grouping) -> Tally:
        """Own and total samples per row; computed once per grouping."""
        known = self._tallies.get(grouping)
        if known is None:
            known = self._tallies[grouping] = _tally(self.stacks, grouping, self.lines(grouping))
        return known

    def lines(self, grouping: Grouping) -> Lines:
        """Own samples of each line of a row; computed once per grouping."""
        known = self._lines.get(grouping)
        if known is None:
            found: Lines = {}
            for (thread, stack), count in self.stacks.items():
                line = stack[-1].line if stack else None
                if line is not None and grouping.has(thread):
                    of_row = found.setdefault(grouping.key(stack[-1], thread), {})
                    of_row[line] = of_row.get(line, 0) + count
            known = self._lines[grouping] = found  # whole: other threads look at it, too
        return known


def _tally(stacks: Mapping[tuple[Thread, Stack], int], grouping: Grouping, lines: Lines) -> Tally:
    tally = Tally(lines=lines)
    for (thread, stack), count in stacks.items():
        if not grouping.has(thread):
            continue
        keys = [grouping.key(frame, thread) for frame in stack.frames if frame is not CUT]
        if not keys:
            continue
        tally.own[keys[-1]] += count
        for key in set(keys):
            tally.total[key] += count
    return tally


def of_newest_kind(windows: Sequence[Window]) -> Sequence[Window]:
    """Those that looked for what the newest one did; of no windows none."""
    if not windows or all(window.kind == windows[-1].kind for window in windows):
        return windows
    return [window for window in windows if window.kind == windows[-1].kind]


def merge(windows: Iterable[Window], keep_stacks: int) -> Window:
    """One window in place of several, in time order; at least one is needed.

    Of its stacks the `keep_stacks` most frequent stay whole. Of the others only the function on top
    is kept, its callers unknown; of the rarest of these, beyond `TOPS_PER_STACK` times as many, not
    even that. So own shares stay true but for the rarest, while memory is bounded.
    """
    parts = list(windows)
    stacks: Counter[tuple[Thread, Stack]] = Counter()
    for part in parts:
        stacks.update(part.stacks)
    if len(stacks) > keep_stacks:
        by_count = stacks.most_common()
        stacks = Counter(dict(by_count[:keep_stacks]))
        tops: dict[tuple[Thread, Frame], int] = {}
        for (thread, stack), count in by_count[keep_stacks:]:
            frames = stack.frames
            if len(frames) > 1:
                top = thread, frames[-1]
                tops[top] = tops.get(top, 0) + count
            else:
                stacks[thread, stack] += count
        for (thread, frame), count in tops.items():
            stacks[thread, _top_alone(frame)] += count
        _bound(stacks, (1 + TOPS_PER_STACK) * keep_stacks)
    seconds = sum(part.seconds for part in parts)
    held = sum(part.held_ticks for part in parts)
    return Window(
        start=parts[0].start,
        end=parts[-1].end,
        rate_hz=held / seconds if seconds else parts[0].rate_hz,
        mode=parts[-1].mode,
        stacks=stacks,
        errors=sum(part.errors for part in parts),
        sampler_cpu_s=known_sum(part.sampler_cpu_s for part in parts),
        sampled_s=seconds,
        idle=any(part.idle for part in parts),
        native=any(part.native for part in parts),
        torn=any(part.torn for part in parts),
        processes=max(part.processes for part in parts),
        cut=known_sum(part.cut for part in parts),
        unconfirmed=frozenset().union(*(part.unconfirmed for part in parts)),
        woken=known_sum(part.woken for part in parts),
        looks=sum(part.expected_ticks for part in parts),
        stopped_s=known_sum(part.stopped_s for part in parts),
        cpu_wait_s=known_sum(part.cpu_wait_s for part in parts),
    )


@lru_cache(maxsize=20_000)
def _top_alone(top: Frame) -> Stack:
    """A stack of which only its top is kept; one object for each."""
    return Stack((CUT, top))


def _bound(stacks: Counter[tuple[Thread, Stack]], most: int) -> None:
    """Put the rarest beyond `most` together, one entry for each process."""
    if len(stacks) <= most:
        return
    rest: Counter[int] = Counter()
    for (thread, stack), count in stacks.most_common()[most:]:
        del stacks[thread, stack]
        rest[thread.pid] += count
    for pid, count in rest.items():
        stacks[Thread(pid, 0, "others"), Stack((CUT,))] += count


def known_sum(values: Iterable[N | None]) -> N | None:
    """Their sum; None if there are none, or one of them is not known."""
    total: N | None = None
    for value in values:
        if value is None:
            return None
        total = value if total is None else total + value
    return total
