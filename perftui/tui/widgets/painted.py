"""Widgets that are drawn line by line, and send to the terminal only what has changed.

Over SSH the bytes matter: Textual sends a changed line from the widget's left edge to the right end
of what was asked to be drawn again, so nothing right of the last change is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

if TYPE_CHECKING:
    _Base = Widget
else:
    # Of the bases of a widget only the first one that is a widget gives it a style sheet.
    _Base = object


class Painted(_Base):
    """Keeps each line with what it was drawn from. A subclass says what decides how a line looks,
    and draws it."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._painted: dict[int, tuple[object, Strip]] = {}

    def content(self, y: int) -> object:
        """All that decides how line `y` looks: a line of equal content is not drawn again."""
        raise NotImplementedError

    def paint(self, y: int) -> Strip:
        """Draw line `y`, over the whole width."""
        raise NotImplementedError

    def refresh_changed(self) -> None:
        """Draw the lines again whose content has changed, as far as they look otherwise."""
        for y in range(self.size.height):
            painted = self._painted.get(y)
            if painted is None:
                self.refresh(Region(0, y, self.size.width, 1))
                continue
            content = self.content(y)
            if painted[0] != content:
                strip = self.paint(y)
                self._painted[y] = content, strip
                cells = changed_cells(painted[1], strip)
                if cells:
                    self.refresh(Region(0, y, cells, 1))

    def render_line(self, y: int) -> Strip:
        """Line `y` of the widget, by Textual's line API."""
        content = self.content(y)
        painted = self._painted.get(y)
        if painted is None or painted[0] != content:
            painted = self._painted[y] = content, self.paint(y)
        return painted[1]

    def forget_painted(self) -> None:
        """Nothing that was drawn holds: widths or colours have changed."""
        self._painted.clear()

    def notify_style_update(self) -> None:
        """Colours have changed."""
        super().notify_style_update()
        self.forget_painted()


def changed_cells(old: Strip, new: Strip) -> int:
    """How many cells of a line have to be drawn again, from its left end to the last one that
    differs."""
    was, now = ([(char, s.style) for s in strip for char in s.text] for strip in (old, new))
    if not len(was) == len(now) == old.cell_length == new.cell_length:
        return new.cell_length  # a wide or combined character is not to be cut
    return next((n for n in range(len(now), 0, -1) if was[n - 1] != now[n - 1]), 0)
