"""What a person asks the advisor: the evidence, the words that leave, and the answer."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llm_samples import (
    JSON,
    MAIN,
    NOW,
    OWN,
    P99,
    SECRET,
    answer_text,
    local,
    series,
    snapshot,
    windows,
)
from llm_standin import Say, StandIn, failure, message, streamed, tool_use
from msgspec import structs
from test_advisor import GOOD, WITH_KEY, Clock, Recorded, running

from perftui.advisor import prompt
from perftui.advisor.advisor import Advisor
from perftui.advisor.asked import redacted
from perftui.advisor.claims import is_verified
from perftui.advisor.client import Heard
from perftui.advisor.evidence import facts
from perftui.advisor.evidence_text import evidence
from perftui.advisor.excerpt import MOST_LINES, excerpt
from perftui.advisor.prompt import MAX_CHARACTERS, Request, fitted
from perftui.advisor.redact import Pseudonyms
from perftui.advisor.reply import Reply, ToolCall
from perftui.advisor.schedule import AWAY_S
from perftui.advisor.tools import Toolbox
from perftui.errors import PerftuiError
from perftui.model.event import Event, EventKind
from perftui.model.findings import LlmState
from perftui.model.objective import Objective
from perftui.model.question import EXPLAIN, Question
from perftui.model.series import Origin
from perftui.model.snapshot import Snapshot, SourceState, SourceStatus
from perftui.model.source import SourceText
from perftui.model.stacks import Frame, Place
from perftui.model.target import TargetState
from perftui.monitor import Monitor
from perftui.settings import NUMBERS_ONLY, Settings, ShareSettings

ABOUT = Question("why does it take so long?", place=Place(JSON.function, JSON.file))


def explained(advisor: Advisor, question: Question = ABOUT) -> None:
    advisor.explain(question)
    assert advisor.wait(20)


def test_an_answer_about_a_function():
    """Its row comes first and is named; the answer is checked like any other."""
    text = answer_text(probability=None, claims=[{"text": "It takes 20 %.", "evidence": ["P1"]}])
    with (
        StandIn(message(text)) as server,
        running(server.env, picture=snapshot, settings=None) as advisor,
    ):
        explained(advisor)
        answer = advisor.explanation
        assert answer is not None
    asked = next(
        body
        for body in (json.loads(r["messages"][0]["content"]) for r in server.requests)
        if "ask" in body
    )
    assert asked["ask"] == {"about": "P1", "text": ABOUT.text}
    assert asked["question"] is None
    assert asked["functions"][0]["name"] == "json.decoder.raw_decode"
    assert answer.question == ABOUT
    assert [claim.verified for claim in answer.claims] == [True]
    assert answer.by == "claude-haiku-5-5"


def test_it_may_look_closer():
    """With the same tools, and the same limits."""
    look = streamed(tool_use("call_tree", 1, row="P1"), stop_reason="tool_use")
    picture = snapshot(windows_=windows(5))
    with (
        StandIn(look, message(answer_text())) as server,
        running(server.env, picture=lambda: picture) as advisor,
    ):
        explained(advisor)
        assert advisor.explanation is not None
        assert "Q1" in [one.id for one in advisor.explanation.evidence]
    assert len(server.requests) == 2


def test_a_target_that_has_gone_can_still_be_asked_about():
    """Who asks wants to know; the forecasts pause."""
    gone = snapshot(state=TargetState.EXITED)
    with StandIn(message(answer_text())) as server, running(server.env, picture=lambda: gone) as a:
        explained(a)
        assert a.explanation is not None


def test_a_time_of_which_nothing_is_known():
    """It says so, and nothing is sent."""
    empty = snapshot(windows_=[], series_=[])
    with StandIn(message(answer_text())) as server, running(server.env, picture=lambda: empty) as a:
        explained(a)
        assert a.explanation is not None
        assert "nothing of that time" in a.explanation.summary
        assert a.status.state is LlmState.OK  # nothing is wrong with the LLM
    assert server.bodies == []


def test_a_failure_is_a_state_and_the_next_question_works():
    """No answer of an older question stands in for it."""
    picture = snapshot(windows_=windows(5))
    with (
        StandIn(message(answer_text()), failure(529), message(answer_text())) as server,
        running(server.env, picture=lambda: picture) as advisor,
    ):
        explained(advisor)
        assert advisor.explanation is not None
        explained(advisor, replace(ABOUT, text="again?"))
        assert advisor.explanation is None
        assert "529" in advisor.status.message


def test_off_is_off():
    """Without consent a question changes nothing."""
    with StandIn(message(answer_text())) as server:
        with running(server.env, allowed=False) as advisor:
            advisor.explain(ABOUT)
            assert advisor.wait(1)
            assert advisor.status.state is LlmState.OFF
        assert server.bodies == []


def test_the_time_that_is_asked_about():
    """`now` is that time, and the rest of the snapshot what was before it."""
    asked = replace(ABOUT, start=NOW - 5, end=NOW)
    table = facts(snapshot(windows_=windows(60)), asked)
    assert table.recent_s == pytest.approx(5, abs=1)
    assert table.before_s == pytest.approx(55, abs=1)
    assert (table.question, table.local) == (None, None)


def test_a_metric_comes_first():
    """Also one that would not be in the table at all."""
    many = [series(f"m{n}", 1.0, 2.0, origin=Origin.SCRAPE) for n in range(300)]
    table = facts(snapshot(series_=many), Question(metric=many[-1].key))
    assert table.about == "E1"
    assert table.metrics[0].key == many[-1].key
    gone = facts(snapshot(), Question(metric=many[-1].key, place=Place("gone", "gone.py")))
    assert gone.about == ""


OWN_WORDS = [
    (f"why is {OWN.function} slow", "why is fn_1 slow"),
    (f"is {OWN.function}() hot?", "is fn_1() hot?"),
    ("why raw_decode", "why json.decoder.raw_decode"),
    (f"what does worker-{SECRET} do", "what does thread_1 do"),
    (f"is {SECRET}-host full", "is host_1 full"),
    (f"did {SECRET}.example:80 fail", "did host_1 fail"),
    ("look at billing.py", "look at path_1"),
    ("is password=hunter2hunter2 fine", "is password=[removed] fine"),
    ("plain words stay", "plain words stay"),
    ("café \x1b[31m\u202e", None),
]


@pytest.mark.parametrize(("typed", "leaves"), OWN_WORDS)
def test_the_words_that_leave(typed: str, leaves: str | None):
    """Names in the snapshot as they may be told; secrets not at all; other words as they are."""
    names = Pseudonyms()
    told = redacted(typed, snapshot(), names)
    assert told.isprintable()
    if leaves is not None:
        assert told == leaves
        assert SECRET not in told
        if not any(word in leaves for word in ("json", "removed", "path_")):
            assert names.restore(told) == typed
    shared = Pseudonyms(ShareSettings(function_names=True))
    assert OWN.function in redacted(f"why {OWN.function}", snapshot(), shared)


SITE = "/usr/local/lib/python3.11/site-packages"


def shop() -> Snapshot:
    """A service whose own names are in many places."""
    stacks = {
        (MAIN, Frame("PaymentGateway.charge", f"{SITE}/acme_billing/gateway/core.py", 5)): 4,
        (Frame("run", "/srv/globex/rating/jobs.py", 5), Frame("Worker.rise", "/srv/w.py", 5)): 3,
        (Frame("run", "/usr/lib/python3.11/threading.py", 5), JSON): 2,
        (Frame("Cart.add", "/srv/cart.py", 1), Frame("Cart.total", "/srv/cart.py", 9)): 1,
    }
    labels = (("instance", "10.0.0.5:8000"), ("code", "500"), ("le", "0.5"), ("method", "GET"))
    picture = snapshot(
        windows_=windows(stacks=stacks),
        series_=[
            series("p99", 1, 2, labels=labels),
            series("up", 1, 2, labels=(("pod", "billing-7f.acme.net"), ("shard", "emea"))),
        ],
    )
    command = ("python", "-m", "acmeshop.wsgi", "--workers", "4", "--tenant=initech")
    return replace(
        picture,
        target=replace(
            picture.target, name="acmeshop", host="web-12.hooli.example", cmdline=command
        ),
    )


@pytest.mark.parametrize(
    ("typed", "leaves"),
    [
        ("why is PaymentGateway slow", "why is fn_1 slow"),
        ("why is PAYMENTGATEWAY.CHARGE slow", "why is fn_1 slow"),
        ("is Cart.total slower than cart?", "is fn_1 slower than name_1?"),
        ("is it Cart or Cart.add?", "is it name_1 or fn_1?"),
        ("acme_billing.charge is slow?", "name_1.fn_1 is slow?"),
        ("acme_billing.gateway.core.PaymentGateway.charge()", "name_1.name_2.core.fn_1()"),
        ("who calls charge() in Globex", "who calls fn_1() in name_1"),
        ("Rating and rating", "name_1 and name_1"),
        ("why does Charge rise when we run it", "why does fn_1 rise when we run it"),
        (
            "Charge is slow. Run it, get more, in order",
            "Charge is slow. Run it, get more, in order",
        ),
        ("jobs.run is slow", "jobs.fn_1 is slow"),
        ("json.decoder.raw_decode is slow", "json.decoder.raw_decode is slow"),
        ("http 500 above 0.5, 500 ms", "http 500 above 0.5, 500 ms"),
        ("are 10.0.0.5 and 10.0.0.5:8000 the same", "are host_1 and host_1 the same"),
        ("is 10.0.0.51 up", "is host_1 up"),
        ("web-12, WEB-12.hooli and web-12.hooli.example", "host_1, host_1 and host_1"),
        ("is hooli down, and web-123", "is name_1 down, and web-123"),
        ("did billing-7f restart in EMEA", "did host_1 restart in value_1"),
        ("is Acmeshop for initech slow", "is name_1 for name_2 slow"),
        ("do the workers get python by GET", "do the workers get python by GET"),
    ],
)
def test_parts_of_names_do_not_leave(typed: str, leaves: str):
    """Classes, packages, hosts and what the command says, in capitals or not; numbers and plain
    words stay what they are."""
    names = Pseudonyms()
    assert redacted(typed, shop(), names) == leaves
    assert "_1" not in names.restore(leaves)


def test_what_is_open_is_told_as_it_was_typed():
    """No word is put in place of another one."""
    opened = Pseudonyms(ShareSettings(**dict.fromkeys(ShareSettings.__struct_fields__, True)))
    typed = "is PaymentGateway of acme_billing at web-12 and 10.0.0.5 slow for Initech in EMEA"
    assert redacted(typed, shop(), opened) == typed
    closed = Pseudonyms(ShareSettings(library_names=False, metric_names=False))
    assert redacted("raw_decode and p99", shop(), closed) == "fn_1 and m_1"
    assert closed.restore("fn_1 and m_1") == "raw_decode and p99"


@given(st.text(max_size=200))
def test_any_words_can_be_asked(text: str):
    """Nothing is raised, and what leaves is plain."""
    assert redacted(text, snapshot(), Pseudonyms()).isprintable()


def eventful(**more: Any) -> Snapshot:
    events = (
        Event(NOW - 90, EventKind.RESTART, f"pid {SECRET}"),
        Event(NOW - 40, EventKind.BREACH, f"p99 of {SECRET}", "p99", NOW - 10),
    )
    return replace(snapshot(**more), events=events)


def test_threads_and_events_are_rows():
    """By kind and time; names and words only where they are shared."""
    table, names = facts(eventful()), Pseudonyms()
    body = json.loads(prompt.request(table, names, "m").content)
    assert body["threads"] == [{"id": "T1", "name": "thread_1", "active": 70.0, "gil": None}]
    assert body["events"] == [
        {"id": "L1", "kind": "breach", "s_before": 40.0, "lasted_s": 30.0},
        {"id": "L2", "kind": "restart", "s_before": 90.0, "lasted_s": None},
    ]
    opened = Pseudonyms(ShareSettings(events=True, threads=True))
    open_body = json.loads(prompt.request(table, opened, "m").content)
    assert open_body["events"][0]["text"] == f"p99 of {SECRET}"
    assert open_body["threads"][0]["name"] == f"worker-{SECRET}"
    assert is_verified("thread_1 was at work 70 % of the time.", ["T1"], table, names)
    assert is_verified("A breach 40 s ago lasted 30 s.", ["L1"], table, names)
    assert not is_verified("A breach 40 s ago lasted 31 s.", ["L1"], table, names)
    texts = {one.id: one.text for one in evidence(table)}
    assert texts["T1"] == (
        f"thread worker-{SECRET}: 70.0 % of the time at work, unknown with the GIL"
    )
    assert texts["L1"] == f"breach 40s before: p99 of {SECRET}"


def test_events_of_an_earlier_time_are_told_as_they_were_known_then():
    """Nothing that came later: what lasted beyond its end was not over, and still fired."""
    came = (
        Event(NOW - 100, EventKind.ALERT, "high", "a", NOW - 1),
        Event(NOW - 90, EventKind.BREACH, "p99", "p99", NOW - 70),
        Event(NOW - 20, EventKind.RESTART, "pid 2"),
    )
    asked = SourceStatus("prometheus", SourceState.OK, NOW - 600)
    now, end = replace(snapshot(), sources=(asked,)), NOW - 50
    then = now.until(end, end - 300, now.windows, now.series, came)
    table = facts(then, replace(ABOUT, start=end - 10, end=end))
    known = [(one.event.kind, one.age_s, one.lasted_s) for one in table.events]
    assert known == [(EventKind.BREACH, 40.0, 20.0), (EventKind.ALERT, 50.0, None)]
    box = Toolbox(table, then, Pseudonyms(), lambda file: SourceText(file, why="it is not there"))
    [told] = box.answers([ToolCall("t", "alert_rules", {})])
    assert json.loads(told["content"])["alerts"] == [{"alert": "alert_1", "firing_s": 50.0}]


def test_a_time_that_has_left_the_screen_has_its_events():
    """An hour ago is in no snapshot any more, but still on the time axis."""
    now = NOW + 3600
    monitor = Monitor(snapshot().target, Settings(), clock=lambda: now, env={})
    monitor.mark(EventKind.NOTE, "deployed", at=NOW - 5)
    monitor.mark(EventKind.NOTE, "long before", at=NOW - 5000)
    assert monitor.latest.events == ()
    asked = monitor._picture(Question(start=NOW - 10, end=NOW))
    assert [event.text for event in asked.events] == ["deployed"]


def test_the_table_has_a_bound():
    """2,500 tokens at two characters each; what tells least goes, the row in question stays."""
    stacks = {
        (MAIN, structs.replace(OWN, function=f"function_{n}_" + "x" * 40)): n + 1 for n in range(40)
    }
    many = [series(f"metric_{n}_" + "y" * 40, 1.23456, 7.891) for n in range(60)]
    objectives = [replace(P99, threshold=0.5 + n, label="") for n in range(8)]
    forecasts = [local(one, 0.3, series_unit="s") for one in objectives]
    whole = facts(eventful(windows_=windows(30, stacks), series_=many, forecasts=forecasts))
    names = Pseudonyms()
    assert len(prompt.request(whole, names, "m").content) > MAX_CHARACTERS
    small = fitted(whole, names)
    assert 0.8 * MAX_CHARACTERS < len(prompt.request(small, names, "m").content) <= MAX_CHARACTERS
    assert small.local is not None
    assert small.metrics == whole.metrics[: len(small.metrics)]
    assert len(small.functions) >= 5
    assert fitted(facts(snapshot()), names) == facts(snapshot())


def test_explain_is_the_default():
    """Nothing typed asks for an explanation."""
    assert Question().text == EXPLAIN


SOURCE = (
    "import os",
    "",
    "@cached",
    f"def {OWN.function}(order):",
    '    password = "hunter2hunter2"',
    '    key = """-----BEGIN RSA PRIVATE KEY-----',
    "    MIIEpAIBAAKCAQEA7",
    '    -----END RSA PRIVATE KEY-----"""',
    "    return order  # \x1b[31m",
    "",
    "def other(): pass",
)


def test_the_source_of_one_function():
    """Its own lines alone, with its decorators, and nothing that looks like a secret."""
    place = Place(OWN.function, OWN.file)
    picture = snapshot(windows_=windows(5, {(MAIN, structs.replace(OWN, line=5)): 3}))
    text = "\n".join(excerpt(place, picture, SourceText(OWN.file, SOURCE)))
    assert text.startswith("@cached\ndef bill_")
    assert "    return order  # " in text
    for word in ("hunter2", "MIIE", "PRIVATE", "\x1b", "other", "import"):
        assert word not in text
    for source, why in (
        (SourceText(OWN.file, why="it cannot be read"), "it cannot be read"),
        (SourceText(OWN.file, SOURCE, is_stale=True), "has changed"),
        (SourceText(OWN.file, ("x = 1",)), "does not hold it"),
    ):
        with pytest.raises(PerftuiError, match=why):
            excerpt(place, picture, source)
    long = [f"def {OWN.function}():", *(f"    call({n})" for n in range(500))]
    taken = excerpt(place, picture, SourceText(OWN.file, tuple(long)))
    assert len(taken) == MOST_LINES
    wide = [f"def {OWN.function}():", *("    " + "call(); " * 90 for _ in range(50))]
    assert 1 < len(excerpt(place, picture, SourceText(OWN.file, tuple(wide)))) < 10


SECRETS = '''
def charge(self, user, token="hunter1"):
    """Takes the money."""
    # its password is hunter2
    conn = connect(
        user="bob",  # hunter3
        password=
            "hunter4",
    )
    passwords = ["hunter5",
                 "hunter6"]
    login("bob", "hunter7")
    dsn = f"postgres://bob:{'hunter8'}@h/db"
    self.secret: dict[str, str] = {"a": "hunter9"}
    os.environ["API_TOKEN"] = "hunter10"
    headers = {"Authorization": "Bearer " + "hunter11"}
    pw = (
        """hunter12
        hunter13"""
    )
    if "hunter14" == self.db_pass: pass
    é, password = "hunter15", f"{'hunter16'}" f"""hunter17
        {user}"""; x = 1
    for one in ("plain", "words"):
        pass  # as it is
    return conn
'''


def test_texts_beside_the_name_of_a_secret_stay_here():
    """Whatever way a statement has to give it; other texts, comments and the code go."""
    place = Place("charge", "/srv/b.py")
    picture = snapshot(windows_=windows(5, {(structs.replace(OWN, function="charge", line=5),): 3}))
    source = tuple(SECRETS.splitlines())
    text = "\n".join(excerpt(place, picture, SourceText("/srv/b.py", source)))
    assert "hunter" not in text
    assert text.startswith("def charge(self, user, token=[removed]")
    assert text.endswith("; x = 1" + SECRETS.rstrip().partition("; x = 1")[2])
    for line in ('    """Takes the money."""', "    conn = connect(", "    pw = ("):
        assert line in text.splitlines()


def test_source_goes_with_a_question_alone():
    """Where a person let it; the table keeps its own room."""
    picture = snapshot(windows_=windows(5))
    lines = ("def f():", "    return 1")
    with (
        StandIn(message(answer_text())) as server,
        running(server.env, picture=lambda: picture) as advisor,
    ):
        explained(advisor, replace(ABOUT, source=lines))
        explained(advisor, replace(ABOUT, text="another"))
    first, second = (json.loads(r["messages"][0]["content"]) for r in server.requests)
    assert first["source"] == list(lines)
    assert "source" not in second


def test_a_question_is_not_kept_for_a_later_consent():
    """What is asked while it is off is not sent by whoever allows something else later."""
    picture = snapshot(windows_=windows(5))
    with (
        StandIn(message(answer_text())) as server,
        running(server.env, picture=lambda: picture, allowed=False) as advisor,
    ):
        advisor.explain(ABOUT)
        advisor.allow(NUMBERS_ONLY)
        advisor.ask_now()
        assert advisor.wait(20)
    assert len(server.requests) == 1
    assert ABOUT.text not in str(server.bodies)


def test_a_question_waits_for_a_server_that_wants_to_wait():
    """It is asked when the wait is over, and not forgotten."""
    clock = Clock()
    picture = snapshot(windows_=windows(5))
    with (
        StandIn(failure(429, retry_after="90"), message(answer_text())) as server,
        running(server.env, picture=lambda: picture, clock=clock) as advisor,
    ):
        advisor.ask_now()
        assert advisor.wait(20)
        advisor.explain(ABOUT)
        assert not advisor.wait(0.1)
        assert len(server.bodies) == 1
        clock.now = NOW + 91
        assert advisor.wait(20)
        assert advisor.explanation is not None


def test_a_question_can_be_withdrawn():
    """While it waits, and while it is answered; that of another is left alone."""
    picture = snapshot(windows_=windows(5))
    with (
        StandIn(Say(how="hang"), message(answer_text())) as server,
        running(server.env, picture=lambda: picture, timeout_s=30) as advisor,
    ):
        assert not advisor.withdraw(None)
        advisor.ask_now()
        assert server.received.acquire(timeout=20)
        advisor.explain(ABOUT)  # behind a forecast's call
        assert advisor.answering is None
        assert advisor.withdraw(ABOUT)
        assert not advisor.withdraw(ABOUT)
        assert advisor.status.calling  # the forecast's call goes on
        assert advisor.cancel()
        assert advisor.wait(20)
    with (
        StandIn(Say(how="hang")) as server,
        running(server.env, picture=lambda: picture, timeout_s=30) as advisor,
    ):
        advisor.explain(ABOUT)
        assert server.received.acquire(timeout=20)
        assert advisor.answering == ABOUT
        advisor.ask_now()  # a forecast is wanted as well: it comes behind
        assert advisor.withdraw(ABOUT)
        assert server.received.acquire(timeout=20)
        assert advisor.explanation is None


def test_another_target_has_other_answers():
    """What was said of the process before is not shown of its successor, which is asked about."""
    picture = snapshot(windows_=windows(5))
    with (
        StandIn(message(answer_text())) as server,
        running(server.env, picture=lambda: picture) as advisor,
    ):
        advisor.ask_now()
        assert advisor.wait(20)
        explained(advisor)
        advisor.forget()
        assert (advisor.forecasts, advisor.explanation) == ((), None)
        advisor.ask_now()  # though the evidence is the same
        assert advisor.wait(20)
        assert len(advisor.forecasts) == 1
    assert len(server.requests) == 3


def test_an_answer_under_way_is_not_shown_of_another_target():
    """It was asked about the one before; that nobody looks at the screen stays known."""
    picture = snapshot(windows_=windows(5))
    clock = Clock()
    with (
        StandIn(Say(how="hang"), message(answer_text())) as server,
        running(server.env, picture=lambda: picture, clock=clock, timeout_s=30) as advisor,
    ):
        advisor.attend(is_there=False)
        advisor.ask_now()
        assert server.received.acquire(timeout=20)
        advisor.forget()
        assert advisor.wait(20)
        assert advisor.forecasts == ()
        clock.now = NOW + AWAY_S
        assert "no focus" in advisor._schedule.nothing_to_say(snapshot(), asked=False)


@pytest.mark.parametrize(
    ("typed", "leaves"),
    [
        ("why does /srv/acme/billing/charge.py take so long?", "why does path_1 take so long?"),
        ("is ~/plans.txt read, ../acme/x.py, or conf.toml?", "is path_1 read, path_2, or path_3?"),
        ("is /checkout slower than /api/orders/?", "is path_1 slower than path_2?"),
        (r"C:\Users\alice\x.py", "path_1"),
        ("see https://grafana.acme.internal/d/a?b=1 (mine)", "see path_1 (mine)"),
        ("is 10.1.2.3:5432 or fe80::1ff:fe23:4567:890a slow", "is host_1 or host_2 slow"),
        ("is db.prod.acme.com down, or redis.acme.local:6379?", "is host_1 down, or host_2?"),
        ("did alice@web-7 or bob.b@acme.org log in", "did user_1 or user_2 log in"),
        ("why did CheckoutSlow fire", "why did event_1 fire"),
        ("is queue_depth rising", "is m_1 rising"),
        ("ｂｉｌｌ_ｓ３ｃｒ３ｔｗｏｒｄ and bill_s3cr3t\u200bword", "fn_1 and fn_1"),
        ("is TCP/IP, I/O at 5 req/s and/or 5/10 n/a", "is TCP/IP, I/O at 5 req/s and/or 5/10 n/a"),
        (
            "03:02:15 to 2026-11-27T03:05, q99.9, 3.11.4",
            "03:02:15 to 2026-11-27T03:05, q99.9, 3.11.4",
        ),
        ("threading.local or os.path.join", "threading.local or os.path.join"),
        ("rate job:errors:rate5m", "rate job:errors:rate5m"),
    ],
)
def test_hosts_users_and_paths_are_known_by_their_form(typed, leaves):
    """Also where nothing here knows them, and whatever letters are used; other things that look
    like it go as they are."""
    alert = Event(NOW - 5, EventKind.ALERT, "CheckoutSlow on web-12", "CheckoutSlow")
    asked = replace(snapshot(), events=(alert,), objectives=(Objective("queue_depth", 10.0),))
    names = Pseudonyms(ShareSettings(metric_names=False))
    assert redacted(typed, asked, names) == leaves
    assert redacted(typed, asked, names) == leaves  # the same ones once more


def test_what_is_open_is_told_in_a_question_too():
    """A URL and a user at a host where both of their kinds are."""
    typed = "is /srv/a.py at 10.1.2.3 by al@web-7, https://acme.io/x"
    for share, leaves in (
        (ShareSettings(paths=True), "is /srv/a.py at host_1 by user_1, path_1"),
        (ShareSettings(host=True), "is path_1 at 10.1.2.3 by user_1, path_2"),
        (ShareSettings(host=True, paths=True, users=True), typed),
    ):
        assert redacted(typed, snapshot(), Pseudonyms(share)) == leaves


@pytest.mark.parametrize("question", [None, ABOUT])
def test_the_last_picture_of_a_target_is_not_asked_about_for_the_next(question):
    """A call may begin when another one is watched already and there is no picture of it yet: what
    comes of that is about the last one, and is not shown."""
    before = snapshot(windows_=windows(5))
    after = replace(before, target=replace(before.target, pid=before.target.pid + 1))
    pictures = [before]

    class Meanwhile(Recorded):
        def ask(self, request: Request, heard: Heard, cancelled: threading.Event) -> Reply:
            pictures.append(after)
            return super().ask(request, heard, cancelled)

    client = Meanwhile(GOOD)
    with running(WITH_KEY, picture=lambda: pictures[-1], client_factory=client) as advisor:
        advisor.forget()
        if question is None:
            advisor.ask_now()
        else:
            advisor.explain(question)
        assert advisor.wait(20)
        assert len(client.requests) == 1
        assert (advisor.forecasts, advisor.explanation) == ((), None)


@pytest.mark.parametrize("question", [None, ABOUT])
def test_an_answer_that_has_just_come_is_not_shown_of_another_target(question):
    """The other one is watched from the moment on at which the answer is read: nothing of the last
    one's is kept, and the same evidence is new."""
    picture = snapshot(windows_=windows(5))

    class Late(Recorded):
        def ask(self, request: Request, heard: Heard, cancelled: threading.Event) -> Reply:
            reply = super().ask(request, heard, cancelled)
            if len(self.requests) == 1:
                advisor.forget()
            return reply

    client = Late(GOOD)
    with running(WITH_KEY, picture=lambda: picture, client_factory=client) as advisor:
        for _ in range(2):
            if question is None:
                advisor.ask_now()
            else:
                advisor.explain(question)
            assert advisor.wait(20)
            if len(client.requests) == 1:
                assert (advisor.forecasts, advisor.explanation) == ((), None)
        assert len(client.requests) == 2
        assert advisor.forecasts or advisor.explanation
