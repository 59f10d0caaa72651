"""From a span's windows to the rows of the threads table. No widgets."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from perftui.model.following import Following, Stacks
from perftui.model.profile import GilShare
from perftui.model.stacks import Mode, Place, Thread, Window


@dataclass(frozen=True)
class ThreadLine:
    """A thread, or with no `thread` all threads of the process `pid` together.

    Shares are percent of the expected ticks, so one always-busy thread is 100. `gil_pct` is how
    much of the time it held the GIL, None where nobody looked. `top` is the function
    that was on top most often.
    """

    pid: int
    thread: Thread | None
    active_pct: float | None
    gil_pct: float | None
    top: Place | None
    top_pct: float
    threads: int = 1


class ThreadsView(Following):
    """The rows of the threads table, kept up as windows come and go."""

    def __init__(self) -> None:
        super().__init__()
        self._tops: dict[Thread, Counter[Place | None]] = {}

    def add(self, stacks: Stacks, sign: int = 1) -> None:
        """Count these stacks; with `sign` -1 take out what was counted before."""
        for (thread, stack), count in stacks.items():
            top = Place(stack[-1].function, stack[-1].file) if stack else None
            tops = self._tops.setdefault(thread, Counter())
            tops[top] += sign * count
            if not tops[top]:
                del tops[top]
                if not tops:
                    del self._tops[thread]

    def lines(
        self,
        windows: Sequence[Window],
        ticks: float,
        gil_windows: Sequence[Window] = (),
        *,
        has_children: bool = False,
    ) -> list[ThreadLine]:
        """A row per thread of these windows, busiest first; with several processes, also where all
        but one are at rest (`has_children`), below a row for each of them."""
        self.follow(windows)
        return _lines(
            self._tops,
            ticks,
            GilShare(gil_windows),
            only_gil=any(window.mode is Mode.GIL for window in windows),
            with_idle=any(window.idle for window in windows),
            has_children=has_children,
        )


def _lines(
    tops: Mapping[Thread, Counter[Place | None]],
    ticks: float,
    gil: GilShare,
    *,
    only_gil: bool,
    with_idle: bool,
    has_children: bool,
) -> list[ThreadLine]:
    busy = {thread: counts.total() for thread, counts in tops.items()}

    def line(pid: int, thread: Thread | None, threads: Sequence[Thread]) -> ThreadLine:
        samples = sum(busy[one] for one in threads)
        top: Counter[Place | None] = Counter()
        for one in threads:
            top.update(tops[one])
        share = 100 * samples / ticks if ticks else 0.0
        known = [place for place in top if place is not None]
        hottest = max(known, key=lambda place: (top[place], place), default=None)
        return ThreadLine(
            pid=pid,
            thread=thread,
            active_pct=None if only_gil or with_idle else share,
            gil_pct=share if only_gil else gil.of(*threads),
            top=hottest,
            top_pct=100 * top[hottest] / ticks if hottest is not None and ticks else 0.0,
            threads=len(threads),
        )

    members: defaultdict[int, list[Thread]] = defaultdict(list)
    for thread in sorted(busy, key=lambda one: (-busy[one], one)):
        members[thread.pid].append(thread)
    by_pid = sorted(members, key=lambda pid: (-sum(busy[one] for one in members[pid]), pid))
    lines: list[ThreadLine] = []
    for pid in by_pid:
        if has_children or len(by_pid) > 1:
            lines.append(line(pid, None, members[pid]))
        lines.extend(line(pid, thread, [thread]) for thread in members[pid])
    return lines
