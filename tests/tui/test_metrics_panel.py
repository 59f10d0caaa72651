"""The charts: a cursor in time, what is selected, one of them large, events, notes, objectives."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from typing import Any

import pytest
from builders import NOW, series, snapshot, window
from textual.geometry import Offset
from textual.widgets import Input

from perftui.model.event import Event, EventKind
from perftui.model.objective import Objective
from perftui.tui.widgets import metrics as widget
from perftui.tui.widgets.bars import Header
from perftui.tui.widgets.functions import FunctionsTable
from perftui.tui.widgets.metrics import MetricsPanel
from perftui.tui.widgets.prompt import Prompt

WIDE, NARROW = (120, 36), (80, 24)


@pytest.fixture
def watch(make_app: Any, make_monitor: Any, picture: Any) -> Any:
    """An app on a picture whose windows have a function each: `s3` is of three seconds ago."""

    def make(**more: Any) -> Any:
        windows = [window(NOW - n, NOW - n + 1, {f"main s{n}": 50}) for n in range(60, 0, -1)]
        monitor = make_monitor(replace(picture(), windows=tuple(windows), **more))
        return make_app(monitor), monitor

    return make


@pytest.fixture
def words_of(text_of: Any) -> Any:
    """All that a widget shows, as one text."""
    return lambda widget: "\n".join(text_of(widget))


def title(app: Any) -> str:
    return str(app.screen.query_one("#profile").border_title)


async def metrics(pilot: Any) -> MetricsPanel:
    """The panel, with the keys."""
    await pilot.press("tab")
    panel: MetricsPanel = pilot.app.screen.query_one(MetricsPanel)
    assert panel.has_focus
    return panel


async def test_the_profile_is_of_the_time_that_the_cursor_is_on(watch: Any) -> None:
    """Arrows move the cursor; functions, title and header say of which time they are, and Esc goes
    back to the present."""
    app, _ = watch()
    async with app.run_test(size=WIDE) as pilot:
        panel = await metrics(pilot)
        await pilot.press("z", "left", "left", "left")
        await pilot.pause()
        moment = app.screen.profile.view.moment
        assert moment == panel.view.moment(panel._axis)
        table = app.screen.query_one(FunctionsTable)
        ages = {
            int(row.key.function[1:])
            for row in table.items
            if row.key.function != "main" and row.mark != "GONE"
        }
        start, end = NOW - moment.start, NOW - moment.end
        assert ages == {n for n in range(1, 61) if end < n < start + 1}
        assert "–" in title(app)
        assert "AGO (Esc: live)" in app.screen.query_one(Header).left
        await pilot.press("escape")
        await pilot.pause()
        assert app.screen.profile.view.moment is None
        assert "AGO" not in app.screen.query_one(Header).left
        assert "last 10 s" in title(app)


async def test_shift_selects_a_span(watch: Any, names_of: Any) -> None:
    """With Shift the cells that the cursor passes are looked at together."""
    app, _ = watch()
    async with app.run_test(size=WIDE) as pilot:
        panel = await metrics(pilot)
        await pilot.press("z", "left", "shift+left", "shift+left")
        await pilot.pause()
        moment = app.screen.profile.view.moment
        assert moment.end - moment.start == pytest.approx(3 * panel._axis.cell_s)
        assert len(names_of(app.screen.query_one(FunctionsTable))) > 3


async def test_the_mouse_selects_a_span(watch: Any) -> None:
    """A click on a chart puts the cursor there, a drag selects."""
    app, _ = watch()
    async with app.run_test(size=WIDE) as pilot:
        panel = app.screen.query_one(MetricsPanel)
        await pilot.pause()
        at = panel.content_region.offset + Offset(20, 2)
        await pilot.mouse_down(offset=at)
        await pilot.pause()
        moment = app.screen.profile.view.moment
        assert moment == panel._axis.cell(20 - 14)
        assert panel.chart is not None
        await pilot.mouse_up(offset=at)


async def test_one_metric_large(watch: Any, words_of: Any) -> None:
    """Enter opens the metric under the cursor over the whole side, with its scale and times; Esc
    closes it before it goes back to the present."""
    app, _ = watch()
    async with app.run_test(size=WIDE) as pilot:
        panel = await metrics(pilot)
        await pilot.press("down", "down", "enter", "left")
        await pilot.pause()
        text = words_of(panel)
        assert "rss" in text
        assert "cpu" not in text
        assert "256 MB" in text
        assert not app.screen.query_one("#profile").display
        await pilot.press("escape")
        await pilot.pause()
        assert "cpu" in words_of(panel)
        assert app.screen.query_one("#profile").display
        assert app.screen.profile.view.moment is not None
        await pilot.press("escape")
        assert app.screen.profile.view.moment is None


async def test_a_note(watch: Any, words_of: Any) -> None:
    """M types a note on the time that is looked at; E lists it, and Enter goes to its time."""
    app, monitor = watch(events=(Event(NOW - 200, EventKind.FAULT, "refuses", "prometheus"),))
    async with app.run_test(size=WIDE) as pilot:
        panel = await metrics(pilot)
        await pilot.press("left", "left", "M")
        await pilot.press(*"[b]deploy", "enter")
        await pilot.pause()
        note = monitor.latest.events[-1]
        assert (note.kind, note.text) == (EventKind.NOTE, "[b]deploy")
        assert note.at == app.screen.profile.view.moment.start
        await pilot.press("escape", "E")
        await pilot.pause()
        text = words_of(panel)
        assert text.index("[b]deploy") < text.index("prometheus")
        await pilot.press("down", "enter")
        await pilot.pause()
        moment = app.screen.profile.view.moment
        assert moment.start <= NOW - 200 < moment.end
        assert "cpu" in words_of(panel)


async def test_the_cursor_stays_on_its_event(watch: Any) -> None:
    """Also where another happens meanwhile: Enter goes to the one that was selected."""
    faults = tuple(Event(NOW - at, EventKind.FAULT, "no", f"s{at}") for at in (300, 200, 100))
    app, monitor = watch(events=faults)
    async with app.run_test(size=WIDE) as pilot:
        await metrics(pilot)
        await pilot.press("E", "down")
        monitor.mark(EventKind.NOTE, "new")
        await pilot.press("enter")
        await pilot.pause()
        moment = app.screen.profile.view.moment
        assert moment.start <= NOW - 200 < moment.end


async def test_a_large_chart_gives_way_to_the_profile(watch: Any) -> None:
    """Tab and the slash lead to the profile, which a large chart hides on a wide screen."""
    app, _ = watch()
    async with app.run_test(size=WIDE) as pilot:
        for keys in (("tab", "tab"), ("slash",)):
            await metrics(pilot)
            await pilot.press("enter")
            await pilot.pause()
            assert not app.screen.query_one("#profile").display
            await pilot.press(*keys)
            await pilot.pause()
            assert app.screen.query_one("#profile").display
            await pilot.press("escape")
            await pilot.pause()
            assert app.screen.query_one(FunctionsTable).has_focus


async def test_a_note_can_be_dropped(watch: Any) -> None:
    """Esc while it is typed drops it, and the panel has the keys again."""
    app, monitor = watch()
    async with app.run_test(size=WIDE) as pilot:
        panel = await metrics(pilot)
        await pilot.press("M", *"x/y", "escape")
        await pilot.pause()
        assert monitor.latest.events == ()
        assert not app.screen.query_one(Prompt).display
        assert panel.has_focus
        assert app.screen.profile.view.pattern == ""


async def test_an_objective_by_key(watch: Any, words_of: Any) -> None:
    """O asks for the objective of the metric under the cursor; a bad one says what is wrong."""
    app, monitor = watch()
    async with app.run_test(size=WIDE) as pilot:
        panel = await metrics(pilot)
        await pilot.press("down", "O")
        await pilot.pause()
        prompt = app.screen.query_one(Prompt)
        assert prompt.value == "cpu > "
        await pilot.press(*"many", "enter")
        await pilot.pause()
        assert prompt.display
        assert monitor.latest.objectives[0].metric == "p99"
        prompt.value = "cpu > 50 for 1m within 15m"
        await pilot.press("enter")
        await pilot.pause()
        assert monitor.latest.objectives[0] == Objective("cpu", 50.0)
        assert "SLO ≤ 50" in words_of(panel)
        *_, said = app._notifications
        assert tomllib.loads(said.message) == {
            "objective": [{"metric": "cpu", "above": 50, "for": "1m", "horizon": "15m"}]
        }


async def test_an_objective_that_is_there_is_kept_as_a_whole(watch: Any) -> None:
    """O begins with all of the objective that the metric has: entered as it is, it stays."""
    app, monitor = watch()
    async with app.run_test(size=WIDE) as pilot:
        await metrics(pilot)
        before = monitor.latest.objectives[0]
        await pilot.press("down", "down", "down", "O")
        await pilot.pause()
        assert app.screen.query_one(Prompt).value == "p99 > 0.5 for 10s within 1m"
        await pilot.press("enter")
        await pilot.pause()
        assert monitor.latest.objectives == (before, before)


async def test_what_is_out_of_sight_is_there_once_it_is_scrolled_to(
    watch: Any, words_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every metric has its line when it is looked at, by wheel or cursor; what is not looked at is
    not laid out, however much of it there is."""
    laid_out: list[str] = []
    line = widget.metric_line

    def counted(metric: Any, *more: Any) -> Any:
        laid_out.append(metric.name)
        return line(metric, *more)

    monkeypatch.setattr(widget, "metric_line", counted)
    names = [f"m{n:02}" for n in range(60)]
    app, _ = watch(series=tuple(series(name, [n, n]) for n, name in enumerate(names)))
    async with app.run_test(size=WIDE) as pilot:
        panel = await metrics(pilot)
        height, seen = panel.size.height - 1, set()
        assert set(laid_out) == set(names[:height])
        for top in range(0, len(names), height):
            panel.scroll_to(y=top, animate=False)
            await pilot.pause()
            lines = [one for one in words_of(panel).splitlines()[1:] if one.strip()]
            assert all(one.split()[-1] != one.split()[0] for one in lines), lines
            seen |= {one.split()[0] for one in lines}
        assert seen == set(names)
        panel.scroll_to(y=0, animate=False)
        await pilot.press(*["down"] * len(names))
        await pilot.pause()
        assert panel.selected.name == names[-1]
        assert words_of(panel).splitlines()[-1].startswith(names[-1])


@pytest.mark.parametrize("size", [1e155, 1.7e308])
async def test_values_that_are_too_large(watch: Any, words_of: Any, size: float) -> None:
    """What a page of a service says is no reason to end, however large it is."""
    values = [size * n / 40 for n in range(40)]
    app, _ = watch(series=(series("huge", values), series("less", [-v for v in values])))
    async with app.run_test(size=WIDE) as pilot:
        panel = await metrics(pilot)
        await pilot.pause()
        assert "huge" in words_of(panel)
        await pilot.press("enter")
        await pilot.pause()
        assert "huge" in words_of(panel)


async def test_spans(watch: Any) -> None:
    """[ and ] look back less or further, up to the whole session; the title says how far."""
    app, _ = watch()
    async with app.run_test(size=WIDE) as pilot:
        panel = await metrics(pilot)
        seen = [panel.title]
        for _ in range(7):
            await pilot.press("right_square_bracket")
            seen.append(panel.title)
        assert seen == [
            "Metrics  last 1 min",
            "Metrics  last 5 min",
            "Metrics  last 15 min",
            "Metrics  last 1 h",
            "Metrics  last 6 h",
            "Metrics  last 1 d",
            *["Metrics  whole session"] * 2,
        ]


async def test_narrow_screens_have_a_line_for_each(watch: Any, words_of: Any) -> None:
    """At 80x24 name, chart, value, slope and objective of a metric with one stand in its lines."""
    app, _ = watch()
    async with app.run_test(size=NARROW) as pilot:
        panel = await metrics(pilot)
        await pilot.pause()
        assert "SLO ≤ 500" in words_of(panel)


async def test_without_anything_there_are_words(
    make_app: Any, make_monitor: Any, words_of: Any
) -> None:
    """Before the first value and the first event that is said."""
    app = make_app(make_monitor(snapshot()))
    async with app.run_test(size=WIDE) as pilot:
        panel = await metrics(pilot)
        assert "waiting for the first values" in words_of(panel)
        await pilot.press("left", "up", "enter", "O", "escape", "E")
        await pilot.pause()
        assert "nothing has happened yet" in words_of(panel)
        assert app.screen.query_one("#filter", Input).display is False
