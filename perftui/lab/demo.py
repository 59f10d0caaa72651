"""Starts the lab's service, its load and a fault, and ends them."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self, cast

from perftui.errors import PerftuiError

from .faults import CALM, DEFAULT_FAULT, Fault, find_fault

READY_S = 15.0
END_S = 2.0  # that all processes have together to end, before harder means are used
CALM_RATE = 30.0  # calls per second

Launch = Callable[..., "subprocess.Popen[bytes]"]


class LabError(PerftuiError):
    """The lab could not be started."""


@dataclass(frozen=True, slots=True)
class LabProcess:
    """The state of one process of the lab; `exit_code` is None while it runs."""

    role: str
    pid: int
    exit_code: int | None


class Lab:
    """A running lab, as a context manager. Once it is entered, `pid` and `url` are the service's.

    `fault` is the name of one of `faults.FAULTS`, or None for a calm service; an unknown name
    raises UsageError. It begins after `start_s` seconds, None for as many as it has itself, and
    goes `speed` times as fast as usual. `launch` takes and returns what `subprocess.Popen` does.
    Entering raises LabError if the service is not ready within `ready_s` seconds. The processes end
    on leaving, and also when this process is killed.
    """

    def __init__(
        self,
        fault: str | None = DEFAULT_FAULT,
        *,
        seed: int = 1,
        start_s: float | None = None,
        speed: float = 1.0,
        launch: Launch = subprocess.Popen,
        ready_s: float = READY_S,
    ) -> None:
        self.fault: Fault = find_fault(CALM if fault is None else fault)
        self.pid = 0
        self.url = ""
        self._seed = seed
        self.start_s = self.fault.begins_s if start_s is None else start_s
        self._speed = speed
        self._launch = launch
        self._ready_s = ready_s
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._files = ExitStack()

    @property
    def metrics_url(self) -> str:
        """Where the service shows its metrics to Prometheus."""
        return f"{self.url}/metrics"

    def processes(self) -> list[LabProcess]:
        """All processes of the lab, the service first, with the exit codes of those that ended."""
        found = [LabProcess(role, one.pid, one.poll()) for role, one in self._children.items()]
        return sorted(found, key=lambda process: process.role != "service")

    def raise_if_ended(self) -> None:
        """LabError where the service has ended, or another process by a fault of its own: what goes
        on without it is no lab. A fault may have nothing more to do."""
        for process in self.processes():
            if process.exit_code or (process.exit_code == 0 and process.role == "service"):
                raise LabError(
                    f"The lab's {process.role} has ended ({process.exit_code}).", "Start it again."
                )

    def __enter__(self) -> Self:
        try:
            provider = self._listening("provider")
            port = self._listening("service", "--port", "0", "--provider", str(provider))
            self.url = f"http://127.0.0.1:{port}"
            self.pid = self._children["service"].pid
            seed = ("--seed", str(self._seed))
            client = ("--url", self.url, *seed)
            course = ("--start", str(self.start_s), "--speed", str(self._speed))
            rate = ("--rate", str(CALM_RATE), "--pattern", self.fault.pattern)
            self._start("load", *client, *rate, *course)
            if self.fault.script is not None:
                url = f"http://127.0.0.1:{provider}" if self.fault.at_provider else self.url
                self._start("faults", self.fault.name, "--url", url, *seed, *course)
            if self.fault.has_neighbour:
                self._start("neighbour", *seed)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _start(
        self, module: str, *options: str, stdout: int = subprocess.DEVNULL
    ) -> tuple[subprocess.Popen[bytes], IO[bytes]]:
        """Start one of the lab's modules; returns it and the file that takes its stderr."""
        stderr = self._files.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
        child = self._launch(
            # -P: what lies in the working directory must not stand in for a library.
            [sys.executable, "-P", "-m", f"perftui.lab.{module}", *options],
            stdin=subprocess.PIPE,
            stdout=stdout,
            stderr=stderr,
            env=child_environment(),
            start_new_session=True,  # Ctrl+C in the terminal is for perftui alone
        )
        self._children[module] = child
        return child, stderr

    def _listening(self, module: str, *options: str) -> int:
        """Start a server; returns the port in its first line."""
        server, stderr = self._start(module, *options, stdout=subprocess.PIPE)
        try:
            line = first_line(cast("IO[bytes]", server.stdout), self._ready_s)
            return int(json.loads(line)["port"])
        except (ValueError, KeyError, TypeError, TimeoutError) as error:
            stderr.seek(0)
            last_words = stderr.read()[-2_000:].decode(errors="replace").strip().splitlines()
            reason = last_words[-1] if last_words else str(error)
            raise LabError(
                f"The lab's {module} did not start: {reason}",
                f"Run `python -m perftui.lab.{module}` to see all that it says.",
            ) from error

    def _end(self) -> None:
        children = list(self._children.values())[::-1]  # the fault first, the service last
        for child in children:
            if child.stdin:
                child.stdin.close()
        _wait(children)
        for end in (subprocess.Popen.terminate, subprocess.Popen.kill):
            left = [child for child in children if child.poll() is None]
            for child in left:
                end(child)
            _wait(left)
        for child in children:
            if child.stdout:
                child.stdout.close()
        self._files.close()


def child_environment() -> dict[str, str]:
    """This process's environment, in which a child finds this very copy of perftui."""
    paths = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}


def first_line(stdout: IO[bytes], timeout_s: float) -> bytes:
    """The first line of a child's stdout.

    Raises TimeoutError if it is not there in time, and ValueError if the child closes it.
    """
    deadline = time.monotonic() + timeout_s
    line = b""
    with selectors.DefaultSelector() as selector:
        selector.register(stdout, selectors.EVENT_READ)
        while not line.endswith(b"\n"):
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise TimeoutError(f"it was not ready within {timeout_s:g} s")
            chunk = os.read(stdout.fileno(), 4096)
            if not chunk:
                raise ValueError("it ended at once")
            line += chunk
    return line


def _wait(children: list[subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + END_S
    for child in children:
        with suppress(subprocess.TimeoutExpired):
            child.wait(max(0.0, deadline - time.monotonic()))
