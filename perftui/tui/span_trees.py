"""The call tree of the span and what it is compared with, kept up from one refresh to the next. No
widgets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from perftui.model.baseline import Baseline
from perftui.model.calltree import CallTree, Node, call_tree
from perftui.model.stacks import Place, Window
from perftui.tui.difference import Difference
from perftui.tui.profile_view import Looked, ProfileView
from perftui.tui.source_view import hottest_line


class _Choice(NamedTuple):
    """Whose samples count; each choice has trees of its own."""

    pid: int | None
    thread: tuple[int, int] | None


class SpanTrees:
    """Trees of the windows that `view` looks at: a window that comes or goes costs its own stacks.

    A tree costs nothing until it is asked for. Not thread-safe.
    """

    def __init__(self, view: ProfileView) -> None:
        self._view = view
        self._choice: _Choice | None = None
        self._now, self._before = CallTree(), CallTree()
        self._of_baseline: tuple[Baseline, Node] | None = None

    def now(self, looked: Looked) -> CallTree:
        """The tree of the span."""
        self._choose()
        self._now.follow(looked.windows)
        return self._now

    def difference(self, looked: Looked) -> Difference | None:
        """What the span is compared with: the baseline, or the span before; None where there are
        no samples of it, or it is part of another whole."""
        baseline = self._view.baseline
        if baseline is None:
            return _difference(self._tree_before(looked.earlier), looked.earlier_ticks)
        if not self._view.fits_baseline(looked):
            return None
        if self._of_baseline is None or self._of_baseline[0] is not baseline:
            self._of_baseline = baseline, call_tree(baseline.stacks)
        return _difference(self._of_baseline[1], baseline.ticks)

    def hottest_line(self, place: Place, looked: Looked) -> int | None:
        """Where a function is hottest; of one that is GONE, where it was in what the span is
        compared with. None where no line of it is known."""
        line = hottest_line(place, self.now(looked).counts())
        if line is not None:
            return line
        baseline = self._view.baseline
        if baseline is not None:
            stacks = ((stack, count) for (_, stack), count in baseline.stacks.items())
            return hottest_line(place, stacks)
        self._tree_before(looked.earlier)
        return hottest_line(place, self._before.counts())

    def _tree_before(self, windows: Sequence[Window]) -> Node:
        self._choose()
        self._before.follow(windows)
        return self._before.root

    def _choose(self) -> None:
        grouping = self._view.grouping
        choice = _Choice(grouping.only_pid, grouping.only_thread)
        if choice != self._choice:
            self._choice = choice
            self._now, self._before = CallTree(keep=grouping.has), CallTree(keep=grouping.has)


def _difference(root: Node, ticks: float) -> Difference | None:
    return Difference(root, ticks) if root.total and ticks else None
