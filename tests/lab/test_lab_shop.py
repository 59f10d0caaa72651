"""The shop's own rules, without HTTP."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from perftui.lab import lifeline, service, shop
from perftui.lab.shop.carts import MAX_CARTS, MAX_LINES, Carts, Line, merge_lines
from perftui.lab.shop.metrics import Metrics
from perftui.lab.shop.orders import Order, OrderBook, card_is_valid, price_order
from perftui.lab.shop.payload import Invalid
from perftui.lab.shop.reviews import key_words, tidy_text
from perftui.lab.shop.routes import Shop

TELL_TALES = re.compile(
    r"(?<!de)fault|leak|slow|\bbad|chaos|inject|culprit|victim|quadratic|backtrack|bottleneck",
    re.IGNORECASE,
)


def ask(shop_: Shop, method: str, target: str, document: object = None) -> tuple[int, object]:
    _, answer = shop_.route(method, target, json.dumps(document).encode())
    status, body, _ = answer()
    return status, json.loads(body)


def test_nothing_in_the_services_code_tells_what_will_go_wrong() -> None:
    """perftui shows the target's names and source, so neither may give the answer away."""
    files = [Path(service.__file__), Path(lifeline.__file__)]
    files += Path(shop.__file__).parent.glob("*.py")
    assert len(files) == 17
    for file in files:
        assert not TELL_TALES.findall(file.name + file.read_text()), file


def test_equal_lines_of_a_cart_become_one_and_the_cart_stays_as_it_is() -> None:
    lines = [
        Line("A", "", 1, 100),
        Line("B", "", 2, 50),
        Line("A", "", 3, 100),
        Line("A", "x", 1, 9),
    ]
    assert merge_lines(lines) == [Line("A", "", 4, 100), Line("B", "", 2, 50), Line("A", "x", 1, 9)]
    assert lines[0].quantity == 1


def test_carts_and_their_lines_are_bounded() -> None:
    carts = Carts()
    carts.add_lines("first", [Line("A", "", 1, 1)])
    for number in range(MAX_CARTS):
        carts.add_lines(f"later-{number}", [])
    assert carts.add_lines("first", []) == []  # it made room
    with pytest.raises(Invalid, match="at most"):
        carts.add_lines("first", [Line("A", "", 1, 1)] * (MAX_LINES + 1))


def test_tax_is_rounded_on_each_line() -> None:
    assert price_order([Line("A", "", 1, 5), Line("B", "", 50, 10)]) == 5 + 1 + 500 + 35


def test_a_wrong_digit_of_a_card_is_found() -> None:
    assert card_is_valid("4539578763621486")
    assert not card_is_valid("4539578763621487")
    assert not card_is_valid("4539 5787")


def test_what_was_bought_together_comes_by_frequency() -> None:
    book = OrderBook()
    for skus in ("AB", "ABC", "BC"):
        book.book_order(Order("", tuple(Line(sku, "", 1, 1) for sku in skus), 1))
    assert book.bought_together("A") == ["B", "C"]


def test_reviews_lose_the_spaces_at_line_ends() -> None:
    assert tidy_text("a  b \nc\t") == "a  b\nc"
    assert key_words("Oak, oak and the lamp.") == ["oak", "lamp"]


def test_pages_answer_and_refuse() -> None:
    shop_ = Shop(Metrics())
    status, found = ask(shop_, "GET", "/search?q=oak+lamp")
    assert status == 200
    assert isinstance(found, dict)
    assert all("oak lamp" in item["name"] for item in found["products"])
    sku = found["products"][0]["sku"]
    assert ask(shop_, "GET", f"/products/{sku}")[0] == 200
    assert ask(shop_, "GET", "/products/none")[0] == 404
    assert ask(shop_, "GET", "/nothing") == (404, {"error": "no such page"})


@pytest.mark.parametrize(
    ("target", "document", "error"),
    [
        ("/orders", {"card": "1", "lines": []}, "wrong digit"),
        ("/orders", {"card": "0", "lines": []}, "needs a line"),
        ("/orders", [], "card is missing"),
        ("/carts/1", {"lines": 3}, "must be a list"),
        ("/carts/1", {"lines": [{"sku": "A", "label": "", "quantity": 0, "price": 1}]}, "quantity"),
        ("/reviews", {"text": 7}, "must be text"),
    ],
)
def test_what_a_client_sends_wrong_is_named(target: str, document: object, error: str) -> None:
    status, answer = ask(Shop(Metrics()), "POST", target, document)
    assert status == 400
    assert isinstance(answer, dict)
    assert error in answer["error"]
