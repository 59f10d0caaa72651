"""What there is to say about one process."""

from __future__ import annotations

import socket
import time
from pathlib import PurePath

import psutil

from perftui.errors import NoSuchTarget, NotPermitted
from perftui.model.target import Target
from perftui.target.container import SHORT_ID, container_info
from perftui.target.python import is_interpreter

_TICK_S = 0.01
"""The kernel rounds the start of a process down to this."""


def describe(pid: int) -> Target:
    """The process with this id, as data. NoSuchTarget if there is none, NotPermitted if not even
    that may be read, as where /proc is mounted with hidepid."""
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            if process.status() == psutil.STATUS_ZOMBIE:
                raise psutil.NoSuchProcess(pid)
            cmdline = _or_empty(process)
            inside = container_info(pid)
            return Target(
                pid=pid,
                name=program_name(cmdline) or process.name(),
                cmdline=cmdline,
                started_at=process.create_time(),
                host=socket.gethostname(),
                container=inside.id[:SHORT_ID] if inside is not None and inside.id else None,
                user=process.username(),
                inside=inside,
            )
    except (psutil.NoSuchProcess, psutil.ZombieProcess, ValueError, OverflowError):
        raise NoSuchTarget(
            f"There is no process {pid}.", "Run perftui alone to pick one that runs."
        ) from None
    except psutil.AccessDenied:
        raise NotPermitted(
            f"Process {pid} is not yours to look at: not even its state may be read.",
            f"Run it as root: sudo perftui {pid}",
        ) from None


def _or_empty(process: psutil.Process) -> tuple[str, ...]:
    try:
        return tuple(process.cmdline())
    except psutil.AccessDenied:
        return ()


def create_time_lag() -> float:
    """How far the start of a process, as psutil has it, lags behind the clock at most, in seconds.

    On Linux it is the boot time in whole seconds plus the ticks of the kernel since.
    """
    since_boot = getattr(time, "CLOCK_BOOTTIME", None)
    if since_boot is None:
        return 0.0
    return time.time() - time.clock_gettime(since_boot) - psutil.boot_time() + _TICK_S


def program_name(cmdline: tuple[str, ...]) -> str:
    """What a command line runs: a Python's script, or its module after -m; else the program."""
    if not cmdline or not is_interpreter(cmdline[0]):
        return PurePath(cmdline[0]).name if cmdline else ""
    arguments = iter(cmdline[1:])
    for argument in arguments:
        if argument == "--check-hash-based-pycs":
            next(arguments, None)
        elif not argument.startswith("-"):
            return PurePath(argument).name
        elif not argument.startswith("--"):
            # One-letter options may stand together; the first that takes a value ends them.
            letter = next((letter for letter in argument[1:] if letter in "cmWX"), "")
            if letter == "c":
                return "-c"
            value = argument.partition(letter)[2] if letter else ""
            if letter and not value:
                value = next(arguments, "")
            if letter == "m":
                return value
    return PurePath(cmdline[0]).name
