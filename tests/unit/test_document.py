from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from builders import (
    MAIN,
    NOW,
    P99,
    forecast,
    run_of_windows,
    series,
    snapshot,
    stack,
    status,
    window,
)
from builders import target as process
from hypothesis import given
from hypothesis import strategies as st

from perftui.model.document import document
from perftui.model.event import Event, EventKind
from perftui.model.findings import (
    Claim,
    Evidence,
    EvidenceKind,
    Finding,
    ForecastState,
    LlmState,
    LlmStatus,
    Mitigation,
)
from perftui.model.objective import Objective
from perftui.model.offer import Offer, OfferKind
from perftui.model.series import Origin, SeriesKey, Unavailable
from perftui.model.snapshot import Snapshot, SourceState
from perftui.model.stacks import Frame, Mode, Stack, Thread, Window
from perftui.model.target import TargetState

# The keys as DESIGN.md names them, with events, and why a metric has no value; a list holds the
# keys of its entries.
KEYS: dict[str, Any] = {
    "schema": None,
    "taken_at": None,
    "target": "pid name cmdline python state started_at host container children",
    "profile": (
        "seconds rate_hz mode expected_ticks samples errors coverage stopped_pct cut_pct "
        "sampler_cpu_pct gil_pct active_pct functions threads"
    ),
    "metrics": ["name source labels unit value at objective why"],
    "events": ["at until kind about text"],
    "forecasts": [
        "id objective state probability horizon_s by made_at expires_at base_rate record summary "
        "evidence claims mitigations disconfirming_check"
    ],
    "findings": ["name text evidence mitigations disconfirming_check"],
    "sources": ["name state since message"],
    "offers": ["kind name option"],
    "llm": "state model cost_usd month_usd cap_usd",
}
FUNCTION_KEYS = {
    "pid",
    "function",
    "file",
    "line",
    "own_pct",
    "own_margin",
    "total_pct",
    "own_samples",
    "total_samples",
    "baseline_own_pct",
}
THREAD_KEYS = {"pid", "tid", "name", "active_pct", "gil_pct"}
FORECAST_PARTS = {
    "evidence": {"id", "kind", "text", "value", "unit"},
    "claims": {"text", "evidence", "verified"},
    "mitigations": {"action", "why", "risk", "listed"},
}
HOSTILE = 'a"\\\n[/red]\x1b\u202e\udc80表'


def full() -> Snapshot:
    """A snapshot in which everything is there."""
    return snapshot(
        windows=run_of_windows(
            3, {"main work": 40, "main": 2}, sampler_cpu_s=0.1, cut=2, stopped_s=0.02
        ),
        series=[series("p99", [0.1, 0.4], unit="s", origin=Origin.SCRAPE, labels=(("a", "b"),))],
        objectives=(P99,),
        forecasts=[
            forecast(
                probability=0.84,
                base_rate=0.03,
                record="so so",
                summary="rising",
                evidence=(Evidence("E1", EvidenceKind.METRIC, "p99 rises", 0.4, "s"),),
                claims=(Claim("it rises", ("E1",), True),),
                mitigations=(Mitigation("wait", "it may pass", "none", True),),
                disconfirming_check="look again",
            )
        ],
        sources=[status("py-spy", message="fine")],
        children=(4776, 4777),
        llm=LlmStatus(LlmState.OK, model="m", cost_usd=0.31, month_usd=1.25, cap_usd=50.0),
        events=(Event(NOW - 9, EventKind.BREACH, "p99 > 0.5", "p99", NOW - 4),),
        offers=(Offer(OfferKind.PACK, "python"),),
        findings=(
            Finding(
                "json-cost",
                "Much goes into JSON.",
                (Evidence("S1", EvidenceKind.PROFILE, "loads is at 40 %", 40.0, "%"),),
                (Mitigation("wait", "it may pass", "none", True),),
            ),
        ),
    )


def test_the_document_has_exactly_the_designs_keys():
    """At every level the keys are those of the design, none more and none less."""
    made = document(full())
    assert set(made) == set(KEYS)
    for name, keys in KEYS.items():
        if isinstance(keys, str):
            assert set(made[name]) == set(keys.split()), name
        elif isinstance(keys, list):
            assert len(made[name]) == 1
            assert set(made[name][0]) == set(keys[0].split()), name
    assert {frozenset(row) for row in made["profile"]["functions"]} == {frozenset(FUNCTION_KEYS)}
    assert {frozenset(row) for row in made["profile"]["threads"]} == {frozenset(THREAD_KEYS)}
    for name, keys in FORECAST_PARTS.items():
        assert [set(part) for part in made["forecasts"][0][name]] == [keys]


def test_the_documents_values():
    """Each value is the snapshot's own."""
    made = document(full())
    assert (made["schema"], made["taken_at"]) == ("perftui/1", NOW)
    assert made["target"] == {
        "pid": 4775,
        "name": "checkout",
        "cmdline": ["python", "checkout.py"],
        "python": "3.11.7",
        "state": "running",
        "started_at": NOW - 11520,
        "host": "web-12",
        "container": None,
        "children": [4776, 4777],
    }
    assert made["metrics"] == [
        {
            "name": "p99",
            "source": "scrape",
            "labels": {"a": "b"},
            "unit": "s",
            "value": 0.4,
            "at": NOW,
            "objective": "p99 > 0.5 for 10s",
            "why": None,
        }
    ]
    assert made["events"] == [
        {"at": NOW - 9, "until": NOW - 4, "kind": "breach", "about": "p99", "text": "p99 > 0.5"}
    ]
    assert made["sources"] == [
        {"name": "py-spy", "state": "ok", "since": NOW - 5, "message": "fine"}
    ]
    assert made["findings"] == [
        {
            "name": "json-cost",
            "text": "Much goes into JSON.",
            "evidence": [
                {
                    "id": "S1",
                    "kind": "profile",
                    "text": "loads is at 40 %",
                    "value": 40.0,
                    "unit": "%",
                }
            ],
            "mitigations": [
                {"action": "wait", "why": "it may pass", "risk": "none", "listed": True}
            ],
            "disconfirming_check": None,
        }
    ]
    assert made["llm"] == {
        "state": "ok",
        "model": "m",
        "cost_usd": 0.31,
        "month_usd": 1.25,
        "cap_usd": 50.0,
    }
    assert made["forecasts"] == [
        {
            "id": "local:p99 > 0.5 for 10s",
            "objective": "p99 > 0.5 for 10s",
            "state": "ok",
            "probability": 0.84,
            "horizon_s": 60.0,
            "by": "local",
            "made_at": NOW,
            "expires_at": NOW + 60,
            "base_rate": 0.03,
            "record": "so so",
            "summary": "rising",
            "evidence": [
                {"id": "E1", "kind": "metric", "text": "p99 rises", "value": 0.4, "unit": "s"}
            ],
            "claims": [{"text": "it rises", "evidence": ["E1"], "verified": True}],
            "mitigations": [
                {"action": "wait", "why": "it may pass", "risk": "none", "listed": True}
            ],
            "disconfirming_check": "look again",
        }
    ]


def test_the_documents_profile():
    """The profile is that of the span that the snapshot holds."""
    made = document(replace(full(), since=NOW - 3))["profile"]
    functions, threads = made.pop("functions"), made.pop("threads")
    assert made == {
        "seconds": 3,
        "rate_hz": 100,
        "mode": "blocking",
        "expected_ticks": 300,
        "samples": 126,
        "errors": 0,
        "coverage": 1,
        "stopped_pct": pytest.approx(2.0),
        "cut_pct": pytest.approx(100 * 6 / 126),
        "sampler_cpu_pct": pytest.approx(10),
        "gil_pct": None,
        "active_pct": 42,
    }
    assert [(f["function"], f["pid"], f["line"]) for f in functions] == [
        ("work", 4775, 1),
        ("main", 4775, 1),
    ]
    assert [(f["own_pct"], f["total_pct"]) for f in functions] == [(40, 40), (2, 42)]
    assert threads == [
        {"pid": 4775, "tid": 1, "name": "MainThread", "active_pct": 42, "gil_pct": None}
    ]


def test_what_is_not_known_is_null():
    """Before anything was seen there are no zeros in place of figures."""
    made = document(snapshot(forecasts=[forecast(state=ForecastState.LEARNING)]))
    unknown = (
        "rate_hz mode expected_ticks samples errors coverage stopped_pct cut_pct sampler_cpu_pct "
        "gil_pct active_pct"
    )
    assert {name: made["profile"][name] for name in unknown.split()} == dict.fromkeys(
        unknown.split()
    )
    said = made["forecasts"][0]
    for name in ("probability", "base_rate", "record", "summary", "disconfirming_check"):
        assert said[name] is None, name
    assert made["llm"]["month_usd"] is None
    python = document(snapshot(target=process(python=None)))["target"]["python"]
    assert python is None


def test_a_metric_without_objective_has_null():
    """Only a metric that has an objective names one."""
    made = document(snapshot(series=[series("cpu", [1])], objectives=(P99,)))
    assert made["metrics"][0]["objective"] is None


@pytest.mark.parametrize("mode", list(Mode))
def test_modes(mode: Mode):
    """The mode is one of the three words of the design."""
    made = document(snapshot(windows=run_of_windows(2, {"main": 1}, mode=mode)))["profile"]
    assert made["mode"] == mode.value
    assert mode.value in ("blocking", "nonblocking", "gil")


@pytest.mark.parametrize("state", list(TargetState))
def test_target_states(state: TargetState):
    """The target's state is one of the four words of the design."""
    made = document(snapshot(target_state=state))
    assert made["target"]["state"] == state.value
    assert state.value in ("running", "exited", "stopped", "lost")


def test_a_failed_source_says_why():
    """A source that failed says since when and why."""
    made = document(snapshot(sources=[status("prometheus", SourceState.FAILED, "refused")]))
    assert made["sources"] == [
        {"name": "prometheus", "state": "failed", "since": NOW - 5, "message": "refused"}
    ]


def test_hostile_names_are_json():
    """Names of the target are data: any text, lone surrogates too, is written and read back."""
    hostile_stack = Stack((Frame(HOSTILE, HOSTILE, 1),))
    seen = replace(
        full(),
        target=process(name=HOSTILE, cmdline=(HOSTILE,), host=HOSTILE),
        windows=(Window(NOW - 1, NOW, 100, Mode.BLOCKING, {(MAIN, hostile_stack): 1}),),
        series=(series(HOSTILE, [1], labels=((HOSTILE, HOSTILE),)),),
    )
    text = json.dumps(document(seen), allow_nan=False)
    text.encode("ascii")
    made = json.loads(text)
    assert made["target"]["name"] == HOSTILE
    assert made["profile"]["functions"][0]["function"] == HOSTILE
    assert made["metrics"][0]["labels"] == {HOSTILE: HOSTILE}


@given(
    st.dictionaries(
        st.lists(st.text(st.characters(), min_size=1), min_size=1, max_size=4).map(tuple),
        st.integers(1, 50),
        max_size=20,
    )
)
def test_nothing_is_rounded_away(counts: dict[tuple[str, ...], int]):
    """Every sample is own of exactly one row, however small its share."""
    stacks = {
        (MAIN, Stack(tuple(Frame(name, "f", 1) for name in names))): n
        for names, n in counts.items()
    }
    made = document(snapshot(windows=[Window(NOW - 1, NOW, 1e6, Mode.BLOCKING, stacks)]))
    profile = made["profile"]
    assert sum(row["own_samples"] for row in profile["functions"]) == sum(counts.values())
    assert profile["samples"] == sum(counts.values())
    assert all(row["own_pct"] > 0 for row in profile["functions"] if row["own_samples"])
    json.dumps(made, allow_nan=False)


def test_a_window_of_no_length_is_json():
    """Samples of a moment without length have no share, and no infinite margin either."""
    made = document(snapshot(windows=[window(NOW, NOW, {"main": 1})]))
    json.dumps(made, allow_nan=False)


def test_processes_are_rows_of_their_own():
    """A function in two processes is two rows with their process ids."""
    stacks = {
        (Thread(4775, 1, "a"), stack("main")): 3,
        (Thread(4776, 2, "b"), stack("main")): 5,
    }
    made = document(snapshot(windows=[Window(NOW - 1, NOW, 100, Mode.BLOCKING, stacks)]))
    rows = [(row["pid"], row["own_samples"]) for row in made["profile"]["functions"]]
    assert rows == [(4776, 5), (4775, 3)]


def test_the_objective_says_its_threshold_as_it_is():
    """A threshold in bytes is not rounded to six digits."""
    objective = Objective("rss", 1234567890)
    made = document(snapshot(series=[series("rss", [1])], objectives=(objective,)))
    assert made["metrics"][0]["objective"] == "rss > 1234567890 for 1m"


def test_a_metric_that_cannot_be_had():
    """It has no value, and says why; what an event is about is null where it is about nothing."""
    denied = Unavailable(SeriesKey("uss", Origin.PROCESS, "B"), "not permitted")
    made = document(snapshot(unavailable=(denied,), events=(Event(NOW, EventKind.NOTE, "hm"),)))
    assert made["metrics"] == [
        {
            "name": "uss",
            "source": "process",
            "labels": {},
            "unit": "B",
            "value": None,
            "at": None,
            "objective": None,
            "why": "not permitted",
        }
    ]
    assert made["events"] == [
        {"at": NOW, "until": None, "kind": "note", "about": None, "text": "hm"}
    ]
