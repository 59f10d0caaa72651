"""Kinds of programs that others watch: each is sampled, and its hot function found."""

from __future__ import annotations

from typing import Any

import pytest

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
