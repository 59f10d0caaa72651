"""What the screens look like; `pytest --snapshot-update` accepts a change that was looked at."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from builders import candidate
from pilots import until

from perftui.model.source import SourceText
from perftui.tui.screens.picker import CandidatesTable


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same picture on every machine."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TEXTUAL_COLOR_SYSTEM", "truecolor")
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")


@pytest.mark.parametrize(
    ("size", "press"),
    [
        pytest.param((120, 36), (), id="wide"),
        pytest.param((80, 24), (), id="functions"),
        pytest.param((80, 24), ("tab",), id="metrics"),
        pytest.param((80, 24), ("tab", "tab"), id="forecast"),
    ],
)
def test_the_watch(
    size: Any, press: Any, make_app: Any, make_monitor: Any, picture: Any, snap_compare: Any
) -> None:
    """A service in trouble, on a wide screen and on each tab of a narrow one."""
    app = make_app(make_monitor(picture()))

    async def draw(pilot: Any) -> None:
        app.screen.draw()  # the header knows its width, and so its height, from now on
        await pilot.press(*press)
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=draw)


VIEWS = {"threads": "t", "tree": "T", "flame": "f", "callers": "c", "source": "enter"}
CALLS = {
    "main serve:12 work:3 parse:7": 40,
    "main serve:12 work:4": 10,
    "main serve:14 render:9": 25,
    "main idle:2": 5,
}


@pytest.mark.parametrize("size", [(120, 36), (80, 24)], ids=["wide", "narrow"])
@pytest.mark.parametrize("view", VIEWS)
def test_the_views(
    view: str, size: Any, make_app: Any, make_monitor: Any, picture: Any, snap_compare: Any
) -> None:
    """Each view of the profile, on a wide screen and a narrow one."""
    monitor = make_monitor(picture(CALLS))
    text = tuple(f"    value_{n} = handle(part_{n})" for n in range(1, 30))
    monitor.sources["/srv/app.py"] = SourceText("/srv/app.py", text)
    app = make_app(monitor)

    async def draw(pilot: Any) -> None:
        app.screen.draw()
        await pilot.press(VIEWS[view])
        await app.workers.wait_for_complete()
        await pilot.pause()
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=draw)


@pytest.mark.parametrize("size", [(120, 36), (80, 24)], ids=["wide", "narrow"])
def test_the_question_of_consent(
    size: Any, make_app: Any, make_monitor: Any, picture: Any, snap_compare: Any
) -> None:
    """Where it goes, what it costs, the choices, and the body of the one that is marked."""
    rows = [{"id": "P1", "name": name} for name in ("json.decoder.raw_decode", "fn_1")]
    content = json.dumps({"question": None, "functions": rows})
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": content}]})
    monitor = make_monitor(picture())
    monitor.permission.ask(body, body)
    app = make_app(monitor)

    async def draw(pilot: Any) -> None:
        app.screen.draw()
        await pilot.press("shift+tab", "v")
        await app.workers.wait_for_complete()
        await pilot.press("f")
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=draw)


def test_the_picker(make_app: Any, snap_compare: Any) -> None:
    """Processes as a tree, with their figures."""
    # Ages are counted from now; at this length one is shown in days and hours.
    age_s = 2 * 86400 + 5 * 3600 + 1800
    more = {
        "started_at": time.time() - age_s,
        "user": "web",
        "environment": "/srv/shop/.venv",
        "rss": 412 * 2**20,
    }
    found = [
        candidate(4775, command="python checkout.py", cpu_pct=93.1, **more),
        candidate(4776, 4775, "python worker.py", depth=1, cpu_pct=3.0, **more),
        candidate(9021, command="python3 batch.py", **more),
    ]
    app = make_app(candidates=lambda: found)

    async def wait_for_the_look(pilot: Any) -> None:
        await app.workers.wait_for_complete()
        await until(pilot, lambda: app.screen.query_one(CandidatesTable).selected)
        await pilot.pause()

    assert snap_compare(app, terminal_size=(80, 24), run_before=wait_for_the_look)
