"""Figures of one process: what psutil has, and what it leaves in /proc on Linux.

Each function raises psutil.NoSuchProcess or psutil.AccessDenied as psutil does.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress

import psutil

IS_LINUX = sys.platform == "linux"
_MINOR, _MAJOR = 7, 9
"""Where /proc/PID/stat has the page faults, counted behind the name of the program."""


def is_alive(process: psutil.Process) -> bool:
    """Whether it has not ended. What has, and is still waited for, belongs to root: it would deny
    to anybody else what it has no more."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


def cpu_user(process: psutil.Process) -> float:
    """CPU seconds in user mode."""
    return process.cpu_times().user


def cpu_system(process: psutil.Process) -> float:
    """CPU seconds in the kernel."""
    return process.cpu_times().system


def rss(process: psutil.Process) -> float:
    """Resident bytes; pages that processes share count in each."""
    return float(process.memory_info().rss)


def uss(process: psutil.Process) -> float:
    """Bytes that nobody else holds. Dear: the kernel goes through every page."""
    return float(process.memory_full_info().uss)


def open_files(process: psutil.Process) -> float:
    """File descriptors, sockets and pipes among them."""
    return float(process.num_fds())


def io(process: psutil.Process) -> tuple[float, float]:
    """Bytes that were fetched from storage since its start, and those that were sent there. Linux
    alone."""
    counted = process.io_counters()
    return float(counted.read_bytes), float(counted.write_bytes)


def swap(process: psutil.Process) -> float:
    """Bytes that are swapped out. Linux alone."""
    return swapped(_read(process, "status"))


def faults(process: psutil.Process) -> tuple[float, float]:
    """Page faults since its start without I/O, and those that had to wait for storage. Linux
    alone."""
    return page_faults(_read(process, "stat"))


def switches(process: psutil.Process) -> dict[int, tuple[float, float]]:
    """Context switches of each thread since its start, voluntary and not, by thread id.

    The kernel has them by thread alone: what it says of a process is that of its first thread.
    """
    if not IS_LINUX:
        count = process.num_ctx_switches()
        return {0: (float(count.voluntary), float(count.involuntary))}
    found = {}
    for tid in _threads(process):
        with suppress(psutil.NoSuchProcess):  # a thread may end at any moment
            found[tid] = switched(_read(process, f"task/{tid}/status"))
    return found


def _threads(process: psutil.Process) -> list[int]:
    try:
        return list(map(int, os.listdir(f"/proc/{process.pid}/task")))  # noqa: PTH208
    except OSError as error:
        raise _as_psutil(error, process.pid) from None


def file_limit(process: psutil.Process) -> float | None:
    """The soft limit of open files; None where there is none, or it may not be read."""
    if not IS_LINUX:
        return None
    try:
        return open_files_limit(_read(process, "limits"))
    except psutil.Error:
        return None


def page_faults(stat: str) -> tuple[float, float]:
    """Minor and major page faults, from the text of /proc/PID/stat."""
    # The name of the program may hold anything, blanks and brackets too.
    fields = stat.rpartition(")")[2].split(maxsplit=_MAJOR + 1)
    return float(fields[_MINOR]), float(fields[_MAJOR])


def swapped(status: str) -> float:
    """Bytes of swap, from the text of /proc/PID/status; 0 where it says nothing of it, as of a
    process without memory of its own."""
    return 1024 * _number_after(status, "\nVmSwap:")


def switched(status: str) -> tuple[float, float]:
    """Voluntary and involuntary context switches, from the text of a status file."""
    return (
        _number_after(status, "\nvoluntary_ctxt_switches:"),
        _number_after(status, "\nnonvoluntary_ctxt_switches:"),
    )


def open_files_limit(limits: str) -> float | None:
    """The soft limit of open files, from the text of /proc/PID/limits; None for unlimited."""
    _, found, rest = limits.partition("Max open files")
    soft = rest.split(maxsplit=1)[0] if found and rest.strip() else ""
    return float(soft) if soft.isdecimal() else None


def _number_after(text: str, name: str) -> float:
    words = text.partition(name)[2].split(maxsplit=1)
    return float(words[0]) if words and words[0].isdecimal() else 0.0


def _read(process: psutil.Process, name: str) -> str:
    try:
        # Not Path, which takes half as long again: of each process several are read a second.
        with open(f"/proc/{process.pid}/{name}", encoding="utf-8", errors="replace") as file:  # noqa: PTH123
            text = file.read()
    except OSError as error:
        raise _as_psutil(error, process.pid) from None
    if not text:
        raise psutil.NoSuchProcess(process.pid)  # it ends at this moment
    return text


def _as_psutil(error: OSError, pid: int) -> psutil.Error:
    if isinstance(error, PermissionError):
        return psutil.AccessDenied(pid)
    return psutil.NoSuchProcess(pid)
