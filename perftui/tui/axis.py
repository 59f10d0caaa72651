"""The time axis of all charts: which span they show, the cursor, what is selected. No widgets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from perftui.model.event import Event, EventKind
from perftui.model.present import format_clock, format_span

SPANS_S: tuple[float, ...] = (60.0, 300.0, 900.0, 3600.0, 21600.0, 86400.0)
"""How far back charts reach; after these comes all since the first point."""
USUAL_SPAN = 1
CURSOR = "▼"
SIGNS = {
    EventKind.BREACH: "✗",
    EventKind.WARNING: "▲",
    EventKind.ALERT: "!",
    EventKind.RESTART: "↻",
    EventKind.FAULT: "?",
    EventKind.KILLED: "†",
    EventKind.BASELINE: "b",
    EventKind.NOTE: "●",
}
"""One sign for each kind of event: never colour alone."""


class Moment(NamedTuple):
    """A part of the past, from `start` to `end` (Unix seconds)."""

    start: float
    end: float


class Axis(NamedTuple):
    """`width` cells that end with the one that `end` (Unix seconds) lies in, `span_s` in all.

    Cells begin at fixed times, so that no point goes from one to another as time goes on.
    """

    end: float
    span_s: float
    width: int

    @property
    def cell_s(self) -> float:
        """How long a cell is, in seconds."""
        return self.span_s / max(1, self.width)

    @property
    def first(self) -> int:
        """The number of the leftmost cell."""
        return math.floor(self.end / self.cell_s) - self.width + 1

    @property
    def start(self) -> float:
        """Where the leftmost cell begins."""
        return self.first * self.cell_s

    def place(self, at: float) -> int | None:
        """Which cell from the left a time lies in; None outside of all."""
        place = math.floor(at / self.cell_s) - self.first
        return place if 0 <= place < self.width else None

    def cell(self, place: int) -> Moment:
        """From when to when the cell reaches that stands so far from the left."""
        return Moment((self.first + place) * self.cell_s, (self.first + place + 1) * self.cell_s)


@dataclass
class TimeView:
    """What the user looks at: a span up to now, or up to `end`; with a cursor in it, or a selection
    from `anchor` to the cursor. Times are Unix seconds.

    While there is a cursor the charts stand still; Esc makes them live again.
    """

    span: int = USUAL_SPAN
    """Place in the spans: `SPANS_S`, then all since the first point."""
    end: float | None = None
    cursor: float | None = None
    anchor: float | None = None
    is_chosen: bool = False
    """Whether the user has said how far back the charts reach."""

    def begin(self, now: float, first: float) -> None:
        """Until the user chooses: no further back than points are expected, the first one being at
        `first`."""
        if not self.is_chosen:
            self.span = 0 if now - first <= SPANS_S[0] else USUAL_SPAN

    def axis(self, now: float, first: float, width: int) -> Axis:
        """The axis at `now`, where the first point of all is at `first`."""
        end = now if self.end is None else min(self.end, now)
        if self.span < len(SPANS_S):
            return Axis(end, SPANS_S[self.span], width)
        return Axis(end, max(SPANS_S[0], 1.05 * (now - first)), width)

    @property
    def span_name(self) -> str:
        """The span in words."""
        if self.span == len(SPANS_S):
            return "whole session"
        return f"last {format_span(SPANS_S[self.span])}"

    def change_span(self, step: int, now: float) -> None:
        """A longer or shorter span, around the cursor where there is one."""
        self.is_chosen = True
        self.span = max(0, min(self.span + step, len(SPANS_S)))
        if self.cursor is not None and self.span < len(SPANS_S):
            self.end = min(now, self.cursor + SPANS_S[self.span] / 2)

    def move(self, axis: Axis, cells: int, now: float, *, select: bool = False) -> None:
        """Move the cursor by so many cells; the charts follow it. With `select` what it passes is
        selected."""
        if self.cursor is None:
            self._put(axis, axis.cell(axis.width - 1).start, now, select=False)
            if not select:
                return
        assert self.cursor is not None  # noqa: S101 - _put has put it
        self._put(axis, self.cursor + cells * axis.cell_s, now, select=select)

    def point(self, axis: Axis, place: int, now: float, *, select: bool = False) -> None:
        """Put the cursor into the cell that stands so far from the left."""
        self._put(axis, axis.cell(place).start, now, select=select)

    def go_to(self, at: float, axis: Axis, now: float) -> None:
        """Put the cursor to a time, in the middle of the charts where they have not reached it."""
        if axis.place(at) is None:
            self.end = min(now, at + axis.span_s / 2)
            axis = axis._replace(end=self.end)
        self._put(axis, at, now, select=False)

    def _put(self, axis: Axis, at: float, now: float, *, select: bool) -> None:
        at = min(at, now)
        if not select:
            self.anchor = None
        elif self.anchor is None:
            self.anchor = at if self.cursor is None else self.cursor
        # In the middle of its cell, so that rounding does not put it into another.
        cell = math.floor(at / axis.cell_s + 1e-6)
        self.cursor = (cell + 0.5) * axis.cell_s
        place = cell - axis.first
        beyond = min(place, 0) + max(0, place - axis.width + 1)
        self.end = min(now, axis.end + beyond * axis.cell_s)

    def go_live(self) -> bool:
        """No cursor, and up to now; whether that is a change."""
        was_past = self.cursor is not None or self.end is not None
        self.end = self.cursor = self.anchor = None
        return was_past

    def moment(self, axis: Axis) -> Moment | None:
        """What is selected: the cells from the anchor to the cursor, or the cursor's own."""
        if self.cursor is None:
            return None
        cells = sorted(
            math.floor(at / axis.cell_s) for at in (self.cursor, self.anchor or self.cursor)
        )
        return Moment(cells[0] * axis.cell_s, (cells[1] + 1) * axis.cell_s)


def axis_line(axis: Axis, events: Sequence[Event], moment: Moment | None, *, is_live: bool) -> str:
    """The line above the charts: the times of its ends, a sign for each event, the cursor.

    Of several events in a cell the newest has its sign there. A time that a sign would fall into
    is left out: half of one says nothing.
    """
    signs: dict[int, str] = {}
    for event in events:
        place = axis.place(event.at)
        if place is not None:
            signs[place] = SIGNS[event.kind]
    place = axis.place(moment.end - axis.cell_s / 2) if moment is not None else None
    if place is not None:
        signs[place] = CURSOR
    line = [signs.get(place, " ") for place in range(axis.width)]
    # The time of day would change each second, which says nothing.
    begin, end = format_clock(axis.start), "now" if is_live else format_clock(axis.end)
    if axis.width >= len(begin) + len(end) + 2:
        for text, start in ((begin, 0), (end, axis.width - len(end))):
            cells = range(start, start + len(text))
            if signs.keys().isdisjoint(cells):
                line[start : cells.stop] = text
    return "".join(line)
