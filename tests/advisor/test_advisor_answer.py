from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llm_samples import NOW, OWN, P99, SECRET, answer_text, local, snapshot

from perftui.advisor import prompt
from perftui.advisor.answer import (
    Answer,
    AnswerError,
    as_forecast,
    begun_summary,
    parse,
    schema,
)
from perftui.advisor.evidence import facts
from perftui.advisor.redact import Pseudonyms
from perftui.model.findings import ForecastState
from perftui.model.text import plain


def test_the_schema_is_what_the_api_takes():
    """The SDK's own transformation finds nothing to change: strict, and no bounds or defaults."""
    import anthropic

    assert anthropic.transform_schema(schema()) == schema()


def test_a_fitting_answer():
    """The JSON that was asked for is read as it is."""
    answer = parse(answer_text())
    assert answer.probability == 0.6
    assert answer.claims[0].evidence == ["P1"]


@pytest.mark.parametrize(
    "wrap",
    [
        "```json\n{}\n```",
        "Here you are:\n```\n{}\n```\nAnything else?",
        "Sure! {} Hope this helps.",
        "Set {{a}} aside. {} Done.",
        "\n\n  {}  ",
    ],
)
def test_an_object_in_a_fence_or_in_text_is_found(wrap):
    """Local servers that ignore the schema wrap the object; that is no reason to refuse it."""
    text = wrap.replace("{{", "<<").replace("}}", ">>").replace("{}", answer_text())
    text = text.replace("<<", "{").replace(">>", "}")
    assert parse(text).probability == 0.6


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("   \n", "empty"),
        ("I cannot say.", "no JSON object"),
        (answer_text() + answer_text(), "several JSON objects"),
        ("{}", "summary"),
        ('{"summary": 3}', "summary"),
        ('{"summary": " \\u2003 "}', "summary: is empty"),
        (answer_text(probability=84), "not between 0 and 1"),
        (answer_text(probability=-0.1), "not between 0 and 1"),
        (answer_text(probability=True), "is no number"),
        (answer_text(probability="high"), "is no number"),
        (answer_text(claims=["it is slow"]), "claims.0"),
        (answer_text(claims=[{"text": "x", "evidence": [1]}]), "claims.0.evidence"),
        ('{"summary": "x", "probability": NaN}', "no JSON object"),
        ('{"summary": "x", "probability": 1e999}', "probability"),
        ("{" * 100_000, "no JSON object"),
        ('{"a":' * 20_000, "no JSON object"),
        ("[" * 100_000, "no JSON object"),
        ('{"summary": ' + "9" * 10_000 + "}", "no JSON object"),
        ("x" * 100_001, "too long"),
    ],
)
def test_what_does_not_fit_says_why(text, reason):
    """An answer of the wrong shape is an AnswerError that names the place in one sentence."""
    with pytest.raises(AnswerError) as caught:
        parse(text)
    assert reason in caught.value.message
    assert len(caught.value.message) <= 200
    assert caught.value.fix


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from([*Answer.model_fields, "text", "evidence", "action", "why"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(
    st.text()
    | JSON_VALUES.map(json.dumps)
    | JSON_VALUES.map(lambda value: f"```json\n{json.dumps(value, ensure_ascii=False)}\n```")
    | st.dictionaries(st.sampled_from(list(Answer.model_fields)), JSON_VALUES).map(
        lambda some: json.dumps({"summary": "x", **some})
    )
)
def test_any_text_is_an_answer_or_an_answer_error(text):
    """Whatever a model says, it is an answer within its bounds or an AnswerError."""
    try:
        answer = parse(text)
    except AnswerError:
        return
    assert answer.probability is None or 0 <= answer.probability <= 1
    assert 0 < len(answer.summary) <= 600
    assert answer.summary.isprintable()


def test_long_text_and_long_lists_are_cut():
    """Too much of a good answer is cut, not refused."""
    answer = parse(
        answer_text(
            summary="a" * 5000,
            claims=[{"text": "b" * 999, "evidence": ["E1"] * 99}] * 20,
            mitigations=[{"action": "c" * 999}] * 20,
        )
    )
    assert (len(answer.summary), answer.summary[-1]) == (600, "…")
    assert (len(answer.claims), len(answer.mitigations)) == (8, 5)
    assert (len(answer.claims[0].text), len(answer.claims[0].evidence)) == (300, 8)


def test_missing_and_null_lists_are_empty():
    """Null or missing claims, mitigations and probability make a poorer answer, not a wrong one."""
    answer = parse('{"summary": "Inconclusive.", "claims": null, "extra": 1}')
    assert (answer.claims, answer.mitigations, answer.probability) == ([], [], None)


def test_text_is_plain_data():
    """Escape sequences, controls, bidi marks, lone surrogates become a mark, newlines a space."""
    dirty = "a\x1b[31mb\x1b]8;;http://x\x07c\x9b2Jd\ne\u202ef\x00g\u2066h\x1b"
    assert parse(answer_text(summary=dirty)).summary == "a�b�c�d e�f�g�h�"
    assert plain("x\x9dy", 9) == "x�y"
    assert plain("\x1b]0;never ended", 20) == "�0;never ended"
    assert plain("a\udc80b", 9) == "a�b"


def test_a_cut_does_not_make_one_name_another():
    """Text is cut between words, so that fn_12 does not end up as fn_1."""
    assert plain("see fn_12", 9) == "see fn_12"
    assert plain("see fn_123", 9) == "see…"
    assert plain("a" * 20, 9) == "a" * 8 + "…"


@given(st.text())
def test_plain_text_is_printable_and_bounded(text):
    """Any text becomes one printable line of bounded length."""
    line = plain(text, 30)
    assert len(line) <= 30
    assert all(char.isprintable() or char == " " for char in line)


def converted(**changes):
    names = Pseudonyms()
    table = facts(snapshot())
    prompt.request(table, names, "claude-haiku-5-5")
    forecast = as_forecast(
        parse(answer_text(**changes)), table, names, by="claude-haiku-5-5", made_at=NOW + 5
    )
    assert forecast is not None
    return forecast


def test_claims_are_verified_by_the_evidence_they_cite():
    """A claim that cites nothing, or a row that is not there, is unverified."""
    assert [claim.verified for claim in converted().claims] == [True, False, False]
    mixed = converted(claims=[{"text": "x", "evidence": ["[e1]", "P77"]}]).claims[0]
    assert (mixed.evidence, mixed.verified) == (("E1", "P77"), False)
    assert converted(claims=[{"text": "x", "evidence": ["[e1]"]}]).claims[0].verified


def test_the_forecast_speaks_with_real_names():
    """The answer's fn_N are the own functions' names again, in every text of the forecast."""
    forecast = converted()
    assert forecast.summary == f"p99 rises with {OWN.function}."
    assert forecast.claims[0].text == f"{OWN.function} is hottest."
    assert forecast.mitigations[0].action == f"Cache {OWN.function}"
    assert forecast.mitigations[0].listed is False
    assert SECRET in (forecast.disconfirming_check or "")
    assert any(OWN.function in row.text for row in forecast.evidence)


def test_the_forecast_is_the_models_for_the_objective_in_question():
    """It is signed by the model, dated by the answer, and ends with the objective's horizon."""
    forecast = converted(probability=0.5)
    assert (forecast.by, forecast.objective, forecast.probability) == ("claude-haiku-5-5", P99, 0.5)
    assert (forecast.made_at, forecast.expires_at) == (NOW + 5, NOW + 5 + 900)
    assert (forecast.base_rate, forecast.series_unit) == (0.03, "s")
    assert converted(probability=None).probability is None


@pytest.mark.parametrize(
    ("said", "shown"), [(0.6, 0.55), (0.99, 0.55), (1.0, 0.55), (0.4, 0.4), (0.0, 0.142)]
)
def test_a_model_moves_the_local_chance_by_so_much_at_most(said: float, shown: float):
    """By one in log-odds from the local 31 %, and what it said beyond that is said."""
    forecast = converted(probability=said)
    assert forecast.probability == pytest.approx(shown, abs=0.001)
    if said == shown:
        assert forecast.record is None
    else:
        assert forecast.record == (
            f"it said {said:.0%}; it may move the local 31% to {shown:.0%} at most"
        )


@pytest.mark.parametrize(("local_chance", "shown"), [(0.0, 0.0), (1.0, 1.0), (None, None)])
def test_a_certain_local_chance_is_not_moved(local_chance: float | None, shown: float | None):
    """And where there is none, nothing holds the model's: it is said, and is no chance."""
    table = facts(snapshot(forecasts=[local(P99, local_chance)]))
    forecast = as_forecast(parse(answer_text()), table, Pseudonyms(), by="m", made_at=NOW)
    assert forecast is not None
    assert forecast.probability == shown
    assert (forecast.record or "").startswith("it said 60%")
    assert forecast.said == 0.6


def test_in_a_breach_no_chance_counts():
    """It is not one of what is to come; and it is said why."""
    broken = replace(local(P99, None), state=ForecastState.IN_BREACH, since=NOW - 10)
    forecast = as_forecast(
        parse(answer_text()), facts(snapshot(forecasts=[broken])), Pseudonyms(), by="m", made_at=NOW
    )
    assert forecast is not None
    assert forecast.probability is None
    assert forecast.record == "it said 60%, which does not count: it is in breach already"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"summary": "It rises with fn_1', "It rises with"),
        ('{"summary": "It rises with fn_12 and', "It rises with fn_12"),
        ('{"summary": "It rises.', "It rises."),
        ('{"summary": "fn_1', ""),
        ('{"summ', ""),
        ("It rises", ""),
    ],
)
def test_of_an_answer_that_comes_no_half_word_is_shown(text, shown):
    """fn_1 is another function than fn_12."""
    assert begun_summary(text) == shown
