"""The scripts of the faults, against a simulated service."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest

from perftui.errors import UsageError
from perftui.lab import scripts
from perftui.lab.client import Call, Reply
from perftui.lab.faults import DEFAULT_FAULT, FAULTS, find_fault
from perftui.lab.scripts import (
    CART_DUTY,
    CART_RAMP_S,
    Outcome,
    Script,
    Steering,
    cart_growth,
    spaced_reviews,
)
from perftui.lab.shop import (
    archive,
    carts,
    catalogue,
    jobs,
    notices,
    pages,
    reviews,
    stock,
    visits,
)
from perftui.lab.shop.archive import CONNECTIONS
from perftui.lab.shop.metrics import Metrics
from perftui.lab.shop.routes import Shop

OVERHEAD_S = 0.002


class Costly:
    """A service whose answers take this power of what a call is about, or has added to."""

    def __init__(self, cost_s: float, power: float) -> None:
        self.cost_s = cost_s
        self.power = power
        self.kept = 0

    def seconds(self, call: Call) -> float:
        document: Any = call.document or {}
        if "text" in document:
            size = document["text"].count(" ")
        elif "bins" in document:
            size = document["bins"]
        else:
            self.kept += len(document.get("lines", document.get("texts", ())))
            size = self.kept
        return OVERHEAD_S + self.cost_s * float(size) ** self.power


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
    calls = list(simulate(cart_growth(Random(1), 1.0), Costly(cost_s, 2).seconds, 150))

    assert busy_share(calls, 0, 5) < 0.3
    assert busy_share(calls, 5, 10) > 0.15
    assert busy_share(calls, 40, 50) == pytest.approx(0.6, abs=0.1)
    assert busy_share(calls, CART_RAMP_S, CART_RAMP_S + 60) == pytest.approx(CART_DUTY, abs=0.08)


def test_the_cart_stops_growing_once_its_plan_is_reached() -> None:
    service = Costly(2e-8, 2)
    script = cart_growth(Random(1), 1.0)
    for at, _, _ in simulate(script, service.seconds, 200):
        if at < 120:
            reached = service.kept
    assert service.kept <= reached * 1.02


def test_the_cart_does_not_grow_while_the_service_fails() -> None:
    calls = [call for _, _, call in simulate(cart_growth(Random(1), 1.0), lambda _: 0.01, 60, 503)]
    sizes = {len(call.document["lines"]) for call in calls if isinstance(call.document, dict)}
    assert max(sizes) <= 500  # what one request may hold


def test_a_hiccup_of_the_machine_makes_no_cart_grow() -> None:
    steering = Steering(cost_s=1e-7, largest=10_000)
    before = steering.size_for(0.1)
    steering.learn(before, 5.0)
    assert steering.size_for(0.1) < before


@pytest.mark.parametrize("cost_s", [6e-10, 3e-9, 3e-8])
def test_reviews_come_from_one_moment_to_the_next(cost_s: float) -> None:
    calls = list(simulate(spaced_reviews(Random(1), 1.0), Costly(cost_s, 2).seconds, 20))

    assert calls[0][0] == 0
    assert busy_share(calls, 2, 7) > 0.5
    assert max(took for _, took, _ in calls) < 2.5


def test_an_unknown_fault_says_which_exist() -> None:
    with pytest.raises(UsageError, match=r"no fault 'nope'.*cart-growth, longer-reviews"):
        find_fault("nope")


def test_the_default_is_gradual_and_each_culprit_is_a_function_of_the_shop() -> None:
    assert find_fault(DEFAULT_FAULT).kind == "gradual"
    assert {fault.kind for fault in FAULTS.values()} == {"gradual", "abrupt", "control"}
    modules = (
        archive,
        carts,
        catalogue,
        catalogue.Catalogue,
        jobs,
        notices,
        reviews,
        stock,
        visits,
    )
    for fault in FAULTS.values():
        if fault.culprit is not None:
            assert any(callable(getattr(module, fault.culprit, None)) for module in modules)


ELSEWHERE = ("new-release", "busy-provider")
"""Faults that do not come about by the shop's own pages."""


@pytest.mark.parametrize("speed", [0.7, 1.4])
@pytest.mark.parametrize("cost_s", [5e-6, 1e-4])
@pytest.mark.parametrize("script", [scripts.long_recounts, scripts.many_notices])
def test_what_grows_does_so_evenly_on_a_fast_and_on_a_slow_machine(
    script: Callable[[Random, float], Script], cost_s: float, speed: float
) -> None:
    """An answer takes a quarter as long after a quarter of the ramp, which the speed shortens."""
    calls = list(simulate(script(Random(1), speed), Costly(cost_s, 1).seconds, 200))
    whole = max(took for _, took, _ in calls)
    quarter = [took for at, took, _ in calls if abs(at - 110 / speed / 4) < 3]
    assert sum(quarter) / len(quarter) == pytest.approx(whole / 4, rel=0.35)
    late = [took for at, took, _ in calls if at > 110 / speed + 10]
    assert min(late) > 0.6 * whole


@pytest.mark.parametrize("script", [scripts.crawled_pages, scripts.many_receipts])
def test_what_comes_ever_more_often_does(script: Callable[[Random, float], Script]) -> None:
    """Twice as fast it comes as often in half the time; no two of a crawler's calls are alike."""
    once = [at for at, _, _ in simulate(script(Random(1), 1.0), lambda _: 0.0, 120)]
    twice = [at for at, _, _ in simulate(script(Random(1), 2.0), lambda _: 0.0, 60)]
    assert sum(at > 100 for at in once) > 8 * sum(at < 20 for at in once)
    assert len(twice) == pytest.approx(len(once) / 2, rel=0.2)
    calls = [call for _, _, call in simulate(scripts.crawled_pages(Random(1), 1.0), abs_, 60)]
    assert len({call.path for call in calls}) == len(calls)


def abs_(_: Call) -> float:
    return 0.001


def play_on(shop: Shop, script: Script, until_s: float) -> list[int]:
    """Let the calls come to the shop itself, with pauses that nobody waits for; the statuses."""
    statuses: list[int] = []

    def answered(call: Call) -> float:
        body = json.dumps(call.document).encode()
        began = time.perf_counter()
        statuses.append(shop.route(call.method, call.path, body)[1]().status)
        return time.perf_counter() - began

    list(simulate(script, answered, until_s))
    return statuses


def gauges(metrics: Metrics) -> dict[str, float]:
    page = metrics.page()[0].decode()
    rows = (line.rsplit(" ", 1) for line in page.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in rows}


def test_exports_that_are_left_take_all_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then an order waits for one in vain, until the exports are too old to be gone on with."""
    monkeypatch.setattr(archive, "WAIT_S", 0.05)
    metrics = Metrics()
    shop = Shop(metrics)
    statuses = play_on(shop, scripts.open_exports(Random(1), 1.0), 150)
    assert gauges(metrics)["db_pool_in_use"] == CONNECTIONS
    assert statuses[1 : 1 + CONNECTIONS] == [200] * CONNECTIONS
    assert set(statuses[1 + CONNECTIONS :]) == {503}
    order = {"card": "4539578763621486", "lines": [line()]}
    assert shop.route("POST", "/orders", json.dumps(order).encode())[1]().status == 503
    monkeypatch.setattr(archive, "EXPORT_S", 0.0)
    assert shop.route("POST", "/orders", json.dumps(order).encode())[1]().status == 201
    assert gauges(metrics)["db_pool_in_use"] == 0


def line() -> dict[str, object]:
    return {"sku": "LA-0000", "label": "", "quantity": 2, "price": 900}


def test_a_crawler_leaves_the_cache_nothing_that_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pages, "MOST_PAGES", 20)
    metrics = Metrics()
    shop = Shop(metrics)
    hit, miss = (f'page_cache_requests_total{{result="{name}"}}' for name in ("hit", "miss"))
    for _ in range(3):
        shop.route("GET", "/products/LA-0000", b"")[1]()
    assert (gauges(metrics)[hit], gauges(metrics)[miss]) == (2, 1)
    statuses = play_on(shop, scripts.crawled_pages(Random(1), 1.0), 70)
    assert len(statuses) > 20
    assert set(statuses) == {200}
    assert gauges(metrics)[hit] == 2
    shop.route("GET", "/products/LA-0000", b"")[1]()
    assert gauges(metrics)[miss] == len(statuses) + 2


def test_an_archive_keeps_what_is_imported_and_sums_it_up() -> None:
    shop = Shop(Metrics())
    for _ in range(2):
        document = {"customer": "c", "totals": [100, 20], "remark": "r"}
        _, answer = shop.route("POST", "/imports", json.dumps(document).encode())
        spent = json.loads(answer().body)["spent"]
    assert spent == 240


@pytest.mark.parametrize(
    "name", [name for name, fault in FAULTS.items() if fault.script and name not in ELSEWHERE]
)
def test_the_service_does_what_a_script_asks_for(name: str) -> None:
    """No call of any script is refused in its first seconds."""
    fault = FAULTS[name]
    assert fault.script is not None
    assert max(play_on(Shop(Metrics()), fault.script(Random(3), 1.0), 5)) < 300
