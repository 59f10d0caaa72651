"""From the arguments to the process that is meant: one that runs, or a program that is started."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

from perftui.cli.options import settings_of
from perftui.errors import UsageError
from perftui.model.target import Target
from perftui.model.text import plain
from perftui.settings import Settings


def chosen_target(arguments: argparse.Namespace) -> Target | None:
    """The running process that the arguments name; None if they name none."""
    from perftui.target.describe import describe
    from perftui.target.find import Finder, by_name
    from perftui.target.port import by_port, listeners

    if arguments.name is not None:
        return describe(by_name(arguments.name, Finder().candidates()))
    if arguments.port is not None:
        found = listeners(arguments.port)
        return describe(by_port(arguments.port, found, Finder().candidates()))
    pid = arguments.pid if arguments.pid is not None else arguments.pid_option
    return None if pid is None else describe(pid)


def on_target(
    arguments: argparse.Namespace, watch: Callable[[Target | None], int], patience_s: float
) -> int:
    """Call `watch` with the process that the arguments name, None if they name none.

    Returns its exit code. A program behind `--` is started before it and ended after it; the exit
    code is then the program's own, if it has ended by itself and nothing went wrong here. For
    `patience_s` seconds it may be something else that only leads to a Python.
    """
    ways = (
        *(arguments.pid, arguments.pid_option, arguments.name, arguments.port),
        arguments.command,
    )
    if sum(way is not None for way in ways) > 1:
        raise UsageError(
            "More than one process is named.",
            "Give one of PID, --pid, --name, --port and -- COMMAND.",
        )
    if arguments.command is None and arguments.output is not None:
        raise UsageError(
            "--output is for what a program writes that perftui starts.",
            "Name the program: perftui --output FILE -- COMMAND.",
        )
    with ended_by_signals():
        if arguments.command is None:
            return watch(chosen_target(arguments))
        return _on_program(arguments, watch, patience_s)


def _on_program(
    arguments: argparse.Namespace, watch: Callable[[Target], int], patience_s: float
) -> int:
    from perftui.target.launch import Program

    program = Program(arguments.command, arguments.output)
    try:
        with program:
            program.wait_for_python(patience_s)
            code = watch(program.target())
    finally:
        if program.pid:
            ended = "was ended"
            if program.exit_code is not None:
                ended = f"ended with exit code {program.exit_code}"
            said = f"the program {ended}; its output is in {program.output}"
            with suppress(OSError):  # the terminal may have gone
                print(f"perftui: {plain(said)}", file=sys.stderr)
    return code or program.exit_code or 0


def settings_for(arguments: argparse.Namespace) -> Settings:
    """The settings of a watch. A program that is started here is watched with its children: at
    first it has none, and they may be all that there is to see."""
    own = {"profile": {"subprocesses": True}} if arguments.command is not None else None
    return settings_of(arguments, below=own)


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP end the command through its clean-up, with the shell's exit code; not one
    that is ignored, as `nohup` has it."""

    def end(number: int, _frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    wanted = (signal.SIGTERM, signal.SIGHUP)
    heard = [number for number in wanted if signal.getsignal(number) is not signal.SIG_IGN]
    old = {number: signal.signal(number, end) for number in heard}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
