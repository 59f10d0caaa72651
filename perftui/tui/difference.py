"""How each place of a call tree has changed against an earlier tree. No widgets."""

from __future__ import annotations

from dataclasses import dataclass

from perftui.model.calltree import Node, Path, find
from perftui.model.noise import Change, change


@dataclass(frozen=True, eq=False)
class Difference:
    """The earlier tree, and the ticks that its samples are shares of."""

    before: Node
    ticks: float

    def of(self, path: Path, node: Node, ticks: float) -> Change:
        """How the total share of a node, whose samples are shares of `ticks`, has changed."""
        earlier = find(self.before, path)
        return change((node.total, ticks), (earlier.total if earlier else 0.0, self.ticks))


def sign(moved: Change | None) -> str:
    """▲ or ▼ for a change beyond the noise, else nothing."""
    if moved is None or not moved.beyond_noise:
        return ""
    return "▲" if moved.points > 0 else "▼"
