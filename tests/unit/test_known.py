"""The target as it is known at present."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import replace

import psutil
import pytest

from perftui.model.target import Target
from perftui.target.describe import describe
from perftui.target.known import DESCRIBE_EVERY_S, PORTS_EVERY_S, KnownTarget, News


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
    while process.cmdline()[:1] != ["sleep"]:  # it has none for a moment
        assert shell.poll() is None
    assert known.look() == News()
    assert known.now.cmdline[0] == "sh"
    clock.now += DESCRIBE_EVERY_S
    assert known.look() == News(program=True, ports=True)
    assert known.now.cmdline == ("sleep", "600")
    clock.now += DESCRIBE_EVERY_S
    assert known.look() == News()
    shell.kill()
    shell.wait()
    clock.now += PORTS_EVERY_S
    assert known.look() == News()
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
        assert known.look() == News(ports=True)
        assert port in known.noted_ports
    clock.now += PORTS_EVERY_S
    assert known.look() == News(ports=True)
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
    assert known.look() == News(ports=True)


def test_a_look_that_ends_late(
    shell: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is found of the last target is not taken for the next one's, which is looked at next."""
    clock = Clock()
    mine = describe(os.getpid())
    known = KnownTarget(mine, clock)
    other = describe(shell.pid)

    def described_late(pid: int) -> Target:
        known.follow(other)
        return replace(describe(pid), cmdline=("another", "program"))

    monkeypatch.setattr("perftui.target.known.describe", described_late)
    clock.now += DESCRIBE_EVERY_S
    assert known.look() == News()
    assert known.now is other
    monkeypatch.undo()
    clock.now += DESCRIBE_EVERY_S
    assert known.look() == News(ports=True)
    assert known.now is other


def test_another_process_with_its_id(
    shell: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
):
    """Is not the target."""
    clock = Clock()
    known = KnownTarget(replace(describe(shell.pid), cmdline=("before",)), clock)
    monkeypatch.setattr(psutil.Process, "is_running", lambda process: False)
    clock.now += DESCRIBE_EVERY_S
    assert known.look() == News()
    assert known.now.cmdline == ("before",)


def test_the_hosts_clock_may_be_set(shell: subprocess.Popen[bytes]):
    """When a process began moves with it; it is the same one still."""
    clock = Clock()
    before = replace(describe(shell.pid), started_at=1.0, cmdline=("before", "exec"))
    known = KnownTarget(before, clock)
    clock.now += DESCRIBE_EVERY_S
    assert known.look() == News(program=True, ports=True)
    assert known.now.cmdline[0] == "sh"
