"""The table that draws line by line, with rows that are words, in an app of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Self

import pytest
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.pilot import Pilot
from textual.scrollbar import ScrollBar

from perftui.tui.cells import Column
from perftui.tui.widgets.line_table import Cells, LineTable

SIZE = (40, 20)
TextOf = Callable[[Any], list[str]]


class Words(LineTable[str]):
    """One column. It counts the layouts that it asks for."""

    layouts_asked = 0

    def refresh(self, *regions: Region, layout: bool = False, **more: bool) -> Self:
        self.layouts_asked += layout
        return super().refresh(*regions, layout=layout, **more)

    def key_of(self, item: str) -> str:
        return item

    def cells_of(self, item: str) -> Cells:
        return (item,)


class WordsApp(App[None]):
    """The table and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.table = Words((Column("word", "word", share=1),))

    def compose(self) -> ComposeResult:
        yield self.table

    def on_mount(self) -> None:
        self.table.focus()


async def laid_out_with(pilot: Pilot[None], app: WordsApp, *, bar: bool = True) -> None:
    """Wait until the scrollbar has come, or gone."""
    async with asyncio.timeout(10):
        while app.table.show_vertical_scrollbar != bar:
            await pilot.pause()


def words(count: int) -> Sequence[str]:
    return [f"word {n}" for n in range(count)]


async def test_other_numbers_of_rows_lay_nothing_out() -> None:
    """The screen is laid out where the scrollbar comes or goes, and at no other number of rows."""
    app = WordsApp()
    async with app.run_test(size=SIZE) as pilot:
        for count, bar, laid_out in (
            *((5, False, True), (200, True, True), (201, True, False), (150, True, False)),
            *((5000, True, False), (20, True, False), (3, False, True), (19, False, True)),
        ):
            app.table.layouts_asked = 0
            app.table.show(words(count))
            assert bool(app.table.layouts_asked) == laid_out
            await laid_out_with(pilot, app, bar=bar)


async def test_all_rows_are_reached_when_there_are_more(text_of: TextOf) -> None:
    """Keys and scrollbar reach the last of the rows that there are now."""
    app = WordsApp()
    async with app.run_test(size=SIZE) as pilot:
        app.table.show(words(200))
        await laid_out_with(pilot, app)
        app.table.show(words(203))
        await pilot.press("end")
        assert text_of(app.table)[-1].split() == ["word", "202"]
        assert app.table.vertical_scrollbar.window_virtual_size == app.table.virtual_size.height
        assert app.table.scroll_y == app.table.max_scroll_y


async def test_what_was_scrolled_to_has_gone(text_of: TextOf) -> None:
    """With fewer rows the last of them stand at the bottom, below the same header."""
    app = WordsApp()
    async with app.run_test(size=SIZE) as pilot:
        app.table.show(words(200))
        await laid_out_with(pilot, app)
        await pilot.press("end")
        assert app.table.scroll_y > 0
        app.table.show(words(100))
        await pilot.pause()
        lines = [line.split() for line in text_of(app.table)]
        assert lines[:2] == [["word"], ["word", "81"]]
        assert lines[-1] == ["word", "99"]


@pytest.mark.parametrize(("count", "drawn"), [(10_010, False), (20_000, False), (300, True)])
async def test_the_scrollbar_is_drawn_for_what_is_seen(
    monkeypatch: pytest.MonkeyPatch, count: int, drawn: bool
) -> None:
    """A number of rows that does not change its look does not draw the scrollbar again."""
    app = WordsApp()
    async with app.run_test(size=SIZE) as pilot:
        app.table.show(words(10_000))
        await laid_out_with(pilot, app)
        asked: list[object] = []
        monkeypatch.setattr(ScrollBar, "refresh", lambda *args, **_: asked.append(args))
        app.table.show(words(count))
        assert bool(asked) == drawn


async def test_it_takes_the_colours_of_a_new_theme() -> None:
    """Rows have the colours of the theme that there is, not those of the first drawing."""
    app = WordsApp()
    async with app.run_test(size=SIZE) as pilot:
        app.table.show(words(3))
        await pilot.pause()

        def background() -> object:
            return next(s.style.bgcolor for s in app.table.render_line(2) if s.style)

        before = background()
        app.theme = "textual-light"
        await pilot.pause()
        assert background() != before
