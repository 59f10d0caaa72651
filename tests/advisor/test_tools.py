"""What a model may look at beyond the table, and what it is told."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llm_samples import JSON, MAIN, NOW, OWN, P99, SECRET, SITE, local, series, snapshot, window

from perftui.advisor.claims import is_verified
from perftui.advisor.evidence import facts
from perftui.advisor.redact import Pseudonyms
from perftui.advisor.reply import ToolCall
from perftui.advisor.rows import Facts
from perftui.advisor.tool_schemas import TOOLS
from perftui.advisor.tools import MOST_LOOKS, Toolbox
from perftui.model.event import Event, EventKind
from perftui.model.findings import ForecastState
from perftui.model.snapshot import Snapshot, SourceState, SourceStatus
from perftui.model.source import SourceText
from perftui.settings import NUMBERS_ONLY, ShareSettings

SOURCE = [
    *("def other():", "    pass", *[""] * 83),
    *(f"def bill_{SECRET}(x):", "    for y in x:", "        sorted(x)"),
]
"""With OWN's line in the loop."""


def steady(seconds: int = 60) -> Snapshot:
    """OWN at 10 % of the time, and 60 % in the newest 20 s."""
    return snapshot(
        windows_=[
            window(
                NOW - age, {(MAIN, OWN): 60 if age < 20 else 10, (MAIN, JSON): 20, (MAIN, SITE): 5}
            )
            for age in reversed(range(seconds))
        ],
        series_=[series("p99", *[0.1 * n for n in range(1, 13)], unit="s")],
    )


class Looking:
    """A toolbox over a picture, and what is asked of it."""

    def __init__(
        self,
        picture: Snapshot | None = None,
        source: SourceText | None = None,
        share: ShareSettings | None = None,
    ) -> None:
        self.picture = picture or steady()
        self.table = facts(self.picture)
        self.names = Pseudonyms(share)
        self.box = Toolbox(
            self.table,
            self.picture,
            self.names,
            lambda file: source or SourceText(file, tuple(SOURCE)),
        )

    def ask(self, name: str, **arguments: Any) -> Any:
        [result] = self.box.answers([ToolCall("t1", name, arguments)])
        assert result["tool_use_id"] == "t1"
        assert SECRET not in result["content"]
        return json.loads(result["content"]) | ({"error": True} if "is_error" in result else {})

    def row(self, name: str) -> str:
        return next(f.id for f in self.table.functions if f.key.function == name)

    @property
    def after(self) -> Facts:
        return replace(self.table, looks=tuple(self.box.looks))


def test_a_metric_over_a_time():
    """Means of equal steps, oldest first, with what the whole of them came to."""
    told = Looking().ask("metric_window", row="E1", seconds=35)
    assert (told["id"], told["row"], told["unit"], told["seconds"]) == ("Q1", "E1", "s", 35.0)
    assert (told["min"], told["max"]) == (0.9, 1.2)
    assert told["per_min"] == pytest.approx(0.6, rel=0.01)
    assert [m["mean"] for m in told["means"]] == [0.9, 1.0, 1.1, 1.2]
    ages = [m["s_ago"] for m in told["means"]]
    assert ages == sorted(ages, reverse=True)


def test_what_has_changed():
    """The functions that changed beyond their noise, the most changed first."""
    told = Looking().ask("profile_diff", seconds=20)
    [riser] = told["functions"]
    assert (riser["name"], riser["own_now"], riser["own_before"]) == ("fn_1", 60.0, 10.0)
    assert riser["change"] == 50.0
    assert 0 < riser["margin"] < 10


def test_how_a_function_is_reached():
    """Its callers by name or pseudonym, what it calls, and its own share."""
    looking = Looking()
    told = looking.ask("call_tree", row=looking.row("raw_decode"))
    assert told["reached"] == [{"share": 100.0, "through": ["fn_1"]}]
    assert (told["own_share"], told["calls"]) == (100.0, [])


def test_the_shape_of_a_function():
    """No source: its loops and calls, and the share of the time on each line."""
    looking = Looking()
    told = looking.ask("source_outline", row=looking.row(OWN.function))
    assert told["outline"] == [
        {"line": 1, "depth": 0, "is": "for"},
        {"line": 2, "depth": 1, "is": "do", "does": ["sorted"], "own": pytest.approx(26.67)},
    ]


def test_a_sample_without_a_stack_holds_nothing_up():
    """py-spy has such, of a thread that has just begun."""
    picture = steady()
    empty = [window(NOW - 0.5, {(): 5})]
    looking = Looking(replace(picture, windows=(*picture.windows, *empty)))
    told = looking.ask("source_outline", row=looking.row(OWN.function))
    assert [row["is"] for row in told["outline"]] == ["for", "do"]
    assert "reached" in looking.ask("call_tree", row=looking.row("raw_decode"))


def test_without_names_there_is_the_shape_alone():
    """Where no function is named, what it calls is not named either."""
    looking = Looking(share=NUMBERS_ONLY)
    told = looking.ask("source_outline", row=looking.row(OWN.function))
    assert [row["is"] for row in told["outline"]] == ["for", "do"]
    assert not any("does" in row for row in told["outline"])
    looking.ask("call_tree", row=looking.row("raw_decode"))
    told = {name for look in looking.box.looks for name in look.names}
    assert all(name.startswith("fn_") for name in told)


def test_the_objectives_and_alerts():
    """By public names; an alert's own name stays here."""
    alert = Event(NOW - 40, EventKind.ALERT, f"{SECRET} is slow", SECRET)
    over = Event(NOW - 90, EventKind.ALERT, "x", "y", NOW - 50)
    asked = SourceStatus("prometheus", SourceState.OK, NOW - 300)
    picture = replace(steady(), events=(over, alert), sources=(asked,))
    looking = Looking(picture)
    told = looking.ask("alert_rules")
    assert is_verified("alert_1 fires since 40 s.", ["Q1"], looking.after, looking.names)
    assert told["alerts"] == [{"alert": "alert_1", "firing_s": 40.0}]
    assert told["objectives"][0] == {
        "metric": "p99",
        "breach": "above",
        "threshold": 0.5,
        "hold_s": 60.0,
        "state": "ok",
    }
    # Whether it still fires is not known where Prometheus cannot be asked, or where there is none.
    for sources in ((replace(asked, state=SourceState.FAILED),), ()):
        assert Looking(replace(picture, sources=sources)).ask("alert_rules")["alerts"] is None


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("metric_window", {"row": "E9", "seconds": 10}),
        ("metric_window", {"row": "E1", "seconds": "10"}),
        ("metric_window", {"row": "E1", "seconds": -1}),
        ("metric_window", {}),
        ("profile_diff", {"seconds": True}),
        ("profile_diff", {"seconds": 1e9}),
        ("call_tree", {"row": "P99"}),
        ("call_tree", {"row": ["P1"]}),
        ("source_outline", {"row": "E1"}),
    ],
)
def test_what_cannot_be_looked_at(name, arguments):
    """It says why, and counts: nobody can ask for ever."""
    looking = Looking()
    assert set(looking.ask(name, **arguments)) == {"nothing"}
    assert looking.box.looks == []
    for seconds in range(MOST_LOOKS - 1):
        assert "error" not in looking.ask("profile_diff", seconds=10 + seconds)
    assert looking.box.is_spent
    assert looking.ask("alert_rules")["error"]


@pytest.mark.parametrize(
    "source",
    [
        SourceText("f", why="it cannot be read"),
        SourceText("f", tuple(SOURCE), is_stale=True),
        SourceText("f", ("def nothing(): pass",)),
    ],
)
def test_no_source_no_outline(source):
    """A file that is not there, has changed, or is another one."""
    looking = Looking(source=source)
    assert "nothing" in looking.ask("source_outline", row=looking.row(OWN.function))


@pytest.mark.parametrize("name", ["shell", "", "Metric_Window", "__class__"])
def test_there_is_no_other_tool(name):
    """What is no tool is refused, and ends the looking."""
    looking = Looking()
    assert looking.ask(name, row="P1")["error"]
    assert looking.box.is_spent


def test_nothing_is_looked_at_twice():
    """A repeat is refused, however its arguments are written, and ends the looking."""
    for name, first, again in (
        ("metric_window", {"row": "E1", "seconds": 30}, {"seconds": 30.0, "row": "e1"}),
        ("metric_window", {"row": "E1", "seconds": 1e9}, {"row": "E1", "seconds": 10**400}),
        ("call_tree", {"row": "P1"}, {"row": "[p1]"}),
        ("call_tree", {"row": "P1"}, {"row": "P1", "why": "again"}),
        ("profile_diff", {"seconds": 20}, {"seconds": 20, "row": "P1"}),
        ("alert_rules", {}, {"x": 1}),
    ):
        looking = Looking()
        assert "id" in looking.ask(name, **first)
        assert not looking.box.is_spent
        assert looking.ask(name, **again)["error"]
        assert looking.box.is_spent


def test_claims_can_cite_what_was_told():
    """By its id, with its numbers and names, and no others."""
    looking = Looking()
    looking.ask("profile_diff", seconds=20)
    looking.ask("call_tree", row=looking.row("raw_decode"))
    table, names = looking.after, looking.names
    assert is_verified("fn_1 rose from 10 % to 60 % within 20 s.", ["Q1"], table, names)
    assert not is_verified("fn_1 rose from 10 % to 70 %.", ["Q1"], table, names)
    assert not is_verified("fn_7 rose to 60 %.", ["Q1"], table, names)
    assert not is_verified("fn_1 rose from 10 % to 60 %.", ["Q3"], table, names)
    main = names.function(MAIN.function, MAIN.file)
    assert is_verified(f"raw_decode is only reached through {main}.", ["Q2"], table, names)
    assert not is_verified("raw_decode rose to 60 %.", ["Q1"], table, names)


def test_the_tools_are_described_as_they_are():
    """Each described tool answers; each argument that it takes is described."""
    assert [tool["name"] for tool in TOOLS] == list(Looking().box._tools)
    for tool in TOOLS:
        looking = Looking()
        known = {"row": "E1" if "metric" in tool["name"] else "P1", "seconds": 20}
        wanted = tool["input_schema"]["properties"]
        assert looking.ask(tool["name"], **{k: known[k] for k in wanted})["id"] == "Q1"


_ANY = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.integers(),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=4,
)


_SECONDS = [5, 5.0, 1e300, 5e-324, 1e-9, 10**400, -(10**400), math.inf, math.nan, True, "5"]
_PICTURE = steady()
_ROWS = ["E1", "e1", "[E1]", "P1", "p1", " [P1] ", ["P1"], "P9" * 9, "", 10**400, None]


@given(
    st.lists(
        st.tuples(
            st.sampled_from([str(tool["name"]) for tool in TOOLS]),
            st.fixed_dictionaries(
                {},
                optional={
                    "row": st.sampled_from(_ROWS) | _ANY,
                    "seconds": st.sampled_from(_SECONDS) | st.floats() | st.integers(),
                    "x": st.booleans(),
                },
            ),
        ),
        max_size=MOST_LOOKS + 1,
    )
)
def test_any_arguments_have_an_answer(calls: list[tuple[str, dict[str, Any]]]):
    """A model can write anything: each call gets a result, which is JSON, and no secret; and no
    look is made twice."""
    looking = Looking(_PICTURE)
    told = [looking.ask(name, **arguments) for name, arguments in calls]
    looks = [json.dumps(one | {"id": ""}) for one in told if "id" in one]
    assert len(looks) == len(set(looks)) <= MOST_LOOKS


@pytest.mark.parametrize(
    ("seconds", "meant"),
    [(10**400, 300.0), (math.inf, 300.0), (5e-324, 1.0), (0.3, 1.0), (20, 20.0)],
    ids=["no float", "no end", "next to nothing", "less", "as asked"],
)
def test_seconds_are_held_to_the_span(seconds: float, meant: float):
    """However long or short they are: a second at least, and the span at most."""
    assert Looking().ask("metric_window", row="E1", seconds=seconds)["seconds"] == meant


def test_numbers_too_large_for_their_mean():
    """A page may have such; what JSON has no number for is not told."""
    looking = Looking(snapshot(series_=[series("big", 1.7e308, 1.7976931348623157e308)]))
    told = looking.ask("metric_window", row="E1", seconds=60)
    assert (told["mean"], told["max"]) == (None, None)
    table, names = looking.after, looking.names
    assert not is_verified("It is 77 percent.", ["Q1"], table, names)
    assert not is_verified("It is 777.", ["Q1"], table, names)


def test_the_state_of_an_objective_is_the_local_one():
    """What the model has said before of the same objective knows of no breach."""
    broken = replace(local(P99, None), state=ForecastState.IN_BREACH)
    own = replace(local(P99, 0.3), by="claude-haiku-5-5")
    for forecasts in ([broken, own], [own, broken]):
        told = Looking(snapshot(forecasts=forecasts)).ask("alert_rules")
        assert [one["state"] for one in told["objectives"]] == ["in_breach", "unknown"]
