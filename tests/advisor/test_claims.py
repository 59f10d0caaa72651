"""Claims are held to their evidence: rows, numbers and names."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llm_samples import JSON, MAIN, NOW, P99, answer_text, local, series, snapshot, window

from perftui.advisor import prompt
from perftui.advisor.answer import as_forecast, parse
from perftui.advisor.claims import is_verified
from perftui.advisor.evidence import facts
from perftui.advisor.patterns import shipped
from perftui.advisor.redact import Pseudonyms
from perftui.advisor.rows import Facts
from perftui.model.event import Event, EventKind
from perftui.model.findings import Finding, Forecast, Mitigation
from perftui.model.series import Origin
from perftui.model.stacks import Frame
from perftui.settings import ShareSettings

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


def shop() -> tuple[Facts, Pseudonyms]:
    """Rows with names of one's own.

    P1 is billing.charge with 41 %, 12 % before, 410 samples; P2 queue.wait with 20 %; P3
    json.decoder.raw_decode with 8 %. E1 is p99, 0.412 s and rising by 0.06 s a minute; E2 errors
    with the code 500, 12; E3 queue_depth, 400; E4 rss, 431 MB; E5 io_read, 1.33 MB/s. F1 says 31 %
    within 15 min, usually 3 %. T1 was at work 69 % of the time. L1 is an alert 40 s ago.
    """
    charge, wait = Frame("charge", "/srv/billing.py", 88), Frame("wait", "/srv/queue.py", 7)
    recent = {(MAIN, charge): 41, (MAIN, wait): 20, (MAIN, JSON): 8}
    earlier = recent | {(MAIN, charge): 12}
    picture = snapshot(
        windows_=[window(NOW - n, recent if n < 10 else earlier) for n in reversed(range(60))],
        series_=[
            series("p99", 0.392, 0.402, 0.412, unit="s"),
            series("queue_depth", 400, 400, 400),
            series("rss", 4.31e8, 4.31e8, 4.31e8, unit="B"),
            series("io_read", 1.33e6, 1.33e6, 1.33e6, unit="B/s"),
            series("errors", 12, 12, 12, labels=(("code", "500"),)),
        ],
        forecasts=[local(P99, 0.31, series_unit="s")],
        objectives=[P99],
    )
    alert = Event(NOW - 40, EventKind.ALERT, "slow", "slow")
    made = facts(replace(picture, events=(alert,)))
    names = Pseudonyms(ShareSettings(function_names=True, labels=True))
    prompt.request(made, names, "claude-haiku-5-5")
    return made, names


@pytest.mark.parametrize(
    ("text", "cited"),
    [
        ("billing.charge takes 41 % of the time.", "P1"),
        ("charge() is hottest, with 41% on top of the stack.", "P1"),
        ("`charge` takes 41 percent of the samples now.", "P1"),
        ("charge is the hottest function, at about 41 %.", "P1"),
        ("json.decoder.raw_decode stays at 8%, far below charge with 41%.", "P3 P1"),
        ("raw_decode (8 %) is one of 3 functions on top.", "P3"),
        ("charge and the two other functions share the time.", "P1"),
        ("3 of 4 threads wait, as far as T1 shows.", "T1"),
        ("One thread was at work ~69 % of the time.", "T1"),
        ("p99 is at about 412 ms and rising.", "E1"),
        ("p99 is at 0.412, below the 0.5 threshold.", "E1"),
        ("p99 is 0.41 s; it rises by 0.06 s/min.", "E1"),
        ("p99 rises by 60 ms per minute, from a level of 412 ms.", "E1"),
        ("p99 grows by 1 ms each second.", "E1"),
        ("p99 (412ms) nears its limit of 500ms, held for 60s.", "E1"),
        ("p99 = 0.412 s >= 0.41 s.", "E1"),
        ("400 requests wait, by queue_depth.", "E3"),
        ("queue_depth stands at 400.", "E3"),
        ("queue_depth is flat at 400, while p99 rises to 412 ms.", "E3 E1"),
        ("rss is 431 MB, about 411 MiB.", "E4"),
        ("Memory is at 431, in MB.", "E4"),
        ("It reads 1.33 MB/s from disk.", "E5"),
        ("It reads 1.33 MB a second.", "E5"),
        ("There were 12 errors with code 500.", "E2"),
        ("There were 12 500 errors.", "E2"),
        ("The local forecast gives 31 % within 15 min.", "F1"),
        ("A breach within the 15-minute horizon has a 0.31 chance, ten times the usual one.", "F1"),
        ("Within PT15M a breach has a probability of 0.31.", "F1"),
        ("The chance is 31%, about 10x the base rate of 3%.", "F1"),
        ("The chance rose from 3 to 31 %.", "F1"),
        ("The chance is between 3 and 31 percent within 15m.", "F1"),
        ("Both functions in P1/P2 were there before; see P1–P3.", "P1 P2"),
        ("An alert fired 40 s ago.", "L1"),
        ("charge went 12%→41%, by +29 points.", "P1"),
        ("charge has 410 samples, and main calls it.", "P1"),
        ("errors is 12, as over 20 s before.", "E2"),
        ("charge has more than tripled.", "P1"),
        ("charge (**41 %**) is the one that rises.", "P1"),
        ("A breach lasts for one minute at least: 0.5 s for 1m.", "F1"),
        ("The p99 objective is 31 % likely to be breached.", "F1"),
        ("The top 3 are steady.", "P1"),
        ("The 3 hottest functions are steady.", "P1"),
        ("Threads wait for charge.", "P1"),
        ("A queue is where requests wait on charge.", "P1"),
    ],
)
def test_what_a_model_says_rightly(text: str, cited: str):
    """In its usual words, units and forms."""
    assert is_verified(text, cited.split(), *shop())


@pytest.mark.parametrize(
    ("text", "cited"),
    [
        ("p99 is 9.", "E1"),
        ("p99 rose to 5.", "E1"),
        ("p99 is at 7, and rising.", "E1"),
        ("p99 is at 7 and rising.", "E1"),
        ("p99 is 3 to 9 now.", "E1"),
        ("p99 rose to 5 as threads wait.", "E1"),
        ("p99 is two.", "E1"),
        ("p99 is one hour.", "E1"),
        ("p99 is nine seconds.", "E1"),
        ("p99 is four hundred minutes.", "E1"),
        ("p99 is forty-two minutes.", "E1"),
        ("p99 is a dozen times as high.", "E1"),
        ("p99 is ½ s.", "E1"),
        ("p99 is 四 s.", "E1"),
        ("p99 is ４１２ ms.", "E1"),
        ("p99 is 412³ ms.", "E1"),
        ("p99 is 412 %.", "E1"),
        ("p99 rose from 0.4 to 412 s.", "E1"),
        ("412 requests wait.", "E1"),
        ("41 cores are busy.", "P1"),
        ("The host has 41 cores.", "P1"),
        ("69 threads wait.", "T1"),
        ("5 requests wait.", "E3"),
        ("The two requests wait.", "E3"),
        ("It reads 13.3 MB/s.", "E5"),
        ("rss is 431 GB.", "E4"),
        ("There were 12 404 errors.", "E2"),
        ("The chance is 31x the base rate.", "F1"),
        ("Within PT20M a breach has a chance of 31 %.", "F1"),
        ("It breaches within 14m30s.", "F1"),
        ("It was 2026-11-26T23:00Z when p99 was 412 ms.", "E1"),
        ("charge is the culprit.", "P2"),
        ("`charge` is the culprit.", "P2"),
        ("billing.charge is the culprit.", "E1"),
        ("Charge holds the lock.", "P2"),
        ("The time goes to raw_decode.", "P1"),
        ("wait is the culprit.", "P1"),
        ("p99 follows queue_depth.", "E1"),
        ("`refund` is the culprit.", "P1"),
        ("P9 is the culprit.", "P1"),
    ],
)
def test_what_a_model_says_wrongly(text: str, cited: str):
    """A number that no row has, in any form; one of something that the row does not count; and a
    name of another row."""
    assert not is_verified(text, cited.split(), *shop())


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


def test_what_a_row_says_beside_its_value():
    """How far it is from before, its query's metrics, and how earlier forecasts turned out."""
    noisy = [1.0, 1.2, 0.8, 1.1, 0.9, 1.0, 1.2, 0.8, 3.0]
    picture = replace(
        snapshot(
            series_=[series("p99", *noisy, unit="s", origin=Origin.PROMETHEUS)],
            forecasts=[local(P99, 0.31, record="9 of the last 11 such warnings came true")],
        ),
        queries={"p99": "histogram_quantile(0.99, rate(http_seconds_bucket[1m]))"},
    )
    made, names = facts(picture), Pseudonyms()
    for text, cited, verified in (
        ("p99 is 9 sigmas from before.", "E1", True),
        ("p99 is 5 sigmas from before.", "E1", False),
        ("p99 served 9 requests.", "E1", False),
        ("http_seconds_bucket feeds p99.", "E1", True),
        ("other_seconds_bucket feeds p99.", "E1", False),
        ("9 of 11 such warnings came true.", "F1", True),
        ("9 of 12 such warnings came true.", "F1", False),
    ):
        assert is_verified(text, [cited], made, names) is verified, text


@pytest.mark.parametrize(
    ("text", "cited"),
    [
        ("p99 has doubled.", "E1"),
        ("charge takes half of the time.", "P1"),
        ("charge takes about 1/2 of the time.", "P1"),
        ("charge takes a third of the time.", "P1"),
        ("charge takes three quarters.", "P1"),
        ("p99 is twice what it was.", "E1"),
        ("p99 has halved.", "E1"),
        ("p99 rose tenfold.", "E1"),
        ("p99 is a hundredth of a second.", "E1"),
        ("p99 is zero.", "E1"),
        ("p99 is 0 s.", "E1"),
        ("p99 is 1 s.", "E1"),
        ("OrderService is hot.", "P1"),
        ("charge\ufffd is hot.", "P1"),
    ],
)
def test_a_number_in_other_words_is_one_all_the_same(text, cited):
    """Shares and ratios in words; what is rounded away; a class that is not there; and what cannot
    be seen."""
    assert is_verified(text, [cited], *shop()) is False


def test_shares_in_words_are_read():
    """Where they are what the row says."""
    stacks = {(MAIN, JSON): 50, (MAIN,): 25}
    made = facts(snapshot(windows_=[window(NOW - n, stacks) for n in reversed(range(9))]))
    assert is_verified("raw_decode takes half of the time.", ["P1"], made, Pseudonyms())
    assert is_verified("A quarter is spent in fn_1.", ["P2"], made, Pseudonyms())
    assert not is_verified("A quarter is spent in raw_decode.", ["P1"], made, Pseudonyms())


def test_the_risk_of_a_listed_action_is_the_known_one():
    """A model cannot make it harmless; of what is on no list its own word stands."""
    restart = "restart one instance and watch its memory beside the others"
    [listed, other] = answered(
        [],
        mitigations=[
            {"action": restart.upper(), "why": "", "risk": "none at all"},
            {"action": "Reboot.", "why": "", "risk": "none at all"},
        ],
    ).mitigations
    assert (listed.listed, listed.risk) == (True, "drops its requests in flight")
    assert (other.listed, other.risk) == (False, "none at all")
