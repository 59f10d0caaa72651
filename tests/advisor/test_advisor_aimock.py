"""The advisor against a Messages API that is not ours: npm's @copilotkit/aimock.

It is found by PERFTUI_AIMOCK (its program or its package's directory), under node_modules of this
repository, or by npx. Without it the tests are skipped, or fail if PERFTUI_REQUIRE_SERVERS is 1.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from llm_samples import OWN, SECRET, answer_text, snapshot, windows

from perftui.advisor.advisor import Advisor
from perftui.advisor.client import connect
from perftui.model.findings import LlmState
from perftui.model.snapshot import Snapshot
from perftui.settings import LlmSettings

pytestmark = pytest.mark.live

ROOT = Path(__file__).resolve().parents[2]
KEY = "test-key-1"
LISTENING = re.compile(r"listening on (http://127\.0\.0\.1:\d+)")


def find_aimock() -> list[str] | None:
    """The command that starts aimock's flag-driven server, None if it is not installed."""
    given = os.environ.get("PERFTUI_AIMOCK")
    if given:
        path = Path(given)
        if path.is_dir():
            return ["node", str(path / "dist" / "cli.js")]
        # Its other program, aimock, takes a file of settings in place of flags.
        return [str(path.with_name("llmock") if path.name == "aimock" else path)]
    local = ROOT / "node_modules" / ".bin" / "llmock"
    if local.exists():
        return [str(local)]
    npx = shutil.which("npx")
    if npx is None:
        return None
    command = [npx, "--no-install", "-p", "@copilotkit/aimock", "llmock"]
    found = subprocess.run([*command, "--help"], capture_output=True, check=False, timeout=60)
    return command if found.returncode == 0 else None


@pytest.fixture(scope="module")
def aimock() -> list[str]:
    command = find_aimock()
    if command is None:
        missing = "aimock is missing: npm install @copilotkit/aimock@1.43.0"
        if os.environ.get("PERFTUI_REQUIRE_SERVERS") == "1":
            pytest.fail(missing)
        pytest.skip(missing)
    return command


class Server:
    def __init__(self, url: str) -> None:
        self.url = url

    @property
    def env(self) -> dict[str, str]:
        return {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": self.url}

    def journal(self, key: str = KEY) -> list[Any]:
        """Every request that the server got, as it noted them."""
        request = urllib.request.Request(f"{self.url}/__aimock/journal", headers={"x-api-key": key})
        with urllib.request.urlopen(request, timeout=10) as response:
            found = json.load(response)
        assert isinstance(found, list)
        return found


Serve = Callable[..., Any]


@pytest.fixture
def serve(aimock: list[str], tmp_path: Path) -> Serve:
    @contextmanager
    def started(
        *options: str,
        response: Any = None,
        after_tools: Any = None,
        keys: str = "",
        **how: Any,
    ) -> Iterator[Server]:
        fixtures = tmp_path / "fixtures.json"
        match = {"model": "claude-haiku-5-5"}
        said = [{"match": match, "response": response or {"content": "x"}, **how}]
        if after_tools is not None:
            later = match | {"hasToolResult": True}
            said.insert(0, {"match": later, "response": after_tools})
        fixtures.write_text(json.dumps({"fixtures": said}))
        env = {**os.environ, "NO_COLOR": "1"} | ({"AIMOCK_API_KEYS": keys} if keys else {})
        with subprocess.Popen(
            [*aimock, "-p", "0", "-f", str(fixtures), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=env,
        ) as process:
            try:
                assert process.stdout is not None
                lines = iter(process.stdout.readline, "")
                url = next((m[1] for line in lines if (m := LISTENING.search(line))), None)
                assert url is not None, "aimock ended before it listened"
                yield Server(url)
            finally:
                process.terminate()

    return started


def early() -> Snapshot:
    """Too little for a call on schedule, so that calls come only when a test asks for one."""
    return snapshot(windows_=windows(5))


@contextmanager
def asked(server: Server, timeout_s: float = 30.0) -> Iterator[Advisor]:
    advisor = Advisor(
        LlmSettings(),
        allowed=True,
        forbidden=False,
        env=server.env,
        snapshot=early,
        clock=time.time,
        client_factory=lambda env, clock: connect(env, clock, timeout_s),
    )
    advisor.start()
    try:
        advisor.ask_now()
        assert advisor.wait(40)
        yield advisor
    finally:
        advisor.stop()
        advisor.join()


def answered(**usage: int) -> dict[str, Any]:
    return {"content": answer_text(), "usage": usage}


def test_an_answer_and_what_left_for_it(serve: Serve) -> None:
    """The answer becomes a forecast; the journal holds no planted secret, only fn_N and numbers."""
    with (
        serve(response=answered(input_tokens=1000, output_tokens=200)) as server,
        asked(server) as advisor,
    ):
        journal = server.journal()
        assert advisor.status.state is LlmState.OK, advisor.status.message
        assert advisor.status.cost_usd == pytest.approx(0.0002)
        (forecast,) = advisor.forecasts
    assert forecast.probability == pytest.approx(0.55, abs=0.01)  # as far as it may move it
    assert OWN.function in forecast.summary
    (entry,) = journal
    assert entry["path"] == "/v1/messages"
    left = json.dumps([entry["headers"], entry["body"]])
    assert SECRET not in left
    content = entry["body"]["messages"][-1]["content"]
    text = content if isinstance(content, str) else content[0]["text"]
    sent = json.loads(text)
    assert [row["name"] for row in sent["functions"]] == [
        "fn_1",
        "json.decoder.raw_decode",
        "sqlalchemy.engine.base.execute",
    ]
    assert [row["name"] for row in sent["metrics"]] == ["rss_used", "p99"]
    assert sent["question"]["metric"] == "p99"


def test_a_fenced_answer(serve: Serve) -> None:
    """A server that ignores the schema and fences its JSON is understood."""
    fenced = {"content": f"Here it is:\n```json\n{answer_text()}\n```"}
    with serve(response=fenced) as server, asked(server) as advisor:
        assert advisor.status.state is LlmState.OK, advisor.status.message


@pytest.mark.parametrize(
    ("response", "options", "words"),
    [
        ({"error": {"message": "x", "type": "overloaded_error"}, "status": 529}, (), "(529)"),
        ({"error": {"message": "x", "type": "not_found_error"}, "status": 404}, (), "no model"),
        ({"error": {"message": "x", "type": "api_error"}, "status": 500}, (), "failed (500)"),
        ({"error": {"message": "x", "type": "permission_error"}, "status": 403}, (), "(403)"),
        ({"error": {"message": "x", "type": "request_too_large"}, "status": 413}, (), "(413)"),
        (
            {"error": {"message": "x", "type": "invalid_request"}, "status": 400},
            (),
            "refused (400)",
        ),
        ({"content": ""}, (), "empty"),
        ({"content": "no", "finishReason": "refusal"}, (), "refused to answer"),
        ({"content": "x" * 100_001}, (), "far too long"),
        ({"content": '{"summary": "x', "finishReason": "length"}, (), "cut off"),
        ({"content": "The weather is fine."}, (), "no JSON object"),
        ({"content": '{"probability": 0.5}'}, (), "does not fit: summary"),
        (None, ("--chaos-ratelimit", "1"), "asks to wait"),
        (None, ("--chaos-malformed", "1"), "cannot be read"),
        (None, ("--chaos-disconnect", "1"), "broke off"),
        (None, ("--chaos-drop", "1"), "failed (500)"),
    ],
)
def test_failures_are_states(
    serve: Serve, response: Any, options: tuple[str, ...], words: str
) -> None:
    """Each kind of failure is a state with its reason, after one request and no retry."""
    with serve(*options, response=response) as server, asked(server) as advisor:
        assert advisor.status.state is LlmState.FAILED
        assert words in advisor.status.message
        assert advisor.forecasts == ()
        assert len([e for e in server.journal() if e["path"] == "/v1/messages"]) == 1


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"truncateAfterChunks": 4}, "broke off"),
        ({"latency": 40, "disconnectAfterMs": 150}, "broke off"),
        ({"latency": 2000}, "No answer within 1 s"),
    ],
)
def test_a_stream_that_does_not_end_well(serve: Serve, how: dict[str, Any], words: str) -> None:
    """Cut, broken off or too slow: no half of an answer is taken for one, and it is paid for."""
    with (
        serve(response=answered(input_tokens=9, output_tokens=9), **how) as server,
        asked(server, timeout_s=1.0) as advisor,
    ):
        assert advisor.status.state is LlmState.FAILED
        assert words in advisor.status.message
        assert advisor.forecasts == ()
        assert advisor.status.cost_usd > 0.002


def test_a_wrong_key(serve: Serve) -> None:
    """A key that the server does not know is told without showing it."""
    with serve(response=answered(), keys="another-key") as server, asked(server) as advisor:
        assert advisor.status.state is LlmState.FAILED
        assert "not accepted (401)" in advisor.status.message
        assert KEY not in advisor.status.message


def test_a_model_that_looks_closer(serve: Serve) -> None:
    """A call of a tool, its result, and the answer, each streamed; all turns are paid for."""
    look = {"toolCalls": [{"name": "profile_diff", "arguments": {"seconds": 2}}]}
    usage = {"input_tokens": 1000, "output_tokens": 200}
    with (
        serve(response=look | {"usage": usage}, after_tools=answered(**usage)) as server,
        asked(server) as advisor,
    ):
        assert advisor.status.state is LlmState.OK, advisor.status.message
        assert advisor.status.cost_usd == pytest.approx(0.0004)
        (forecast,) = advisor.forecasts
        journal = server.journal()
    assert "Q1" in [one.id for one in forecast.evidence]
    assert len(journal) == 2
    assert SECRET not in json.dumps(journal)
