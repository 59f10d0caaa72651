"""Which request goes to which handler, and what each answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from .carts import Carts, cart_summary, parse_lines
from .catalogue import PAGE_SIZE, Catalogue, Product, format_price, render_page
from .orders import OrderBook, parse_order
from .payload import Invalid, need_text, read_json
from .reviews import Reviews


class Answer(NamedTuple):
    """Status, body and content type of an HTTP response."""

    status: int
    body: bytes
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Request:
    """What a handler gets: the rest of the path, the query, and the body."""

    item: str
    query: dict[str, list[str]]
    body: bytes

    def text(self, name: str, default: str = "") -> str:
        """The first value of a query parameter."""
        return self.query.get(name, [default])[0]


Handler = Callable[[Request], Answer]


class Shop:
    """The shop's state and its handlers."""

    def __init__(self) -> None:
        self._catalogue = Catalogue()
        self._pages = -(-len(self._catalogue) // PAGE_SIZE)
        self._carts = Carts()
        self._orders = OrderBook()
        self._reviews = Reviews()
        self._routes: dict[tuple[str, str], Handler] = {
            ("GET", "catalogue"): self.show_catalogue,
            ("GET", "products"): self.show_product,
            ("GET", "search"): self.search,
            ("GET", "carts"): self.show_cart,
            ("POST", "carts"): self.add_to_cart,
            ("POST", "orders"): self.checkout,
            ("POST", "reviews"): self.review,
        }

    def route(self, method: str, target: str, body: bytes) -> tuple[str, Callable[[], Answer]]:
        """The handler's name for `method` and `target` (path and query), and the call of it."""
        parts = urlsplit(target)
        head, _, item = parts.path.strip("/").partition("/")
        handler = self._routes.get((method, head))
        if handler is None:
            return "unknown", lambda: as_json({"error": "no such page"}, 404)
        request = Request(item, parse_qs(parts.query), body)
        return handler.__name__, lambda: answer_or_refuse(handler, request)

    def show_catalogue(self, request: Request) -> Answer:
        """GET /catalogue?page=N: one page of products as HTML."""
        number = request.text("page", "0")
        page = int(number) % self._pages if number.isdecimal() else 0
        html = render_page(f"Catalogue, page {page + 1}", self._catalogue.list_page(page))
        return Answer(200, html.encode(), "text/html; charset=utf-8")

    def show_product(self, request: Request) -> Answer:
        """GET /products/SKU: a product, what is like it, and what was bought with it."""
        found = self._catalogue.find_product(request.item)
        if found is None:
            return as_json({"error": "no such product"}, 404)
        return as_json(
            describe(found)
            | {
                "similar": [describe(other) for other in self._catalogue.similar_products(found)],
                "bought_together": self._orders.bought_together(found.sku),
            }
        )

    def search(self, request: Request) -> Answer:
        """GET /search?q=WORDS: the products that hold all of the words."""
        found = self._catalogue.search_products(request.text("q"))
        return as_json({"products": [describe(item) for item in found]})

    def show_cart(self, request: Request) -> Answer:
        """GET /carts/ID: what a cart comes to."""
        return as_json(cart_summary(self._carts.add_lines(request.item, [])))

    def add_to_cart(self, request: Request) -> Answer:
        """POST /carts/ID: put lines into a cart."""
        lines = parse_lines(read_json(request.body))
        return as_json(cart_summary(self._carts.add_lines(request.item, lines)))

    def checkout(self, request: Request) -> Answer:
        """POST /orders: check, price and book an order."""
        order = parse_order(read_json(request.body))
        return as_json({"number": self._orders.book_order(order), "total": order.total}, 201)

    def review(self, request: Request) -> Answer:
        """POST /reviews: keep what a visitor wrote."""
        text = need_text(read_json(request.body), "text")
        return as_json(self._reviews.add_review(text), 201)


def answer_or_refuse(handler: Handler, request: Request) -> Answer:
    """The handler's answer, or a 400 that says what is wrong with the request."""
    try:
        return handler(request)
    except Invalid as error:
        return as_json({"error": str(error)}, 400)


def describe(item: Product) -> dict[str, object]:
    """A product as the JSON pages show it."""
    return {
        "sku": item.sku,
        "name": item.name,
        "price": format_price(item.price),
        "stock": item.stock,
    }


def as_json(document: dict[str, object], status: int = 200) -> Answer:
    """A JSON answer."""
    return Answer(status, json.dumps(document).encode())
