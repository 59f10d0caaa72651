"""What the load sends, and that nothing stops its client."""

from __future__ import annotations

import json
import socket
from collections import Counter
from itertools import islice, pairwise, takewhile
from random import Random

import pytest

from perftui.errors import UsageError
from perftui.lab.client import Call, Client, local_address
from perftui.lab.load import arrivals, calls, card_number
from perftui.lab.patterns import MOST, PATTERNS
from perftui.lab.shop.metrics import Metrics
from perftui.lab.shop.orders import card_is_valid
from perftui.lab.shop.routes import Shop


def test_the_same_seed_gives_the_same_calls() -> None:
    first, second, other = (list(islice(calls(Random(seed)), 50)) for seed in (3, 3, 4))
    assert first == second != other


def test_the_shop_answers_every_call_of_the_load_well() -> None:
    shop, seen = Shop(Metrics()), Counter[str]()
    for call in islice(calls(Random(1)), 300):
        body = json.dumps(call.document).encode()
        name, answer = shop.route(call.method, call.path, body)
        seen[name] += answer().status in {200, 201}
    assert seen.total() == 300
    assert len(seen) == 7


def test_calls_arrive_at_the_rate_on_average_and_never_in_step() -> None:
    times = list(takewhile(lambda at: at < 500, arrivals(Random(1), 20)))
    gaps = [b - a for a, b in pairwise(times)]
    assert len(times) == pytest.approx(10_000, rel=0.05)
    # The share of gaps longer than the mean is 1/e for a Poisson process.
    assert sum(gap > 1 / 20 for gap in gaps) / len(gaps) == pytest.approx(0.368, abs=0.02)


@pytest.mark.parametrize("name", PATTERNS)
def test_visitors_come_as_the_pattern_says(name: str) -> None:
    """In each ten seconds about as many as its shape has there, and never more than it can."""
    shape = PATTERNS[name]
    times = list(takewhile(lambda at: at < 200, arrivals(Random(2), 40, shape, start_s=50)))
    for begin in range(0, 200, 10):
        wanted = 40 * sum(shape(begin + n + 0.5 - 50) for n in range(10))
        came = sum(begin <= at < begin + 10 for at in times)
        assert came == pytest.approx(wanted, abs=5 * wanted**0.5)
    assert 0 < max(shape(at / 10) for at in range(-500, 5000)) <= MOST


def test_made_up_cards_pass_the_checksum() -> None:
    rng = Random(1)
    assert all(card_is_valid(card_number(rng)) for _ in range(100))


@pytest.mark.parametrize(
    "url", ["http://192.0.2.1:80", "https://127.0.0.1:80", "127.0.0.1:80", "http://127.0.0.1", ""]
)
def test_clients_reach_this_host_alone(url: str) -> None:
    with pytest.raises(UsageError, match="cannot use"):
        local_address(url)


def test_a_port_that_is_no_number_is_refused() -> None:
    with pytest.raises(UsageError):
        local_address("http://127.0.0.1:many")


def test_a_client_outlives_a_service_that_is_gone_or_hangs_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = Client(f"http://127.0.0.1:{listener.getsockname()[1]}")
    reply = client.send(Call("GET", "/catalogue"))
    assert (reply.status, reply.ok) == (0, False)
