"""The target as it is known at present."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator

import psutil
import pytest

from perftui.target.describe import describe
from perftui.target.known import DESCRIBE_EVERY_S, PORTS_EVERY_S, KnownTarget


class Clock:
    """A clock that is set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def shell() -> Iterator[subprocess.Popen[bytes]]:
    """A process that becomes another program once it is told to."""
    with subprocess.Popen(["sh", "-c", "read line; exec sleep 600"], stdin=subprocess.PIPE) as one:
        yield one
        one.kill()


def test_another_program_in_the_same_process(shell: subprocess.Popen[bytes]):
    """It is seen at the next look that is due, and only once; the end of the process changes
    nothing of what is known."""
    clock = Clock()
    known = KnownTarget(describe(shell.pid), clock)
    assert shell.stdin is not None
    shell.stdin.write(b"\n")
    shell.stdin.flush()
    process = psutil.Process(shell.pid)
    while process.cmdline()[0] != "sleep":
        assert shell.poll() is None
    assert known.look() == (False, False)
    assert known.now.cmdline[0] == "sh"
    clock.now += DESCRIBE_EVERY_S
    assert known.look() == (True, True)
    assert known.now.cmdline == ("sleep", "600")
    clock.now += DESCRIBE_EVERY_S
    assert known.look() == (False, False)
    shell.kill()
    shell.wait()
    clock.now += PORTS_EVERY_S
    assert known.look() == (False, False)
    assert known.now.cmdline == ("sleep", "600")


def test_ports_stay_known():
    """Those of a server that listens no more are where its successor will listen."""
    clock = Clock()
    known = KnownTarget(describe(os.getpid()), clock)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert port in known.ports  # found at once, though nothing was noted
        assert known.noted_ports == frozenset()
        clock.now += DESCRIBE_EVERY_S
        assert known.look() == (False, True)
        assert port in known.noted_ports
    clock.now += PORTS_EVERY_S
    assert known.look() == (False, True)
    assert port in known.ports


def test_another_target(shell: subprocess.Popen[bytes]):
    """Its ports are noted at the next look, and until then thought to be the same."""
    clock = Clock()
    known = KnownTarget(describe(os.getpid()), clock)
    clock.now += DESCRIBE_EVERY_S
    known.look()
    known.noted_ports = frozenset({80})
    known.follow(describe(shell.pid))
    assert (known.now.pid, known.ports) == (shell.pid, {80})
    clock.now += DESCRIBE_EVERY_S
    assert known.look() == (False, True)
