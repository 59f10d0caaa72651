from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from perftui.tui.widgets.painted import changed_cells

BOLD, PLAIN = Style(bold=True), Style()
LINES = st.lists(st.tuples(st.text("ab漢", max_size=4), st.sampled_from([BOLD, PLAIN])), max_size=4)


def line(*parts: tuple[str, Style]) -> Strip:
    return Strip([Segment(text, style) for text, style in parts])


@pytest.mark.parametrize(
    ("old", "new", "cells"),
    [
        ((("a 12  f", PLAIN),), (("a 12  f", PLAIN),), 0),
        ((("a 12  f", PLAIN),), (("a 13  f", PLAIN),), 4),
        ((("a 12  f", PLAIN),), (("b 12  f", PLAIN),), 1),
        ((("a 12  f", PLAIN),), (("a 12  g", PLAIN),), 7),
        ((("ab", PLAIN), ("cd", PLAIN)), (("a", PLAIN), ("bcd", PLAIN)), 0),
        ((("abcd", PLAIN),), (("ab", PLAIN), ("cd", BOLD)), 4),
        ((("abcd", PLAIN),), (("ab", BOLD), ("cd", PLAIN)), 2),
        ((("ab", PLAIN),), (("abc", PLAIN),), 3),
        ((("a漢b", PLAIN),), (("c漢b", PLAIN),), 4),
        ((), (("ab", PLAIN),), 2),
    ],
)
def test_what_has_changed(
    old: tuple[tuple[str, Style], ...], new: tuple[tuple[str, Style], ...], cells: int
):
    """So many cells from the left are drawn again: text or colours of the last of them differ."""
    assert changed_cells(line(*old), line(*new)) == cells


@given(LINES, LINES)
def test_nothing_that_differs_is_left_out(
    old: list[tuple[str, Style]], new: list[tuple[str, Style]]
):
    """Drawing the changed cells of a line over the old one of the same length gives the new one."""
    before, after = line(*old), line(*new)
    if before.cell_length != after.cell_length:
        assert changed_cells(before, after) == after.cell_length
        return
    cells = changed_cells(before, after)
    drawn = Strip.join([after.crop(0, cells), before.crop(cells, before.cell_length)])
    assert drawn.simplify().text == after.simplify().text
    assert [(s.text, s.style) for s in drawn.simplify() if s.text] == [
        (s.text, s.style) for s in after.simplify() if s.text
    ]
