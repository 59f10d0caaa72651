"""Claims are held to their evidence: rows, numbers and names."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llm_samples import NOW, answer_text, snapshot

from perftui.advisor import prompt
from perftui.advisor.answer import as_forecast, parse
from perftui.advisor.claims import is_verified
from perftui.advisor.evidence import Facts, facts
from perftui.advisor.patterns import shipped
from perftui.advisor.redact import Pseudonyms
from perftui.model.findings import Finding, Forecast, Mitigation

JSON_COST = next(pattern for pattern in shipped() if pattern.name == "json-cost")
FOUND = Finding(
    "json-cost",
    JSON_COST.says,
    (),
    tuple(Mitigation(one.action, one.why, one.risk, listed=True) for one in JSON_COST.try_),
    JSON_COST.check,
    is_shipped=True,
)


def table(*findings: Finding) -> tuple[Facts, Pseudonyms]:
    """The rows that a model was sent, and the names in them.

    P1 is fn_1 with 40 %, P2 json.decoder.raw_decode with 20 %, P3 sqlalchemy's execute with 10 %;
    E1 is rss_used, 42 % and rising by 6 a minute, E2 p99, 0.4 s; F1 is p99's: 31 %, usually 3 %.
    """
    made, names = facts(replace(snapshot(), findings=findings)), Pseudonyms()
    prompt.request(made, names, "claude-haiku-5-5")
    return made, names


def answered(claims: list[tuple[str, list[str]]], **more: object) -> Forecast:
    made, names = table(FOUND)
    texts = [{"text": text, "evidence": cited} for text, cited in claims]
    forecast = as_forecast(
        parse(answer_text(claims=texts[:8], **more)), made, names, by="m", made_at=NOW
    )
    assert forecast is not None
    return forecast


TRUE = [
    ("fn_1 is the hottest function, on top in 40 % of the looks.", ["P1"]),
    ("json.decoder.raw_decode takes 20% and grows with p99, now 400 ms of 500 ms.", ["P2", "E2"]),
    ("rss_used is at 42 % and rises by 6 a minute.", ["E1"]),
    ("The local forecast says 31 % within 15 min, ten times the usual 3 %.", ["F1"]),
    ("JSON costs much, as raw_decode shows.", ["H1", "P2"]),
    ("execute is one of 3 functions on top.", ["P3"]),
]
FALSE = [
    ("fn_1 takes 85 % of the time.", ["P1"]),  # a number that is not its row's
    ("The disk is slow.", ["E77"]),  # a row that is not there
    ("fn_9 is the reason.", ["P1"]),  # a function that is not there
    ("The network is slow.", []),  # nothing is cited
]


def test_of_ten_claims_exactly_the_four_wrong_ones_are_marked():
    """Each of them is wrong in another way."""
    marks = [answered([claim]).claims[0].verified for claim in (*TRUE, *FALSE)]
    assert marks == [True] * len(TRUE) + [False] * len(FALSE)


@pytest.mark.parametrize(
    ("text", "cited", "verified"),
    [
        ("It is 0.4 s.", ["E2"], True),
        ("It is 400 ms.", ["E2"], True),
        ("It is 0.41 s.", ["E2"], False),
        ("It is 4 s.", ["E2"], False),
        ("It is 42 %.", ["E2"], False),  # true of another row
        ("It is 42 %.", ["E1", "E2"], True),
        ("p99 is the 99th percentile.", ["E2"], True),
        ("It breaches 0.5 s for 60 s.", ["E2"], True),
        ("It rises by 0.1 s a minute.", ["E1"], False),
        ("fn_1 is a name, and E1 is a row.", ["P1"], True),
        ("p99 is 400 s.", ["E2"], False),
        ("p99 is 400 hours.", ["E2"], False),
        ("p99 is 0.4 h.", ["E2"], False),
        ("p99 is 400000 ms.", ["E2"], False),
        ("fn_1 takes 0.4 % of the time.", ["P1"], False),
        ("The chance is 0.31 %.", ["F1"], False),
        ("p99 rose to 9e9 s.", ["E2"], False),
        ("p99 is 5m30s.", ["E2"], False),
        ("p99 is .85 s.", ["E2"], False),
        ("RSS is 9 TB.", ["E1"], False),
        ("There are 12 errors.", ["E1"], False),
        ("queue_depth grows.", ["P1"], False),
        ("It went 20 % → 40 %.", ["P1", "P2"], True),
        ("Call gc.collect() once.", ["H1"], False),
        ("m_3 is a metric.", ["E1"], False),
        ("decoder.raw_decode is hot.", ["P2"], True),
        ("encoder.raw_decode is hot.", ["P2"], False),
        ("raw_decode() is hot.", ["P2"], True),
        ("os.fsync is hot.", ["P2"], False),
        ("sleep() is hot, e.g. often.", ["P2"], False),
        ("The usual chance is 0.03.", ["F1"], True),
        ("A pattern holds.", ["H1"], True),
        ("Another pattern holds.", ["H2"], False),
    ],
)
def test_numbers_and_names(text: str, cited: list[str], verified: bool):
    """Numbers in the ways in which people write them; names whole, or the parts of their ends."""
    assert is_verified(text, cited, *table(FOUND)) is verified


def test_a_mitigation_is_listed_where_a_pattern_proposes_it():
    """Word for word, but for case and punctuation."""
    [action, *_] = [one.action for one in FOUND.mitigations]
    listed = answered(
        [], mitigations=[{"action": action.upper() + "."}, {"action": "kill -9 everything"}]
    ).mitigations
    assert [one.listed for one in listed] == [True, False]


def test_the_patterns_that_hold_are_hypotheses_of_the_request():
    """Shipped ones, in perftui's own words; the user's own words stay on the host."""
    secret = Mitigation("restart s3cr3tword", "", "")
    own = replace(FOUND, name="mine", says="s3cr3tword is slow", is_shipped=False)
    changed = replace(FOUND, check="ask s3cr3tword", mitigations=(secret,), is_shipped=False)
    odd = replace(changed, is_shipped=True)
    for findings in ((own, changed), (own, changed, odd)):
        made, names = table(*findings)
        request = prompt.request(made, names, "claude-haiku-5-5")
        assert "s3cr3tword" not in json.dumps(request.parameters)
    assert json.loads(request.content)["patterns"] == [{"id": "H1", "pattern": FOUND.name}]
    for word in (FOUND.says, FOUND.check, *(one.action for one in FOUND.mitigations)):
        assert word in request.system


@given(st.text(max_size=200), st.lists(st.sampled_from(["E1", "P1", "F1", "H1", "X9"]), max_size=3))
def test_any_text_is_verified_or_not(text: str, cited: list[str]):
    """Nothing is raised, however odd its numbers are."""
    assert is_verified(text, cited, *table(FOUND)) in (True, False)
