"""Samples per row over spans of windows, kept up to date as windows come and go.

A refresh then costs what the newest windows hold, not what all that was ever seen does: rows have
numbers, sums are arrays, and only the rows in sight are made into text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from perftui.model.stacks import CUT, FunctionKey, Grouping, Stack, Thread, Window, first_of_most

Ids = npt.NDArray[np.intp]
Counts = npt.NDArray[np.float64]

MOST_STACKS = 20_000
"""So many stacks are held with the numbers of their rows; then it begins anew."""
MOST_ROWS = 200_000
"""With more rows than this those with least time are forgotten: code that makes functions all the
time cannot fill the memory."""


@dataclass(eq=False)
class _Counted:
    """What one window adds: `total` to the rows `ids`, and the samples of each stack, `own`, to
    the row of the frame on its top. A row can be on top of several stacks."""

    window: Window
    ids: Ids
    total: Counts
    tops: Ids
    own: Counts
    lines_on_top: Sequence[int | None]

    @cached_property
    def lines(self) -> dict[int, dict[int, float]]:
        """Own samples of each line of a row, by the row's number."""
        found: dict[int, dict[int, float]] = {}
        tops, own = self.tops.tolist(), self.own.tolist()
        for row, line, count in zip(tops, self.lines_on_top, own, strict=True):
            if line is not None:
                of_row = found.setdefault(row, {})
                of_row[line] = of_row.get(line, 0) + count
        return found


@dataclass(eq=False)
class Sums:
    """Own and total samples of each row, by its number, over `ticks` expected looks in `seconds`.

    A row whose number is beyond the arrays has none.
    """

    own: Counts = field(default_factory=lambda: np.zeros(0))
    total: Counts = field(default_factory=lambda: np.zeros(0))
    ticks: float = 0.0
    seconds: float = 0.0

    def add(self, counted: _Counted, sign: float, scale: float = 1.0) -> None:
        """Add what a window counted (`sign` 1), or take it away again (-1), each times `scale`."""
        most = max(int(ids.max(initial=-1)) for ids in (counted.ids, counted.tops)) + 1
        if most > len(self.own):
            room = max(most, 2 * len(self.own), 64)
            self.own, self.total = _grown(self.own, room), _grown(self.total, room)
        np.add.at(self.own, counted.tops, sign * scale * counted.own)
        np.add.at(self.total, counted.ids, sign * scale * counted.total)
        self.ticks += sign * counted.window.expected_ticks
        self.seconds += sign * counted.window.seconds

    def copy(self) -> Sums:
        """The same, going its own way from now on."""
        return Sums(self.own.copy(), self.total.copy(), self.ticks, self.seconds)

    def kept(self, ids: Ids) -> Sums:
        """Only these rows, numbered anew in their order."""
        size = int(ids.max(initial=-1)) + 1
        own, total = _grown(self.own, size), _grown(self.total, size)
        return Sums(own[ids], total[ids], self.ticks, self.seconds)


class Span:
    """The sums over a moving set of windows."""

    def __init__(self) -> None:
        self.sums = Sums()
        self.windows: tuple[Window, ...] = ()
        self._held: dict[int, _Counted] = {}

    def hold(self, counted: Sequence[_Counted]) -> None:
        """Hold exactly these windows: only what has come or gone is counted."""
        wanted = {id(one): one for one in counted}
        gone = [one for key, one in self._held.items() if key not in wanted]
        if 2 * len(gone) > len(self._held):
            self.sums, gone, self._held = Sums(), [], {}
        for one in gone:
            self.sums.add(one, -1)
        for key, one in wanted.items():
            if key not in self._held:
                self.sums.add(one, 1)
        self._held = wanted
        self.windows = tuple(one.window for one in counted)


class Board:
    """The rows of one grouping, and what was counted for them.

    `samples` counts all since the board began, `since_reset` since it was last reset, in looks, and
    `seconds` the same in seconds. `began` is the start of the first window (Unix seconds).
    """

    def __init__(self, grouping: Grouping, since: float = 0.0) -> None:
        self.grouping = grouping
        self.keys: list[FunctionKey] = []
        self.samples, self.since_reset, self.seconds = Sums(), Sums(), Sums()
        self.since = since
        self.began: float | None = None
        self._ids: dict[FunctionKey, int] = {}
        self._rows: dict[tuple[Stack, Thread | None], Ids] = {}
        self._frames: dict[object, int] = {}
        self._recent: dict[float, _Counted] = {}

    def update(self, windows: Sequence[Window]) -> None:
        """Count what is new; a window that was seen before and is shown otherwise now is counted
        anew. Windows are told apart by their start."""
        recent: dict[float, _Counted] = {}
        for window in windows:
            known = self._recent.get(window.start)
            if known is None or known.window is not window:
                counted = self._counted(window)
                if known is not None:
                    self._sum(known, -1)
                self._sum(counted, 1)
                known = counted
            recent[window.start] = known
        self._recent = recent
        if len(self.keys) > MOST_ROWS:
            self._forget_least()

    def counted(self, windows: Iterable[Window]) -> list[_Counted]:
        """What these windows count, of those that the last update had."""
        found = (self._recent.get(window.start) for window in windows)
        return [one for one in found if one is not None]

    def reset(self, now: float) -> None:
        """Count from `now` (Unix seconds) on."""
        self.since = now
        self.since_reset, self.seconds = Sums(), Sums()

    def copy(self) -> Board:
        """The same, going its own way from now on."""
        other = Board(self.grouping, self.since)
        other.keys, other._ids, other.began = self.keys.copy(), self._ids.copy(), self.began
        other._rows, other._frames = self._rows.copy(), self._frames.copy()
        other.samples, other.seconds = self.samples.copy(), self.seconds.copy()
        other.since_reset, other._recent = self.since_reset.copy(), self._recent.copy()
        return other

    def number(self, key: FunctionKey) -> int | None:
        """The row's number, None if it was never seen."""
        return self._ids.get(key)

    def hottest_line(self, key: FunctionKey, windows: Iterable[Window]) -> int | None:
        """The line with most own samples in these windows; the key's own line where it has one."""
        if key.line is not None:
            return key.line
        found: dict[int, float] = {}
        number = self._ids.get(key, -1)
        for window in windows:
            counted = self._recent.get(window.start)
            lines: Mapping[int, float] | None = (
                counted.lines.get(number)
                if counted is not None
                else window.lines(self.grouping).get(key)
            )
            for line, count in (lines or {}).items():
                found[line] = found.get(line, 0) + count
        return first_of_most(found)

    def _sum(self, counted: _Counted, sign: float) -> None:
        window = counted.window
        self.samples.add(counted, sign)
        if self.began is None:
            self.began = window.start
        if window.end <= self.since or not window.tick_s:
            return
        self.since_reset.add(counted, sign)
        self.seconds.add(counted, sign, window.tick_s)

    def _counted(self, window: Window) -> _Counted:
        """What a window adds, without a loop in Python over its frames: it costs as much for many
        rows as for few."""
        parts: list[Ids] = []
        samples: list[int] = []
        lines: list[int | None] = []
        for (thread, stack), count in window.stacks.items():
            if not self.grouping.has(thread):
                continue
            rows = self._rows_of(thread, stack)
            if len(rows):  # of what merging has put together not even the top is known
                parts.append(rows)
                samples.append(count)
                lines.append(stack[-1].line)
        if not parts:
            no_ids, nothing = np.zeros(0, np.intp), np.zeros(0)
            return _Counted(window, no_ids, nothing, no_ids, nothing, ())
        sizes = np.fromiter(map(len, parts), np.intp, len(parts))
        ids, counts = np.concatenate(parts), np.array(samples, np.float64)
        total: Counts = np.bincount(ids, np.repeat(counts, sizes)).astype(float, copy=False)
        tops = ids[np.cumsum(sizes) - 1]
        # To look for what is not zero takes seven times longer in numbers than in truths.
        found = np.flatnonzero(total > 0)
        return _Counted(window, found, total[found], tops, counts, lines)

    def _rows_of(self, thread: Thread, stack: Stack) -> Ids:
        """The rows of a stack, each once however often it recurs, that of the top the last."""
        grouping = self.grouping
        where = thread if grouping.by_thread or grouping.by_pid else None
        ids = self._rows.get((stack, where))
        if ids is None:
            numbers: dict[int, None] = {}
            for frame in reversed(stack.frames):
                if frame is not CUT:
                    number = self._frames.get((frame, where) if where else frame)
                    if number is None:
                        number = self._number(grouping.key(frame, thread))
                        self._frames[(frame, where) if where else frame] = number
                    numbers[number] = None
            ids = np.fromiter(reversed(numbers), np.intp, len(numbers))
            if len(self._rows) > MOST_STACKS:
                self._rows.clear()
            self._rows[stack, where] = ids
        return ids

    def _number(self, key: FunctionKey) -> int:
        number = self._ids.setdefault(key, len(self.keys))
        if number == len(self.keys):
            self.keys.append(key)
        return number

    def _forget_least(self) -> None:
        """Keep half of the rows: all those of recent windows, and those with most time."""
        time = _grown(self.seconds.total, len(self.keys)).copy()
        for counted in self._recent.values():
            time[counted.ids] = np.inf
        most = max(MOST_ROWS // 2, int(np.isinf(time).sum()))
        kept = np.sort(np.argsort(-time, kind="stable")[:most])
        self.keys = [self.keys[number] for number in kept.tolist()]
        self._ids = {key: number for number, key in enumerate(self.keys)}
        self.samples, self.seconds = self.samples.kept(kept), self.seconds.kept(kept)
        self.since_reset = self.since_reset.kept(kept)
        self._rows.clear()
        self._frames.clear()
        numbers = np.zeros(len(time), np.intp)
        numbers[kept] = np.arange(most)
        self._recent = {
            start: replace(one, ids=numbers[one.ids], tops=numbers[one.tops])
            for start, one in self._recent.items()
        }


def at(values: Counts, number: int) -> float:
    """The value of a row; none beyond the end."""
    return float(values[number]) if number < len(values) else 0.0


def _grown(values: Counts, size: int) -> Counts:
    """The values with zeros behind them, `size` of them at least."""
    return np.concatenate([values, np.zeros(size - len(values))]) if size > len(values) else values
