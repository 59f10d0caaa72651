from __future__ import annotations

import json

from builders import NOW

from perftui.model.sent import Sent
from perftui.tui.sent_view import NOTHING, sent_lines

BODY = json.dumps(
    {"model": "m", "messages": [{"role": "user", "content": json.dumps({"name": "é\x1b[31m"})}]},
    separators=(",", ":"),
)


def test_nothing_was_sent_yet():
    """Where it would go, that nothing went, and what would."""
    lines = sent_lines(Sent("https://x", BODY), NOW)
    assert lines[0] == "to https://x"
    assert sent_lines(Sent("https://me:hush@x/v", ""), NOW)[0] == "to https://x/v"
    assert "Nothing was sent in this run." in lines
    at = lines.index("WOULD BE SENT NOW")
    assert json.loads("".join(lines[at + 1 : -2])) == {
        "model": "m",
        "messages": [{"role": "user", "content": {"name": "é\x1b[31m"}}],
    }
    assert lines[-2:] == [f"as bytes ({len(BODY.encode())}):", BODY]


def test_what_was_sent_comes_first():
    """With its age; then what would be sent, or that there is nothing."""
    lines = sent_lines(Sent("https://x", "", BODY, NOW - 40), NOW)
    assert lines.index("LAST SENT, 40 s ago") < lines.index(BODY) < lines.index("WOULD BE SENT NOW")
    assert lines[-1] == NOTHING


def test_no_line_holds_what_a_terminal_obeys():
    """Names are data: JSON escapes them."""
    for line in sent_lines(Sent("https://x\x1b[2J", BODY, BODY, NOW), NOW):
        assert line.isascii() or "�" in line
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
    lines = sent_lines(Sent("https://x", "", body, NOW), NOW)
    at = next(n for n, line in enumerate(lines) if line.startswith("LAST SENT")) + 1
    opened = json.loads("".join(lines[at : lines.index(body) - 1]))["messages"]
    assert opened[1] == turns[1]
    assert opened[2]["content"] == [given | {"content": {"id": "Q1"}}]
