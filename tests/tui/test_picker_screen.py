"""The picker, on candidates made by hand."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from builders import candidate
from textual.widgets import Input

from perftui.errors import NoSuchTarget
from perftui.tui.screens.picker import CandidatesTable, PickerScreen, fitting
from perftui.tui.screens.watch import WatchScreen
from perftui.tui.widgets.bars import Header


def listed() -> list[Any]:
    return [
        candidate(100, command="python /srv/web.py --port 80"),
        candidate(101, parent=100, depth=1, command="python worker.py"),
        candidate(102, parent=101, depth=2, command="python deep.py"),
        candidate(200, command="python3 /srv/batch.py [/red]"),
    ]


async def shown(pilot: Any, app: Any) -> CandidatesTable:
    """The table, once the first look at the host is there."""
    await app.workers.wait_for_complete()
    await pilot.pause()
    table: CandidatesTable = app.screen.query_one(CandidatesTable)
    return table


async def test_children_stand_below_their_parents(make_app: Any, text_of: Any) -> None:
    """Processes are listed as a tree, children indented."""
    app = make_app(candidates=listed)
    async with app.run_test(size=(120, 30)) as pilot:
        lines = text_of(await shown(pilot, app))
        commands = [line.split("python", 1)[0][-6:] for line in lines[1:5]]
        assert [command.count("└") for command in commands] == [0, 1, 1, 0]
        assert lines[3].index("└") - lines[2].index("└") == 2
        assert "[/red]" in lines[4]


async def test_typing_filters_and_enter_attaches(
    make_app: Any, make_monitor: Any, picture: Any
) -> None:
    """What is typed narrows the list at once, and Enter right behind opens exactly what fits."""
    attached: list[int] = []
    monitor = make_monitor(picture())

    def attach(pid: int) -> Any:
        attached.append(pid)
        return monitor

    app = make_app(candidates=listed, attach=attach)
    async with app.run_test(size=(120, 30)) as pilot:
        table = await shown(pilot, app)
        await pilot.press(*"bat")
        assert [item.pid for item in table.items] == [200]
        await pilot.press(*"ch", "enter")
        await pilot.pause()
        assert attached == [200]
        assert isinstance(app.screen, WatchScreen)


async def test_arrows_move_while_the_typing_goes_on(make_app: Any) -> None:
    """Up and down move the cursor although the filter has the keys."""
    app = make_app(candidates=listed)
    async with app.run_test(size=(80, 24)) as pilot:
        table = await shown(pilot, app)
        await pilot.press("down", "down")
        assert table.selected is not None
        assert table.selected.pid == 102
        assert [table.content(n).style for n in range(1, 5)] == ["", "", "cursor", ""]
        await pilot.press("up", *"worker")
        assert table.selected.pid == 101
        assert app.screen.query_one(Input).value == "worker"


async def test_a_process_that_has_gone_is_said(make_app: Any) -> None:
    """When the chosen one has ended in the meantime the picker stays and says so."""

    def attach(pid: int) -> Any:
        raise NoSuchTarget(f"There is no process {pid}.", "Pick another.")

    app = make_app(candidates=listed, attach=attach)
    async with app.run_test(size=(80, 24)) as pilot:
        await shown(pilot, app)
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, PickerScreen)
        assert [n.message for n in app._notifications] == ["There is no process 100. Pick another."]
        assert app.screen.query_one(Header).left.startswith("Which Python process?")


async def test_escape_clears_and_then_leaves(make_app: Any) -> None:
    """Esc empties the filter; with none it leaves."""
    app = make_app(candidates=listed)
    async with app.run_test(size=(80, 24)) as pilot:
        table = await shown(pilot, app)
        await pilot.press(*"nothing fits this")
        assert not table.items
        await pilot.press("escape")
        assert len(table.items) == 4
        await pilot.press("escape")
    assert not app.is_running


async def test_a_host_without_python(make_app: Any, text_of: Any) -> None:
    """An empty list says that it is empty, and Enter does nothing."""
    app = make_app(candidates=list)
    async with app.run_test(size=(80, 24)) as pilot:
        table = await shown(pilot, app)
        assert "no Python process here" in text_of(table)[1]
        await pilot.press("enter")
        assert isinstance(app.screen, PickerScreen)


async def test_a_look_that_fails_does_not_end_the_picker(make_app: Any) -> None:
    """An error while the host is looked at leaves the picker open."""

    def fail() -> list[Any]:
        raise RuntimeError("the host is odd")

    app = make_app(candidates=fail)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert isinstance(app.screen, PickerScreen)
    assert (app.return_code or 0) == 0


@pytest.mark.parametrize(
    ("words", "pids"),
    [("", [100, 101, 102, 200]), ("WEB", [100]), ("20", [200]), ("python srv", [100, 200])],
)
def test_every_word_must_occur(words: str, pids: list[int]) -> None:
    """A process fits when all words occur in its figures or command, in any order and case."""
    assert [one.pid for one in fitting(listed(), words)] == pids


async def test_rows_have_age_and_memory(make_app: Any, text_of: Any) -> None:
    """A row shows what tells two processes of one program apart."""
    one = candidate(
        *(7, 1, "python app.py"),
        started_at=time.time() - 3 * 86400 - 5 * 3600 - 1800,
        cpu_pct=12.34,
        rss=412 * 2**20,
        user="web",
        environment="/srv/shop/.venv",
    )
    app = make_app(candidates=lambda: [one])
    async with app.run_test(size=(120, 30)) as pilot:
        words = text_of(await shown(pilot, app))[1].split()
        assert words[:6] == ["7", "12.3", "412", "MB", "3d05h", "web"]


async def test_what_is_typed_before_the_first_look_counts(make_app: Any) -> None:
    """Words and Enter typed while the host is still looked at open what fits, once it is known."""
    attached: list[int] = []
    looked = threading.Event()

    def slowly() -> list[Any]:
        looked.wait(30)
        return listed()

    def attach(pid: int) -> Any:
        attached.append(pid)
        raise NoSuchTarget(f"There is no process {pid}.")

    app = make_app(candidates=slowly, attach=attach)
    async with app.run_test(size=(80, 24)) as pilot:
        try:
            await pilot.press(*"batch", "enter")
        finally:
            looked.set()
        await shown(pilot, app)
        assert attached == [200]
