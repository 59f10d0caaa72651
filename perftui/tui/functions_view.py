"""From the profile's view to the rows of the functions table: order, filter, marks. No widgets."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import overload

import numpy as np
import numpy.typing as npt

from perftui.model.board import Counts, Ids, Sums, at
from perftui.model.kinds import Kind, kind_of
from perftui.model.noise import Z95, Change, change, margin_pct
from perftui.model.snapshot import Snapshot
from perftui.model.stacks import FunctionKey, Place
from perftui.tui.filter import TooSlow
from perftui.tui.held import Held
from perftui.tui.profile_view import Looked, ProfileView
from perftui.tui.trend import Trend, Trends, top_of, trend_of

RANKED_AT_ONCE = 1000
"""So many rows are put in order; the others when somebody scrolls to them."""
HEAD_SAMPLED = 4
"""The rows that can be among these are found by a sample, which is to find so many times more."""
SORTS = ("own", "total", "change", "own_s", "total_s", "function", "place")


@dataclass(frozen=True)
class HotRow:
    """A row of the table.

    Shares are percent of the expected ticks of the span, so one always-busy thread is 100; they
    hold still while they move within their noise (:mod:`tui.held`). `own_margin` is half the width
    of the own share's 95 % interval, in points. Seconds are since attach or
    reset, None where they were not counted for all of that time. `trend` is how the own share
    went (:mod:`tui.trend`), `trend_top` the share that a full bar means. `change` is that of the
    own share against the span before or the baseline; `mark` says NEW of what was not seen before,
    GONE of what is no longer. `torn` says that some stacks were read without stopping the process.
    """

    key: FunctionKey
    line: int | None
    own_pct: float
    own_margin: float
    total_pct: float
    own_s: float | None
    total_s: float | None
    trend: Trend
    trend_top: float
    change: Change | None
    mark: str
    torn: bool


class Ranked(Sequence[HotRow]):
    """Rows in their order; each is made when it is asked for."""

    def __init__(
        self, ids: Ids, scores: Counts, make: Callable[[int], HotRow], number: Callable[..., object]
    ) -> None:
        self._ids, self._scores = ids, scores
        self._make = lru_cache(maxsize=500)(make)
        self._number = number
        places = _head(scores) if len(ids) > 2 * RANKED_AT_ONCE else np.arange(len(ids))
        self._order = self._ordered(places)
        """The places of the rows in `ids`, as far as they were put in order."""

    def _ordered(self, places: Ids) -> Ids:
        """These places in their order; equals by their number, so that they hold still."""
        return places[np.lexsort((self._ids[places], -self._scores[places]))]

    def _order_all(self) -> None:
        self._order = self._ordered(np.arange(len(self._ids)))

    def __len__(self) -> int:
        return len(self._ids)

    @overload
    def __getitem__(self, index: int) -> HotRow: ...
    @overload
    def __getitem__(self, index: slice) -> list[HotRow]: ...
    def __getitem__(self, index: int | slice) -> HotRow | list[HotRow]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        if index % len(self) >= len(self._order):
            self._order_all()
        return self._make(int(self._ids[self._order[index % len(self)]]))

    def __iter__(self) -> Iterator[HotRow]:
        return (self[place] for place in range(len(self)))

    def place(self, key: object) -> int | None:
        """Where the row of this key stands, None where it is not among them."""
        number = self._number(key)
        if not isinstance(number, int):
            return None
        where = np.flatnonzero(self._ids == number)
        if not where.size:
            return None
        places = np.flatnonzero(self._order == where[0])
        if not places.size:
            self._order_all()
            places = np.flatnonzero(self._order == where[0])
        return int(places[0])


def _head(scores: Counts) -> Ids:
    """The places of the `RANKED_AT_ONCE` highest; of those that equal the least of them the first,
    as in the full order."""
    sample = np.sort(scores[:: len(scores) // RANKED_AT_ONCE])
    part = min(1.0, HEAD_SAMPLED * RANKED_AT_ONCE / len(scores))
    places = np.flatnonzero(scores >= sample[int((1 - part) * (len(sample) - 1))])
    if len(places) < RANKED_AT_ONCE:
        places = np.arange(len(scores))
    found = scores[places]
    least = np.partition(found, -RANKED_AT_ONCE)[-RANKED_AT_ONCE]
    higher = places[found > least]
    equal = places[found == least][: RANKED_AT_ONCE - len(higher)]
    return np.concatenate([higher, equal])


@dataclass
class FunctionsView:
    """The order of the rows, and which of them are shown."""

    view: ProfileView
    sort: str = "own"
    descending: bool = True
    _mask: npt.NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))
    _mask_of: tuple[object, ...] = ()
    _base: Counts = field(default_factory=lambda: np.zeros(0))
    _base_of: tuple[object, ...] = ()
    _held: tuple[Held, Held] = field(default_factory=lambda: (Held(), Held()))
    _held_of: tuple[object, ...] = ()
    _trends: Trends = field(default_factory=Trends)

    def sort_by(self, key: str) -> None:
        """Sort by a column, highest first (names from A); again turns the order round."""
        self.descending = not self.descending if key == self.sort else True
        self.sort = key

    def sort_next(self) -> None:
        """Sort by the next column."""
        self.sort_by(SORTS[(SORTS.index(self.sort) + 1) % len(SORTS)])

    def rows(self, snapshot: Snapshot) -> Ranked:
        """The rows of the span, in their order."""
        looked = self.view.look(snapshot)
        count = len(looked.board.keys)
        own, total = _sized(looked.sums.own, count), _sized(looked.sums.total, count)
        before, ticks_before = self._before(looked, count)
        shown = total > 0
        if before is not None and looked.sums.ticks:
            gone = np.flatnonzero((own <= 0) & (before > 0))
            beyond = _beyond_zero(before[gone], ticks_before, looked.sums.ticks)
            shown[gone[beyond]] = True
        ids = np.flatnonzero(shown & self._fitting(looked.board.keys))
        steady = self._hold(looked, own, total)
        primary = self._primary(looked, steady, ids, before, ticks_before)
        # The total share decides between equals, and between nothing else.
        between = 1e-9 * steady.total[ids] / steady.total.max(initial=1.0)
        scores = (primary if self.descending else -primary) + between
        parts = self._trends.look(looked)
        make = _Maker(self.view, looked, parts, steady, before, ticks_before)
        return Ranked(ids, scores, make, looked.board.number)

    def _hold(self, looked: Looked, own: Counts, total: Counts) -> Sums:
        """The samples whose shares are shown: they hold still within their noise, until something
        else is looked at."""
        view = self.view
        of = (looked.board, looked.board.keys, view.span, view.reset_at, view.moment)
        if not _same(self._held_of, of):
            self._held, self._held_of = (Held(), Held()), of
        ticks, (held_own, held_total) = looked.sums.ticks, self._held
        steady = held_own.hold(own, ticks)
        # No row owns more than its total. The total's margin is the wider one: what is within that
        # of the own share's is within its own.
        return Sums(steady, np.maximum(steady, held_total.hold(total, ticks)), ticks)

    def _primary(
        self, looked: Looked, steady: Sums, ids: Ids, before: Counts | None, ticks_before: float
    ) -> Counts:
        """What these rows are sorted by, as numbers."""
        if self.sort in ("function", "place"):
            by_name = self.sort == "function"
            keys = (looked.board.keys[number] for number in ids.tolist())
            names = [
                (key.function, key.file, key.line or 0)
                if by_name
                else (key.file, key.line or 0, key.function)
                for key in keys
            ]
            order = np.empty(len(ids))
            order[sorted(range(len(ids)), key=names.__getitem__)] = -np.arange(len(ids))
            return order
        sums, seconds = looked.sums, looked.seconds or looked.board.seconds
        if self.sort == "change" and before is not None and ticks_before and sums.ticks:
            own = _sized(sums.own, len(looked.board.keys))[ids]
            return own / sums.ticks - before[ids] / ticks_before
        sorts = {"total": steady.total, "own_s": seconds.own, "total_s": seconds.total}
        sort = sorts.get(self.sort)
        return steady.own[ids] if sort is None else _sized(sort, len(looked.board.keys))[ids]

    def _before(self, looked: Looked, count: int) -> tuple[Counts | None, float]:
        """Own samples to compare with, and their ticks: of the baseline, or of the span before."""
        baseline = self.view.baseline
        if baseline is None:
            before: Sums | None = looked.before
            return (None, 0.0) if before is None else (_sized(before.own, count), before.ticks)
        grouping = self.view.grouping
        if grouping.by_line or grouping.by_thread or not self.view.fits_baseline(looked):
            return None, 0.0  # a baseline knows functions only
        keys = looked.board.keys  # another list once rows were forgotten
        if not _same(self._base_of, (baseline, keys)):
            self._base, self._base_of = np.zeros(0), (baseline, keys)
        new = keys[len(self._base) :]
        added = [baseline.own.get(Place(key.function, key.file), 0.0) for key in new]
        self._base = np.concatenate([self._base, np.array(added)])
        return self._base[:count], baseline.ticks

    def _fitting(self, keys: Sequence[FunctionKey]) -> npt.NDArray[np.bool_]:
        """Which rows the filter and the choice of own code let through; a filter that takes too
        long is given up."""
        view = self.view
        state = (view.filter, view.own_only, keys)
        if not _same(self._mask_of, state):
            self._mask, self._mask_of = np.zeros(0, bool), state
        new = keys[len(self._mask) :]
        if view.filter is not None:
            view.filter.start()
        try:
            added = [self._fits(key) for key in new]
        except TooSlow as error:
            view.filter, view.pattern, view.pattern_error = None, "", str(error)
            return self._fitting(keys)
        self._mask = np.concatenate([self._mask, np.array(added, bool)])
        return self._mask

    def _fits(self, key: FunctionKey) -> bool:
        view = self.view
        if view.own_only and kind_of(key.file) is not Kind.OWN:
            return False
        return view.filter is None or view.filter.fits(key.function, key.file)


class _Maker:
    """Makes the row of a number."""

    def __init__(
        self,
        view: ProfileView,
        looked: Looked,
        parts: Sequence[Sums],
        steady: Sums,
        before: Counts | None,
        ticks_before: float,
    ) -> None:
        self._view, self._looked, self._parts, self._steady = view, looked, parts, steady
        self._keys = looked.board.keys  # as numbered now, also when the board has forgotten rows
        self._before, self._ticks_before = before, ticks_before
        self._torn = any(window.torn for window in looked.windows)
        own = looked.sums.own
        hottest = np.flatnonzero(own > 0)
        if len(hottest) > 40:
            hottest = hottest[np.argpartition(own[hottest], -40)[-40:]]
        self._top = top_of(trend_of(row, parts) for row in hottest.tolist())

    def __call__(self, number: int) -> HotRow:
        looked, board = self._looked, self._looked.board
        key, ticks = self._keys[number], looked.sums.ticks
        own, total = at(looked.sums.own, number), at(looked.sums.total, number)
        moved, mark = None, ""
        if self._before is not None:
            was = at(self._before, number)
            moved = change((own, ticks), (was, self._ticks_before))
            if moved.beyond_noise and not was and not self._called_others(number):
                mark = "NEW"
            elif moved.beyond_noise and not total:
                mark = "GONE"
        shown = at(self._steady.own, number)
        seconds = looked.seconds
        return HotRow(
            key=key,
            line=board.hottest_line(key, looked.windows),
            own_pct=100 * shown / ticks if ticks else 0.0,
            own_margin=margin_pct(shown, ticks),
            total_pct=100 * at(self._steady.total, number) / ticks if ticks else 0.0,
            own_s=at(seconds.own, number) if seconds is not None else None,
            total_s=at(seconds.total, number) if seconds is not None else None,
            trend=trend_of(number, self._parts),
            trend_top=self._top,
            change=moved,
            mark=mark,
            torn=self._torn,
        )

    def _called_others(self, number: int) -> bool:
        """Whether the row was there before, if only below others; a baseline does not know."""
        before = self._looked.before
        return self._view.baseline is None and before is not None and at(before.total, number) > 0


def _same(some: tuple[object, ...], others: tuple[object, ...]) -> bool:
    """Whether they hold the very same objects."""
    return len(some) == len(others) and all(map(operator.is_, some, others))


def _sized(values: Counts, size: int) -> Counts:
    """Exactly so many values, zeros where there are none."""
    if len(values) >= size:
        return values[:size]
    return np.concatenate([values, np.zeros(size - len(values))])


def _beyond_zero(before: Counts, ticks_before: float, ticks: float) -> npt.NDArray[np.bool_]:
    """Which of these own samples are so many that none at all now is beyond the noise; as
    :func:`change` has it."""
    if not ticks_before:
        return np.zeros(len(before), bool)
    below = before - (before + Z95**2 / 2 - Z95 * np.sqrt(before + Z95**2 / 4))
    none_now = Z95**2 * ticks_before / ticks
    return np.asarray(before > np.hypot(none_now, below))
