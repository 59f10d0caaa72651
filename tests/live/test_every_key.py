"""The keys that move in a view, and that no key of the help is without a test."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from servers import wait_for
from terminal import SLOW_S, Open, Terminal

pytestmark = pytest.mark.live

MANY = (
    "\n".join(f"def f_{n:02}():\n    return sum(range(3000))\n" for n in range(60))
    + """
import random, threading

every = [globals()[f"f_{n:02}"] for n in range(60)]

def work():
    choose = random.Random(threading.get_ident()).choice
    while True:
        choose(every)()

for _ in range(30):
    threading.Thread(target=work, daemon=True).start()
print("ready", flush=True)
threading.Event().wait()
"""
)
"""More functions, threads and lines than a screen has."""

MOVES = "↑ k ↓ j PgUp PgDn Home End"
TESTED = {
    # test_screen.py: test_the_wide_screen_and_its_keys, test_the_keys_of_the_views, test_pause…,
    # test_the_narrow_screen, test_the_picker…; test_follow.py; test_notice.py; the others below.
    "EVERYWHERE": "/ p Space Tab Shift+Tab + - A F M y Esc ? q Ctrl+C Ctrl+P Ctrl+Z",
    "PROFILE": "s S 1 2 3 4 L t T f c Enter b d o [ ] R g I C",
    "FUNCTIONS": MOVES,
    "THREADS": f"Enter {MOVES}",
    "TREE": f"Enter → ← n N {MOVES}",
    "FLAME": f"← → {MOVES} Enter Backspace Esc n N #",
    "CALLERS": f"Enter {MOVES}",
    "SOURCE": f"n N {MOVES}",
    "METRICS": "← → Shift+← Shift+→ PgUp PgDn End ↑ k ↓ j z Z [ ] Enter E O",
    "FORECAST": "↑ k ↓ j a x s h v F5",
}
"""The keys of the help, by its titles, that a test on a real terminal presses."""


def keys_of_help(screen: str) -> dict[str, set[str]]:
    """The keys that the help on the screen lists, by its titles."""
    lines = [line.strip(" │") for line in screen.splitlines()]
    found: dict[str, set[str]] = {}
    title = ""
    for line, raw in zip(lines, screen.splitlines(), strict=True):
        if re.fullmatch(r"[A-Z]+", line):
            title = line
        elif title and title != "FIGURES" and (row := re.search(r"│   (\S.{0,17}?) {2,}\S", raw)):
            found.setdefault(title, set()).update(row[1].split(" "))
    return found


@contextmanager
def opened(terminal: Open, target: Any, columns: int, rows: int) -> Iterator[Terminal]:
    tmux = terminal(columns, rows)
    tmux.run(target.pid)
    tmux.wait("● LIVE", re.compile(r"f_\d\d +\S*target.py:\d+"))
    yield tmux
    tmux.keys("q")
    tmux.back()


def test_no_key_of_the_help_is_without_a_test(terminal: Open, python_target: Any) -> None:
    """What the help lists is what the tests press: a key more or less is to be tested or to go."""
    with opened(terminal, python_target(MANY), 120, 170) as tmux:
        tmux.keys("?")
        screen = tmux.wait("FIGURES", "EVERYWHERE", "FORECAST", "ask the LLM")
        tmux.keys("Escape")
        tmux.wait("● LIVE", without="EVERYWHERE")
    assert keys_of_help(screen) == {title: set(keys.split()) for title, keys in TESTED.items()}


def selected(tmux: Terminal) -> tuple[int, str]:
    """The row below the cursor of the table, which has a background of its own, and how far below
    the table's head it stands; -1 and nothing where there is none."""
    head = 0
    for number, line in enumerate(tmux.styled().splitlines()):
        row = re.match(r"[^│]*│((?:\x1b\[[\d;]*m)+)([^│]*)", line)
        if row is None:
            continue
        head = head or number
        if number > head and "48;" in row[1]:
            return number - head - 1, re.sub(r"\x1b\[[\d;]*m", "", row[2]).strip()
    return -1, ""


def moves(tmux: Terminal) -> None:
    """Press what moves the cursor of the view, and see it move."""
    seen: list[str] = []

    def press(key: str, *, to: int | None = None) -> None:
        """Press, and see a row that was not seen before, or the one that was seen as number `to`;
        number 0 is the first of all."""
        tmux.keys(key)

        def there() -> str:
            at, row = selected(tmux)
            if to is None:
                return row if row not in seen else ""
            return row if row == seen[to] and (to or not at) else ""

        seen.append(wait_for(there, SLOW_S, f"{key} to move from {seen[-1]!r} to {to}"))

    tmux.keys("End", "Home")
    wait_for(lambda: selected(tmux)[0] == 0, SLOW_S, "the cursor to be on the first row")
    seen.append(selected(tmux)[1])
    press("Down")
    press("j")
    press("Up", to=1)
    press("k", to=0)
    press("PageDown")
    press("PageUp", to=0)
    press("End")
    press("PageUp")
    press("Home", to=0)


def test_the_keys_that_move(terminal: Open, python_target: Any) -> None:
    """In each view arrows, j and k go a row on, PgUp and PgDn a page, Home and End to its ends."""
    with opened(terminal, python_target(MANY), 120, 36) as tmux:
        # All of it is seen, and then held, so that rows stay where they are.
        tmux.wait(re.compile(r"up 1\d s|up 2\d s"))
        tmux.keys("2", "p")
        tmux.wait("Functions  total", re.compile(r"PAUSED [2-9] s"))
        moves(tmux)
        for key, title in (("t", "Threads"), ("T", "Call tree")):
            tmux.keys(key)
            tmux.wait(f"─ {title}  ")  # not a word of the forecast pane
            if title == "Call tree":
                tmux.keys("Home", "Down", "Down", "Down", "Right")
                tmux.wait("▾ work", re.compile(r" f_\d\d"))
            moves(tmux)
            tmux.keys("Escape")
            tmux.wait("Functions  total")
        # The callers of what most others are called by.
        tmux.type("/^work", "Enter")
        tmux.wait("/^work/", re.compile(r"work +\S*target.py"))
        tmux.keys("Home", "c")
        tmux.wait("Callers  work", re.compile(r"calls .* f_\d\d"))
        moves(tmux)
        tmux.keys("c")
        tmux.wait("Functions  total")
        tmux.keys("Home", "Enter")
        # Once the file is read, the cursor goes to its hottest line.
        tmux.wait("Source  work", "def f_59")
        wait_for(lambda: "█" in selected(tmux)[1], SLOW_S, "the cursor to be there")
        moves(tmux)


def framed(tmux: Terminal) -> str:
    """The function whose box of the flame graph is selected."""
    found = re.search(r"^[│ ]*(\S+) .*own [\d.]+ %", tmux.text(), re.MULTILINE)
    return found[1] if found else ""


def test_the_keys_of_the_flame_graph(terminal: Open, python_target: Any) -> None:
    """j and k go to callee and caller, PgDn and End to the end of the path, PgUp and Home back."""
    with opened(terminal, python_target(MANY), 120, 36) as tmux:
        tmux.wait(re.compile(r"up [5-9] s|up 1\d s"))
        tmux.keys("p", "f")
        tmux.wait("PAUSED", "Flame", "work")

        def press(key: str, wanted: str) -> None:
            tmux.keys(key)
            wait_for(lambda: re.match(wanted, framed(tmux)), SLOW_S, f"{key} to lead to {wanted}")

        # Random.choice, which chooses among them, can be wider than any of them.
        press("End", r"f_\d\d|Random\.")
        press("Home", r"(?!f_|work)\S")
        top = re.escape(framed(tmux))
        press("j", rf"(?!{top}$)\S")
        press("k", rf"{top}$")
        press("PageDown", r"f_\d\d|Random\.|work")
        press("PageUp", rf"{top}$")


def test_the_keys_of_tree_and_callers(terminal: Open, python_target: Any) -> None:
    """n and N go from match to match of the tree, Enter there to the source; Enter among the
    callers goes to the function below the cursor."""
    with opened(terminal, python_target(MANY), 120, 36) as tmux:
        tmux.wait(re.compile(r"(f_\d\d +\S*target\.py:\d+.*\n.*){5}"))  # enough to go among
        tmux.keys("p")
        tmux.wait("PAUSED")
        tmux.type("/^f_", "Enter")
        tmux.wait("PAUSED", "/^f_/")
        tmux.keys("T")
        tmux.wait("Call tree", re.compile(r"«f_\d\d»"))
        tmux.keys("Home")  # the cursor may be on a match, the function that it was on before
        wait_for(lambda: (row := selected(tmux)[1]) and "«f_" not in row, SLOW_S, "the first row")
        tmux.keys("n")
        first = wait_for(
            lambda: (row := selected(tmux)[1]) and "«f_" in row and row, SLOW_S, "n to find one"
        )
        tmux.keys("n")
        wait_for(lambda: "«f_" in (row := selected(tmux)[1]) and row != first, SLOW_S, "the next")
        tmux.keys("N")
        wait_for(lambda: selected(tmux)[1] == first, SLOW_S, "N to go back")
        tmux.keys("Enter")
        tmux.wait(re.compile(r"Source  f_\d\d"))
        tmux.keys("c")
        tmux.wait(re.compile(r"Callers  f_\d\d"), "called by")
        tmux.keys("Home", "Enter")
        tmux.wait("Callers  work", re.compile(r"calls .* f_\d\d"))


def leads(
    tmux: Terminal, key: str, title: str, line: re.Pattern[str], *, out_of_sight: bool
) -> bool:
    """Whether a key, pressed often, leads away from a line, or back to it. It may be pressed again:
    metrics come one after the other."""
    tmux.keys(*[key] * 12)
    text = tmux.text()
    return title in text and (line.search(text) is None) == out_of_sight


def test_the_keys_of_metrics_and_forecast(terminal: Open, python_target: Any) -> None:
    """Where there is no room for all of it, arrows, j and k go beyond what is seen; F5 without an
    LLM asks none."""
    with opened(terminal, python_target(MANY), 80, 12) as tmux:
        for title, top in (("[Metrics", "cpu "), ("[Forecast", "RSS above 90 %")):
            tmux.keys("Tab")
            inside = re.compile(rf"^[ ▸]*{top}", re.MULTILINE)
            tmux.wait(title, inside)
            for down, up in (("Down", "Up"), ("j", "k")):
                for key in (down, up):
                    wait_for(
                        partial(leads, tmux, key, title, inside, out_of_sight=key == down),
                        SLOW_S,
                        f"{key} to go on in {title}",
                        every=0.3,
                    )
        tmux.keys("F5", *["Down"] * 30)
        tmux.wait("[Forecast", "LLM off")
        tmux.keys("v")
        tmux.wait("What is sent to the LLM", "to https://api.anthropic.com")
        tmux.keys("v")
        tmux.wait("[Forecast", without="What is sent")


def test_the_keys_of_the_charts(terminal: Open, python_target: Any) -> None:
    """The keys that go back in time, select, zoom, open one chart, list events, mark a note and set
    an objective."""
    bounds = re.compile(r"Functions .*\d\d:\d\d:\d\d–\d\d:\d\d:\d\d \((\d+) s\)")

    def length(text: str) -> int:
        found = bounds.search(text)
        return int(found[1]) if found else 0

    with opened(terminal, python_target(MANY), 120, 36) as tmux:
        # Of windows of up to five seconds there are more than two before the one that is selected.
        tmux.wait(re.compile(r"up [23]\d s"))
        tmux.keys("Tab", "]", "]")
        tmux.wait("Metrics  last 15 min")
        tmux.keys("[")
        tmux.wait("Metrics  last 5 min")
        tmux.keys("z")
        tmux.wait("Metrics  last 1 min")
        tmux.keys("Z")
        tmux.wait("Metrics  last 5 min")
        tmux.keys("z", "Left")
        one = length(tmux.wait("AGO", bounds))
        tmux.keys("Left")

        def is_longer() -> bool:
            """Whether the selection has more than one window, however long they are."""
            tmux.keys("S-Left")
            return length(tmux.text()) > one

        wait_for(is_longer, SLOW_S, "a selection", every=0.3)
        tmux.keys("Left", "PageUp", "PageDown", "Right", "S-Right")
        tmux.wait("AGO", bounds)
        tmux.keys("End")
        tmux.wait("● LIVE", without="AGO")
        tmux.keys("j", "k", "Down", "Up", "Enter")
        tmux.wait(re.compile(r"cpu  [\d.]+ %"), without="Functions")
        tmux.keys("Escape")
        tmux.wait("Functions", "Metrics  last 1 min")
        tmux.keys("M")
        tmux.wait("a note on what happens now")
        tmux.type("deploy [b]1")
        tmux.wait("deploy [b]1")
        tmux.keys("Enter")
        tmux.wait("Metrics  last 1 min", without="deploy")
        tmux.keys("E")
        tmux.wait("● note  deploy [b]1")
        tmux.keys("Enter")
        tmux.wait("AGO")
        tmux.keys("Escape")
        tmux.wait("● LIVE", without="AGO")
        tmux.keys("j", "O")
        tmux.wait("cpu >")
        tmux.type("1 for 10m")
        tmux.wait("cpu > 1 for 10m")
        tmux.keys("Enter")
        tmux.wait("SLO ≤ 1.0 %")


def test_the_key_that_asks(terminal: Open, python_target: Any) -> None:
    """A opens the line for a question about the selected function; without consent it says so, and
    nothing that is typed is a key."""
    with opened(terminal, python_target(MANY), 80, 24) as tmux:
        tmux.keys("A")
        tmux.wait("Ask about f_", "LLM off: allow it with --llm")
        tmux.type("why q?")
        tmux.wait("why q?")
        tmux.keys("Enter")
        tmux.wait("OFF: off: allow it with --llm")
        tmux.keys("Escape")
        tmux.wait("own s", "● LIVE")


def test_it_can_be_suspended(terminal: Open, python_target: Any) -> None:
    """Ctrl+Z gives the shell its terminal back, and fg goes on."""
    with opened(terminal, python_target(MANY), 120, 36) as tmux:
        tmux.keys("C-z")
        tmux.wait("shell>", without="● LIVE")
        tmux.type("fg", "Enter")
        tmux.wait("● LIVE", re.compile(r"f_\d\d +\S*target.py:\d+"))


def test_how_often_it_draws(terminal: Open, python_target: Any) -> None:
    """+ and - draw more or less often, as far as it goes, and the header says how often."""
    with opened(terminal, python_target(MANY), 120, 36) as tmux:
        for every in ("2", "5", "10"):
            tmux.keys("-")
            tmux.wait(f"every {every} s")
        tmux.keys("-", "+")
        tmux.wait("every 5 s")
        tmux.keys("+", "+")
        tmux.wait("● LIVE", without="every ")
        tmux.keys("+")
        tmux.wait("every 0.5 s")
        tmux.keys("+", "-")
        tmux.wait("● LIVE", without="every ")


def test_space_pauses(terminal: Open, python_target: Any) -> None:
    """Space does what p does."""
    with opened(terminal, python_target(MANY), 120, 36) as tmux:
        tmux.keys("Space")
        tmux.wait("PAUSED")
        tmux.keys("Space")
        tmux.wait("● LIVE", without="PAUSED")


def test_the_keys_of_verdicts(terminal: Open, python_target: Any) -> None:
    """`a`, `x` and `s` decide on what is selected, with a note, and the newest counts; Esc drops a
    verdict; the next run knows it."""
    target = python_target(MANY)
    tmux = terminal(200, 60)
    # Forecasts that stay for the length of the test: none of it is ever near.
    wanted = [f"{name} > 99000 for 10m within 1h" for name in ("cpu_used", "rss_used")]
    options = [part for one in wanted for part in ("--objective", one)]
    tmux.run(target.pid, *options)
    tmux.wait("● LIVE")
    tmux.keys("BTab")
    tmux.wait(re.compile(r"▸ (cpu|rss)_used above "), timeout=90)
    tmux.keys("s")
    tmux.wait(re.compile(r"Enter snoozes (cpu|rss)_used above.* for 60 min, Esc does not"))
    tmux.keys("Enter")
    tmux.wait(re.compile(r"z snoozed until \d\d:\d\d:\d\d"))
    tmux.keys("x")
    tmux.wait("Enter rejects")
    tmux.keys("Escape")
    tmux.wait("snoozed until", without="Enter rejects")
    # A note that is typed at once belongs to it.
    tmux.type("xno", "Enter")
    tmux.wait("✗ rejected: no", without="snoozed until")
    tmux.keys("a")
    tmux.wait(re.compile(r"a note, or none; Enter accepts (cpu|rss)_used above.*, Esc does not"))
    tmux.type("planned [b]load", "Enter")
    tmux.wait("✓ accepted: planned [b]load", without="rejected")
    tmux.keys("q")
    tmux.back()
    tmux.run(target.pid, *options)
    tmux.wait("● LIVE")
    tmux.wait("✓ accepted: planned [b]load", timeout=90)
    tmux.keys("q")
    tmux.back()


def test_the_history_of_forecasts(terminal: Open, python_target: Any) -> None:
    """`h` in the forecasts shows what was said and what came of it, also of an earlier run."""
    target = python_target(MANY)
    tmux = terminal(200, 60)

    def has_past() -> bool:
        """Open it, and leave it open where it has something."""
        tmux.keys("h")
        shown = tmux.wait("what came of them", re.compile("an outcome yet|came true"))
        if "came true" in shown:
            return True
        # Here it is known by the clock, to the log by the next point.
        tmux.keys("Escape")
        tmux.wait("● LIVE", without="what came of them")
        return False

    for is_first in (True, False):
        tmux.run(target.pid, "--objective", "cpu > 99000 for 1s within 10s")
        tmux.wait("● LIVE", re.compile(r"f_\d\d +\S*target.py:\d+"))
        if is_first:
            tmux.wait(re.compile(r"forecasts? that (was|were) due|the one forecast"), timeout=90)
        tmux.keys("BTab")
        wait_for(has_past, SLOW_S, "a past")
        tmux.wait(
            "Forecasts and what came of them",
            "cpu > 99000 for 1s within 10s",
            re.compile(r"0 to 10 % +0\.0 %"),
            "0 of 0 warnings (80 % or more) came true",
        )
        tmux.keys("Escape")
        tmux.wait("● LIVE", without="what came of them")
        tmux.keys("q")
        tmux.back()
