"""Torn stacks: what py-spy sees of a target that runs on while it is looked at.

A non-blocking look reads one frame after the other, and the target may have gone elsewhere in
between: one part of the stack is of one moment, the rest of another, and the call between them
never happened. The function on top is right; what is above it may not be.

Blocking looks tear nothing. So a call (an edge from caller to callee) that blocking looks have seen
is confirmed. One that only torn windows show would have been seen by blocking looks too, were it
real: once three sightings were due, from three windows at least, seeing none has a probability of
5 % (Poisson), and the stack is cut there. Tears fall on many edges, each of them rare, so edges
between functions that are both known are also judged together: where at most a tenth of the
sightings that were due can have come, such an edge is cut until a blocking look shows it.

What stood above the cut is dropped. Where blocking looks have seen a function called by one other
only, often enough that a second caller is no more than one in twenty, that caller takes its place;
else the callers are unknown.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from perftui.model.stacks import CUT, Frame, Place, Stack, Thread, Window

Stacks = Mapping[tuple[Thread, Stack], int]
Edge = int
"""Caller and callee by the numbers that the book gives them, as `caller * _BASE + callee`; what
calls the root is number 0. One integer: a stack has as many edges as frames, and they are looked up
all the time."""
_BASE = 1_000_003
"""More than there are numbers, and no power of two: the edges of one callee would all have the same
lower bits, by which a set places them."""

DUE = 3.0
"""-ln(5 %): once so many sightings were due, having seen none says that an edge is not real."""
MOST_AT_ONCE = DUE / 3
"""So many sightings are due from one window at most: its looks come in runs, of the few requests of
that second, and what is called at other times would be taken for what is never called."""
REAL_SHARE = 0.1
"""Edges between known functions are cut together when at most so many of them can be real."""
RECHECK_S = 120.0
"""How long windows are cut anew as more gets known."""
ONE_CALLER = 59
"""0.95 to this power is below 5 %: after so many sightings of a function, each with the same
caller, other callers are at most one in twenty."""
_FORGET = 0.98
"""What a window counts for once the next has come: the program may do something else now."""
_LEAST_SIGHTINGS = 0.02
_MOST = 50_000


@dataclass(slots=True)
class _Doubt:
    """How often torn stacks showed an edge that is not confirmed, how many sightings of it by
    blocking looks were due since, and whether both of its functions are known from them."""

    sightings: float = 0.0
    due: float = 0.0
    both_known: bool = False


@dataclass(slots=True)
class _Caller:
    """The caller of a function, how often it was seen, and whether there are others."""

    number: int
    frame: Frame | None
    sightings: int = 0
    others: bool = False


@dataclass(slots=True, eq=False)
class _Calls:
    """The edges of a stack, the root's own first, and whether all of them are confirmed."""

    stack: Stack
    edges: tuple[Edge, ...]
    settled: bool = False


@dataclass(slots=True)
class _Kept:
    """A torn window as it was seen and as it is shown, the calls in it that were not all confirmed,
    and those edges."""

    seen: Window
    shown: Window
    unsettled: list[_Calls]
    doubtful: frozenset[Edge]


class EdgeBook:
    """Which calls are confirmed; gives windows without what cannot be true.

    Not thread-safe: the profiler alone uses it.
    """

    def __init__(self) -> None:
        self._forget_all()

    def _forget_all(self) -> None:
        self._numbers: dict[Place, int] = {}
        self._places: list[Place] = [Place("", "")]
        self._number_of: dict[Frame, int] = {}
        self._calls: dict[Stack, _Calls] = {}
        self._quiet: set[Stack] = set()
        """Stacks of which nothing more can be learned: all calls in them are confirmed, and noted.
        """
        self._quiet_pairs: set[tuple[Frame | None, Frame]] = set()
        """Those calls, by what most new stacks are known to be quiet at once."""
        self._confirmed: set[Edge] = set()
        self._known: set[int] = {0}
        self._doubts: dict[Edge, _Doubt] = {}
        self._torn_samples = 0.0
        self._due = self._came = 0.0
        self._kind: tuple[bool, bool, bool] | None = None
        """What the torn windows looked for: other kinds of looks say nothing about absence."""
        self._recent: deque[_Kept] = deque()
        self._cut: set[Edge] = set()
        self._callers: dict[int, _Caller] = {}
        self._noted: set[Edge] = set()
        """Edges that need not be counted for `_callers` any more."""
        self._above: dict[int, tuple[Frame, ...]] = {}
        self._mended: dict[Stack, Stack] = {}

    def add(
        self, window: Window, seen: Stacks | None = None
    ) -> tuple[Window, list[tuple[Window, Window]]]:
        """Take in a window: how it is shown, and the earlier ones that are now shown otherwise,
        each with what takes its place. `seen` are all stacks that a blocking window saw, where
        some were left out of it: they happened all the same."""
        while self._recent and self._recent[0].seen.end < window.end - RECHECK_S:
            self._recent.popleft()
        if max(len(self._numbers), len(self._doubts)) > _MOST:
            self._forget_all()
        for known in (self._calls, self._quiet, self._quiet_pairs, self._number_of):
            if len(known) > _MOST:
                known.clear()
        if window.torn:
            return self._add_torn(window), []
        seen = window.stacks if seen is None else seen
        changed = self._add_blocking(window, seen) | self._judge()
        above = {number: self._callers_above(number) for number in self._above}
        others_above, self._above = above != self._above, above
        return replace(window, cut=0), self._rebuilt(changed, cut_too=others_above)

    def _add_torn(self, window: Window) -> Window:
        self._kind = window.kind
        self._torn_samples = self._torn_samples * _FORGET + window.samples
        for edge in [e for e, d in self._doubts.items() if d.sightings < _LEAST_SIGHTINGS]:
            del self._doubts[edge]
            self._cut.discard(edge)
        for doubt in self._doubts.values():
            doubt.sightings *= _FORGET
        together = self._cut_together
        found: set[Edge] = set()
        unsettled = [
            (calls, count)
            for calls, count in self._by_stack(window.stacks)
            if not self._is_settled(calls)
        ]
        for calls, count in unsettled:
            for edge in calls.edges:
                if edge in self._confirmed:
                    continue
                if edge not in self._doubts:
                    self._doubts[edge] = _Doubt(both_known=self._both_known(edge))
                    if together and self._doubts[edge].both_known:
                        self._cut.add(edge)
                self._doubts[edge].sightings += count
                found.add(edge)
        kept = _Kept(window, window, [calls for calls, _ in unsettled], frozenset(found))
        kept.shown = self._shown(kept)
        self._recent.append(kept)
        return kept.shown

    def _add_blocking(self, window: Window, seen: Stacks) -> set[Edge]:
        """The edges that this window confirms."""
        # Threads that only the look has woken say nothing of what would have been seen.
        samples = window.samples
        self._due *= _FORGET
        self._came *= _FORGET
        if self._torn_samples and window.kind == self._kind:
            for doubt in self._doubts.values():
                due = samples * doubt.sightings / self._torn_samples
                doubt.due += min(due, MOST_AT_ONCE)
                if doubt.both_known:
                    self._due += due
        confirmed: set[Edge] = set()
        for calls, count in self._by_stack(seen):
            is_noted = self._note_callers(calls, count)
            if self._is_settled(calls):
                if is_noted:
                    del self._calls[calls.stack]
                    self._add_quiet(calls.stack)
                continue
            confirmed.update(calls.edges)
            self._came += count * sum(
                self._doubts[edge].both_known for edge in self._doubts.keys() & calls.edges
            )
        new = confirmed - self._confirmed
        self._confirmed |= new
        for edge in new:
            self._known.update(divmod(edge, _BASE))
            self._doubts.pop(edge, None)
        if new:
            for edge, doubt in self._doubts.items():
                doubt.both_known = doubt.both_known or self._both_known(edge)
        return new

    def _note_callers(self, calls: _Calls, count: int) -> bool:
        """Count who calls whom; whether that was known of all of them already."""
        if self._noted.issuperset(calls.edges):
            return True
        for edge, frame in zip(calls.edges, (None, *calls.stack.frames), strict=False):
            if edge in self._noted:
                continue
            caller, callee = divmod(edge, _BASE)
            known = self._callers.get(callee)
            if known is None:
                known = self._callers[callee] = _Caller(caller, frame)
            known.sightings += count
            known.others = known.others or known.number != caller
            if known.others or known.sightings >= ONE_CALLER:
                self._noted.add(edge)
        return False

    def _callers_above(self, number: int) -> tuple[Frame, ...]:
        """The frames above a function as far as each has one caller, from the root on."""
        found: list[Frame] = []
        while number and len(found) < _MOST:
            caller = self._callers.get(number)
            if caller is None or caller.others or caller.sightings < ONE_CALLER:
                found.append(CUT)
                break
            number = caller.number
            if caller.frame is not None:
                found.append(caller.frame)
        return tuple(reversed(found))

    def _both_known(self, edge: Edge) -> bool:
        return self._known.issuperset(divmod(edge, _BASE))

    @property
    def _cut_together(self) -> bool:
        """Whether so few of the sightings that were due came, that new edges between known
        functions are cut at once: the upper end of what came, over what was due."""
        return self._came + DUE + 2 * math.sqrt(self._came) <= REAL_SHARE * self._due

    def _judge(self) -> set[Edge]:
        """Decide anew which edges are cut; those for which that has changed."""
        together = self._cut_together
        cut = {
            edge
            for edge, doubt in self._doubts.items()
            if doubt.due >= DUE or (together and doubt.both_known)
        }
        changed, self._cut = cut ^ self._cut, cut
        return changed

    def _rebuilt(self, changed: set[Edge], *, cut_too: bool) -> list[tuple[Window, Window]]:
        """The recent windows with one of these edges, and those with a cut if `cut_too`, as they
        were and as they are now."""
        replaced = []
        for kept in self._recent:
            is_new = kept.shown.cut is None or (cut_too and kept.shown.cut)
            if not is_new and kept.doubtful.isdisjoint(changed):
                continue
            before, kept.shown = kept.shown, self._shown(kept)
            replaced.append((before, kept.shown))
        return replaced

    def _shown(self, kept: _Kept) -> Window:
        """The window with its stacks cut where an edge is not real."""
        window = kept.seen
        if not self._confirmed:
            return window  # there was no blocking look: nothing can be said
        doubtful: set[Edge] = set()
        cuts: dict[Stack, Stack] = {}
        for calls in kept.unsettled:
            if self._is_settled(calls):
                continue
            edges = calls.edges
            if not self._cut.isdisjoint(edges):
                first = max(i for i, edge in enumerate(edges) if edge in self._cut)
                cuts[calls.stack] = self._from(calls, first)
                edges = edges[first + 1 :]
            doubtful.update(edge for edge in edges if edge not in self._confirmed)
        places = self._places
        unconfirmed = frozenset((places[e // _BASE], places[e % _BASE]) for e in doubtful)
        stacks, samples = window.stacks, 0
        if cuts:
            stacks = Counter(dict(stacks))
            for (thread, stack), count in window.stacks.items():
                cut = cuts.get(stack)
                if cut is not None:
                    del stacks[thread, stack]
                    stacks[thread, cut] += count
                    samples += count
        return replace(window, stacks=stacks, cut=samples, unconfirmed=unconfirmed)

    def _from(self, calls: _Calls, first: int) -> Stack:
        """The stack from a frame on, below the callers that it must have; one object for each."""
        number = calls.edges[first] % _BASE
        if number not in self._above:
            self._above[number] = self._callers_above(number)
        mended = Stack((*self._above[number], *calls.stack.frames[first:]))
        if len(self._mended) > _MOST:
            self._mended.clear()
        return self._mended.setdefault(mended, mended)

    def _by_stack(self, stacks: Stacks) -> Iterable[tuple[_Calls, int]]:
        """The stacks of all threads together, with their samples; without those that are quiet."""
        counts: dict[Stack, int] = {}
        quiet, quiet_pairs = self._quiet, self._quiet_pairs
        for (_, stack), count in stacks.items():
            if stack not in quiet:
                counts[stack] = counts.get(stack, 0) + count
        found: list[tuple[_Calls, int]] = []
        for stack, count in counts.items():
            calls = self._calls.get(stack)
            if calls is None:
                if quiet_pairs.issuperset(_pairs(stack.frames)):
                    quiet.add(stack)
                    continue
                edges = self._edges(stack)
                if self._confirmed.issuperset(edges) and self._noted.issuperset(edges):
                    self._add_quiet(stack)
                    continue
                calls = self._calls[stack] = _Calls(stack, edges)
            found.append((calls, count))
        return found

    def _is_settled(self, calls: _Calls) -> bool:
        """Whether all of them are confirmed."""
        calls.settled = calls.settled or self._confirmed.issuperset(calls.edges)
        return calls.settled

    def _add_quiet(self, stack: Stack) -> None:
        self._quiet.add(stack)
        self._quiet_pairs.update(_pairs(stack.frames))

    def _edges(self, stack: Stack) -> tuple[Edge, ...]:
        numbers = self._number_of
        for frame in stack.frames:
            if frame not in numbers:
                numbers[frame] = self._number(Place(frame.function, frame.file))
        callees = [numbers[frame] for frame in stack.frames]
        return tuple(a * _BASE + b for a, b in zip([0, *callees], callees, strict=False))

    def _number(self, place: Place) -> int:
        number = self._numbers.setdefault(place, len(self._places))
        if number == len(self._places):
            self._places.append(place)
        return number


def _pairs(frames: tuple[Frame, ...]) -> Iterable[tuple[Frame | None, Frame]]:
    """Each call of a stack as the frames of caller and callee; nothing calls the root."""
    return zip((None, *frames), frames, strict=False)
