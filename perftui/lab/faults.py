"""What can go wrong with the lab's service, each brought about by an ordinary client.

    python -m perftui.lab.faults NAME --url http://127.0.0.1:PORT --seed 1

A script decides what to send and when, and is told what came of it; `play` does the waiting
and the sending. So a script is plain logic, which tests run against a simulated service.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from random import Random
from typing import Literal, NamedTuple

from perftui.errors import UsageError

from .client import Call, Client, Reply, local_address
from .lifeline import end_with_parent


class Step(NamedTuple):
    """What a script does next: send `call` at `at_s` seconds from the start, or at once if late."""

    at_s: float
    call: Call


class Outcome(NamedTuple):
    """What came of a step, and the seconds from the start to the end of its answer."""

    at_s: float
    reply: Reply


Script = Generator[Step, Outcome, None]


@dataclass(frozen=True, slots=True)
class Fault:
    """One way in which the service goes wrong.

    `culprit` is the service's function that a profile will show on top, by own time.
    """

    name: str
    kind: Literal["gradual", "abrupt"]
    summary: str
    culprit: str
    script: Callable[[Random], Script] = field(repr=False)


class Steering:
    """Finds the size of a request whose answer takes a wanted time, whatever the machine.

    The work is taken to grow with the square of the size; its cost is learned from the answers.
    """

    def __init__(self, cost_s: float, largest: int) -> None:
        self._cost_s = cost_s
        self._largest = largest

    def learn(self, size: int, seconds: float) -> None:
        """Take in that an answer to a request of `size` took `seconds`."""
        self._cost_s += 0.3 * (seconds / size**2 - self._cost_s)

    def size_for(self, seconds: float) -> int:
        """The size, from 1 to the largest, whose answer should take `seconds`."""
        return max(1, min(self._largest, int(math.sqrt(seconds / self._cost_s))))


CART_PERIOD_S = 0.25
CART_RAMP_S = 90.0
CART_DUTY = 0.85  # share of the time that the cart's requests take in the end


def cart_duty(at_s: float) -> float:
    """The planned share of the time that the cart's requests take, at a time from the start.

    It rises fastest in the beginning, so that a profile shows it within seconds.
    """
    return CART_DUTY * math.sqrt(max(0.005, min(1.0, at_s / CART_RAMP_S)))


def cart_growth(rng: Random) -> Script:
    """Put more and more engraved pieces into one cart, and look at it four times a second."""
    path = f"/carts/wholesale-{rng.randrange(10_000)}"
    steering = Steering(cost_s=1e-7, largest=15_000)
    size, next_at_s, now_s = 0, 0.0, 0.0
    while True:
        wanted = steering.size_for(CART_PERIOD_S * cart_duty(now_s))
        new = min(max(0, wanted - size), 200)
        lines = [_engraved(rng, size + number) for number in range(new)]
        call = Call("POST", path, {"lines": lines}) if new else Call("GET", path)
        now_s, reply = yield Step(next_at_s, call)
        if reply.ok:
            size += new
            steering.learn(size, reply.seconds)
        next_at_s = max(next_at_s + CART_PERIOD_S * rng.uniform(0.9, 1.1), now_s)


def _engraved(rng: Random, number: int) -> dict[str, object]:
    return {
        "sku": "WHOLESALE",
        "label": f"No. {number}",
        "quantity": rng.randint(1, 9),
        "price": rng.randrange(900, 20_000),
    }


REVIEW_ONSET_S = 8.0
REVIEW_PERIOD_S = 0.1
REVIEW_DUTY = 0.85


def spaced_reviews(rng: Random) -> Script:
    """Wait, then send reviews whose middle is a long run of spaces, ten a second."""
    steering = Steering(cost_s=1e-8, largest=15_000)
    next_at_s = REVIEW_ONSET_S
    while True:
        size = steering.size_for(REVIEW_PERIOD_S * REVIEW_DUTY)
        text = f"lovely{' ' * size}{rng.choice(('lamp', 'desk', 'chair'))}"
        now_s, reply = yield Step(next_at_s, Call("POST", "/reviews", {"text": text}))
        if reply.ok:
            steering.learn(size, reply.seconds)
        next_at_s = max(next_at_s + REVIEW_PERIOD_S, now_s)


FAULTS = {
    fault.name: fault
    for fault in (
        Fault(
            "cart-growth",
            "gradual",
            "one customer's cart grows, and merging its lines takes the square of their number",
            "merge_lines",
            cart_growth,
        ),
        Fault(
            "spaced-reviews",
            "abrupt",
            "reviews with long runs of spaces, on which a regular expression backtracks",
            "tidy_text",
            spaced_reviews,
        ),
    )
}
DEFAULT_FAULT = "cart-growth"


def find_fault(name: str) -> Fault:
    """The fault of this name. Raises UsageError, which names all of them, for an unknown one."""
    try:
        return FAULTS[name]
    except KeyError:
        raise UsageError(
            f"There is no fault {name!r}.", f"Choose one of: {', '.join(FAULTS)}."
        ) from None


def play(script: Script, send: Callable[[Call], Reply]) -> None:
    """Do what a script says, in real time, until it ends."""
    start = time.monotonic()
    for_script: Outcome | None = None
    while True:
        try:
            step = script.send(for_script) if for_script else next(script)
        except StopIteration:
            return
        time.sleep(max(0.0, start + step.at_s - time.monotonic()))
        reply = send(step.call)
        if reply.status == 0:
            time.sleep(0.5)  # nobody listens: do not spin
        for_script = Outcome(time.monotonic() - start, reply)


def main() -> None:
    """Play one fault until stdin ends."""
    parser = argparse.ArgumentParser(prog="python -m perftui.lab.faults", description=__doc__)
    parser.add_argument("name", help=", ".join(FAULTS))
    parser.add_argument("--url", required=True, help="http://127.0.0.1:PORT")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    try:
        fault = find_fault(options.name)
        local_address(options.url)
    except UsageError as error:
        sys.exit(str(error))
    end_with_parent()
    play(fault.script(Random(options.seed)), Client(options.url).send)


if __name__ == "__main__":
    main()
