from __future__ import annotations

import pytest
from builders import NOW
from hypothesis import given
from hypothesis import strategies as st

from perftui.model.event import Event, EventKind
from perftui.tui.axis import CURSOR, SIGNS, SPANS_S, Axis, Moment, TimeView, axis_line

AXIS = Axis(NOW, 60.0, 30)
"""Cells of two seconds; NOW is the beginning of the last one."""


def view(**more: object) -> TimeView:
    return TimeView(**{"span": 0, **more})


def test_cells_begin_at_fixed_times():
    """A time stays in its cell for as long as that is on the axis, however the axis moves on."""
    assert [AXIS.place(NOW + t) for t in (0, 1.9, 2, -0.1, -58, -58.1)] == [
        29,
        29,
        None,
        28,
        0,
        None,
    ]
    assert AXIS._replace(end=NOW + 1.9).place(NOW - 1) == 28
    assert AXIS._replace(end=NOW + 2).place(NOW - 1) == 27
    assert AXIS.cell(29) == Moment(NOW, NOW + 2)
    assert AXIS.start == NOW - 58


@given(st.floats(1.0, 1e6), st.integers(1, 300), st.floats(0.01, 0.99), st.floats(60, 1e6))
def test_every_time_of_an_axis_has_a_cell(end: float, width: int, share: float, span: float):
    """From its start to its end no time is without a cell, and a cell has its own times."""
    axis = Axis(NOW + end, span, width)
    at = axis.start + share * (axis.end - axis.start)
    place = axis.place(at)
    assert place is not None
    start, stop = axis.cell(place)
    assert start - 1e-3 <= at <= stop + 1e-3


def test_live():
    """Without a cursor the axis ends now, and nothing of the past is looked at."""
    seen = view()
    assert seen.axis(NOW, NOW - 900, 30) == AXIS
    assert seen.moment(AXIS) is None
    assert not seen.go_live()


def test_the_first_key_puts_the_cursor_on_the_newest_cell():
    """From there it goes back and forth cell by cell, and the charts stand still."""
    seen = view()
    seen.move(AXIS, -1, NOW)
    assert seen.moment(AXIS) == Moment(NOW, NOW + 2)
    seen.move(AXIS, -1, NOW + 5)
    assert seen.moment(AXIS) == Moment(NOW - 2, NOW)
    assert seen.axis(NOW + 60, NOW - 900, 30) == AXIS
    seen.move(AXIS, 1, NOW + 5)
    assert seen.moment(AXIS) == Moment(NOW, NOW + 2)
    assert seen.go_live()
    assert seen.axis(NOW + 60, NOW - 900, 30).end == NOW + 60


def test_selecting():
    """With Shift what the cursor passes is selected; without it there is the cursor alone again."""
    seen = view()
    seen.move(AXIS, -1, NOW)
    for _ in range(3):
        seen.move(AXIS, -1, NOW, select=True)
    assert seen.moment(AXIS) == Moment(NOW - 6, NOW + 2)
    seen.move(AXIS, 1, NOW, select=True)
    assert seen.moment(AXIS) == Moment(NOW - 4, NOW + 2)
    seen.move(AXIS, -1, NOW)
    assert seen.moment(AXIS) == Moment(NOW - 6, NOW - 4)


def test_selecting_at_once():
    """The first key may select: from the newest cell on."""
    seen = view()
    seen.move(AXIS, -2, NOW, select=True)
    assert seen.moment(AXIS) == Moment(NOW - 4, NOW + 2)


def test_the_charts_follow_the_cursor():
    """A cursor that leaves the left edge takes the charts along; none goes beyond now."""
    seen = view()
    for _ in range(40):
        seen.move(seen.axis(NOW, NOW - 900, 30), -1, NOW)
    axis = seen.axis(NOW, NOW - 900, 30)
    assert seen.cursor is not None
    assert axis.place(seen.cursor) == 0
    for _ in range(80):
        seen.move(seen.axis(NOW, NOW - 900, 30), 1, NOW)
    assert seen.moment(seen.axis(NOW, NOW - 900, 30)) == Moment(NOW, NOW + 2)


def test_zooming_keeps_the_cursor_in_sight():
    """A shorter span is one around the cursor; a longer one ends now at the latest."""
    seen = view(span=2)
    axis = seen.axis(NOW, NOW - 3600, 30)
    seen.go_to(NOW - 600, axis, NOW)
    seen.change_span(-2, NOW)
    axis = seen.axis(NOW, NOW - 3600, 30)
    assert axis.span_s == SPANS_S[0]
    assert seen.cursor is not None
    assert axis.place(seen.cursor) is not None
    seen.change_span(3, NOW)
    axis = seen.axis(NOW, NOW - 3600, 30)
    assert (axis.span_s, axis.end) == (3600, NOW)
    assert axis.place(seen.cursor) is not None


def test_until_the_user_chooses_charts_are_no_longer_than_what_is_known():
    """In the first minute they reach a minute back, then five, and what was chosen stays."""
    seen = TimeView()
    seen.begin(NOW, NOW - 59)
    assert seen.span_name == "last 1 min"
    seen.begin(NOW, NOW - 61)
    assert seen.span_name == "last 5 min"
    seen.change_span(-1, NOW)
    seen.begin(NOW, NOW - 900)
    assert seen.span_name == "last 1 min"


def test_going_to_a_time():
    """A time that is not on the axis comes into its middle."""
    seen = view()
    seen.go_to(NOW - 600, AXIS, NOW)
    axis = seen.axis(NOW, NOW - 900, 30)
    assert axis.place(NOW - 600) in (14, 15)
    moment = seen.moment(axis)
    assert moment is not None
    assert moment.start <= NOW - 600 < moment.end


def test_the_mouse_puts_the_cursor():
    """A place on a chart is a time; with the button held what lies between is selected."""
    seen = view()
    seen.point(AXIS, 10, NOW)
    seen.point(AXIS, 12, NOW, select=True)
    assert seen.moment(AXIS) == Moment(NOW - 38, NOW - 32)


def test_spans_have_ends():
    """The longest span is all since the first point, a little more than that."""
    seen = view()
    seen.change_span(-5, NOW)
    assert seen.span_name == "last 1 min"
    seen.change_span(99, NOW)
    assert seen.span_name == "whole session"
    assert seen.axis(NOW, NOW - 7200, 30).span_s == pytest.approx(7560)
    assert seen.axis(NOW, NOW - 1, 30).span_s == 60


def test_the_line_above_the_charts():
    """It has the times of its ends, a sign for each event, and the cursor."""
    events = [Event(NOW - 20, EventKind.NOTE, "x"), Event(NOW - 900, EventKind.BREACH, "y")]
    line = axis_line(AXIS, events, Moment(NOW - 32, NOW - 30), is_live=False)
    assert len(line) == 30
    assert axis_line(AXIS, events, None, is_live=True).endswith("   now")
    assert line[19] == SIGNS[EventKind.NOTE]
    assert line[13] == CURSOR
    assert line.count(":") == 4
    assert SIGNS[EventKind.BREACH] not in line
    assert len(axis_line(AXIS._replace(width=5), events, None, is_live=True)) == 5


def test_a_sign_stands_in_no_time_of_day():
    """An event in the last cells has its sign there, and nothing of what would stand there."""
    events = [Event(NOW - 2, EventKind.BREACH, "x")]
    line = axis_line(AXIS, events, None, is_live=True)
    assert line.endswith(f" {SIGNS[EventKind.BREACH]} ")
    assert line.count(":") == 2
    assert axis_line(AXIS, [], Moment(NOW - 56, NOW - 54), is_live=True).startswith(f" {CURSOR}  ")


def test_every_kind_of_event_has_a_sign_of_its_own():
    """No two kinds look alike."""
    assert set(SIGNS) == set(EventKind)
    assert len(set(SIGNS.values())) == len(SIGNS)
