"""Who visits, and what they looked at: it decides what they are shown first."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

SUGGESTED = 40


@dataclass
class View:
    """One product as a visitor saw it."""

    sku: str
    note: str
    seen_before: dict[str, int] = field(default_factory=dict)


class Visits:
    """The visitors by the name in their cookie, with what they saw."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._visitors: dict[str, list[View]] = {}

    def __len__(self) -> int:
        return len(self._visitors)

    def remember(self, visitor: str, skus: list[str]) -> int:
        """Note that a visitor saw these products; how many views are remembered of them."""
        views = make_views(visitor, skus)
        with self._lock:
            known = self._visitors.setdefault(visitor, [])
            known.extend(views)
            return len(known)


def make_views(visitor: str, skus: list[str]) -> list[View]:
    """What is remembered of a look at products, and what suits each of them."""
    views = []
    for place, sku in enumerate(skus):
        note = f"{visitor} saw {sku} as number {place} of {len(skus)}"
        suits = {f"{sku}-{number}": (number * 7 + place) % 13 for number in range(SUGGESTED)}
        views.append(View(sku, note, suits))
    return views
