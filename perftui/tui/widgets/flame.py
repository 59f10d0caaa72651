"""The flame graph: an icicle of boxes, drawn line by line, and only the lines that changed."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.actions import SkipAction
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from perftui.model.calltree import Node
from perftui.model.kinds import Kind
from perftui.model.stacks import Place
from perftui.tui.cells import fit
from perftui.tui.filter import Filter
from perftui.tui.flame_view import MOST_ROWS, FlameView, Piece
from perftui.tui.tree_view import Calls
from perftui.tui.widgets.painted import Painted

_KINDS = {
    Kind.OWN: "flame--own",
    Kind.STDLIB: "flame--stdlib",
    Kind.SITE: "flame--site",
    Kind.NATIVE: "flame--native",
    None: "flame--none",
}
_MOVED = {"▲": "flame--up", "▼": "flame--down"}


class FlameGraph(Painted[str | tuple[Piece, ...]], ScrollView, can_focus=True):
    """Boxes as wide as their samples, callers above callees; its first line says what is selected.

    The selected box begins with ▸ and is drawn in reverse, what the filter fits stands in « ».
    """

    DEFAULT_CSS = """
    FlameGraph {
        overflow-x: hidden;
        scrollbar-size-vertical: 1;
    }
    FlameGraph > .flame--own { background: $warning-muted; color: $text; text-style: bold; }
    FlameGraph > .flame--stdlib { background: $secondary-muted; color: $text; }
    FlameGraph > .flame--site { background: $success-muted; color: $text; }
    FlameGraph > .flame--native { background: $panel; color: $text; text-style: italic; }
    FlameGraph > .flame--none { background: $surface; color: $text-muted; }
    FlameGraph > .flame--doubtful { color: $text-muted; text-style: dim; }
    FlameGraph > .flame--up { background: $error-muted; color: $text; }
    FlameGraph > .flame--down { background: $primary-muted; color: $text; }
    FlameGraph > .flame--match { background: $error-muted; text-style: bold underline; }
    FlameGraph > .flame--selected { text-style: bold reverse; }
    FlameGraph > .flame--words { background: $surface; color: $text; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "flame--own",
        "flame--stdlib",
        "flame--site",
        "flame--native",
        "flame--none",
        "flame--doubtful",
        "flame--match",
        "flame--up",
        "flame--down",
        "flame--selected",
        "flame--words",
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "sideways(-1)", "box to the left", show=False),
        Binding("right", "sideways(1)", "box to the right", show=False),
        Binding("up,k", "rows(-1)", "caller", show=False),
        Binding("down,j", "rows(1)", "hottest callee", show=False),
        Binding("pageup", "page(-1)", "a page up", show=False),
        Binding("pagedown", "page(1)", "a page down", show=False),
        Binding("home", "top", "top", show=False),
        Binding("end", "bottom", "end of the hottest path", show=False),
        Binding("enter", "zoom", "zoom", key_display="Enter"),
        Binding("backspace", "back", "zoom back", show=False),
        Binding("escape", "close", "zoom back", show=False),
        Binding("n", "match(1)", "next match", show=False),
        Binding("N", "match(-1)", "previous match", show=False),
        Binding("number_sign", "take_name", "find this function", show=False),
    ]

    class NameTaken(Message):
        """The selected function's name was made the filter `pattern`, which the graph already
        shows."""

        def __init__(self, pattern: str) -> None:
            super().__init__()
            self.pattern = pattern

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.view = FlameView()
        self._click_zoomed = False

    @property
    def place(self) -> Place | None:
        """The selected function."""
        return self.view.place

    def show(self, root: Node, ticks: float, doubtful: Calls = frozenset()) -> None:
        """Draw this tree; `ticks` are the looks that its samples are shares of."""
        self.view.show(root, ticks, doubtful)
        self._measure()
        self.refresh_changed()

    def filter_by(self, wanted: Filter | None) -> None:
        """Let what the filter fits stand out."""
        self.view.filter_by(wanted)
        self.refresh_changed()

    def go_to(self, function: str, file: str) -> bool:
        """Select the function's widest box; whether it has one."""
        found = self.view.go_to(function, file)
        self._follow()
        return found

    # Drawing

    @property
    def _width(self) -> int:
        return self.scrollable_content_region.width

    def _measure(self) -> None:
        """There is a page to scroll to below what is in sight, where there are so many rows."""
        enough = self.scroll_offset.y + 2 * self.size.height
        size = Size(0, self.view.height(enough) + 1)
        if self.virtual_size.height != size.height:
            self.virtual_size = size

    def content(self, y: int) -> str | tuple[Piece, ...]:
        """All that decides how line `y` looks."""
        # A line can be asked for between a new width and the event that tells of it.
        self.view.resize(self._width)
        return self.view.words(self._width) if y == 0 else self.view.row(self._row_at(y))

    def _row_at(self, y: int) -> int:
        return self.scroll_offset.y + y - 1

    def paint(self, content: str | tuple[Piece, ...]) -> Strip:
        """Draw it."""
        width = self._width
        if isinstance(content, str):
            style = self.get_component_rich_style("flame--words")
            return Strip([Segment(fit(content, width), style)], width)
        segments: list[Segment] = []
        x = 0
        for piece in content:
            segments.append(Segment(" " * (piece.x - x), self.rich_style))
            segments.append(Segment(piece.text, self._style(piece)))
            x = piece.x + piece.width
        segments.append(Segment(" " * (width - x), self.rich_style))
        return Strip([segment for segment in segments if segment.text], width)

    def _style(self, piece: Piece) -> Style:
        names = [_MOVED.get(piece.moved, _KINDS[piece.kind])]
        if piece.is_doubtful:
            names.append("flame--doubtful")
        if piece.is_match:
            names.append("flame--match")
        if piece.is_selected:
            names.append("flame--selected")
        return self.get_component_rich_style(*names)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Rows below come into reach."""
        super().watch_scroll_y(old_value, new_value)
        self._measure()

    def on_resize(self) -> None:
        """Other widths: nothing that was drawn holds."""
        self.forget_painted()
        self.view.resize(self._width)
        self._measure()
        self._follow()

    def _follow(self) -> None:
        """Keep the selected box in sight, and draw what has changed."""
        self._measure()
        top, height = self.scroll_offset.y, self.size.height - 1
        depth = self.view.depth
        if depth < top:
            self.scroll_to(y=depth, animate=False)
        elif depth >= top + height > 0:
            self.scroll_to(y=depth - height + 1, animate=False)
        self.refresh_changed()

    # Keys and mouse

    def action_sideways(self, step: int) -> None:
        """Select the box beside."""
        self.view.move_sideways(step)
        self._follow()

    def action_rows(self, step: int) -> None:
        """Go so many rows down, along the hottest boxes, or up."""
        if step < 0:
            self.view.move_up(-step)
        else:
            self.view.move_down(step)
        self._follow()

    def action_page(self, step: int) -> None:
        """Go up or down by pages."""
        self.action_rows(step * max(1, self.size.height - 2))

    def action_top(self) -> None:
        """Go to the box of the whole width."""
        self.view.move_to_top()
        self._follow()

    def action_bottom(self) -> None:
        """Go to the end of the hottest path."""
        self.view.move_down(MOST_ROWS)
        self._follow()

    def action_zoom(self) -> None:
        """Give the selected box the whole width."""
        self.view.zoom_in()
        self._follow()

    def action_back(self) -> None:
        """Undo the last zoom."""
        self.view.zoom_back()
        self._follow()

    def action_close(self) -> None:
        """Undo the last zoom; where there is none, the key is the screen's."""
        if not self.view.zoom_back():
            raise SkipAction
        self._follow()

    def action_match(self, step: int) -> None:
        """Go to the next or previous box that the filter fits."""
        self.view.next_match(step)
        self._follow()

    def action_take_name(self) -> None:
        """Look for the selected function's name."""
        pattern = self.view.pattern
        if pattern:
            self.filter_by(Filter(pattern))
            self.post_message(self.NameTaken(pattern))

    def on_click(self, event: events.Click) -> None:
        """Select the box that was clicked; a click on the selected one zooms."""
        offset = event.get_content_offset(self)
        if offset is None or offset.y == 0 or (event.chain > 1 and self._click_zoomed):
            return  # what is below the pointer after a zoom is not what was aimed at
        before = self.view.selected
        box = self.view.select_at(offset.x, self._row_at(offset.y))
        self._click_zoomed = box is not None and box is before
        if self._click_zoomed:
            self.view.zoom_in()
        self._follow()
