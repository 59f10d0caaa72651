"""Callers and callees, driven by keys and mouse, in an app of its own."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from rich.cells import cell_len
from textual.app import App, ComposeResult
from trees import FILE, HOSTILE, live_tree, stacks

from perftui.model.following import Stacks
from perftui.model.stacks import Frame, Place
from perftui.tui.widgets.callers import CallersTable

SEEN = stacks({"a:3 f:9 x:5": 40, "b:4 f:9 y:6": 30, "a:3 f:8": 20, "f:9 f:9": 10, "z": 7})
TextOf = Callable[[Any], list[str]]


class CallersApp(App[None]):
    """A table of calls that goes where one wants to."""

    def __init__(self, seen: Stacks) -> None:
        super().__init__()
        self.table = CallersTable()
        self.seen = seen

    def compose(self) -> ComposeResult:
        yield self.table

    def on_mount(self) -> None:
        self.table.focus()

    def show(self, function: str, file: str = FILE) -> None:
        tree = live_tree(self.seen)
        above, below = tree.callers(function, file), tree.callees(function, file)
        self.table.show_calls(above, below, 1000)

    def on_callers_table_chosen(self, event: CallersTable.Chosen) -> None:
        self.show(event.function, event.file)


def at_cursor(app: CallersApp) -> tuple[str, str | None]:
    row = app.table.selected
    assert row is not None
    return row.role.value, row.frame.function if row.frame else None


@pytest.mark.parametrize("size", [(80, 24), (120, 36)], ids=str)
async def test_it_is_drawn(size: tuple[int, int], text_of: TextOf) -> None:
    """Callers stand above the function, callees below, with shares and places."""
    app = CallersApp(SEEN)
    async with app.run_test(size=size):
        app.show("f")
        assert [" ".join(line.split()) for line in text_of(app.table)[:9]] == [
            "share% total% function file:line",
            "called by 60.0 6.0 a app.py:3",
            "called by 30.0 3.0 b app.py:4",
            "called by 10.0 1.0 (nobody: a stack begins here)",
            "function 100.0 10.0 ▸ f app.py:9",
            "calls 40.0 4.0 x app.py:5",
            "calls 30.0 3.0 y app.py:6",
            "calls 20.0 2.0 (nothing: its own code)",
            "calls 10.0 1.0 f (recursion) app.py:9",
        ]


async def test_enter_goes_to_a_function() -> None:
    """Enter makes the row's function the one in the middle, and the cursor is on it."""
    app = CallersApp(SEEN)
    async with app.run_test(size=(80, 24)) as pilot:
        app.show("f")
        assert at_cursor(app) == ("function", "f")
        await pilot.press("down", "enter")
        await pilot.pause()
        assert at_cursor(app) == ("function", "x")
        assert [row.frame and row.frame.function for row in app.table.items] == ["f", "x", None]
        await pilot.press("up", "enter")
        await pilot.pause()
        assert at_cursor(app) == ("function", "f")


async def test_rows_that_are_no_function() -> None:
    """There is nowhere to go to from them."""
    app = CallersApp(SEEN)
    async with app.run_test(size=(80, 24)) as pilot:
        app.show("f")
        await pilot.press("up", "enter")
        await pilot.pause()
        assert at_cursor(app) == ("called by", None)
        assert app.table.place is None


async def test_the_cursor_stays_on_its_row() -> None:
    """New data of the same function leave the cursor on its caller or callee."""
    app = CallersApp(SEEN)
    async with app.run_test(size=(80, 24)) as pilot:
        app.show("f")
        await pilot.press("home")
        assert app.table.place == Place("a", FILE)
        app.seen = stacks({"a f": 1, "b f": 5})
        app.show("f")
        assert at_cursor(app) == ("called by", "a")
        assert app.table.cursor == 1
        app.seen = {}
        app.show("f")
        assert app.table.selected is None
        assert app.table.place is None
        await pilot.press("enter")
        app.seen = SEEN
        app.show("f")
        assert at_cursor(app)[0] == "called by"


async def test_double_click() -> None:
    """A double click on a row goes there; on the header it does nothing."""
    app = CallersApp(SEEN)
    async with app.run_test(size=(80, 24)) as pilot:
        app.show("f")
        await pilot.double_click(CallersTable, offset=(30, 1))
        await pilot.pause()
        assert at_cursor(app) == ("function", "a")


async def test_a_double_click_on_the_header_goes_nowhere() -> None:
    """The header is no row."""
    app = CallersApp(SEEN)
    async with app.run_test(size=(80, 24)) as pilot:
        app.show("f")
        await pilot.press("down")
        await pilot.double_click(CallersTable, offset=(30, 0))
        await pilot.pause()
        assert at_cursor(app) == ("calls", "x")


@pytest.mark.parametrize("name", HOSTILE, ids=[str(n) for n in range(len(HOSTILE))])
async def test_hostile_names_are_text(name: str, text_of: TextOf) -> None:
    """Names of functions and files are drawn as text, never obeyed."""
    frame = Frame(name, f"/srv/{name}.py", 1)
    app = CallersApp(stacks({(frame, Frame("f", FILE, 1), frame): 9}))
    async with app.run_test(size=(80, 24)):
        app.show("f")
        lines = text_of(app.table)
        # What is too long has lost its beginning.
        begins = re.compile(f"[ …]{re.escape(HOSTILE[name])}")
        assert begins.search(lines[1])
        assert begins.search(lines[3])
        for line in lines:
            assert cell_len(line) <= 80
            assert not {"\x1b", "\x07", "\u202e"} & set(line)
