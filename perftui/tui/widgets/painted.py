"""Widgets that are drawn line by line, and send to the terminal only what has changed.

Over SSH the bytes matter: Textual sends a changed line from the widget's left edge to the right end
of what was asked to be drawn again, so nothing right of the last change is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Generic, TypeVar

from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

if TYPE_CHECKING:
    _Base = Widget
else:

    class _Base:
        # Of the bases of a widget only the first one that is a widget gives it a style sheet.
        pass


C = TypeVar("C")
"""What decides how a line looks."""


class Painted(_Base, Generic[C]):
    """Keeps each line with what it was drawn from. A subclass says what decides how a line looks,
    and draws it."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._painted: dict[int, tuple[C, Strip]] = {}

    def content(self, y: int) -> C:
        """All that decides how line `y` looks: a line of equal content is not drawn again."""
        raise NotImplementedError

    def paint(self, content: C) -> Strip:
        """Draw a line of this content, over the whole width."""
        raise NotImplementedError

    def refresh_changed(self) -> None:
        """Draw the lines again whose content has changed, as far as they look otherwise."""
        changed: list[Region] = []
        for y in range(self.size.height):
            painted = self._painted.get(y)
            if painted is None:
                changed.append(Region(0, y, self.size.width, 1))
                continue
            content = self.content(y)
            if painted[0] != content:
                strip = self.paint(content)
                self._painted[y] = content, strip
                cells = changed_cells(painted[1], strip)
                if cells:
                    changed.append(Region(0, y, cells, 1))
        if changed:  # no regions would mean all of it
            self.refresh(*changed)

    def render_line(self, y: int) -> Strip:
        """Line `y` of the widget, by Textual's line API."""
        content = self.content(y)
        painted = self._painted.get(y)
        if painted is None or painted[0] != content:
            painted = self._painted[y] = content, self.paint(content)
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
    if not len(old.text) == len(new.text) == old.cell_length == new.cell_length:
        return new.cell_length  # a wide or combined character is not to be cut
    unlike = (
        was != now for was, now in zip(_from_the_right(old), _from_the_right(new), strict=True)
    )
    return next((new.cell_length - n for n, differs in enumerate(unlike) if differs), 0)


def _from_the_right(strip: Strip) -> Iterator[tuple[str, Style | None]]:
    for segment in reversed([*strip]):
        for char in reversed(segment.text):
            yield char, segment.style
