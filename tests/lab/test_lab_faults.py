"""The scripts of the faults, against a simulated service."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest

from perftui.errors import UsageError
from perftui.lab.client import Call, Reply
from perftui.lab.faults import (
    CART_DUTY,
    CART_RAMP_S,
    DEFAULT_FAULT,
    FAULTS,
    REVIEW_ONSET_S,
    Outcome,
    Script,
    Steering,
    cart_growth,
    find_fault,
    spaced_reviews,
)
from perftui.lab.shop import carts, reviews

OVERHEAD_S = 0.002


class SlowBySquare:
    """A service whose answers take the square of what a cart or a review holds."""

    def __init__(self, cost_s: float) -> None:
        self.cost_s = cost_s
        self.lines = 0

    def seconds(self, call: Call) -> float:
        document: Any = call.document
        if call.path == "/reviews":
            size = document["text"].count(" ")
        else:
            self.lines += len(document["lines"]) if document else 0
            size = self.lines
        return OVERHEAD_S + self.cost_s * float(size) ** 2


def simulate(
    script: Script, seconds: Callable[[Call], float], until_s: float, status: int = 200
) -> Iterator[tuple[float, float, Call]]:
    """(start, seconds, call) of each call, on a clock of its own."""
    now = 0.0
    step = next(script)
    while now < until_s:
        now = max(now, step.at_s)
        took = seconds(step.call)
        yield now, took, step.call
        now += took
        step = script.send(Outcome(now, Reply(status, took)))


def busy_share(calls: list[tuple[float, float, Call]], start: float, end: float) -> float:
    return sum(took for at, took, _ in calls if start <= at < end) / (end - start)


@pytest.mark.parametrize("cost_s", [5e-9, 2e-8, 5e-7])
def test_the_cart_takes_the_planned_share_of_a_fast_and_of_a_slow_machine(cost_s: float) -> None:
    calls = list(simulate(cart_growth(Random(1)), SlowBySquare(cost_s).seconds, 150))

    assert busy_share(calls, 0, 5) < 0.3
    assert busy_share(calls, 5, 10) > 0.15
    assert busy_share(calls, 40, 50) == pytest.approx(0.6, abs=0.1)
    assert busy_share(calls, CART_RAMP_S, CART_RAMP_S + 60) == pytest.approx(CART_DUTY, abs=0.08)


def test_the_cart_stops_growing_once_its_plan_is_reached() -> None:
    service = SlowBySquare(2e-8)
    script = cart_growth(Random(1))
    for at, _, _ in simulate(script, service.seconds, 200):
        if at < 120:
            reached = service.lines
    assert service.lines <= reached * 1.02


def test_the_cart_does_not_grow_while_the_service_fails() -> None:
    calls = [call for _, _, call in simulate(cart_growth(Random(1)), lambda _: 0.01, 60, 503)]
    sizes = {len(call.document["lines"]) for call in calls if isinstance(call.document, dict)}
    assert max(sizes) <= 500  # what one request may hold


def test_a_hiccup_of_the_machine_makes_no_cart_grow() -> None:
    steering = Steering(cost_s=1e-7, largest=10_000)
    before = steering.size_for(0.1)
    steering.learn(before, 5.0)
    assert steering.size_for(0.1) < before


@pytest.mark.parametrize("cost_s", [6e-10, 3e-9, 3e-8])
def test_reviews_come_from_one_moment_to_the_next(cost_s: float) -> None:
    calls = list(simulate(spaced_reviews(Random(1)), SlowBySquare(cost_s).seconds, 20))

    assert calls[0][0] == REVIEW_ONSET_S
    first = REVIEW_ONSET_S + 2
    assert busy_share(calls, first, first + 5) > 0.5
    assert max(took for _, took, _ in calls) < 2.5


def test_an_unknown_fault_says_which_exist() -> None:
    with pytest.raises(UsageError, match=r"no fault 'nope'.*cart-growth, spaced-reviews"):
        find_fault("nope")


def test_the_default_is_gradual_and_each_culprit_is_a_function_of_the_shop() -> None:
    assert find_fault(DEFAULT_FAULT).kind == "gradual"
    assert {fault.kind for fault in FAULTS.values()} == {"gradual", "abrupt"}
    for fault in FAULTS.values():
        assert any(callable(getattr(module, fault.culprit, None)) for module in (carts, reviews))
