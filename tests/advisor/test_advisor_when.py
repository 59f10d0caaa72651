"""When the advisor calls, how far it looks, and how a call is shown and ended."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest
from llm_samples import NOW, OWN, P99, SECRET, answer_text, local, series, snapshot, windows
from llm_standin import Say, StandIn, message, streamed, tool_use
from test_advisor import GOOD, WITH_KEY, Clock, Recorded, ask, early, running

from perftui.advisor.client import Client, connect
from perftui.advisor.conditions import Risen
from perftui.advisor.evidence import facts
from perftui.advisor.occasions import FORGOTTEN_S, Occasions
from perftui.advisor.schedule import AWAY_S, gist
from perftui.model.findings import ForecastState, LlmState
from perftui.model.snapshot import Snapshot
from perftui.model.source import SourceText
from perftui.model.stacks import Place
from perftui.setting_values import Address
from perftui.settings import LlmSettings, Price, ShareSettings

CENT = 1000 * 0.1e-6 + 200 * 0.5e-6
"""What one call of the stand-in comes to, in US dollars."""


def looks(*calls: dict[str, object]) -> Say:
    return streamed(*calls, stop_reason="tool_use")


def test_a_model_that_looks_closer():
    """Each look is answered from the snapshot and paid for; claims can cite what it was told."""
    claims = [{"text": "fn_1 is reached from fn_2 alone.", "evidence": ["Q1"]}]
    with (
        StandIn(
            looks(tool_use("call_tree", 1, row="P1"), tool_use("profile_diff", 2, seconds=2)),
            looks(tool_use("metric_window", 3, row="E1", seconds=30)),
            message(answer_text(claims=claims)),
        ) as server,
        running(server.env) as advisor,
    ):
        ask(advisor)
        assert advisor.status.state is LlmState.OK, advisor.status.message
        [forecast] = advisor.forecasts
        cost = advisor.status.cost_usd
    assert len(server.requests) == 3
    assert cost == pytest.approx(3 * CENT)
    assert [claim.verified for claim in forecast.claims] == [True]
    assert [one.id for one in forecast.evidence if one.id[0] == "Q"] == ["Q1", "Q2", "Q3"]
    told = server.requests[2]["messages"][2]["content"]
    assert [one["tool_use_id"] for one in told] == ["toolu_1", "toolu_2"]
    # That was all: a last turn without tools.
    assert server.requests[2]["tool_choice"] == {"type": "none"}
    assert SECRET.encode() not in b"".join(server.bodies)


def test_a_model_that_only_looks():
    """Who asks for more than it may have, or in the last turn still, gets no further turn."""
    again = looks(tool_use("profile_diff", 1, seconds=2))
    with StandIn(again) as server, running(server.env) as advisor:
        ask(advisor)
        assert advisor.status.state is LlmState.FAILED
        assert "empty" in advisor.status.message
        assert advisor.status.cost_usd == pytest.approx(3 * CENT)
    refused = server.requests[2]["messages"][-1]["content"][0]
    assert (refused["is_error"], "asked before" in refused["content"]) == (True, True)
    assert server.requests[2]["tool_choice"] == {"type": "none"}
    assert len(server.requests) == 3


@pytest.mark.parametrize("settings", [LlmSettings(tools=False), LlmSettings()])
def test_no_tools_on_schedule_nor_where_they_are_off(settings):
    """A call that nobody asked for looks at the table alone."""
    picture = early if not settings.tools else snapshot
    with (
        StandIn(message(answer_text())) as server,
        running(server.env, settings=settings, picture=picture) as advisor,
    ):
        if not settings.tools:
            ask(advisor)
        assert server.received.acquire(timeout=20)
        assert advisor.wait(20)
    assert "tools" not in server.requests[0]


def test_the_cap_holds_between_turns():
    """A turn that could exceed it is not taken; the local forecast goes on, and it is said."""
    price = {"claude-haiku-5-5": Price(input=0, output=10)}
    settings = LlmSettings(monthly_cap_usd=0.0415, prices=price)
    with (
        StandIn(looks(tool_use("alert_rules"))) as server,
        running(server.env, settings=settings) as advisor,
    ):
        ask(advisor)
        assert advisor.status.state is LlmState.CAPPED
        assert advisor.status.cost_usd == pytest.approx(200 * 10e-6)
        assert not advisor.status.calling
    assert len(server.requests) == 1


def test_what_is_said_is_shown_while_it_comes():
    """The summary so far, with real names, while the answer is still under way."""
    whole = message(answer_text(summary="p99 rises, since fn_1 takes much longer than before"))
    part = whole.body.index(b"longer")
    shown = threading.Event()
    with (
        StandIn(replace(whole, how="stall", part=part)) as server,
        running(server.env) as advisor,
    ):
        advisor.ask_now()
        assert server.received.acquire(timeout=20)
        for _ in range(2000):
            if OWN.function in advisor.status.partial:
                shown.set()
                break
            shown.wait(0.005)
        assert shown.is_set()
        assert advisor.status.calling
        assert advisor.cancel()
        assert advisor.wait(20)
        assert advisor.status.partial == ""


def test_a_call_that_the_user_cancels():
    """It is no failure; it may have cost something, and the next one works."""
    with (
        StandIn(Say(how="hang"), message(answer_text())) as server,
        running(server.env, timeout_s=30) as advisor,
    ):
        assert not advisor.cancel()
        advisor.ask_now()
        assert server.received.acquire(timeout=20)
        assert advisor.cancel()
        assert advisor.wait(5)
        status = advisor.status
        assert (status.state, status.calling) == (LlmState.OK, False)
        assert "cancelled" in status.message
        assert status.cost_usd > 0.002  # its worst case
        ask(advisor)
        assert advisor.status.last_at == NOW


def test_the_same_evidence_is_never_sent_twice():
    """Not even where it is asked for; after a failure it is."""
    picture = snapshot(windows_=windows(5))
    failed = Recorded(RuntimeError(), GOOD)
    with running(WITH_KEY, picture=lambda: picture, client_factory=failed) as advisor:
        ask(advisor)
        ask(advisor)
        assert advisor.status.state is LlmState.OK
        ask(advisor)
        assert advisor.status.message == "the evidence is that of the last answer"
    assert len(failed.requests) == 2


def test_on_schedule_only_what_has_changed():
    """Where nothing that matters has changed no call is made, until the answer's time is over."""
    recorded, clock = Recorded(GOOD), Clock()
    values = [0.401]
    asked = threading.Semaphore(0)

    def picture() -> Snapshot:
        asked.release()
        return snapshot(series_=[series("p99", 0.2, 0.3, values[0], unit="s")])

    with running(
        WITH_KEY,
        settings=LlmSettings(every=0.01),
        picture=picture,
        client_factory=recorded,
        clock=clock,
    ) as advisor:
        assert recorded.called.acquire(timeout=20)
        values[0] = 0.402
        for _ in range(20):
            assert asked.acquire(timeout=20)
        assert len(recorded.requests) == 1
        assert advisor.status.message == "nothing has changed since the last answer"
        values[0] = 0.9
        assert recorded.called.acquire(timeout=20)
        for _ in range(20):  # the answer is kept by then
            assert asked.acquire(timeout=20)
        clock.now = NOW + P99.horizon_s + 1
        values[0] = 0.901
        assert recorded.called.acquire(timeout=20)


def test_the_gist_is_what_matters():
    """The state, chance and level of what is asked about, hot functions, and patterns."""

    def of(chance: float, value: float, own: int) -> object:
        return gist(
            facts(
                snapshot(
                    series_=[series("p99", 0.1, value, unit="s"), series("rss", own)],
                    forecasts=[local(P99, chance, series_unit="s")],
                )
            )
        )

    assert of(0.30, 0.401, 1) == of(0.31, 0.402, 2)
    assert of(0.30, 0.4, 1) != of(0.50, 0.4, 1)
    assert of(0.30, 0.4, 1) != of(0.30, 0.6, 1)


def test_nobody_is_told_who_is_away():
    """After ten minutes without focus only what is asked for is sent; it goes on with the focus."""
    recorded, clock = Recorded(GOOD), Clock()
    looked = threading.Semaphore(0)

    def picture() -> Snapshot:
        looked.release()
        return early()

    with running(
        WITH_KEY,
        settings=LlmSettings(every=0.01),
        picture=picture,
        client_factory=recorded,
        clock=clock,
    ) as advisor:
        advisor.attend(is_there=False)
        clock.now = NOW + AWAY_S / 2
        advisor.attend(is_there=False)  # it does not begin anew
        clock.now = NOW + AWAY_S
        for _ in range(3):
            assert looked.acquire(timeout=20)
        assert advisor.status.message == "pauses: the screen has had no focus for 10 min"
        ask(advisor)
        assert len(recorded.requests) == 1
        advisor.attend(is_there=True)
        for _ in range(3):
            assert looked.acquire(timeout=20)
        assert "focus" not in advisor.status.message


def occasion(occasions: Occasions, chance: float | None, **more: object) -> bool:
    return occasions.have_come([local(P99, chance, **more)], None, NOW)  # type: ignore[arg-type]


def test_a_crossing_is_an_occasion_once():
    """Of a half and of 80 %; again only after it was well below."""
    occasions = Occasions()
    chances = [0.3, 0.49, 0.5, 0.6, 0.45, 0.55, 0.8, 0.75, 0.85, 0.69, 0.8, 0.1, None, 0.9]
    came = [occasion(occasions, chance) for chance in chances]
    assert [c for c, is_one in zip(chances, came, strict=True) if is_one] == [0.5, 0.8, 0.8, 0.9]


def test_a_breach_is_an_occasion_once():
    """When it begins; the next one again."""
    occasions = Occasions()
    said = [local(P99, None), replace(local(P99, None), state=ForecastState.IN_BREACH)]
    came = [occasions.have_come([said[n]], None, NOW) for n in (0, 1, 1, 0, 1)]
    assert came == [False, True, False, False, True]


def test_a_riser_is_an_occasion_once():
    """A function that has risen far; what a model says is none."""
    occasions = Occasions()
    one, other = (Risen(Place(name, "f.py"), 20.0, 50.0) for name in ("a", "b"))
    little = one._replace(points=5.0)
    seen = [little, one, one, None, one, other, None, one, other, one, little]
    came = [occasions.have_come([], risen, NOW + n) for n, risen in enumerate(seen)]
    assert [seen[n] for n, is_one in enumerate(came) if is_one] == [one, other]
    of_model = replace(local(P99, 0.9), by="claude-haiku-5-5")
    assert not occasions.have_come([of_model], None, NOW)


def test_a_riser_is_one_again_after_a_while():
    """When it was not seen to rise for so long, and not while it goes on."""
    occasions = Occasions()
    risen = Risen(Place("a", "f.py"), 20.0, 50.0)
    lasting = range(0, int(3 * FORGOTTEN_S), int(FORGOTTEN_S / 2))
    came = [occasions.have_come([], risen, NOW + at) for at in lasting]
    assert came == [True] + [False] * (len(lasting) - 1)
    end = NOW + lasting[-1]
    assert not occasions.have_come([], None, end + FORGOTTEN_S / 2)
    assert occasions.have_come([], risen, end + FORGOTTEN_S)


def test_the_whole_request_is_what_is_shown():
    """`v` shows it with the tools, as it goes out when it is asked for; then the last turn."""
    picture = snapshot(windows_=windows(5))
    with (
        StandIn(looks(tool_use("alert_rules")), message(answer_text())) as server,
        running(server.env, picture=lambda: picture) as advisor,
    ):
        now = json.loads(advisor.sent().now)
        ask(advisor)
        last = json.loads(advisor.sent().last)
    assert [now, last] == server.requests


def test_a_cached_prompt_has_prices_of_its_own():
    """What the server read from its cache, and what it wrote to it, is paid for as that."""
    usage = {
        "input_tokens": 400,
        "output_tokens": 200,
        "cache_read_input_tokens": 2000,
        "cache_creation_input_tokens": 1000,
    }
    with StandIn(message(answer_text(), **usage)) as server, running(server.env) as advisor:
        ask(advisor)
        expected = (400 * 0.1 + 200 * 0.5 + 2000 * 0.01 + 1000 * 0.125) / 1e6
        assert advisor.status.cost_usd == pytest.approx(expected)
    [system] = server.requests[0]["system"]
    assert system["cache_control"] == {"type": "ephemeral"}


def test_another_server_by_the_settings():
    """It comes before that of the environment, and is what `v` names."""
    with StandIn(message(answer_text())) as server:
        env = {**WITH_KEY, "ANTHROPIC_BASE_URL": "http://127.0.0.1:1"}
        with running(env, settings=LlmSettings(url=Address(server.url))) as advisor:
            ask(advisor)
            assert advisor.status.state is LlmState.OK, advisor.status.message
            assert advisor.sent().server == server.url


@pytest.mark.parametrize("how", ["cancel", "refuse", "narrower"])
def test_what_is_ended_sends_nothing_more(how):
    """Also where it is ended between two turns, or before the first one has gone out."""
    reading, go_on = threading.Event(), threading.Event()

    def slow(file: str) -> SourceText:
        reading.set()
        assert go_on.wait(20)
        return SourceText(file, why="it is slow")

    settings = LlmSettings(share=ShareSettings(function_names=True))
    with (
        StandIn(looks(tool_use("source_outline", 1, row="P1")), message(answer_text())) as server,
        running(server.env, settings=settings, read_source=slow) as advisor,
    ):
        advisor.ask_now()
        assert reading.wait(20)
        if how == "cancel":
            assert advisor.cancel()
        elif how == "refuse":
            advisor.refuse("off: you took it back")
        else:
            advisor.allow(ShareSettings())
        go_on.set()
        assert advisor.wait(20)
        assert advisor.forecasts == ()
        assert advisor.status.state is (LlmState.OFF if how == "refuse" else LlmState.OK)
    assert len(server.bodies) == 1


def test_ended_before_it_goes_out():
    """While the SDK is still imported, say: nothing is sent, and nothing is paid for."""
    connecting, go_on = threading.Event(), threading.Event()

    with StandIn(message(answer_text())) as server:

        def slow(env: Mapping[str, str], clock: Callable[[], float]) -> Client:
            connecting.set()
            assert go_on.wait(20)
            return connect(env, clock)

        with running(server.env, client_factory=slow) as advisor:
            advisor.ask_now()
            assert connecting.wait(20)
            advisor.refuse("off: you took it back")
            go_on.set()
            assert advisor.wait(20)
            assert advisor.status.state is LlmState.OFF
            assert advisor.status.cost_usd == 0
    assert server.bodies == []
