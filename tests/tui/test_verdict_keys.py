"""A person's verdicts in the forecast pane: what is selected, the keys, the note, the marks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from builders import NOW, P99, forecast
from pilots import until
from textual.geometry import Offset

from perftui.model.findings import Evidence, EvidenceKind, Finding, ForecastState, Mitigation
from perftui.model.objective import Objective
from perftui.model.verdict import Decision
from perftui.tui.screens.watch import NOTHING_TO_DECIDE
from perftui.tui.widgets.bars import WarningLine
from perftui.tui.widgets.forecast import ForecastPane
from perftui.tui.widgets.prompt import Prompt

WIDE, NARROW = (120, 36), (80, 24)
SIZES = pytest.mark.parametrize("size", [NARROW, WIDE], ids=["narrow", "wide"])
LIKELY = forecast(P99, probability=0.84, base_rate=0.03, series_unit="s")
ADVICE = forecast(
    P99,
    by="claude",
    probability=0.7,
    series_unit="s",
    summary="It grows.",
    mitigations=(Mitigation("wait [b]a while", "", ""),),
)
FINDING = Finding(
    "json-cost",
    "Much goes into JSON.",
    (Evidence("S1", EvidenceKind.PROFILE, "loads is in 40 % of the looks", 40.0, "%"),),
    (
        Mitigation("orjson", "it is faster", "small differences", True),
        Mitigation("cache it", "", "stale", True),
    ),
)
NAMES = ("p99 above 500 ms", "orjson", "cache it", "claude on p99 above 500 ms", "wait [b]a while")
"""What can be decided on, from the top down."""


@pytest.fixture
def watch(make_app: Any, make_monitor: Any, picture: Any) -> Any:
    """An app on a pane with five things to decide on, and its monitor."""

    def make(**more: Any) -> Any:
        shown = picture(**{"forecasts": (LIKELY, ADVICE), "findings": (FINDING,), **more})
        monitor = make_monitor(shown)
        return make_app(monitor), monitor

    return make


def marked(app: Any, text_of: Any) -> list[str]:
    """The lines of the pane with the sign of what is selected."""
    return [line for line in text_of(app.screen.query_one(ForecastPane)) if "▸" in line]


def asked(app: Any) -> str:
    prompt = app.screen.query_one(Prompt)
    return prompt.placeholder if prompt.is_open else ""


def decided(monitor: Any) -> list[tuple[str, str, str]]:
    """Name, decision and note of each verdict that stands."""
    return [(v.item.name, v.decision.value, v.note) for v in monitor.latest.verdicts]


@SIZES
async def test_the_first_is_meant_at_first(size: Any, watch: Any, text_of: Any) -> None:
    """It is marked as soon as the pane has the focus, and not before."""
    app, monitor = watch()
    async with app.run_test(size=size) as pilot:
        assert marked(app, text_of) == []
        await pilot.press("shift+tab")
        await pilot.pause()
        assert [line[2:] for line in marked(app, text_of)] == ["p99 above 500 ms"]
        await pilot.press("a")
        assert asked(app) == "a note, or none; Enter accepts p99 above 500 ms, Esc does not"
        assert len(marked(app, text_of)) == 1  # also while a note is typed
        await pilot.press("enter")
        assert decided(monitor) == [("p99 above 500 ms", "accepted", "")]
        pane = app.screen.query_one(ForecastPane)
        assert pane.has_focus
        assert text_of(pane)[1] == "✓ accepted"
        await pilot.press("tab")
        await pilot.pause()
        assert marked(app, text_of) == []


@SIZES
async def test_every_one_can_be_decided_on(size: Any, watch: Any, text_of: Any) -> None:
    """Down and j, up and k go to the next one; the key is for that alone, with a note."""
    app, monitor = watch()
    keys = [("x", Decision.REJECTED), ("a", Decision.ACCEPTED), ("s", Decision.SNOOZED)] * 2
    async with app.run_test(size=size) as pilot:
        await pilot.press("shift+tab")
        for number, name in enumerate(NAMES):
            key, decision = keys[number]
            await pilot.press(key, *f"n{number}", "enter")
            assert decided(monitor)[-1] == (name, decision.value, f"n{number}")
            await pilot.press("j" if number % 2 else "down")
        assert len(decided(monitor)) == len(NAMES)
        lines = [line.strip() for line in text_of(app.screen.query_one(ForecastPane))]
        for line in (
            "✗ rejected: n0",
            "✓ accepted: n1",
            "z snoozed until 08:15:00: n2",
            "✗ rejected: n3",
            "✓ accepted: n4",
        ):
            assert line in lines
        # One more than there are: where it does not all fit, one of them goes on by a line.
        await pilot.press("up", "k", "up", "k", "up", "x", "enter")
        assert ("p99 above 500 ms", "rejected", "") in decided(monitor)


async def test_esc_drops_the_verdict(watch: Any, text_of: Any) -> None:
    """Nothing is decided by a key pressed by mistake, and the pane has the keys again."""
    app, monitor = watch()
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("shift+tab", "x", *"no", "escape")
        assert decided(monitor) == []
        assert asked(app) == ""
        assert app.screen.query_one(ForecastPane).has_focus
        await pilot.press("a", "enter")
        assert decided(monitor) == [("p99 above 500 ms", "accepted", "")]


async def test_the_newest_counts(watch: Any, text_of: Any) -> None:
    """Who decides again has decided otherwise."""
    app, monitor = watch()
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("shift+tab", "a", "enter", "x", "enter")
        assert decided(monitor) == [("p99 above 500 ms", "rejected", "")]
        assert text_of(app.screen.query_one(ForecastPane))[1] == "✗ rejected"


@SIZES
async def test_a_snoozed_warning_leaves_the_line_until_its_end(
    size: Any, watch: Any, text_of: Any
) -> None:
    """The line goes on with the next one and says that one is snoozed, also where its text is cut;
    the pane shows it as before; a breach and the end of the snooze bring it back."""
    long = replace(P99, label="the latency of checkout " * 9, threshold=1.0)
    other = forecast(long, probability=0.6)
    app, monitor = watch(forecasts=(LIKELY, other), findings=())
    async with app.run_test(size=size) as pilot:
        line = app.screen.query_one(WarningLine)
        assert "84 % within 1 min: p99" in text_of(line)[0]
        await pilot.press("shift+tab", "s")
        assert "snoozes p99 above 500 ms for 15 min" in asked(app)
        await pilot.press("enter")
        [shown] = text_of(line)
        assert shown.startswith(" ▲ 60 % within 1 min: the latency")
        assert shown.endswith("  1 snoozed")
        text = text_of(app.screen.query_one(ForecastPane))
        assert "z snoozed until 08:15:00" in text
        assert "▲ 84 % within 1 min  (usually 3 %)" in text
        breach = replace(LIKELY, state=ForecastState.IN_BREACH, since=NOW - 5, probability=None)
        monitor.latest = replace(monitor.latest, forecasts=(breach,))
        app.screen.draw()
        assert "BREACH for 5 s: p99 above 500 ms" in text_of(line)[0]
        assert "snoozed" not in text_of(line)[0]
        later = replace(LIKELY, made_at=NOW + 901, expires_at=NOW + 961)
        monitor.latest = replace(
            monitor.latest,
            taken_at=NOW + 901,
            forecasts=(later,),
            verdicts=monitor.verdicts.standing(NOW + 901),
        )
        app.screen.draw()
        assert "84 % within 1 min: p99" in text_of(line)[0]
        assert "snoozed" not in text_of(line)[0]


async def test_a_verdict_is_on_what_was_forecast_last(watch: Any) -> None:
    """A forecast that says the same again is a newer one, and so is the time until it is up."""
    app, monitor = watch(forecasts=(LIKELY,), findings=())
    async with app.run_test(size=NARROW) as pilot:
        later = replace(LIKELY, made_at=NOW + 50, expires_at=NOW + 110)
        monitor.latest = replace(monitor.latest, taken_at=NOW + 50, forecasts=(later,))
        app.screen.draw()
        await pilot.press("shift+tab", "a", "enter")
        [verdict] = monitor.latest.verdicts
        assert (verdict.item.made_at, verdict.until) == (NOW + 50, NOW + 110)


async def test_the_selection_stays_on_its_item(watch: Any, text_of: Any) -> None:
    """Whatever comes above it; where it has gone the first is meant."""
    app, monitor = watch(forecasts=(LIKELY,))
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("shift+tab", "down", "down")
        assert marked(app, text_of) == ["Do ▸ 2 cache it (risk: stale)"]
        worse = forecast(Objective("rss", 1, label="memory"), probability=0.9)
        monitor.latest = replace(monitor.latest, forecasts=(LIKELY, worse))
        app.screen.draw()
        assert marked(app, text_of) == ["Do ▸ 2 cache it (risk: stale)"]
        monitor.latest = replace(monitor.latest, findings=())
        app.screen.draw()
        assert marked(app, text_of) == ["▸ memory"]


async def test_a_click_selects(watch: Any, text_of: Any) -> None:
    """What was clicked, or what stands above it."""
    app, _ = watch()
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("shift+tab")
        pane = app.screen.query_one(ForecastPane)
        [row] = [n for n, line in enumerate(text_of(pane)) if line.startswith("Do   2")]
        await pilot.click(offset=pane.content_region.offset + Offset(10, row))
        assert marked(app, text_of) == ["Do ▸ 2 cache it (risk: stale)"]


async def test_what_is_further_down_is_reached_line_by_line(watch: Any, text_of: Any) -> None:
    """Text below the last one can be read with the same keys, and a key for what is out of sight
    brings it back."""
    long = replace(FINDING, mitigations=FINDING.mitigations[:1], check="word " * 300)
    app, monitor = watch(forecasts=(LIKELY,), findings=(long,))
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("shift+tab", *["down"] * 40)
        pane = app.screen.query_one(ForecastPane)
        assert text_of(pane)[-1] == "LLM off"
        assert marked(app, text_of) == []
        await pilot.press("a", "enter")
        assert decided(monitor) == [("orjson", "accepted", "")]
        assert marked(app, text_of)[0].startswith("Do ▸ 1 orjson")
        await pilot.press(*["up"] * 40)
        assert marked(app, text_of) == ["▸ p99 above 500 ms"]


async def test_where_there_is_nothing_to_decide_on_it_says_so(
    make_app: Any, make_monitor: Any, picture: Any
) -> None:
    """And asks for nothing."""
    monitor = make_monitor(picture(forecasts=()))
    app = make_app(monitor)
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("shift+tab", "a")
        await until(pilot, lambda: app._notifications)
        assert asked(app) == ""
        assert [one.message for one in app._notifications] == [NOTHING_TO_DECIDE]


@SIZES
async def test_the_footer_names_the_keys_where_they_work(size: Any, watch: Any) -> None:
    """In the forecast pane, and whole: none of them is cut."""
    app, _ = watch()
    async with app.run_test(size=size) as pilot:

        def footer() -> str:
            return "".join(s.text for s in app.screen._compositor.render_strips()[-1:])

        assert "snooze" not in footer()
        await pilot.press("shift+tab")
        await until(pilot, lambda: " a accept  x reject  s snooze  h history " in footer())
        assert footer().rstrip().endswith("q quit")
