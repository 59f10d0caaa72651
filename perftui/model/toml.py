"""Text as TOML has it, for lines that are shown to be copied into perftui.toml."""

from __future__ import annotations

import json
import re


def quoted(text: str) -> str:
    """A TOML string, on one line. What is no text, a lone surrogate, becomes a mark."""
    # In '…' nothing is escaped, which reads best around PromQL's own "…".
    if '"' in text and "'" not in text and text.isprintable():
        return f"'{text}'"
    string = json.dumps(re.sub("[\ud800-\udfff]", "�", text), ensure_ascii=False)
    return string.replace("\x7f", "\\u007f")
