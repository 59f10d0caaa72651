"""Text that nobody here controls, made harmless: from the target, a metric, a server, a model."""

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
_NOT_SHOWN = {"Cc", "Cf", "Cs", "Co", "Cn"}
"""Controls, formats (bidi among them), lone surrogates and code points without a character."""
HIDDEN = "�"
"""What stands in place of what would be obeyed, or not be seen."""


def without_password(url: str) -> str:
    """A URL without what stands before its host; one is shown in no other way."""
    return re.sub(r"//[^/?#\\]*@", "//", url)


def plain(text: str, limit: int | None = None) -> str:
    """`text` on one line, without anything that a terminal would obey or that hides what it says.

    An escape sequence, a control or a bidi character becomes a `�`, runs of white space one space.
    What is longer than `limit` characters is cut between words, and ends in an ellipsis.
    """
    folded = " ".join(text.split())
    if not (folded.isascii() and folded.isprintable()):
        folded = _ESCAPE.sub(HIDDEN, folded)
        shown = (HIDDEN if unicodedata.category(char) in _NOT_SHOWN else char for char in folded)
        folded = " ".join("".join(shown).split())
    if limit is None or len(folded) <= limit:
        return folded
    head = folded[: limit - 1]
    if folded[limit - 1].isalnum() or folded[limit - 1] == "_":
        # Half a word can be another one: fn_1 of fn_12.
        head = _LAST_WORD.sub("", head) or head
    return head.rstrip() + "…"
