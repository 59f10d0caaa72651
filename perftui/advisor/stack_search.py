"""Which stacks show what is looked for: all searches in one pass, each stack looked at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from perftui.model.stacks import CUT, Frame, Place, Stack, Window

Fits = Callable[[str], bool]
_MOST = 50_000


class Sought(NamedTuple):
    """A function by its name, its file's path, and the path of one that called it, directly or
    not; None where that does not matter."""

    function: Fits | None
    file: Fits | None
    under: Fits | None

    def is_found(self, frame: Frame) -> bool:
        """Whether this is the function, whoever called it."""
        return (self.function is None or self.function(frame.function)) and (
            self.file is None or self.file(frame.file)
        )

    def innermost(self, stack: Stack) -> Frame:
        """The last one in a stack that has one."""
        found, allowed = stack[-1], self.under is None
        for frame in stack:
            if frame is not CUT and allowed and self.is_found(frame):
                found = frame
            allowed = allowed or (
                frame is not CUT and self.under is not None and self.under(frame.file)
            )
        return found


class StackSearch:
    """Counts the samples in which each of `sought` is somewhere in the stack. Not thread-safe."""

    def __init__(self, sought: Sequence[Sought]) -> None:
        self._sought = tuple(sought)
        self._anywhere = sum(1 << n for n, one in enumerate(sought) if one.under is None)
        """A bit for each that need not be under another function."""
        self._frames: dict[Frame, tuple[int, int]] = {}
        self._stacks: dict[Stack, int] = {}
        self._windows: dict[Window, list[int]] = {}
        self._tops: dict[Window, Counter[Place]] = {}

    def keep(self, windows: Iterable[Window]) -> None:
        """Forget what was counted of windows that are not among these."""
        kept = set(windows)
        self._windows = {w: found for w, found in self._windows.items() if w in kept}
        self._tops = {w: found for w, found in self._tops.items() if w in kept}
        for known in (self._frames, self._stacks):
            if len(known) > _MOST:
                known.clear()

    def samples(self, number: int, windows: Iterable[Window]) -> tuple[int, float]:
        """In how many samples of these windows one of `sought` is, and how many ticks they are."""
        parts = [(self._counted(window)[number], window.expected_ticks) for window in windows]
        return sum(count for count, _ in parts), sum(ticks for _, ticks in parts)

    def hottest(self, number: int, windows: Iterable[Window]) -> Place | None:
        """The innermost of the functions that were found, in the most samples."""
        found: Counter[Place] = Counter()
        sought = self._sought[number]
        for window in windows:
            for (_, stack), count in window.stacks.items():
                if self._of(stack) >> number & 1:
                    frame = sought.innermost(stack)
                    found[Place(frame.function, frame.file)] += count
        return max(found, key=lambda place: (found[place], place), default=None)

    def tops(self, windows: Iterable[Window]) -> Counter[Place]:
        """In how many samples of these windows each function was on top of the stack."""
        found: Counter[Place] = Counter()
        for window in windows:
            known = self._tops.get(window)
            if known is None:
                known = self._tops[window] = Counter()
                for (_, stack), count in window.stacks.items():
                    if stack and stack[-1] is not CUT:
                        known[Place(stack[-1].function, stack[-1].file)] += count
            found.update(known)
        return found

    def _counted(self, window: Window) -> list[int]:
        known = self._windows.get(window)
        if known is None:
            known = self._windows[window] = [0] * len(self._sought)
            for (_, stack), count in window.stacks.items():
                found, number = self._of(stack), 0
                while found:
                    known[number] += count * (found & 1)
                    found, number = found >> 1, number + 1
        return known

    def _of(self, stack: Stack) -> int:
        """A bit for each that is in a stack."""
        known = self._stacks.get(stack)
        if known is not None:
            return known
        found, allowed = 0, self._anywhere
        for frame in stack.frames:
            looked = self._frames.get(frame)
            if looked is None:
                looked = self._frames[frame] = self._look(frame)
            found |= looked[0] & allowed
            allowed |= looked[1]
        self._stacks[stack] = found
        return found

    def _look(self, frame: Frame) -> tuple[int, int]:
        """A bit for each that this frame is, and for each that what it calls may be."""
        if frame is CUT:
            return 0, 0
        found = sum(1 << n for n, one in enumerate(self._sought) if one.is_found(frame))
        callers = sum(
            1 << n for n, one in enumerate(self._sought) if one.under and one.under(frame.file)
        )
        return found, callers
