"""The single lines of the screen: header, tabs, warning."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from perftui.model.warning import Level
from perftui.tui.cells import cell_len, fit
from perftui.tui.widgets.painted import Painted


class Header(Painted[str], Widget):
    """The target on the left and the sampler on the right; below each other where it is narrow."""

    left = ""
    right = ""
    _width = 0

    def show(self, left: str, right: str) -> None:
        """Draw both, in two lines where one does not hold them.

        Two lines stay two until the terminal has another size: a header that comes and goes by a
        line moves the whole screen, and draws all of it again.
        """
        self.left, self.right = left, right
        if self._is_too_long():
            self.add_class("-two")
        self.refresh_changed()

    def on_resize(self, event: events.Resize) -> None:
        """Decide again how many lines it takes."""
        if event.size.width != self._width:
            self._width = event.size.width
            self.set_class(self._is_too_long(), "-two")

    def _is_too_long(self) -> bool:
        needed = cell_len(self.left) + cell_len(self.right) + 4
        return 0 < self.size.width < needed

    def content(self, y: int) -> str:
        """The text of line `y`."""
        width = self.size.width
        if self.size.height > 1:
            return fit(f" {_whole_parts(self.left if y == 0 else self.right, width - 1)}", width)
        room = max(0, width - cell_len(self.left) - 2)
        return fit(f" {self.left}{fit(self.right, room, right=True)}", width)

    def paint(self, content: str) -> Strip:
        """Draw it."""
        return Strip([Segment(content, self.rich_style)], self.size.width)


def _whole_parts(text: str, width: int) -> str:
    """As many of the parts, two spaces apart, as there is room for: half a number is another one.
    The first is there in any case."""
    first, *others = text.split("  ")
    for part in others:
        if cell_len(first) + 2 + cell_len(part) > width:
            break
        first += f"  {part}"
    return first


class WarningLine(Painted[tuple["Level", str]], Widget):
    """The strongest warning in words, with a sign for how much it matters, and on the right what it
    does not speak of."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"warning--{level.name.lower()}" for level in Level}
    SIGNS: ClassVar[dict[Level, str]] = {
        Level.CALM: "✓",
        Level.NOTICE: "•",
        Level.WARNING: "▲",
        Level.ALARM: "▲▲",
    }

    text = aside = ""
    level = Level.CALM

    def show(self, level: Level, text: str, aside: str = "") -> None:
        """Say this."""
        self.level, self.text, self.aside = level, text, aside
        self.refresh_changed()

    def content(self, y: int) -> tuple[Level, str]:  # noqa: ARG002 - it has one line
        """All that decides how the one line looks."""
        text = f" {self.SIGNS[self.level]} {self.text}" if self.text else ""
        width = self.size.width
        if not self.aside:
            return self.level, fit(text, width)
        aside = f"  {self.aside} "
        return self.level, fit(text, max(0, width - cell_len(aside))) + fit(aside, width)

    def paint(self, content: tuple[Level, str]) -> Strip:
        """Draw it."""
        level, text = content
        style = self.get_component_rich_style(f"warning--{level.name.lower()}")
        return Strip([Segment(text, style)], self.size.width)


class Tabs(Widget):
    """Names of the panels where they lie on top of each other; a click opens one."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"tabs--current"}

    current: reactive[str] = reactive("")
    titles: reactive[tuple[tuple[str, str], ...]] = reactive(())
    """(panel id, title) from left to right."""

    class Chosen(Message):
        """The tab of the panel `panel` was clicked."""

        def __init__(self, panel: str) -> None:
            super().__init__()
            self.panel = panel

    def render_line(self, y: int) -> Strip:  # noqa: ARG002 - it has one line
        """The one line of the widget, by Textual's line API."""
        width, used = self.size.width, 0
        segments: list[Segment] = []
        for panel, title in self.titles:
            is_current = panel == self.current
            text = f"[{title}] " if is_current else f" {title}  "
            text = fit(text, min(cell_len(text), width - used))
            style = self.get_component_rich_style("tabs--current") if is_current else None
            segments.append(Segment(text, style or self.rich_style))
            used += cell_len(text)
        segments.append(Segment(" " * (width - used), self.rich_style))
        return Strip(segments, width)

    def on_click(self, event: events.Click) -> None:
        """Open the panel whose title was clicked."""
        x = 0
        for panel, title in self.titles:
            x += cell_len(title) + 3
            if event.x < x:
                self.post_message(self.Chosen(panel))
                return
