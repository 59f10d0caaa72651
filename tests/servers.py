"""Real programs and small stand-ins for the tests: started, waited for, and ended by their pid."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import psutil
import pytest

T = TypeVar("T")

START_S = 30.0
"""How long a program may take to start on a busy machine."""
GONE_S = 3.0
"""What perftui started has ended so soon after it."""
AS_NOBODY = [
    *("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"),
    *("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"),
    *(sys.executable, "-m", "perftui"),
]
"""perftui as another user; only root can say so. It may read all files, as this Python may be where
only root can read it, but no process of another user's."""


def require(name: str) -> str:
    """The path of the program `name`; the test is skipped without it.

    With PERFTUI_REQUIRE_SERVERS=1, as in CI, it fails instead: nothing is skipped unseen.
    """
    path = shutil.which(name)
    if path is not None:
        return path
    if os.environ.get("PERFTUI_REQUIRE_SERVERS") == "1":
        pytest.fail(f"{name} is not installed, and PERFTUI_REQUIRE_SERVERS=1", pytrace=False)
    pytest.skip(f"{name} is not installed")


def wait_for(predicate: Callable[[], T], timeout: float, what: str, every: float = 0.02) -> T:
    """The first true value of `predicate`; an AssertionError that names `what` at the time-out."""
    deadline = time.monotonic() + timeout
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout:g} s for {what}; last seen: {value!r}")
        time.sleep(every)


def interpreters() -> list[str]:
    """The Python interpreters of this machine: this one, and those that pyenv keeps."""
    kept = sorted(Path("~/.pyenv/versions").expanduser().glob("*/bin/python"))
    return [sys.executable, *(str(path) for path in kept if path.exists())]


def interpreter_id(path: str) -> str:
    """A short name of an interpreter for a parametrised test."""
    parts = Path(path).parts
    return parts[parts.index("versions") + 1] if "versions" in parts else "this"


def free_port() -> int:
    """A TCP port of the loopback that nothing listens on at present."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def get(url: str, timeout: float = 5.0) -> bytes:
    """The body of a loopback page; proxies of the environment are not asked."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=timeout) as answer:
        body: bytes = answer.read()
        return body


BURN = """
import sys

def burn(count):
    while count:
        count -= 1

sys.stdout.write("%d.%d.%d\\nready\\n" % sys.version_info[:3])
sys.stdout.flush()
while True:
    burn(100000)
"""
"""A program whose only hot function is `burn`; prints its version. Valid in Python 2 and 3."""


def samplers(pid: int) -> list[psutil.Process]:
    """The py-spy processes, of whatever parent, that look at a process id."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            program, *arguments = process.cmdline() or [""]
            if Path(program).name == "py-spy" and str(pid) in arguments:
                found.append(process)
    return found


def runs(pid: int) -> bool:
    """Whether there is such a process; it may end while it is asked."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def assert_gone(processes: list[psutil.Process], since: float) -> None:
    """None of them runs `GONE_S` seconds after `since`."""
    wait_for(
        lambda: not any(runs(process.pid) for process in processes),
        max(0.05, GONE_S - (time.monotonic() - since)),
        f"{processes} to be gone",
    )


def wait_for_windows(pid: int) -> None:
    """Wait until a fourth py-spy looks at the process: one of them may look for who holds the GIL
    only, so two windows are complete."""
    seen: set[int] = set()

    def enough() -> bool:
        seen.update(process.pid for process in samplers(pid))
        return len(seen) >= 4

    wait_for(enough, START_S, f"four py-spies one after the other on {pid}")


def assert_runs_on(pid: int) -> None:
    """The process is neither stopped nor traced, and takes CPU time."""
    process = psutil.Process(pid)
    used = process.cpu_times().user
    tracer = Path(f"/proc/{pid}/status")
    wait_for(
        lambda: (
            process.cpu_times().user > used
            and (not tracer.exists() or "TracerPid:\t0\n" in tracer.read_text())
        ),
        START_S,
        f"{pid} to run on by itself",
    )
    assert process.status() not in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)


def kill_tree(process: subprocess.Popen[Any]) -> None:
    """Kill a program that was started here, and its children; by pid."""
    tree: list[psutil.Process] = []
    with contextlib.suppress(psutil.Error):
        parent = psutil.Process(process.pid)
        tree = [*parent.children(recursive=True), parent]
    for member in tree:
        with contextlib.suppress(psutil.Error):
            member.kill()
    process.wait(10)


class Prometheus:
    """Debian's Prometheus on a loopback port, scraping every second itself and `scrapes`.

    `scrapes` maps a job to the address (`host:port`) of its page; `config` replaces the whole
    configuration file. Its discovery takes about five seconds to begin: see :meth:`wait_for_up`.
    """

    def __init__(
        self, directory: Path, scrapes: Mapping[str, str] | None = None, config: str | None = None
    ) -> None:
        self.program = require("prometheus")
        self.directory = directory
        self.port = free_port()
        self.scrapes = {"prometheus": f"127.0.0.1:{self.port}", **(scrapes or {})}
        self.config = config
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The running process."""
        assert self.process is not None
        return self.process.pid

    def start(self) -> None:
        """Start it, again too, on the same port with the same data; returns once it is ready."""
        self.directory.mkdir(parents=True, exist_ok=True)
        file = self.directory / "prometheus.yml"
        file.write_text(self.config or _scrape_config(self.scrapes))
        log = self.directory / "log"
        command = [
            self.program,
            f"--config.file={file}",
            f"--storage.tsdb.path={self.directory / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
        ]
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=self.directory
            )

        def ready() -> bool:
            assert self.process is not None
            assert self.process.poll() is None, f"prometheus ended: {log.read_text()[-2000:]}"
            with contextlib.suppress(OSError):
                get(f"{self.url}/-/ready")
                return True
            return False

        wait_for(ready, START_S, "prometheus to be ready")

    def wait_for_up(self) -> None:
        """Wait until every page has been scraped."""
        count = len(self.scrapes)
        wait_for(
            lambda: len(self.query("up == 1")["result"]) == count,
            START_S,
            f"{count} targets of prometheus to be up",
            every=0.1,
        )

    def query(self, promql: str, at: float | None = None) -> dict[str, Any]:
        """The `data` of an instant query by plain HTTP."""
        params = {"query": promql, **({"time": repr(at)} if at is not None else {})}
        body = get(f"{self.url}/api/v1/query?{urllib.parse.urlencode(params)}")
        data: dict[str, Any] = json.loads(body)["data"]
        return data

    def promtool(self, promql: str, at: float) -> dict[tuple[tuple[str, str], ...], float]:
        """What `promtool query instant` gives for a time (Unix seconds), by the labels."""
        command = [require("promtool"), "query", "instant", "-o", "json", f"--time={at!r}"]
        command += [self.url, promql]
        run = subprocess.run(command, check=True, capture_output=True, text=True)
        return {
            tuple(sorted((k, v) for k, v in entry["metric"].items() if k != "__name__")): float(
                entry["value"][1]
            )
            for entry in json.loads(run.stdout)
        }

    def kill(self) -> None:
        """Let it die at once; it can be started again."""
        if self.process is not None:
            kill_tree(self.process)
            self.process = None


def _scrape_config(scrapes: Mapping[str, str]) -> str:
    jobs = [
        {"job_name": job, "static_configs": [{"targets": [address]}]}
        for job, address in scrapes.items()
    ]
    interval = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    return json.dumps({"global": interval, "scrape_configs": jobs})  # JSON is YAML


class PythonTarget:
    """A script in an interpreter of its own; what it prints goes to a file."""

    def __init__(self, directory: Path, source: str, interpreter: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.script = directory / "target.py"
        self.script.write_text(source, encoding="utf-8")
        self.interpreter = interpreter
        self.log = directory / "output"
        self._earlier: list[subprocess.Popen[bytes]] = []
        self.process = self._run()

    def _run(self) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}
        with self.log.open("wb") as output:
            return subprocess.Popen(
                [self.interpreter, str(self.script)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.script.parent,
                env=environment,
            )

    def again(self) -> subprocess.Popen[bytes]:
        """Run the same command once more; gives the process that ran so far, which runs on."""
        self._earlier.append(self.process)
        self.process = self._run()
        self.wait_until_ready()
        return self._earlier[-1]

    @property
    def pid(self) -> int:
        """The process."""
        return self.process.pid

    def output(self) -> list[str]:
        """The lines that it has printed so far, on stdout and stderr."""
        return self.log.read_text(encoding="utf-8", errors="replace").splitlines()

    def wait_until_ready(self) -> None:
        """Wait for its line `ready`."""

        def ready() -> bool:
            if "ready" in self.output():
                return True
            assert self.process.poll() is None, f"the target ended: {self.output()}"
            return False

        wait_for(ready, START_S, "the target's line 'ready'")

    def kill(self) -> None:
        """Kill it and its children, and what ran before it."""
        for process in (*self._earlier, self.process):
            kill_tree(process)


def http(status: int, body: bytes | str, *headers: str, length: int | None = None) -> bytes:
    """An HTTP answer as bytes. `length` is a Content-Length other than the true one."""
    body = body.encode() if isinstance(body, str) else body
    size = len(body) if length is None else length
    lines = [f"HTTP/1.1 {status} .", f"Content-Length: {size}", "Connection: close"]
    return "\r\n".join([*lines, *headers, "", ""]).encode() + body


class Misbehaving:
    """A server on real sockets that reads each request's head and then does what the test says.

    `behave(connection, head)` runs in a thread for each request; the connection is closed after it.
    The head ends with `end`; with b"" it is whatever comes first. `requests` are the request lines
    so far.
    """

    def __init__(
        self, behave: Callable[[socket.socket, bytes], None], end: bytes = b"\r\n\r\n"
    ) -> None:
        self._behave = behave
        self._end = end
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._connections: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self.port: int = self._listener.getsockname()[1]
        self.requests: list[str] = []
        self.closing = threading.Event()
        self._threads[0].start()

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def _accept(self) -> None:
        while not self.closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            head = b""
            while not head or self._end not in head:
                more = connection.recv(65536)
                if not more:
                    return
                head += more
            self.requests.append(head.split(b"\r\n", 1)[0].decode("latin-1"))
            self._behave(connection, head)

    def __enter__(self) -> Misbehaving:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.closing.set()
        for sock in itertools.chain([self._listener], self._connections):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        for thread in self._threads:
            thread.join(5)
