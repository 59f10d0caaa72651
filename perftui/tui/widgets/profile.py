"""The panel of the profile: one span of it, seen in one of several views."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widget import Widget

from perftui.model.calltree import CallTree, Node, Stacks, call_tree, callees, callers
from perftui.model.snapshot import Snapshot
from perftui.model.source import SourceText
from perftui.model.stacks import CUT, Place
from perftui.model.text import plain
from perftui.monitor import Monitor
from perftui.tui.difference import Difference
from perftui.tui.functions_view import SORTS, FunctionsView
from perftui.tui.profile_view import ProfileView
from perftui.tui.source_view import source_lines
from perftui.tui.threads_view import thread_lines
from perftui.tui.tree_view import Calls
from perftui.tui.widgets.callers import CallersTable
from perftui.tui.widgets.flame import FlameGraph
from perftui.tui.widgets.functions import FunctionsTable
from perftui.tui.widgets.line_table import LineTable
from perftui.tui.widgets.source import SourceTable
from perftui.tui.widgets.threads import ThreadsTable
from perftui.tui.widgets.tree import TreeTable

VIEWS = {
    "functions": "Functions",
    "threads": "Threads",
    "tree": "Call tree",
    "flame": "Flame",
    "callers": "Callers",
    "source": "Source",
}


class ProfilePanel(Vertical):
    """Functions, threads, call tree, flame graph, callers or source, a key away from each other.

    They share span, filter, choice of thread and the function that the cursor is on.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "sort_next", "sort"),
        Binding("S", "sort_reverse", "reverse", show=False),
        Binding("1", "sort('own')", "own %", show=False),
        Binding("2", "sort('total')", "total %", show=False),
        Binding("3", "sort('own_s')", "own s", show=False),
        Binding("4", "sort('total_s')", "total s", show=False),
        Binding("L", "lines", "by line or function", show=False),
        Binding("t", "view('threads')", "threads"),
        Binding("T", "view('tree')", "tree"),
        Binding("f", "view('flame')", "flame"),
        Binding("c", "view('callers')", "callers"),
        Binding("enter", "source", "source", key_display="Enter"),
        Binding("b", "baseline", "baseline", show=False),
        Binding("d", "difference", "difference", show=False),
        Binding("o", "own_only", "own code", show=False),
        Binding("left_square_bracket", "span(-1)", "shorter span", key_display="[", show=False),
        Binding("right_square_bracket", "span(1)", "longer span", key_display="]", show=False),
        Binding("R", "reset", "reset", show=False),
        Binding("g", "look('gil')", "GIL holders only", show=False),
        Binding("I", "look('idle')", "idle threads too", show=False),
        Binding("C", "look('native')", "native (C) frames too", show=False),
    ]

    class Changed(Message):
        """Its title may have changed."""

    def __init__(self, monitor: Monitor, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.monitor = monitor
        self.view = ProfileView(by_thread=monitor.settings.profile.threads)
        self.view.baseline = monitor.latest.baseline
        self.functions = FunctionsView(self.view)
        self.showing = "functions"
        self._snapshot = monitor.latest
        self._place: Place | None = None
        self._source: SourceText | None = None
        self._behind = "functions"
        self._tree: tuple[object, CallTree] | None = None
        self._has_difference = False

    def compose(self) -> ComposeResult:
        """All views; one of them is seen."""
        yield FunctionsTable(by_thread=self.view.by_thread, id="functions")
        yield ThreadsTable(id="threads")
        yield TreeTable(id="tree")
        yield FlameGraph(id="flame")
        yield CallersTable(id="callers")
        yield SourceTable(id="source")

    def on_mount(self) -> None:
        """Begin with the functions."""
        self._show_view("functions")

    @property
    def title(self) -> str:
        """What is shown, of which span and choice."""
        view = self.view
        parts = [VIEWS[self.showing]]
        if self.showing == "functions":
            parts = ["Lines" if view.by_line else "Functions"]
            sign = "▾" if self.functions.descending else "▴"
            parts.append(f"{self.functions.sort.replace('_', ' ')} {sign}")
        if self.showing in ("callers", "source") and self._place is not None:
            stale = self._source is not None and self._source.is_stale
            parts.append(plain(self._place.function)[:40])
            if self.showing == "source":
                parts.append("CHANGED since the start of the process" if stale else "")
        parts.append(view.span_name)
        if view.span_s is None and self.showing != "functions":
            parts.append("(5 min at most)")
        parts.append(plain(view.choice_name)[:30])
        if self._has_difference and self.showing in ("tree", "flame"):
            parts.append("Δ baseline" if view.baseline is not None else "Δ span before")
        parts.append("own code" if view.own_only else "")
        if view.pattern_error:
            parts.append(f"no filter: {view.pattern_error}")
        elif view.pattern:
            parts.append(f"/{view.pattern}/")
        return "  ".join(part for part in parts if part)

    @property
    def seen(self) -> Widget:
        """The view that is seen: it has the keys."""
        return self.query_one(f"#{self.showing}", Widget)

    def commands(self) -> list[tuple[str, str, Callable[[], None]]]:
        """What the command palette offers: name, words, and what it does."""
        return [
            ("Functions", "Hot functions", partial(self.action_view, "functions")),
            (
                "Threads",
                "How busy each is; Enter looks at one",
                partial(self.action_view, "threads"),
            ),
            ("Call tree", "Who calls whom", partial(self.action_view, "tree")),
            ("Flame", "The call tree as boxes", partial(self.action_view, "flame")),
            ("Callers", "Of the function under the cursor", partial(self.action_view, "callers")),
            ("Source", "Of the function under the cursor", self.action_source),
            ("Lines", "Rows by line or function", self.action_lines),
            ("Own code", "Without standard library and packages", self.action_own_only),
            (
                "GIL holders",
                "Only what holds the GIL, or all",
                partial(self.action_look, "gil"),
            ),
            ("Idle threads", "Those too, or not", partial(self.action_look, "idle")),
            ("Native frames", "Those too, or not", partial(self.action_look, "native")),
            ("Baseline", "Compare with what is shown now", self.action_baseline),
            ("Difference", "Tree and flame by what has changed", self.action_difference),
            ("No baseline", "Compare with the span before", self.forget_baseline),
            ("Reset", "Count from now on", self.action_reset),
        ]

    def show(self, snapshot: Snapshot) -> None:
        """Count what is new, and draw."""
        self._snapshot = snapshot
        self.view.count(snapshot)
        self.redraw()

    def redraw(self) -> None:
        """Draw the view that is seen."""
        getattr(self, f"_draw_{self.showing}")()
        self.post_message(self.Changed())

    def _draw_functions(self) -> None:
        table = self.query_one(FunctionsTable)
        rows = self.functions.rows(self._snapshot)
        table.sort_mark = (self.functions.sort, "▾" if self.functions.descending else "▴")
        table.name_change("Δbase" if self.view.baseline is not None else "Δbefore")
        table.empty_text = "" if rows else self._why_empty()
        table.show(rows)

    def _draw_threads(self) -> None:
        looked = self.view.look(self._snapshot)
        table = self.query_one(ThreadsTable)
        table.show(thread_lines(looked.windows, self._ticks(), self._snapshot.gil_windows))
        table.empty_text = "" if table.items else self._why_empty()

    def _draw_tree(self) -> None:
        tree = self.query_one(TreeTable)
        tree.compare(self._difference())
        tree.show_tree(self._root(), self._ticks(), self._doubtful())
        tree.empty_text = "" if tree.items else self._why_empty()

    def _draw_flame(self) -> None:
        flame = self.query_one(FlameGraph)
        flame.view.difference = self._difference()
        flame.show(self._root(), self._ticks(), self._doubtful())

    def _root(self) -> Node:
        """The tree of the span, kept up from one refresh to the next."""
        looked, grouping = self.view.look(self._snapshot), self.view.grouping
        choice = (grouping.only_pid, grouping.only_thread)
        if self._tree is None or self._tree[0] != choice:
            self._tree = (choice, CallTree(keep=grouping.has))
        self._tree[1].follow(looked.windows)
        return self._tree[1].root

    def _difference(self) -> Difference | None:
        """What tree and flame are compared with, where the user wants that."""
        before = self.view.stacks_before(self._snapshot) if self._has_difference else None
        return Difference(call_tree(before[0]), before[1]) if before is not None else None

    def _draw_callers(self) -> None:
        if self._place is None:
            return
        stacks = self._stacks()
        self.query_one(CallersTable).show_calls(
            callers(stacks, *self._place), callees(stacks, *self._place), self._ticks()
        )

    def _draw_source(self) -> None:
        if self._source is None:
            return
        lines = source_lines(self._source, self._stacks(), self._ticks())
        table = self.query_one(SourceTable)
        table.empty_text = f"no source here: {plain(self._source.why)}" if not lines else ""
        table.show(lines)

    def _stacks(self) -> Stacks:
        return self.view.stacks(self._snapshot)

    def _ticks(self) -> float:
        looked = self.view.look(self._snapshot)
        return sum(window.expected_ticks for window in looked.windows)

    def _doubtful(self) -> Calls:
        looked = self.view.look(self._snapshot)
        return frozenset().union(*(window.unconfirmed for window in looked.windows))

    def _why_empty(self) -> str:
        """Why there is nothing to show."""
        view = self.view
        if view.pattern:
            return "no function fits the filter (Esc clears it)"
        if view.own_only:
            return "no own code was running (o shows all)"
        status = self._snapshot.source("py-spy")
        if status is not None and status.message and not self._snapshot.windows:
            return f"no functions: {plain(status.message)}"
        looked = any(window.end > view.reset_at for window in self._snapshot.windows)
        return "no Python code was running" if looked else "no samples yet"

    def _selected(self) -> Place | None:
        """The function under the cursor of the view that is seen."""
        if self.showing in ("source", "threads"):
            return self._place
        place: Place | None = self.query_one(f"#{self.showing}").place  # type: ignore[attr-defined]
        return None if place is None or place == (CUT.function, CUT.file) else place

    def _show_view(self, name: str) -> None:
        self.showing = name
        for view in VIEWS:
            self.query_one(f"#{view}").display = view == name
        if self.has_focus_within or self.screen.focused is None:
            self.screen.set_focus(self.query_one(f"#{name}"))

    def action_view(self, name: str) -> None:
        """Another view of the same; the one that is seen already gives way to the functions."""
        place = self._selected()
        name = "functions" if name == self.showing else name
        if name == "callers" and place is None:
            return
        self._place = place or self._place
        self._show_view(name)
        self.redraw()
        # A view that was hidden has no size before it is laid out.
        self.call_after_refresh(self._go_to_place)

    def _go_to_place(self) -> None:
        """Put the cursor on the function that it was on in the other view."""
        if self._place is not None and self.showing in ("functions", "tree", "flame"):
            self.query_one(f"#{self.showing}").go_to(*self._place)  # type: ignore[attr-defined]

    def action_source(self) -> None:
        """Open the file of the function under the cursor, at its hottest line."""
        place = self._selected()
        if place is None or self.showing in ("source", "threads"):
            return
        self._place, self._behind = place, self.showing
        self._source = self.monitor.source(place.file)
        line = self._hottest_line(place)
        self._show_view("source")
        self.redraw()
        self.query_one(SourceTable).open_at(line)

    def _hottest_line(self, place: Place) -> int | None:
        lines: dict[int, tuple[int, int]] = {}
        for (_, stack), count in self.view.stacks(self._snapshot).items():
            for depth, frame in enumerate(stack):
                if (frame.function, frame.file) == place and frame.line:
                    own, total = lines.get(frame.line, (0, 0))
                    own += count if depth == len(stack) - 1 else 0
                    lines[frame.line] = (own, total + count)
        return max(lines, key=lambda line: lines[line], default=None)

    def on_threads_table_chosen(self, event: ThreadsTable.Chosen) -> None:
        """Look at one thread or process only."""
        if event.thread is None:
            self.view.choose(pid=event.pid)
        else:
            self.view.choose(thread=event.thread)
        self._show_view("functions")
        self.redraw()

    def on_callers_table_chosen(self, event: CallersTable.Chosen) -> None:
        """Look at a caller or callee; the function itself opens its source."""
        place = Place(event.function, event.file)
        if place == self._place:
            self.action_source()
            return
        self._place = place
        self.redraw()

    def on_flame_graph_name_taken(self, event: FlameGraph.NameTaken) -> None:
        """Search for the name of the selected box."""
        self.filter_by(event.pattern)

    def filter_by(self, pattern: str) -> None:
        """Filter while it is typed; a bad expression says what is wrong."""
        self.view.filter_by(pattern)
        # What does not fit is nearly all: that is no highlight.
        found = self.view.filter if not self.view.pattern.startswith("!") else None
        self.query_one(TreeTable).filter_by(found)
        self.query_one(FlameGraph).filter_by(found)
        self.redraw()

    def close(self) -> bool:
        """Close the innermost thing that is open; whether there was one."""
        if self.showing == "source":
            self._show_view(self._behind)
        elif self.view.pattern:
            self.filter_by("")
        elif self.view.choice_name:
            self.view.choose()
        elif self.showing != "functions":
            self.action_view("functions")
        else:
            return False
        self.redraw()
        return True

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Keys that mean nothing in the view that is seen are not offered."""
        if action in ("sort", "sort_next", "sort_reverse", "lines"):
            return self.showing == "functions"
        if action == "difference":
            return self.showing in ("tree", "flame")
        if action == "source":
            return self.showing in ("functions", "tree")
        return True

    def action_sort(self, key: str) -> None:
        """Sort by one column."""
        self.functions.sort_by(key)
        self.redraw()

    def action_sort_next(self) -> None:
        """Sort by the next column."""
        self.functions.sort_next()
        self.redraw()

    def action_sort_reverse(self) -> None:
        """Turn the order round."""
        self.functions.sort_by(self.functions.sort)
        self.redraw()

    def on_line_table_header_clicked(self, event: LineTable.HeaderClicked) -> None:
        """Sort by the column that was clicked, if it can be sorted by."""
        if self.showing == "functions" and event.key in SORTS:
            self.action_sort(event.key)

    def action_lines(self) -> None:
        """Rows by line, or by function again."""
        self.view.by_line = not self.view.by_line
        self.redraw()

    def action_own_only(self) -> None:
        """Without the standard library and installed packages, or with them again."""
        self.view.own_only = not self.view.own_only
        self.redraw()

    def action_difference(self) -> None:
        """Colour tree and flame by what has changed against the baseline, or the span before."""
        self._has_difference = not self._has_difference
        if self._has_difference and self.view.stacks_before(self._snapshot) is None:
            self.notify("There are no stacks to compare with yet; b marks some.", markup=False)
        self.redraw()

    def action_span(self, step: int) -> None:
        """Look back further, or less far."""
        self.view.change_span(step)
        self.redraw()

    def action_reset(self) -> None:
        """Count from now on; what was held is let go."""
        self.view.resume()
        self.view.reset(self.monitor.clock())
        self.redraw()

    def action_baseline(self) -> None:
        """Compare with what is shown now from here on."""
        self.view.mark_baseline(self._snapshot)
        self.redraw()

    def action_look(self, name: str) -> None:
        """Look at other threads or frames from now on, or at the usual ones again."""
        is_on = bool(getattr(self.monitor.settings.profile, name))
        refused = self.monitor.change_profile(**{name: not is_on})
        if refused:
            self.notify(refused, severity="warning", markup=False)

    def forget_baseline(self) -> None:
        """Compare with the span before again."""
        self.view.baseline = None
        self.redraw()

    def toggle_pause(self) -> None:
        """Hold what is shown, or go on; nothing stops being collected."""
        if self.view.paused_at is None:
            self.view.pause(self._snapshot)
        else:
            self.view.resume()
        self.redraw()
