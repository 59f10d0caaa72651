"""What ordinary clients ask of the service that makes it go wrong: scripts of calls.

A script decides what to send and when, and is told what came of it; who plays it does the waiting
and the sending. So a script is plain logic, which tests run against a simulated service. Each takes
a generator of chance and a speed: at speed 2 all of it comes in half the time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from random import Random
from typing import NamedTuple

from .client import Call, Reply
from .shop.catalogue import first_stock


class Step(NamedTuple):
    """What a script does next: send `call` at `at_s` seconds from the start, or at once if late."""

    at_s: float
    call: Call


class Outcome(NamedTuple):
    """What came of a step, and the seconds from the start to the end of its answer."""

    at_s: float
    reply: Reply


Script = Generator[Step, Outcome, None]
Plan = Callable[[float], float]


class Steering:
    """Finds the size of a request whose answer takes a wanted time, whatever the machine.

    The work is taken to grow with this power of the size; its cost is learned from the answers.
    """

    def __init__(self, cost_s: float, largest: int, power: float = 2.0) -> None:
        self._cost_s = cost_s
        self._largest = largest
        self._power = power

    def learn(self, size: int, seconds: float) -> None:
        """Take in that an answer to a request of `size` took `seconds`."""
        if size:
            self._cost_s += 0.3 * (seconds / size**self._power - self._cost_s)

    def size_for(self, seconds: float) -> int:
        """The size, from 1 to the largest, whose answer should take `seconds`."""
        size = (seconds / self._cost_s) ** (1 / self._power)
        return max(1, min(self._largest, int(size)))


def sized(
    rng: Random, steering: Steering, period_s: float, answer_s: Plan, call: Callable[[int], Call]
) -> Script:
    """Send calls of such a size that their answers take the planned time, one each period."""
    next_at_s, now_s = 0.0, 0.0
    while True:
        size = steering.size_for(answer_s(now_s))
        now_s, reply = yield Step(next_at_s, call(size))
        if reply.ok:
            steering.learn(size, reply.seconds)
        next_at_s = max(next_at_s + period_s * rng.uniform(0.9, 1.1), now_s)


def grown(
    rng: Random,
    steering: Steering,
    period_s: float,
    answer_s: Plan,
    call: Callable[[int, int], Call],
    most: int = 200,
) -> Script:
    """Send calls that add to what the service keeps, until their answers take the planned time.

    `call` is given how much is kept and how much is to be added, `most` at once.
    """
    size, next_at_s, now_s = 0, 0.0, 0.0
    while True:
        new = min(max(0, steering.size_for(answer_s(now_s)) - size), most)
        now_s, reply = yield Step(next_at_s, call(size, new))
        if reply.ok:
            size += new
            steering.learn(size, reply.seconds)
        next_at_s = max(next_at_s + period_s * rng.uniform(0.9, 1.1), now_s)


def paced(rng: Random, per_s: Plan, call: Callable[[float], Call]) -> Script:
    """Send calls at random, so many a second as planned."""
    next_at_s, now_s = 0.0, 0.0
    while True:
        next_at_s = max(next_at_s + rng.expovariate(per_s(max(now_s, next_at_s))), now_s)
        now_s, _ = yield Step(next_at_s, call(next_at_s))


CART_PERIOD_S = 0.25
CART_RAMP_S = 90.0
CART_DUTY = 0.85  # share of the time that the cart's requests take in the end


def cart_duty(at_s: float) -> float:
    """The planned share of the time that the cart's requests take, at a time from the start.

    It rises fastest in the beginning, so that a profile shows it within seconds.
    """
    return CART_DUTY * math.sqrt(max(0.005, min(1.0, at_s / CART_RAMP_S)))


def cart_growth(rng: Random, speed: float) -> Script:
    """Put more and more engraved pieces into one cart, and look at it four times a second."""
    path = f"/carts/wholesale-{rng.randrange(10_000)}"

    def call(size: int, new: int) -> Call:
        lines = [_engraved(rng, size + number) for number in range(new)]
        return Call("POST", path, {"lines": lines}) if new else Call("GET", path)

    return grown(
        rng,
        Steering(cost_s=1e-7, largest=15_000),
        CART_PERIOD_S,
        lambda at_s: CART_PERIOD_S * cart_duty(at_s * speed),
        call,
    )


def _engraved(rng: Random, number: int) -> dict[str, object]:
    return {
        "sku": "WHOLESALE",
        "label": f"No. {number}",
        "quantity": rng.randint(1, 9),
        "price": rng.randrange(900, 20_000),
    }


REVIEW_PERIOD_S = 0.1
REVIEW_DUTY = 0.85


def spaced_reviews(rng: Random, speed: float) -> Script:  # noqa: ARG001 - it comes at once
    """Send reviews whose middle is a long run of spaces, ten a second."""
    return _reviews(rng, REVIEW_PERIOD_S, lambda _: REVIEW_PERIOD_S * REVIEW_DUTY)


def longer_reviews(rng: Random, speed: float) -> Script:
    """Send reviews with ever longer runs of spaces."""
    return _reviews(rng, 0.3, lambda at_s: 0.27 * ramp(at_s * speed, 100.0))


def _reviews(rng: Random, period_s: float, answer_s: Plan) -> Script:
    def call(size: int) -> Call:
        text = f"lovely{' ' * size}{rng.choice(('lamp', 'desk', 'chair'))}"
        return Call("POST", "/reviews", {"text": text})

    return sized(rng, Steering(cost_s=1e-8, largest=15_000), period_s, answer_s, call)


def ramp(at_s: float, whole_s: float) -> float:
    """From a hundredth to 1 in so many seconds, evenly, and 1 from then on."""
    return max(0.01, min(1.0, at_s / whole_s))


def doubling(at_s: float, first: float, every_s: float, most: float) -> float:
    """What begins with `first` and doubles every so many seconds, up to `most`."""
    return float(min(most, first * 2 ** (at_s / every_s)))


def long_recounts(rng: Random, speed: float) -> Script:
    """Recount more and more bins of the warehouse, whose lock orders need, too."""
    return sized(
        rng,
        Steering(cost_s=3e-5, largest=100_000, power=1.0),
        0.5,
        lambda at_s: 0.45 * ramp(at_s * speed, 110.0),
        lambda bins: Call("POST", f"/stock/{rng.choice('ABCDLMSTV')}", {"bins": bins}),
    )


def many_notices(rng: Random, speed: float) -> Script:
    """Put up notices, and take none down: each page of the catalogue shows all."""

    def call(size: int, new: int) -> Call:
        texts = [f"Notice {size + n}: {_words(rng, 12)}" for n in range(new)]
        return Call("POST", "/notices", {"texts": texts})

    steering = Steering(cost_s=1e-5, largest=50_000, power=1.0)
    return grown(rng, steering, 0.5, lambda at_s: 0.25 * ramp(at_s * speed, 110.0), call, 500)


def big_archive(rng: Random, speed: float) -> Script:
    """Import the orders of other shops, which each checkout looks through."""

    def call(size: int, new: int) -> Call:  # noqa: ARG001 - only how many are new
        totals = [rng.randrange(900, 90_000) for _ in range(new)]
        remark = _words(rng, 6)
        customer = f"import-{rng.randrange(10_000)}"
        return Call("POST", "/imports", {"customer": customer, "totals": totals, "remark": remark})

    steering = Steering(cost_s=2e-7, largest=5_000_000, power=1.0)
    return grown(rng, steering, 0.4, lambda at_s: 0.35 * ramp(at_s * speed, 110.0), call, 5_000)


def crawled_pages(rng: Random, speed: float) -> Script:
    """Ask for product after product by addresses that nobody asks for again."""
    number = rng.randrange(1_000_000_000)
    skus = [item.sku for item in first_stock()]

    def call(at_s: float) -> Call:  # noqa: ARG001 - each address once
        nonlocal number
        number += 1
        return Call("GET", f"/products/{rng.choice(skus)}?from=page-{number}")

    return paced(rng, lambda at_s: doubling(at_s * speed, 0.1, 11.0, 12.0), call)


def many_receipts(rng: Random, speed: float) -> Script:
    """Have more and more receipts written, until they wait longer and longer."""

    def call(at_s: float) -> Call:  # noqa: ARG001 - all are alike
        line = {"sku": "IMPORT", "label": "import", "quantity": 300, "price": 900}
        lines = [line] * 8
        return Call("POST", "/receipts", {"number": rng.randrange(1 << 30), "lines": lines})

    return paced(rng, lambda at_s: doubling(at_s * speed, 4.0, 14.0, 500.0), call)


def open_exports(rng: Random, speed: float) -> Script:
    """Begin exports of the orders and go on with none: each keeps a connection."""
    customer = f"import-{rng.randrange(10_000)}"
    yield Step(0.0, Call("POST", "/imports", _orders_of(customer)))
    last_s = 0.0
    while True:
        last_s += rng.uniform(4.0, 8.0) / speed
        yield Step(last_s, Call("GET", f"/exports/{customer}-{last_s:.0f}"))


def _orders_of(customer: str) -> dict[str, object]:
    return {"customer": customer, "totals": [1_000] * 200, "remark": ""}


def new_visitors(rng: Random, speed: float) -> Script:
    """Come as somebody else each time, so that the service remembers ever more visitors."""
    skus = [item.sku for item in first_stock()]

    def call(at_s: float) -> Call:  # noqa: ARG001 - all are alike
        seen = rng.choices(skus, k=60)
        return Call("POST", f"/visits/{rng.getrandbits(48):012x}", {"skus": seen})

    return paced(rng, lambda _: 6.0 * speed, call)


def large_cart(rng: Random, speed: float) -> Script:
    """Look at a large cart ten times a second, which takes a fifth of the time and harms nobody."""
    path = f"/carts/school-{rng.randrange(10_000)}"

    def call(size: int, new: int) -> Call:
        lines = [_engraved(rng, size + number) for number in range(new)]
        return Call("POST", path, {"lines": lines}) if new else Call("GET", path)

    steering = Steering(cost_s=1e-7, largest=15_000)
    return grown(rng, steering, 0.1, lambda at_s: 0.02 * ramp(at_s * speed, 10.0), call)


def new_release(rng: Random, speed: float) -> Script:  # noqa: ARG001 - it comes at once
    """Have the service run its next release."""
    yield Step(0.0, Call("POST", "/releases/2", {}))


def large_settlements(rng: Random, speed: float) -> Script:  # noqa: ARG001 - it comes at once
    """Settle the many sales of another merchant at the payment provider, again and again."""
    at_s = 0.0
    while True:
        at_s += 0.05
        now_s, _ = yield Step(
            at_s, Call("POST", "/settlements", {"sales": rng.randrange(300, 500)})
        )
        at_s = max(at_s, now_s)


_WORDS = ("the", "new", "oak", "shelf", "for", "our", "hall", "comes", "and", "goes", "with", "any")


def _words(rng: Random, count: int) -> str:
    return " ".join(rng.choices(_WORDS, k=count))
