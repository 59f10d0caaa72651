"""What took the place of a process that has ended."""

from __future__ import annotations

from collections.abc import Iterable

import psutil

from perftui.model.target import Target


def successor(ended: Target, ports: frozenset[int]) -> int | None:
    """The process that took the place of `ended`, None where there is none.

    It began later, and listens on one of the `ports` on which that one did, or runs the same
    command line. Of several the topmost of a tree is it, then the one that began first.
    """
    listening = _listening(ports)
    found: dict[int, tuple[psutil.Process, float]] = {}
    for process in psutil.process_iter():
        try:
            began = process.create_time()
            if process.pid == ended.pid and began <= ended.started_at:
                continue
            if process.status() == psutil.STATUS_ZOMBIE or began < ended.started_at:
                continue
            same_command = bool(ended.cmdline) and tuple(process.cmdline()) == ended.cmdline
            if process.pid in listening or same_command:
                found[process.pid] = (process, began)
        except psutil.Error:
            continue
    heads = [pid for pid, (process, _) in found.items() if not _is_below(process, found)]
    return min(heads, key=lambda pid: (pid not in listening, found[pid][1], pid), default=None)


def _listening(ports: frozenset[int]) -> frozenset[int]:
    # Imported here: it reads the kernel's tables, which only matters where a port is known.
    from perftui.target.port import listeners

    return frozenset().union(*(listeners(port).pids for port in ports))


def _is_below(process: psutil.Process, others: Iterable[int]) -> bool:
    try:
        return any(parent.pid in others for parent in process.parents())
    except psutil.Error:
        return False
