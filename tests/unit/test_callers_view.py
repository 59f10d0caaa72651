from __future__ import annotations

import pytest
from hypothesis import given
from trees import FILE, STACKS, live_tree, stacks

from perftui.model.following import Stacks
from perftui.tui.callers_view import CallRow, Role, call_rows


def rows_of(seen: Stacks, function: str, file: str = FILE, ticks: float = 1000) -> list[CallRow]:
    tree = live_tree(seen)
    return call_rows(tree.callers(function, file), tree.callees(function, file), ticks)


def words(row: CallRow) -> tuple[str, str | None, float, float]:
    name = row.frame.function if row.frame else None
    return row.role.value, name, round(row.share_pct, 1), round(row.total_pct, 1)


COUNTS = {"a:3 f:9 x:5": 40, "b:4 f:9 y:6": 30, "a:3 f:8": 20, "f:9 x:5": 10, "z": 7}


def test_callers_the_function_and_callees() -> None:
    """Each side is sorted by share, and makes a hundred percent of the function."""
    assert [words(row) for row in rows_of(stacks(COUNTS), "f")] == [
        ("called by", "a", 60, 6),
        ("called by", "b", 30, 3),
        ("called by", None, 10, 1),
        ("function", "f", 100, 10),
        ("calls", "x", 50, 5),
        ("calls", "y", 30, 3),
        ("calls", None, 20, 2),
    ]


def test_lines() -> None:
    """A caller's line is where it calls, a callee's where it mostly is."""
    rows = rows_of(stacks(COUNTS), "f")
    assert [row.line for row in rows] == [3, 4, None, 9, 5, 6, None]


def test_recursion() -> None:
    """A function that recurses is among its callees, and says so; who began it is the caller."""
    rows = rows_of(stacks({"main f f f": 6, "main f": 2}), "f")
    assert [(words(row)[:3], row.is_recursive) for row in rows] == [
        (("called by", "main", 100), False),
        (("function", "f", 100), False),
        (("calls", "f", 75), True),
        (("calls", None, 25), False),
    ]


def test_a_function_without_samples() -> None:
    """There is nothing to show, and nothing fails."""
    assert rows_of(stacks(COUNTS), "nobody") == []
    assert rows_of({}, "f") == []


def test_without_ticks() -> None:
    """Shares of the function are known where percent of the ticks are not."""
    row = rows_of(stacks(COUNTS), "f", ticks=0)[0]
    assert (row.share_pct, row.total_pct) == (60, 0)


@given(STACKS)
def test_each_side_is_the_whole(seen: Stacks) -> None:
    """Callers add up to the function's total, and so do callees."""
    rows = rows_of(seen, "a")
    for role in Role if rows else ():
        side = [row for row in rows if row.role is role]
        assert sum(row.share_pct for row in side) == pytest.approx(100)
        assert sum(row.total_pct for row in side) == pytest.approx(
            next(row.total_pct for row in rows if row.role is Role.ITSELF)
        )
        assert [r.share_pct for r in side] == sorted((r.share_pct for r in side), reverse=True)
