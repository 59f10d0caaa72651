"""What calls cost: prices by model, the worst case of a call, and what it came to."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from perftui.errors import PerftuiError
from perftui.settings import Price

CHARACTERS_PER_TOKEN = 2
"""For the bound on a prompt: JSON full of numbers has fewer characters a token than prose."""


@dataclass(frozen=True)
class ModelPrice:
    """US dollars per million tokens."""

    input: float
    output: float
    cache_read: float


PRICES: Mapping[str, ModelPrice] = {
    # Anthropic's list of November 2026. Haiku's price holds for prompts of up to 100,000 tokens.
    # Where no price of cache reads is listed, they count as input.
    "claude-haiku-5-5": ModelPrice(0.10, 0.50, 0.01),
    "claude-sonnet-5-5": ModelPrice(2.0, 10.0, 0.10),
    "claude-opus-5-5": ModelPrice(4.0, 20.0, 4.0),
}
_CACHE_WRITE = 2.0
"""Writing the cache, in input prices: the dearer of the two kinds. perftui asks for neither."""

_DATED = re.compile(r"-\d{8}$")


@dataclass(frozen=True)
class Usage:
    """Tokens of one call as the server counted them; None where it did not say."""

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None


def price_of(model: str, own: Mapping[str, Price]) -> ModelPrice | None:
    """The price of `model`: the user's own, else the list's; None if neither has it."""
    if model in own:
        return ModelPrice(own[model].input, own[model].output, own[model].input)
    return PRICES.get(model) or PRICES.get(_DATED.sub("", model))


def no_price(model: str) -> PerftuiError:
    """Why a model without a price is not called, and how to give one."""
    name = '"' + model.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return PerftuiError(
        f"No price is known for {model}, so its cost cannot be capped.",
        f"Set [llm.prices.{name}] input = … output = … (dollars per million tokens; 0 if free).",
    )


def worst_case(price: ModelPrice, characters: int, max_tokens: int) -> float:
    """The most that a call with such a prompt and limit can cost, in US dollars."""
    tokens = math.ceil(characters / CHARACTERS_PER_TOKEN)
    return (tokens * price.input + max_tokens * price.output) / 1e6


def cost(price: ModelPrice, usage: Usage, characters: int, max_tokens: int) -> float:
    """What a call cost, in US dollars; where the server counted nothing, its worst case."""
    return (
        worst_case(price, 0 if usage.input is not None else characters, 0)
        + (usage.input or 0) * price.input / 1e6
        + (usage.cache_read or 0) * price.cache_read / 1e6
        + (usage.cache_write or 0) * price.input * _CACHE_WRITE / 1e6
        + (max_tokens if usage.output is None else usage.output) * price.output / 1e6
    )
