from __future__ import annotations

from datetime import date

import pytest

from perftui.advisor.budget import (
    ModelPrice,
    Usage,
    cost,
    no_price,
    price_list,
    price_of,
    worst_case,
)
from perftui.advisor.prompt import Request
from perftui.settings import LlmSettings, Price

TODAY = date(2026, 11, 26)
HAIKU = ModelPrice(0.10, 0.50, 0.01, 0.125, date(2026, 11, 1))


def test_listed_prices():
    """The default model has a price, also by a dated name; an unknown model has none."""
    assert price_of(LlmSettings().model, {}, TODAY) == HAIKU
    assert price_of("claude-haiku-5-5-20261001", {}, TODAY) == HAIKU
    assert price_of("llama", {}, TODAY) is None


def test_the_list_is_dated_and_whole():
    """Each model has one price a day, none is from the future, reads are no dearer than input."""
    listed = price_list()
    assert len({(one.model, one.since) for one in listed.price}) == len(listed.price)
    for one in listed.price:
        assert one.since <= listed.as_of
        assert one.cache_read <= one.input <= one.cache_write <= 2 * one.input
        assert one.input < one.output


def test_the_newest_price_that_holds_counts(monkeypatch):
    """A price that begins later does not hold yet; before the first one there is none."""
    listed = price_list()
    haiku = next(one for one in listed.price if one.model == "claude-haiku-5-5")
    later = haiku.but(since=date(2027, 1, 1), input=9.0)
    monkeypatch.setattr(
        "perftui.advisor.budget.price_list", lambda: listed.but(price=(later, haiku))
    )
    assert price_of("claude-haiku-5-5", {}, TODAY) == HAIKU
    new = price_of("claude-haiku-5-5", {}, date(2027, 1, 1))
    assert new is not None
    assert new.input == 9.0
    assert price_of("claude-haiku-5-5", {}, date(2026, 10, 31)) is None


def test_own_prices_come_first():
    """A price of the settings replaces the listed one and covers unlisted models."""
    own = {name: Price(input=1, output=2) for name in ("llama", "claude-haiku-5-5")}
    for name in own:
        assert price_of(name, own, TODAY) == ModelPrice(1, 2, 1, 1.25)
    own = {"llama": Price(input=1, output=2, cache_read=0.5, cache_write=1)}
    assert price_of("llama", own, TODAY) == ModelPrice(1, 2, 0.5, 1)


def test_no_price_says_how_to_give_one():
    """The fix is a line that can be put into the settings as it is."""
    assert '[llm.prices."llama 3"] input = ' in str(no_price("llama 3"))
    assert '"a\\"b"' in str(no_price('a"b'))


def test_cost_of_a_usage():
    """Each kind of token has its price."""
    million = 1_000_000
    assert cost(HAIKU, Usage(million, million), 0, 0) == pytest.approx(0.60)
    assert cost(HAIKU, Usage(0, 0, cache_read=million), 0, 0) == pytest.approx(0.01)
    assert cost(HAIKU, Usage(0, 0, cache_write=million), 0, 0) == pytest.approx(0.125)


def test_what_the_server_did_not_count_is_taken_at_its_worst():
    """A missing count of tokens is booked as the bound, so the cap holds all the same."""
    assert cost(HAIKU, Usage(), 9000, 4000) == pytest.approx(worst_case(HAIKU, 9000, 4000))
    assert cost(HAIKU, Usage(0, 0, 0, 0), 9000, 4000) == cost(HAIKU, Usage(), 9000, 4000)
    assert cost(HAIKU, Usage(input=1), 9000, 4000) == pytest.approx(0.1e-6 + 4000 * 0.5e-6)
    assert cost(HAIKU, Usage(output=1), 9000, 4000) == pytest.approx(0.5e-6 + 4500 * 0.125e-6)


@pytest.mark.parametrize("part", ["input", "cache_read", "cache_write"])
def test_no_call_costs_more_than_its_worst_case(part):
    """Whatever kind the prompt's tokens are, and as many as are held to be possible."""
    for price in (HAIKU, ModelPrice(4, 20, 4, 5), ModelPrice(1, 2, 3, 0.5)):
        usage = Usage(**{"input": 0, "output": 4000, part: 4500})
        assert cost(price, usage, 9000, 4000) <= worst_case(price, 9000, 4000) * (1 + 1e-9)


def test_the_size_of_a_prompt_is_counted_in_bytes():
    """A character beyond ASCII, as a model may say it, is more than one."""
    told = Request("m", "", turns=({"role": "assistant", "content": "\u6570\U0001f600"},))
    plain = Request("m", "", turns=({"role": "assistant", "content": "ab"},))
    assert told.size == plain.size + 2 + 3
