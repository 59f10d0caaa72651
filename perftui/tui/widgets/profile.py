"""The panel of the profile: one span of it, seen in one of several views."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar, TypeVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.reactive import var
from textual.widget import Widget
from textual.worker import Worker, WorkerState

from perftui.model.event import EventKind
from perftui.model.snapshot import Snapshot
from perftui.model.source import SourceText
from perftui.model.stacks import CUT, Place
from perftui.model.text import plain
from perftui.monitor import Monitor
from perftui.tui.axis import Moment
from perftui.tui.difference import Difference
from perftui.tui.functions_view import SORTS, FunctionsView
from perftui.tui.profile_view import Looked, ProfileView
from perftui.tui.profile_words import COMMANDS, FILTERED, VIEWS, title, why_empty
from perftui.tui.source_view import source_lines
from perftui.tui.span_trees import SpanTrees
from perftui.tui.threads_view import ThreadsView
from perftui.tui.widgets.callers import CallersTable
from perftui.tui.widgets.flame import FlameGraph
from perftui.tui.widgets.functions import FunctionsTable
from perftui.tui.widgets.line_table import LineTable
from perftui.tui.widgets.source import SourceTable
from perftui.tui.widgets.threads import ThreadsTable
from perftui.tui.widgets.tree import TreeTable

T = TypeVar("T")


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

    # What is shown, of which span and choice. It is watched, so that it is drawn with the rows.
    title: var[str] = var("")

    def __init__(self, monitor: Monitor, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.monitor = monitor
        self.view = ProfileView(history=monitor.windows, by_thread=monitor.settings.profile.threads)
        self.view.baseline = monitor.latest.baseline
        self.functions = FunctionsView(self.view)
        self.showing = "functions"
        self._snapshot = monitor.latest
        self._place: Place | None = None
        self._source: SourceText | None = None
        self._behind = "functions"
        self._trees = SpanTrees(self.view)
        self._threads = ThreadsView()
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

    def _title(self) -> str:
        return title(
            self.showing,
            self.functions,
            self._place,
            is_stale=self._source is not None and self._source.is_stale,
            has_difference=self._has_difference,
        )

    @property
    def seen(self) -> Widget:
        """The view that is seen: it has the keys."""
        return self.query_one(f"#{self.showing}", Widget)

    def commands(self) -> list[tuple[str, str, Callable[[], None]]]:
        """What the command palette offers: name, words, and what it does."""
        return [
            (name, words, partial(getattr(self, method), *arguments))
            for name, words, method, *arguments in COMMANDS
        ]

    def show(self, snapshot: Snapshot) -> None:
        """Count what is new, and draw."""
        self._snapshot = snapshot
        self.view.count(snapshot)
        self.redraw()

    def redraw(self) -> None:
        """Draw the view that is seen."""
        getattr(self, f"_draw_{self.showing}")()
        self.title = self._title()

    def _look(self) -> Looked:
        return self.view.look(self._snapshot)

    def _draw_functions(self) -> None:
        table = self.query_one(FunctionsTable)
        rows = self.functions.rows(self._snapshot)
        table.sort_mark = (self.functions.sort, "▾" if self.functions.descending else "▴")
        table.name_change("Δbase" if self.view.baseline is not None else "Δbefore")
        self._fill(table, rows)

    def _draw_threads(self) -> None:
        looked = self._look()
        lines = self._threads.lines(
            looked.windows,
            looked.ticks,
            looked.of_gil(self._snapshot.gil_windows),
            has_children=bool(self._snapshot.children),
        )
        self._fill(self.query_one(ThreadsTable), lines)

    def _fill(self, table: LineTable[T], rows: Sequence[T]) -> None:
        table.empty_text = "" if rows else self._why_empty()
        table.show(rows)

    def _why_empty(self) -> str:
        return why_empty(self.showing, self.view, self._snapshot)

    def _draw_tree(self) -> None:
        looked, table = self._look(), self.query_one(TreeTable)
        root = self._trees.now(looked).root
        table.compare(self._difference(looked))
        table.empty_text = "" if root.total else self._why_empty()
        table.show_tree(root, looked.ticks, looked.unconfirmed)

    def _draw_flame(self) -> None:
        looked, flame = self._look(), self.query_one(FlameGraph)
        flame.view.difference = self._difference(looked)
        flame.view.why_empty = self._why_empty()
        flame.show(self._trees.now(looked).root, looked.ticks, looked.unconfirmed)

    def _difference(self, looked: Looked) -> Difference | None:
        """What tree and flame are compared with, where the user wants that."""
        return self._trees.difference(looked) if self._has_difference else None

    def _draw_callers(self) -> None:
        if self._place is None:
            return
        looked = self._look()
        tree, table = self._trees.now(looked), self.query_one(CallersTable)
        above, below = tree.callers(*self._place), tree.callees(*self._place)
        table.empty_text = "" if below.total else "no samples of it in this span"
        table.show_calls(above, below, looked.ticks)

    def _draw_source(self) -> None:
        table = self.query_one(SourceTable)
        if self._source is None:
            table.empty_text = "reading the file"
            table.show(())
            return
        looked = self._look()
        lines = source_lines(self._source, self._trees.now(looked).counts(), looked.ticks)
        table.empty_text = f"no source here: {plain(self._source.why)}" if not lines else ""
        table.show(lines)

    def selected(self) -> Place | None:
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
        place = self.selected()
        name = "functions" if name == self.showing else name
        if name == "callers" and place is None:
            return
        self._place = place or self._place
        self._show_view(name)
        self.redraw()
        self._go_to_place()

    def _go_to_place(self) -> None:
        """Put the cursor on the function that it was on in the other view."""
        if self._place is not None and self.showing in ("functions", "tree", "flame"):
            self.query_one(f"#{self.showing}").go_to(*self._place)  # type: ignore[attr-defined]

    def action_source(self) -> None:
        """Open the file of the function under the cursor, at its hottest line."""
        place = self.selected()
        if place is None or self.showing in ("source", "threads"):
            return
        self._place, self._behind, self._source = place, self.showing, None
        self._show_view("source")
        self.redraw()
        self._read(place.file)

    @work(thread=True, exclusive=True, exit_on_error=False, group="source")
    def _read(self, file: str) -> SourceText:
        """Read a file, which can take a while, off the screen's thread."""
        return self.monitor.source(file)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """The file is read, or cannot be; it is shown if it is still wanted."""
        if event.state is WorkerState.ERROR and self._place is not None:
            self._open(SourceText(self._place.file, why=str(event.worker.error)))
        elif event.state is WorkerState.SUCCESS and isinstance(event.worker.result, SourceText):
            self._open(event.worker.result)

    def _open(self, source: SourceText) -> None:
        if self.showing != "source" or self._place is None or source.file != self._place.file:
            return
        self._source = source
        self.redraw()
        line = self._trees.hottest_line(self._place, self._look())
        # The file may be read before the view is laid out, which until then has no size.
        self.call_after_refresh(self.query_one(SourceTable).open_at, line or 1)

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
        elif self.view.pattern and self.showing in FILTERED:
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
        if action in ("sort", "sort_next", "sort_reverse", "lines", "own_only"):
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
        if self._has_difference and self._difference(self._look()) is None:
            self.notify("There are no stacks to compare with yet; b marks some.", markup=False)
        self.redraw()

    def action_span(self, step: int) -> None:
        """Look back further, or less far."""
        self.view.change_span(step)
        self.redraw()

    def look_at(self, moment: Moment | None) -> None:
        """Show the windows of a part of the past, or of the present."""
        self.view.moment = moment
        self.redraw()

    def action_reset(self) -> None:
        """Count from now on; what was held is let go."""
        self.view.resume()
        self.view.reset(self.monitor.clock())
        self.redraw()

    def action_baseline(self) -> None:
        """Compare with what is shown now from here on."""
        self.view.mark_baseline(self._snapshot)
        moment = self.view.moment
        self.monitor.mark(
            EventKind.BASELINE, self.view.span_name, moment.start if moment is not None else None
        )
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
