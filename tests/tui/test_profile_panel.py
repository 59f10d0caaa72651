"""The profile's views, a key away from each other, on snapshots made by hand."""

from __future__ import annotations

import re
import threading
from dataclasses import replace
from typing import Any

import pytest
from builders import MAIN, NOW, PID, AnyStack, run_of_windows, stack, status, window

from perftui.model.source import SourceText
from perftui.model.stacks import CUT, Frame, Mode, Place, Stack, Thread
from perftui.tui.app import PerftuiApp
from perftui.tui.profile_words import VIEWS
from perftui.tui.screens.watch import WatchScreen
from perftui.tui.widgets.callers import CallersTable
from perftui.tui.widgets.flame import FlameGraph
from perftui.tui.widgets.functions import FunctionsTable
from perftui.tui.widgets.profile import ProfilePanel
from perftui.tui.widgets.source import SourceTable
from perftui.tui.widgets.threads import ThreadsTable
from perftui.tui.widgets.tree import TreeTable

WIDE, NARROW = (120, 36), (80, 24)
FILE = "/srv/app.py"
CALLS: dict[AnyStack, int] = {"main work:3 parse:7": 50, "main work:4": 10, "main other:9": 20}
NATIVE = Stack((Frame("work", FILE, None),))
KEYS = {"threads": "t", "tree": "T", "flame": "f", "callers": "c", "source": "enter"}


def panel_of(app: PerftuiApp) -> ProfilePanel:
    assert isinstance(app.screen, WatchScreen)
    return app.screen.profile


async def read(pilot: Any) -> None:
    """Wait until the file that was asked for is read and shown."""
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()


def title(app: PerftuiApp) -> str:
    return panel_of(app)._border_title.plain


@pytest.fixture
def watch(make_app: Any, make_monitor: Any, picture: Any) -> Any:
    """An app on one picture, and its monitor."""

    def make(shown: Any = None, **more: Any) -> Any:
        monitor = make_monitor(shown or picture(CALLS), **more)
        monitor.sources[FILE] = SourceText(FILE, tuple(f"line {n}" for n in range(1, 41)))
        return make_app(monitor), monitor

    return make


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("name", KEYS)
async def test_a_key_opens_a_view_and_escape_closes_it(name: str, size: Any, watch: Any) -> None:
    """Each view has a key; it alone is seen, has the keys and its name in the title, and Esc or
    its key again goes back to the functions."""
    app, _ = watch()
    async with app.run_test(size=size) as pilot:
        await pilot.press(KEYS[name])
        await pilot.pause()
        seen = [view for view in VIEWS if app.screen.query_one(f"#{view}").display]
        assert seen == [name]
        assert app.focused is app.screen.query_one(f"#{name}")
        assert title(app).startswith(VIEWS[name])
        await pilot.press("escape")
        assert panel_of(app).showing == "functions"
        assert app.focused is app.screen.query_one(FunctionsTable)
        if name != "source":
            await pilot.press(KEYS[name], KEYS[name])
            assert panel_of(app).showing == "functions"


async def test_views_share_the_function_under_the_cursor(watch: Any) -> None:
    """What the cursor is on in one view it is on in the next."""
    app, _ = watch()
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("down")
        assert app.screen.query_one(FunctionsTable).place == Place("other", FILE)
        await pilot.press("T")
        await pilot.pause()
        assert app.screen.query_one(TreeTable).place == Place("other", FILE)
        await pilot.press("f")
        await pilot.pause()
        assert app.screen.query_one(FlameGraph).place == Place("other", FILE)
        await pilot.press("c")
        assert "other" in title(app)
        await pilot.press("escape")
        assert app.screen.query_one(FunctionsTable).place == Place("other", FILE)


async def test_keys_in_a_row_take_the_function_along(watch: Any) -> None:
    """Also where the next view is asked for before the one in between was drawn, whose cursor is
    still where it was before."""
    app, _ = watch()
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("T")
        await pilot.pause()
        await pilot.press("home", "T")
        assert app.screen.query_one(TreeTable).place == Place("main", FILE)
        await pilot.press("home", "down")
        assert app.screen.query_one(FunctionsTable).place == Place("other", FILE)
        panel_of(app).action_view("tree")
        panel_of(app).action_view("flame")
        await pilot.pause()
        assert app.screen.query_one(FlameGraph).place == Place("other", FILE)


async def test_a_key_right_behind_that_of_a_view_moves_its_cursor(watch: Any) -> None:
    """The cursor does not go back to the function once the view is drawn."""
    app, _ = watch()
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("down")
        panel_of(app).action_view("tree")
        app.screen.query_one(TreeTable).action_cursor_to(0)
        await pilot.pause()
        assert app.screen.query_one(TreeTable).place == Place("main", FILE)


async def test_callers_and_callees(watch: Any, text_of: Any) -> None:
    """Enter goes to a caller; on the function itself it opens the source."""
    app, _ = watch()
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("c")
        table = app.screen.query_one(CallersTable)
        shown = "\n".join(text_of(table))
        assert "work" in shown
        assert "parse" in shown
        await pilot.press("up", "enter")
        assert "work" in title(app)
        await pilot.press("enter")
        assert panel_of(app).showing == "source"


async def test_the_source_opens_at_the_hottest_line(watch: Any, text_of: Any) -> None:
    """The cursor is on the function's hottest line, with each line's share beside it."""
    app, _ = watch()
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("enter")
        await read(pilot)
        table = app.screen.query_one(SourceTable)
        assert table.selected is not None
        assert (table.selected.number, table.selected.own_pct) == (7, 50.0)
        row = next(line for line in text_of(table) if "line 7" in line)
        assert row.split()[:2] == ["50.0", "50.0"]
        await pilot.press("n")
        assert table.selected.number == 9


async def test_the_hottest_line_is_in_sight(watch: Any, text_of: Any) -> None:
    """However little of the file there is room for, and however soon it is read."""
    app, _ = watch()
    async with app.run_test(size=(80, 12)) as pilot:
        await pilot.press("enter")
        await read(pilot)
        table = app.screen.query_one(SourceTable)
        assert table.size.height <= 7  # the titles and six lines
        assert any("line 7" in line for line in text_of(table))


async def test_a_file_that_is_not_there_or_has_changed(watch: Any, text_of: Any) -> None:
    """Without a source lines have their shares all the same; a file that has changed says so."""
    app, monitor = watch()
    monitor.sources.clear()
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("enter")
        await read(pilot)
        lines = text_of(app.screen.query_one(SourceTable))
        assert any("50.0" in line for line in lines)  # shares are known all the same
    app, monitor = watch()
    monitor.sources[FILE] = SourceText(FILE, ("new",) * 40, is_stale=True)
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("enter")
        await read(pilot)
        assert "CHANGED since" in title(app)


async def test_a_file_that_takes_its_time(watch: Any, text_of: Any) -> None:
    """While a file is read the screen goes on; what is no longer wanted when it comes is not
    shown."""
    app, monitor = watch()
    may_go_on = threading.Event()
    at_once = monitor.source

    def in_time(file: str) -> SourceText:
        assert may_go_on.wait(30)
        return at_once(file)

    monitor.source = in_time
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("enter")
        table = app.screen.query_one(SourceTable)
        assert "reading the file" in " ".join(text_of(table))
        app.screen.draw()
        await pilot.press("escape")
        assert panel_of(app).showing == "functions"
        may_go_on.set()
        await read(pilot)
        assert panel_of(app).showing == "functions"
        await pilot.press("enter")
        await read(pilot)
        assert any("line 7" in line for line in text_of(table))


async def test_a_file_that_cannot_be_read(watch: Any, text_of: Any) -> None:
    """A failure that nobody foresaw is said; the program goes on."""
    app, monitor = watch()

    def fail(file: str) -> SourceText:
        raise OSError("the disk is gone")

    monitor.source = fail
    monitor.latest = replace(monitor.latest, windows=run_of_windows(5, {NATIVE: 50}))
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("enter")
        await pilot.pause()
        while panel_of(app).workers:  # it has failed: waiting for it would raise here, too
            await pilot.pause()
        assert "the disk is gone" in " ".join(text_of(app.screen.query_one(SourceTable)))


async def test_one_thread_alone(watch: Any, picture: Any, names_of: Any) -> None:
    """Enter on a thread shows its functions alone; Esc shows all again."""
    other = Thread(MAIN.pid, 2, "worker")
    stacks = window(NOW - 1, NOW, {"main work:3": 60}).stacks
    more = window(NOW - 1, NOW, {"main job:5": 30}, thread=other).stacks
    both = window(NOW - 1, NOW, {})
    app, _ = watch(picture(windows=(type(both)(NOW - 1, NOW, 100, both.mode, {**stacks, **more}),)))
    async with app.run_test(size=WIDE) as pilot:
        functions = app.screen.query_one(FunctionsTable)
        assert names_of(functions) == ["work", "job", "main"]
        await pilot.press("t")
        table = app.screen.query_one(ThreadsTable)
        assert [line.thread for line in table.items] == [MAIN, other]
        await pilot.press("down", "enter")
        assert names_of(functions) == ["job", "main"]
        assert "worker" in title(app)
        await pilot.press("escape")
        assert names_of(functions) == ["work", "job", "main"]


async def test_spans(watch: Any, picture: Any, names_of: Any) -> None:
    """[ and ] look back less or further; the title says how far."""
    windows = (
        *run_of_windows(30, {"main old:1": 90}, end=NOW - 20),
        *run_of_windows(15, {"main new:1": 90}, end=NOW - 5),
        *run_of_windows(5, {"main now:1": 90}),
    )
    app, _ = watch(picture(windows=windows))
    async with app.run_test(size=WIDE) as pilot:
        table = app.screen.query_one(FunctionsTable)
        assert "last 10 s" in title(app)
        await pilot.press("left_square_bracket")
        assert "last 2 s" in title(app)
        assert table.items[0].key.function == "now"
        assert "old" not in names_of(table)
        await pilot.press("right_square_bracket", "right_square_bracket")
        assert "last 1 min" in title(app)
        assert names_of(table)[0] == "old"
        await pilot.press(*["right_square_bracket"] * 5)
        assert "since attach" in title(app)


async def test_changes_against_a_baseline(watch: Any, picture: Any) -> None:
    """b marks what is shown; from then on each function says how it has changed since."""
    app, monitor = watch()
    async with app.run_test(size=WIDE) as pilot:
        table = app.screen.query_one(FunctionsTable)
        await pilot.press("b")
        monitor.latest = picture({"main work:3 parse:7": 10, "main fresh:2": 60}, taken_at=NOW + 20)
        app.screen.draw()
        assert [c.title for c in table.columns if c.key == "change"] == ["Δbase"]
        changes = {
            row.key.function: table.cells_of(row)[[c.key for c in table.columns].index("change")]
            for row in table.items
        }
        assert changes["fresh"] == "NEW 60"
        assert changes["parse"] == "▼40.0"
        assert changes["other"] == "GONE 20"


async def test_the_source_of_what_is_gone_opens_where_it_was(watch: Any, picture: Any) -> None:
    """Not at the hottest line of another function."""
    old, new = window(NOW - 20, NOW - 10, {"main parse:7": 90}), {"main fresh:2": 90}
    shown = picture(windows=(old, window(NOW - 10, NOW, new)))
    app, _ = watch(shown)
    async with app.run_test(size=WIDE) as pilot:
        table = app.screen.query_one(FunctionsTable)
        gone = next(n for n, row in enumerate(table.items) if row.key.function == "parse")
        assert table.items[gone].mark == "GONE"
        await pilot.press(*["down"] * gone, "enter")
        await read(pilot)
        source = app.screen.query_one(SourceTable)
        assert source.selected is not None
        assert source.selected.number == 7


async def test_the_source_of_what_is_gone_since_the_baseline(watch: Any, picture: Any) -> None:
    """Opens where it was when that was marked, however long ago."""
    app, monitor = watch(picture({"main parse:7": 90}))
    async with app.run_test(size=WIDE) as pilot:
        table = app.screen.query_one(FunctionsTable)
        await pilot.press("b")
        monitor.latest = picture({"main fresh:2": 90}, taken_at=NOW + 500)
        app.screen.draw()
        await pilot.pause()
        gone = next(n for n, row in enumerate(table.items) if row.key.function == "parse")
        table.action_cursor_to(gone)
        await pilot.press("enter")
        await read(pilot)
        source = app.screen.query_one(SourceTable)
        assert source.selected is not None
        assert source.selected.number == 7


async def test_own_code_alone(watch: Any, picture: Any, names_of: Any) -> None:
    """o leaves out the standard library and packages."""
    frames = (*stack("main"), *stack("dumps", file="/usr/lib/python3.11/json/__init__.py"))
    app, _ = watch(picture({frames: 60, "main work:3": 20}))
    async with app.run_test(size=WIDE) as pilot:
        table = app.screen.query_one(FunctionsTable)
        assert names_of(table)[0] == "dumps"
        await pilot.press("o")
        assert names_of(table) == ["work", "main"]
        assert "own code" in title(app)
        await pilot.press("T")
        assert "own code" not in title(app)
        await pilot.press("o", "T")  # in the tree it means nothing
        assert names_of(table) == ["work", "main"]


async def test_an_inverse_filter(watch: Any, names_of: Any) -> None:
    """With ! before it the filter shows what does not fit."""
    app, _ = watch()
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("slash", *"!parse|main", "enter")
        assert names_of(app.screen.query_one(FunctionsTable)) == ["other", "work"]


async def test_calls_that_are_not_confirmed_are_quiet(watch: Any, picture: Any) -> None:
    """A call that no blocking look has seen is drawn quietly, with a sign."""
    doubt = frozenset({(Place("main", FILE), Place("other", FILE))})
    windows = run_of_windows(5, CALLS, unconfirmed=doubt, torn=True, cut=0)
    app, _ = watch(picture(windows=windows))
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("T")
        tree = app.screen.query_one(TreeTable)
        quiet = [row.frame.function for row in tree.items if tree.is_quiet(row)]
        assert quiet == ["other"]


async def test_unknown_callers_can_be_looked_at(watch: Any, picture: Any, text_of: Any) -> None:
    """Stacks whose callers were cut hang below their own sign, which is no function."""
    cut = (CUT, *stack("parse:7"))
    app, _ = watch(picture({cut: 40, "main work:3": 20}))
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("T")
        tree = app.screen.query_one(TreeTable)
        assert tree.items[0].frame.function == CUT.function
        assert CUT.function in text_of(tree)[1]
        await pilot.pause()  # the cursor goes where it was among the functions
        await pilot.press("home", "enter", "c")  # it has no source and no callers
        assert panel_of(app).showing == "tree"
        await pilot.press("right")
        assert tree.place == Place("parse", FILE)
        await pilot.press("c")
        rows = text_of(app.screen.query_one(CallersTable))
        assert [row.split()[:2] for row in rows[1:3]] == [["called", "by"], ["function", "100.0"]]
        assert CUT.function in rows[1]


async def test_the_flame_keeps_its_zoom_until_it_is_closed(watch: Any) -> None:
    """Esc leaves the zoom first, then the flame graph."""
    app, _ = watch()
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("f", "down", "down", "enter", "escape")
        assert panel_of(app).showing == "flame"
        await pilot.press("escape")
        assert panel_of(app).showing == "functions"


@pytest.mark.parametrize("name", KEYS)
async def test_every_view_says_why_it_is_empty(
    name: str, watch: Any, picture: Any, text_of: Any
) -> None:
    """Before the first window a view says so, one that is about a function does not open; with the
    first window it is filled."""
    app, monitor = watch(picture(windows=(), sources=(status("py-spy"),)))
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press(KEYS[name])
        seen = "functions" if name in ("callers", "source") else name
        assert panel_of(app).showing == seen
        view = app.screen.query_one(f"#{seen}")
        assert "no samples yet" in " ".join(text_of(view))
        monitor.latest = picture(CALLS)
        app.screen.draw()
        await pilot.pause()
        text = " ".join(text_of(view))
        assert "no samples yet" not in text
        assert ("MainThread" if seen == "threads" else "work") in text


@pytest.mark.parametrize(("key", "name"), [("g", "gil"), ("I", "idle"), ("C", "native")])
async def test_what_is_looked_for_can_be_changed(key: str, name: str, watch: Any) -> None:
    """Keys change what py-spy looks for, and back; what is refused says why."""
    app, monitor = watch()
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press(key)
        assert monitor.changes == [{name: True}]
        monitor.refuses = "They exclude each other."
        await pilot.press(key)
        await pilot.pause()
        assert [n.message for n in app._notifications] == ["They exclude each other."]


@pytest.mark.parametrize("key", ["T", "f"])
async def test_what_has_changed_in_the_tree(
    key: str, watch: Any, picture: Any, text_of: Any
) -> None:
    """d says in tree and flame what has changed against the baseline, beyond the noise."""
    app, monitor = watch()
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("b", key, "d")
        monitor.latest = picture({"main work:3 parse:7": 10, "main fresh:2": 60}, taken_at=NOW + 20)
        app.screen.draw()
        await pilot.pause()
        assert "Δ baseline" in title(app)
        shown = "\n".join(text_of(app.screen.query_one(f"#{panel_of(app).showing}")))
        if key == "T":
            row = next(line for line in shown.splitlines() if "fresh" in line)
            assert "▲60.0" in row
        else:
            assert "▲ fresh" in shown
            assert "▼ work" in shown
        await pilot.press("d")
        assert "▲" not in "\n".join(text_of(app.screen.query_one(f"#{panel_of(app).showing}")))


async def test_colours_of_what_has_not_changed(watch: Any) -> None:
    """d takes the colours of kinds away, also where nothing has changed, and gives them back."""
    app, _ = watch()
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("b", "f")
        await pilot.pause()
        flame = app.screen.query_one("#flame")

        def colours() -> list[Any]:
            lines = (flame.render_line(y) for y in range(1, flame.size.height))
            return [segment.style.bgcolor for line in lines for segment in line if segment.style]

        kinds = colours()
        await pilot.press("d")
        await pilot.pause()
        assert len(set(colours())) < len(set(kinds))
        await pilot.press("d")
        await pilot.pause()
        assert colours() == kinds


async def test_the_process_of_the_only_busy_thread(watch: Any, picture: Any, text_of: Any) -> None:
    """With children the threads stand below their process, also where one of all is busy."""
    app, _ = watch(picture(CALLS, children=(77, 78)))
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("t")
        await pilot.pause()
        shown = "\n".join(text_of(app.screen.query_one(ThreadsTable)))
        assert f"pid {MAIN.pid}: 1 thread " in shown


@pytest.mark.parametrize("key", ["t", "T", "f"])
async def test_where_nothing_runs_each_view_says_how_to_see_what_waits(
    key: str, watch: Any, picture: Any, text_of: Any
) -> None:
    """A program that is stuck in a lock has no samples; the key that shows the lock is named."""
    app, _ = watch(picture(windows=run_of_windows(20, {})))
    async with app.run_test(size=NARROW) as pilot:
        said = "no Python code was running (I shows where threads wait)"
        assert said in text_of(panel_of(app).seen)
        await pilot.press(key)
        await pilot.pause()
        assert said in text_of(panel_of(app).seen)


async def test_threads_in_their_order_stay_in_sight(watch: Any, picture: Any, text_of: Any) -> None:
    """A cursor that nobody has moved stays with the busiest, and Esc keeps a filter that is not
    seen here."""
    threads = [Thread(PID, n, f"worker-{n:03}") for n in range(100)]

    def busy(first: Thread) -> Any:
        stacks = {(t, stack("main")): 90 if t is first else t.tid // 2 + 1 for t in threads}
        return picture(windows=(replace(window(NOW - 1, NOW), stacks=stacks),))

    app, monitor = watch(busy(threads[0]))
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("slash", *"main", "enter", "t")
        await pilot.pause()
        table = app.screen.query_one(ThreadsTable)
        assert "worker-000" in text_of(table)[1]
        monitor.latest = busy(threads[1])
        app.screen.draw()
        await pilot.pause()
        assert "worker-001" in text_of(table)[1]
        await pilot.press("escape")
        assert panel_of(app).showing == "functions"
        assert panel_of(app).view.pattern == "main"


async def test_the_gil_of_a_span(watch: Any, picture: Any, text_of: Any) -> None:
    """Looks at its holder count that are no older than the span, or than 30 s."""
    looks = tuple(
        window(NOW - at, NOW - at + 1, {"main": 10 * n}, mode=Mode.GIL)
        for n, at in enumerate((80, 50, 20, 9), start=1)
    )
    app, _ = watch(picture(windows=run_of_windows(300, CALLS), gil_windows=looks))
    async with app.run_test(size=WIDE) as pilot:
        table = app.screen.query_one(ThreadsTable)
        for keys, share in ((("t",), "35.0"), (("]",), "30.0"), (("]",), "25.0")):
            await pilot.press(*keys)
            await pilot.pause()
            assert re.search(rf" {share} .*MainThread", "\n".join(text_of(table)))


async def test_a_paused_view_of_threads_knows_no_later_looks_at_the_gil(
    watch: Any, picture: Any, text_of: Any
) -> None:
    """What was looked at since the pause is shown when it ends."""
    early = window(NOW - 2, NOW - 1, CALLS, mode=Mode.GIL)
    late = window(NOW + 4, NOW + 5, {"main": 10}, mode=Mode.GIL)
    app, monitor = watch(picture(CALLS, gil_windows=(early,)))
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("t", "p")
        await pilot.pause()
        table = app.screen.query_one(ThreadsTable)
        assert re.search(r"80\.0 +80\.0 .*MainThread", "\n".join(text_of(table)))
        seen = text_of(table)
        monitor.latest = replace(
            picture(CALLS, gil_windows=(early, late), taken_at=NOW + 6),
            target=monitor.latest.target,
        )
        app.screen.draw()
        await pilot.pause()
        assert text_of(table) == seen
        await pilot.press("p")
        app.screen.draw()
        await pilot.pause()
        assert re.search(r"45\.0 .*MainThread", "\n".join(text_of(table)))
