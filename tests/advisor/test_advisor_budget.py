from __future__ import annotations

import pytest

from perftui.advisor.budget import PRICES, Usage, cost, no_price, price_of, worst_case
from perftui.settings import LlmSettings, Price

HAIKU = PRICES["claude-haiku-5-5"]


def test_listed_prices():
    """The default model has a price, also by a dated name; an unknown model has none."""
    assert (HAIKU.input, HAIKU.output, HAIKU.cache_read) == (0.10, 0.50, 0.01)
    assert price_of(LlmSettings().model, {}) is HAIKU
    assert price_of("claude-haiku-5-5-20261001", {}) is HAIKU
    assert price_of("llama", {}) is None


def test_own_prices_come_first():
    """A price of the settings replaces the listed one and covers unlisted models."""
    own = {name: Price(input=1, output=2) for name in ("llama", "claude-haiku-5-5")}
    for name in own:
        price = price_of(name, own)
        assert price is not None
        assert (price.input, price.output, price.cache_read) == (1, 2, 1)


def test_no_price_says_how_to_give_one():
    """The fix is a line that can be put into the settings as it is."""
    assert '[llm.prices."llama 3"] input = ' in str(no_price("llama 3"))
    assert '"a\\"b"' in str(no_price('a"b'))


def test_cost_of_a_usage():
    """Each kind of token has its price."""
    million = 1_000_000
    assert cost(HAIKU, Usage(million, million), 0, 0) == pytest.approx(0.60)
    assert cost(HAIKU, Usage(0, 0, cache_read=million), 0, 0) == pytest.approx(0.01)
    assert cost(HAIKU, Usage(0, 0, cache_write=million), 0, 0) == pytest.approx(0.20)


def test_what_the_server_did_not_count_is_taken_at_its_worst():
    """A missing count of tokens is booked as the bound, so the cap holds all the same."""
    assert cost(HAIKU, Usage(), 9000, 4000) == pytest.approx(worst_case(HAIKU, 9000, 4000))
    assert cost(HAIKU, Usage(input=0), 9000, 4000) == pytest.approx(4000 * 0.5e-6)
    assert cost(HAIKU, Usage(output=0), 9000, 4000) == pytest.approx(4500 * 0.1e-6)
