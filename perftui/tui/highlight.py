"""The frames of a tree that a filter fits, and the share of the samples that show them."""

from __future__ import annotations

from collections.abc import Iterable

from perftui.model.callsearch import Search
from perftui.model.calltree import Node, Path
from perftui.model.stacks import Frame
from perftui.tui.filter import Filter, TooSlow


class Highlight:
    """What `wanted` fits in a tree; nothing where it is None, or takes too long (`error` says so).

    `samples` are those of the tree that was looked at last which show a fitting frame.
    """

    def __init__(self, wanted: Filter | None = None) -> None:
        self.error = ""
        self.samples = 0
        self._wanted = wanted
        self._search = Search(self._ask)

    @property
    def is_on(self) -> bool:
        """Whether something is looked for."""
        return self._wanted is not None

    def look(self, root: Node) -> None:
        """Count the samples of this tree that fit; to be called with new data, before the rest."""
        if self._wanted is not None:
            self._wanted.start()
            self.samples = self._search.samples(root)

    def fits(self, frame: Frame) -> bool:
        """Whether the frame is to stand out."""
        return self._wanted is not None and self._search.fits(frame)

    def branches(self, root: Node, most: int) -> Iterable[Path]:
        """Where to look for what fits, the hottest branches first."""
        return self._search.outermost(root, most) if self._wanted is not None else ()

    def _ask(self, frame: Frame) -> bool:
        if self._wanted is None:
            return False
        try:
            return self._wanted.fits(frame.function, frame.file)
        except TooSlow as error:
            self._wanted, self.samples, self.error = None, 0, str(error)
            return False
