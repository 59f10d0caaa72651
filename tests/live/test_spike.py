"""From a spike to its cause: the charts' cursor shows the profile of the time that it is on."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from datetime import datetime

import pytest
from servers import wait_for
from terminal import SLOW_S, Open, Terminal

from perftui.lab.demo import Lab, child_environment
from perftui.lab.faults import FAULTS

pytestmark = pytest.mark.live

FAULT = "spaced-reviews"
CULPRIT = FAULTS[FAULT].culprit
BOUNDS = re.compile(r"Functions .*?(\d\d:\d\d:\d\d)–(\d\d:\d\d:\d\d) \((\d+) s\)")


def bounds(tmux: Terminal) -> tuple[float, float] | None:
    """From when to when (Unix seconds) the functions are, by the title; None while live."""
    found = BOUNDS.search(tmux.text())
    if found is None:
        return None
    today = datetime.now().date()
    start, end = (
        datetime.combine(today, datetime.strptime(text, "%H:%M:%S").time()).timestamp()
        for text in found.groups()[:2]
    )
    return start, end


def first_function(tmux: Terminal) -> str:
    """The function in the first row of the table."""
    lines = tmux.lines()
    head = next(n for n, line in enumerate(lines) if "own%" in line and "function" in line)
    at = lines[head].index("function")
    return lines[head + 1][at:].split(" ")[0]


def test_from_a_spike_to_its_cause(terminal: Open) -> None:
    """A fault begins at a known time; with the cursor on the spike the function that it is in leads
    the list of changes, within the windows of just that time, and Esc goes back to the present."""
    with Lab(None) as lab:
        tmux = terminal(160, 50)
        tmux.run(lab.pid)
        tmux.wait("● LIVE", re.compile(r"up [23]\d s"))
        fault = subprocess.Popen(
            [sys.executable, "-P", "-m", "perftui.lab.faults", FAULT, "--url", lab.url],
            stdin=subprocess.PIPE,
            env=child_environment(),
        )
        onset = time.time()
        try:
            tmux.wait(CULPRIT)
            wait_for(lambda: time.time() > onset + 12, SLOW_S, "the spike to last", every=0.2)
            tmux.keys("Tab", "z", "Left")
            tmux.wait("AGO", "last 1 min")

            def back_at_the_onset() -> bool:
                seen = bounds(tmux)
                if seen is not None and seen[0] <= onset + 4:
                    return True
                tmux.keys("Left")
                return False

            wait_for(back_at_the_onset, SLOW_S, "the cursor to be at the onset", every=0.3)
            tmux.keys("S-Right", "S-Right")
            wait_for(
                lambda: (seen := bounds(tmux)) and seen[1] - seen[0] >= 4, SLOW_S, "a selection"
            )
            tmux.keys("BTab", "s", "s")
            tmux.wait("Functions  change ▾", "AGO")
            chosen = bounds(tmux)
            assert first_function(tmux) == CULPRIT
            assert chosen is not None
            assert onset - 5 <= chosen[0] <= onset + 5
            tmux.keys("t")
            tmux.wait(re.compile(r"Threads  \d\d:\d\d:\d\d–"), CULPRIT)
            tmux.keys("Escape", "Escape")
            tmux.wait("● LIVE", "Functions  change ▾  last 10 s", without="AGO")
        finally:
            fault.communicate(timeout=SLOW_S)
        tmux.keys("q")
        tmux.back()
