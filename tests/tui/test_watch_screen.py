"""The screen of a watch, driven by keys and mouse, on snapshots made by hand."""

from __future__ import annotations

import re
import threading
from typing import Any

import pytest
from builders import NOW, P99, forecast, run_of_windows, series, stack, status, window
from pilots import until
from rich.cells import cell_len
from textual import events
from textual.binding import Binding
from textual.geometry import Offset
from textual.widgets import Input, Static
from textual.widgets._footer import FooterKey

from perftui.model.findings import ForecastState
from perftui.model.snapshot import SourceState
from perftui.model.stacks import Frame, Thread
from perftui.model.target import TargetState
from perftui.tui.app import PerftuiApp
from perftui.tui.screens.help import _NAMES, HelpScreen
from perftui.tui.screens.watch import SUCCESSOR, WatchScreen
from perftui.tui.widgets.bars import Header, Tabs, WarningLine
from perftui.tui.widgets.callers import CallersTable
from perftui.tui.widgets.flame import FlameGraph
from perftui.tui.widgets.forecast import ForecastPane
from perftui.tui.widgets.functions import FunctionsTable
from perftui.tui.widgets.line_table import LineTable
from perftui.tui.widgets.metrics import MetricsPanel
from perftui.tui.widgets.profile import ProfilePanel
from perftui.tui.widgets.source import SourceTable
from perftui.tui.widgets.threads import ThreadsTable
from perftui.tui.widgets.tree import TreeTable

WIDE, NARROW = (120, 36), (80, 24)
TURNED = {"main other:9": 60, "main work:3": 30, "main last:27": 5}
"""The functions of `picture` with the first two in the other order."""


def screen_of(app: PerftuiApp) -> WatchScreen:
    screen = app.screen
    assert isinstance(screen, WatchScreen)
    return screen


def selected(table: FunctionsTable) -> str:
    assert table.selected is not None
    return table.selected.key.function


def cell(table: FunctionsTable, key: str, row: int = 0) -> str:
    """What stands in the column of this key."""
    keys = [column.key for column in table.columns]
    return table.cells_of(table.items[row])[keys.index(key)]


async def click(pilot: Any, widget: Any, x: int, y: int) -> None:
    """Click where the character of line `y` and column `x` of the widget's text stands."""
    pilot.app.screen.draw()  # the header knows its width, and so its height, from now on
    await pilot.pause()
    await pilot.click(offset=widget.content_region.offset + Offset(x, y))


async def test_functions_stand_in_the_order_of_their_own_share(watch: Any, names_of: Any) -> None:
    """The hottest function is the first row, and callers without own time are the last."""
    app, _ = watch()
    async with app.run_test(size=WIDE):
        table = app.screen.query_one(FunctionsTable)
        assert names_of(table) == ["work", "other", "last", "main"]
        rows = range(len(table.items))
        assert [cell(table, "own", row) for row in rows] == ["60.0", "30.0", "5.0", "0.0"]
        assert [cell(table, "total", row) for row in rows] == ["60.0", "30.0", "5.0", "95.0"]


async def test_the_cursor_follows_its_function(watch: Any, picture: Any) -> None:
    """When the order changes the cursor stays on the function that it is on."""
    app, monitor = watch()
    async with app.run_test(size=WIDE) as pilot:
        table = app.screen.query_one(FunctionsTable)
        await pilot.press("down")
        assert (table.cursor, selected(table)) == (1, "other")
        monitor.latest = picture(TURNED)
        screen_of(app).draw()
        assert (table.cursor, selected(table)) == (0, "other")
        await pilot.press("down", "down")
        assert selected(table) == "last"
        monitor.latest = picture({"main last:27": 90, "main work:3": 5, "main other:9": 2})
        screen_of(app).draw()
        assert (table.cursor, selected(table)) == (0, "last")


async def test_a_cursor_on_the_first_row_stays_first(watch: Any, picture: Any) -> None:
    """A cursor that was never moved is on the hottest function, whichever that is."""
    app, monitor = watch()
    async with app.run_test(size=WIDE):
        table = app.screen.query_one(FunctionsTable)
        assert selected(table) == "work"
        monitor.latest = picture(TURNED)
        screen_of(app).draw()
        assert (table.cursor, selected(table)) == (0, "other")


async def test_a_cursor_whose_function_has_gone_stays_in_its_place(
    watch: Any, picture: Any
) -> None:
    """When the function under the cursor is no longer there, the cursor keeps its row."""
    app, monitor = watch()
    async with app.run_test(size=WIDE) as pilot:
        table = app.screen.query_one(FunctionsTable)
        await pilot.press("end")
        assert table.cursor == 3
        monitor.latest = picture({"main work:3": 60})
        screen_of(app).draw()
        assert table.cursor == 1
        monitor.latest = picture({"": 1})
        screen_of(app).draw()
        assert table.selected is None


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_a_click_on_a_header_sorts(size: Any, watch: Any, text_of: Any) -> None:
    """A click on a column's title sorts by it, and again turns the order round."""
    app, _ = watch()
    async with app.run_test(size=size) as pilot:
        view = screen_of(app).profile.functions
        table = app.screen.query_one(FunctionsTable)
        for title, key in (("total%", "total"), ("Δbefore", "change"), ("own%", "own")):
            titles = text_of(table)[0]
            await click(pilot, table, titles.index(title) + 1, 0)
            await pilot.pause()
            assert (view.sort, view.descending) == (key, True)
        await click(pilot, table, 2, 0)
        await pilot.pause()
        assert (view.sort, view.descending) == ("own", False)
        assert "own%▴" in text_of(table)[0]


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_a_click_on_a_row_selects_it(size: Any, watch: Any) -> None:
    """A click puts the cursor on the row below the mouse."""
    app, _ = watch()
    async with app.run_test(size=size) as pilot:
        table = app.screen.query_one(FunctionsTable)
        await click(pilot, table, 10, 3)
        await pilot.pause()
        assert (table.cursor, selected(table)) == (2, "last")
        assert app.focused is table


async def test_a_click_into_a_panel_makes_it_the_current_one(watch: Any) -> None:
    """A click on metrics or forecasts gives that panel the keys."""
    app, _ = watch()
    async with app.run_test(size=WIDE) as pilot:
        for name in ("metrics", "forecast", "profile"):
            await pilot.click(f"#{name}", offset=(5, 3))
            assert app.focused is not None
            assert name in [node.id for node in app.focused.ancestors_with_self]
            assert app.screen.query_one(Tabs).current == name


async def test_a_click_on_a_tab_opens_its_panel(watch: Any) -> None:
    """On a narrow screen a click on a tab's title shows that panel."""
    app, _ = watch()
    async with app.run_test(size=NARROW) as pilot:
        tabs = app.screen.query_one(Tabs)
        for name in ("metrics", "forecast", "profile"):
            text = tabs.render_line(0).text
            word = {"metrics": "Metrics", "forecast": "Forecast", "profile": "Functions"}[name]
            await pilot.click(tabs, offset=(text.index(word) + len(word) - 1, 0))
            await pilot.pause()
            assert tabs.current == name
            assert app.screen.query_one(f"#{name}").display


MANY = {f"main f{number:03}:{number}": 400 - number for number in range(200)}
MANY_REVERSED = {f"main f{number:03}:{number}": 200 + number for number in range(200)}


async def test_a_long_table_scrolls_with_the_cursor(watch: Any, picture: Any, text_of: Any) -> None:
    """Page keys, End and Home bring the cursor's row into sight, below a header that stays."""
    app, _ = watch(picture(MANY))
    async with app.run_test(size=WIDE) as pilot:
        table = app.screen.query_one(FunctionsTable)
        for key, wanted in (("end", 200), ("home", 0), ("j", 1), ("k", 0)):
            await pilot.press(key)
            await pilot.pause()
            assert table.cursor == wanted
            name = selected(table)
            lines = text_of(table)
            assert lines[0].lstrip().startswith("own%")
            assert [line for line in lines[1:] if f" {name} " in line], lines
        await pilot.press("pagedown")
        assert table.cursor == table.size.height - 2
        await pilot.press("pagedown", "pageup")
        assert table.cursor == table.size.height - 2


async def test_a_row_takes_the_cursor_along_in_sight(
    watch: Any, picture: Any, text_of: Any
) -> None:
    """However far its function falls; where the wheel has left it behind it stays so."""
    app, monitor = watch(picture(MANY))
    async with app.run_test(size=NARROW) as pilot:
        table = app.screen.query_one(FunctionsTable)
        await pilot.press("down", "down")
        name = selected(table)
        monitor.latest = picture(MANY_REVERSED, taken_at=NOW + 20)
        app.screen.draw()
        await pilot.pause()
        assert table.cursor > 100
        assert any(f" {name} " in line for line in text_of(table))
        table.scroll_to(y=0, animate=False)
        await pilot.pause()
        monitor.latest = picture(MANY, taken_at=NOW + 40)
        app.screen.draw()
        await pilot.pause()
        assert (selected(table), table.scroll_offset.y) == (name, 0)


async def test_a_wheel_scrolls_without_moving_the_cursor(
    watch: Any, picture: Any, text_of: Any
) -> None:
    """The mouse wheel moves the rows in sight, and what is drawn follows."""
    app, _ = watch(picture(MANY))
    async with app.run_test(size=WIDE) as pilot:
        table = app.screen.query_one(FunctionsTable)
        table.scroll_to(y=50, animate=False)
        await pilot.pause()
        assert table.cursor == 0
        lines = text_of(table)
        assert " f050 " in lines[1]
        assert lines[0].lstrip().startswith("own%")


async def test_wide_and_narrow_by_breakpoint(watch: Any) -> None:
    """From 110 columns all panels stand side by side; below, one of them with tabs above."""
    app, _ = watch()
    async with app.run_test(size=(110, 30)) as pilot:
        screen = app.screen
        panels = [screen.query_one(f"#{name}") for name in ("profile", "metrics", "forecast")]
        assert all(panel.display and panel.size.height > 3 for panel in panels)
        assert not screen.query_one(Tabs).display
        await pilot.resize_terminal(109, 30)
        await pilot.pause()
        assert screen.query_one(Tabs).display
        assert [panel.display for panel in panels] == [True, False, False]
        await pilot.press("tab", "tab")
        assert [panel.display for panel in panels] == [False, False, True]
        assert panels[2].size.width == 109
        await pilot.resize_terminal(110, 30)
        await pilot.pause()
        assert all(panel.display for panel in panels)
        assert panels[0].size.width > 50


async def test_the_footer_goes_with_the_size(watch: Any) -> None:
    """What a narrow screen has room for is there after a change of size as after a start, up to the
    key that ends it."""
    app, _ = watch()
    async with app.run_test(size=(120, 36)) as pilot:

        def keys() -> list[str]:
            return [key.description for key in app.screen.query(FooterKey)]

        await until(pilot, keys)
        wide = keys()
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: 0 < len(keys()) < len(wide))
        assert keys()[-2:] == ["help", "quit"] == wide[-2:]
        await until(pilot, lambda: 0 < app.screen.query(FooterKey).last().region.right <= 80)
        await pilot.resize_terminal(120, 36)
        await until(pilot, lambda: keys() == wide)


@pytest.mark.parametrize("size", [(120, 36), (80, 24), (40, 10), (20, 5), (300, 100)], ids=str)
async def test_any_size_can_be_drawn(size: Any, watch: Any, text_of: Any) -> None:
    """No size of the terminal, however small, ends the app or draws beyond a widget's width."""
    app, _ = watch()
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.resize_terminal(*size)
        await pilot.pause()
        for _ in range(3):
            await pilot.press("tab")
            await pilot.pause()
            for widget in app.screen.query(
                "#header, #tabs, #functions, #metrics, #forecast, #warning"
            ):
                if widget.display:
                    assert all(cell_len(t) <= widget.size.width for t in text_of(widget))


async def test_only_changed_lines_are_drawn_again(
    watch: Any, picture: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A draw with the same figures paints nothing of the table; one with a new row paints it."""
    app, monitor = watch(picture(MANY))
    drawn: list[set[str]] = []
    draw = LineTable.paint
    monkeypatch.setattr(
        LineTable, "paint", lambda self, line: (drawn.append({*line.cells}), draw(self, line))[1]
    )
    async with app.run_test(size=WIDE) as pilot:
        await pilot.pause()
        assert len(drawn) > 10
        first, second = (
            row.key.function for row in screen_of(app).query_one("#functions").items[:2]
        )
        drawn.clear()
        screen_of(app).draw()
        await pilot.pause()
        assert drawn == []
        await pilot.press("down")
        await pilot.pause()
        assert sorted(first in cells for cells in drawn) == [False, True]
        assert sorted(second in cells for cells in drawn) == [False, True]
        drawn.clear()
        changed = {**MANY, "main f001:1": MANY["main f002:2"], "main f002:2": MANY["main f001:1"]}
        monitor.latest = picture(changed)
        screen_of(app).draw()
        await pilot.pause()
        assert drawn
        assert all({"f001", "f002"} & cells for cells in drawn)


async def test_metrics_stand_long_enough_to_be_read(watch: Any, picture: Any, text_of: Any) -> None:
    """Figures stay for two seconds; what breaks its objective is drawn at once."""
    app, monitor = watch()
    async with app.run_test(size=WIDE):
        panel = screen_of(app).query_one(MetricsPanel)

        def shown(seconds: float, cpu: float, p99: float) -> list[str]:
            at = NOW + seconds
            some = (
                series("cpu", [cpu] * 20, unit="%", end=at),
                series("p99", [p99] * 20, unit="s", end=at),
            )
            monitor.latest = picture(taken_at=at, series=some)
            screen_of(app).draw()
            return text_of(panel)

        first = shown(10.0, 40.0, 0.1)
        assert any("40.0 %" in line for line in first)
        assert shown(11.0, 41.0, 0.1)[1:] == first[1:]  # above them are the times
        assert any("42.0 %" in line for line in shown(11.9, 42.0, 0.1))
        late = shown(12.5, 43.0, 0.9)
        assert any("43.0 %" in line for line in late)
        assert any("900 ms" in line for line in late)


async def test_pause_holds_the_profile_alone(watch: Any, picture: Any, text_of: Any) -> None:
    """While paused the functions stay, metrics go on, and the header says for how long."""
    app, monitor = watch()
    async with app.run_test(size=WIDE) as pilot:
        screen, table = app.screen, app.screen.query_one(FunctionsTable)
        before = text_of(table)
        metrics = text_of(screen.query_one(MetricsPanel))
        await pilot.press("p")
        monitor.latest = picture(TURNED, taken_at=NOW + 7, series=(series("new", [1, 2, 3]),))
        screen_of(app).draw()
        assert text_of(table) == before
        assert text_of(screen.query_one(MetricsPanel)) != metrics
        assert "PAUSED 7 s" in screen.query_one(Header).left
        await pilot.press("space")
        assert text_of(table) != before
        assert selected(table) == "other"
        assert "PAUSED" not in screen.query_one(Header).left
        await pilot.press("p")
        await pilot.press("escape")
        assert "PAUSED" not in screen.query_one(Header).left


async def test_seconds_are_counted_while_paused(watch: Any, picture: Any) -> None:
    """What is sampled during a pause is in the seconds after it."""
    app, monitor = watch()
    async with app.run_test(size=WIDE) as pilot:
        table = app.screen.query_one(FunctionsTable)
        assert cell(table, "own_s") == "12.00"  # 20 windows of 0.6 s
        await pilot.press("p")
        monitor.latest = picture(taken_at=NOW + 10)
        screen_of(app).draw()
        assert cell(table, "own_s") == "12.00"
        await pilot.press("p")
        assert cell(table, "own_s") == "18.00"


async def test_a_filter_typed_at_once(watch: Any, names_of: Any) -> None:
    """What is typed right behind the slash goes to the filter; Enter keeps it, Esc clears it."""
    app, _ = watch()
    async with app.run_test(size=WIDE) as pilot:
        table = app.screen.query_one(FunctionsTable)
        await pilot.press("slash", *"oth", "enter")
        assert names_of(table) == ["other"]
        assert not app.screen.query_one("#filter", Input).display
        assert "/oth/" in str(screen_of(app).profile.border_title)
        assert app.focused is table
        await pilot.press("slash", *"q/p")  # keys of the screen are letters in the filter
        assert app.screen.query_one("#filter", Input).value == "q/p"
        await pilot.press("escape")
        assert len(table.items) == 4
        await pilot.press("slash", *"work", "enter", "escape")
        assert len(table.items) == 4


async def test_who_leaves_the_filter_keeps_it(watch: Any, names_of: Any) -> None:
    """By Tab or a click: the line closes, and the slash opens it again."""
    app, _ = watch()
    async with app.run_test(size=WIDE) as pilot:
        table, box = app.screen.query_one(FunctionsTable), app.screen.query_one("#filter", Input)
        await pilot.press("slash", *"oth", "tab")
        await pilot.pause()
        assert names_of(table) == ["other"]
        assert not box.display
        await pilot.press("slash", *"oth|work")
        assert box.display
        await click(pilot, table, 5, 2)
        await pilot.pause()
        assert not box.display
        assert names_of(table) == ["work", "other"]


async def test_a_note_from_the_filters_line(watch: Any) -> None:
    """By the command palette: the keys go to the note, and then to the panel again."""
    app, _ = watch()
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("slash", *"oth")
        screen_of(app).action_note()
        await pilot.press(*"mine", "enter")
        await pilot.pause()
        assert app.focused is app.screen.query_one(FunctionsTable)
        assert not app.screen.query_one("#filter", Input).display


async def test_a_slash_in_a_note_is_a_letter(watch: Any) -> None:
    """And where the note is left open, it opens the filter; Esc closes one after the other."""
    app, _ = watch()
    async with app.run_test(size=WIDE) as pilot:
        note, box = app.screen.query_one("#prompt", Input), app.screen.query_one("#filter", Input)
        await pilot.press("M", *"a/b")
        assert note.value == "a/b"
        await click(pilot, app.screen.query_one(FunctionsTable), 5, 2)
        await pilot.press("slash", *"oth")
        assert (box.value, note.value) == ("oth", "a/b")
        await pilot.press("escape")
        assert (box.display, note.display) == (False, True)
        await pilot.press("escape")
        assert not note.display


@pytest.mark.parametrize("pattern", ["(", "[b", "*"])
async def test_a_bad_filter_says_so(pattern: str, watch: Any) -> None:
    """A pattern that is no filter is named as such, and the rows stay."""
    app, _ = watch()
    async with app.run_test(size=WIDE) as pilot:
        table = app.screen.query_one(FunctionsTable)
        await pilot.press("slash")
        app.screen.query_one("#filter", Input).value = pattern
        await pilot.pause()
        assert "no filter" in str(screen_of(app).profile.border_title)
        assert len(table.items) == 4
        await pilot.press("escape")
        assert "no filter" not in str(screen_of(app).profile.border_title)


async def test_a_pattern_like_markup_is_text(watch: Any) -> None:
    """A filter that looks like markup stands in the title as it was typed."""
    app, _ = watch()
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("slash")
        app.screen.query_one("#filter", Input).value = "[red]work"
        await pilot.pause()
        assert "/[red]work/" in screen_of(app).profile._border_title.plain


async def test_after_a_reset_nothing_is_said_that_is_not_known(watch: Any, picture: Any) -> None:
    """R counts from now on; until the next window there are no samples, which is what is said."""
    app, monitor = watch()
    async with app.run_test(size=WIDE) as pilot:
        table = app.screen.query_one(FunctionsTable)
        await pilot.press("R")
        assert not table.items
        assert "no Python code" not in table.empty_text
        monitor.latest = picture(taken_at=NOW + 2)
        screen_of(app).draw()
        assert cell(table, "own_s") == "1.20"


async def test_lines_instead_of_functions(watch: Any, picture: Any) -> None:
    """L makes a row of every line that was on top, and of every function again."""
    app, _ = watch(picture({"main work:3": 60, "main work:4": 30}))
    async with app.run_test(size=WIDE) as pilot:
        table = app.screen.query_one(FunctionsTable)
        assert len(table.items) == 2
        await pilot.press("L")
        places = [table.cells_of(item)[-1] for item in table.items]
        assert places == ["app.py:3", "app.py:4", "app.py:1"]
        await pilot.press("L")
        assert len(table.items) == 2


def key_names(binding: Binding) -> list[str]:
    return [_NAMES.get(key, key) for key in binding.key.split(",")]


async def help_text(app: PerftuiApp) -> str:
    assert isinstance(app.screen, HelpScreen)
    return str(app.screen.query_one(Static).render())


async def test_help_lists_every_key(watch: Any) -> None:
    """Every key that the screen and its panels take is in the help, with what it does."""
    app, _ = watch()
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("question_mark")
        shown = await help_text(app)
        rows = [line.split() for line in shown.splitlines()]
        for owner in (
            *(WatchScreen, ProfilePanel, ThreadsTable, TreeTable, FlameGraph, CallersTable),
            *(SourceTable, LineTable, MetricsPanel, ForecastPane),
        ):
            for binding in vars(owner)["BINDINGS"]:
                for key in key_names(binding):
                    assert [row for row in rows if key in row], (owner, key)
        await pilot.press("escape")
        assert isinstance(app.screen, WatchScreen)


async def test_help_lists_the_keys_of_the_app(watch: Any) -> None:
    """Ctrl+P for the commands and Ctrl+C to quit are in the help too."""
    app, _ = watch()
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("question_mark")
        shown = await help_text(app)
        assert "Ctrl+C" in shown
        assert "Ctrl+P" in shown


async def test_help_fits_a_narrow_screen(watch: Any) -> None:
    """At 80 columns no line is broken, and each key has the name that is on it."""
    app, _ = watch()
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("question_mark")
        shown = await help_text(app)
        width = app.screen.query_one(Static).size.width
        assert [line for line in shown.splitlines() if cell_len(line) > width] == []
        assert not re.search(r"(ctrl|shift)\+", shown)


HOSTILE = {
    "[/red]": "[/red]",
    "[bold]x": "[bold]x",
    "a;b": "a;b",
    "x\x1b]0;owned\x07y\x1b[2Jz": "x�y�z",
    "x\x1b[31": "x�",
    "\u202egnp": "�gnp",
    "漢字🐍": "漢字🐍",
    "q" * 10_000: "…qqqqq",
}
"""Names, and how they begin where they are drawn."""


@pytest.mark.parametrize("name", HOSTILE, ids=[str(n) for n in range(len(HOSTILE))])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_hostile_names_are_text(
    name: str, size: Any, watch: Any, picture: Any, text_of: Any
) -> None:
    """Names of functions, files, threads, labels and sources are drawn as text, never obeyed."""
    frames = (stack("main")[0], Frame(name, f"/srv/{name}.py", 1))
    thread = Thread(None, 7, name)
    app, _ = watch(
        picture(
            windows=(window(NOW - 1, NOW, {frames: 90}, thread=thread),),
            series=(series("m", [1, 2], labels=(("instance", name),)),),
            forecasts=(forecast(probability=0.7, summary=name),),
            sources=(status(name, SourceState.FAILED, name),),
        ),
        threads=True,
    )
    async with app.run_test(size=size) as pilot:
        for _ in range(3):
            for widget in app.screen.query(
                "#header, #tabs, #functions, #metrics, #forecast, #warning"
            ):
                for line in text_of(widget) if widget.display else ():
                    assert cell_len(line) <= widget.size.width
                    assert not {"\x1b", "\x07", "\u202e"} & set(line)
            await pilot.press("tab")
        table = app.screen.query_one(FunctionsTable)
        row = next(line for line in text_of(table) if "90.0" in line)
        assert f" {HOSTILE[name]}" in row


STRENGTH = {
    "calm": ({"forecasts": (forecast(probability=0.1, base_rate=0.1),)}, "no warning", "✓"),
    "source": (
        {"sources": (status("prometheus", SourceState.FAILED, "connection refused"),)},
        "prometheus failed for 5 s: connection refused",
        "•",
    ),
    "forecast": (
        {
            "forecasts": (forecast(probability=0.84),),
            "sources": (status("prometheus", SourceState.FAILED, "refused"),),
        },
        "84 % within 1 min",
        "▲",
    ),
    "breach": (
        {
            "forecasts": (
                forecast(probability=0.84),
                forecast(P99, ForecastState.IN_BREACH, since=NOW - 90),
            )
        },
        "BREACH for 1m30s",
        "▲▲",
    ),
    "exited": (
        {
            "target_state": TargetState.EXITED,
            "target_since": NOW - 20,
            "forecasts": (forecast(P99, ForecastState.IN_BREACH, since=NOW - 90),),
        },
        "the target EXITED 20 s ago",
        "▲▲",
    ),
}


@pytest.mark.parametrize("case", STRENGTH)
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_the_strongest_warning_is_always_in_sight(
    case: str, size: Any, watch: Any, picture: Any, text_of: Any
) -> None:
    """The line above the footer shows the warning that matters most, on every tab."""
    more, wanted, sign = STRENGTH[case]
    app, _ = watch(picture(**{"forecasts": (), **more}))
    async with app.run_test(size=size) as pilot:
        for _ in range(3):
            line = app.screen.query_one(WarningLine)
            assert line.region.y == size[1] - 2
            assert text_of(line)[0].startswith(f" {sign} ")
            assert wanted in text_of(line)[0]
            assert text_of(line)[0].endswith(f"  {SUCCESSOR}") == (case == "exited")
            assert "…" not in text_of(line)[0] or case != "exited"
            await pilot.press("tab")


LONG = "one " * 40 + "averyveryverylongwordthatfitsintonolineofthepaneatall" * 2 + " end"


@pytest.mark.parametrize("size", [WIDE, NARROW, (40, 24)], ids=str)
async def test_the_forecast_pane_wraps(size: Any, watch: Any, picture: Any, text_of: Any) -> None:
    """Every word of a long sentence is in sight, within the width of the pane."""
    app, _ = watch(picture(forecasts=(forecast(probability=0.7, summary=LONG),)))
    async with app.run_test(size=size) as pilot:
        await pilot.press("shift+tab")
        pane = app.screen.query_one(ForecastPane)
        lines = text_of(pane)
        assert all(cell_len(line) <= pane.size.width for line in lines)
        shown = "".join("".join(lines).split())
        assert "".join(LONG.split()) in shown


async def test_no_word_of_the_forecast_pane_is_cut(watch: Any, picture: Any, text_of: Any) -> None:
    """Its scrollbar takes a column: what stands there is wrapped for what is left, also when the
    pane is opened."""
    full = forecast(probability=0.7, summary=" ".join(["x" * 78 + " y"] * 40))
    app, _ = watch(picture(forecasts=(full,)))
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("shift+tab")
        await pilot.pause()
        pane = app.screen.query_one(ForecastPane)
        assert pane.show_vertical_scrollbar
        assert not [line for line in text_of(pane) if "…" in line]


async def test_f5_asks_the_llm_in_the_forecast_pane_alone(watch: Any) -> None:
    """F5 asks where the forecast pane has the focus, and nowhere else."""
    app, monitor = watch()
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("f5")
        assert monitor.advisor.asked == 0
        await pilot.press("shift+tab", "f5")
        assert monitor.advisor.asked == 1


async def test_the_refresh_rate_has_ends(watch: Any) -> None:
    """+ and - change how often it draws, between half a second and ten."""
    app, _ = watch()
    async with app.run_test(size=WIDE) as pilot:
        screen = screen_of(app)
        await pilot.press("minus")
        assert screen._refresh_s == 2.0
        await pilot.press(*["minus"] * 5)
        assert screen._refresh_s == 10.0
        await pilot.press(*["plus"] * 9)
        assert screen._refresh_s == 0.5


@pytest.mark.parametrize("key", ["q", "ctrl+c"])
async def test_quit(key: str, watch: Any) -> None:
    """q and Ctrl+C leave with 0."""
    app, _ = watch()
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press(key)
    assert (app.return_code or 0) == 0
    assert not app.is_running


async def test_a_gap_in_the_windows_is_a_gap_in_the_trend(
    watch: Any, picture: Any, text_of: Any
) -> None:
    """Where nothing was sampled the trend has a blank, not a zero."""
    early = run_of_windows(5, {"main work:3": 60}, end=NOW - 45)
    late = run_of_windows(5, {"main work:3": 60}, end=NOW)
    app, _ = watch(picture(windows=(*early, *late)))
    async with app.run_test(size=WIDE):
        table = app.screen.query_one(FunctionsTable)
        trend = cell(table, "trend")
        assert trend[-1] == "█"
        assert " " in trend.strip()


async def test_no_figure_of_the_header_is_cut(watch: Any, picture: Any, text_of: Any) -> None:
    """Where the header is too narrow for all figures some are left out, none is shown in half."""
    sources = (status("py-spy", message="140 threads, looks 12.5% of time"),)
    app, _ = watch(picture(sources=sources))
    async with app.run_test(size=(100, 24)) as pilot:
        header = app.screen.query_one(Header)
        for width in range(100, 30, -7):
            await pilot.resize_terminal(width, 24)
            await pilot.pause()
            parts = set(f"{header.left}  {header.right}".split("  "))
            for line in text_of(header):
                assert set(line.strip().split("  ")) <= parts


async def test_the_header_does_not_come_and_go_by_a_line(watch: Any, picture: Any) -> None:
    """A header that once took two lines keeps them until the terminal has another size."""
    app, monitor = watch(picture(sources=(status("py-spy", message="140 threads " * 9),)))
    async with app.run_test(size=WIDE) as pilot:
        header = app.screen.query_one(Header)
        app.screen.draw()
        await pilot.pause()
        assert header.size.height == 2
        monitor.latest = picture(sources=(status("py-spy"),))
        app.screen.draw()
        await pilot.pause()
        assert header.size.height == 2
        await pilot.resize_terminal(200, 36)
        await pilot.pause()
        assert header.size.height == 1


async def test_following_takes_its_time(watch: Any) -> None:
    """While the successor is looked for the screen goes on, and is not asked twice; then it says
    what came of it."""
    app, monitor = watch()
    may_go_on, asked = threading.Event(), []

    def follow() -> str:
        asked.append(1)
        assert may_go_on.wait(30)
        return "Following pid 7 [/red]."

    monitor.follow = follow
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("F", "F", "p")
        assert app.screen.profile.view.paused_at is not None
        may_go_on.set()
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert [n.message for n in app._notifications] == ["Following pid 7 [/red]."]
        assert asked == [1]


async def test_following_fails(watch: Any) -> None:
    """A failure that nobody foresaw is said; the program goes on."""
    app, monitor = watch()

    def follow() -> str:
        raise OSError("no more processes")

    monitor.follow = follow
    async with app.run_test(size=WIDE) as pilot:
        await pilot.press("F")
        await until(pilot, lambda: app._notifications)
        assert [n.message for n in app._notifications] == [
            "It cannot be followed: no more processes"
        ]


async def test_escape_cancels_a_call_before_it_goes_back_to_live(watch: Any) -> None:
    """A call under way is the innermost thing that is open; the next Esc goes on."""
    app, monitor = watch()
    async with app.run_test(size=WIDE) as pilot:
        view = screen_of(app).profile.view
        monitor.advisor.calling = True
        await pilot.press("p", "escape")
        assert not monitor.advisor.calling
        assert view.paused_at is not None
        await pilot.press("escape")
        assert view.paused_at is None


async def test_a_screen_without_focus_is_told(watch: Any) -> None:
    """Where the terminal says so, nothing is explained to nobody."""
    app, monitor = watch()
    async with app.run_test(size=WIDE) as pilot:
        app.post_message(events.AppBlur())
        await pilot.pause()
        app.post_message(events.AppFocus())
        await pilot.pause()
        assert monitor.advisor.attended == [False, True]
