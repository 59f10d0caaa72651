"""The figures of real processes beside what psutil, and the programs themselves, say of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import Any

import psutil
import pytest
from servers import AS_NOBODY, PythonTarget, wait_for

from perftui.model.series import Series
from perftui.model.timeline import Timeline
from perftui.sources.family import Family
from perftui.sources.process import ProcessSource
from perftui.target.describe import describe

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(sys.platform != "linux", reason="these figures are Linux's"),
]

BUSY = """
import mmap, os, resource, socket, threading, time

hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
server = socket.create_server(("127.0.0.1", 0))
clients = [socket.create_connection(server.getsockname()) for _ in range(3)]
accepted = [server.accept()[0] for _ in clients]
opened = [open(os.devnull) for _ in range(20)]
child = os.fork()
if child == 0:
    time.sleep(600)
held = bytearray(b"x") * (50 << 20)

def nap():
    while True:
        time.sleep(0.01)

def fault():
    while True:
        with mmap.mmap(-1, 400 * mmap.PAGESIZE) as pages:
            for page in range(400):
                pages[page * mmap.PAGESIZE] = 1
        time.sleep(0.1)

def write():
    with open("written", "wb", buffering=0) as file:
        while True:
            file.seek(0)
            file.write(bytes(1 << 20))
            os.fsync(file.fileno())
            time.sleep(0.2)

for work in (nap, fault, write):
    threading.Thread(target=work, daemon=True).start()
print("ready", flush=True)
while True:
    sum(range(1000))
"""


class Watch:
    """The figures of a target; its clock runs `pace` times as fast as others."""

    def __init__(self, target: PythonTarget, pace: float = 1.0) -> None:
        self.timeline = Timeline()
        self.source = ProcessSource(
            Family(describe(target.pid)), self.timeline, lambda: pace * time.monotonic()
        )

    def poll(self) -> dict[str, Series]:
        self.source.poll()
        return self.series()

    def series(self) -> dict[str, Series]:
        return {
            " ".join([series.key.name, *(value for _, value in series.key.labels)]): series
            for series in self.timeline.series(0.0)
        }


def test_a_busy_process_with_a_child(python_target: Any) -> None:
    """Each figure is what the process does, or what psutil says of it and its child."""
    target = python_target(BUSY)
    watch = Watch(target)
    first = psutil.Process(target.pid)
    wait_for(lambda: len(first.children()) == 1, 10, "the child")

    def all_seen() -> dict[str, Series] | None:
        found = watch.poll()
        # Rates of what is read every 5 s need two readings.
        return found if "ctx_voluntary" in found else None

    found = wait_for(all_seen, 90, "two readings of everything", every=1.0)
    value = {name: series.last.value for name, series in found.items()}
    members = [first, *first.children()]
    assert value["cpu"] == pytest.approx(value["cpu_user"] + value["cpu_system"])
    assert 0 < value["cpu"] <= 200
    assert value["rss"] == pytest.approx(
        sum(member.memory_info().rss for member in members), rel=0.1
    )
    assert 50 * 2**20 < value["uss"] < value["rss"]
    assert value["threads"] == 5
    assert value["fds"] == pytest.approx(sum(m.num_fds() for m in members), abs=2)
    assert found["fds"].key.limit == 512
    # The child has inherited the sockets: each counts once.
    assert value["connections established"] == 6
    assert value["connections listen"] == 1
    assert value["swap"] >= 0
    assert value["ctx_voluntary"] > 20
    assert value["ctx_involuntary"] >= 0
    assert value["faults_minor"] > 400
    assert value["faults_major"] >= 0
    assert value["io_read"] >= 0
    on_disk = first.io_counters().write_bytes > 0  # not where files are kept in memory
    assert not on_disk or value["io_write"] > 2**18
    assert watch.timeline.unavailable() == ()
    assert watch.source.status.message == ""


AS_ANOTHER = """
import json, sys, time
from perftui.model.timeline import Timeline
from perftui.sources.family import Family
from perftui.sources.process import ProcessSource
from perftui.target.describe import describe
timeline = Timeline()
source = ProcessSource(Family(describe(int(sys.argv[1]))), timeline, time.monotonic)
source.poll()
time.sleep(0.1)
source.poll()
denied = {one.key.name: one.why for one in timeline.unavailable()}
known = {series.key.name: series.last.value for series in timeline.series(0.0)}
print(json.dumps([denied, known, source.status.message]))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_the_process_of_another_user(python_target: Any) -> None:
    """What another user's process does not show is not permitted, and not zero; the rest is
    there."""
    target = python_target("import time\nprint('ready')\ntime.sleep(600)")
    as_nobody = AS_NOBODY[: -len(["-m", "perftui"])]
    said = subprocess.run(
        [*as_nobody, "-c", AS_ANOTHER, str(target.pid)], check=True, capture_output=True
    )
    denied, known, message = json.loads(said.stdout)
    # It may list every directory, as this Python may be where only root can: so it has fds.
    secret = {"io_read", "io_write", "uss", "connections"}
    assert denied == dict.fromkeys(secret, "not permitted")
    assert not secret & set(known)
    assert {"cpu", "rss", "threads", "swap", "faults_minor"} <= set(known)
    assert known["rss"] > 2**20
    assert message.startswith("not permitted: ")


def test_connections_that_close(python_target: Any) -> None:
    """A state that no socket is in any more is 0, and not what it was."""
    target = python_target(
        "import socket, sys, time\n"
        'server = socket.create_server(("127.0.0.1", 0))\n'
        "client = socket.create_connection(server.getsockname())\n"
        "accepted, _ = server.accept()\n"
        'print("ready", flush=True)\n'
        "time.sleep(2)\n"
        "accepted.close(), client.close()\n"
        'print("closed", flush=True)\n'
        "time.sleep(600)\n"
    )
    watch = Watch(target, pace=30.0)  # on a busy machine they are read every minute or so
    assert watch.poll()["connections established"].last.value == 2
    wait_for(lambda: "closed" in target.output(), 20, "the connections to close")

    def closed() -> bool:
        return watch.poll()["connections established"].last.value == 0

    wait_for(closed, 20, "the next reading of the connections", every=0.5)
    assert watch.series()["connections listen"].last.value == 1
