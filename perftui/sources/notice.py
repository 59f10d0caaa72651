"""Whether a port of the target serves /metrics: asked once, so that it can be offered.

Is it right to ask a port that nobody named? A GET is what health checks and port scanners send
every day; a server of another protocol drops it, and logs a line at worst. Still it is something
that the target sees, so it is kept to what a careful user would try by hand: one GET per port and
watch, with perftui's name in it; only ports of the target itself that answer on 127.0.0.1 of this
network namespace, `MOST_PORTS` of them; none that other protocols are known for, and none of the
range that the kernel hands out by chance, where debuggers, managers of multiprocessing and the like
sit. On that ground it is on by default; `--no-scrape-notice` and `[notice] scrape = false` end it.
"""

from __future__ import annotations

import os
import re
import socket
import sys
import threading
import time
from collections.abc import Collection
from pathlib import Path

import psutil

from perftui import __version__

MOST_PORTS = 4
TIMEOUT_S = 1.0
MAX_BYTES = 65_536
NOT_HTTP = frozenset(
    {21, 22, 23, 25, 53, 110, 143, 389, 465, 587, 636, 873, 993, 995, 1099, 1433, 1521, 1883, 2049}
    | {2181, 3306, 3389, 4369, 5432, 5555, 5671, 5672, 5678, 5900, 6379, 6380, 8786, 8883, 9042}
    | {9092, 11211, 27017}
)
"""Ports that other protocols are known for, debugpy's and Dask's among them."""
EPHEMERAL_FROM = 32_768
"""Linux's default; see :func:`ephemeral_from`."""

_REQUEST = (
    "GET /metrics HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n"
    f"User-Agent: perftui/{__version__}\r\nAccept: text/plain;version=0.0.4\r\n\r\n"
)
_OK = re.compile(rb"HTTP/1\.[01] 200\b")
_METRICS = re.compile(rb"^# (?:TYPE|HELP) [a-zA-Z_:]", re.MULTILINE)


class ScrapeNotice:
    """What of one target's ports serves /metrics. `skip` are ports that are not asked; neither is
    any from `below` on."""

    def __init__(self, skip: Collection[int] = (), below: int | None = None) -> None:
        self._skip = frozenset(skip)
        self._below = ephemeral_from() if below is None else below
        self._asked: set[int] = set()
        self._offers: tuple[str, ...] = ()
        self._thread: threading.Thread | None = None

    @property
    def offers(self) -> tuple[str, ...]:
        """The URLs of the pages that were found, for any thread."""
        return self._offers

    def look(self, pid: int) -> None:
        """Ask the ports of the process that were not asked before, in a thread of its own.

        For one thread. Does nothing while it still asks.
        """
        if self._thread is not None and self._thread.is_alive():
            return
        found = local_ports(pid) - self._asked - self._skip - NOT_HTTP
        chosen = sorted(port for port in found if port < self._below)
        chosen = chosen[: MOST_PORTS - len(self._asked)]
        if not chosen:
            return
        self._asked.update(chosen)
        self._thread = threading.Thread(
            target=self._ask, args=(chosen,), name="perftui-notice", daemon=True
        )
        self._thread.start()

    def join(self, timeout_s: float) -> None:
        """Wait until all that is being asked has answered, `timeout_s` at most."""
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _ask(self, ports: Collection[int]) -> None:
        for port in ports:
            if serves_metrics(port):
                self._offers = (*self._offers, f"http://127.0.0.1:{port}/metrics")


def local_ports(pid: int) -> frozenset[int]:
    """TCP ports on which 127.0.0.1 here is that process; empty where that may not be known."""
    try:
        connections = psutil.Process(pid).net_connections("tcp")
        if sys.platform == "linux" and not _shares_network(pid):
            return frozenset()
    except (psutil.Error, OSError):
        return frozenset()
    return frozenset(
        connection.laddr.port
        for connection in connections
        if connection.status == psutil.CONN_LISTEN
        and connection.laddr.ip in ("127.0.0.1", "0.0.0.0", "::")  # noqa: S104 - it is read only
    )


def _shares_network(pid: int) -> bool:
    here = os.stat("/proc/self/ns/net")  # noqa: PTH116 - a link that leads nowhere in the tree
    there = os.stat(f"/proc/{pid}/ns/net")  # noqa: PTH116
    return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)


def ephemeral_from() -> int:
    """The first of the ports that the kernel chooses by chance."""
    try:
        text = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii")
        return int(text.split()[0])
    except (OSError, ValueError, IndexError):
        return EPHEMERAL_FROM


def serves_metrics(port: int, timeout_s: float = TIMEOUT_S) -> bool:
    """Whether http://127.0.0.1:`port`/metrics is a metrics page, by one GET.

    It takes `timeout_s` seconds at most, and `MAX_BYTES` are read.
    """
    deadline = time.monotonic() + timeout_s
    answer = bytearray()
    try:
        with socket.create_connection(("127.0.0.1", port), timeout_s) as connection:
            connection.sendall(_REQUEST.format(port=port).encode())
            while len(answer) < MAX_BYTES and (left_s := deadline - time.monotonic()) > 0:
                connection.settimeout(left_s)
                more = connection.recv(MAX_BYTES - len(answer))
                if not more:
                    break
                answer += more
    except TimeoutError:
        pass  # what has come by then may be enough
    except OSError:
        return False
    return _OK.match(answer) is not None and _METRICS.search(answer) is not None
