"""``perftui lab``: the service with a load and a fault, run or recorded."""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING

from perftui.cli.choose import ended_by_signals
from perftui.errors import UsageError

if TYPE_CHECKING:
    from perftui.lab.demo import Lab

RECORD_S = 120.0
LOOK_S = 0.5


def lab(arguments: argparse.Namespace) -> int:
    """List the faults, run one, or record one."""
    from perftui.lab.faults import FAULTS, find_fault

    if arguments.action == "list":
        width = max(map(len, FAULTS))
        for fault in FAULTS.values():
            print(f"{fault.name:<{width}}  {fault.kind:<8}  {fault.summary}")
        return 0
    if arguments.fault is None:
        raise UsageError("No fault is named.", "See perftui lab list.")
    find_fault(arguments.fault)
    if arguments.action == "run":
        return _run(arguments)
    if arguments.output is None:
        raise UsageError("No file is named.", "Say where to record to: -o FILE.")
    return _record(arguments)


def _lab(arguments: argparse.Namespace) -> Lab:
    from perftui.lab.demo import Lab

    return Lab(arguments.fault, seed=arguments.seed, start_s=arguments.start, speed=arguments.speed)


def _run(arguments: argparse.Namespace) -> int:
    """Run it for so long, or until it is ended."""
    with ended_by_signals(), _lab(arguments) as running:
        print(f"pid {running.pid}, {running.url}, metrics at {running.metrics_url}", flush=True)
        end = time.monotonic() + (arguments.seconds or math.inf)
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(LOOK_S, left))
            running.raise_if_ended()
    return 0


def _record(arguments: argparse.Namespace) -> int:
    """Watch it for so long, and write what was seen into one file."""
    from perftui.config import load
    from perftui.monitor import TICK_S, Monitor
    from perftui.session.writer import SessionWriter
    from perftui.target.describe import describe

    seconds = arguments.seconds or RECORD_S
    with ended_by_signals(), _lab(arguments) as running:
        fault = running.fault
        label = {
            "fault": fault.name,
            "kind": fault.kind,
            "culprit": fault.culprit,
            "metric": fault.metric,
            "seed": arguments.seed,
            "speed": arguments.speed,
            "begins_at": time.time() + running.start_s,
        }
        target = describe(running.pid)
        settings = load({"scrape": [{"url": running.metrics_url, "every": "1s"}]}, {}, [])
        writer = SessionWriter(Path(arguments.output), target, {"label": label})
        monitor = Monitor(target, settings, llm_forbidden=True)
        monitor.start()
        try:
            end = monitor.clock() + seconds
            while monitor.clock() < end:
                time.sleep(min(TICK_S, max(0.0, end - monitor.clock())))
                running.raise_if_ended()
                writer.write(monitor.latest)
        finally:
            monitor.stop()
            writer.write(monitor.snapshot())
            writer.close()
    print(f"{arguments.output}: {seconds:g} s of {arguments.fault}")
    return 0
