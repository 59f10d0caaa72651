"""What took the place of a process that has ended."""

from __future__ import annotations

import time
from collections.abc import Iterable

import psutil

from perftui.model.target import Target
from perftui.target.describe import create_time_lag


def successor(ended: Target, ports: frozenset[int], alive_ago_s: float) -> int | None:
    """The process that took the place of `ended`, None where there is none.

    It listens on one of the `ports` on which that one did, and began later: a new server may start
    while the old one drains. Or it runs the same command line, and began after `ended` was last
    seen alive, `alive_ago_s` seconds ago: what ran beside it all along has not taken its place.
    A listener goes before the others, then what began after the end (a worker that has outlived
    its server still listens), then the topmost of a tree, then the one that began first.
    """
    since = time.time() - create_time_lag() - alive_ago_s
    listening = _listening(ports)
    found: dict[int, tuple[psutil.Process, float]] = {}
    for process in psutil.process_iter():
        try:
            began = process.create_time()
            if began < ended.started_at or process.status() == psutil.STATUS_ZOMBIE:
                continue
            if process.pid == ended.pid and began <= ended.started_at:
                continue
            if process.pid in listening or (began >= since and _runs(process, ended.cmdline)):
                found[process.pid] = (process, began)
        except psutil.Error:
            continue
    heads = [pid for pid, (process, _) in found.items() if not _is_below(process, found)]

    def rank(pid: int) -> tuple[bool, bool, float, int]:
        began = found[pid][1]
        return (pid not in listening, began < since, began, pid)

    return min(heads, key=rank, default=None)


def _runs(process: psutil.Process, cmdline: tuple[str, ...]) -> bool:
    return bool(cmdline) and tuple(process.cmdline()) == cmdline


def _listening(ports: frozenset[int]) -> frozenset[int]:
    # Imported here: it reads the kernel's tables, which only matters where a port is known.
    from perftui.target.port import listeners

    return frozenset().union(*(listeners(port).pids for port in ports))


def _is_below(process: psutil.Process, others: Iterable[int]) -> bool:
    try:
        return any(parent.pid in others for parent in process.parents())
    except psutil.Error:
        return False
