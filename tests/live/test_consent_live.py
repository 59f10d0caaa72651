"""What leaves the host, on a real service with secrets in all that perftui reads; and the question
whether it may, on a real terminal."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from llm_samples import answer_text
from llm_standin import KEY, Say, StandIn, message, streamed, tool_use
from servers import BURN, free_port, kill_tree, wait_for
from terminal import SLOW_S, Open, Terminal

from perftui.config import load
from perftui.model.event import EventKind
from perftui.monitor import Monitor
from perftui.settings import ShareSettings
from perftui.target.describe import describe
from perftui.tui.sent_view import QUESTION

pytestmark = pytest.mark.live

SECRET, DASHED = "sk_live_zq7A1b2C3d4E5f6G7", "sk-live-zq7A1b2C3d4E5f6G7"
"""They look like a key, and are none."""
OWN = "mine"
"""What is private, but looks like no secret."""

SERVICE = f'''
import sys, threading, time
from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server
from dramatiq.api import call_{SECRET}, plain_call

registry = CollectorRegistry()
orders = Counter("orders_{SECRET}", "help with {DASHED}", ["code", "host", "api_token"],
                 registry=registry)
queue = Gauge("queue_depth", "help", ["shop_{OWN}"], registry=registry)
start_http_server(int(sys.argv[1]), "127.0.0.1", registry)
log = open(sys.argv[2], "a", buffering=1)

def charge_{SECRET}(end):
    password = "zq7-hunter"  # {DASHED}
    while time.monotonic() < end:
        sum(range(200))

def charge_{OWN}(end):
    while time.monotonic() < end:
        sum(range(200))

def work():
    while True:
        orders.labels("{DASHED}", "db-{OWN}", "zq7token").inc()
        queue.labels("{OWN}").set(3)
        log.write("ERROR {DASHED} {OWN}\\n")
        for one in (charge_{SECRET}, charge_{OWN}, call_{SECRET}, plain_call):
            one(time.monotonic() + 0.02)

for name in ("worker {DASHED}", "worker {OWN}"):
    threading.Thread(target=work, name=name, daemon=True).start()
print("ready", flush=True)
threading.Event().wait()
'''
LIBRARY = f"""
import time

def call_{SECRET}(end):
    while time.monotonic() < end:
        sum(range(200))

def plain_call(end):
    while time.monotonic() < end:
        sum(range(200))
"""
SETTINGS = f"""
[[objective]]
metric = "orders_{SECRET}_total"
above = 1
label = "orders of {DASHED} {OWN}"

[[objective]]                          # its row stays, however full the table is
metric = "queue_depth"
above = 10

[[pattern]]
name = "own-{OWN}"
says = "the password is {DASHED}, {OWN}"
needs = [{{ metric = "orders_.*", above = 0 }}]
try = [{{ action = "rotate {DASHED} {OWN}", why = "w", risk = "r" }}]
check = "{DASHED} {OWN}"
"""


class Service:
    """A service in a directory, under a path and with arguments that hold secrets."""

    def __init__(self, directory: Path) -> None:
        home = directory / f"{OWN}-{DASHED}"
        site = home / "lib" / "python3.11" / "site-packages"
        (site / "dramatiq").mkdir(parents=True)
        (site / "dramatiq" / "__init__.py").touch()
        (site / "dramatiq" / "api.py").write_text(LIBRARY)
        script = home / f"app_{OWN}.py"
        script.write_text(SERVICE)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}/metrics"
        self.log = home / f"orders_{SECRET}.log"
        output = directory / "output"
        arguments = [
            *(str(port), str(self.log), f"--api-key={DASHED}", "--password", "zq7hunter2", OWN),
            f"postgres://{OWN}:zq7-pw@db/{OWN}",
        ]
        with output.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, str(script), *arguments],
                stdout=file,
                stderr=file,
                env={**os.environ, "PYTHONPATH": str(site), "SHOP_TOKEN": DASHED},
            )

        def is_ready() -> bool:
            assert self.process.poll() is None, output.read_text()
            return "ready" in output.read_text()

        wait_for(is_ready, SLOW_S, "the service to be ready")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    found = Service(tmp_path_factory.mktemp("service"))
    yield found
    kill_tree(found.process)


class Looking(StandIn):
    """A model that looks closer where it may, at something else each time, and then answers."""

    LOOKS = (
        tool_use("source_outline", 1, row="P1"),
        tool_use("source_outline", 2, row="P2"),
        tool_use("call_tree", 3, row="P1"),
        tool_use("metric_window", 4, row="E1", seconds=30),
        tool_use("profile_diff", 5, seconds=2),
        tool_use("alert_rules", 6),
    )

    def __init__(self) -> None:
        super().__init__(message(answer_text()))
        self._left = list(self.LOOKS)

    def _say(self, handler: Any, say: Say) -> None:
        request = self.requests[-1]
        if self._left and "tools" in request and len(request["messages"]) == 1:
            asked, self._left = self._left[:3], self._left[3:]
            say = streamed(*asked, stop_reason="tool_use")
        super()._say(handler, say)

    @property
    def has_looked(self) -> bool:
        sent = b"".join(self.bodies)
        return all(f'"tool_use_id":"{one["id"]}"'.encode() in sent for one in self.LOOKS)


def journal_of(service: Service, share: Mapping[str, bool], tmp_path: Path) -> StandIn:
    """What a stand-in for the LLM got of the service, each tool used; real py-spy, real SDK."""
    toml = "\n".join(f"{kind} = {str(is_open).lower()}" for kind, is_open in share.items())
    file = tmp_path / "perftui.toml"
    file.write_text(f"{SETTINGS}\n[llm.share]\n{toml}\n")
    flags = {"scrape": [{"url": service.url, "every": 0.5}], "log": [{"file": str(service.log)}]}
    target = replace(
        describe(service.process.pid), host=f"host-{OWN}-{DASHED}", user=f"{OWN}-{DASHED}"
    )
    with Looking() as standin:
        env = {**os.environ, **standin.env, "SHOP_TOKEN": DASHED}
        monitor = Monitor(target, load(flags, {}, [file]), llm_allowed=True, env=env)
        monitor.start()
        try:
            monitor.mark(EventKind.NOTE, f"deployed {DASHED} {OWN}")

            def has_all() -> bool:
                names = {series.key.name for series in monitor.latest.series}
                wanted = {f"orders_{SECRET}_total", "queue_depth", f"orders_{SECRET}_errors"}
                found = {finding.name for finding in monitor.latest.findings}
                enough = len(monitor.latest.windows) >= 4
                return enough and wanted <= names and f"own-{OWN}" in found

            wait_for(has_all, SLOW_S, "windows, the page, the log and the pattern")

            def has_looked() -> bool:
                monitor.wait_for_advisor()
                return standin.has_looked

            wait_for(has_looked, 2 * SLOW_S, "each tool to be used", every=0.5)
            assert monitor.permission.sent().last in [body.decode() for body in standin.bodies]
        finally:
            monitor.stop()
    return standin


def text_of(standin: StandIn) -> str:
    return b"\n".join(standin.bodies).decode() + json.dumps(standin.headers)


CLOSED = dict.fromkeys(ShareSettings.__struct_fields__, False)
OPEN = dict.fromkeys(ShareSettings.__struct_fields__, True)


@pytest.mark.parametrize("share", [{}, CLOSED], ids=["by default", "numbers only"])
def test_nothing_private_leaves(share: Any, service: Service, tmp_path: Path) -> None:
    """Neither a secret nor a name of one's own, from wherever perftui reads it."""
    sent = text_of(journal_of(service, share, tmp_path))
    assert "fn_1" in sent
    assert ("dramatiq.api.plain_call" in sent) == (not share)
    assert ("queue_depth" in sent) == (not share)
    assert "zq7" not in sent
    assert not re.search(rf"(?<![a-z]){OWN}(?![a-z])", sent)


def test_no_secret_leaves_what_is_shared(service: Service, tmp_path: Path) -> None:
    """With every kind open the names go, but nothing in them that looks like a secret."""
    sent = text_of(journal_of(service, OPEN, tmp_path))
    for name in (f"app_{OWN}.charge_{OWN}", "queue_depth", f"shop_{OWN}", "--api-key=[removed]"):
        assert name in sent, name
    assert "zq7" not in sent


def start(tmux: Terminal, pid: int, standin: StandIn) -> None:
    """Run perftui with a key, and go to the forecast."""
    names = " ".join(f"{name}={value}" for name, value in standin.env.items())
    tmux.type(f"export {names}", "Enter")
    tmux.run(pid)
    tmux.wait("● LIVE", re.compile(r"burn +\S*target.py"))
    tmux.keys("BTab")


def test_consent_is_given_remembered_and_taken_back(
    terminal: Open,
    python_target: Any,
    environment: Mapping[str, str],
    run: Callable[..., Any],
) -> None:
    """Key by key: nothing is sent before Enter; the next run does not ask; a headless command does
    not count it; x ends it."""
    pid = python_target(BURN).pid
    file = Path(environment["XDG_STATE_HOME"]) / "perftui" / "consent.json"
    with StandIn(message(answer_text(claims=[], mitigations=[]))) as standin:
        tmux = terminal(80, 24)
        start(tmux, pid, standin)
        tmux.wait("can explain this")
        tmux.keys("F5")
        tmux.wait(QUESTION.split("?")[0], standin.url, "▸ n  numbers only", "WOULD BE SENT NOW")
        tmux.keys("f")
        tmux.wait("▸ f  with function names")
        tmux.keys("n")
        tmux.wait("▸ n  numbers only")
        assert standin.bodies == []
        assert not file.exists() or standin.url not in file.read_text()
        tmux.keys("Enter")
        tmux.wait("An LLM is asked from now on", without=QUESTION)
        assert standin.received.acquire(timeout=SLOW_S)
        assert "target.py" not in standin.bodies[0].decode()
        tmux.wait(re.compile(r"p99 rises\s+with burn"))
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
        tmux.keys("q")
        tmux.back()

        before = len(standin.bodies)
        ended = run("snapshot", pid, "--seconds", 1, "--json", env=standin.env)
        assert ended.document["llm"]["state"] == "off"
        assert len(standin.bodies) == before

        start(tmux, pid, standin)
        tmux.wait("claude-haiku-5-5", without="can explain this")
        assert standin.received.acquire(timeout=SLOW_S)
        tmux.keys("v")
        tmux.wait("Allowed with numbers only, by you, for this host.")
        tmux.keys("x")
        tmux.wait("Nothing is sent any more.", "you took it back")
        assert standin.url not in file.read_text()
        tmux.keys("q")
        tmux.back()

        start(tmux, pid, standin)
        tmux.wait("can explain this")
        tmux.keys("v")
        tmux.wait("X never on this host")
        tmux.keys("X")
        tmux.wait("It is not offered any more.", "never on this host")
        tmux.keys("q")
        tmux.back()
        assert '"choice": "never"' in file.read_text()


def test_the_settings_and_no_llm_ask_nothing(
    terminal: Open, python_target: Any, tmp_path: Path
) -> None:
    """With [llm] consent nothing is asked; with --no-llm neither, and nothing is sent."""
    pid = python_target(BURN).pid
    with StandIn(message(answer_text(claims=[], mitigations=[]))) as standin:
        tmux = terminal(80, 24)
        (tmp_path / "perftui.toml").write_text("[llm]\nconsent = true\n")
        tmux.type(" ".join(["export", *(f"{k}={v}" for k, v in standin.env.items())]), "Enter")
        tmux.run("--no-llm", pid)
        tmux.wait("● LIVE", re.compile(r"burn +\S*target.py"))
        tmux.keys("BTab", "F5")
        tmux.wait("LLM off: --no-llm", without=QUESTION)
        tmux.keys("q")
        tmux.back()
        assert standin.bodies == []
        start(tmux, pid, standin)
        assert standin.received.acquire(timeout=SLOW_S)
        tmux.keys("v")
        tmux.wait("Allowed with function names, by the settings or --llm.", without=QUESTION)
        assert standin.env["ANTHROPIC_API_KEY"] == KEY
        assert KEY not in tmux.text()
        tmux.keys("v")
        tmux.wait("● LIVE", without="Allowed with")
        tmux.keys("q")
        tmux.back()
