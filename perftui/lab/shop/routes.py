"""Which request goes to which handler, and what each answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from .archive import Archive, Busy
from .carts import Carts, cart_summary, parse_lines
from .catalogue import PAGE_SIZE, Catalogue, Product, first_stock, format_price, render_page
from .jobs import Receipts
from .metrics import Metrics
from .notices import Notices
from .orders import OrderBook, parse_order
from .pages import PageCache
from .payload import Invalid, need_int, need_list, need_text, read_json
from .payments import Payments, Refused
from .reviews import Reviews
from .stock import Stock
from .visits import Visits


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
    """The shop's state and its handlers; it tells `metrics` of both.

    `provider_port` is where cards are charged. Since `release` 2 a product's page shows what is
    like it in all rooms.
    """

    def __init__(
        self, metrics: Metrics, *, provider_port: int | None = None, release: int = 1
    ) -> None:
        self._payments = Payments(provider_port)
        self._release = release
        self._catalogue = Catalogue()
        self._pages = -(-len(self._catalogue) // PAGE_SIZE)
        self._carts = Carts()
        self._orders = OrderBook()
        self._reviews = Reviews()
        self._pages_kept = PageCache(metrics.count_page)
        self._receipts = Receipts(metrics.receipt_wait.observe)
        self._archive = Archive()
        self._stock = Stock(item.sku for item in first_stock())
        self._visits = Visits()
        self._notices = Notices()
        metrics.show("receipts_waiting", "Receipts to be written.", self._receipts.__len__)
        metrics.show("db_pool_in_use", "Connections in use.", lambda: self._archive.in_use)
        self._routes: dict[tuple[str, str], Handler] = {
            ("GET", "catalogue"): self.show_catalogue,
            ("GET", "products"): self.show_product,
            ("GET", "search"): self.search,
            ("GET", "carts"): self.show_cart,
            ("POST", "carts"): self.add_to_cart,
            ("POST", "orders"): self.checkout,
            ("POST", "reviews"): self.review,
            ("POST", "receipts"): self.write_receipts,
            ("POST", "imports"): self.import_orders,
            ("GET", "exports"): self.export_orders,
            ("POST", "stock"): self.recount_stock,
            ("POST", "visits"): self.note_visit,
            ("POST", "notices"): self.put_up_notices,
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
        notices = self._notices.render()
        return Answer(200, (notices + html).encode(), "text/html; charset=utf-8")

    def show_product(self, request: Request) -> Answer:
        """GET /products/SKU?from=PAGE: a product, what is like it, and what was bought with it."""
        found = self._catalogue.find_product(request.item)
        if found is None:
            return as_json({"error": "no such product"}, 404)

        def render() -> bytes:
            similar = self._catalogue.similar_products(found, everywhere=self._release > 1)
            together = self._orders.bought_together(found.sku)
            more = {"similar": list(map(describe, similar)), "bought_together": together}
            return as_json(describe(found) | more).body

        page = self._pages_kept.get_page(f"{found.sku} {request.text('from')}", render)
        return Answer(200, page)

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
        spent = self._archive.spent_by(order.card)
        self._archive.add_orders([(order.card, order.total, "")])
        for line in order.lines:
            self._stock.reserve(line.sku, line.quantity)
        self._payments.charge(order.card, order.total)
        number = self._orders.book_order(order)
        self._receipts.ask(number, order.lines)
        return as_json({"number": number, "total": order.total, "spent": spent}, 201)

    def review(self, request: Request) -> Answer:
        """POST /reviews: keep what a visitor wrote."""
        text = need_text(read_json(request.body), "text")
        return as_json(self._reviews.add_review(text), 201)

    def write_receipts(self, request: Request) -> Answer:
        """POST /receipts: have a receipt written for the lines of an order of another shop."""
        document = read_json(request.body)
        self._receipts.ask(need_int(document, "number", 1, 1 << 31), tuple(parse_lines(document)))
        return as_json({"waiting": len(self._receipts)}, 202)

    def import_orders(self, request: Request) -> Answer:
        """POST /imports: orders of another shop; what its customer has spent with them."""
        document = read_json(request.body)
        customer = need_text(document, "customer")
        totals = [n for n in need_list(document, "totals", 0, 5_000) if isinstance(n, int)]
        remark = need_text(document, "remark")
        self._archive.add_orders((customer, total, remark) for total in totals)
        return as_json({"spent": self._archive.spent_by(customer)}, 201)

    def export_orders(self, request: Request) -> Answer:
        """GET /exports/NAME: the next orders of an export."""
        rows = self._archive.export(request.item)
        return as_json({"orders": [{"customer": name, "total": total} for name, total in rows]})

    def recount_stock(self, request: Request) -> Answer:
        """POST /stock/PREFIX: recount so many bins of the warehouse."""
        bins = need_int(read_json(request.body), "bins", 1, 100_000)
        return as_json({"pieces": self._stock.recount(request.item, bins)})

    def note_visit(self, request: Request) -> Answer:
        """POST /visits/NAME: what a visitor of another page saw."""
        skus = [str(sku) for sku in need_list(read_json(request.body), "skus", 0, 500)]
        return as_json({"views": self._visits.remember(request.item, skus)}, 201)

    def put_up_notices(self, request: Request) -> Answer:
        """POST /notices: more notices; how long all of them are."""
        texts = need_list(read_json(request.body), "texts", 0, 500)
        self._notices.add_notices([str(text)[:500] for text in texts])
        return as_json({"length": len(self._notices.render())}, 201)


def answer_or_refuse(handler: Handler, request: Request) -> Answer:
    """The handler's answer, or a 400 or 503 that says what is wrong."""
    try:
        return handler(request)
    except Invalid as error:
        return as_json({"error": str(error)}, 400)
    except (Busy, Refused) as error:
        return as_json({"error": str(error)}, 503)


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
