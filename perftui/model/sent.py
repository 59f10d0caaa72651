"""What leaves the host for an LLM, as it goes over the line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from perftui.model.consent import Choice, Consent


@dataclass(frozen=True)
class Sent:
    """The bodies of requests to `server`, JSON: that of the next one, as it would be now, empty
    where there is nothing to ask about; and that of the last one, which was sent at `last_at` (Unix
    seconds), empty and None where nothing was sent yet.

    `choices` has the body that each choice would give. `price` is US dollars per million tokens of
    input and of output, None where it is not known.
    """

    server: str
    now: str
    last: str = ""
    last_at: float | None = None
    consent: Consent = field(default_factory=Consent)
    choices: Mapping[Choice, str] = field(default_factory=dict)
    price: tuple[float, float] | None = None
