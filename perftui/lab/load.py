"""The load: visitors of the shop, who come at random and whether or not it keeps up.

    python -m perftui.lab.load --url http://127.0.0.1:PORT --rate 20 --seed 1

sends calls until its stdin ends. The same seed gives the same calls at the same times.
"""

from __future__ import annotations

import argparse
import queue
import threading
import time
from collections.abc import Callable, Iterator
from random import Random
from urllib.parse import quote_plus

from .client import Call, Client, local_address
from .lifeline import end_with_parent
from .patterns import MOST, PATTERNS, STEADY, Shape
from .shop.catalogue import first_stock

CONNECTIONS = 24
MAX_WAITING = 100  # calls; more visitors than these turn away
CALLS_PER_VISIT = 12

_WORDS = (
    "lovely solid a bit small for the hall but it goes with our oak desk and my walnut shelf"
    " delivery was quick colour is warmer than on the picture would buy again sturdy"
)


def calls(rng: Random) -> Iterator[Call]:
    """What visitors ask for, without end; the same `rng` state gives the same calls."""
    products = list(first_stock())
    skus = [item.sku for item in products]
    names = [item.name.lower() for item in products]
    pages: list[tuple[int, Callable[[str], Call]]] = [
        (28, lambda _: Call("GET", f"/catalogue?page={int(rng.expovariate(0.3))}")),
        (26, lambda _: Call("GET", f"/products/{skus[int(len(skus) * rng.random() ** 4)]}")),
        (18, lambda _: Call("GET", f"/search?q={quote_plus(rng.choice(names))}")),
        (12, lambda cart: Call("POST", cart, {"lines": _lines(rng, skus, 1, 4)})),
        (5, lambda cart: Call("GET", cart)),
        (7, lambda _: Call("POST", "/orders", _order(rng, skus))),
        (4, lambda _: Call("POST", "/reviews", {"text": _review(rng)})),
    ]
    weights = [weight for weight, _ in pages]
    number = 0
    while True:
        cart = f"/carts/visit-{number // CALLS_PER_VISIT}"
        yield rng.choices(pages, weights)[0][1](cart)
        number += 1


def arrivals(
    rng: Random, rate: float, shape: Shape = PATTERNS[STEADY], start_s: float = 0.0
) -> Iterator[float]:
    """Seconds from the start at which calls come: a Poisson process of `rate` per second, times
    what `shape` says of the seconds since `start_s` (by thinning: Lewis & Shedler 1979)."""
    at = 0.0
    while True:
        at += rng.expovariate(rate * MOST)
        if rng.random() * MOST < shape(at - start_s):
            yield at


def card_number(rng: Random) -> str:
    """A made-up card number with a valid checksum."""
    digits = [4, *(rng.randrange(10) for _ in range(14))]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[::2]]
    check = -(sum(doubled) + sum(digits[1::2])) % 10
    return "".join(map(str, [*digits, check]))


def _lines(rng: Random, skus: list[str], least: int, most: int) -> list[dict[str, object]]:
    return [
        {
            "sku": rng.choice(skus),
            "label": rng.choice(("", "", "", "gift")),
            "quantity": rng.choice((1, 1, 1, 2, 3, 60)),
            "price": rng.randrange(900, 20_000),
        }
        for _ in range(rng.randint(least, most))
    ]


def _order(rng: Random, skus: list[str]) -> dict[str, object]:
    return {"card": card_number(rng), "lines": _lines(rng, skus, 5, 40)}


def _review(rng: Random) -> str:
    words = rng.choices(_WORDS.split(), k=rng.randint(40, 300))
    ends = (" ", " ", "  ", ". ", ".  \n")
    return "".join(word + rng.choice(ends) for word in words)


def drive(url: str, rate: float, seed: int, shape: Shape, start_s: float) -> None:
    """Send `rate` calls a second on average, times what the shape says, without end."""
    waiting: queue.Queue[Call] = queue.Queue(MAX_WAITING)
    for number in range(CONNECTIONS):
        threading.Thread(
            target=_send_all, args=(url, waiting), name=f"connection-{number}", daemon=True
        ).start()
    wanted = calls(Random(seed))
    start = time.monotonic()
    for at in arrivals(Random(seed + 1), rate, shape, start_s):
        time.sleep(max(0.0, start + at - time.monotonic()))
        call = next(wanted)
        if not waiting.full():  # this thread alone fills it, so it has room for one more
            waiting.put(call)


def _send_all(url: str, waiting: queue.Queue[Call]) -> None:
    client = Client(url)
    while True:
        if client.send(waiting.get()).status == 0:
            time.sleep(0.2)  # nobody listens: do not spin


def main() -> None:
    """Drive a service until stdin ends."""
    parser = argparse.ArgumentParser(prog="python -m perftui.lab.load", description=__doc__)
    parser.add_argument("--url", required=True, help="http://127.0.0.1:PORT")
    parser.add_argument("--rate", type=float, default=20.0, help="calls per second")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pattern", choices=PATTERNS, default=STEADY)
    parser.add_argument("--start", type=float, default=0.0, help="seconds until that begins")
    parser.add_argument("--speed", type=float, default=1.0, help="how fast it goes then")
    options = parser.parse_args()
    local_address(options.url)
    end_with_parent()
    pattern = PATTERNS[options.pattern]

    def shape(at_s: float) -> float:
        return pattern(at_s * options.speed)

    drive(options.url, options.rate, options.seed, shape, options.start)


if __name__ == "__main__":
    main()
