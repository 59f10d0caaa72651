"""Permission: whether an LLM may be called and what it is told, asked for once.

The settings and `--llm` give it for a run. Else the screen offers to, and the answer is remembered
for this host and for the server that was to be called.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from perftui.advisor.advisor import Advisor
from perftui.advisor.client import find_key
from perftui.advisor.consent import ConsentFile
from perftui.errors import StateError
from perftui.model.consent import Choice, Consent
from perftui.model.sent import Sent
from perftui.settings import NUMBERS_ONLY, LlmSettings, ShareSettings
from perftui.sources.base import Clock

OFFERED = "can explain this: v here shows what would be sent, and allows it"
PUT_OFF = "off for now: v here allows it"
NEVER = "off: never on this host, as you said; v here changes that"
TAKEN_BACK = "off: you took it back; v here allows it"


class Permission:
    """What `advisor` may do, and what the user says to that on the screen; for one thread.

    `given` says that the settings or `--llm` allow it. Without a `file` nothing is asked and
    nothing remembered: the advisor does as it was told when it was made.
    """

    def __init__(
        self,
        advisor: Advisor,
        settings: LlmSettings,
        *,
        given: bool,
        env: Mapping[str, str],
        clock: Clock,
        file: ConsentFile | None,
    ) -> None:
        self._advisor = advisor
        self._settings = settings
        self._clock = clock
        self._file = file
        self._consent = Consent()
        if file is None or find_key(env) is None:
            return
        if given:
            self._consent = Consent(Choice.NAMES, "the settings or --llm")
            return
        self._consent = self._remembered(file)
        self._do()

    @property
    def consent(self) -> Consent:
        """What holds at present."""
        return self._consent

    def choose(self, choice: Choice) -> str:
        """Do so from now on, and remember it; why that cannot be remembered, or nothing."""
        if self._file is None or not self._consent.is_open:
            return ""
        self._consent = Consent(choice, "you, for this host", is_open=True)
        self._do()
        try:
            self._file.keep(choice, self._share(choice).opened, self._clock())
        except StateError as error:
            self._consent = replace(self._consent, by="you, for this run", note=error.message)
            return error.message
        return ""

    def put_off(self) -> None:
        """Not now: it is offered more quietly, and nothing is remembered."""
        if self._consent.is_open and self._consent.choice is None:
            self._advisor.refuse(PUT_OFF)

    def take_back(self) -> str:
        """Allow nothing any more, in this run and the next; why that is not sure, or nothing."""
        if self._file is None or not self._consent.is_open:
            return ""
        self._consent = Consent(is_open=True)
        self._advisor.refuse(TAKEN_BACK)
        try:
            self._file.forget()
        except StateError as error:
            return error.message
        return ""

    def sent(self) -> Sent:
        """What was sent, and what would be by each choice; takes a moment."""
        choices = (Choice.NUMBERS, Choice.NAMES) if self._consent.is_open else ()
        price = self._advisor.price
        return replace(
            self._advisor.sent(),
            consent=self._consent,
            choices={one: self._advisor.would_send(self._share(one)) for one in choices},
            price=None if price is None else (price.input, price.output),
        )

    def _remembered(self, file: ConsentFile) -> Consent:
        try:
            answer = file.read()
        except StateError as error:
            return Consent(is_open=True, note=error.message)
        if answer is None:
            return Consent(is_open=True)
        more = [kind for kind in self._share(answer.choice).opened if kind not in answer.kinds]
        if more:
            note = f"[llm.share] opens more than you allowed: {', '.join(more)}."
            return Consent(is_open=True, note=note)
        return Consent(answer.choice, "you, for this host", is_open=True)

    def _share(self, choice: Choice) -> ShareSettings:
        return self._settings.share if choice is Choice.NAMES else NUMBERS_ONLY

    def _do(self) -> None:
        """Have the advisor do what holds."""
        choice, note = self._consent.choice, self._consent.note
        if choice is None:
            self._advisor.refuse(f"{OFFERED}. {note}" if note else OFFERED)
        elif choice is Choice.NEVER:
            self._advisor.refuse(NEVER)
        else:
            self._advisor.allow(self._share(choice))
