"""What is sent to an LLM, as lines of text. No widgets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from perftui.model.present import format_age
from perftui.model.sent import Sent
from perftui.model.text import plain, without_password

NOTHING = "There is nothing to ask about yet."
HEAD = """\
The body of a request, all that is said of this host and its process. fn_1 and m_1 stand for names
that stay here. Beside it go the key, and what the SDK says of itself: no path, no name. This is
what F5 sends; on schedule the tools are left out.\
"""


def sent_lines(sent: Sent, now: float) -> list[str]:
    """What would be sent, and what was; `now` in Unix seconds."""
    lines = [f"to {plain(without_password(sent.server), 200)}", *HEAD.splitlines(), ""]
    if sent.last_at is not None:
        age = format_age(now - sent.last_at)
        lines += [f"LAST SENT, {age} ago", *_body(sent.last), ""]
    else:
        lines += ["Nothing was sent in this run.", ""]
    lines += ["WOULD BE SENT NOW", *(_body(sent.now) if sent.now else [NOTHING])]
    return lines


def _body(body: str) -> Iterator[str]:
    """To be read, the table and what tools gave opened; then the same as it goes over the line."""
    document = json.loads(body)
    for message in document.get("messages", ()):
        message["content"] = _opened(message["content"])
    # Not a line in it is made of anything but ASCII: JSON escapes the rest.
    yield from json.dumps(document, indent=1).splitlines()
    yield f"as bytes ({len(body.encode())}):"
    yield body


def _opened(content: Any) -> Any:
    """What perftui has written as JSON, in a message or in the result of a tool."""
    if isinstance(content, str):
        return json.loads(content)
    return [
        block | {"content": json.loads(block["content"])} if "content" in block else block
        for block in content
    ]
