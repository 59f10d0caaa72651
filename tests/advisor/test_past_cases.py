"""Similar past cases in the evidence: what is told of them, and what may be claimed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from llm_samples import NOW, P99, SECRET, answer_text, local, snapshot, windows
from llm_standin import StandIn, message
from test_advisor import ask, running

from perftui.advisor.claims import is_verified
from perftui.advisor.drafts import Drafts
from perftui.advisor.evidence_text import evidence
from perftui.forecast.keeping import FILE, identity
from perftui.forecast.log import ForecastLog
from perftui.forecast.outcome import Outcome
from perftui.model.findings import EvidenceKind, Forecast
from perftui.model.past import PastCase
from perftui.model.question import Question
from perftui.model.series import Origin, SeriesKey
from perftui.model.verdict import Decision, Item, Verdict
from perftui.monitor import Monitor
from perftui.settings import LlmSettings, Settings, ShareSettings

ITEM = Item("local", P99, (), "", NOW - 86_400, 0.33)
SAID = Verdict(ITEM, Decision.REJECTED, NOW - 86_400, NOW, f"{SECRET} again, see web-12")
CASES = (
    PastCase(NOW - 86_400, 0.33, True, NOW - 86_360, SAID),
    PastCase(NOW - 7_200, 0.28, False),
    PastCase(NOW - 172_800, 0.4, True),
    PastCase(NOW - 259_200, 0.35, True, NOW - 259_210),
)


def cases(now: Forecast) -> tuple[PastCase, ...]:
    assert (now.objective, now.by) == (P99, "local")
    return CASES


def test_the_model_is_told_of_similar_cases():
    """With what came of each and what a person decided; the note, a person's own words, stays here
    whatever is shared, and is shown on the screen."""
    every = ShareSettings(**dict.fromkeys(ShareSettings.__struct_fields__, True))
    drafts = Drafts(LlmSettings(share=every), cases=cases)
    table = drafts.table(snapshot(), drafts.names)
    request = drafts.request(table, drafts.names)
    assert json.loads(request.content)["cases"] == [
        {
            "id": "C1",
            "s_ago": 86_400,
            "said": 0.33,
            "breach": True,
            "s_to_onset": 40,
            "person": "rejected",
        },
        {"id": "C2", "s_ago": 7_200, "said": 0.28, "breach": False, "s_to_onset": None},
        {"id": "C3", "s_ago": 172_800, "said": 0.4, "breach": True, "s_to_onset": None},
        {"id": "C4", "s_ago": 259_200, "said": 0.35, "breach": True, "s_to_onset": 0},
    ]
    assert "web-12" not in request.body
    shown = [row.text for row in evidence(table) if row.kind is EvidenceKind.CASE]
    assert shown == [
        "24 h ago the local forecast said 33%: a breach came 40 s later, a person rejected it: "
        f"{SECRET} again, see web-12",
        "2 h ago the local forecast said 28%: no breach came",
        "2 d ago the local forecast said 40%: a breach came",
        "3 d ago the local forecast said 35%: a breach came",
    ]


@pytest.mark.parametrize(
    ("text", "cited", "verified"),
    [
        ("A day ago it said 33 %, and a breach came after 40 s.", "C1", True),
        ("24 h ago it said 33 %.", "C1", True),
        ("It said 28 % 2 h ago, and no breach came.", "C2", True),
        ("It said 33 % then.", "C2", False),
        ("The breach came after 10 min.", "C1", False),
        ("It said so before.", "C5", False),
        ("fn_1 was hot then.", "C1", False),
    ],
)
def test_claims_are_held_to_cases(text, cited, verified):
    """Their numbers alone, and they name nothing."""
    drafts = Drafts(LlmSettings(), cases=cases)
    table = drafts.table(snapshot(), drafts.names)
    drafts.request(table, drafts.names)
    assert is_verified(text, [cited], table, drafts.names) is verified


def test_a_question_of_a_person_has_none():
    """Nothing is forecast there."""
    drafts = Drafts(LlmSettings(), cases=cases)
    assert drafts.table(snapshot(), drafts.names, Question()).cases == ()


def test_cases_make_room_like_other_rows():
    """The table has its bound with them, too."""
    many = [PastCase(NOW - 1000 * n, 0.31, True, NOW - 1000 * n + 123.456) for n in range(1, 300)]
    drafts = Drafts(LlmSettings(), cases=lambda _: many)
    table = drafts.table(snapshot(), drafts.names)
    assert 10 < len(table.cases) < 300
    assert len(drafts.request(table, drafts.names).content) <= 5000


def test_what_the_log_holds_is_sent(tmp_path: Path):
    """From the state file of the monitor to the server, as `v` shows it."""
    picture = snapshot(windows_=windows(5), forecasts=[local(P99, 0.31, series_unit="s")])
    log = ForecastLog(tmp_path / FILE)
    question = log.question(identity(picture.target), P99, SeriesKey("p99", Origin.PROMETHEUS, "s"))
    log.write(question, NOW - 5000, {"local": 0.3})
    log.resolve(question, [Outcome(NOW - 5000, False)], NOW - 4000)
    log.close()
    monitor = Monitor(picture.target, Settings(), env={}, clock=lambda: NOW, state=tmp_path)
    with (
        StandIn(message(answer_text())) as server,
        running(
            server.env, picture=lambda: picture, cases=monitor._keeping.cases, ledger=None
        ) as advisor,
    ):
        shown = advisor.sent().now
        ask(advisor)
    assert server.bodies[0].decode() == shown
    [case] = json.loads(server.requests[0]["messages"][0]["content"])["cases"]
    assert case == {"id": "C1", "s_ago": 5000, "said": 0.3, "breach": False, "s_to_onset": None}
    monitor.latest = picture
    assert '\\"C1\\"' in monitor.advisor.sent().now
