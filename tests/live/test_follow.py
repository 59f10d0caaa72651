"""What takes the place of a target that has ended, and how the monitor goes on with it."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psutil
import pytest
from servers import BURN, START_S, free_port, kill_tree, samplers, wait_for
from terminal import Open
from watched import by_path, vector

from perftui.config import load
from perftui.model.event import EventKind
from perftui.model.target import Target, TargetState
from perftui.monitor import Monitor
from perftui.settings import named_query
from perftui.target.describe import describe
from perftui.target.successor import successor

pytestmark = pytest.mark.live

NONE: frozenset[int] = frozenset()


def server(port: int, line: str = "") -> str:
    """A script that listens on a port which others may share."""
    return f"""
import os, socket
server = socket.create_server(("127.0.0.1", {port}), reuse_port=True)
{line}
print("ready", flush=True)
while True:
    sum(range(1000))
"""


def end(process: Any) -> float:
    """Kill a process, not its children; says when it was last seen alive (monotonic)."""
    alive_at = time.monotonic()
    process.kill()
    process.wait(START_S)
    return alive_at


def found(ended: Target, ports: frozenset[int], alive_at: float) -> int | None:
    return successor(ended, ports, time.monotonic() - alive_at)


def test_the_same_command(python_target: Any) -> None:
    """What runs the same command and began after the end is the successor, however soon after."""
    target = python_target(BURN)
    ended = describe(target.pid)
    alive_at = end(target.process)
    assert found(ended, NONE, alive_at) is None
    target.again()
    assert found(ended, NONE, alive_at) == target.pid


def test_a_sibling_is_none(python_target: Any) -> None:
    """The same command that ran beside the target, begun before it or later, is another process
    and no successor."""
    target = python_target(BURN)
    target.again()
    ended = describe(target.pid)
    alive_at = end(target.again())
    assert found(ended, NONE, alive_at) is None
    target.again()
    assert found(ended, NONE, alive_at) == target.pid


def test_the_same_port(python_target: Any) -> None:
    """Another command on the target's port is its successor; on another port it is none."""
    port, other = free_port(), free_port()
    target = python_target(server(port))
    ended = describe(target.pid)
    alive_at = end(target.process)
    assert found(ended, frozenset({port}), alive_at) is None
    python_target(server(other, "'another port'"))
    assert found(ended, frozenset({port}), alive_at) is None
    new = python_target(server(port, "'the next version'"))
    assert found(ended, frozenset({port}), alive_at) == new.pid


def test_a_port_taken_while_the_old_server_drains(python_target: Any) -> None:
    """A server that has begun beside the old one and has its port is the successor, and goes
    before the same command; one that was there before the old one is not."""
    port = free_port()
    target = python_target(server(port))
    first, ended = target.again(), describe(target.pid)
    new = python_target(server(port, "'the next version'"))
    alive_at = end(target.process)
    target.script.write_text(BURN)  # the same command, which does not listen now
    target.again()
    assert found(ended, frozenset({port}), alive_at) == new.pid
    for process in (new.process, target.process):
        kill_tree(process)
    assert first.poll() is None
    assert found(ended, frozenset({port}), alive_at) is None


def test_a_server_goes_before_an_orphan(python_target: Any) -> None:
    """A worker that has outlived its server listens still, but the new server is the successor,
    not one of its workers either."""
    port = free_port()
    target = python_target(server(port, "os.fork()"))
    ended = describe(target.pid)
    (orphan,) = psutil.Process(target.pid).children()
    wait_for(lambda: orphan.cpu_times().user > 0.05, START_S, "it to be older than the end")
    alive_at = end(target.process)
    assert orphan.is_running()
    old = target.again()
    try:
        assert found(ended, frozenset({port}), alive_at) == target.pid != old.pid
    finally:
        orphan.kill()


@contextmanager
def watched(pid: int, flags: Mapping[str, Any] | None = None) -> Iterator[Monitor]:
    monitor = Monitor(describe(pid), load(flags or {}, {}, []))
    monitor.start()
    try:
        yield monitor
    finally:
        monitor.stop()


def samples_since(monitor: Monitor, at: float) -> int:
    return sum(one.samples for one in monitor.snapshot().windows if one.start > at)


def test_a_monitor_follows(python_target: Any) -> None:
    """A target that runs is not left, one without a successor is said to have none, and with one
    the watch goes on: the new process, its samples beside the old ones, a mark between them."""
    target = python_target(BURN)
    with watched(target.pid) as monitor:
        wait_for(lambda: monitor.latest.windows, START_S, "a window")
        assert monitor.follow() == "The target still runs."
        old = target.again()
        monitor.snapshot()  # the old one is seen alive beside the new
        end(old)
        wait_for(
            lambda: monitor.latest.target_state is TargetState.EXITED, START_S, "the end to be seen"
        )
        assert monitor.follow().startswith("No successor yet")
        assert monitor.snapshot().events == ()
        target.again()
        assert monitor.follow() == f"Following pid {target.pid}."
        now = monitor.latest
        assert (now.target.pid, now.target_state) == (target.pid, TargetState.RUNNING)
        (mark,) = now.events
        assert (mark.kind, mark.text) == (EventKind.RESTART, f"pid {target.pid}")
        assert now.windows[0].start < mark.at <= now.taken_at
        wait_for(lambda: samples_since(monitor, mark.at), START_S, "samples of the successor")
        assert monitor.follow() == "The target still runs."
    assert samplers(target.pid) == []


def test_a_kept_query_is_polled_after_following(python_target: Any) -> None:
    """A query that is kept while perftui runs replaces the one of its name, and is asked for the
    successor too, with its variables; what an objective had missed is no longer missed."""
    target = python_target(BURN)
    with by_path(query=vector(({}, "1"), at=time.time())) as server:
        flags = {
            "prometheus": {"url": server.url, "every": 0.1},
            "metric": [{"name": "a", "query": "old"}],
            "objective": [{"metric": "b", "above": 1.0}],
        }

        def is_asked(promql: str) -> bool:
            return any(f"query={promql}&" in line for line in server.requests)

        with watched(target.pid, flags) as monitor:
            assert [s.message[:23] for s in monitor.snapshot().sources if s.name == "settings"] == [
                "There is no metric b. N"
            ]
            wait_for(lambda: is_asked("old"), START_S, "the query of the settings")
            monitor.keep_query(named_query("a", "new"))
            monitor.keep_query(named_query("b", "pid+$pid"))
            wait_for(lambda: is_asked(f"pid%2B{target.pid}"), START_S, "the kept query")
            assert not [s for s in monitor.snapshot().sources if s.name == "settings"]
            end(target.process)
            target.again()
            assert monitor.follow() == f"Following pid {target.pid}."
            server.requests.clear()
            wait_for(lambda: is_asked(f"pid%2B{target.pid}"), START_S, "the same of the successor")
            assert is_asked("new")
            assert not is_asked("old")
            assert {s.key.name for s in monitor.snapshot().series} >= {"a", "b"}
            assert monitor.try_query("x+$pid").query == f"x+{target.pid}"


def test_a_monitor_without_a_prometheus_has_no_answer(python_target: Any) -> None:
    """Without a Prometheus a query is answered by a sentence, and what is kept is kept in vain."""
    target = python_target(BURN)
    monitor = Monitor(describe(target.pid), load({}, {}, []))
    assert not monitor.can_query
    assert monitor.try_query("up").error == "There is no Prometheus to ask."
    monitor.end_query()
    monitor.keep_query(named_query("a", "up"))


def test_a_monitor_notes_the_port(python_target: Any) -> None:
    """On which port a target listens is noted while it runs, so that another command that takes
    the port is found."""
    port = free_port()
    target = python_target(server(port))
    with watched(target.pid) as monitor:
        wait_for(lambda: monitor._known.noted_ports, START_S, "the port to be noted")
        target.kill()
        new = python_target(server(port, "'the next version'"))
        assert monitor.follow() == f"Following pid {new.pid}."


def test_two_presses_follow_once(python_target: Any) -> None:
    """However many ask at the same time, one of them follows: one mark, one chain of samplers."""
    target = python_target(BURN)
    with watched(target.pid) as monitor:
        wait_for(lambda: monitor.latest.windows, START_S, "a window")
        end(target.process)
        target.again()
        together = threading.Barrier(8)
        said: list[str] = []

        def press() -> None:
            together.wait(START_S)
            said.append(monitor.follow())

        threads = [threading.Thread(target=press) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(START_S)
        assert said.count(f"Following pid {target.pid}.") == 1
        others = {"Its successor is being looked for.", "The target still runs."}
        assert set(said) <= {f"Following pid {target.pid}.", *others}
        assert len(said) == 8
        assert len(monitor.snapshot().events) == 1


def test_nothing_is_followed_at_the_end(python_target: Any) -> None:
    """A press that comes as perftui ends starts nothing that would outlive it."""
    target = python_target(BURN)
    with watched(target.pid) as monitor:
        wait_for(lambda: monitor.latest.windows, START_S, "a window")
        end(target.process)
        target.again()
        monitor.stop()
        assert monitor.follow() == "perftui is ending."
    assert samplers(target.pid) == []


def test_f_on_the_screen(terminal: Open, python_target: Any) -> None:
    """F after the end goes on with the successor, and the charts have a mark where that was."""
    target = python_target(BURN)
    tmux = terminal(120, 36)
    tmux.run(target.pid)
    tmux.wait("● LIVE", re.compile(r"burn +\S*target.py:\d+"), re.compile(r"rss +\S+ +\d"))
    target.kill()
    tmux.wait("✗ EXITED")
    tmux.keys("F")
    tmux.wait("No successor yet")
    target.again()
    tmux.keys("F")
    tmux.wait(f"Following pid {target.pid}.", "● LIVE", f"pid {target.pid}", "┊")
    tmux.keys("q")
    tmux.back()
    assert samplers(target.pid) == []
