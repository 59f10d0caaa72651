"""The advisor: asks an LLM on a schedule and on events, with consent, and keeps its last answer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from perftui.advisor import prompt
from perftui.advisor.budget import ModelPrice, no_price
from perftui.advisor.caller import Caller, ClientFactory
from perftui.advisor.client import SERVER, URL_NAME, Heard, connect, find_key
from perftui.advisor.conversation import converse
from perftui.advisor.drafts import Cases, Drafts, no_cases
from perftui.advisor.excerpt import excerpt
from perftui.advisor.llm_status import Status, why_off
from perftui.advisor.redact import Pseudonyms
from perftui.advisor.reply import CallError, Reply
from perftui.advisor.rows import Facts
from perftui.advisor.schedule import TOO_EARLY, Schedule
from perftui.advisor.standing import Standing, read_standing
from perftui.advisor.tools import ReadSource, Toolbox, no_source
from perftui.errors import PerftuiError
from perftui.model.findings import Forecast, LlmState, LlmStatus
from perftui.model.question import Explanation, Question
from perftui.model.sent import Sent
from perftui.model.snapshot import Snapshot
from perftui.settings import LlmSettings, ShareSettings
from perftui.sources.base import Clock

LOOK_S = 1.0
"""How often it looks whether there is something to say, in seconds."""
EVENT_GAP_S = 20.0
EXIT_S = 0.5
"""What :meth:`Advisor.join` waits at most; a call under way is left to itself."""

if TYPE_CHECKING:
    from perftui.advisor.answer import Answer


class Advisor:
    """A thread that is only there when an LLM may be called.

    `allowed` and `forbidden` are consent (`--llm` or the settings) and `--no-llm`; :meth:`allow`
    and :meth:`refuse` change that later. `snapshot` gives the newest picture, None before the first
    one, `picture` that of the time that a question is about; `read_source` reads a file of the
    target; `of_files` are metrics that are called after one; `cases` gives earlier moments that are
    like a forecast. `status`, `forecasts` and `explanation` are replaced as a whole and can be read
    from any thread. Whatever fails becomes a state; nothing is raised.
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
        read_source: ReadSource = no_source,
        picture: Callable[[Question], Snapshot | None] | None = None,
        of_files: frozenset[str] = frozenset(),
        cases: Cases = no_cases,
        client_factory: ClientFactory = connect,
        look_s: float = LOOK_S,
    ) -> None:
        self._settings = settings
        self._env = env if settings.url is None else {**env, URL_NAME: settings.url}
        self._snapshot = snapshot
        self._clock = clock
        self._read_source = read_source
        self._picture = picture or (lambda _: snapshot())
        self._look_s = look_s
        self._caller = Caller(settings, self._env, clock, ledger, client_factory)
        self._log, self._standing = ledger, Standing()
        self._drafts = Drafts(settings, of_files, cases)
        self._schedule = Schedule(clock)
        self._question: Question | None = None
        self._started = self._stopping = self._is_busy = False
        self._changed = threading.Condition()
        self._wanted = 0
        self._served = 0
        self._forecasts: tuple[Forecast, ...] = ()
        self._explanation: Explanation | None = None
        self._answering: Question | None = None
        self._watched = 0
        """How many targets were watched before this one."""
        self._said = Status(settings.model, clock, self._changed)
        self._thread = threading.Thread(target=self._main, name="perftui-llm", daemon=True)

        reason = why_off(allowed=allowed, forbidden=forbidden, key=find_key(self._env))
        if reason:
            self.refuse(reason)
        else:
            self.allow(settings.share)

    def allow(self, share: ShareSettings) -> None:
        """Call from now on, and tell what `share` opens; where that cannot be, it is said why. From
        any thread."""
        with self._changed:
            if self._drafts.share(share):
                self._caller.cancel()  # what is under way was begun with more
            self._said.refusal = ""
            self._question = None
            if self._caller.price is None:
                self._said.say(LlmState.FAILED, str(no_price(self._settings.model)))
                return
            self._said.show(cap_usd=self._settings.monthly_cap_usd)
            self._said.say(LlmState.OK, TOO_EARLY)
            self._begin()
            self._changed.notify_all()

    def refuse(self, why: str) -> None:
        """Call no more from now on, and say why; a call under way is ended. From any thread."""
        with self._changed:
            self._said.refusal = why
            self._question = None
            self._said.say(LlmState.OFF, why)
        self._caller.cancel()

    @property
    def status(self) -> LlmStatus:
        """How it fares at present."""
        return self._said.now

    @property
    def forecasts(self) -> tuple[Forecast, ...]:
        """The last good answer, kept when a later call fails; empty before the first."""
        return self._forecasts

    def excerpt(self, question: Question) -> tuple[str, ...]:
        """The lines of the function that a question is about, as they would go along with it; takes
        a moment. PerftuiError where there are none."""
        snapshot = self._picture(question)
        if question.place is None or snapshot is None:
            raise PerftuiError("No function is selected.")
        return excerpt(question.place, snapshot, self._read_source(question.place.file))

    @property
    def explanation(self) -> Explanation | None:
        """The answer to the last question, None until there is one."""
        return self._explanation

    def start(self) -> None:
        """Begin, as soon as calls may be made; before that there is no thread."""
        with self._changed:
            self._started = True
            self._begin()

    def _begin(self) -> None:
        may_call = self._caller.price is not None and not self._said.refusal
        if self._started and may_call and not self._stopping and self._thread.ident is None:
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
        """What was sent last, and what would be now if it were asked for. From any thread."""
        now, last = self.would_send(self._drafts.names.share), self._caller.last
        if last is None:
            return Sent(self.server, now)
        return Sent(self.server, now, last[1].body, last[0])

    def would_send(self, share: ShareSettings) -> str:
        """The body of a call as it would be now, if it were asked for, with what `share` opens;
        empty where there is nothing to ask about. From any thread."""
        return self._drafts.would_send(self._snapshot(), share)

    @property
    def server(self) -> str:
        """Where calls go."""
        return self._env.get(URL_NAME) or SERVER

    @property
    def price(self) -> ModelPrice | None:
        """What the model costs; None if nobody says."""
        return self._caller.price

    def ask_now(self) -> None:
        """Call as soon as the server, the budget and the evidence allow, not on schedule."""
        with self._changed:
            # A forecast under way is as fresh as one that would follow it, one that waits fresher.
            is_under_way = self._said.now.calling and self._answering is None
            if not is_under_way and self._wanted == self._served:
                self._wanted += 1
                self._changed.notify_all()

    def ask_soon(self) -> None:
        """Call since something has happened, once there is enough evidence, and unless the last
        call is younger than `EVENT_GAP_S`: what comes and goes must not cost a call each time."""
        last = self._caller.last
        enough = not self._schedule.nothing_to_say(self._snapshot(), asked=False)
        if enough and (last is None or self._clock() - last[0] >= EVENT_GAP_S):
            self.ask_now()

    def attend(self, *, is_there: bool) -> None:
        """Whether somebody looks at the screen: else, after a while, only what is asked for is
        sent."""
        self._schedule.attend(is_there=is_there)

    def explain(self, question: Question) -> None:
        """Answer this next, in place of one that waits; :attr:`explanation` is the answer. Where no
        call may be made it is not kept for later: what is sent then was not seen."""
        with self._changed:
            self._explanation = None
            self._question = None if self._said.refusal else question
            self._changed.notify_all()

    @property
    def answering(self) -> Question | None:
        """The question that is being answered, None while there is none."""
        return self._answering

    def withdraw(self, question: Question | None) -> bool:
        """Answer it no more; False where it neither waits nor is being answered."""
        with self._changed:
            waits = question is not None and self._question == question
            if waits:
                self._question = None
            is_answered = question is not None and self._answering == question
            if is_answered:
                self._caller.cancel()
        return waits or is_answered

    def forget(self) -> None:
        """Another target is watched: what was said of the last one is not said of it."""
        with self._changed:
            self._watched += 1  # an answer that has come, but is not shown yet, is not either
            self._forecasts, self._explanation = (), None
            self._schedule.forget()
            self._caller.cancel()  # what is under way is about the last one, too

    def cancel(self) -> bool:
        """End the call under way; False if there is none. From any thread."""
        if not self._said.now.calling:
            return False
        self._caller.cancel()
        return True

    def wait(self, timeout: float) -> bool:
        """Wait until what was asked for by :meth:`ask_now` is served; False after `timeout`.

        Served means answered, failed, or found impossible at present: the status says which.
        """
        if not self._thread.is_alive():
            return True
        with self._changed:
            return self._changed.wait_for(
                lambda: self._stopping or not (self._is_wanted() or self._is_busy),
                timeout,
            )

    def _main(self) -> None:
        try:
            self._take_turns()
        finally:
            self._caller.close()

    def _take_turns(self) -> None:
        self._schedule.begin()
        due = self._clock()
        while True:
            with self._changed:
                self._changed.wait_for(self._is_wanted, due - self._clock())
                if self._stopping:
                    return
                wanted, asked = self._wanted, self._wanted > self._served
                if self._question is not None and self._clock() < self._caller.not_before:
                    # The server wants to wait: it is not forgotten meanwhile.
                    self._changed.wait(self._look_s)
                    continue
                question, self._question = self._question, None
                self._answering, self._is_busy = question, True
                self._caller.begin()
            if question is not None:
                self._turn(partial(self._answer, question))
            else:
                due = self._clock() + self._turn(partial(self._look, asked=asked))
            with self._changed:
                if question is None:
                    self._served = max(self._served, wanted)
                self._answering, self._is_busy = None, False
                self._changed.notify_all()

    def _is_wanted(self) -> bool:
        return self._stopping or self._wanted > self._served or self._question is not None

    def _look(self, *, asked: bool) -> float:
        """Ask for a forecast if there is something to say; the seconds until the next look."""
        every, now = self._settings.every, self._clock()
        watched, drafts = self._watched, self._drafts
        snapshot, names = self._snapshot(), drafts.names
        reason = self._schedule.nothing_to_say(snapshot, asked=asked)
        if snapshot is None or reason:
            self._said.pause(reason)
            return self._look_s
        table = drafts.table(snapshot, names)
        content = drafts.request(table, names).content
        if reason := self._schedule.nothing_new(content, table, asked=asked):
            self._said.pause(reason)
            return every
        from perftui.advisor.answer import as_forecast

        answer, table = self._consult(table, snapshot, names, asked=asked)
        model = self._settings.model
        self._standing = read_standing(self._log, model, self._standing)
        with drafts.naming:
            forecast = as_forecast(
                answer,
                table,
                names,
                by=model,
                made_at=self._clock(),
                most_shift=self._standing.most_shift,
                earlier=self._standing.record,
            )
        with self._changed:
            if self._is_still(watched, snapshot):
                self._forecasts = self._forecasts if forecast is None else (forecast,)
                self._schedule.answered(content, table)
        return max(every - (self._clock() - now), 0.0)

    def _answer(self, question: Question) -> float:
        """Answer what a person asks, about the time that it is about."""
        watched, drafts = self._watched, self._drafts
        snapshot, names = self._picture(question), drafts.names
        if snapshot is None or not (snapshot.windows or snapshot.series):
            nothing = "There is nothing of that time to ask about."
            with self._changed:
                if watched == self._watched:
                    self._explanation = Explanation(question, "", self._clock(), nothing)
            return 0.0
        table = drafts.table(snapshot, names, question)
        from perftui.advisor.answer import as_explanation

        answer, table = self._consult(table, snapshot, names, asked=True)
        with drafts.naming:
            explanation = as_explanation(
                answer, table, names, by=self._settings.model, made_at=self._clock()
            )
        with self._changed:
            if self._is_still(watched, snapshot):
                self._explanation = explanation
        return 0.0

    def _is_still(self, watched: int, snapshot: Snapshot) -> bool:
        """Whether the target of a snapshot is watched still. It may have been the last one of its
        target, taken when the next was watched already."""
        newest = self._snapshot()
        is_same = newest is None or newest.target.pid == snapshot.target.pid
        return is_same and watched == self._watched

    def _turn(self, work: Callable[[], float]) -> float:
        """Do `work`, which gives the seconds until the next turn; what goes wrong becomes a
        state."""
        every, caller = self._settings.every, self._caller
        try:
            if self._said.refusal:
                self._said.say(LlmState.OFF)
                return self._look_s
            if self._clock() < caller.not_before:
                return caller.not_before - self._clock()
            return max(work(), caller.not_before - self._clock())
        except Exception as error:  # noqa: BLE001 - a fault of the advisor must not end the rest
            self._said.tell(error)
        return max(every, caller.not_before - self._clock())

    def _consult(
        self, table: Facts, snapshot: Snapshot, names: Pseudonyms, *, asked: bool
    ) -> tuple[Answer, Facts]:
        """One question, from the first call to the answer, and the table with all that was told.
        PerftuiError if it fails. `names` hold for all of it, whatever is opened meanwhile."""
        from perftui.advisor.answer import parse  # pydantic: 4 MB, for who asks an LLM

        self._said.show(calling=True, partial="")
        try:
            request = self._drafts.request(table, names, asked=asked)
            tools = Toolbox(table, snapshot, names, self._read_source)
            reply = converse(
                self._paid, request, tools, names, self._drafts.naming, self._said.say_partial
            )
        finally:
            self._said.show(calling=False, partial="")
        answer = parse(reply.complete_text())
        self._said.show(last_at=self._clock())
        self._said.say(LlmState.OK)
        return answer, replace(table, looks=tuple(tools.looks))

    def _paid(self, request: prompt.Request, heard: Heard) -> Reply:
        """One call, if it is still allowed; what it came to is shown."""
        if self._said.refusal:
            raise CallError(self._said.refusal)
        try:
            return self._caller.call(request, heard)
        finally:
            caller = self._caller
            self._said.say_spent(caller.last_usd, caller.run_usd, caller.spent())
