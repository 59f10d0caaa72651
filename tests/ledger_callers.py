"""Processes that call an LLM by a ledger, for tests of several at once."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from perftui.advisor.ledger import Ledger


def call_until_capped(path: Path, now: float, worst_usd: float, cap_usd: float) -> None:
    """Calls that cost their worst case, until no more is allowed."""
    ledger = Ledger(path)
    while (call := ledger.reserve(now, "m", worst_usd, cap_usd)) is not None:
        ledger.settle(call, worst_usd)


def die_in_a_call(path: Path, now: float, worst_usd: float) -> None:
    """Killed between a call's entry and its end."""
    Ledger(path).reserve(now, "m", worst_usd, 1.0)
    os.kill(os.getpid(), signal.SIGKILL)
