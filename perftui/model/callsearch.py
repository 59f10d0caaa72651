"""Where in a call tree certain functions are, and how many samples show them."""

from __future__ import annotations

from collections.abc import Callable

from perftui.model.calltree import TOP, Node, Path, Seen, by_total
from perftui.model.stacks import Frame

_MOST_FRAMES = 100_000
_LEAST_KEPT = 1_000


class Search:
    """Finds the frames that `fits` says yes to, in a tree that changes under way.

    What it found out about a stack is kept, so that the next look costs what is new.
    """

    def __init__(self, fits: Callable[[Frame], bool]) -> None:
        self._ask = fits
        self._fits: dict[Frame, bool] = {}
        self._root: Node | None = None
        self._last: dict[Seen, int] = {}
        self._kept = _LEAST_KEPT

    def fits(self, frame: Frame) -> bool:
        """Whether `frame` is looked for."""
        known = self._fits.get(frame)
        if known is None:
            if len(self._fits) > _MOST_FRAMES:
                self._fits.clear()
            known = self._fits[frame] = self._ask(frame)
        return known

    def samples(self, root: Node) -> int:
        """Samples of the tree that show a fitting frame below `root`, each counted once, however
        many of its frames fit."""
        self._forget_gone(root)
        samples = 0
        nodes = [root]
        while nodes:
            node = nodes.pop()
            if node.waiting is not None:
                samples += sum(seen.samples for seen in node.waiting if self._below(node, seen))
                continue
            for child in node.children.values():
                if self.fits(child.frame):
                    samples += child.total
                else:
                    nodes.append(child)
        return samples

    def outermost(self, root: Node, most: int) -> list[Path]:
        """Paths of fitting nodes with no fitting one above them, from the hottest branches down, at
        most `most`. Only the branches that lead there are laid out."""
        self._forget_gone(root)
        found: list[Path] = []
        nodes = [(root, TOP)]
        while nodes and len(found) < most:
            node, path = nodes.pop()
            if path is not TOP and self.fits(node.frame):
                found.append(path)
                continue
            leading = [
                child
                for child in node.children.values()
                if self.fits(child.frame) or self._leads(child)
            ]
            leading.sort(key=by_total, reverse=True)
            nodes.extend((child, path.child(child.frame)) for child in leading)
        return found

    def _leads(self, node: Node) -> bool:
        """Whether a frame below the node fits."""
        nodes = [node]
        while nodes:
            node = nodes.pop()
            if node.waiting is None:
                children = node.children.values()
                if any(self.fits(child.frame) for child in children):
                    return True
                nodes.extend(children)
            elif any(self._below(node, seen) for seen in node.waiting):
                return True
        return False

    def _below(self, node: Node, seen: Seen) -> bool:
        """Whether a frame of `seen` fits that is below the node."""
        last = self._last.get(seen)
        if last is None:
            depths = range(len(seen.frames) - 1, -1, -1)
            last = next((depth for depth in depths if self.fits(seen.frames[depth])), -1)
            self._last[seen] = last
        return last >= node.depth

    def _forget_gone(self, root: Node) -> None:
        """What was found out about another tree, or about stacks that have left this one."""
        if root is not self._root:
            self._root = root
            self._last.clear()
        elif len(self._last) > 2 * self._kept:
            self._last = {seen: last for seen, last in self._last.items() if seen.samples}
            self._kept = max(_LEAST_KEPT, len(self._last))
