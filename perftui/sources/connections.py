"""The TCP connections of a few processes by their state."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from perftui.errors import NotPermitted

STATES = {
    "01": "established",
    "02": "syn_sent",
    "03": "syn_recv",
    "04": "fin_wait1",
    "05": "fin_wait2",
    "06": "time_wait",
    "07": "close",
    "08": "close_wait",
    "09": "last_ack",
    "0A": "listen",
    "0B": "closing",
}
"""The kernel's states of a TCP socket (include/net/tcp_states.h), under the names of `netstat`."""


def connections(members: Sequence[psutil.Process]) -> Counter[str]:
    """How many TCP sockets the processes hold, by state. One that several hold, as the workers of
    a server do, counts once. NotPermitted where that may not be read."""
    try:
        return _by_tables(members) if sys.platform == "linux" else _by_psutil(members)
    except (PermissionError, psutil.AccessDenied):
        raise NotPermitted("The connections may not be read.") from None


def _by_tables(members: Iterable[psutil.Process]) -> Counter[str]:
    # psutil reads the table of all sockets again for each process; here it is read once.
    found: Counter[str] = Counter()
    inodes: dict[str, set[str]] = {}
    pids: dict[str, int] = {}
    for member in members:
        with suppress(FileNotFoundError, ProcessLookupError):
            space = str(Path(f"/proc/{member.pid}/ns/net").readlink())
            inodes.setdefault(space, set()).update(_sockets(member.pid))
            pids[space] = member.pid
    for space, held in inodes.items():
        if not held:
            continue  # the table of the whole host would be read for nothing
        for table in ("tcp", "tcp6"):
            # It may have ended, and IPv6 may be off.
            with suppress(FileNotFoundError, ProcessLookupError):
                text = Path(f"/proc/{pids[space]}/net/{table}").read_text()
                found.update(states(text, held))
    return found


def states(table: str, inodes: set[str]) -> Counter[str]:
    """The states of those sockets, from the text of /proc/net/tcp or tcp6."""
    found: Counter[str] = Counter()
    for line in table.splitlines()[1:]:
        fields = line.split(maxsplit=10)
        if len(fields) > 9 and fields[9] in inodes and (state := STATES.get(fields[3])):
            found[state] += 1
    return found


def _sockets(pid: int) -> Iterable[str]:
    """The inodes of the sockets that a process holds."""
    with os.scandir(f"/proc/{pid}/fd") as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                link = os.readlink(entry)  # noqa: PTH115 - not a path but a name
                if link.startswith("socket:["):
                    yield link[8:-1]


def _by_psutil(members: Iterable[psutil.Process]) -> Counter[str]:
    found: Counter[str] = Counter()
    for member in members:
        with suppress(psutil.NoSuchProcess):
            found.update(one.status.lower() for one in member.net_connections("tcp"))
    return found
