from __future__ import annotations

import json
from dataclasses import replace

import pytest
from builders import NOW
from hypothesis import given
from hypothesis import strategies as st

from perftui.model.consent import Choice, Consent
from perftui.model.findings import LlmStatus
from perftui.model.sent import Sent
from perftui.settings import LlmSettings, ShareSettings
from perftui.tui.sent_view import KEYS, NAMES, NOTHING, QUESTION, sent_lines

BODY = json.dumps(
    {"model": "m", "messages": [{"role": "user", "content": json.dumps({"name": "é\x1b[31m"})}]},
    separators=(",", ":"),
)
OTHER = BODY.replace('"m"', '"other"')
ASKING = Sent(
    "https://x",
    BODY,
    consent=Consent(is_open=True),
    choices={Choice.NUMBERS: BODY, Choice.NAMES: OTHER},
    price=(2.0, 10.0),
)


def lines_of(
    sent: Sent,
    shown: Choice = Choice.NUMBERS,
    settings: LlmSettings | None = None,
    message: str = "",
) -> list[str]:
    return sent_lines(sent, settings or LlmSettings(), LlmStatus(message=message), NOW, shown)


def test_nothing_was_sent_yet():
    """Where it would go, that nothing went, and what would."""
    lines = lines_of(Sent("https://x", BODY), message="off: --no-llm")
    assert lines[:2] == ["LLM off: --no-llm", "to https://x"]
    assert "to https://x/v" in lines_of(Sent("https://me:hush@x/v", ""))
    assert "Nothing was sent in this run." in lines
    at = lines.index("WOULD BE SENT NOW")
    assert json.loads("".join(lines[at + 1 : -2])) == {
        "model": "m",
        "messages": [{"role": "user", "content": {"name": "é\x1b[31m"}}],
    }
    assert lines[-2:] == [f"as bytes ({len(BODY.encode())}):", BODY]


def test_what_was_sent_comes_first():
    """With its age; then what would be sent, or that there is nothing."""
    lines = lines_of(Sent("https://x", "", BODY, NOW - 40))
    assert lines.index("LAST SENT, 40 s ago") < lines.index(BODY) < lines.index("WOULD BE SENT NOW")
    assert lines[-1] == NOTHING


def test_another_choice_than_what_holds_comes_first():
    """What would change is right below the choices; what holds is below what was sent last."""
    sent = replace(ASKING, consent=Consent(Choice.NAMES, "you", is_open=True), last=BODY, last_at=1)

    def order(shown: Choice) -> list[str]:
        heads = ("LAST SENT", "WOULD BE SENT NOW")
        return [line.split(",")[0] for line in lines_of(sent, shown) if line.startswith(heads)]

    assert order(Choice.NAMES) == ["LAST SENT", "WOULD BE SENT NOW"]
    assert order(Choice.NUMBERS) == ["WOULD BE SENT NOW", "LAST SENT"]


def test_no_line_holds_what_a_terminal_obeys():
    """Names are data: JSON escapes them."""
    note = Consent(is_open=True, note="The file \x1b[2J is broken.")
    for sent in (Sent("https://x\x1b[2J", BODY, BODY, NOW), Sent("x", BODY, consent=note)):
        for line in lines_of(sent, settings=LlmSettings(model="m\x1b[2J"), message="\x1b[2J"):
            assert line == "" or line.isprintable()


def test_the_question_says_where_it_goes_and_what_it_costs():
    """Server, model, price, how often and the cap, then the choices with the one that is shown."""
    lines = lines_of(ASKING, settings=LlmSettings(model="m", every=90, monthly_cap_usd=7))
    assert lines[:4] == [
        QUESTION,
        "to https://x",
        "model m: $2.00 a million tokens in, $10.00 out",
        "every 1m30s and on warnings, until $7.00 in a month",
    ]
    assert KEYS in lines
    assert "Nothing was sent in this run." not in lines
    assert lines[-1] == BODY
    assert "WOULD BE SENT NOW, numbers only" in lines
    names = lines_of(ASKING, Choice.NAMES)
    assert names[-1] == OTHER
    assert "WOULD BE SENT NOW, with function names" in names
    assert [line[:4] for line in names if line[2:3] in ("n", "f") and line[3:5] == "  "] == [
        "  n ",
        "▸ f ",
    ]


def test_a_model_without_a_price_is_not_called():
    """Consent alone does not help it."""
    unknown = Sent("https://x", BODY, consent=Consent(is_open=True))
    assert any("no price known, so it is not called" in line for line in lines_of(unknown))


def test_each_kind_that_is_open_is_named():
    """Whatever the settings open stands beside the choice that would tell it."""
    assert set(NAMES) == set(ShareSettings.__struct_fields__)
    share = ShareSettings(**dict.fromkeys(NAMES, True))
    text = "\n".join(lines_of(ASKING, settings=LlmSettings(share=share)))
    assert all(words in text for words in NAMES.values())
    assert "your own go as fn_1" not in text
    usual = "\n".join(lines_of(ASKING))
    assert "standard library and of well-known packages, metrics; your own go as fn_1" in usual
    closed = ShareSettings(library_names=False, metric_names=False)
    assert "[llm.share] opens none" in "\n".join(
        lines_of(ASKING, settings=LlmSettings(share=closed))
    )


@pytest.mark.parametrize(
    ("consent", "words"),
    [
        (Consent(Choice.NUMBERS, "you", is_open=True), "Allowed with numbers only, by you."),
        (Consent(Choice.NAMES, "the settings"), "Allowed with function names, by the settings."),
    ],
)
def test_what_is_allowed_says_by_whom_and_how_to_end_it(consent, words):
    """x takes back what was said here; what the settings say is changed there."""
    lines = lines_of(Sent("https://x", BODY, consent=consent))
    assert lines[0] == words
    assert any("x takes it back" in line for line in lines) == consent.is_open


@pytest.mark.parametrize(
    "block",
    [
        {"type": "text", "text": "hm", "content": "not json"},
        {"type": "tool_result", "content": "{}"},
        {"type": "x", "content": [{"content": 5}]},
        "no block",
        None,
    ],
)
def test_what_a_model_has_said_stays_as_it_came(block):
    """Nothing of it is taken for JSON of perftui's own, and nothing of it keeps the lines away."""
    given = {"type": "tool_result", "tool_use_id": "t", "content": "not json"}
    turns = [
        {"role": "assistant", "content": [block]},
        {"role": "user", "content": [given]},
        {"role": "user", "content": "not json"},
    ]
    body = json.dumps({"messages": turns})
    lines = lines_of(Sent("https://x", body))
    assert json.loads("".join(lines[lines.index("WOULD BE SENT NOW") + 1 : -2])) == {
        "messages": turns
    }


def test_a_body_that_cannot_be_opened_is_shown_as_bytes():
    """One that is nested too deep, or no JSON at all."""
    for body in ("[" * 100_000, "", "5", '{"messages":5}', '{"messages":[5,{"role":"user"}]}'):
        assert lines_of(Sent("https://x", "", body, NOW)).count(body) >= 1


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.integers(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["messages", "role", "content", "type", "text"]), inner, max_size=4
        )
    ),
    max_leaves=8,
)


@given(st.lists(_JSON, max_size=3))
def test_any_body_has_lines(messages):
    """And none of them holds what a terminal obeys."""
    body = json.dumps({"messages": messages})
    for line in lines_of(Sent("https://x", body, body, NOW)):
        assert line == "" or line.isprintable()


def test_what_tools_gave_is_opened_too():
    """The turns of a conversation, with the model's own blocks as they came."""
    asked = {"type": "tool_use", "id": "t", "name": "call_tree", "input": {"row": "P1"}}
    given = {"type": "tool_result", "tool_use_id": "t", "content": '{"id":"Q1"}'}
    turns = [
        {"role": "user", "content": "{}"},
        {"role": "assistant", "content": [{"type": "text", "text": "I look."}, asked]},
        {"role": "user", "content": [given]},
    ]
    body = json.dumps({"messages": turns})
    lines = lines_of(Sent("https://x", "", body, NOW))
    at = next(n for n, line in enumerate(lines) if line.startswith("LAST SENT")) + 1
    opened = json.loads("".join(lines[at : lines.index(body) - 1]))["messages"]
    assert opened[1] == turns[1]
    assert opened[2]["content"] == [given | {"content": {"id": "Q1"}}]


def test_the_bytes_are_those_that_go_as_far_as_a_terminal_can_show_them():
    """Letters as they are; what turns the direction of text, or a terminal obeys, as a mark."""
    said = [{"type": "text", "text": "für dich"}]
    fine = json.dumps({"messages": [{"role": "assistant", "content": said}]}, ensure_ascii=False)
    assert lines_of(Sent("https://x", "", fine, NOW)).count(fine) == 1
    odd = fine.replace("dich", "\u202edich\x9b")
    lines = lines_of(Sent("https://x", "", odd, NOW))
    assert all(line.isprintable() for line in lines)
