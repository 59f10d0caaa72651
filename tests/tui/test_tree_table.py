"""The call tree, driven by keys and mouse, in an app of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rich.cells import cell_len
from textual.app import App, ComposeResult
from trees import FILE, HOSTILE, tree

from perftui.model.stacks import Frame, Place
from perftui.tui.filter import Filter
from perftui.tui.widgets.tree import TreeTable

COUNTS = {"main work parse": 50, "main work": 20, "main idle rest": 30, "side": 3}
TextOf = Callable[[Any], list[str]]


class TreeApp(App[None]):
    """A call tree and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.table = TreeTable()

    def compose(self) -> ComposeResult:
        yield self.table

    def on_mount(self) -> None:
        self.table.focus()


def functions(app: TreeApp) -> list[str]:
    return [row.frame.function for row in app.table.items]


def at_cursor(app: TreeApp) -> str:
    assert app.table.selected is not None
    return app.table.selected.frame.function


@pytest.mark.parametrize("size", [(80, 24), (120, 36)], ids=str)
async def test_it_is_drawn(size: tuple[int, int], text_of: TextOf) -> None:
    """Shares, the tree with its hottest path open, and places."""
    app = TreeApp()
    async with app.run_test(size=size):
        app.table.show_tree(tree({**COUNTS, "main work parse": 50}), 1000)
        assert [line.split() for line in text_of(app.table)[:6]] == [
            ["own%", "total%", "function", "file:line"],
            ["0.0", "10.0", "▾", "main", "app.py:1"],
            ["2.0", "7.0", "▾", "work", "app.py:1"],
            ["5.0", "5.0", "parse", "app.py:1"],
            ["0.0", "3.0", "▸", "idle", "app.py:1"],
            ["0.3", "0.3", "side", "app.py:1"],
        ]
        places = [
            line.index(name)
            for line, name in zip(text_of(app.table)[1:4], functions(app), strict=False)
        ]
        assert places == [places[0], places[0] + 1, places[0] + 2]


async def test_keys_fold_and_unfold() -> None:
    """Right and left fold and unfold, and walk the tree."""
    app = TreeApp()
    async with app.run_test(size=(80, 24)) as pilot:
        app.table.show_tree(tree(COUNTS), 1000)
        await pilot.press("left")
        assert functions(app) == ["main", "side"]
        await pilot.press("right", "down", "down", "down")
        assert at_cursor(app) == "idle"
        await pilot.press("right")
        assert functions(app) == ["main", "work", "parse", "idle", "rest", "side"]
        await pilot.press("right")
        assert at_cursor(app) == "rest"
        await pilot.press("left", "left")
        assert (at_cursor(app), functions(app)[3:]) == ("idle", ["idle", "side"])
        await pilot.press("left")
        assert at_cursor(app) == "main"


async def test_the_cursor_stays_on_its_row() -> None:
    """When order and hottest path change, the cursor is on the same call; when that has gone, on
    the nearest one above."""
    app = TreeApp()
    async with app.run_test(size=(80, 24)) as pilot:
        app.table.show_tree(tree(COUNTS), 1000)
        await pilot.press("down", "down")
        assert at_cursor(app) == "parse"
        app.table.show_tree(tree({"main idle rest": 90, "main work parse": 5}), 1000)
        assert at_cursor(app) == "parse"
        app.table.show_tree(tree({"main idle rest": 90, "main work": 5}), 1000)
        assert at_cursor(app) == "work"
        app.table.show_tree(tree({}), 1000)
        assert app.table.selected is None
        assert app.table.place is None
        for key in ("enter", "left", "right", "n", "N", "up", "down"):
            await pilot.press(key)
        app.table.show_tree(tree(COUNTS), 1000)
        assert at_cursor(app) == "main"


async def test_a_cursor_on_the_first_row_stays_first() -> None:
    """A cursor that was never moved is on the hottest call."""
    app = TreeApp()
    async with app.run_test(size=(80, 24)):
        app.table.show_tree(tree({"a": 2, "b": 1}), 10)
        app.table.show_tree(tree({"a": 2, "b": 3}), 10)
        assert (app.table.cursor, at_cursor(app)) == (0, "b")


async def test_filter_and_matches(text_of: TextOf) -> None:
    """What fits stands in « » and is found by n and N, also where it was folded; the rest is
    quiet."""
    app = TreeApp()
    async with app.run_test(size=(80, 24)) as pilot:
        app.table.show_tree(tree(COUNTS), 1000)
        app.table.filter_by(Filter("rest|side"))
        assert [app.table.is_quiet(row) for row in app.table.items] == [
            *(True, True, True, True, False, False),
        ]
        assert "«rest»" in text_of(app.table)[5]
        seen = []
        for key in ("n", "n", "n", "N"):
            await pilot.press(key)
            seen.append(at_cursor(app))
        assert seen == ["rest", "side", "rest", "side"]
        app.table.filter_by(None)
        assert not any("«" in line for line in text_of(app.table))


async def test_mouse() -> None:
    """A click puts the cursor there, a double click folds or unfolds."""
    app = TreeApp()
    async with app.run_test(size=(80, 24)) as pilot:
        app.table.show_tree(tree(COUNTS), 1000)
        await pilot.click(TreeTable, offset=(20, 4))
        assert at_cursor(app) == "idle"
        await pilot.double_click(TreeTable, offset=(20, 2))
        assert functions(app) == ["main", "work", "idle", "side"]


async def test_a_double_click_on_the_header_folds_nothing() -> None:
    """The header is no row."""
    app = TreeApp()
    async with app.run_test(size=(80, 24)) as pilot:
        app.table.show_tree(tree(COUNTS), 1000)
        await pilot.double_click(TreeTable, offset=(20, 0))
        assert functions(app)[:2] == ["main", "work"]


async def test_the_function_of_another_view() -> None:
    """The tree unfolds where the function of another view is, and says its own."""
    app = TreeApp()
    async with app.run_test(size=(80, 24)):
        app.table.show_tree(tree(COUNTS), 1000)
        assert app.table.go_to("rest", FILE)
        assert app.table.place == Place("rest", FILE)
        assert not app.table.go_to("nobody", FILE)
        assert app.table.place == Place("rest", FILE)


async def test_many_children(text_of: TextOf) -> None:
    """The children that are not listed are one row, and Enter lists them."""
    app = TreeApp()
    async with app.run_test(size=(80, 24)) as pilot:
        app.table.show_tree(tree({f"f{n:03}": 1 for n in range(150)}), 100)
        await pilot.pause()
        await pilot.press("end")
        assert app.table.place is None
        assert text_of(app.table)[-1].split() == ["50.0", "▸", "…", "50", "more"]
        await pilot.press("enter")
        assert len(app.table.items) == 150
        assert at_cursor(app) == "f100"


async def test_deep_rows_keep_their_names(text_of: TextOf) -> None:
    """Where there is no room for the indent, the level's number stands there."""
    app = TreeApp()
    async with app.run_test(size=(80, 24)) as pilot:
        app.table.show_tree(tree({tuple(Frame(f"f{n}", FILE, 1) for n in range(120)): 5}), 5)
        await pilot.pause()
        await pilot.press("end")
        assert text_of(app.table)[-1].split()[2:] == ["119", "f119", "app.py:1"]


@pytest.mark.parametrize("name", HOSTILE, ids=[str(n) for n in range(len(HOSTILE))])
async def test_hostile_names_are_text(name: str, text_of: TextOf) -> None:
    """Names of functions and files are drawn as text, never obeyed."""
    app = TreeApp()
    async with app.run_test(size=(80, 24)):
        app.table.show_tree(tree({(Frame(name, f"/srv/{name}.py", 1),): 9}), 10)
        lines = text_of(app.table)
        assert f" {HOSTILE[name]}" in lines[1]
        for line in lines:
            assert cell_len(line) <= 80
            assert not {"\x1b", "\x07", "\u202e"} & set(line)
