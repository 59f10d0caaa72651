from __future__ import annotations

from dataclasses import replace

import pytest
from builders import NOW, P99, forecast, snapshot

from perftui.model.findings import (
    Claim,
    Evidence,
    EvidenceKind,
    Finding,
    Forecast,
    ForecastState,
    LlmState,
    LlmStatus,
    Mitigation,
)
from perftui.model.objective import Objective
from perftui.model.verdict import Decision, Item, Verdict
from perftui.tui.forecast_view import Line, forecast_lines, question_of

NO_RECORD = Line("no record yet: the first is checked after 1 min", "quiet")
OFF = Line("LLM off", "quiet")


def lines(*forecasts: Forecast, **more: object) -> list[Line]:
    """The pane, without what a person can decide on."""
    found = forecast_lines(snapshot(forecasts=forecasts, **more))
    return [replace(line, item=None) for line in found]


def llm_lines(**more: object) -> list[Line]:
    """What stands below the local forecasts."""
    return lines(llm=LlmStatus(**more))[2:]


def test_before_the_first_forecast():
    """Until there is a forecast the pane says that it learns, and what the LLM does."""
    assert lines() == [Line("local forecast: learning", "quiet"), Line(""), OFF]


def test_ok():
    """A forecast says chance, horizon and what is usual."""
    found = lines(forecast(probability=0.12, base_rate=0.03, series_unit="s"))
    assert found == [
        Line("p99 above 500 ms", "title"),
        Line("12 % within 1 min  (usually 3 %)"),
        NO_RECORD,
        Line(""),
        OFF,
    ]


def test_likely():
    """From an even chance on it is an alarm, by a sign as well as by colour."""
    found = lines(forecast(probability=0.5, summary="capped", record="9 of 11 came true"))
    assert found[1:5] == [
        Line("▲ 50 % within 1 min", "alarm"),
        Line("how usual that is shows after 2 min", "quiet"),
        Line("capped", "quiet"),
        Line("9 of 11 came true", "quiet"),
    ]
    assert lines(forecast(probability=0.499))[1].tone == ""


def test_in_breach():
    """In a breach it says for how long."""
    found = lines(forecast(state=ForecastState.IN_BREACH, since=NOW - 75))
    assert found[1] == Line("▲ in breach for 1m15s", "alarm")
    unknown = lines(forecast(state=ForecastState.IN_BREACH))
    assert unknown[1] == Line("▲ in breach for –", "alarm")


def test_learning():
    """While it learns it says how far it is, or what is missing."""
    found = lines(forecast(state=ForecastState.LEARNING, learned=12, needed=30))
    assert found[1] == Line("learning 12 of 30 points", "quiet")
    silent = lines(forecast(state=ForecastState.LEARNING, summary="no value of p99 yet"))
    assert silent[1] == Line("no value of p99 yet", "quiet")


def test_no_skill():
    """Without skill it shows the base rate, and says that it is one."""
    found = lines(
        forecast(
            state=ForecastState.NO_SKILL, probability=0.03, base_rate=0.03, summary="no signal"
        )
    )
    assert found[1:3] == [
        Line("3 % within 1 min  (usually 3 %)"),
        Line("no signal", "quiet"),
    ]
    nothing = lines(forecast(state=ForecastState.NO_SKILL))
    assert nothing[1] == Line("– within 1 min")


@pytest.mark.parametrize(
    ("age", "line"),
    [
        (10, NO_RECORD),
        (11, Line("made 11 s ago", "quiet")),
        (60, Line("made 1m00s ago", "quiet")),
        (61, Line("expired: made 1m01s ago", "alarm")),
    ],
)
def test_age(age: float, line: Line):
    """A forecast that is not new says its age, and past its horizon that it has expired."""
    found = lines(forecast(probability=0.1, made_at=NOW - age))
    assert found[-3] == line


def test_the_most_urgent_comes_first():
    """A breach goes before chances, the higher chance before the lower, learning comes last."""

    def one(metric: str, **more: object) -> Forecast:
        return forecast(Objective(metric, 1, label=metric), **more)

    found = lines(
        one("learning", state=ForecastState.LEARNING),
        one("low", probability=0.1),
        one("base", state=ForecastState.NO_SKILL, probability=0.9),
        one("high", probability=0.7),
        one("breach", state=ForecastState.IN_BREACH, since=NOW),
    )
    titles = [line.text for line in found if line.tone == "title"]
    assert titles == ["breach", "high", "low", "base", "learning"]
    assert found.index(OFF) < [line.text for line in found].index("high")


def test_hostile_text_is_made_harmless():
    """Text of a metric or a model reaches no terminal as it is."""
    found = lines(
        forecast(Objective("m\x1b", 1), probability=0.1, summary="a\x1b[2Jb"),
        forecast(by="mod\x1bel", probability=0.1, claims=(Claim("c\x1b", ("E\x1b",), True),)),
    )
    assert not any("\x1b" in line.text for line in found)


def test_advice():
    """What an LLM says comes with its evidence, its advice, and what would disprove it."""
    said = forecast(
        P99,
        by="claude",
        series_unit="s",
        probability=0.7,
        summary="parsing grows",
        evidence=(
            Evidence("P1", EvidenceKind.PROFILE, "parse_item 12 → 41 %", 41.2, "%"),
            Evidence("E2", EvidenceKind.METRIC, "rps", 10, ""),
            Evidence("E9", EvidenceKind.METRIC, "not cited", 1, ""),
        ),
        claims=(
            Claim("parsing costs more", ("P1", "E2"), True),
            Claim("the moon is full", (), False),
        ),
        record="it said 95%",
        mitigations=(
            Mitigation("cache it", "same items", "stale", listed=True),
            Mitigation("wait", "", ""),
        ),
        disconfirming_check="parse_item falls",
    )
    assert lines(said)[2:-2] == [
        Line("claude on p99 above 500 ms", "title"),
        Line("70 % within 1 min"),
        Line("it said 95%", "quiet"),
        Line("parsing grows"),
        Line("Why  parsing costs more (P1 E2)", indent=5),
        Line("Why  the moon is full (no evidence)  [unverified]", indent=5),
        Line("     1 of 2 claims unverified, 1 of 2 actions unlisted", indent=5),
        Line("Do   1 cache it: same items (risk: stale)", indent=5),
        Line("Do   2 wait  [unlisted]", indent=5),
        Line("Check parse_item falls", "quiet", indent=6),
        Line("P1  parse_item 12 → 41 %", "quiet", indent=4),
        Line("E2  rps", "quiet", indent=4),
    ]


def test_advice_without_a_number():
    """An LLM that does not commit itself is inconclusive; an old answer has expired."""
    said = forecast(by="claude", made_at=NOW - 100)
    assert lines(said)[3:5] == [
        Line("inconclusive", "quiet"),
        Line("expired: made 1m40s ago", "alarm"),
    ]


def test_a_chance_that_does_not_count_is_not_inconclusive():
    """It said one, which is told beside why it is not shown."""
    said = forecast(by="claude", said=0.6, record="it said 60%, which does not count: why")
    assert Line("it said 60%, which does not count: why", "quiet") in lines(said)
    assert Line("inconclusive", "quiet") not in lines(said)


def test_llm_off():
    """An LLM that is off says why, if there is a reason."""
    assert llm_lines() == [OFF]
    assert llm_lines(message="no key\nhere") == [Line("LLM no key here", "quiet")]


def test_llm_ok():
    """An LLM that works says when it answered, and what it has cost of the month's cap."""
    costs = {
        "call_usd": 0.0002,
        "cost_usd": 0.0125,
        "day_usd": 0.1,
        "month_usd": 0.3125,
        "projected_usd": 4.0,
        "cap_usd": 50.0,
    }
    found = llm_lines(state=LlmState.OK, model="claude", last_at=NOW - 40, **costs)
    assert found == [
        Line("claude  answered 40 s ago", "quiet"),
        Line(
            "$0.0002 the last call, $0.0125 this run, $0.10 in 24 h, $0.31 of $50.00 this month,"
            " $4.00 at this pace",
            "quiet",
        ),
    ]


def test_llm_is_being_asked():
    """While it is asked for the first time, it says both."""
    found = llm_lines(state=LlmState.OK, model="claude", calling=True, message="first call")
    assert found == [
        Line("claude  asking, Esc cancels… no answer yet", "quiet"),
        Line("first call", "quiet"),
    ]


@pytest.mark.parametrize(
    ("state", "word"), [(LlmState.FAILED, "FAILED"), (LlmState.CAPPED, "CAPPED")]
)
def test_llm_failed_or_capped(state: LlmState, word: str):
    """An LLM that cannot be used says since when and why."""
    found = llm_lines(state=state, model="claude", since=NOW - 90, message="429")
    assert found == [
        Line("claude  no answer yet", "quiet"),
        Line(f"{word} for 1m30s: 429", "alarm"),
    ]


def test_the_pane_does_not_end_with_a_blank():
    """No line is wasted below the last forecast."""
    found = lines(forecast(probability=0.1), forecast(Objective("rps", 1), probability=0.2))
    assert found[-1] == NO_RECORD


def test_a_pattern_that_holds():
    """What it means, what was seen, what to try at what risk, and what would disprove it; of more
    than two the names alone."""
    finding = Finding(
        "json-cost",
        "Much goes into [b]JSON.",
        (Evidence("S1", EvidenceKind.PROFILE, "loads is in 40 % of the looks", 40.0, "%"),),
        (Mitigation("orjson", "it is faster", "small differences", True),),
        "Time it.",
    )
    others = [replace(finding, name=name, says=name) for name in ("b", "c", "d")]
    shown = snapshot(forecasts=[forecast(probability=0.1)], findings=(finding, *others))
    found = [line.text for line in forecast_lines(shown)]
    at = found.index("Seen Much goes into [b]JSON.")
    assert found[at + 1 : at + 4] == [
        "     loads is in 40 % of the looks",
        "Do   1 orjson: it is faster (risk: small differences)",
        "Check Time it.",
    ]
    assert "Seen b" in found
    assert "seen, too: c, d" in found
    assert at > found.index(NO_RECORD.text)


ADVICE = forecast(
    P99, by="claude", probability=0.7, mitigations=(Mitigation("Cache it", "it is hot", ""),)
)
FINDING = Finding("cold", "It is cold.", (), (Mitigation("warm it", "", "slow", True),))


def test_what_a_person_can_decide_on():
    """Forecasts with a chance whose time is not up, and all that is proposed, from the top down."""
    shown = snapshot(
        forecasts=[
            forecast(Objective("learns", 1), ForecastState.LEARNING),
            forecast(Objective("broken", 1), ForecastState.IN_BREACH, since=NOW - 5),
            forecast(Objective("old", 1), probability=0.9, made_at=NOW - 901),
            forecast(probability=0.8, labels=(("n", "a"),)),
            ADVICE,
        ],
        findings=(FINDING,),
    )
    items = [line.item for line in forecast_lines(shown) if line.item is not None]
    assert [(item.by, item.action, item.labels) for item in items] == [
        ("cold", "warm it", ()),
        ("claude", "", ()),
        ("claude", "cache it", ()),
        ("local", "", (("n", "a"),)),
    ]
    assert [item.name for item in items][1:3] == ["claude on p99 above 0.50", "Cache it"]


@pytest.mark.parametrize(
    ("decision", "more", "words"),
    [
        (Decision.ACCEPTED, {}, "✓ accepted"),
        (Decision.REJECTED, {"note": "planned\x1b[2J"}, "✗ rejected: planned�"),
        (Decision.REJECTED, {"at": NOW - 3 * 86_400}, "✗ rejected 3 d ago"),
        (Decision.SNOOZED, {"until": NOW + 900}, "z snoozed until 08:15:00"),
    ],
)
def test_a_verdict_stands_below_what_it_is_on(decision: Decision, more: dict, words: str):
    """By a sign and a word, with the note, its age where it is old, and the end of a snooze."""
    for on, margin in ((Item.of(ADVICE), ""), (Item.of(ADVICE, ADVICE.mitigations[0]), "     ")):
        verdict = Verdict(on, decision, **{"at": NOW, **more})
        found = forecast_lines(snapshot(forecasts=[ADVICE], verdicts=(verdict,)))
        at = next(n for n, line in enumerate(found) if line.item == on)
        assert found[at + 1].text == f"{margin}{words}"
        others = forecast_lines(snapshot(forecasts=[ADVICE]))
        assert found[: at + 1] + found[at + 2 :] == others


def test_what_is_selected_can_be_seen_without_colour():
    """By a sign before a title, and in the place between the word and the number of a proposal."""
    title, proposal = (one for one in forecast_lines(snapshot(forecasts=[ADVICE])) if one.item)
    assert title.selected.text == "▸ claude on p99 above 0.50"
    assert proposal.text == "Do   1 Cache it: it is hot  [unlisted]"
    assert proposal.selected.text == "Do ▸ 1 Cache it: it is hot  [unlisted]"


@pytest.mark.parametrize("horizon_s", [60.0, 5400.0, 86_400.0])
@pytest.mark.parametrize("decision", Decision)
def test_the_question_fits_into_80_columns(decision: Decision, horizon_s: float):
    """However long the name is and the snooze."""
    said = forecast(Objective("p" * 60, 1, horizon_s=horizon_s), probability=0.5)
    [item, *_] = [one.item for one in forecast_lines(snapshot(forecasts=[said])) if one.item]
    words = question_of(item, decision, NOW)
    assert len(words) <= 76
    assert words.startswith("a note, or none; Enter ")
    assert words.endswith(", Esc does not")
