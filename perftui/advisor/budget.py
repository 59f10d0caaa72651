"""What calls cost: prices by model, the worst case of a call, and what it came to."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import Annotated

from msgspec import Meta

from perftui.checked import Table, checked
from perftui.errors import PerftuiError
from perftui.settings import Price

BYTES_PER_TOKEN = 2
"""For the bound on a prompt: JSON full of numbers has fewer of them a token than prose. Bytes, and
not characters: one beyond ASCII can be more than a token."""
_CACHE_WRITE = 1.25
"""What a write to the cache costs, in input prices, where nobody says."""

_DATED = re.compile(r"-\d{8}$")

Dollars = Annotated[float, Meta(ge=0)]


class ListedPrice(Table, frozen=True, kw_only=True):
    """What a model costs from a day on, in US dollars per million tokens."""

    model: str
    since: date
    input: Dollars
    output: Dollars
    cache_read: Dollars
    cache_write: Dollars


class PriceList(Table, frozen=True, kw_only=True):
    """The price list that is shipped, and the day it was looked at."""

    as_of: date
    price: tuple[ListedPrice, ...]


@dataclass(frozen=True)
class ModelPrice:
    """US dollars per million tokens. `since` is when a listed price began, None for one's own."""

    input: float
    output: float
    cache_read: float
    cache_write: float
    since: date | None = None


@dataclass(frozen=True)
class Usage:
    """Tokens of one call as the server counted them; None where it did not say."""

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None


@cache
def price_list() -> PriceList:
    """The list in `prices.toml`."""
    text = (resources.files("perftui.advisor") / "prices.toml").read_text(encoding="utf-8")
    return checked(tomllib.loads(text), PriceList)


def price_of(model: str, own: Mapping[str, Price], today: date) -> ModelPrice | None:
    """The price of `model`: the user's own, else the newest of the list; None if neither has it."""
    if model in own:
        price = own[model]
        read = price.input if price.cache_read is None else price.cache_read
        write = price.input * _CACHE_WRITE if price.cache_write is None else price.cache_write
        return ModelPrice(price.input, price.output, read, write)
    holding = [one for one in price_list().price if one.since <= today]
    for name in (model, _DATED.sub("", model)):
        listed = [one for one in holding if one.model == name]
        if listed:
            one = max(listed, key=lambda listed_one: listed_one.since)
            return ModelPrice(one.input, one.output, one.cache_read, one.cache_write, one.since)
    return None


def no_price(model: str) -> PerftuiError:
    """Why a model without a price is not called, and how to give one."""
    name = '"' + model.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return PerftuiError(
        f"No price is known for {model}, so its cost cannot be capped.",
        f"Set [llm.prices.{name}] input = … output = … (dollars per million tokens; 0 if free).",
    )


def worst_case(price: ModelPrice, size: int, max_tokens: int) -> float:
    """The most that a call with a prompt of `size` bytes and such a limit can cost, in US
    dollars."""
    tokens = math.ceil(size / BYTES_PER_TOKEN)
    # Whatever part of the prompt is written to the cache, or read from it.
    dearest = max(price.input, price.cache_read, price.cache_write)
    return (tokens * dearest + max_tokens * price.output) / 1e6


def cost(price: ModelPrice, usage: Usage, size: int, max_tokens: int) -> float:
    """What a call cost, in US dollars; where the server counted nothing, its worst case."""
    counted = (usage.input, usage.output, usage.cache_read, usage.cache_write)
    if not any(counted):
        usage = Usage()  # some gateways fill in zeros; no call has none
    return (
        worst_case(price, 0 if usage.input is not None else size, 0)
        + (usage.input or 0) * price.input / 1e6
        + (usage.cache_read or 0) * price.cache_read / 1e6
        + (usage.cache_write or 0) * price.cache_write / 1e6
        + (max_tokens if usage.output is None else usage.output) * price.output / 1e6
    )
