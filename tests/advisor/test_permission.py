"""Who allows an LLM what: the settings, the flag, or an answer that is remembered."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from llm_samples import NOW, OWN, answer_text, snapshot
from llm_standin import KEY, StandIn, message

from perftui.advisor.advisor import Advisor
from perftui.advisor.consent import ConsentFile
from perftui.advisor.permission import NEVER, OFFERED, PUT_OFF, TAKEN_BACK, Permission
from perftui.model.consent import Choice, Consent
from perftui.model.findings import LlmState
from perftui.settings import LlmSettings, ShareSettings

WITH_KEY = {"ANTHROPIC_API_KEY": KEY}
MORE = LlmSettings(share=ShareSettings(labels=True, function_names=True))


class Run:
    """An advisor with its permission, as one run of perftui has them."""

    def __init__(
        self,
        file: Path | None,
        *,
        settings: LlmSettings | None = None,
        given: bool = False,
        env: Mapping[str, str] = WITH_KEY,
        server: str = "https://one",
    ) -> None:
        settings = settings or LlmSettings()
        self.advisor = Advisor(
            settings,
            allowed=given,
            forbidden=False,
            env=env,
            snapshot=snapshot,
            clock=lambda: NOW,
            look_s=0.01,
        )
        self.permission = Permission(
            self.advisor,
            settings,
            given=given,
            env=env,
            clock=lambda: NOW,
            file=None if file is None else ConsentFile(file, "web-12", server),
        )

    @property
    def state(self) -> tuple[LlmState, str]:
        return self.advisor.status.state, self.advisor.status.message

    @property
    def is_allowed(self) -> bool:
        return self.advisor.status.state is LlmState.OK


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "consent.json"


@pytest.fixture
def start() -> Iterator[Any]:
    """Starts the advisor of a run, and ends it after the test."""
    runs: list[Run] = []

    def begin(run: Run) -> Run:
        runs.append(run)
        run.advisor.start()
        return run

    yield begin
    for run in runs:
        run.advisor.stop()
        run.advisor.join()


def functions(body: bytes | str) -> list[str]:
    content = json.loads(json.loads(body)["messages"][0]["content"])
    return [row["name"] for row in content["functions"]]


def test_it_is_offered_once(file):
    """With a key and nothing said, the pane says where it is allowed; not now makes that shorter,
    and the next run offers it again."""
    run = Run(file)
    assert run.state == (LlmState.OFF, OFFERED)
    assert run.permission.consent == Consent(is_open=True)
    run.permission.put_off()
    assert run.state == (LlmState.OFF, PUT_OFF)
    assert not file.exists()
    assert Run(file).state == (LlmState.OFF, OFFERED)


@pytest.mark.parametrize("choice", [Choice.NUMBERS, Choice.NAMES])
def test_an_answer_holds_at_once_and_in_the_next_run(choice, file):
    """For this server alone: another one is asked about again."""
    run = Run(file)
    assert run.permission.choose(choice) == ""
    assert run.is_allowed
    assert run.permission.consent.is_given
    later = Run(file)
    assert later.is_allowed
    assert later.permission.consent.choice is choice
    assert Run(file, server="https://other").state == (LlmState.OFF, OFFERED)


def test_never_is_remembered_and_can_be_changed(file):
    """It is not offered any more, but the same screen changes it."""
    assert Run(file).permission.choose(Choice.NEVER) == ""
    run = Run(file)
    assert run.state == (LlmState.OFF, NEVER)
    assert run.permission.consent.is_wanted
    run.permission.put_off()
    assert run.state == (LlmState.OFF, NEVER)
    run.permission.choose(Choice.NUMBERS)
    assert Run(file).is_allowed


def test_it_can_be_taken_back(file):
    """In this run and the next one."""
    Run(file).permission.choose(Choice.NAMES)
    run = Run(file)
    assert run.permission.take_back() == ""
    assert run.state == (LlmState.OFF, TAKEN_BACK)
    assert Run(file).state == (LlmState.OFF, OFFERED)


def test_more_than_was_allowed_is_asked_again(file):
    """Settings that open another kind do not stretch an old answer; numbers only stays that."""
    Run(file).permission.choose(Choice.NAMES)
    run = Run(file, settings=MORE)
    assert run.advisor.status.state is LlmState.OFF
    assert "[llm.share] opens more than you allowed: function_names, labels." in run.state[1]
    run.permission.choose(Choice.NAMES)
    assert Run(file, settings=MORE).is_allowed
    assert Run(file).is_allowed
    Run(file).permission.choose(Choice.NUMBERS)
    assert Run(file, settings=MORE).is_allowed


def test_a_broken_file_asks_again_and_says_so(file):
    """In the pane and on the screen where it is answered."""
    file.write_text("{")
    run = Run(file)
    assert run.state == (LlmState.OFF, f"{OFFERED}. {run.permission.consent.note}")
    assert "cannot be used (it is no JSON): no LLM is called." in run.permission.consent.note
    assert run.permission.choose(Choice.NUMBERS) == ""
    assert Run(file).is_allowed


def test_what_cannot_be_remembered_holds_for_the_run(tmp_path):
    """And says why, in a sentence."""
    (tmp_path / "state").write_text("in its way")
    run = Run(tmp_path / "state" / "consent.json")
    said = run.permission.choose(Choice.NAMES)
    assert "it holds for this run alone" in said
    assert run.is_allowed
    assert run.permission.consent == Consent(
        Choice.NAMES, "you, for this run", is_open=True, note=said
    )
    assert "may be back in the next run" in run.permission.take_back()
    assert not run.is_allowed


@pytest.mark.parametrize("remembered", [None, Choice.NUMBERS, Choice.NEVER])
def test_the_settings_and_the_flag_come_first(remembered, file):
    """They mean what [llm.share] opens, whatever was said on the screen, and write nothing."""
    if remembered:
        Run(file).permission.choose(remembered)
    before = file.read_text() if remembered else None
    run = Run(file, given=True)
    assert run.is_allowed
    assert run.permission.consent == Consent(Choice.NAMES, "the settings or --llm")
    assert run.permission.choose(Choice.NEVER) == run.permission.take_back() == ""
    assert run.is_allowed
    assert (file.read_text() if file.exists() else None) == before


def test_without_a_screen_nothing_is_asked_or_remembered(file):
    """A headless command has no file: an answer on the screen is none for it."""
    Run(file).permission.choose(Choice.NAMES)
    run = Run(None)
    assert run.advisor.status.state is LlmState.OFF
    assert "--llm" in run.state[1]
    run.permission.choose(Choice.NAMES)
    run.permission.put_off()
    assert run.permission.take_back() == ""
    assert not run.is_allowed
    assert run.permission.sent().choices == {}


def test_without_a_key_nothing_is_asked(file):
    """There is nothing to allow; what was remembered stays."""
    Run(file).permission.choose(Choice.NAMES)
    run = Run(file, env={})
    assert "ANTHROPIC_API_KEY" in run.state[1]
    assert not run.permission.consent.is_open
    assert Run(file).is_allowed


def test_both_bodies_can_be_seen_before(file):
    """Each as it would go, and what it costs."""
    sent = Run(file).permission.sent()
    assert all(name.startswith("fn_") for name in functions(sent.choices[Choice.NUMBERS]))
    assert "json.decoder.raw_decode" in functions(sent.choices[Choice.NAMES])
    assert sent.price == (0.1, 0.5)
    assert Run(file, settings=LlmSettings(model="x")).permission.sent().price is None


@pytest.mark.parametrize("choice", [Choice.NUMBERS, Choice.NAMES])
def test_what_was_seen_is_what_goes(choice, file, start):
    """Byte for byte, by a thread that begins with the consent."""
    with StandIn(message(answer_text())) as server:
        run = start(Run(file, env=server.env, settings=LlmSettings(tools=False)))
        seen = run.permission.sent().choices[choice]
        assert not run.advisor._thread.is_alive()
        run.permission.choose(choice)
        assert server.received.acquire(timeout=30)
        run.advisor.ask_now()
        assert run.advisor.wait(30)
        assert seen.encode() == server.bodies[0]
        assert run.permission.sent().last == seen
        # The answer names again what was withheld.
        assert OWN.function in run.advisor.forecasts[0].summary


def test_nothing_goes_after_it_was_taken_back(file, start):
    """Neither on schedule nor when it is asked for; allowed again, with what is allowed then."""
    with StandIn(message(answer_text())) as server:
        run = start(Run(file, env=server.env, settings=LlmSettings(every=0.05)))
        run.permission.choose(Choice.NAMES)
        assert server.received.acquire(timeout=30)
        run.permission.take_back()
        run.advisor.ask_now()
        assert run.advisor.wait(30)
        count = len(server.bodies)
        for _ in range(3):
            run.advisor.ask_now()
            assert run.advisor.wait(30)
        assert run.state == (LlmState.OFF, TAKEN_BACK)
        assert len(server.bodies) == count
        run.permission.choose(Choice.NUMBERS)
        run.advisor.ask_now()
        assert run.advisor.wait(30)
        assert all(name.startswith("fn_") for name in functions(server.bodies[count]))
        assert "json.decoder.raw_decode" in functions(server.bodies[count - 1])


def test_a_model_without_a_price_is_not_called_with_consent_either(file, start):
    """Its state says why; the answer is remembered all the same."""
    run = start(Run(file, settings=LlmSettings(model="llama")))
    run.permission.choose(Choice.NAMES)
    assert run.advisor.status.state is LlmState.FAILED
    assert "No price is known" in run.state[1]
    assert not run.advisor._thread.is_alive()


def test_an_answer_after_the_end_starts_nothing(file):
    """A screen that closes while it is answered leaves no thread behind."""
    run = Run(file)
    run.advisor.start()
    run.advisor.stop()
    run.permission.choose(Choice.NAMES)
    assert not run.advisor._thread.is_alive()
