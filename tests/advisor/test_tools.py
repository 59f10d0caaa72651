"""What a model may look at beyond the table, and what it is told."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llm_samples import JSON, MAIN, NOW, OWN, SECRET, SITE, series, snapshot, window

from perftui.advisor.claims import is_verified
from perftui.advisor.evidence import Facts, facts
from perftui.advisor.redact import Pseudonyms
from perftui.advisor.reply import ToolCall
from perftui.advisor.tools import MOST_LOOKS, TOOLS, Toolbox
from perftui.model.event import Event, EventKind
from perftui.model.snapshot import Snapshot
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
    assert {name for look in looking.box.looks for name in look.names} == {"fn_1"}


def test_the_objectives_and_alerts():
    """By public names; an alert's own name stays here."""
    alert = Event(NOW - 40, EventKind.ALERT, f"{SECRET} is slow", SECRET)
    over = Event(NOW - 90, EventKind.ALERT, "x", "y", NOW - 50)
    told = Looking(replace(steady(), events=(over, alert))).ask("alert_rules")
    assert told["alerts"] == [{"alert": "alert_1", "firing_s": 40.0}]
    assert told["objectives"][0] == {
        "metric": "p99",
        "breach": "above",
        "threshold": 0.5,
        "hold_s": 60.0,
        "state": "ok",
    }


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
    """A repeat is refused, however its arguments are ordered, and ends the looking."""
    looking = Looking()
    assert "id" in looking.ask("metric_window", row="E1", seconds=30)
    assert not looking.box.is_spent
    assert looking.ask("metric_window", seconds=30, row="E1")["error"]
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


@given(
    st.sampled_from([str(tool["name"]) for tool in TOOLS]),
    st.dictionaries(
        st.sampled_from(["row", "seconds", "x"]), _ANY | st.sampled_from(["E1", "P1", 5])
    ),
)
def test_any_arguments_have_an_answer(name: str, arguments: dict[str, Any]):
    """A model can write anything: it gets a result, which is JSON, and no secret."""
    Looking().ask(name, **arguments)
