"""What lies in the warehouse: movements, and how many pieces they come to."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Iterable

KEPT_MOVEMENTS = 50_000


class Stock:
    """The ledger of movements and the pieces on hand; one lock keeps both together."""

    def __init__(self, skus: Iterable[str]) -> None:
        self._lock = threading.Lock()
        self._movements: deque[tuple[str, int]] = deque(
            ((sku, 500) for sku in skus), maxlen=KEPT_MOVEMENTS
        )
        self._on_hand = Counter(dict(self._movements))

    def reserve(self, sku: str, pieces: int) -> int:
        """Take pieces of a product; how many are left. What has run out is ordered again."""
        with self._lock:
            self._move(sku, -pieces)
            if self._on_hand[sku] < 0:
                self._move(sku, 1_000)
            return self._on_hand[sku]

    def recount(self, prefix: str, rounds: int) -> int:
        """Compare the newest movements of products with `prefix` with what is on hand, bin by bin;
        the pieces found."""
        with self._lock:
            return sum(count_bin(self._movements, prefix, place) for place in range(rounds))

    def _move(self, sku: str, pieces: int) -> None:
        self._movements.append((sku, pieces))
        self._on_hand[sku] += pieces


def count_bin(movements: deque[tuple[str, int]], prefix: str, place: int) -> int:
    """The pieces of products with `prefix` that passed through one bin of the warehouse lately."""
    pieces = 0
    for back in range(1, min(len(movements), 200)):
        sku, moved = movements[-back]
        if sku.startswith(prefix) and (back + place) % 7 < 3:
            pieces += moved
    return pieces
