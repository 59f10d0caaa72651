"""What leaves the host for an LLM, as it goes over the line."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sent:
    """The bodies of requests to `server`, JSON: that of the next one, as it would be now, empty
    where there is nothing to ask about; and that of the last one, which was sent at `last_at` (Unix
    seconds), empty and None where nothing was sent yet."""

    server: str
    now: str
    last: str = ""
    last_at: float | None = None
