"""``perftui snapshot``: what it measures, on real programs with real py-spy."""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from servers import (
    BURN,
    PythonTarget,
    interpreter_id,
    interpreters,
    samplers,
    wait_for,
    wait_for_windows,
)

pytestmark = pytest.mark.live

SLOW_S = 30.0
"""What a test waits at most for what takes a moment on an idle machine."""

HALF = """
import time

print("ready")
while True:
    end = time.process_time() + 0.01
    while time.process_time() < end:
        pass
    time.sleep(0.01)
"""

# The third function recurses, so a total that counts a stack twice would be far above its own.
SHARES = """
import time

def sixty():
    end = time.process_time() + 0.006
    while time.process_time() < end:
        pass

def thirty():
    end = time.process_time() + 0.003
    while time.process_time() < end:
        pass

def ten(depth=25):
    if depth:
        return ten(depth - 1)
    end = time.process_time() + 0.001
    while time.process_time() < end:
        pass

print("ready")
while True:
    sixty()
    thirty()
    ten()
"""

Document = dict[str, Any]


def functions(document: Document) -> dict[str, Document]:
    """The rows by their function's name, which is used once in the target."""
    return {row["function"]: row for row in document["profile"]["functions"]}


def leader(document: Document) -> str:
    """The name in the first row."""
    rows = document["profile"]["functions"]
    assert rows, document
    name: str = rows[0]["function"]
    return name


@pytest.fixture(scope="module")
def shares_target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PythonTarget]:
    target = PythonTarget(tmp_path_factory.mktemp("shares"), SHARES, sys.executable)
    try:
        target.wait_until_ready()
        yield target
    finally:
        target.kill()


@pytest.fixture(scope="module")
def measured(
    shares_target: PythonTarget,
    begin_in: Callable[..., subprocess.Popen[str]],
    finish: Callable[..., Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> Document:
    """20 s of the program of known shares: 2,000 samples have a noise of about a point."""
    directory = tmp_path_factory.mktemp("measured")
    started = begin_in(directory, "snapshot", shares_target.pid, "--seconds", 20, "--json")
    document: Document = finish(started).document
    return document


def test_own_shares_are_true(measured: Document) -> None:
    """A program that burns CPU time 60:30:10 is shown so, within four points."""
    rows = functions(measured)
    own = {name: rows[name]["own_samples"] for name in ("sixty", "thirty", "ten")}
    whole = sum(own.values())
    shares = {name: 100 * samples / whole for name, samples in own.items()}
    assert shares == pytest.approx({"sixty": 60, "thirty": 30, "ten": 10}, abs=4)
    assert list(rows)[:3] == ["sixty", "thirty", "ten"]
    assert whole >= 0.95 * measured["profile"]["samples"]


def test_own_percent_is_of_the_expected_ticks(measured: Document) -> None:
    """A function's own percent is its samples over rate times seconds, and they add up."""
    seen = measured["profile"]
    ticks = seen["rate_hz"] * seen["seconds"]
    for row in seen["functions"]:
        assert row["own_pct"] == pytest.approx(100 * row["own_samples"] / ticks, rel=0.01)
        assert row["total_pct"] == pytest.approx(100 * row["total_samples"] / ticks, rel=0.01)
        assert row["own_margin"] > 0
    assert sum(row["own_pct"] for row in seen["functions"]) == pytest.approx(
        seen["active_pct"], rel=0.01
    )


def test_a_holder_of_the_gil_is_no_thread_at_rest(python_target: Any, run: Any) -> None:
    """With -g -i only the holder is seen, where there is one: half the time is half, not all."""
    target = python_target(HALF)
    ended = run("snapshot", target.pid, "-g", "-i", "--seconds", 6, "--json")
    seen = json.loads(ended.out)["profile"]
    assert 20 < sum(row["own_pct"] for row in seen["functions"]) < 80


def test_recursion_counts_once_in_total(measured: Document) -> None:
    """A function that is 25 times on the stack has no larger total than samples with it."""
    rows, seen = functions(measured), measured["profile"]
    assert rows["ten"]["total_samples"] >= rows["ten"]["own_samples"] > 0
    assert rows["ten"]["total_pct"] <= 1.2 * rows["ten"]["own_pct"] + rows["ten"]["own_margin"]
    assert all(row["total_pct"] <= seen["active_pct"] + 0.001 for row in seen["functions"])


def test_coverage_of_a_small_target(measured: Document) -> None:
    """Back-to-back windows see at least 97 % of 20 s."""
    assert 0.97 <= measured["profile"]["coverage"] <= 1
    assert measured["profile"]["seconds"] >= 0.97 * 20


def test_the_document_has_its_keys(measured: Document, shares_target: PythonTarget) -> None:
    """The document has the keys of schema perftui/1, and null for what is not known."""
    assert list(measured) == [
        *("schema", "taken_at", "target", "profile", "metrics", "events", "forecasts"),
        *("findings", "sources", "offers", "llm"),
    ]
    assert measured["schema"] == "perftui/1"
    assert set(measured["target"]) == {
        *("pid", "name", "cmdline", "python", "state", "started_at", "host", "container"),
        "children",
    }
    assert set(measured["profile"]) == {
        *("seconds", "rate_hz", "mode", "expected_ticks", "samples", "errors", "coverage"),
        *("stopped_pct", "cut_pct", "sampler_cpu_pct", "gil_pct", "active_pct", "functions"),
        "threads",
    }
    assert set(measured["profile"]["functions"][0]) == {
        *("pid", "function", "file", "line", "own_pct", "own_margin", "total_pct", "own_samples"),
        *("total_samples", "baseline_own_pct"),
    }
    assert set(measured["profile"]["threads"][0]) == {
        *("pid", "tid", "name", "active_pct", "gil_pct")
    }
    assert set(measured["metrics"][0]) == {
        *("name", "source", "labels", "unit", "value", "at", "objective", "why")
    }
    assert set(measured["forecasts"][0]) == {
        *("id", "objective", "state", "probability", "horizon_s", "by", "made_at", "expires_at"),
        *("base_rate", "record", "summary", "evidence", "claims", "mitigations"),
        "disconfirming_check",
    }
    assert set(measured["sources"][0]) == {"name", "state", "since", "message"}
    assert set(measured["llm"]) == {"state", "model", "cost_usd", "month_usd", "cap_usd"}
    target = measured["target"]
    assert target["pid"] == shares_target.pid
    assert target["cmdline"][-1] == str(shares_target.script)
    assert target["state"] == "running"
    assert target["started_at"] == pytest.approx(
        psutil.Process(shares_target.pid).create_time(), abs=1
    )
    assert target["children"] == []
    assert measured["profile"]["gil_pct"] > 50
    assert measured["profile"]["functions"][0]["baseline_own_pct"] is None
    assert measured["profile"]["functions"][0]["file"] == str(shares_target.script)
    assert measured["llm"]["state"] == "off"
    assert {source["name"]: source["state"] for source in measured["sources"]} == {
        "py-spy": "ok",
        "process": "ok",
        "host": "ok",
        "cgroup": "ok",
    }


def test_metrics_of_the_process_are_there(measured: Document) -> None:
    """CPU and memory of the process and its host are in the document, with unit and time."""
    metrics = {metric["name"]: metric for metric in measured["metrics"]}
    assert metrics["rss"]["unit"] == "B"
    assert metrics["rss"]["source"] == "process"
    assert 1e6 < metrics["rss"]["value"] < 1e9
    assert metrics["cpu"]["unit"] == "%"
    assert 20 < metrics["cpu"]["value"] <= 110  # it is never idle, but may have to share the cores
    assert metrics["threads"]["value"] == 1
    assert metrics["host_cpu"]["source"] == "host"
    assert all(abs(m["at"] - measured["taken_at"]) < 10 for m in metrics.values())


def test_text_names_the_hottest_function_first(shares_target: PythonTarget, run: Any) -> None:
    """The text for people lists functions below their heading, the hottest first."""
    ended = run("snapshot", shares_target.pid, "--seconds", 2)
    assert ended.code == 0
    assert ended.err == ""
    lines = ended.out.splitlines()
    assert str(shares_target.pid) in lines[0]
    heading = next(number for number, line in enumerate(lines) if "own %" in line)
    assert " sixty " in lines[heading + 1]
    assert " thirty " in lines[heading + 2]


@pytest.mark.parametrize("interpreter", interpreters(), ids=interpreter_id)
def test_every_interpreter_is_sampled(interpreter: str, python_target: Any, run: Any) -> None:
    """The hot function and the version of every Python of this machine are seen."""
    target = python_target(BURN, interpreter)
    version = target.output()[0]
    document = run("snapshot", target.pid, "--seconds", 1, "--json").document
    assert leader(document) == "burn"
    assert document["target"]["python"].startswith(version)
    assert document["profile"]["active_pct"] > 30
    assert document["profile"]["functions"][0]["file"] == str(target.script)


FAMILY = """
import multiprocessing

def childs_work():
    count = 0
    while True:
        count += 1

if __name__ == "__main__":
    context = multiprocessing.get_context("fork")
    children = [context.Process(target=childs_work, daemon=True) for _ in range(2)]
    for child in children:
        child.start()
    print(*(child.pid for child in children))
    print("ready")
    children[0].join()
"""


def test_children_are_sampled_by_themselves(python_target: Any, run: Any) -> None:
    """A program with Python children has their functions shown, each under its own process id,
    and none of them with --no-subprocesses."""
    target = python_target(FAMILY)
    children = {int(pid) for pid in target.output()[0].split()}
    document = run("snapshot", target.pid, "--seconds", 2, "--json").document
    rows = document["profile"]["functions"]
    assert {row["pid"] for row in rows if row["function"] == "childs_work"} == children
    assert children <= set(document["target"]["children"])
    assert {thread["pid"] for thread in document["profile"]["threads"]} >= children

    alone = run("snapshot", target.pid, "--no-subprocesses", "--seconds", 1, "--json").document
    assert not [row for row in alone["profile"]["functions"] if row["function"] == "childs_work"]
    assert {row["pid"] for row in alone["profile"]["functions"]} <= {target.pid}


THREADS = """
import threading

def burn():
    count = 0
    while True:
        count += 1

for _ in range({waiting}):
    threading.Thread(target=threading.Event().wait, daemon=True).start()
print("ready")
burn()
"""


@pytest.mark.parametrize(
    ("waiting", "flags", "mode"),
    [
        (40, (), "nonblocking"),
        (40, ("--blocking",), "blocking"),
        (2, ("--blocking",), "blocking"),
        (2, ("--nonblocking",), "nonblocking"),
    ],
)
def test_the_mode_spares_programs_of_many_threads(
    waiting: int, flags: tuple[str, ...], mode: str, python_target: Any, run: Any
) -> None:
    """A program of many threads is mostly not stopped, unless the user says how to look."""
    target = python_target(THREADS.format(waiting=waiting))
    document = run("snapshot", target.pid, *flags, "--seconds", 3, "--json").document
    assert document["profile"]["mode"] == mode
    assert document["profile"]["stopped_pct"] is not None
    if mode == "nonblocking" and flags:
        assert document["profile"]["stopped_pct"] == 0
    assert leader(document) == "burn"


def test_gil_only(python_target: Any, run: Any) -> None:
    """With -g the GIL's share is known and the activity is not."""
    target = python_target(BURN)
    seen = run("snapshot", target.pid, "-g", "--seconds", 1, "--json").document["profile"]
    assert seen["mode"] == "gil"
    assert seen["gil_pct"] > 30
    assert seen["active_pct"] is None
    assert seen["threads"][0]["active_pct"] is None
    assert seen["threads"][0]["gil_pct"] > 30


def rates(pid: int) -> set[str]:
    """The rates of the py-spies that look at a process, but for those that look at the GIL."""
    found = set()
    for process in samplers(pid):
        with suppress(psutil.Error):
            command = process.cmdline()
            if "--rate" in command and "--gil" not in command:
                found.add(command[command.index("--rate") + 1])
    return found


def test_rate_and_first_lines(python_target: Any, begin: Any, finish: Any) -> None:
    """-r sets the rate, and with -F a function's line is that of its definition."""
    target = python_target(BURN)
    started = begin("snapshot", target.pid, "-F", "-r", 50, "--seconds", 1, "--json")
    assert wait_for(lambda: rates(target.pid), SLOW_S, "a py-spy") == {"50"}
    document = finish(started).document
    # That py-spy does not hold its rate on a busy host is its nature, and how often it looks is now
    # less, now more: a Poisson count, which is beyond five standard deviations once in a million
    # runs. burn could run at each look, so their number is that of its samples, as exactly as the
    # rate is compared (a tenth) and but for that noise.
    profile = document["profile"]
    ticks = profile["rate_hz"] * profile["seconds"]
    usual = 50 * profile["seconds"]
    assert ticks <= usual + 5 * usual**0.5
    assert profile["expected_ticks"] == pytest.approx(ticks, abs=1)
    assert profile["samples"] == pytest.approx(ticks, abs=0.1 * ticks + 5 * ticks**0.5)
    first = 1 + BURN.splitlines().index("def burn(count):")
    assert functions(document)["burn"]["line"] == first


NATIVE = """
import zlib

def compress():
    zlib.compress(bytes(range(256)) * 4000, 9)

print("ready")
while True:
    compress()
"""


def test_native_frames(python_target: Any, run: Any) -> None:
    """With -n the functions of C libraries are rows of their own; they have no Python file."""
    target = python_target(NATIVE)
    document = run("snapshot", target.pid, "-n", "--seconds", 2, "--json").document
    rows = document["profile"]["functions"]
    native = [row for row in rows if not row["file"].endswith(".py")]
    assert sum(row["own_pct"] for row in native) > 30, rows
    assert functions(document)["compress"]["total_pct"] > 30
    assert document["profile"]["mode"] == "blocking"


def test_native_and_nonblocking_exclude_each_other(run: Any) -> None:
    """py-spy cannot do both, which is said in one sentence before anything is started."""
    said = run("snapshot", os.getpid(), "-n", "--nonblocking").refused(2)
    assert "native" in said
    assert "nonblocking" in said
    assert said.count("\n") == 1


WAITING = """
import socket
import threading
import time

def in_event():
    threading.Event().wait()

def in_accept():
    socket.create_server(("127.0.0.1", 0)).accept()

def in_sleep():
    time.sleep(1000)

def in_lock():
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()

for wait in (in_event, in_accept, in_sleep, in_lock):
    threading.Thread(target=wait, daemon=True).start()

def burn():
    count = 0
    while True:
        count += 1

print("ready")
{main}()
"""


@pytest.mark.parametrize("main", ["burn", "in_event"], ids=["busy", "idle"])
def test_threads_that_wait_are_not_busy(main: str, python_target: Any, run: Any) -> None:
    """Threads that wait for an event, a connection, a time or a lock have no share."""
    target = python_target(WAITING.format(main=main))
    document = run("snapshot", target.pid, "--seconds", 4, "--json").document
    waiting = [row for row in document["profile"]["functions"] if row["function"] != "burn"]
    assert [row for row in waiting if row["own_pct"] > 2] == []
    if main == "burn":
        assert leader(document) == "burn"
    else:
        assert document["profile"]["active_pct"] < 5


HOSTILE = r"""
import os, sys, threading

FUNCTIONS = {functions!r}
FILES = {files!r}
if len(sys.argv) == 1:
    os.execv(sys.executable, [sys.executable, __file__, *{arguments!r}])

def disguised(name, file):
    def burn():
        for _ in range(20000):
            pass
    named = {{"co_name": name, "co_filename": file}}
    if sys.version_info >= (3, 11):
        named["co_qualname"] = name
    burn.__code__ = burn.__code__.replace(**named)
    return burn

def work():
    burns = [disguised(name, file) for name, file in zip(FUNCTIONS, FILES)]
    while True:
        for burn in burns:
            burn()

threading.Thread(target=work, name={thread!r}, daemon=True).start()
print("ready")
threading.Event().wait()
"""
HOSTILE_TEXTS = [
    "[/red][bold]",
    "semi;colon",
    "new\nline\n",
    "\x1b]0;owned\x07\x1b[31m\x1b[2J",
    "\u202egnp.exe\u2066",
    "漢字🐍",
    "q" * 4000,
]
THREAD = "[/red];t\x1b[31m\n\u202e漢"


@pytest.fixture
def hostile_target(python_target: Any) -> Any:
    arguments = [text for text in HOSTILE_TEXTS if len(text) < 1000]
    files = [f"/srv/{text}.py" for text in HOSTILE_TEXTS]
    return python_target(
        HOSTILE.format(functions=HOSTILE_TEXTS, files=files, arguments=arguments, thread=THREAD)
    )


def test_hostile_names_are_data(hostile_target: Any, run: Any) -> None:
    """Names of functions, files, threads and arguments are in the document as they are."""
    document = run("snapshot", hostile_target.pid, "--seconds", 2, "--json").document
    rows = document["profile"]["functions"]
    own = {(row["function"], row["file"]) for row in rows if row["own_pct"] > 0}
    assert own >= {(text, f"/srv/{text}.py") for text in HOSTILE_TEXTS}
    assert THREAD in {thread["name"] for thread in document["profile"]["threads"]}
    assert document["target"]["cmdline"][2:] == HOSTILE_TEXTS[:-1]


@pytest.mark.parametrize("command", ["snapshot", "watch"])
def test_text_obeys_no_hostile_name(command: str, hostile_target: Any, begin: Any) -> None:
    """No text for people holds a control or bidirectional character of the target."""
    options = ["--seconds", 2] if command == "snapshot" else []
    with begin(command, hostile_target.pid, *options) as process:
        lines = list(itertools.islice(process.stdout, 2 if command == "watch" else None))
        process.terminate()
    text = "".join(lines)
    if command == "snapshot":
        assert {"semi;colon", "[/red][bold]", "漢字🐍"} <= set(text.split())
    else:
        assert re.search(r"\| +\d+ % \S", text)
    for char in text.replace("\n", ""):
        assert unicodedata.category(char) not in ("Cc", "Cf", "Zl", "Zp", "Cs"), hex(ord(char))
    assert all(len(line) < 500 for line in text.splitlines())


def test_a_name_beyond_py_spys_reach_does_no_harm(python_target: Any, run: Any) -> None:
    """py-spy leaves out names of 4,096 bytes and more; all other functions are still true."""
    names = ["q" * 10_000, "harmless", "other"]
    files = ["/srv/a.py"] * 3
    target = python_target(
        HOSTILE.format(functions=names, files=files, arguments=["x" * 10_000], thread="t" * 10_000)
    )
    document = run("snapshot", target.pid, "--seconds", 1, "--json").document
    rows = functions(document)
    assert rows["harmless"]["own_pct"] > 5
    assert rows["other"]["own_pct"] > 5


@pytest.mark.parametrize("way", ["exit", "kill"])
def test_the_end_of_the_target_is_a_state(
    way: str, tmp_path: Path, python_target: Any, begin: Any, finish: Any
) -> None:
    """A target that ends during a snapshot gives a document with what was seen until then."""
    flag = tmp_path / "end"
    target = python_target(
        BURN.replace(
            "while True:\n    burn",
            f"import os\nwhile not os.path.exists({str(flag)!r}):\n    burn",
        )
    )
    process = begin("snapshot", target.pid, "--seconds", 600, "--json")
    wait_for_windows(target.pid)
    if way == "exit":
        flag.touch()
    else:
        target.process.kill()
    target.process.wait(SLOW_S)
    document = finish(process).document
    assert document["target"]["state"] == "exited"
    assert leader(document) == "burn"
    source = next(s for s in document["sources"] if s["name"] == "py-spy")
    assert source["state"] == "waiting"
    assert "ended" in source["message"]


def test_what_happened_is_in_the_document(python_target: Any, run: Any) -> None:
    """An objective that is violated meanwhile is an event, with its time."""
    target = python_target(BURN)
    began = time.time()
    objective = ("--objective", "cpu > 1 for 1s")
    arguments = ("snapshot", target.pid, "--seconds", 6, *objective, "--json")
    document = run(*arguments).document
    (breach,) = (event for event in document["events"] if event["kind"] == "breach")
    assert breach["about"] == "cpu > 1 for 1s"
    assert began - 1 <= breach["at"] <= document["taken_at"]
    assert "EVENTS" in run(*arguments[:-1]).out


def test_a_stopped_target_is_a_state(python_target: Any, run: Any) -> None:
    """A target under SIGSTOP is said to be stopped, and how to continue it; it stays stopped."""
    target = python_target(BURN)
    os.kill(target.pid, signal.SIGSTOP)
    process = psutil.Process(target.pid)
    wait_for(lambda: process.status() == psutil.STATUS_STOPPED, SLOW_S, "the target to stop")
    document = run("snapshot", target.pid, "--seconds", 1, "--json").document
    assert document["target"]["state"] == "stopped"
    source = next(s for s in document["sources"] if s["name"] == "py-spy")
    assert source["state"] == "waiting"
    assert "CONT" in source["message"]
    assert document["profile"]["functions"] == []
    assert document["profile"]["active_pct"] is None
    assert process.status() == psutil.STATUS_STOPPED


def test_a_target_that_stops_meanwhile_is_a_state(
    python_target: Any, begin: Any, finish: Any
) -> None:
    """A target that is stopped during a snapshot keeps its functions, and is left stopped."""
    target = python_target(BURN)
    started = begin("snapshot", target.pid, "--seconds", 15, "--json")
    wait_for_windows(target.pid)
    os.kill(target.pid, signal.SIGSTOP)
    document = finish(started).document
    assert document["target"]["state"] == "stopped"
    assert leader(document) == "burn"
    assert psutil.Process(target.pid).status() == psutil.STATUS_STOPPED
