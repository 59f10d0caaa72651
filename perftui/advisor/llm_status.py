"""How the LLM fares: what all threads see of it, and what becomes of an error."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from typing import Any

from perftui.advisor.caller import CapReached
from perftui.advisor.client import KEY_NAMES, Key
from perftui.advisor.ledger import Spent
from perftui.advisor.reply import CallError
from perftui.errors import PerftuiError
from perftui.model.findings import LlmState, LlmStatus
from perftui.sources.base import Clock

_LOG = logging.getLogger(__name__)


class Status:
    """The status `now`, replaced as a whole and read from any thread.

    `changed` is held while it changes, and notified. `refusal` is why no call may be made at
    present, empty where one may: then there is nothing else to say.
    """

    def __init__(self, model: str, clock: Clock, changed: threading.Condition) -> None:
        self._clock = clock
        self._changed = changed
        self.refusal = ""
        self.now = LlmStatus(since=clock(), model=model)

    def show(self, **changes: Any) -> None:
        """Change fields of it."""
        with self._changed:
            self.now = replace(self.now, **changes)
            self._changed.notify_all()

    def say(self, state: LlmState, message: str = "") -> None:
        """Set state and message; `since` stays while the state does."""
        with self._changed:
            if self.refusal:
                state, message = LlmState.OFF, self.refusal
            since = self.now.since if self.now.state is state else self._clock()
            self.show(state=state, message=message, since=since)

    def pause(self, why: str) -> None:
        """Say why there is no call, where nothing worse is to be said."""
        with self._changed:
            if self.now.state is LlmState.OK:
                self.say(LlmState.OK, why)

    def say_partial(self, text: str) -> None:
        """Show what has come of an answer so far."""
        with self._changed:
            if self.now.calling:
                self.show(partial=text)

    def say_spent(self, call_usd: float | None, run_usd: float, spent: Spent | None) -> None:
        """Show what the last call and those of this run came to, and all calls of this user, where
        known."""
        self.show(call_usd=call_usd, cost_usd=run_usd)
        if spent is not None:
            self.show(
                day_usd=spent.day_usd,
                month_usd=spent.month_usd,
                projected_usd=spent.projected_usd,
            )

    def tell(self, error: Exception) -> None:
        """Make an error a state."""
        if isinstance(error, CapReached):
            self.say(LlmState.CAPPED, error.message)
        elif isinstance(error, CallError) and error.is_cancelled:
            self.pause("the call was cancelled: F5 asks again")
        elif isinstance(error, PerftuiError):
            self.say(LlmState.FAILED, str(error))
        else:
            # Its type alone: the text of an error of unknown origin could hold the key.
            _LOG.debug("the advisor failed: %s", type(error).__name__)
            self.say(LlmState.FAILED, f"The call failed ({type(error).__name__}).")


def why_off(*, allowed: bool, forbidden: bool, key: Key | None) -> str:
    """Why no call may be made; empty if one may."""
    if forbidden:
        return "off: --no-llm"
    if not allowed:
        how = "off: allow it with --llm or [llm] consent = true"
        return f"{how}; a key is in {key.name}" if key else f"{how}, and set {KEY_NAMES[0]}"
    if key is None:
        return f"no key: set {KEY_NAMES[0]}; the local forecast goes on"
    return ""
