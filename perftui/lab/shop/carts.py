"""Shopping carts, one for each visitor."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from .payload import Invalid, need_int, need_list, need_text

MAX_CARTS = 500
MAX_LINES = 20_000


@dataclass(slots=True)
class Line:
    """Some pieces of one product, engraved with `label`; `price` is in cents a piece."""

    sku: str
    label: str
    quantity: int
    price: int


class Carts:
    """The open carts; the one that was not touched for longest makes room for a new one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._carts: OrderedDict[str, list[Line]] = OrderedDict()

    def add_lines(self, cart_id: str, lines: list[Line]) -> list[Line]:
        """Put lines into a cart, opening it if needed; returns all of its lines."""
        with self._lock:
            cart = self._carts.setdefault(cart_id, [])
            self._carts.move_to_end(cart_id)
            if len(self._carts) > MAX_CARTS:
                self._carts.popitem(last=False)
            if len(cart) + len(lines) > MAX_LINES:
                raise Invalid(f"a cart holds at most {MAX_LINES} lines")
            cart.extend(lines)
            return list(cart)


def parse_lines(document: object) -> list[Line]:
    """The lines of a request's `{"lines": [{"sku", "label", "quantity", "price"}]}`."""
    return [
        Line(
            sku=need_text(entry, "sku"),
            label=need_text(entry, "label"),
            quantity=need_int(entry, "quantity", 1, 1_000),
            price=need_int(entry, "price", 1, 10_000_000),
        )
        for entry in need_list(document, "lines", 0, 500)
    ]


def merge_lines(lines: list[Line]) -> list[Line]:
    """The lines as the visitor sees them: equal ones as one, in the order they came."""
    merged: list[Line] = []
    for line in lines:
        for seen in merged:
            if seen.sku == line.sku and seen.label == line.label:
                seen.quantity += line.quantity
                break
        else:
            merged.append(Line(line.sku, line.label, line.quantity, line.price))
    return merged


def cart_summary(lines: list[Line]) -> dict[str, object]:
    """Positions, pieces, total in cents, and the last ten lines of a cart."""
    merged = merge_lines(lines)
    return {
        "positions": len(merged),
        "pieces": sum(line.quantity for line in merged),
        "total": sum(line.quantity * line.price for line in merged),
        "last": [{"sku": line.sku, "quantity": line.quantity} for line in merged[-10:]],
    }
