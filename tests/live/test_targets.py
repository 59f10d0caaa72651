"""Kinds of programs that others watch: each is sampled, and its hot function found."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psutil
import pytest
from servers import BURN, START_S, free_port, get, samplers, wait_for
from terminal import Open

from perftui.config import load
from perftui.monitor import Monitor
from perftui.target.describe import describe

pytestmark = pytest.mark.live

ASYNCIO = """
import asyncio

def busy():
    return sum(range(20000))

async def handle():
    while True:
        busy()
        await asyncio.sleep(0)

async def main():
    print("ready", flush=True)
    await asyncio.gather(*(handle() for _ in range(5)))

asyncio.run(main())
"""

POOL = """
import threading

def waits():
    threading.Event().wait()

def busy():
    count = 0
    while True:
        count += 1

for _ in range(200):
    threading.Thread(target=waits, daemon=True).start()
print("ready", flush=True)
busy()
"""

NUMPY = """
import numpy

def busy():
    values = numpy.arange(300_000, dtype=float)
    while True:
        values = numpy.sqrt(values * 1.0001 + 1)

print("ready", flush=True)
busy()
"""

RECURSION = """
import sys

sys.setrecursionlimit(3000)

def deep(level):
    if level:
        deep(level - 1)
    else:
        busy()

def busy():
    count = 0
    while True:
        count += 1

print("ready", flush=True)
deep(1000)
"""

GENERATED = """
space = {}
code = "def busy():\\n    n = 0\\n    while True:\\n        n += 1\\n"
exec(compile(code, "<made up>", "exec"), space)
print("ready", flush=True)
space["busy"]()
"""

FORKS = """
import os, sys

def busy():
    count = 0
    while True:
        count += 1

if len(sys.argv) < 2:
    if not os.fork():
        os.execv(sys.executable, [sys.executable, __file__, "again"])
    print("ready", flush=True)
    os.wait()
else:
    busy()
"""


@pytest.mark.parametrize(
    ("program", "total_pct"),
    [
        pytest.param(ASYNCIO, 30, id="asyncio"),
        pytest.param(POOL, 30, id="200-threads"),
        pytest.param(NUMPY, 30, id="numpy"),
        pytest.param(RECURSION, 30, id="1000-frames"),
        pytest.param(GENERATED, 30, id="no-file"),
        pytest.param(FORKS, 30, id="fork-and-exec"),
    ],
)
def test_its_hot_function_is_found(
    program: str, total_pct: float, python_target: Any, run: Any
) -> None:
    """The function that takes the time has most of it, whatever kind of program it is in; the
    target is stopped for no more than a small part of the time, and runs on."""
    target = python_target(program)
    document = run("snapshot", target.pid, "--seconds", 5, "--json").document
    shares: dict[str, float] = {}
    for row in document["profile"]["functions"]:
        shares[row["function"]] = shares.get(row["function"], 0.0) + row["own_pct"]
    assert shares, document["sources"]
    assert max(shares, key=shares.__getitem__) in ("busy", "sqrt"), shares
    assert shares["busy"] > total_pct
    assert document["profile"]["coverage"] > 0.9
    assert document["profile"]["stopped_pct"] < 10
    assert target.process.poll() is None


def test_recursion_counts_once(python_target: Any, run: Any) -> None:
    """A function a thousand times in one stack has at most all of the time as its total."""
    target = python_target(RECURSION)
    document = run("snapshot", target.pid, "--seconds", 3, "--json").document
    rows = {row["function"]: row for row in document["profile"]["functions"]}
    assert rows["deep"]["total_pct"] == pytest.approx(rows["busy"]["total_pct"], abs=5)


MODULES = """
import importlib, pathlib, sys

folder = pathlib.Path("modules")
folder.mkdir()
for number in range(500):
    (folder / f"module_{number}.py").write_text(
        "\\n".join(f"def function_{n}(value):\\n    return value + {n}\\n" for n in range(20))
    )
sys.path.insert(0, str(folder))
modules = [importlib.import_module(f"module_{number}") for number in range(500)]

def busy():
    value = 0
    while True:
        for module in modules:
            value = module.function_7(value)

print(sum(name.startswith("module_") for name in sys.modules))
print("ready", flush=True)
busy()
"""

COVERED_S = 20
"""For a minute the share is the same: what a window misses it misses at its ends."""


@pytest.mark.parametrize(
    "program", [pytest.param(MODULES, id="500-modules"), pytest.param(POOL, id="200-threads")]
)
def test_next_to_nothing_is_missed(program: str, python_target: Any, run: Any) -> None:
    """On a target that is dear to read, at least 97 % of the time is inside windows."""
    target = python_target(program)
    profile = run("snapshot", target.pid, "--seconds", COVERED_S, "--json").document["profile"]
    assert profile["coverage"] >= 0.97
    if program is MODULES:
        assert target.output()[0] == "500"
        assert len({row["file"] for row in profile["functions"]}) > 100


GUNICORN = """
import os, pathlib, sys

pathlib.Path("shop.py").write_text('''
def hot():
    return sum(n * n for n in range(50000))

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(hot()).encode()]

print("ready", flush=True)
''')
gunicorn = [sys.executable, "-m", "gunicorn", "--workers", "2", "--bind", "127.0.0.1:{port}"]
os.execv(sys.executable, [*gunicorn, "shop:app"])
"""


@contextmanager
def asked(url: str, clients: int) -> Iterator[None]:
    """So many clients ask for a page again and again."""
    enough = threading.Event()

    def ask() -> None:
        while not enough.is_set():
            with suppress(OSError):
                get(url)

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        enough.set()
        for thread in threads:
            thread.join(START_S)


def test_gunicorn_with_workers(python_target: Any, run: Any, terminal: Open) -> None:
    """The workers of a server are sampled with it: together in one view, and each by itself where
    it is chosen."""
    port = free_port()
    target = python_target(GUNICORN.replace("{port}", str(port)))
    master = psutil.Process(target.pid)
    wait_for(lambda: len(master.children()) == 2, START_S, "two workers")
    workers = {child.pid for child in master.children()}
    with asked(f"http://127.0.0.1:{port}/", clients=4):
        seen = run("snapshot", "--port", port, "-s", "--seconds", 5, "--json").document
        assert seen["target"]["pid"] == target.pid
        assert set(seen["target"]["children"]) == workers
        rows = seen["profile"]["functions"]
        hot = {row["pid"]: row["total_pct"] for row in rows if row["function"] == "hot"}
        assert set(hot) == workers
        assert min(hot.values()) > 5
        text = run("snapshot", target.pid, "--seconds", 2).out
        assert len(re.findall(r" hot  shop.py:\d+$", text, re.MULTILINE)) == 1

        tmux = terminal(120, 36)
        tmux.run(target.pid)
        screen = tmux.wait("● LIVE", f"pid {target.pid} +2", re.compile(r" hot +shop\.py:\d+"))
        assert len(re.findall(r" hot +shop\.py:\d+", screen)) == 1
        tmux.keys("t")
        tmux.wait("Threads", *(re.compile(rf"pid {pid}: \d+ threads?\b") for pid in workers))
        tmux.keys("Home", "Enter")
        screen = tmux.wait(re.compile(r"Functions .* pid \d+"), re.compile(r" hot +shop\.py:\d+"))
        chosen = re.search(r"Functions .* pid (\d+)", screen)
        assert chosen is not None
        assert int(chosen[1]) in workers
        tmux.keys("Escape")
        tmux.wait(re.compile(r"Functions  own ▾  last 10 s *[─\]]"))
        tmux.keys("q")
        tmux.back()
    assert samplers(target.pid) == []


def test_a_script_that_was_written_just_before(python_target: Any) -> None:
    """A file that was written right before its process began has not changed since; one that is
    written later has."""
    target = python_target(BURN)
    monitor = Monitor(describe(target.pid), load({}, {}, []))
    assert not monitor.source(str(target.script)).is_stale
    target.script.write_text("")
    os.utime(target.script, (time.time() + 1, time.time() + 1))
    assert monitor.source(str(target.script)).is_stale
