"""From the arguments to the process that is meant, and to a monitor of it."""

from __future__ import annotations

import argparse
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from perftui.errors import UsageError
from perftui.model.target import Target


def chosen_target(arguments: argparse.Namespace) -> Target | None:
    """The process that the arguments name; None if they name none."""
    from perftui.target.describe import describe
    from perftui.target.find import Finder, by_name

    named = [
        way for way in (arguments.pid, arguments.pid_option, arguments.name) if way is not None
    ]
    if len(named) > 1:
        raise UsageError("More than one process is named.", "Give PID or --pid or --name.")
    if arguments.name is not None:
        return describe(by_name(arguments.name, Finder().candidates()))
    return describe(named[0]) if named else None


def required_target(arguments: argparse.Namespace) -> Target:
    """The process that the arguments name; UsageError if they name none."""
    target = chosen_target(arguments)
    if target is None:
        raise UsageError("No process is named.", "Give its id: perftui COMMAND PID.")
    return target


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP end the command through its clean-up, with the shell's exit code."""

    def end(number: int, _frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    old = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
