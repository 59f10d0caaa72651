"""A table that is drawn line by line, and redraws only the lines that changed.

Textual's DataTable draws all of itself for one changed cell: ten times the work, and over SSH
twelve times the bytes.
"""

from __future__ import annotations

import textwrap
from collections.abc import Hashable, Mapping, Sequence
from typing import ClassVar, Generic, NamedTuple, TypeVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.scrollbar import ScrollBar, ScrollBarRender
from textual.strip import Strip
from textual.widget import Widget

from perftui.tui.cells import GAP, Column, fit, widths
from perftui.tui.widgets.painted import Painted

T = TypeVar("T")
Cells = tuple[str, ...]
Layout = Sequence[tuple[Column, int]]
"""The columns that are shown, each with its width in cells."""


class _Line(NamedTuple):
    """All that decides how a line looks: its cells, one for each column of the layout; the part of
    its component style's name behind "line-table--", if it has one, and by the keys of columns
    those of cells that have another."""

    layout: Layout
    cells: Cells
    style: str
    accents: Mapping[str, str]


class LineTable(Painted[_Line], ScrollView, Generic[T], can_focus=True):
    """Rows under a fixed header, with a cursor that follows its row's key when the order changes.

    A subclass says what a row's key and cells are; only the rows in sight are asked.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "cursor(-1)", "Up", show=False),
        Binding("down,j", "cursor(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "cursor_to(0)", "First", show=False),
        Binding("end", "cursor_to(-1)", "Last", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "line-table--header",
        "line-table--cursor",
        "line-table--quiet",
        "line-table--loud",
        "line-table--empty",
    }

    STAYS_FIRST: ClassVar[bool] = False
    """Whether a cursor on the first row means "the first, whichever it is", and does not follow."""

    class HeaderClicked(Message):
        """The header of the column `key` was clicked."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    def __init__(self, columns: Sequence[Column], *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.columns = tuple(columns)
        self.items: Sequence[T] = ()
        self.cursor = 0
        self.empty_text = ""
        self.sort_mark: tuple[str, str] = ("", "")
        """The key of the column that the rows are sorted by, and the sign behind its title."""
        self._width = 0
        """Cells of a line, without the scrollbar."""
        self._style = Style()
        self._layout: Layout = ()
        self._layout_of: tuple[Sequence[Column], int] = (), 0
        self._in_layout: Sequence[int] = ()
        """Which of the columns those are, by their numbers."""

    def key_of(self, item: T) -> Hashable:
        """What tells a row from the others, and stays while its figures change."""
        raise NotImplementedError

    def cells_of(self, item: T) -> Cells:
        """The text of a row, one for each column, harmless to a terminal."""
        raise NotImplementedError

    def is_quiet(self, item: T) -> bool:  # noqa: ARG002 - for subclasses
        """Whether a row matters so little that it is drawn quietly."""
        return False

    def accents(self, item: T) -> Mapping[str, str]:  # noqa: ARG002 - for subclasses
        """The cells of a row that are drawn otherwise than the row: "quiet" or "loud", by the key
        of their column."""
        return {}

    def place_of(self, items: Sequence[T], key: Hashable) -> int | None:
        """Where among these rows the one with this key stands, None where it does not."""
        return next((i for i, item in enumerate(items) if self.key_of(item) == key), None)

    @property
    def shows_cursor(self) -> bool:
        """Whether the cursor is drawn: while the table has the keys."""
        return self.has_focus

    @property
    def selected(self) -> T | None:
        """The row under the cursor."""
        return self.items[self.cursor] if 0 <= self.cursor < len(self.items) else None

    def show(self, items: Sequence[T]) -> None:
        """Draw these rows; the cursor stays on its row, or in its place if that has gone. Where it
        was in sight it still is."""
        selected, was_at, was_in_sight = self.selected, self.cursor, not self._beyond()
        if selected is not None and (self.cursor > 0 or not self.STAYS_FIRST):
            place = self.place_of(items, self.key_of(selected))
            self.cursor = self.cursor if place is None else place
        self.items = items
        self.cursor = max(0, min(self.cursor, len(items) - 1))
        self._resize_virtually(Size(0, len(items) + 1))
        if was_in_sight and self.cursor != was_at:
            self._bring_into_sight()
        self.refresh_changed()

    def _resize_virtually(self, size: Size) -> None:
        """There is so much to scroll through. The screen is laid out anew only where the scrollbar
        comes or goes: with very many rows their number changes at each refresh."""
        before, room = self.virtual_size, self.size.height
        if size.height == before.height:
            return
        if not (self.show_vertical_scrollbar and before.height > room and size.height > room):
            self.virtual_size = size
            return
        was = self._bar_of(before.height)
        self.set_reactive(Widget.virtual_size, size)
        bar = self.vertical_scrollbar
        bar.set_reactive(ScrollBar.window_virtual_size, size.height)
        self.scroll_y = self.validate_scroll_y(self.scroll_y)
        if self._bar_of(size.height) != was:
            bar.refresh()

    def _bar_of(self, lines: int) -> Sequence[Segment]:
        """How the scrollbar of so many lines looks."""
        room = self.size.height
        return ScrollBarRender.render_bar(room, lines, room, self.scroll_y).segments

    def _begin(self) -> None:
        """Look up once what all the lines of a drawing need."""
        self._width = self.scrollable_content_region.width
        self._style = self.rich_style
        if self._layout_of != (self.columns, self._width):
            self._layout_of = self.columns, self._width
            self._layout = widths(self.columns, self._width)
            self._in_layout = [self.columns.index(column) for column, _ in self._layout]

    def refresh_changed(self) -> None:
        """Draw the lines again that have changed."""
        self._begin()
        super().refresh_changed()

    def render_lines(self, crop: Region) -> list[Strip]:
        """The lines of this part, by Textual's line API."""
        self._begin()
        return super().render_lines(crop)

    def content(self, y: int) -> _Line:
        """All that decides how line `y` looks."""
        if y == 0:
            return self._line(self._titles(), "header")
        index = self.scroll_offset.y + y - 1
        if index >= len(self.items):
            whole = [(Column("", ""), self._width)]
            return _Line(whole, (self._empty_line(y),), "empty", {})
        item = self.items[index]
        cells = self.cells_of(item)
        if index == self.cursor and self.shows_cursor:
            return self._line(cells, "cursor")
        return self._line(cells, "quiet" if self.is_quiet(item) else "", self.accents(item))

    def _line(self, cells: Cells, style: str, accents: Mapping[str, str] | None = None) -> _Line:
        """A line of those of the cells that are shown."""
        shown = tuple(cells[n] for n in self._in_layout)
        return _Line(self._layout, shown, style, accents or {})

    def _empty_line(self, y: int) -> str:
        """The part of the text for an empty table that stands in line `y`."""
        if self.items or not self.empty_text:
            return ""
        lines = textwrap.wrap(self.empty_text, max(10, self._width - 1))
        return lines[y - 1] if y <= len(lines) else ""

    def _titles(self) -> Cells:
        key, sign = self.sort_mark
        return tuple(c.title + (sign if c.key == key else "") for c in self.columns)

    def paint(self, content: _Line) -> Strip:
        """Draw it."""
        layout, cells, name, accents = content
        style = self._style_of(name)
        segments: list[Segment] = []
        for (column, width), text in zip(layout, cells, strict=True):
            if segments:
                segments.append(Segment(" " * GAP, style))
            shown = fit(text, width, right=column.right, cut=column.cut)
            accent = accents.get(column.key)
            segments.append(Segment(shown, style if accent is None else self._style_of(accent)))
        return Strip(segments).simplify().adjust_cell_length(self._width, style)

    def _style_of(self, name: str) -> Style:
        return self.get_component_rich_style(f"line-table--{name}") if name else self._style

    def on_focus(self) -> None:
        """Show the cursor."""
        self.refresh_changed()

    def on_blur(self) -> None:
        """Hide the cursor."""
        self.refresh_changed()

    def on_resize(self) -> None:
        """Other widths: nothing that was drawn holds."""
        self.forget_painted()
        self.action_cursor(0)

    def action_cursor(self, step: int) -> None:
        """Move the cursor by `step` rows."""
        self.action_cursor_to(max(0, self.cursor + step))

    def action_page(self, step: int) -> None:
        """Move the cursor by `step` pages."""
        self.action_cursor(step * max(1, self.size.height - 2))

    def action_cursor_to(self, index: int) -> None:
        """Move the cursor to a row; -1 is the last."""
        last = len(self.items) - 1
        self.cursor = max(0, last if index == -1 else min(index, last))
        self._bring_into_sight()
        self.refresh_changed()

    def _beyond(self) -> int:
        """By how many rows the cursor is below what is in sight; above it, less than 0."""
        top, height = self.scroll_offset.y, self.size.height - 1
        return min(0, self.cursor - top) + max(0, self.cursor - top - max(0, height - 1))

    def _bring_into_sight(self) -> None:
        if self.size.height > 1 and (beyond := self._beyond()):
            self.scroll_to(y=self.scroll_offset.y + beyond, animate=False)

    def on_click(self, event: events.Click) -> None:
        """A click on the header names a column, one on a row puts the cursor there."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        if offset.y > 0:
            self.action_cursor_to(min(self.scroll_offset.y + offset.y - 1, len(self.items) - 1))
            return
        x = 0
        for column, width in widths(self.columns, self._width):
            x += width + GAP
            if offset.x < x:
                self.post_message(self.HeaderClicked(column.key))
                return
