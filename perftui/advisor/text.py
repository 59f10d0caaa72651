"""Text from the target or from a model as plain data: one line, nothing that a terminal obeys."""

from __future__ import annotations

import re
import unicodedata

_ESCAPE = re.compile(
    # OSC, DCS and their like with their end; then CSI; then any other escape sequence.
    r"(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x90-\x9f]*(?:\x07|\x1b\\|\x9c)"
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|\x1b[ -/]*[0-~]?"
)
_LAST_WORD = re.compile(r"\w+\Z")
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn"}
"""Controls, formats (bidi among them), lone surrogates and code points without a character."""


def plain(text: str, limit: int) -> str:
    """`text` on one line, without escape sequences, control or bidi characters.

    What is longer than `limit` characters is cut between words, and ends in an ellipsis.
    """
    text = " ".join(_ESCAPE.sub("", text).split())
    text = "".join(char for char in text if unicodedata.category(char) not in _HIDDEN)
    text = " ".join(text.split())
    if len(text) <= limit:
        return text
    head = text[: limit - 1]
    if text[limit - 1].isalnum() or text[limit - 1] == "_":
        # Half a word can be another one: fn_1 of fn_12.
        head = _LAST_WORD.sub("", head) or head
    return head.rstrip() + "…"
