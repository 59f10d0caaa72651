from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from perftui.tui.cells import GAP, Column, Cut, fit, widths

TEXT = st.text() | st.text(st.sampled_from("ab表情é\u0301\ufe0f\u200d👩🏽❤🇩🇪\x1b\t\n"))


@given(TEXT, st.integers(-1, 40), st.booleans(), st.sampled_from(get_args(Cut)))
@example("表" * 40, 5, False, "start")
@example("表" * 40, 5, False, "middle")
@example("\u0301" * 200 + "a", 3, False, "end")
@example("ab" + "\u0301" * 200, 3, False, "middle")
@example("a\ufe0f", 1, True, "start")
def test_text_fits_exactly(text: str, width: int, right: bool, cut: Cut):
    """Any text takes as many cells as its column has, wide and combining characters too."""
    assert cell_len(fit(text, width, right=right, cut=cut)) == max(0, width)


@pytest.mark.parametrize(
    ("text", "width", "how", "shown"),
    [
        ("abc", 5, {}, "abc  "),
        ("abc", 5, {"right": True}, "  abc"),
        ("abcde", 5, {}, "abcde"),
        ("abcdef", 5, {}, "abcd…"),
        ("abcdef", 5, {"cut": "start"}, "…cdef"),
        ("abcdef", 5, {"cut": "middle"}, "ab…ef"),
        ("abcdef", 4, {"cut": "middle"}, "a…ef"),
        ("abcdef", 1, {"cut": "middle"}, "…"),
        ("abcde", 5, {"cut": "middle"}, "abcde"),
        ("abcdef", 1, {}, "…"),
        ("表情表", 4, {}, "表 …"),
        ("表情表", 4, {"cut": "start"}, "…表 "),
        ("表情表", 5, {"cut": "middle"}, "表…表"),
        ("python_gc_collected{generation=2}", 22, {"cut": "middle"}, "python_gc_…neration=2}"),
        ("", 2, {}, "  "),
        ("abc", 0, {}, ""),
    ],
)
def test_fit(text: str, width: int, how: dict[str, Any], shown: str):
    """Short text is padded; long text is cut where that matters least."""
    assert fit(text, width, **how) == shown


def test_a_giant_name_is_no_work():
    """Only what could be seen of a name is measured."""
    assert fit("x" * 10**7, 5) == "xxxx…"
    assert fit("x" * 10**7 + "y", 5, cut="start") == "…xxxy"
    assert fit("x" * 10**7 + "y", 5, cut="middle") == "xx…xy"


COLUMNS = (
    Column("own", "own%", 5),
    Column("trend", "trend", 7, needs=50),
    Column("function", "function", share=5),
    Column("place", "file:line", share=4),
)


def test_columns_share_what_is_left():
    """Columns without a width share the rest by their shares."""
    assert [(column.key, width) for column, width in widths(COLUMNS, 60)] == [
        ("own", 5),
        ("trend", 7),
        ("function", 25),
        ("place", 20),
    ]


def test_a_column_that_needs_more_is_left_out():
    """In a narrow table the columns that need more are not there."""
    assert [column.key for column, _ in widths(COLUMNS, 49)] == ["own", "function", "place"]


@given(
    st.lists(st.tuples(st.integers(0, 8), st.integers(1, 5), st.integers(0, 40)), max_size=8),
    st.integers(0, 200),
)
def test_widths_fill_the_table(columns: list[tuple[int, int, int]], total: int):
    """Where the fixed columns have room, all columns and their gaps fill the table exactly."""
    shown = widths([Column("k", "t", w, share=s, needs=n) for w, s, n in columns], total)
    assert all(column.needs <= total for column, _ in shown)
    assert all(width == column.width for column, width in shown if column.width)
    assert all(width >= 0 for _, width in shown)
    fixed = sum(column.width for column, _ in shown) + GAP * max(0, len(shown) - 1)
    if fixed <= total and any(not column.width for column, _ in shown):
        assert sum(width for _, width in shown) + GAP * (len(shown) - 1) == total
