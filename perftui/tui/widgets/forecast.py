"""The pane of forecasts."""

from __future__ import annotations

from typing import ClassVar

from rich.console import Console
from rich.segment import Segment
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from perftui.model.snapshot import Snapshot
from perftui.model.verdict import Item
from perftui.tui.cells import fit
from perftui.tui.forecast_view import Line, forecast_lines
from perftui.tui.widgets.painted import Painted

_CONSOLE = Console(color_system=None)
"""Rich wraps by a console's rules; nothing is printed on it."""
KEYS = "[a]ccept [x]reject [s]nooze"


class ForecastPane(Painted[tuple[str, str]], ScrollView, can_focus=True):
    """Draws the forecasts of a snapshot, wrapped to its width. While it has the focus, what a key
    would decide on is marked: at first the first forecast or proposal."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        # With priority, so that a note typed right behind it goes to its line already.
        Binding("a", "screen.decide('accepted')", "accept", priority=True),
        Binding("x", "screen.decide('rejected')", "reject", priority=True),
        Binding("s", "screen.decide('snoozed')", "snooze", priority=True),
        Binding("h", "screen.past", "history"),
        Binding("v", "screen.sent", "sent", tooltip="what an LLM is sent"),
        Binding("f5", "screen.ask", "ask the LLM", key_display="F5"),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "forecast--text",
        "forecast--title",
        "forecast--alarm",
        "forecast--quiet",
        "forecast--selected",
    }

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._lines: list[Line] = []
        self._rows: list[tuple[str, str]] = []
        self._places: list[tuple[Item, int]] = []
        """The items from the top down, each with its first row."""
        self._selected: Item | None = None
        self._is_asked = False
        """Whether the keys are with the line that asks for a note."""

    def show(self, snapshot: Snapshot) -> None:
        """Draw this snapshot's forecasts."""
        lines = forecast_lines(snapshot)
        # Equal items were made at different times: what is decided on is the newest.
        is_same, self._lines = lines == self._lines, lines
        if not is_same:
            self._wrap()

    def on_resize(self) -> None:
        """Another width."""
        self.forget_painted()
        self._wrap()
        self.refresh()

    def watch_show_vertical_scrollbar(self) -> None:
        """The scrollbar has come or gone, which no event of another size tells."""
        self.call_later(self._wrap)

    def watch_has_focus(self, has_focus: bool) -> None:
        """Mark what is selected while the keys are for it."""
        super().watch_has_focus(has_focus)
        self._is_asked = self._is_asked and not has_focus
        self.border_subtitle = Content(KEYS if has_focus else "")
        self._wrap()

    @property
    def selected(self) -> Item | None:
        """What a key decides on, None where there is nothing."""
        items = [line.item for line in self._lines if line.item is not None]
        # As it is now, not as it was when it was selected.
        same = (item for item in items if item == self._selected)
        return next(same, items[0] if items else None)

    def _wrap(self) -> None:
        """Paragraphs as rows of this width, each with the style of its tone."""
        width = self.scrollable_content_region.width
        marked = self.selected if self.has_focus or self._is_asked else None
        self._rows, self._places = [], []
        for line in self._lines:
            style = f"forecast--{line.tone or 'text'}"
            shown = line
            if line.item is not None:
                self._places.append((line.item, len(self._rows)))
                if line.item == marked:
                    shown, style = line.selected, "forecast--selected"
            self._rows.extend((row, style) for row in wrap(shown, width))
        if self.virtual_size.height != len(self._rows):
            self.virtual_size = Size(0, len(self._rows))
        self.refresh_changed()

    def action_move(self, step: int) -> None:
        """Select the next item that is in sight, up or down; where none is, go on by a line."""
        now = next((row for item, row in self._places if item == self.selected), 0)
        places = self._places if step > 0 else reversed(self._places)
        further = (
            item
            for item, row in places
            if (row - now) * step > 0 and item != self.selected and self._is_in_sight(row)
        )
        item = next(further, None)
        if item is None:
            self.scroll_relative(y=step, animate=False)
        else:
            self._select(item)

    def _is_in_sight(self, row: int) -> bool:
        top = self.scroll_offset.y
        return top <= row < top + self.scrollable_content_region.height

    def _select(self, item: Item) -> None:
        self._selected = item
        self._wrap()

    def choose(self) -> Item | None:
        """What is selected, which comes in sight and stays marked while something is asked of it;
        None where there is nothing."""
        item = self.selected
        if item is None:
            return None
        self._is_asked = True
        self._select(item)
        row = next(row for other, row in self._places if other == item)
        if not self._is_in_sight(row):
            self.scroll_to(y=row, animate=False)
        return item

    def on_click(self, event: events.Click) -> None:
        """Select what was clicked, or stands above it."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        row = self.scroll_offset.y + offset.y
        above = [item for item, first in self._places if first <= row]
        if above:
            self._select(above[-1])

    def content(self, y: int) -> tuple[str, str]:
        """All that decides how line `y` looks: its text and its style."""
        index = self.scroll_offset.y + y
        return self._rows[index] if index < len(self._rows) else ("", "forecast--text")

    def paint(self, content: tuple[str, str]) -> Strip:
        """Draw it."""
        width = self.scrollable_content_region.width
        text, style = content
        return Strip([Segment(fit(text, width), self.get_component_rich_style(style))], width)


def wrap(line: Line, width: int) -> list[str]:
    """The paragraph in rows of at most `width` cells, all but the first one indented."""
    if width <= line.indent + 1 or not line.text:
        return [line.text]
    first, *rest = (row.plain for row in Text(line.text).wrap(_CONSOLE, width))
    if not rest:
        return [first]
    tail = Text(line.text[len(first) :].lstrip()).wrap(_CONSOLE, width - line.indent)
    return [first.rstrip(), *(" " * line.indent + row.plain.rstrip() for row in tail)]
