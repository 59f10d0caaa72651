"""Who calls a function, and what it calls: direct ones only, as the rows of one table."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from perftui.model.calltree import Node, by_total
from perftui.model.stacks import Frame


class Role(Enum):
    """What a row is to the function, in the words of the table."""

    CALLER = "called by"
    ITSELF = "function"
    CALLEE = "calls"


@dataclass(frozen=True, slots=True)
class CallRow:
    """A caller, the function itself, or a callee.

    `share_pct` is how much of the function's total came from that caller or went to that callee:
    callers make 100, and so do callees. `total_pct` is the same in percent of the expected ticks.
    `line` is where a caller calls, or where a callee mostly is. `frame` is None for samples
    without a caller, or for those with the function itself on top.
    """

    role: Role
    frame: Frame | None
    line: int | None
    share_pct: float
    total_pct: float
    is_recursive: bool = False


def call_rows(above: Node, below: Node, ticks: float) -> list[CallRow]:
    """Callers, the function, callees, each hottest first; none where it has no samples.

    `above` and `below` are the function's node in its tree of callers and in that of callees
    (:mod:`model.calltree`); `ticks` are the looks that samples are shares of.
    """
    if not below.total:
        return []
    share, scale = 100 / below.total, 100 / ticks if ticks else 0.0

    def row(role: Role, frame: Frame | None, line: int | None, samples: int) -> CallRow:
        recursive = role is Role.CALLEE and frame == below.frame
        return CallRow(role, frame, line, samples * share, samples * scale, recursive)

    def side(node: Node, role: Role) -> list[CallRow]:
        children = sorted(node.children.values(), key=by_total)
        rows = [row(role, child.frame, child.line, child.total) for child in children]
        if node.own:
            rows.append(row(role, None, None, node.own))
            rows.sort(key=lambda row: -row.share_pct)
        return rows

    itself = row(Role.ITSELF, below.frame, below.line, below.total)
    return [*side(above, Role.CALLER), itself, *side(below, Role.CALLEE)]
