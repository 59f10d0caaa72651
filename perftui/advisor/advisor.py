"""The advisor: asks an LLM on a schedule, with consent, and keeps its last good answer."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from perftui.advisor import prompt
from perftui.advisor.budget import ModelPrice, cost, no_price, price_of, worst_case
from perftui.advisor.client import (
    KEY_NAMES,
    SERVER,
    CallError,
    Client,
    Key,
    Reply,
    connect,
    find_key,
)
from perftui.advisor.evidence import Facts, facts
from perftui.advisor.ledger import Ledger, month_of
from perftui.advisor.redact import Pseudonyms
from perftui.errors import PerftuiError
from perftui.model.findings import Forecast, LlmState, LlmStatus
from perftui.model.objective import format_duration
from perftui.model.sent import Sent
from perftui.model.snapshot import Snapshot
from perftui.model.target import TargetState
from perftui.settings import LlmSettings
from perftui.sources.base import Clock

ENOUGH_S = 10.0
"""Seconds of evidence before the first call."""
ENOUGH_ALONE_S = 30.0
"""Seconds to wait for windows before metrics have to do without them."""
LOOK_S = 1.0
"""How often it looks whether there is something to say, in seconds."""
EVENT_GAP_S = 20.0
EXIT_S = 0.5
"""What :meth:`Advisor.join` waits at most; a call under way is left to itself."""

ClientFactory = Callable[[Mapping[str, str], Clock], Client]

_LOG = logging.getLogger(__name__)


class Advisor:
    """A thread that is only there when an LLM may be called.

    `allowed` and `forbidden` are consent (`--llm` or the settings) and `--no-llm`. `snapshot`
    gives the newest picture, None before the first one. `status` and `forecasts` are replaced as
    a whole and can be read from any thread. Whatever fails becomes a state; nothing is raised.
    """

    def __init__(
        self,
        settings: LlmSettings,
        *,
        allowed: bool,
        forbidden: bool,
        env: Mapping[str, str],
        snapshot: Callable[[], Snapshot | None],
        clock: Clock,
        ledger: Path | None = None,
        client_factory: ClientFactory = connect,
        look_s: float = LOOK_S,
    ) -> None:
        self._settings = settings
        self._env = env
        self._snapshot = snapshot
        self._clock = clock
        self._connect = client_factory
        self._look_s = look_s
        self._client: Client | None = None
        self._names = Pseudonyms()
        self._price: ModelPrice | None = None
        self._ledger_path = ledger
        self._ledger: Ledger | None = None
        self._naming = threading.Lock()
        """Held while names get pseudonyms: the next request is looked at from other threads."""
        self._last: tuple[float, prompt.Request] | None = None
        self._capped_in: float | None = None
        """The month in which its cap was reached."""
        self._began = 0.0
        self._not_before = 0.0
        self._stopping = False
        self._changed = threading.Condition()
        self._wanted = 0
        self._served = 0
        self._forecasts: tuple[Forecast, ...] = ()
        self._status = LlmStatus(since=clock(), model=settings.model)
        self._thread = threading.Thread(target=self._main, name="perftui-llm", daemon=True)

        reason = _off(allowed=allowed, forbidden=forbidden, key=find_key(env))
        price = price_of(settings.model, settings.prices)
        if reason:
            self._say(LlmState.OFF, reason)
        elif price is None:
            self._say(LlmState.FAILED, str(no_price(settings.model)))
        else:
            self._price = price
            self._status = replace(self._status, cap_usd=settings.monthly_cap_usd)
            self._say(LlmState.OK, f"the first call comes after {ENOUGH_S:g} s of evidence")

    @property
    def status(self) -> LlmStatus:
        """How it fares at present."""
        return self._status

    @property
    def forecasts(self) -> tuple[Forecast, ...]:
        """The last good answer, kept when a later call fails; empty before the first."""
        return self._forecasts

    def start(self) -> None:
        """Begin, if calls may be made at all; else there is no thread."""
        if self._price is not None:
            self._thread.start()

    def stop(self) -> None:
        """Ask it to end; a call under way is abandoned."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def join(self, timeout: float = EXIT_S) -> None:
        """Wait for its end, `timeout` seconds at most and never more than :data:`EXIT_S`."""
        if self._thread.is_alive():
            self._thread.join(min(timeout, EXIT_S))

    def sent(self) -> Sent:
        """What was sent last, and what would be now. From any thread."""
        snapshot = self._snapshot()
        has_evidence = snapshot is not None and (snapshot.windows or snapshot.series)
        now = self._request(facts(snapshot)) if snapshot is not None and has_evidence else None
        server = self._env.get("ANTHROPIC_BASE_URL") or SERVER
        if self._last is None:
            return Sent(server, _body(now))
        return Sent(server, _body(now), _body(self._last[1]), self._last[0])

    def _request(self, table: Facts) -> prompt.Request:
        with self._naming:
            return prompt.request(table, self._names, self._settings.model)

    def ask_now(self) -> None:
        """Call as soon as the server, the budget and the evidence allow, not on schedule."""
        with self._changed:
            # A call under way is as fresh as one that would follow it.
            if not self._status.calling:
                self._wanted += 1
                self._changed.notify_all()

    def ask_soon(self) -> None:
        """Call since something has happened, once there is enough evidence, and unless the last
        call is younger than `EVENT_GAP_S`: what comes and goes must not cost a call each time."""
        last = self._last
        enough = not self._nothing_to_say(self._snapshot(), asked=False)
        if enough and (last is None or self._clock() - last[0] >= EVENT_GAP_S):
            self.ask_now()

    def wait(self, timeout: float) -> bool:
        """Wait until what was asked for by :meth:`ask_now` is served; False after `timeout`.

        Served means answered, failed, or found impossible at present: the status says which.
        """
        if not self._thread.is_alive():
            return True
        with self._changed:
            return self._changed.wait_for(
                lambda: (
                    self._stopping or (self._served >= self._wanted and not self._status.calling)
                ),
                timeout,
            )

    def _main(self) -> None:
        try:
            self._take_turns()
        finally:
            if self._ledger is not None:
                self._ledger.close()

    def _take_turns(self) -> None:
        self._began = due = self._clock()
        while True:
            with self._changed:
                self._changed.wait_for(
                    lambda: self._stopping or self._wanted > self._served, due - self._clock()
                )
                if self._stopping:
                    return
                wanted = self._wanted
                asked = wanted > self._served
            due = self._clock() + self._turn(asked=asked)
            with self._changed:
                self._served = max(self._served, wanted)
                self._changed.notify_all()

    def _turn(self, *, asked: bool) -> float:
        """Call if there is something to say; gives the seconds until the next turn."""
        try:
            now = self._clock()
            if now < self._not_before:
                return self._not_before - now
            snapshot = self._snapshot()
            reason = self._nothing_to_say(snapshot, asked=asked)
            if snapshot is None or reason:
                if self._status.state is LlmState.OK:
                    self._say(LlmState.OK, reason)
                return self._look_s
            self._consult(facts(snapshot))
            elapsed = self._clock() - now
            return max(self._settings.every - elapsed, self._not_before - now - elapsed, 0.0)
        except PerftuiError as error:
            self._say(LlmState.FAILED, str(error))
        except Exception as error:  # noqa: BLE001 - a fault of the advisor must not end the rest
            # Its type alone: the text of an error of unknown origin could hold the key.
            _LOG.debug("the advisor failed: %s", type(error).__name__)
            self._say(LlmState.FAILED, f"The call failed ({type(error).__name__}).")
        return max(self._settings.every, self._not_before - self._clock())

    def _nothing_to_say(self, snapshot: Snapshot | None, *, asked: bool) -> str:
        """Why there is nothing to ask about (yet); empty if there is."""
        if snapshot is None or not (snapshot.windows or snapshot.series):
            return "waits for the first evidence"
        if snapshot.target_state is not TargetState.RUNNING:
            return f"pauses: the target is {snapshot.target_state.value}"
        if not (snapshot.objectives or snapshot.forecasts):
            return "pauses: there is no objective to forecast"
        windows = snapshot.windows
        if windows:
            enough = windows[-1].end - windows[0].start >= ENOUGH_S
        else:
            enough = self._clock() - self._began >= ENOUGH_ALONE_S
        return "" if asked or enough else f"the first call comes after {ENOUGH_S:g} s of evidence"

    def _consult(self, table: Facts) -> None:
        """One call, from the ledger's consent to the forecast. PerftuiError if it fails."""
        price = self._price
        assert price is not None  # noqa: S101 - there is no thread without one
        if self._ledger is None:
            self._ledger = Ledger(self._ledger_path)  # SQLite's connections are for one thread
        request = self._request(table)
        worst = worst_case(price, request.characters, request.max_tokens)
        call = self._entered(self._ledger, worst)
        if call is None:
            return
        with self._changed:
            self._served = self._wanted
            self._status = replace(self._status, calling=True)
        came_to = worst
        try:
            reply = self._ask(request)
            came_to = cost(price, reply.usage, request.characters, request.max_tokens)
        except CallError as error:
            came_to = worst if error.billed else 0.0
            raise
        finally:
            # Before anyone looks at the answer: a bad one costs money, too.
            with self._changed:
                self._status = replace(
                    self._status, calling=False, cost_usd=self._status.cost_usd + came_to
                )
            self._ledger.settle(call, came_to)
            self._say_spent(self._ledger)
        from perftui.advisor.answer import as_forecast, parse  # pydantic: 4 MB, for who asks an LLM

        answer = parse(reply.complete_text())
        made_at = self._clock()
        with self._naming:
            forecast = as_forecast(answer, table, self._names, by=request.model, made_at=made_at)
        if forecast is not None:
            self._forecasts = (forecast,)
        self._status = replace(self._status, last_at=made_at)
        self._say(LlmState.OK)

    def _entered(self, ledger: Ledger, worst: float) -> int | None:
        """The call's entry in the ledger, None where it may not be made: then it is said why."""
        now, cap = self._clock(), self._settings.monthly_cap_usd
        call = None
        # Once stopped it stays so for the month, though a smaller request might still fit.
        if self._capped_in != month_of(now):
            call = ledger.reserve(now, self._settings.model, worst, cap)
        if call is None:
            self._capped_in = month_of(now)
            self._say_spent(ledger)
            self._say(
                LlmState.CAPPED,
                f"stopped: the next call could exceed the ${cap:.2f} of this month; "
                "the local forecast goes on",
            )
        return call

    def _say_spent(self, ledger: Ledger) -> None:
        spent = ledger.spent(self._clock())
        self._status = replace(
            self._status,
            day_usd=spent.day_usd,
            month_usd=spent.month_usd,
            projected_usd=spent.projected_usd,
        )

    def _ask(self, request: prompt.Request) -> Reply:
        """Call, and note for how long the server wants no other."""
        if self._client is None:
            self._client = self._connect(self._env, self._clock)
        began = self._clock()
        try:
            reply = self._client.ask(request)
            self._last = began, request
            return reply
        except CallError as error:
            if error.billed:
                self._last = began, request  # it may have arrived
            if error.retry_after_s is None:
                raise
            self._not_before = self._clock() + error.retry_after_s
            wait = format_duration(max(1.0, error.retry_after_s))
            fix = f"The server asks to wait {wait}; then the next call follows."
            raise CallError(error.message, fix, billed=error.billed) from None

    def _say(self, state: LlmState, message: str = "") -> None:
        """Set state and message; `since` stays while the state does."""
        old = self._status
        since = old.since if old.state is state else self._clock()
        self._status = replace(old, state=state, message=message, since=since)


def _body(request: prompt.Request | None) -> str:
    return "" if request is None else json.dumps(request.parameters, separators=(",", ":"))


def _off(*, allowed: bool, forbidden: bool, key: Key | None) -> str:
    """Why no call may be made; empty if one may."""
    if forbidden:
        return "off: --no-llm"
    if not allowed:
        how = "off: allow it with --llm or [llm] consent = true"
        return f"{how}; a key is in {key.name}" if key else f"{how}, and set {KEY_NAMES[0]}"
    if key is None:
        return f"no key: set {KEY_NAMES[0]}; the local forecast goes on"
    return ""
