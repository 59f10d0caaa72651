"""What all benchmarks share: the machine's facts, statistics, Markdown, an orderly end."""

from __future__ import annotations

import os
import platform
import signal
import statistics
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import NoReturn

import psutil

from perftui.sources.pyspy_run import find_pyspy

CALM_LOAD = 0.5
"""With a higher load average than this before the start the figures are those of a busy machine."""
MB = 1e6


def heading() -> str:
    """The machine, its load and the versions, as a Markdown list; a warning where it is busy."""
    load = os.getloadavg()
    asked = subprocess.run(
        [find_pyspy(), "--version"], capture_output=True, text=True, check=False, timeout=10
    )
    packages = ", ".join(f"{name} {version(name)}" for name in ("perftui", "textual", "psutil"))
    lines = [
        f"- {platform.system()} {platform.release()}, {_processor()}, {cores()} cores, "
        f"{psutil.virtual_memory().total / 1e9:.0f} GB",
        f"- load average before the start {load[0]:.2f} {load[1]:.2f} {load[2]:.2f}",
        f"- Python {platform.python_version()}, {asked.stdout.strip()}, {packages}",
    ]
    if load[0] > CALM_LOAD:
        lines.append(
            f"- **The machine was busy before the start (load above {CALM_LOAD}): do not trust the "
            "figures.**"
        )
    return "\n".join(lines)


def cores() -> int:
    """How many CPUs this process may use."""
    known = getattr(os, "sched_getaffinity", None)
    return len(known(0)) if known is not None else os.cpu_count() or 1


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table whose columns stand below each other in a terminal too."""
    cells = [tuple(titles), *(tuple(row) for row in rows)]
    widths = [max(len(cell) for cell in column) for column in zip(*cells, strict=True)]
    lines = [
        "| " + " | ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) + " |"
        for row in cells
    ]
    return "\n".join([lines[0], "|" + "|".join("-" * (w + 2) for w in widths) + "|", *lines[1:]])


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """First quartile, median, third quartile."""
    if len(values) < 2:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def spread(values: Sequence[float], digits: int = 3) -> str:
    """Median and quartiles in words, a dash where there are no values."""
    if not values:
        return "–"
    low, middle, high = quartiles(values)
    return f"{middle:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` (0 to 1) of the values do not exceed (nearest rank)."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, max(0, int(share * len(ranked) + 0.999999) - 1))]


def judged(goal: str, *, met: bool) -> str:
    """A goal, and whether it is met."""
    return f"{goal}: {'yes' if met else 'NO'}"


def say(text: str) -> None:
    """Progress, on stderr: stdout is the report's."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def orderly() -> Iterator[None]:
    """Whatever ends the program, Ctrl+C too: everything that was started is ended, and further
    signals do not hinder that."""
    endings = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def end(number: int, _: FrameType | None) -> NoReturn:
        for one in endings:
            signal.signal(one, signal.SIG_IGN)
        raise SystemExit(128 + number)

    for number in endings:
        signal.signal(number, end)
    yield
