"""What visitors write about products."""

from __future__ import annotations

import re
import threading
from collections import Counter, deque

RECENT_REVIEWS = 300

_LINE_ENDS = re.compile(r"\s+$", re.MULTILINE)
_COMMON_WORDS = frozenset(
    ("a", "an", "and", "for", "i", "in", "is", "it", "my", "of", "on", "the", "this", "to", "was")
)


class Reviews:
    """The last reviews, newest last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._texts: deque[str] = deque(maxlen=RECENT_REVIEWS)

    def add_review(self, text: str) -> dict[str, object]:
        """Keep a review; returns its length and the words it is about."""
        tidy = tidy_text(text)
        with self._lock:
            self._texts.append(tidy[:2_000])
        return {"length": len(tidy), "about": key_words(tidy)}


def tidy_text(text: str) -> str:
    """The text without spaces at the ends of its lines."""
    return _LINE_ENDS.sub("", text)


def key_words(text: str, limit: int = 5) -> list[str]:
    """The words that a text uses most, common ones left out."""
    words = (word.strip(".,!?").lower() for word in text.split())
    counts = Counter(word for word in words if word and word not in _COMMON_WORDS)
    return [word for word, _ in counts.most_common(limit)]
