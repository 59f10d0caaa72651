from __future__ import annotations

import pytest
from builders import MAIN, AnyStack, stack
from hypothesis import given
from hypothesis import strategies as st
from trees import FILE, STACKS, live_tree, stacks

from perftui.model.source import SourceText
from perftui.model.stacks import Frame, Place, Thread
from perftui.tui.source_view import SourceLine, hottest_line, source_lines

TEXT = SourceText(FILE, ("def main():", "    work()", "def work():", "    pass"))


def shares(source: SourceText, counts: dict[AnyStack, int], ticks: float = 100.0):
    """Own and total shares of the lines that have any."""
    seen = source_lines(source, live_tree(stacks(counts)).counts(), ticks)
    return {line.number: (line.own_pct, line.total_pct) for line in seen if line.total_pct}


def test_every_line_of_the_file_is_there():
    """All lines are shown with their text and number, those without samples at zero."""
    seen = source_lines(TEXT, live_tree(stacks({"main:2 work:4": 30})).counts(), 100)
    assert seen == [
        SourceLine(1, "def main():", 0, 0),
        SourceLine(2, "    work()", 0, 30),
        SourceLine(3, "def work():", 0, 0),
        SourceLine(4, "    pass", 30, 30),
    ]


def test_own_is_on_top_and_total_anywhere():
    """A line owns the samples it was on top of, and shares those it is part of."""
    counts = {"main:2 work:4": 30, "main:2": 5, "main:1": 1}
    assert shares(TEXT, counts) == {1: (1, 1), 2: (5, 35), 4: (30, 30)}


def test_a_line_that_recurses_counts_once():
    """A line that is in a stack several times has each sample once."""
    assert shares(TEXT, {"work:4 work:4 work:4": 10}) == {4: (10, 10)}


def test_two_lines_of_one_stack_have_it_both():
    """Every line of a stack has its samples in total, the one on top owns them."""
    assert shares(TEXT, {"work:3 work:4": 10}) == {3: (0, 10), 4: (10, 10)}


def test_other_files_do_not_count():
    """What other files do, below or above, is no sample of this one's line of the same number."""
    other = stack("run:4", "/srv/other.py")
    counts = {(*stack("main:2"), *other): 10, (*other, *stack("work:4")): 7, other: 50}
    assert shares(TEXT, counts) == {2: (0, 10), 4: (7, 7)}


def test_frames_without_a_line_do_not_count():
    """A frame whose line is not known belongs to none."""
    counts = {(Frame("main", FILE, None),): 10, (Frame("main", FILE, 0),): 10, (): 3}
    assert shares(TEXT, counts) == {}


def test_shares_are_of_the_expected_ticks():
    """A share is of the ticks, not of the samples; without ticks it is none."""
    assert shares(TEXT, {"work:4": 30}, ticks=300) == {4: (pytest.approx(10), pytest.approx(10))}
    assert shares(TEXT, {"work:4": 30}, ticks=0) == {}


def test_threads_are_counted_together():
    """A line's share is that of all threads given."""
    both = {(MAIN, stack("work:4")): 10, (Thread(1, 2, "b"), stack("work:4")): 20}
    assert source_lines(TEXT, live_tree(both).counts(), 100)[3].own_pct == 30


def test_without_a_text_the_lines_that_were_seen():
    """Where the file cannot be read, the lines with samples are shown, in their order."""
    missing = SourceText(FILE, why="No such file or directory")
    assert source_lines(missing, live_tree(stacks({"main:20 work:7": 30})).counts(), 100) == [
        SourceLine(7, "", 30, 30),
        SourceLine(20, "", 0, 30),
    ]
    assert source_lines(missing, (), 100) == []


def test_samples_beyond_the_end_of_the_file_are_not_lost():
    """Where the file has become shorter than the code that runs, its samples are still shown."""
    seen = source_lines(
        TEXT, live_tree(stacks({"main:2 work:90": 30, "main:2 work:6": 1})).counts(), 100
    )
    assert [line.number for line in seen] == [1, 2, 3, 4, 6, 90]
    assert seen[-1] == SourceLine(90, "", 30, 30)


@given(STACKS, st.integers(0, 3))
def test_no_own_sample_is_lost(counts, lines: int):
    """Whatever is sampled and however long the file is, own shares add up to all own samples of
    the file, no line owns more than its total, and lines are in order."""
    seen = source_lines(SourceText(FILE, ("x",) * lines), live_tree(counts).counts(), 100)
    tops = [(one[-1], n) for (_, one), n in counts.items() if one]
    own = sum(n for top, n in tops if top.file == FILE and top.line)
    assert sum(line.own_pct for line in seen) == pytest.approx(own)
    assert all(line.own_pct <= line.total_pct for line in seen)
    assert [line.number for line in seen] == sorted({line.number for line in seen})
    assert len(seen) >= lines


@pytest.mark.parametrize(
    ("counts", "line"),
    [
        ({"main:2 work:4": 3, "main:2 work:9": 5}, 9),
        ({"main:2 work:4": 3, "main:2 work:9 deep:1": 50}, 9),
        ({"work:4 deep:1": 3, "work:9": 3}, 9),
        ({"work:4 deep:1": 3, "work:9 deep:1": 5}, 9),
        ({"work:9": 3, "work:4": 3}, 4),
        ({"work:9 work:4": 3, "work:9 other:4": 1}, 9),
        ({"other:9": 3}, None),
    ],
)
def test_the_hottest_line(counts: dict[AnyStack, int], line: int | None):
    """It has most samples of the function in all, then most own ones, then it comes first."""
    assert hottest_line(Place("work", FILE), live_tree(stacks(counts)).counts()) == line


def test_the_hottest_line_is_of_this_file():
    """A function of the same name in another file is another one, and one of no line has none."""
    seen = {(MAIN, stack("work:9", "/other.py")): 5, (MAIN, stack((Frame("work", FILE, None),))): 3}
    assert hottest_line(Place("work", FILE), live_tree(seen).counts()) is None
