"""The notices that stand above the catalogue."""

from __future__ import annotations

import html
import threading
from collections import deque

MOST_NOTICES = 50_000


class Notices:
    """The notices, newest first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._texts: deque[str] = deque(maxlen=MOST_NOTICES)

    def add_notices(self, texts: list[str]) -> None:
        """Put more notices up."""
        with self._lock:
            self._texts.extendleft(texts)

    def render(self) -> str:
        """All of them as HTML."""
        with self._lock:
            texts = list(self._texts)
        return "".join(render_notice(number, text) for number, text in enumerate(texts))


def render_notice(number: int, text: str) -> str:
    """One notice as HTML."""
    words = " ".join(html.escape(word) for word in text.split())
    return f'<aside id="notice-{number}">{words}</aside>'
