"""The flame graph, driven by keys and mouse, in an app of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.geometry import Region
from trees import FILE, HOSTILE, live_tree, stacks, tree

from perftui.model.stacks import Frame, Place
from perftui.tui.filter import Filter
from perftui.tui.widgets.flame import FlameGraph

COUNTS = {"main work parse": 50, "main work": 20, "main idle rest": 20, "main": 5, "side": 5}
TextOf = Callable[[Any], list[str]]


class FlameApp(App[None]):
    """A flame graph and nothing else."""

    BINDINGS = [Binding("escape", "note('escape')")]  # noqa: RUF012 - as the base class has it

    def __init__(self) -> None:
        super().__init__()
        self.graph = FlameGraph()
        self.noted: list[str] = []

    def compose(self) -> ComposeResult:
        yield self.graph

    def on_mount(self) -> None:
        self.graph.focus()

    def action_note(self, what: str) -> None:
        self.noted.append(what)

    def on_flame_graph_name_taken(self, event: FlameGraph.NameTaken) -> None:
        self.noted.append(event.pattern)


def selected(app: FlameApp) -> str:
    assert app.graph.view.selected is not None
    return app.graph.view.selected.node.frame.function or "all"


@pytest.mark.parametrize("size", [(80, 24), (120, 36)], ids=str)
async def test_it_is_drawn(size: tuple[int, int], text_of: TextOf) -> None:
    """The first line says what is selected, below it stands the icicle."""
    app = FlameApp()
    async with app.run_test(size=size) as pilot:
        assert text_of(app.graph)[0] == "no samples yet"
        app.graph.show(tree(COUNTS), 1000)
        await pilot.pause()
        lines = text_of(app.graph)
        assert lines[0].split() == ["all", "own", "0.0", "%", "total", "10.0", "%"]
        assert [line.split() for line in lines[1:5]] == [
            ["▸all"],
            ["▏main", "▏si…" if size[0] == 80 else "▏side"],
            ["▏idle", "▏work"],
            ["▏rest", "▏parse"],
        ]
        assert not any(lines[5:])
        drawn = [app.graph.render_line(y) for y in range(size[1])]
        assert {strip.cell_length for strip in drawn} == {size[0]}


async def test_keys_move_the_selection() -> None:
    """Arrows, j and k, Home, End and pages, as the help says."""
    app = FlameApp()
    async with app.run_test(size=(80, 24)) as pilot:
        app.graph.show(tree(COUNTS), 1000)
        seen = []
        for key in ("down", "j", "left", "right", "k", "end", "home", "pagedown", "pageup"):
            await pilot.press(key)
            seen.append(selected(app))
        assert seen == ["main", "work", "idle", "work", "main", "parse", "all", "parse", "all"]


async def test_zoom_and_back(text_of: TextOf) -> None:
    """Enter zooms, Backspace and Esc go back; then Esc is the screen's."""
    app = FlameApp()
    async with app.run_test(size=(80, 24)) as pilot:
        app.graph.show(tree(COUNTS), 1000)
        await pilot.press("down", "down", "enter")
        assert text_of(app.graph)[1].startswith("▸⋯1 work")
        await pilot.press("down", "enter")
        assert text_of(app.graph)[1].startswith("▸⋯2 parse")
        await pilot.press("escape")
        assert text_of(app.graph)[1].startswith("▏⋯1 work")
        await pilot.press("backspace")
        assert text_of(app.graph)[1].startswith("▏all")
        assert app.noted == []
        await pilot.press("backspace")
        assert app.noted == []
        await pilot.press("escape")
        assert app.noted == ["escape"]


async def test_search(text_of: TextOf) -> None:
    """What fits stands in « », n and N go there, and its share is said."""
    app = FlameApp()
    async with app.run_test(size=(120, 24)) as pilot:
        app.graph.show(tree(COUNTS), 1000)
        app.graph.filter_by(Filter("parse|rest"))
        await pilot.press("n")
        assert selected(app) == "rest"
        assert "matches 70.0 % of the samples (1 of 2)" in text_of(app.graph)[0]
        assert text_of(app.graph)[4].split() == ["▸«rest»", "«parse»"]
        await pilot.press("n")
        assert selected(app) == "parse"
        await pilot.press("N")
        assert selected(app) == "rest"
        app.graph.filter_by(None)
        assert "matches" not in text_of(app.graph)[0]


async def test_take_the_name(text_of: TextOf) -> None:
    """# looks for the selected function, and tells the screen."""
    app = FlameApp()
    async with app.run_test(size=(120, 24)) as pilot:
        app.graph.show(tree({"main a+b": 5, "main aab": 4}), 9)
        await pilot.press("number_sign")
        assert app.noted == []
        await pilot.press("down", "down", "number_sign")
        assert app.noted == [r"^a\+b$"]
        assert "(1 of 1)" in text_of(app.graph)[0]


async def test_mouse() -> None:
    """A click selects, a click on what is selected zooms, a double click does both once."""
    app = FlameApp()
    async with app.run_test(size=(80, 24)) as pilot:
        app.graph.show(tree(COUNTS), 1000)
        await pilot.click(FlameGraph, offset=(70, 3))
        assert selected(app) == "work"
        await pilot.click(FlameGraph, offset=(78, 2))
        assert (selected(app), len(app.graph.view._zooms)) == ("side", 1)
        await pilot.click(FlameGraph, offset=(5, 0))
        await pilot.click(FlameGraph, offset=(79, 20))
        assert selected(app) == "side"


async def test_a_click_on_the_selected_box_zooms() -> None:
    """Also when it becomes a double click, it zooms only once."""
    app = FlameApp()
    async with app.run_test(size=(80, 24)) as pilot:
        app.graph.show(tree(COUNTS), 1000)
        await pilot.press("down", "down")
        await pilot.double_click(FlameGraph, offset=(70, 3))
        assert selected(app) == "work"
        assert app.graph.view.zoom.frame.function == "work"
        assert len(app.graph.view._zooms) == 2


async def test_a_double_click_zooms() -> None:
    """The first click selects, the second zooms."""
    app = FlameApp()
    async with app.run_test(size=(80, 24)) as pilot:
        app.graph.show(tree(COUNTS), 1000)
        await pilot.double_click(FlameGraph, offset=(30, 3))
        assert app.graph.view.zoom.frame.function == "work"


async def test_only_changed_lines_are_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refresh that changes nothing draws nothing; a move draws the rows it leaves and enters."""
    app, live = FlameApp(), live_tree(stacks(COUNTS))
    async with app.run_test(size=(80, 24)) as pilot:
        app.graph.show(live.root, 1000)
        await pilot.pause()
        drawn: list[int] = []
        refresh = app.graph.refresh

        def note(*regions: Region, **more: Any) -> Any:
            drawn.extend(region.y for region in regions)
            return refresh(*regions, **more)

        monkeypatch.setattr(app.graph, "refresh", note)
        app.graph.show(live.root, 1000)
        assert drawn == []
        await pilot.press("down")
        assert sorted(set(drawn)) == [0, 1, 2]
        await pilot.pause()
        drawn.clear()
        live.add(stacks({"main work new": 100}))
        app.graph.show(live.root, 1000)
        assert sorted(set(drawn)) == [0, 2, 3, 4]


async def test_deep_stacks_scroll(text_of: TextOf) -> None:
    """The selection stays in sight however deep it goes, and the wheel reaches the last row."""
    app = FlameApp()
    async with app.run_test(size=(80, 24)) as pilot:
        app.graph.show(tree({tuple(Frame(f"f{n}", FILE, 1) for n in range(1_200)): 5}), 5)
        await pilot.press(*["pagedown"] * 3)
        assert selected(app) == "f65"
        assert any("▸f65" in line for line in text_of(app.graph))
        app.graph.scroll_end(animate=False)
        await pilot.pause()
        assert app.graph.virtual_size.height > app.graph.scroll_offset.y + 24
        await pilot.press("up")
        assert any("▸f64" in line for line in text_of(app.graph))
        await pilot.press("end")
        assert any(f"▸{selected(app)}" in line for line in text_of(app.graph))
        await pilot.press("home")
        assert app.graph.scroll_offset.y == 0
        assert "▸all" in text_of(app.graph)[1]


async def test_the_function_of_another_view() -> None:
    """A function that was selected elsewhere is selected here, where it has a box."""
    app = FlameApp()
    async with app.run_test(size=(80, 24)):
        app.graph.show(tree(COUNTS), 1000)
        assert app.graph.place is None
        assert app.graph.go_to("rest", FILE)
        assert app.graph.place == Place("rest", FILE)
        assert not app.graph.go_to("nobody", FILE)


async def test_other_sizes(text_of: TextOf) -> None:
    """It is laid out anew when it gets wider or narrower, down to a few cells."""
    app = FlameApp()
    async with app.run_test(size=(80, 24)) as pilot:
        app.graph.show(tree(COUNTS), 1000)
        for size in ((120, 36), (30, 8), (6, 3)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert all(cell_len(line) <= size[0] for line in text_of(app.graph))
            assert text_of(app.graph)[1].startswith("▸all"[: size[0]])


async def test_a_line_is_never_wider_than_the_graph() -> None:
    """Nor is one that is drawn before the event has come that tells of its width: what stands
    beside it is not overwritten."""
    app = FlameApp()
    async with app.run_test(size=(80, 24)):
        app.graph.show(tree(COUNTS), 1000)
        app.graph.view.resize(198)
        for y in range(3):
            strip = app.graph.render_line(y)
            assert cell_len(strip.text) == strip.cell_length == 80


@pytest.mark.parametrize("name", HOSTILE, ids=[str(n) for n in range(len(HOSTILE))])
async def test_hostile_names_are_text(name: str, text_of: TextOf) -> None:
    """Names of functions and files are drawn as text, never obeyed."""
    app = FlameApp()
    async with app.run_test(size=(80, 24)) as pilot:
        app.graph.show(tree({(Frame(name, f"/srv/{name}.py", 1),): 9}), 10)
        await pilot.press("down", "number_sign")
        lines = text_of(app.graph)
        assert lines[2].startswith(f"▸«{HOSTILE[name]}")
        assert lines[0].startswith(HOSTILE[name])
        for line in lines:
            assert cell_len(line) <= 80
            assert not {"\x1b", "\x07", "\u202e"} & set(line)


async def test_nothing_is_said_by_colour_alone(text_of: TextOf) -> None:
    """What is selected, and what fits, has a sign, and a style that needs no colour."""
    app = FlameApp()
    async with app.run_test(size=(80, 24)) as pilot:
        app.graph.show(tree(COUNTS), 1000)
        app.graph.filter_by(Filter("rest"))
        await pilot.press("down")
        styles = {s.text.strip(): s.style for y in range(6) for s in app.graph.render_line(y)}
        assert styles["▸main"].reverse
        assert styles["«rest»"].underline
        assert not styles["▏work"].reverse
