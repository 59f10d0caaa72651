"""Finding the process that listens on a TCP port."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from perftui.errors import NoSuchTarget, NotPermitted
from perftui.model.target import Candidate
from perftui.target.find import topmost

_LISTEN = "0A"
"""The state of a listening socket in the kernel's tables."""


@dataclass(frozen=True)
class Listeners:
    """Who listens on a port: the processes that hold its sockets, a forked worker as its master.

    `hidden` says that there is a socket whose processes this user may not see.
    """

    pids: frozenset[int]
    hidden: bool = False


def by_port(port: int, found: Listeners, candidates: Iterable[Candidate]) -> int:
    """The process among `candidates` that listens on `port`; a server, not its workers.

    Several unrelated ones are a UsageError that lists them, none is NoSuchTarget, and one that may
    not be seen NotPermitted.
    """
    everyone = {candidate.pid: candidate for candidate in candidates}
    # Others may hold the socket too: systemd that has opened it, a shell that it was left to.
    fitting = [candidate for candidate in everyone.values() if candidate.pid in found.pids]
    if fitting:
        return topmost(fitting, everyone, f"listen on port {port}")
    if found.hidden:
        raise NotPermitted(
            f"A process listens on port {port}, but which one may not be seen.",
            "Run perftui as the user of that process or with sudo; in a container add SYS_PTRACE.",
        )
    if found.pids:
        return min(found.pids)  # py-spy has the last word on what is Python
    raise NoSuchTarget(
        f"No process listens on port {port} here.", "Run perftui alone to pick one that runs."
    )


def listeners(port: int) -> Listeners:
    """The processes that listen on a TCP port of any address of this host, IPv4 or IPv6."""
    # On Linux psutil names only one of the processes that share a socket.
    return _by_tables(port) if sys.platform == "linux" else _by_psutil(port)


def _by_psutil(port: int) -> Listeners:
    try:
        sockets = psutil.net_connections("tcp")
    except psutil.AccessDenied:
        return Listeners(frozenset(), hidden=True)
    return Listeners(
        frozenset(
            one.pid
            for one in sockets
            if one.status == psutil.CONN_LISTEN and one.laddr and one.laddr.port == port and one.pid
        )
    )


def _by_tables(port: int) -> Listeners:
    inodes: set[str] = set()
    for table in ("tcp", "tcp6"):
        with suppress(OSError):  # IPv6 may be off
            inodes |= listening_inodes(Path(f"/proc/net/{table}").read_text(), port)
    if not inodes:
        return Listeners(frozenset())
    links = {f"socket:[{inode}]" for inode in inodes}
    seen: set[str] = set()
    pids = set()
    for pid in psutil.pids():
        held = links.intersection(_links(pid))
        if held:
            pids.add(pid)
            seen |= held
    return Listeners(frozenset(pids), hidden=seen != links)


def listening_inodes(table: str, port: int) -> set[str]:
    """The inodes of the sockets that listen on `port`, from the text of /proc/net/tcp or tcp6."""
    found = set()
    for line in table.splitlines()[1:]:
        _, local, _, state, *_, inode = line.split()[:10]
        if state == _LISTEN and int(local.rpartition(":")[2], 16) == port:
            found.add(inode)
    return found


def _links(pid: int) -> set[str]:
    """What the file descriptors of a process lead to; nothing where that may not be read."""
    found = set()
    with suppress(OSError):
        for entry in os.scandir(f"/proc/{pid}/fd"):
            with suppress(OSError):
                found.add(os.readlink(entry))  # noqa: PTH115 - not a path but a name
    return found
