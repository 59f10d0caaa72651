"""What the user has chosen to see of the profile; all its views share it. No widgets."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from perftui.model.baseline import Baseline
from perftui.model.board import Board, Span, Sums
from perftui.model.following import Stacks
from perftui.model.present import format_clock
from perftui.model.snapshot import Snapshot
from perftui.model.stacks import Grouping, Place, Stack, Thread, Window, of_newest_kind
from perftui.tui.axis import Moment
from perftui.tui.filter import Filter

SPANS_S: tuple[float, ...] = (2.0, 10.0, 60.0, 300.0)
USUAL_SPAN = 1
BEFORE_S = 120.0
"""Spans up to this long are compared with the span before: as much as is kept whole."""
Kind = tuple[bool, bool, bool]
History = Callable[[float], Sequence[Window]]
"""The windows since a time (Unix seconds), coarser the older; a snapshot has the last ones only."""
Boards = dict[tuple[Grouping, Kind], Board]
"""Rows by what they are and by the kind of their windows: each kind is a whole of its own."""
RECENT_S = 60.0
"""So far back the trend of a moment reaches."""
MOST_WINDOW_S = 60.0
"""No window is longer, merged ones neither."""
LATE_S = 0.5
"""So late a window may be before the last one no longer stands for the present."""
GIL_LEAST_S = 30.0
"""The holder of the GIL is looked at for a second in ten: in less too seldom to say much."""
UNSEEN_EVERY_S = 30.0
"""How often rows that nobody looks at are counted: windows are at hand for five minutes."""


@dataclass
class Looked:
    """What is looked at: sums from `start` to `now`, those of the span before, where there are any,
    the windows of both and all that are at hand. `seconds` are the sums of the columns in seconds,
    None where they are not of all the time that they are said to be of."""

    board: Board
    sums: Sums
    before: Sums | None
    seconds: Sums | None
    windows: Sequence[Window]
    earlier: Sequence[Window]
    recent: Sequence[Window]
    now: float
    start: float

    @property
    def ticks(self) -> float:
        """The looks that samples of the windows are shares of."""
        return sum(window.expected_ticks for window in self.windows)

    @property
    def earlier_ticks(self) -> float:
        """Those of the windows of the span before."""
        return sum(window.expected_ticks for window in self.earlier)

    def of_gil(self, windows: Sequence[Window]) -> list[Window]:
        """Of looks at the GIL's holder those of the span, or of `GIL_LEAST_S`: what is paused, or
        of the past, knows nothing of what was looked at since."""
        since = min(self.start, self.now - GIL_LEAST_S)
        return [window for window in windows if since < window.end <= self.now]

    @property
    def unconfirmed(self) -> frozenset[tuple[Place, Place]]:
        """Calls in the windows that no look at a target that stood still has shown yet."""
        return frozenset().union(*(window.unconfirmed for window in self.windows))


@dataclass
class ProfileView:
    """Span, choice of thread or process, filter, pause and baseline, and what was counted so far.

    `history` gives windows that are older than those of a snapshot. `only_pid` and `only_thread`
    choose one process or thread. `moment` is the part of the past that is looked at, None for the
    present; `bounds` are from when to when the windows reach that overlap it.
    """

    history: History = lambda _: ()
    by_thread: bool = False
    by_line: bool = False
    own_only: bool = False
    only_pid: int | None = None
    only_thread: Thread | None = None
    span: int = USUAL_SPAN
    """Place in the spans: `SPANS_S`, then since attach, then since reset."""
    moment: Moment | None = None
    bounds: Moment | None = None
    reset_at: float = 0.0
    began: float = math.inf
    """Start of the first window that was counted (Unix seconds)."""
    pattern: str = ""
    pattern_error: str = ""
    baseline: Baseline | None = None
    filter: Filter | None = None
    _kind: Kind = (False, False, False)
    _boards: Boards = field(default_factory=dict)
    _frozen: tuple[Snapshot, Boards, Sequence[Window]] | None = None
    _unseen_at: float = 0.0
    _span: Span = field(default_factory=Span)
    _before: Span = field(default_factory=Span)
    _spans_of: Board | None = None
    _then: Board | None = None

    @property
    def grouping(self) -> Grouping:
        """What a row is at present."""
        thread = self.only_thread
        return Grouping(
            by_line=self.by_line,
            by_thread=self.by_thread,
            only_pid=self.only_pid,
            only_thread=thread[:2] if thread else None,
        )

    @property
    def paused_at(self) -> float | None:
        """When what is shown was taken, None while it is live."""
        return self._frozen[0].taken_at if self._frozen else None

    @property
    def span_s(self) -> float | None:
        """How far it looks back, in seconds; None since attach or reset."""
        return SPANS_S[self.span] if self.span < len(SPANS_S) else None

    @property
    def span_name(self) -> str:
        """The span in words."""
        if self.moment is not None:
            start, end = self.bounds or self.moment
            return f"{format_clock(start)}–{format_clock(end)} ({end - start:.0f} s)"
        if self.span_s is None:
            return "since attach" if self.span == len(SPANS_S) else "since reset"
        return (
            f"last {self.span_s:.0f} s" if self.span_s < 60 else f"last {self.span_s / 60:.0f} min"
        )

    @property
    def choice_name(self) -> str:
        """The chosen thread or process in words, empty where there is none."""
        if self.only_thread is not None:
            return f"thread {self.only_thread.tid} {self.only_thread.name}".rstrip()
        return f"pid {self.only_pid}" if self.only_pid is not None else ""

    def change_span(self, step: int) -> None:
        """A longer or shorter span; since reset only where there was a reset."""
        last = len(SPANS_S) + (1 if self.reset_at else 0)
        self.span = max(0, min(self.span + step, last))

    def choose(self, *, pid: int | None = None, thread: Thread | None = None) -> None:
        """Look at one process or thread only, or with neither at all of them."""
        self.only_pid, self.only_thread = pid, thread

    def reset(self, now: float) -> None:
        """Count seconds from `now` (Unix seconds) on."""
        self.reset_at = now
        for board in self._boards.values():
            board.reset(now)

    def pause(self, snapshot: Snapshot) -> None:
        """Show `snapshot` until :meth:`resume`; counting goes on."""
        boards = {key: board.copy() for key, board in self._boards.items()}
        self._frozen = snapshot, boards, self.history(0.0)

    def resume(self) -> None:
        """Show the newest again."""
        self._frozen = None

    def filter_by(self, pattern: str) -> None:
        """Show what fits the regular expression in function or file, or with `!` before it what
        does not; a bad one changes nothing but `pattern_error`, which says what is wrong."""
        try:
            self.filter = Filter(pattern) if pattern.strip("!") else None
        except re.error as error:
            self.pattern_error = str(error)
            return
        self.pattern, self.pattern_error = pattern, ""

    def mark_baseline(self, snapshot: Snapshot) -> None:
        """Compare with what is shown now from here on."""
        looked = self.look(snapshot)
        own: Counter[Place] = Counter()
        for key, samples in zip(looked.board.keys, looked.sums.own.tolist(), strict=False):
            if samples:
                own[Place(key.function, key.file)] += samples
        if looked.sums.ticks:
            whole = self._whole(looked.windows)
            self.baseline = Baseline(own, looked.sums.ticks, self.stacks(snapshot), whole)

    def fits_baseline(self, looked: Looked) -> bool:
        """Whether what is looked at and the baseline are parts of the same whole: the same threads,
        and the same kind of windows."""
        if self.baseline is None:
            return False
        if self.baseline.whole is None:
            return not self.choice_name
        return self.baseline.whole == self._whole(looked.windows)

    def _whole(self, windows: Sequence[Window]) -> tuple[object, ...]:
        return self.only_pid, self.only_thread, windows[-1].kind if windows else None

    def count(self, snapshot: Snapshot) -> None:
        """Count the new windows; to be called with every snapshot."""
        windows = of_newest_kind(snapshot.windows)
        if windows:
            self.began = min(self.began, windows[0].start)
        self._board(self._boards, windows).update(windows)
        if snapshot.taken_at - self._unseen_at >= UNSEEN_EVERY_S:
            self._unseen_at = snapshot.taken_at
            for (_, kind), board in self._boards.items():
                board.update([window for window in snapshot.windows if window.kind == kind])

    def look(self, snapshot: Snapshot) -> Looked:
        """What is to be shown: of `snapshot`, or of the one that was held."""
        boards = self._boards
        if self._frozen is not None:
            snapshot, boards, _ = self._frozen
        if self.moment is not None:
            return self._look_back(snapshot, self.moment)
        windows = of_newest_kind(snapshot.windows)
        board = self._board(boards, windows)
        if not board.counted(windows[-1:]):
            board.update(windows)  # nobody has looked at these rows for a while
        now = snapshot.data_at
        if board is not self._spans_of:
            self._spans_of, self._span, self._before = board, Span(), Span()
        since = max(self.began, board.since)
        complete = board.began is None or not board.began > since + 2.0
        seconds = board.seconds if complete else None
        if self.span_s is None:
            attach = self.span == len(SPANS_S)
            sums = board.samples if attach else board.since_reset
            start = (board.began or now) if attach else self.reset_at
            shown = [*self._older(start, windows), *(w for w in windows if w.end > start)]
            return Looked(board, sums, None, seconds, shown, (), windows, now, start)
        start = max(now - self.span_s, self.reset_at)
        # Windows are whole; those count of which more than half is inside the span, or else the
        # newest one, which a short span may not hold.
        shown = [w for w in windows if w.end > self.reset_at and _middle(w) > now - self.span_s]
        # The next one comes about as long after it as it lasted itself.
        newest = [w for w in windows[-1:] if 2 * w.end - w.start > start - LATE_S]
        shown = shown or [w for w in newest if w.end > self.reset_at]
        self._span.hold(board.counted(shown))
        if shown:
            start = max(self.reset_at, shown[0].start)
        before: Sums | None = None
        earlier: list[Window] = []
        if self.span_s <= BEFORE_S:
            earlier = [w for w in windows if _middle(w) > start - self.span_s and w.end <= start]
            self._before.hold(board.counted(earlier))
            before = self._before.sums
        return Looked(board, self._span.sums, before, seconds, shown, earlier, windows, now, start)

    def _look_back(self, snapshot: Snapshot, moment: Moment) -> Looked:
        """The whole windows that overlap a part of the past, beside as long a time before them."""
        length = moment.end - moment.start
        since = min(moment.start - 2 * length, moment.end - RECENT_S) - MOST_WINDOW_S
        every = self._every(snapshot, since)
        shown = of_newest_kind([w for w in every if w.end > moment.start and w.start < moment.end])
        board = self._then
        if board is None or board.grouping != self.grouping:
            board = self._then = Board(self.grouping)
        if not shown:
            self.bounds = None
            nothing = Sums()
            return Looked(board, nothing, None, nothing, (), (), (), moment.end, moment.start)
        start, end = shown[0].start, shown[-1].end
        self.bounds = Moment(start, end)
        like = [window for window in every if window.kind == shown[-1].kind and window.end <= end]
        earlier = [w for w in like if w.end <= start and _middle(w) > start - (end - start)]
        board.update(like)
        sums, before, seconds = Sums(), Sums(), Sums()
        for counted in board.counted(shown):
            sums.add(counted, 1)
            if counted.window.tick_s:
                seconds.add(counted, 1, counted.window.tick_s)
        for counted in board.counted(earlier):
            before.add(counted, 1)
        return Looked(board, sums, before, seconds, shown, earlier, like, end, start)

    def _every(self, snapshot: Snapshot, since: float) -> list[Window]:
        """All windows since then, those of the snapshot and older ones."""
        history = self.history(since) if self._frozen is None else self._frozen[2]
        first = snapshot.windows[0].start if snapshot.windows else snapshot.taken_at
        older = [window for window in history if since < window.end <= first]
        return [*older, *(window for window in snapshot.windows if window.end > since)]

    def stacks(self, snapshot: Snapshot) -> Stacks:
        """The stacks of the span, of the chosen thread or process."""
        stacks: Counter[tuple[Thread, Stack]] = Counter()
        for window in self.look(snapshot).windows:
            stacks.update(window.stacks)
        grouping = self.grouping
        if grouping.only_pid is None and grouping.only_thread is None:
            return stacks
        return Counter({key: n for key, n in stacks.items() if grouping.has(key[0])})

    def _board(self, boards: Boards, windows: Sequence[Window]) -> Board:
        self._kind = windows[-1].kind if windows else self._kind
        key = self.grouping, self._kind
        board = boards.get(key)
        if board is None:
            board = boards[key] = Board(self.grouping, self.reset_at)
            board.update([*self._older(0.0, windows), *windows])
        return board

    def _older(self, since: float, windows: Sequence[Window]) -> list[Window]:
        """The windows since then that are older than `windows`, and of their kind."""
        if not windows or since >= windows[0].start:
            return []
        every = self.history(since) if self._frozen is None else self._frozen[2]
        return [
            window
            for window in every
            if since < window.end <= windows[0].start and window.kind == self._kind
        ]


def _middle(window: Window) -> float:
    return (window.start + window.end) / 2
