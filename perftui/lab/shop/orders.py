"""Checkout: an order is checked, priced and booked."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from .carts import Line, parse_lines
from .payload import Invalid, need_text

RECENT_ORDERS = 200

_TAX = {"standard": Decimal("0.19"), "reduced": Decimal("0.07")}
_REDUCED_FROM = 50  # pieces of one line
_CENT = Decimal(1)


@dataclass(frozen=True, slots=True)
class Order:
    """A checked order; `total` is in cents, tax included."""

    card: str
    lines: tuple[Line, ...]
    total: int


class OrderBook:
    """The last orders, newest last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._orders: deque[Order] = deque(maxlen=RECENT_ORDERS)
        self._booked = 0

    def book_order(self, order: Order) -> int:
        """Keep an order; returns its number, counted from 1."""
        with self._lock:
            self._orders.append(order)
            self._booked += 1
            return self._booked

    def bought_together(self, sku: str, limit: int = 5) -> list[str]:
        """What recent orders hold besides this product, most frequent first."""
        with self._lock:
            orders = list(self._orders)
        counts: dict[str, int] = {}
        for order in orders:
            skus = [line.sku for line in order.lines]
            if sku in skus:
                for other in skus:
                    counts[other] = counts.get(other, 0) + 1
        counts.pop(sku, None)
        return sorted(counts, key=lambda other: (-counts[other], other))[:limit]


def parse_order(document: object) -> Order:
    """Check a request's `{"card", "lines"}` and price it."""
    card = need_text(document, "card", 19)
    if not card_is_valid(card):
        raise Invalid("the card's number has a wrong digit")
    lines = parse_lines(document)
    if not lines:
        raise Invalid("an order needs a line")
    return Order(f"…{card[-4:]}", tuple(lines), price_order(lines))


def card_is_valid(number: str) -> bool:
    """The Luhn checksum of a card's number."""
    if not number.isdecimal():
        return False
    total = 0
    for place, digit in enumerate(reversed(number)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def price_order(lines: list[Line]) -> int:
    """The total in cents, tax included; the tax is rounded on each line."""
    total = Decimal(0)
    for line in lines:
        net = Decimal(line.price) * line.quantity
        rate = _TAX["reduced" if line.quantity >= _REDUCED_FROM else "standard"]
        total += net + (net * rate).quantize(_CENT, ROUND_HALF_UP)
    return int(total)
