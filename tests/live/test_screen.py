"""The screen on a real terminal: tmux draws it, types into it and takes it away."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from servers import (
    BURN,
    GONE_S,
    assert_gone,
    assert_runs_on,
    free_port,
    kill_tree,
    require,
    samplers,
    wait_for,
)
from terminal import SLOW_S, Open, Terminal

from perftui.lab.faults import FAULTS

pytestmark = pytest.mark.live


def own_seconds(screen: str, name: str) -> float | None:
    """The figure below `own s` in the row of a function; None without such a row."""
    change = r"(?:(?:NEW|GONE) \d+|[▲▼+-][\d.]+)?"
    row = re.search(
        rf"^[│ ]*\S+ +\S+ +{change} +(\d+\.\d+) .* {name} +\S*\.py", screen, re.MULTILINE
    )
    return float(row[1]) if row else None


def functions(screen: str) -> list[str]:
    """The names in the table, in their order; the table's own functions are single words."""
    named = re.compile(r"^[│ ]*~?\d+\.\d +~?\d+\.\d .*?([a-z_<>]+) +\S*\.py")
    return [match[1] for line in screen.splitlines() if (match := named.search(line))]


WORK = """
import time

def spin(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass

def hot():
    end = time.process_time() + 0.007
    while time.process_time() < end:
        pass

def calls_others():
    spin(0.003)

print("ready")
while True:
    hot()
    calls_others()
"""


def test_the_wide_screen_and_its_keys(terminal: Open, python_target: Any) -> None:
    """At 120x36 functions, metrics and forecasts are in sight, and every key of the profile does
    what its help says."""
    target = python_target(WORK)
    tmux = terminal(120, 36)
    tmux.run(target.pid)
    screen = tmux.wait("● LIVE", f"pid {target.pid}", re.compile(r"hot +\S*target.py:\d+"))
    screen = tmux.wait("Functions", "Metrics", "Forecast", "cover", re.compile(r"rss +\S+ +\d"))
    assert functions(screen)[0] == "hot"
    assert "q quit" in screen

    # A filter, all of it typed at once with the slash.
    tmux.type("/spin")
    tmux.wait("/spin/")
    wait_for(lambda: functions(tmux.text()) == ["spin"], SLOW_S, "only spin to be listed")
    tmux.keys("Enter")
    tmux.wait("/spin/")
    assert functions(tmux.text()) == ["spin"]
    tmux.keys("Escape")
    wait_for(lambda: "hot" in functions(tmux.text()), SLOW_S, "the filter to be cleared")
    tmux.type("/(sp")
    tmux.wait("no filter")
    tmux.keys("Escape")
    tmux.wait("Functions", without="no filter")
    tmux.type("/nothing_has_this_name", "Enter")
    tmux.wait("no function fits")
    tmux.keys("Escape")
    wait_for(lambda: "hot" in functions(tmux.text()), SLOW_S, "the filter to be cleared")

    # Orders.
    for key, title in (
        *(("2", "total ▾"), ("3", "own s ▾"), ("4", "total s ▾"), ("1", "own ▾")),
        *(("s", "total ▾"), ("S", "total ▴"), ("S", "total ▾")),
    ):
        tmux.keys(key)
        screen = tmux.wait(f"Functions  {title}")
    assert functions(screen)[0] == "<module>"
    tmux.keys("1")
    tmux.wait("Functions  own ▾")

    # Lines instead of functions, and back.
    tmux.keys("L")
    tmux.wait("Lines  own ▾")
    tmux.keys("L")
    tmux.wait("Functions  own ▾")

    # Counting again from now on.
    wait_for(lambda: (own_seconds(tmux.text(), "hot") or 0) > 3, SLOW_S, "3 s to be counted")
    tmux.keys("R")
    wait_for(
        lambda: (now := own_seconds(tmux.text(), "hot")) is not None and now < 2,
        SLOW_S,
        "the seconds to begin anew",
        every=0.05,
    )

    # Help over it, and the palette.
    tmux.keys("?")
    tmux.wait("EVERYWHERE", "Shift+Tab")
    tmux.keys("End")
    tmux.wait("FIGURES")
    tmux.keys("Escape")
    tmux.wait("● LIVE", without="FIGURES")
    tmux.keys("C-p")
    tmux.wait("Search", "Ask the LLM now")
    tmux.keys("Escape")
    tmux.wait("● LIVE", without="Ask the LLM now")

    tmux.keys("q")
    tmux.back()
    tmux.type("echo back-$?", "Enter")
    tmux.wait("back-0")
    assert tmux.ask("#{alternate_on} #{mouse_any_flag} #{cursor_flag}") == "0 0 1"
    assert samplers(target.pid) == []
    assert_runs_on(target.pid)


@pytest.mark.parametrize("size", [(120, 36), (80, 24)], ids=["wide", "narrow"])
def test_the_keys_of_the_views(size: tuple[int, int], terminal: Open, python_target: Any) -> None:
    """On a real target every key that the help has for the profile does what it says."""
    target = python_target(WORK)
    tmux = terminal(*size)
    tmux.run(target.pid)
    tmux.wait("● LIVE", re.compile(r"hot +\S*target.py:\d+"))

    # Each view, and back by its key or Esc.
    tmux.keys("t")
    tmux.wait("Threads", "active%", re.compile(r"\(main\) +[\d.]+ +hot"))
    tmux.keys("t")
    tmux.wait("Functions  own")
    tmux.keys("T")
    tmux.wait("Call tree", re.compile(r"▾ <module>"), re.compile("hot +"))
    tmux.keys("Home", "Left")
    tmux.wait(re.compile(r"▸ <module>"))
    tmux.keys("Right")
    tmux.wait(re.compile(r"▾ <module>"))
    tmux.keys("Escape")
    tmux.wait("Functions  own")
    tmux.keys("f")
    tmux.wait("Flame", "<module>", re.compile("▏(▲ )?hot"))
    tmux.keys("Home", "Down", "Down")
    tmux.wait(re.compile("▸(▲ )?hot"), re.compile(r"^[│ ]*hot .*own [\d.]+ %", re.MULTILINE))
    tmux.keys("Enter")
    tmux.wait("⋯1 hot")
    tmux.keys("BSpace")
    tmux.wait("Flame", without="⋯1")
    tmux.keys("#")
    tmux.wait("/^hot$/", re.compile(r"matches [\d.]+ %"), "«hot»")
    tmux.keys("n", "N", "Right", "Left", "Up")
    tmux.keys("Escape")
    tmux.wait("Flame", without="/^hot$/")
    tmux.keys("c")
    tmux.wait("Callers", "called by")
    tmux.keys("Escape")
    tmux.wait("Functions  own")

    # The source, at the hot line.
    tmux.keys("Home", "Enter")
    tmux.wait("Source  hot", re.compile(r"[\d.]+ █ +\d+ +(while|pass)"))
    tmux.keys("n", "N", "Escape")
    tmux.wait("Functions  own")

    # Spans, own code, baseline and differences.
    for key, name in (("]", "last 1 min"), ("]", "last 5 min"), ("]", "since attach")):
        tmux.keys(key)
        tmux.wait(name)
    tmux.keys("[", "[", "[", "[")
    tmux.wait("last 2 s")
    tmux.keys("]", "o")
    tmux.wait("last 10 s", "own code")
    tmux.keys("o", "b")
    tmux.wait("Δbase", without="own code")
    tmux.keys("T", "d")
    tmux.wait("Δtotal", "Δ baseline")
    tmux.keys("d", "T")
    tmux.wait("Functions  own", without="Δtotal")

    # One thread alone.
    tmux.keys("t")
    tmux.wait("active%")
    tmux.keys("Enter")
    tmux.wait(re.compile(r"Functions.*thread \d+"))
    tmux.keys("Escape")
    tmux.wait(re.compile(r"Functions  own ▾  last 10 s *[─\]]"))

    # What is looked for, and what cannot be had together is a sentence.
    tmux.keys("g")
    tmux.wait("GIL only", timeout=90)
    tmux.keys("g", "I")
    tmux.wait("+idle", without="GIL only", timeout=90)
    tmux.keys("I", "C")
    tmux.wait("+native", without="+idle", timeout=90)
    tmux.keys("C", "F")
    tmux.wait("The target still runs.")

    tmux.keys("q")
    tmux.back()
    assert samplers(target.pid) == []
    assert_runs_on(target.pid)


def table(tmux: Terminal) -> list[str]:
    """The lines of the table of functions."""
    return [line.split("│", 2)[1] for line in tmux.lines() if re.search(r"\.py:\d+ *[│█]", line)]


def test_pause_holds_the_profile(terminal: Open, python_target: Any) -> None:
    """While it is paused the table stays as it is though time goes on; p resumes."""
    target = python_target(WORK)
    tmux = terminal()
    tmux.run(target.pid)
    tmux.wait("● LIVE", re.compile(r"hot +\S*target.py:\d+"))
    tmux.keys("p")
    tmux.wait("PAUSED")
    held = table(tmux)
    assert held
    tmux.wait(re.compile(r"PAUSED [3-9] s"))
    assert table(tmux) == held
    tmux.keys("p")
    tmux.wait("● LIVE", without="PAUSED")
    wait_for(lambda: table(tmux) != held, SLOW_S, "the table to go on")


def test_the_narrow_screen(terminal: Open, python_target: Any) -> None:
    """At 80x24 the panels are tabs, and the warning line stays above the footer in each."""
    target = python_target(WORK)
    tmux = terminal(80, 24)
    tmux.run(target.pid)
    tmux.wait("● LIVE", re.compile(r"hot +\S*target.py:\d+"))
    for tab, inside in (("[Functions", "own%"), ("[Metrics", "rss"), ("[Forecast", "LLM")):
        tmux.wait(tab, inside)
        *_, warning, footer = tmux.lines()
        assert "quit" in footer
        assert re.match(r" (✓|•|▲) ", warning), warning
        tmux.keys("Tab")
    tmux.wait("[Functions")
    tmux.keys("BTab")
    tmux.wait("[Forecast")

    tmux.resize(120, 36)
    tmux.wait("Functions", "Metrics", "Forecast", "rss", "own%", without="[Forecast")
    tmux.resize(80, 24)
    tmux.wait("[Forecast")
    tmux.keys("q")
    tmux.back()


def test_states_of_the_target(terminal: Open, python_target: Any) -> None:
    """A stopped target is STOPPED until it goes on, and one that has ended is EXITED with its last
    functions for as long as one looks."""
    target = python_target(WORK)
    tmux = terminal()
    tmux.run(target.pid)
    tmux.wait("● LIVE", re.compile(r"hot +\S*target.py:\d+"))
    os.kill(target.pid, signal.SIGSTOP)
    screen = tmux.wait("‖ STOPPED for", "the target is STOPPED")
    assert "hot" in functions(screen)
    os.kill(target.pid, signal.SIGCONT)
    tmux.wait("● LIVE", without="STOPPED")
    target.process.kill()
    target.process.wait(SLOW_S)
    tmux.wait("✗ EXITED for", "the target EXITED")
    screen = tmux.wait(re.compile(r"EXITED for 1[2-9] s"))
    assert functions(screen)[0] == "hot"
    tmux.keys("q")
    tmux.back()


HOSTILE = r"""
import sys, threading

NAMES = ["title\x1b]0;owned\x07\x1b[2J", "screen\x1b[?1049l\x9b31m[/red]",
         "\u202egnp.exe", "new\nline", "漢字🐍"]

def disguised(name):
    def burn():
        for _ in range(20000):
            pass
    named = {"co_name": name, "co_filename": "/srv/" + name + ".py"}
    if sys.version_info >= (3, 11):
        named["co_qualname"] = name
    burn.__code__ = burn.__code__.replace(**named)
    return burn

def work():
    burns = [disguised(name) for name in NAMES]
    while True:
        for burn in burns:
            burn()

threading.Thread(target=work, name="\x1b]0;owned\x07[/red]T", daemon=True).start()
print("ready")
threading.Event().wait()
"""


def test_hostile_names_have_no_effect(terminal: Open, python_target: Any) -> None:
    """Names with escape sequences are shown without effect; title, cursor and layout stay."""
    target = python_target(HOSTILE)
    tmux = terminal(200, 36)
    title = tmux.ask("#{pane_title} #{window_name}")
    tmux.run(target.pid, "-t")
    names = (" title��", " screen��[/red]", "new line", "漢字🐍", "�gnp.exe")
    screen = tmux.wait("● LIVE", "�[/red]T", *names)
    assert tmux.ask("#{alternate_on}") == "1"
    assert "owned" not in tmux.ask("#{pane_title}")
    assert "q quit" in screen.splitlines()[-1]
    assert len(screen.splitlines()) == 36
    frame = [line for line in screen.splitlines() if "\u202e" in line]
    assert frame == []
    tmux.keys("q")
    tmux.back()
    assert "owned" not in tmux.ask("#{pane_title} #{window_name}") + title


PARENT = """
import subprocess, sys, time

CHILD = "import sys, time\\n# {marker}-child\\nprint('up', flush=True)\\ntime.sleep(1000)"
child = subprocess.Popen([sys.executable, "-c", CHILD], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid)
print("ready")

def burn():
    count = 0
    while True:
        count += 1

burn()
"""


def test_the_picker(terminal: Open, python_target: Any, tmp_path: Path) -> None:
    """It lists the Python processes with children below their parents, typing filters, and Enter
    typed right behind attaches to exactly the one that fits."""
    marker = f"marker{os.getpid()}"
    target = python_target(PARENT.replace("{marker}", marker))
    child = int(target.output()[0])
    python_target(BURN)
    tmux = terminal(160, 45)
    tmux.run()
    tmux.wait("Which Python process?", "pid", "memory")
    tmux.type(tmp_path.name)
    tmux.wait(re.compile(rf"^ *{target.pid} ", re.MULTILINE), without=f" {child} ")
    tmux.keys("Escape")
    tmux.wait(re.compile(rf"^ *{child} .*└ ", re.MULTILINE))
    lines = tmux.lines()
    at = next(n for n, line in enumerate(lines) if re.match(rf" *{target.pid} ", line))
    assert re.match(rf" *{child} .*└ ", lines[at + 1])
    tmux.type(f"{child} python", "Enter")
    tmux.wait("● LIVE", f"pid {child}")
    tmux.keys("q")
    tmux.back()
    assert samplers(child) == []


@pytest.mark.parametrize("way", ["Escape", "C-c"])
def test_the_picker_can_be_left(way: str, terminal: Open) -> None:
    """Esc and Ctrl+C leave the picker, with the shell's terminal as it was."""
    tmux = terminal(80, 24)
    tmux.run()
    tmux.wait("Which Python process?")
    tmux.keys(way)
    tmux.back()
    tmux.type("echo back-$?", "Enter")
    tmux.wait("back-0")


class Demo:
    """A running demo, and the processes of its lab."""

    def __init__(self, tmux: Terminal, *options: str) -> None:
        self.tmux = tmux
        self.tmux.run("demo", *options)
        self.started_at = time.monotonic()
        self.perftui = tmux.perftui()

    def processes(self) -> list[psutil.Process]:
        """Everything that belongs to it at present, py-spy too."""
        return [self.perftui, *self.perftui.children(recursive=True)]

    def lab(self) -> list[psutil.Process]:
        """The service, its load and its fault."""
        found = []
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                if any(word.startswith("perftui.lab") for word in process.cmdline()):
                    found.append(process)
        return found


@pytest.mark.parametrize("fault", ["cart-growth", "spaced-reviews"])
def test_the_demo_shows_its_culprit(fault: str, terminal: Open) -> None:
    """Within 25 s the demo's fault is the first row, metrics have values, a local forecast is there
    or says how far it has learned; q ends all of it."""
    tmux = terminal()
    demo = Demo(tmux, "--fault", fault)
    culprit = FAULTS[fault].culprit
    wait_for(
        lambda: functions(tmux.text())[:1] == [culprit],
        25 - (time.monotonic() - demo.started_at),
        f"{culprit} to be the first row",
        every=0.1,
    )
    screen = tmux.wait(
        *("● LIVE", "p95 latency above 150 ms"),
        re.compile(r"cpu .*\d %"),
        re.compile(r"rss .*\d MB"),
        re.compile(r"learning \d+ of \d+|\d+ % within|IN BREACH"),
    )
    assert "LLM off" in screen
    assert len(demo.lab()) == 4
    processes = demo.processes()
    tmux.keys("q")
    pressed = time.monotonic()
    assert_gone(processes, pressed)
    tmux.back()


@pytest.mark.parametrize("way", ["SIGTERM", "SIGHUP", "SIGKILL"])
def test_nothing_of_the_demo_outlives_it(way: str, terminal: Open) -> None:
    """Ended by a signal, killed, or with its terminal gone, nothing is left after 3 s."""
    tmux = terminal()
    demo = Demo(tmux)
    tmux.wait("● LIVE", re.compile(r"\.py:\d+"))
    wait_for(lambda: len(demo.lab()) == 4, SLOW_S, "the lab to run")
    processes = demo.processes()
    if way == "SIGHUP":
        tmux.kill()
    else:
        demo.perftui.send_signal(signal.Signals[way])
    since = time.monotonic()
    assert_gone(processes, since)
    # One that was started meanwhile is no process that was there before.
    wait_for(
        lambda: not [one for process in processes for one in samplers(process.pid)],
        max(0.05, GONE_S - (time.monotonic() - since)),
        "every py-spy to be gone",
    )
    if way == "SIGTERM":
        tmux.back()
        tmux.type("echo back-$?", "Enter")
        tmux.wait("back-143")
        assert tmux.ask("#{alternate_on} #{cursor_flag}") == "0 1"


@pytest.mark.parametrize("way", ["SIGTERM", "SIGHUP", "SIGKILL"])
def test_a_target_outlives_the_screen(way: str, terminal: Open, python_target: Any) -> None:
    """However the screen ends, no py-spy is left after 3 s and the target runs on."""
    target = python_target(WORK)
    tmux = terminal()
    tmux.run(target.pid)
    tmux.wait("● LIVE", re.compile(r"hot +\S*target.py:\d+"))
    perftui = tmux.perftui()
    if way == "SIGHUP":
        tmux.kill()
    else:
        perftui.send_signal(signal.Signals[way])
    since = time.monotonic()
    assert_gone([perftui], since)
    wait_for(
        lambda: not samplers(target.pid),
        max(0.05, GONE_S - (time.monotonic() - since)),
        "py-spy to be gone",
    )
    assert_runs_on(target.pid)


def test_a_prometheus_that_is_down(terminal: Open, python_target: Any) -> None:
    """That Prometheus cannot be asked is on the screen with since when, and functions go on."""
    target = python_target(WORK)
    tmux = terminal()
    url = f"http://127.0.0.1:{free_port()}"
    tmux.run(target.pid, "--prometheus", url, "--query", "up=up")
    tmux.wait("● LIVE", re.compile(r"prometheus failed for \d+ s: \S"))
    tmux.wait(re.compile(r"prometheus failed for [3-9] s"))
    before = own_seconds(tmux.text(), "hot")
    assert before is not None
    wait_for(
        lambda: (now := own_seconds(tmux.text(), "hot")) is not None and now > before,
        SLOW_S,
        "functions to be counted on",
    )


def test_a_service_that_perftui_may_not_read(terminal: Open, tmp_path: Path) -> None:
    """A target that is no Python is refused on the plain terminal, with exit 3."""
    sleep = subprocess.Popen([require("sleep"), "600"])
    tmux = terminal()
    try:
        tmux.run(sleep.pid)
        tmux.wait("perftui: ", re.compile("no Python|not Python"))
    finally:
        kill_tree(sleep)
    tmux.type("echo back-$?", "Enter")
    tmux.wait("back-3")
