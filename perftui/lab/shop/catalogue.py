"""The shop's products: kept in SQLite, shown as HTML pages, and found by words."""

from __future__ import annotations

import html
import re
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

PAGE_SIZE = 100

_THINGS = ("lamp", "desk", "chair", "shelf", "basket", "clock", "vase", "tray", "stool", "mirror")
_MATERIALS = ("oak", "walnut", "steel", "linen", "wool", "glass", "cork", "brass", "ash", "clay")
_COLOURS = ("white", "grey", "black", "red", "blue", "green", "plum")
_ROOMS = ("kitchen", "hall", "study", "bedroom", "garden")
_WORDS = re.compile(r"\w+")

_PAGE = "<!doctype html><title>{title}</title><h1>{title}</h1><ul>{cards}</ul>"
_CARD = '<li id="{sku}"><h2>{name}</h2><p>{description}</p><b>{price}</b> <i>{stock}</i></li>'


@dataclass(frozen=True, slots=True)
class Product:
    """One thing on sale; `price` is in cents."""

    sku: str
    name: str
    room: str
    description: str
    price: int
    stock: int


class Catalogue:
    """All products, in one SQLite database in memory that the worker threads share."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._database = sqlite3.connect(":memory:", check_same_thread=False)
        self._database.execute(
            "CREATE TABLE product (sku TEXT PRIMARY KEY, name TEXT, room TEXT,"
            " description TEXT, price INTEGER, stock INTEGER)"
        )
        self._database.executemany(
            "INSERT INTO product VALUES (?, ?, ?, ?, ?, ?)",
            [(p.sku, p.name, p.room, p.description, p.price, p.stock) for p in first_stock()],
        )

    def __len__(self) -> int:
        return int(self._rows("SELECT count(*) FROM product")[0][0])

    def find_product(self, sku: str) -> Product | None:
        """The product with this stock-keeping unit."""
        rows = self._rows("SELECT * FROM product WHERE sku = ?", sku)
        return Product(*rows[0]) if rows else None

    def similar_products(
        self, wanted: Product, limit: int = 8, *, everywhere: bool = False
    ) -> list[Product]:
        """Products of the same room, or of all, whose descriptions share most words with this."""
        words = set(_WORDS.findall(wanted.description))
        ranked = []
        query = "SELECT * FROM product WHERE room = ? OR ?"
        for row in self._rows(query, wanted.room, everywhere):
            other = Product(*row)
            shared = len(words.intersection(_WORDS.findall(other.description)))
            ranked.append((-shared, abs(other.price - wanted.price), other.sku, other))
        ranked.sort(key=lambda item: item[:3])
        return [item[3] for item in ranked if item[3].sku != wanted.sku][:limit]

    def search_products(self, text: str, limit: int = 20) -> list[Product]:
        """Products that hold every word of `text`, the best match first."""
        patterns = [re.compile(rf"\b{re.escape(word)}", re.IGNORECASE) for word in text.split()[:5]]
        scored = []
        for row in self._rows("SELECT * FROM product"):
            item = Product(*row)
            score = match_score(item, patterns)
            if score:
                scored.append((-score, item.sku, item))
        scored.sort(key=lambda entry: entry[:2])
        return [entry[2] for entry in scored[:limit]]

    def list_page(self, number: int) -> list[Product]:
        """The products of one page, counted from 0."""
        rows = self._rows(
            "SELECT * FROM product ORDER BY name, sku LIMIT ? OFFSET ?",
            PAGE_SIZE,
            number * PAGE_SIZE,
        )
        return [Product(*row) for row in rows]

    def _rows(self, query: str, *values: object) -> list[tuple[str, str, str, str, int, int]]:
        with self._lock:
            return self._database.execute(query, values).fetchall()


def first_stock() -> Iterator[Product]:
    """The products that the shop opens with, always the same ones."""
    for number, (room, colour, material, thing) in enumerate(
        product(_ROOMS, _COLOURS, _MATERIALS, _THINGS)
    ):
        yield Product(
            sku=f"{thing[:2].upper()}-{number:04d}",
            name=f"{colour.title()} {material} {thing}",
            room=room,
            description=(
                f"A {colour} {thing} of {material} for the {room}, number {number % 7} of its"
                f" series. Goes with {_MATERIALS[number % 5]} and {_MATERIALS[number % 3 + 5]}."
            ),
            price=900 + number * 37 % 20_000,
            stock=number * 13 % 50,
        )


def match_score(item: Product, patterns: list[re.Pattern[str]]) -> int:
    """How well a product fits: 0 when a pattern is in neither its name nor its description."""
    total = 0
    for pattern in patterns:
        in_name = pattern.search(item.name)
        in_text = pattern.search(item.description)
        if not (in_name or in_text):
            return 0
        total += (3 if in_name else 0) + (1 if in_text else 0)
    return total


def render_page(title: str, products: list[Product]) -> str:
    """The HTML page that shows these products."""
    return _PAGE.format(title=html.escape(title), cards="".join(map(render_card, products)))


def render_card(item: Product) -> str:
    """One product as an entry of the page."""
    return _CARD.format(
        sku=html.escape(item.sku),
        name=html.escape(item.name),
        description=html.escape(item.description),
        price=format_price(item.price),
        stock="in stock" if item.stock > 5 else f"{item.stock} left",
    )


def format_price(cents: int) -> str:
    """A price for people: `1,234.50`."""
    return f"{cents // 100:,}.{cents % 100:02d}"
