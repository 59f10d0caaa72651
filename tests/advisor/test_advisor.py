"""The advisor's thread with the real SDK and a stand-in for the service."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from llm_samples import NOW, OWN, P99, SECRET, answer_text, local, series, snapshot, windows
from llm_standin import KEY, Say, StandIn, failure, message, whole

from perftui.advisor import prompt
from perftui.advisor.advisor import EVENT_GAP_S, Advisor
from perftui.advisor.answer import MAX_ANSWER
from perftui.advisor.budget import Usage, price_of, worst_case
from perftui.advisor.client import Client, Heard, connect
from perftui.advisor.evidence import facts
from perftui.advisor.ledger import Ledger
from perftui.advisor.prompt import Request
from perftui.advisor.redact import Pseudonyms
from perftui.advisor.reply import Reply
from perftui.model.findings import LlmState
from perftui.model.series import Origin
from perftui.model.snapshot import Snapshot
from perftui.model.target import TargetState
from perftui.monitor import Monitor
from perftui.settings import LlmSettings, ObjectiveSettings, Price, Settings
from perftui.tui.forecast_view import forecast_lines

WITH_KEY = {"ANTHROPIC_API_KEY": KEY}


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


_LOOKS = itertools.count()


def early() -> Snapshot:
    """Too little for a call on schedule, so that calls come only when a test asks for one; other
    evidence each time, so that what is asked for is asked."""
    values = (0.2, 0.3, 0.4 + 0.001 * next(_LOOKS))
    return snapshot(
        windows_=windows(5), series_=[series("p99", *values, unit="s", origin=Origin.PROMETHEUS)]
    )


def changing() -> Snapshot:
    """Enough, and not what it was at the last look."""
    return snapshot(forecasts=[local(P99, 0.1 * (next(_LOOKS) % 9), series_unit="s")])


@contextmanager
def running(
    env: Mapping[str, str],
    *,
    settings: LlmSettings | None = None,
    picture: Callable[[], Snapshot | None] = early,
    clock: Callable[[], float] | None = None,
    timeout_s: float = 5.0,
    **more: Any,
) -> Iterator[Advisor]:
    options: dict[str, Any] = {
        "allowed": True,
        "forbidden": False,
        "client_factory": lambda env, clock: connect(env, clock, timeout_s),
        "look_s": 0.01,
    }
    advisor = Advisor(
        settings or LlmSettings(),
        env=env,
        snapshot=picture,
        clock=clock or Clock(),
        **(options | more),
    )
    advisor.start()
    try:
        yield advisor
    finally:
        advisor.stop()
        advisor.join()


def ask(advisor: Advisor) -> None:
    advisor.ask_now()
    assert advisor.wait(20)


class Recorded:
    """A client that answers from a list, and keeps the requests; called from one thread."""

    def __init__(self, *replies: Reply | Exception) -> None:
        self.replies = list(replies)
        self.requests: list[Request] = []
        self.times: list[float] = []
        self.called = threading.Semaphore(0)

    def __call__(self, env: Mapping[str, str], clock: Callable[[], float]) -> Client:
        return self

    def cancel(self) -> None:
        pass

    def ask(self, request: Request, heard: Heard, cancelled: threading.Event) -> Reply:
        self.requests.append(request)
        self.times.append(time.monotonic())
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        self.called.release()
        if isinstance(reply, Exception):
            raise reply
        return reply


LONG = message("x" * 2000)
GOOD = Reply(answer_text(), Usage(1000, 200), "end_turn")


@pytest.mark.parametrize(
    ("allowed", "forbidden", "env", "message"),
    [
        (True, True, WITH_KEY, "off: --no-llm"),
        (
            False,
            False,
            WITH_KEY,
            "off: allow it with --llm or [llm] consent = true; a key is in ANTHROPIC_API_KEY",
        ),
        (
            False,
            False,
            {"ANTHROPIC_AUTH_TOKEN": "t"},
            "off: allow it with --llm or [llm] consent = true; a key is in ANTHROPIC_AUTH_TOKEN",
        ),
        (
            False,
            False,
            {},
            "off: allow it with --llm or [llm] consent = true, and set ANTHROPIC_API_KEY",
        ),
        (True, False, {}, "no key: set ANTHROPIC_API_KEY; the local forecast goes on"),
    ],
)
def test_off_says_why_and_sends_nothing(allowed, forbidden, env, message):
    """Without consent, without a key or with --no-llm nothing is sent, and the pane says why."""
    recorded = Recorded(GOOD)
    with running(env, allowed=allowed, forbidden=forbidden, client_factory=recorded) as advisor:
        ask(advisor)
        assert (advisor.status.state, advisor.status.message) == (LlmState.OFF, message)
        assert advisor.status.since == NOW
    assert recorded.requests == []


def test_a_good_answer():
    """The answer becomes one forecast by the model, with its cost, its time and real names."""
    with StandIn(message(answer_text())) as server, running(server.env) as advisor:
        ask(advisor)
        status, (forecast,) = advisor.status, advisor.forecasts
    assert (status.state, status.message, status.last_at) == (LlmState.OK, "", NOW)
    assert status.cost_usd == pytest.approx(1000 * 0.1e-6 + 200 * 0.5e-6)
    assert status.call_usd == status.cost_usd
    assert (status.cap_usd, status.model, status.calling) == (50.0, "claude-haiku-5-5", False)
    assert (forecast.by, forecast.probability) == (
        "claude-haiku-5-5",
        pytest.approx(0.55, abs=0.01),
    )
    assert OWN.function in forecast.summary
    assert SECRET.encode() not in b"".join(server.bodies)
    assert SECRET not in str(server.headers)


@pytest.mark.parametrize(
    ("say", "words", "costs"),
    [
        (failure(401), "not accepted (401)", "nothing"),
        (failure(403), "(403)", "nothing"),
        (failure(404), "knows no model", "nothing"),
        (failure(413), "too large", "nothing"),
        (failure(529), "overloaded (529)", "nothing"),
        (failure(500), "failed (500)", "worst"),
        (Say(how="reset"), "broke off", "worst"),
        (Say(how="hang"), "No answer within 3 s", "worst"),
        (Say(b"{nope"), "cannot be read", "worst"),
        (message("I cannot say."), "no JSON object", "usage"),
        (message('{"foo": 1}'), "does not fit: summary", "usage"),
        (message(answer_text(probability=84)), "not between 0 and 1", "usage"),
        (message(None), "empty", "usage"),
        (message("no", stop_reason="refusal"), "refused", "usage"),
        (message('{"summ', stop_reason="max_tokens"), "cut off", "usage"),
        (message("hm", input_tokens=None, output_tokens=None), "no JSON object", "worst"),
        (message(answer_text(summary=3)), "does not fit: summary", "usage"),
        (whole({"type": "text", "text": "x" * (MAX_ANSWER + 1)}), "far too long", "usage"),
        (message(""), "empty", "usage"),
        (replace(LONG, how="broken", part=900), "broke off", "worst"),
        (replace(LONG, how="stall", part=900), "No answer within 3 s", "worst"),
        (replace(LONG, how="cut", part=900), "broke off", "worst"),
        (replace(LONG, body=b"\xff" + LONG.body.replace(b"x", b"\xff")), "cannot be read", "worst"),
    ],
)
def test_each_failure_is_a_state_with_why_and_since_when(say, words, costs):
    """What fails is shown and paid for; the last good answer stays, and the next call goes on."""
    clock = Clock()
    with (
        StandIn(message(answer_text()), say, message(answer_text())) as server,
        # The others must not run into it on a busy machine.
        running(
            server.env, clock=clock, timeout_s=3 if words.startswith("No answer") else 20
        ) as advisor,
    ):
        ask(advisor)
        before = advisor.status.cost_usd
        clock.now = NOW + 60
        ask(advisor)
        failed = advisor.status
        assert (failed.state, failed.since) == (LlmState.FAILED, NOW + 60)
        assert words in failed.message
        shown = replace(early(), llm=failed, taken_at=NOW + 90)
        shown = replace(shown, forecasts=(*shown.forecasts, *advisor.forecasts))
        lines = [line.text for line in forecast_lines(shown)]
        assert any(line.startswith("FAILED for 30 s: ") and words in line for line in lines)
        assert "31 % within 15 min  (usually 3 %)" in lines
        assert failed.last_at == NOW
        assert advisor.forecasts[0].made_at == NOW
        cost = failed.cost_usd - before
        if costs == "usage":
            assert cost == pytest.approx(0.0002)
        else:
            assert (cost > 0.002) == (costs == "worst")
            assert cost == 0 or costs == "worst"
        clock.now = NOW + 120
        ask(advisor)
        assert (advisor.status.state, advisor.status.message) == (LlmState.OK, "")
        assert advisor.forecasts[0].made_at == NOW + 120
    assert KEY not in failed.message


def test_since_stays_while_it_goes_on_failing():
    """The first failure's time stands, with the latest reason."""
    clock = Clock()
    with (
        StandIn(failure(401), failure(529)) as server,
        running(server.env, clock=clock) as advisor,
    ):
        ask(advisor)
        clock.now = NOW + 60
        ask(advisor)
        assert advisor.status.since == NOW
        assert "529" in advisor.status.message


def test_retry_after_postpones_even_what_the_user_asks_for():
    """After a 429 no call is made before the time that the server named, and one after it."""
    clock = Clock()
    with (
        StandIn(failure(429, retry_after="90"), message(answer_text())) as server,
        running(server.env, clock=clock) as advisor,
    ):
        ask(advisor)
        assert "asks to wait 1m30s" in advisor.status.message
        clock.now = NOW + 89
        ask(advisor)
        assert len(server.bodies) == 1
        clock.now = NOW + 91
        ask(advisor)
        assert len(server.bodies) == 2
        assert advisor.status.state is LlmState.OK


def test_calls_stop_at_the_cap():
    """A call that could exceed the month's cap is not made, the state says so, and it stays so."""
    dear = Reply(answer_text(), Usage(9_000_000, 0), "end_turn")
    recorded = Recorded(dear)
    settings = LlmSettings(monthly_cap_usd=1.0)
    with running(WITH_KEY, settings=settings, client_factory=recorded) as advisor:
        ask(advisor)
        assert advisor.status.cost_usd == pytest.approx(0.9)
        ask(advisor)
        assert advisor.status.cost_usd == pytest.approx(1.8)
        ask(advisor)
        ask(advisor)
        assert advisor.status.state is LlmState.CAPPED
        assert "$1.00" in advisor.status.message
        assert len(advisor.forecasts) == 1
    assert len(recorded.requests) == 2


def test_once_stopped_it_stays_so():
    """A smaller request that would still fit under the cap does not start the calls again."""
    pictures = [snapshot(), snapshot(forecasts=[], series_=[])]
    price = price_of("claude-haiku-5-5", {}, date(2026, 11, 26))
    assert price is not None
    requests = [prompt.request(facts(p), Pseudonyms(), "claude-haiku-5-5") for p in pictures]
    large, small = (worst_case(price, r.size, r.max_tokens) for r in requests)
    assert small < large
    recorded = Recorded(GOOD)
    shown = pictures[:1]
    with running(
        WITH_KEY,
        settings=LlmSettings(monthly_cap_usd=(small + large) / 2),
        picture=lambda: shown[0],
        client_factory=recorded,
    ) as advisor:
        ask(advisor)
        shown[0] = pictures[1]
        ask(advisor)
        assert advisor.status.state is LlmState.CAPPED
    assert recorded.requests == []


def test_a_lower_monthly_cap_holds_for_the_run():
    """With a monthly cap of nothing there is no call."""
    recorded = Recorded(GOOD)
    settings = LlmSettings(monthly_cap_usd=0)
    with running(WITH_KEY, settings=settings, client_factory=recorded) as advisor:
        ask(advisor)
        assert (advisor.status.state, advisor.status.cap_usd) == (LlmState.CAPPED, 0)
    assert recorded.requests == []


def test_a_model_without_a_price_is_not_called():
    """Its cost could not be capped: the state says how to give a price."""
    recorded = Recorded(GOOD)
    settings = LlmSettings(model="llama")
    with running(WITH_KEY, settings=settings, client_factory=recorded) as advisor:
        ask(advisor)
        assert advisor.status.state is LlmState.FAILED
        assert '[llm.prices."llama"] input = ' in advisor.status.message
    assert recorded.requests == []


def test_a_local_model_with_a_price_of_zero():
    """A free model is called, and costs nothing even where nothing is counted."""
    settings = LlmSettings(model="llama", prices={"llama": Price(input=0, output=0)})
    recorded = Recorded(Reply(f"Sure:\n```json\n{answer_text()}\n```", Usage()))
    with running(WITH_KEY, settings=settings, client_factory=recorded) as advisor:
        ask(advisor)
        assert (advisor.status.state, advisor.status.cost_usd) == (LlmState.OK, 0)
        assert advisor.forecasts[0].by == "llama"


@pytest.mark.parametrize("state", [s for s in TargetState if s is not TargetState.RUNNING])
def test_no_call_about_a_target_that_does_not_run(state):
    """A target that has ended or is stopped is not asked about, and the state says so."""
    recorded = Recorded(GOOD)
    with running(
        WITH_KEY, picture=lambda: snapshot(state=state), client_factory=recorded
    ) as advisor:
        ask(advisor)
        assert advisor.status.message == f"pauses: the target is {state}"
    assert recorded.requests == []


@pytest.mark.parametrize(
    "picture",
    [lambda: None, lambda: snapshot(windows_=[], series_=[])],
    ids=["no snapshot", "empty snapshot"],
)
def test_no_call_before_there_is_anything(picture):
    """Without any window or metric there is nothing to ask, even on a key press."""
    recorded = Recorded(GOOD)
    with running(WITH_KEY, picture=picture, client_factory=recorded) as advisor:
        ask(advisor)
        assert advisor.status.message == "waits for the first evidence"
    assert recorded.requests == []


def test_the_first_call_comes_with_ten_seconds_of_windows():
    """It looks again and again, and calls by itself once there is enough to say."""
    counts = iter([3, 6, 9, 10])
    seen: list[int] = []
    seen_at_the_call: list[list[int]] = []

    class Noting(Recorded):
        def ask(self, request: Request, heard: Heard, cancelled: threading.Event) -> Reply:
            seen_at_the_call.append(list(seen))
            return super().ask(request, heard, cancelled)

    def picture() -> Snapshot:
        seen.append(next(counts, 10))
        return snapshot(windows_=windows(seen[-1]))

    recorded = Noting(GOOD)
    with running(WITH_KEY, picture=picture, client_factory=recorded, clock=time.time) as advisor:
        assert recorded.called.acquire(timeout=10)
        assert advisor.wait(10)
    assert seen_at_the_call == [[3, 6, 9, 10]]
    assert len(recorded.requests) == 1


def test_metrics_alone_are_enough_after_a_while():
    """Where the profiler gives nothing, the metrics are asked about after 30 s."""
    recorded = Recorded(GOOD)
    clock = Clock()
    looked = threading.Semaphore(0)

    def picture() -> Snapshot:
        looked.release()
        return snapshot(windows_=[])

    with running(WITH_KEY, picture=picture, client_factory=recorded, clock=clock):
        for _ in range(3):
            assert looked.acquire(timeout=10)
        assert recorded.requests == []
        clock.now = NOW + 31
        assert recorded.called.acquire(timeout=10)


def test_calls_follow_the_schedule():
    """Without any key press it calls again every `every` seconds."""
    recorded = Recorded(GOOD)
    settings = LlmSettings(every=0.2)
    with running(WITH_KEY, settings=settings, picture=changing, client_factory=recorded):
        for _ in range(3):
            assert recorded.called.acquire(timeout=10)
    first, second, third = recorded.times[:3]
    # The advisor's clock stands still, so it waits the whole time after each call.
    assert second - first >= 0.2
    assert third - second >= 0.2


def test_calling_is_shown_while_a_call_is_under_way():
    """The status says that a call is under way, and a key press then asks for no second one."""
    with StandIn(Say(how="hang"), message(answer_text())) as server, running(server.env) as advisor:
        advisor.ask_now()
        assert server.received.acquire(timeout=20)
        assert advisor.status.calling
        advisor.ask_now()
        assert not advisor.wait(0.05)
        server.released.set()
        assert advisor.wait(20)
        assert not advisor.status.calling
        assert advisor.status.state is LlmState.FAILED
        assert len(server.bodies) == 1


def test_the_exit_does_not_wait_for_a_call():
    """A call under way is abandoned: stop and join take half a second at most."""
    with StandIn(Say(how="hang")) as server, running(server.env, timeout_s=30) as advisor:
        advisor.ask_now()
        assert server.received.acquire(timeout=20)
        began = time.monotonic()
        advisor.stop()
        advisor.join(10)
        assert time.monotonic() - began < 1.0
        assert advisor.wait(0.1)


def test_unknown_faults_are_a_state_without_their_text():
    """A fault nobody foresaw ends nothing, and its text, which could hold a key, is not shown."""
    recorded = Recorded(RuntimeError(f"odd {KEY}"), GOOD)
    with running(WITH_KEY, client_factory=recorded) as advisor:
        ask(advisor)
        assert advisor.status.message == "The call failed (RuntimeError)."
        assert advisor.status.cost_usd > 0
        ask(advisor)
        assert advisor.status.state is LlmState.OK


def test_a_faulty_snapshot_is_a_state():
    """When the snapshot itself cannot be made, the thread goes on."""
    faults = [ValueError(KEY)]

    def picture() -> Snapshot:
        if faults:
            raise faults[0]
        return early()

    with running(WITH_KEY, picture=picture, client_factory=Recorded(GOOD)) as advisor:
        ask(advisor)
        assert advisor.status.message == "The call failed (ValueError)."
        faults.clear()
        ask(advisor)
        assert advisor.status.state is LlmState.OK


def test_pseudonyms_hold_for_the_run():
    """An own function keeps its number from call to call."""
    recorded = Recorded(GOOD)
    with running(WITH_KEY, client_factory=recorded) as advisor:
        ask(advisor)
        ask(advisor)
    first, second = (json.loads(request.content) for request in recorded.requests[:2])
    assert first["functions"] == second["functions"]
    assert first["functions"][0]["name"] == "fn_1"


OFF = """
import sys, threading
from perftui.advisor.advisor import Advisor, EVENT_GAP_S
from perftui.settings import LlmSettings
for allowed, forbidden, key in [(False, False, "k"), (True, True, "k"), (True, False, "")]:
    advisor = Advisor(LlmSettings(), allowed=allowed, forbidden=forbidden,
                      env={"ANTHROPIC_API_KEY": key}, snapshot=lambda: None, clock=lambda: 1.0)
    advisor.start(); advisor.ask_now(); advisor.wait(1); advisor.stop(); advisor.join()
waiting = Advisor(LlmSettings(), allowed=True, forbidden=False,
                  env={"ANTHROPIC_API_KEY": "k"}, snapshot=lambda: None, clock=lambda: 1.0)
waiting.start(); waiting.ask_now(); waiting.wait(5); waiting.stop(); waiting.join()
assert "anthropic" not in sys.modules, "imported"
assert "httpx2" not in sys.modules, "imported"
assert "pydantic" not in sys.modules, "imported"
"""


def test_the_sdk_is_not_imported_without_a_call():
    """Off, forbidden, without a key or with nothing to say, the SDK's seconds are not spent."""
    done = subprocess.run(
        [sys.executable, "-c", OFF], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_what_is_sent_can_be_seen_before_and_after():
    """The body as the server gets it; before consent, too, and without a word that stays here."""
    picture = snapshot(windows_=windows(5))
    with (
        StandIn(message(answer_text())) as server,
        running(server.env, picture=lambda: picture) as advisor,
    ):
        before = advisor.sent()
        ask(advisor)
        after = advisor.sent()
    assert (before.last, before.last_at) == ("", None)
    assert before.server == server.env["ANTHROPIC_BASE_URL"]
    assert json.loads(before.now) == json.loads(server.bodies[0])
    # The pseudonyms are those of the first time.
    assert after.last == before.now == after.now
    assert after.last_at == NOW
    assert SECRET not in before.now
    with running({}, allowed=False) as off:
        assert json.loads(off.sent().now)["messages"][0]["role"] == "user"
        assert off.sent().server == "https://api.anthropic.com"
    with running({}, picture=lambda: snapshot(windows_=[], series_=[])) as nothing:
        assert nothing.sent().now == ""


@pytest.mark.parametrize("status", [401, 404, 413, 429, 529])
def test_what_was_refused_was_sent_all_the_same(status):
    """A server has it, whatever it says to it: `v` shows it."""
    picture = snapshot(windows_=windows(5))
    with (
        StandIn(failure(status)) as server,
        running(server.env, picture=lambda: picture) as advisor,
    ):
        ask(advisor)
        assert advisor.sent().last == server.bodies[0].decode()


def test_what_is_under_way_was_sent():
    """Before its answer has come; what reached no server was not."""
    picture = snapshot(windows_=windows(5))
    with (
        StandIn(Say(how="hang")) as server,
        running(server.env, picture=lambda: picture, timeout_s=30) as advisor,
    ):
        advisor.ask_now()
        assert server.received.acquire(timeout=20)
        assert advisor.sent().last == server.bodies[0].decode()
        advisor.cancel()
        assert advisor.wait(20)
        assert advisor.sent().last
    with running(server.env, picture=lambda: picture) as advisor:  # nobody is there any more
        ask(advisor)
        assert advisor.status.state is LlmState.FAILED
        assert (advisor.sent().last, advisor.sent().last_at) == ("", None)


def test_an_event_asks_unless_a_call_was_just_made():
    """A breach that comes and goes costs no call each time."""
    now = [NOW]
    recorded = Recorded(GOOD)
    with running(
        WITH_KEY, picture=changing, client_factory=recorded, clock=lambda: now[0]
    ) as advisor:
        assert recorded.called.acquire(timeout=20)  # by itself, as there is enough evidence
        advisor.ask_soon()
        assert advisor.wait(20)
        assert len(recorded.requests) == 1
        now[0] += EVENT_GAP_S
        advisor.ask_soon()
        assert recorded.called.acquire(timeout=20)
        assert advisor.wait(20)
    assert len(recorded.requests) == 2


def test_an_event_does_not_make_up_for_evidence():
    """What is in breach when it is attached to is asked about once something was seen."""
    recorded = Recorded(GOOD)
    with running(WITH_KEY, client_factory=recorded) as advisor:
        advisor.ask_soon()
        assert advisor.wait(20)
    assert recorded.requests == []


def test_a_call_in_another_perftui_stops_this_one_only_while_it_lasts(tmp_path):
    """What is held back for it may not be needed: once it is settled, calls go on."""
    path = tmp_path / "state.sqlite"
    other = Ledger(path)
    under_way = other.reserve(NOW, "m", 0.0095, cap_usd=0.01)
    assert under_way is not None
    settings = LlmSettings(monthly_cap_usd=0.01)
    with running(
        WITH_KEY, settings=settings, client_factory=Recorded(GOOD), ledger=path
    ) as advisor:
        ask(advisor)
        assert advisor.status.state is LlmState.CAPPED
        other.settle(under_way, 0.0001)
        ask(advisor)
        assert advisor.status.state is LlmState.OK
    other.close()


def test_an_answer_about_an_objective_that_is_watched_no_more_goes():
    """It would stand there like one of now; what the local forecaster says of the new one stays."""
    picture = snapshot(windows_=windows(5))
    objective = ObjectiveSettings(metric="p99", above=0.5)
    monitor = Monitor(picture.target, Settings(objective=(objective,)), env={}, clock=Clock())
    [watched] = [one for one in monitor.latest.objectives if one.metric == "p99"]
    answer = replace(local(watched, 0.4), by="claude-haiku-5-5")
    monitor.advisor._forecasts = (answer,)
    assert answer in monitor.snapshot().forecasts
    monitor.set_objective(replace(watched, threshold=0.7))
    assert monitor.snapshot().forecasts == ()


def test_a_clock_that_is_put_back_before_all_prices():
    """It asks for a price, as where there never was one, and goes on once the clock is right."""
    clock = Clock()
    with running(WITH_KEY, client_factory=Recorded(GOOD), clock=clock) as advisor:
        clock.now = 1e9
        ask(advisor)
        assert advisor.status.state is LlmState.FAILED
        assert "No price is known" in advisor.status.message
        clock.now = NOW
        ask(advisor)
        assert advisor.status.state is LlmState.OK


def test_a_key_that_is_pressed_twice_asks_once():
    """Also where the first call has not gone out yet."""
    holds, looking, go_on = threading.Event(), threading.Event(), threading.Event()

    def picture() -> Snapshot:
        if holds.is_set():
            looking.set()
            assert go_on.wait(20)
        return early()

    recorded = Recorded(GOOD)
    with running(WITH_KEY, picture=picture, client_factory=recorded, look_s=600.0) as advisor:
        ask(advisor)
        holds.set()
        advisor.ask_now()
        assert looking.wait(20)
        advisor.ask_now()
        go_on.set()
        assert advisor.wait(20)
        assert len(recorded.requests) == 2
        ask(advisor)
        assert len(recorded.requests) == 3
