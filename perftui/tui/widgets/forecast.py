"""The pane of forecasts."""

from __future__ import annotations

from typing import ClassVar

from rich.console import Console
from rich.segment import Segment
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from perftui.model.snapshot import Snapshot
from perftui.tui.cells import fit
from perftui.tui.forecast_view import Line, forecast_lines
from perftui.tui.widgets.painted import Painted

_CONSOLE = Console(color_system=None)
"""Rich wraps by a console's rules; nothing is printed on it."""


class ForecastPane(Painted[tuple[str, str]], ScrollView, can_focus=True):
    """Draws the forecasts of a snapshot, wrapped to its width."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll_up", "Up", show=False),
        Binding("down,j", "scroll_down", "Down", show=False),
        Binding("h", "screen.past", "history"),
        Binding("v", "screen.sent", "what is sent"),
        Binding("f5", "screen.ask", "ask the LLM", key_display="F5"),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "forecast--text",
        "forecast--title",
        "forecast--alarm",
        "forecast--quiet",
    }

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._lines: list[Line] = []
        self._rows: list[tuple[str, str]] = []

    def show(self, snapshot: Snapshot) -> None:
        """Draw this snapshot's forecasts."""
        lines = forecast_lines(snapshot)
        if lines == self._lines:
            return
        self._lines = lines
        self._wrap()

    def on_resize(self) -> None:
        """Another width."""
        self.forget_painted()
        self._wrap()
        self.refresh()

    def _wrap(self) -> None:
        """Paragraphs as rows of this width, each with the style of its tone."""
        width = self.scrollable_content_region.width
        self._rows = []
        for line in self._lines:
            style = f"forecast--{line.tone or 'text'}"
            self._rows.extend((row, style) for row in wrap(line, width))
        if self.virtual_size.height != len(self._rows):
            self.virtual_size = Size(0, len(self._rows))
        self.refresh_changed()

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
