"""Calls to an LLM, each entered in the ledger before it is made and settled after it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from perftui.advisor.budget import ModelPrice, cost, no_price, price_of, worst_case
from perftui.advisor.client import Client, Heard
from perftui.advisor.ledger import Ledger, Spent, month_of
from perftui.advisor.prompt import Request
from perftui.advisor.reply import CallError, Reply
from perftui.errors import PerftuiError
from perftui.model.objective import format_duration
from perftui.settings import LlmSettings
from perftui.sources.base import Clock

ClientFactory = Callable[[Mapping[str, str], Clock], Client]


class CapReached(PerftuiError):
    """No call may be made: the month's could cost more than the cap."""


class Caller:
    """Calls one server, on one thread; :meth:`cancel` and what can be read are for all.

    `last` is the last request that went out and when, in Unix seconds, also while it is under way;
    before `not_before` the server wants no other. `last_usd` is what the last call came to, None
    before the first, `run_usd` what the calls of this run did.
    """

    def __init__(
        self,
        settings: LlmSettings,
        env: Mapping[str, str],
        clock: Clock,
        ledger: Path | None,
        connect: ClientFactory,
    ) -> None:
        self._settings = settings
        self._env = env
        self._clock = clock
        self._connect = connect
        self._ledger_path = ledger
        self._ledger: Ledger | None = None
        self._client: Client | None = None
        self._capped_in: float | None = None
        """The month in which its cap was reached."""
        self._cancelled = threading.Event()
        self.last: tuple[float, Request] | None = None
        self.not_before = 0.0
        self.last_usd: float | None = None
        self.run_usd = 0.0

    @property
    def price(self) -> ModelPrice | None:
        """What the model costs now; None if nobody says."""
        today = datetime.fromtimestamp(self._clock(), UTC).date()
        return price_of(self._settings.model, self._settings.prices, today)

    def begin(self) -> None:
        """Another question: what was cancelled before is over."""
        self._cancelled.clear()

    def call(self, request: Request, heard: Heard) -> Reply:
        """One call; `heard` gets its text so far as it comes.

        CallError if it failed, CapReached if it may not be made, StateError without a ledger,
        another PerftuiError without a price."""
        price = self.price
        if price is None:
            # Who has none is never asked, but a clock that is put back may be before the list's.
            raise no_price(self._settings.model)
        worst = worst_case(price, request.size, request.max_tokens)
        if self._ledger is None:
            self._ledger = Ledger(self._ledger_path)  # SQLite's connections are for one thread
        entry = self._entered(self._ledger, worst)
        came_to = worst
        try:
            reply = self._ask(request, heard)
            came_to = cost(price, reply.usage, request.size, request.max_tokens)
        except CallError as error:
            came_to = worst if error.billed else 0.0
            raise
        finally:
            # Before anyone looks at the answer: a bad one costs money, too.
            self.last_usd = came_to
            self.run_usd += came_to
            self._ledger.settle(entry, came_to)
        return reply

    def spent(self) -> Spent | None:
        """What all calls of this user came to; None before the first. For the calling thread."""
        return None if self._ledger is None else self._ledger.spent(self._clock())

    def cancel(self) -> None:
        """End the call under way or about to go out, and let none follow before :meth:`begin`."""
        self._cancelled.set()
        if self._client is not None:
            self._client.cancel()

    def close(self) -> None:
        """Close the ledger. For the calling thread."""
        if self._ledger is not None:
            self._ledger.close()

    def _entered(self, ledger: Ledger, worst: float) -> int:
        """The call's entry in the ledger."""
        now, cap = self._clock(), self._settings.monthly_cap_usd
        entry = None
        # Once stopped it stays so for the month, though a smaller request might still fit.
        if self._capped_in != month_of(now):
            entry = ledger.reserve(now, self._settings.model, worst, cap)
        if entry is None:
            # What is under way in another perftui may come to less than is held back for it.
            if ledger.settled(now) + worst > cap:
                self._capped_in = month_of(now)
            raise CapReached(
                f"stopped: the next call could exceed the ${cap:.2f} of this month; "
                "the local forecast goes on"
            )
        return entry

    def _ask(self, request: Request, heard: Heard) -> Reply:
        """Call, and note for how long the server wants no other."""
        if self._client is None:
            self._client = self._connect(self._env, self._clock)
        before, self.last = self.last, (self._clock(), request)
        try:
            reply = self._client.ask(request, heard, self._cancelled)
        except CallError as error:
            if not error.may_have_arrived:
                self.last = before
            if error.retry_after_s is None:
                raise
            self.not_before = self._clock() + error.retry_after_s
            wait = format_duration(max(1.0, error.retry_after_s))
            fix = f"The server asks to wait {wait}; then the next call follows."
            raise CallError(error.message, fix, billed=error.billed) from None
        return reply
