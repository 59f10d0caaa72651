"""Shows the screen of a watch that exists on paper only: ``play.py FUNCTIONS``.

One window a second, of a program of so many functions. For speed.py, which measures what that
takes.
"""

from __future__ import annotations

import gc
import itertools
import os
import sys
import threading
import time

from synthetic import DEPTH, HISTORY_S, MANY, STACKS, Program, picture

from perftui.cli import GC_THRESHOLD
from perftui.config import load
from perftui.monitor import Monitor
from perftui.target.describe import describe
from perftui.tui.app import PerftuiApp

WINDOWS = 120


def main() -> None:
    """Play until the user quits, or the program ends."""
    gc.set_threshold(GC_THRESHOLD)
    program = Program(int(sys.argv[1]))
    samples = program.from_pool(STACKS, MANY // DEPTH)
    windows = [
        program.window(number, seen)
        for number, seen in enumerate(itertools.islice(samples, HISTORY_S + WINDOWS))
    ]
    pictures = [
        picture(windows[number : HISTORY_S + number], target=describe(os.getpid()))
        for number in range(WINDOWS)
    ]
    # A monitor that is never started: what it shows is given to it.
    monitor = Monitor(pictures[0].target, load({}, {}, []), env={})
    monitor.latest = pictures[0]

    def play() -> None:
        for shown in pictures:
            monitor.latest = shown
            time.sleep(1.0)

    threading.Thread(target=play, daemon=True).start()
    PerftuiApp(monitor, candidates=list, attach=lambda _: monitor).run()


if __name__ == "__main__":
    main()
