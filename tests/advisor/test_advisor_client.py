"""The real SDK against a real socket."""

from __future__ import annotations

import contextlib
import email.utils
import itertools
import json
import logging
import re
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import replace

import pytest
from llm_samples import NOW
from llm_standin import KEY, Say, StandIn, failure, message, streamed, tool_use, whole

from perftui.advisor.answer import schema
from perftui.advisor.budget import Usage
from perftui.advisor.client import Client, Key, connect, find_key
from perftui.advisor.prompt import Looks, Request
from perftui.advisor.reply import CallError, ToolCall
from perftui.advisor.tool_schemas import TOOLS

REQUEST = Request("claude-haiku-5-5", '{"question":null}')


NEVER = threading.Event()
"""Nobody cancels."""


def unheard(text: str) -> None:
    pass


def client(env: Mapping[str, str], timeout_s: float = 5.0) -> Client:
    return connect(env, lambda: NOW, timeout_s)


def ask(*script: Say, timeout_s: float = 5.0):
    with StandIn(*script) as server:
        return client(server.env, timeout_s).ask(REQUEST, unheard, NEVER)


def fail(*script: Say, timeout_s: float = 5.0) -> CallError:
    with StandIn(*script) as server, pytest.raises(CallError) as caught:
        client(server.env, timeout_s).ask(REQUEST, unheard, NEVER).complete_text()
    return caught.value


def test_the_request_as_it_goes_out():
    """Model, limit, system prompt, one user message and the schema are sent, and nothing else."""
    with StandIn(message("hello")) as server:
        client(server.env).ask(REQUEST, unheard, NEVER)
    assert server.requests == [
        {
            "model": "claude-haiku-5-5",
            "max_tokens": REQUEST.max_tokens,
            "system": [
                {"type": "text", "text": REQUEST.system, "cache_control": {"type": "ephemeral"}}
            ],
            "messages": [{"role": "user", "content": REQUEST.content}],
            "output_config": {"format": {"type": "json_schema", "schema": schema()}},
            "stream": True,
        }
    ]


def test_the_headers_say_nothing_of_the_host():
    """The SDK's own headers on system and runtime do not go out; the key does."""
    with StandIn(message("hello")) as server:
        client(server.env).ask(REQUEST, unheard, NEVER)
    (headers,) = server.headers
    assert KEY in headers.get("authorization", "") + headers.get("x-api-key", "")
    told = {"x-stainless-os", "x-stainless-arch", "x-stainless-runtime"}
    assert not told & set(headers)
    assert sys.platform not in str(headers).lower()


def test_a_token_works_like_a_key():
    """ANTHROPIC_AUTH_TOKEN goes out as a bearer token."""
    with StandIn(message("hello")) as server:
        env = {"ANTHROPIC_AUTH_TOKEN": "token-1", "ANTHROPIC_BASE_URL": server.url}
        client(env).ask(REQUEST, unheard, NEVER)
    assert server.headers[0]["authorization"] == "Bearer token-1"


def test_text_and_usage_come_back():
    """The reply holds text and every count of tokens that the server gives."""
    reply = ask(
        message(
            "hello",
            input_tokens=7,
            output_tokens=5,
            cache_read_input_tokens=3,
            cache_creation_input_tokens=2,
        )
    )
    assert (reply.complete_text(), reply.usage) == ("hello", Usage(7, 5, 3, 2))


def test_a_server_that_counts_nothing():
    """Usage without numbers, or none at all, is unknown, not zero."""
    assert ask(message("x", input_tokens=None, output_tokens=None)).usage == Usage()
    assert ask(message("x", input_tokens=4, output_tokens=-1)).usage == Usage(input=4)
    assert ask(Say(b'{"content": [{"type": "text", "text": "x"}]}')).usage == Usage()
    assert ask(whole({"type": "text", "text": "x"}, input_tokens=4)).usage == Usage(input=4)


def test_an_answer_without_text_is_empty_text():
    """No content is no text; whether that is an answer is for the parser to say."""
    assert ask(message(None)).text == ""


@pytest.mark.parametrize(
    ("status", "words", "billed"),
    [
        (400, "refused (400)", False),
        (401, "not accepted (401)", False),
        (403, "may not do this (403)", False),
        (404, "knows no model claude-haiku-5-5 (404)", False),
        (413, "too large (413)", False),
        (422, "refused (422)", False),
        (429, "rate limit is reached (429)", False),
        (500, "failed (500)", True),
        (504, "failed (504)", True),
        (529, "overloaded (529)", False),
    ],
)
def test_each_status_is_one_sentence_and_one_fix(status, words, billed):
    """Every refusal is told in a sentence with a fix, is not retried, and never holds the key."""
    with StandIn(failure(status, f"bad {KEY}\x1b[31m")) as server:
        with pytest.raises(CallError) as caught:
            client(server.env).ask(REQUEST, unheard, NEVER)
        assert len(server.bodies) == 1
    error = caught.value
    assert words in error.message
    assert error.fix.endswith(".")
    assert error.billed is billed
    assert KEY not in str(error)
    assert str(error).isprintable()


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("30", 30.0),
        ("1.5", 1.5),
        ("0", None),
        ("-3", None),
        ("soon", None),
        ("nan", None),
        ("inf", 3600.0),
        ("99999999", 3600.0),
        (email.utils.formatdate(NOW + 90, usegmt=True), 90.0),
        (email.utils.formatdate(NOW - 90, usegmt=True), None),
        ("Mon, 99 Foo 2026 00:00:00 GMT", None),
    ],
)
def test_retry_after(header, seconds):
    """The wait that a server asks for is read as seconds or as a date, up to an hour."""
    assert fail(failure(429, retry_after=header)).retry_after_s == seconds
    assert fail(failure(401, retry_after="30")).retry_after_s is None


def test_silence_is_a_time_out():
    """A server that says nothing is given up on, and the call may have cost something."""
    error = fail(Say(how="hang"), timeout_s=0.5)
    assert "No answer within 0.5 s" in error.message
    assert error.billed


def test_a_drip_is_a_time_out_too():
    """A byte now and then does not hold a call beyond its time-out."""
    error = fail(Say(b'{"content": ' + b" " * 500, how="drip"), timeout_s=0.5)
    assert "No answer within 0.5 s" in error.message


def test_a_broken_connection():
    """A connection that breaks off in the middle is told, and may have cost something."""
    error = fail(Say(how="reset"))
    assert (error.message, error.billed) == ("The connection broke off.", True)


def test_nobody_there():
    """A refused connection is told, and has cost nothing."""
    with StandIn(message("x")) as server:
        env = server.env
    with pytest.raises(CallError) as caught:
        client(env).ask(REQUEST, unheard, NEVER)
    assert "cannot be reached" in caught.value.message
    assert caught.value.billed is False


@pytest.mark.parametrize(
    "say",
    [
        Say(b"{nope"),
        Say(b"[]"),
        Say(b"null"),
        Say(b"{}"),
        Say(b"<html>log in</html>", headers={"content-type": "text/html"}),
        Say(b'{"content": "text"}'),
        Say(b""),
        Say(b'{"content": [{"type": "text", "text": 3}, 4, null, {"type": "odd"}]}'),
    ],
)
def test_a_response_that_is_no_message(say):
    """Nonsense with status 200 is an error or an empty text, never another exception."""
    with StandIn(say) as server:
        try:
            assert client(server.env).ask(REQUEST, unheard, NEVER).text == ""
        except CallError as error:
            assert error.billed
            assert error.fix


def test_refusals_and_cut_answers():
    """A refusal and an answer cut at its limit are errors, after their usage has come back."""
    assert "refused" in fail(message("no", stop_reason="refusal")).message
    assert "cut off" in fail(message('{"summ', stop_reason="max_tokens")).message
    assert ask(message("no", stop_reason="refusal")).usage == Usage(1000, 200)


def test_finding_a_key():
    """The API key comes before the token; blank ones do not count."""
    both = {"ANTHROPIC_API_KEY": " k ", "ANTHROPIC_AUTH_TOKEN": "t"}
    assert find_key(both) == Key("ANTHROPIC_API_KEY", "k")
    assert find_key({**both, "ANTHROPIC_API_KEY": " "}) == Key("ANTHROPIC_AUTH_TOKEN", "t")
    assert find_key({}) is None
    assert "secret" not in repr(Key("ANTHROPIC_API_KEY", "secret"))


@pytest.mark.parametrize("key", ["k\ney", "kéy", "k\x00"])
def test_a_key_that_can_be_none(key):
    """A key that no header can hold is refused by name, without its value."""
    with pytest.raises(CallError) as caught:
        client({"ANTHROPIC_API_KEY": key})
    assert caught.value.message == "ANTHROPIC_API_KEY holds characters that no key has."


QUIET = """
import sys
import threading
never = threading.Event()
import threading
from perftui.advisor.client import connect
from perftui.advisor.reply import CallError
from perftui.advisor.prompt import Request
assert "anthropic" not in sys.modules
try:
    connect({"ANTHROPIC_API_KEY": "k"}, float, 1.0).ask(Request("m", "hidden"), print, never)
except CallError as error:
    assert "reached" in error.message, error
import logging
import re
logging.getLogger("anthropic").warning("warned")
logging.getLogger("httpx2").warning("warned")
assert not logging.getLogger().handlers
logging.basicConfig()
logging.getLogger("anthropic").warning("warned")
"""


@pytest.mark.parametrize("level", ["debug", "info", ""])
def test_the_sdk_is_imported_late_and_stays_silent(level):
    """Nothing imports anthropic before the first call, and it never writes to the terminal."""
    done = subprocess.run(
        [sys.executable, "-c", QUIET],
        env={"ANTHROPIC_LOG": level, "ANTHROPIC_BASE_URL": "http://127.0.0.1:1", "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_handlers_of_others_stay():
    """Silencing the SDK leaves the logging of the rest alone."""
    mine = logging.NullHandler()
    logging.getLogger().addHandler(mine)
    try:
        client({"ANTHROPIC_API_KEY": "k"})
        assert mine in logging.getLogger().handlers
    finally:
        logging.getLogger().removeHandler(mine)


def test_text_is_heard_as_it_comes():
    """Each piece adds to the text; the last one is all of it."""
    heard: list[str] = []
    text = "a long answer, in several pieces, to be read while it comes"
    with StandIn(message(text)) as server:
        reply = client(server.env).ask(REQUEST, heard.append, NEVER)
    assert len(heard) > 2
    assert all(after.startswith(before) for before, after in itertools.pairwise(heard))
    assert heard[-1] == reply.text == text


def test_a_server_that_does_not_stream():
    """Its answer is read whole."""
    reply = ask(whole({"type": "text", "text": "all at once"}, input_tokens=3, output_tokens=4))
    assert (reply.complete_text(), reply.usage) == ("all at once", Usage(3, 4))


def test_tools_are_asked_for_and_told():
    """The calls of a reply come back whole; the next turn has them, the results, and the tools."""
    asked = [
        {"type": "text", "text": "I look."},
        tool_use("call_tree", 1, row="P1"),
        tool_use("metric_window", 2, row="E1", seconds=60),
    ]
    with StandIn(streamed(*asked, stop_reason="tool_use"), message("done")) as server:
        one = client(server.env)
        request = replace(REQUEST, looks=Looks.OFFERED)
        reply = one.ask(request, unheard, NEVER)
        assert reply.calls == (
            ToolCall("toolu_1", "call_tree", {"row": "P1"}),
            ToolCall("toolu_2", "metric_window", {"row": "E1", "seconds": 60}),
        )
        results = [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "{}"}]
        assert one.ask(request.after(reply, results, is_spent=True), unheard, NEVER).text == "done"
    first, second = server.requests
    assert first["tools"] == second["tools"] == list(TOOLS)
    assert ("tool_choice" in first, second["tool_choice"]) == (False, {"type": "none"})
    assert second["messages"] == [
        {"role": "user", "content": REQUEST.content},
        {"role": "assistant", "content": asked},
        {"role": "user", "content": results},
    ]


LONG = message("x" * 2000)


@pytest.mark.parametrize(
    ("how", "part", "words"),
    [
        ("stall", 0, "No answer within 0.5 s"),
        ("stall", 900, "No answer within 0.5 s"),
        ("cut", 0, "cannot be read|broke off"),
        ("cut", 900, "broke off"),
        ("cut", len(LONG.body) - 60, "broke off"),
        ("broken", 900, "broke off"),
    ],
)
def test_a_stream_that_does_not_end_well(how, part, words):
    """What comes of it is a sentence, whatever it cost; no half of an answer is taken for one."""
    error = fail(replace(LONG, how=how, part=part), timeout_s=0.5)
    assert re.search(words, error.message)
    assert error.billed


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("overloaded_error", "overloaded (529)"),
        ("rate_limit_error", "rate limit is reached (429)"),
        ("api_error", "failed (500)"),
        ("anything", "failed (500)"),
    ],
)
def test_an_error_in_mid_stream(kind, words):
    """It is told like its status; what came before it may have to be paid for."""
    event = {"type": "error", "error": {"type": kind, "message": f"no {KEY}"}}
    body = LONG.body[: LONG.body.index(b"event: content_block_stop")]
    body += f"event: error\ndata: {json.dumps(event)}\n\n".encode()
    error = fail(replace(LONG, body=body))
    assert words in error.message
    assert error.billed
    assert KEY not in str(error)


@pytest.mark.parametrize(
    "body",
    [
        b"event: message_start\ndata: {nope\n\n",
        b'event: message_start\ndata: {"type": "message_start", "message": 3}\n\n',
        LONG.body.replace(b"xxxxx", b"\xff\xfe\xff", 1),
        b"\xff" * 500,
        LONG.body.replace(b'"usage"', b'"other"'),
        b"event: content_block_delta\ndata: {}\n\nevent: message_stop\ndata: {}\n\n",
    ],
)
def test_a_stream_of_nonsense(body):
    """Whatever comes is an answer or one error, and the next call works."""
    with StandIn(replace(LONG, body=body), message("fine")) as server:
        one = client(server.env)
        with contextlib.suppress(CallError):
            assert set(one.ask(REQUEST, unheard, NEVER).text) <= {
                "x",
                "\N{REPLACEMENT CHARACTER}",
            }
        assert one.ask(REQUEST, unheard, NEVER).text == "fine"


@pytest.mark.parametrize("say", [Say(how="hang"), replace(LONG, how="stall", part=900)])
def test_a_call_can_be_cancelled(say):
    """Who waits for it goes on at once; one that is cancelled before does not go out at all."""
    with StandIn(say, message("fine")) as server:
        one = client(server.env, timeout_s=30)
        errors: list[CallError] = []
        cancelled = threading.Event()

        def call() -> None:
            with pytest.raises(CallError) as caught:
                one.ask(REQUEST, unheard, cancelled)
            errors.append(caught.value)

        thread = threading.Thread(target=call)
        thread.start()
        assert server.received.acquire(timeout=20)
        cancelled.set()
        one.cancel()
        thread.join(5)
        assert not thread.is_alive()
        call()
        assert [(e.is_cancelled, e.billed) for e in errors] == [(True, True), (True, False)]
        assert len(server.bodies) == 1
        one.cancel()
        assert one.ask(REQUEST, unheard, NEVER).text == "fine"


def test_a_redirect_is_not_followed():
    """What is sent was allowed for one server: another one gets nothing, and it is said."""
    with (
        StandIn(message("mine")) as other,
        StandIn(Say(status=307, headers={"location": f"{other.url}/v1/messages"})) as server,
        pytest.raises(CallError) as caught,
    ):
        client(server.env).ask(REQUEST, unheard, NEVER)
    assert "redirect (307)" in caught.value.message
    assert not caught.value.billed
    assert other.bodies == []


def test_text_that_is_none_is_made_one():
    """A lone surrogate, which JSON can hold, could not go back to the server."""
    body = streamed({"type": "text", "text": "a\ud800b"}).body
    reply = ask(replace(LONG, body=body))
    assert reply.text == "a?b"
    request = REQUEST.after(reply, [], is_spent=True)
    assert ask_with(request) == "fine"


def ask_with(request: Request) -> str:
    with StandIn(message("fine")) as server:
        text = client(server.env).ask(request, unheard, NEVER).text
        assert server.bodies == [request.body.encode()]
        return text
