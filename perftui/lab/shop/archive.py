"""Booked orders, in an SQLite file that a pool of connections reads and writes."""

from __future__ import annotations

import queue
import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

CONNECTIONS = 10
WAIT_S = 1.0
EXPORT_S = 120.0
"""An export that nobody goes on with gives its connection back after so long."""
EXPORT_ROWS = 50


class Busy(Exception):
    """No connection became free in time (HTTP 503)."""


class Archive:
    """The orders of all customers; each connection is used by one thread at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._exports: dict[str, tuple[float, sqlite3.Connection, sqlite3.Cursor]] = {}
        self._free: queue.LifoQueue[sqlite3.Connection] = queue.LifoQueue()
        # Once all connections have it open the file needs no name: nothing is left behind, however
        # this process ends.
        with tempfile.TemporaryDirectory(prefix="shop-") as directory:
            for _ in range(CONNECTIONS):
                self._free.put(_connect(Path(directory) / "orders.sqlite"))

    @property
    def in_use(self) -> int:
        """Connections that are not free."""
        return CONNECTIONS - self._free.qsize()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        connection = self._borrow()
        try:
            yield connection
        finally:
            self._free.put(connection)

    def _borrow(self) -> sqlite3.Connection:
        self._end_exports(older_than=EXPORT_S)
        try:
            return self._free.get(timeout=WAIT_S)
        except queue.Empty:
            raise Busy("no connection to the orders is free") from None

    def add_orders(self, orders: Iterable[tuple[str, int, str]]) -> None:
        """Keep orders: customer, total in cents, remark."""
        with self._connection() as connection, self._lock:
            connection.execute("BEGIN")
            connection.executemany("INSERT INTO booked VALUES (?, ?, ?)", orders)
            connection.execute("COMMIT")

    def spent_by(self, customer: str) -> int:
        """What a customer has spent so far, in cents; for who is known by another spelling, too."""
        with self._connection() as connection:
            return sum_of_customer(connection, customer)

    def export(self, name: str) -> list[tuple[str, int]]:
        """The next rows of the export of this name; the last ones end it."""
        with self._lock:
            _, connection, cursor = self._exports.pop(name, (0.0, None, None))
        if connection is None or cursor is None:
            connection = self._borrow()
            cursor = connection.execute("SELECT customer, total FROM booked ORDER BY rowid")
        rows = cursor.fetchmany(EXPORT_ROWS)
        if len(rows) == EXPORT_ROWS:
            with self._lock:
                self._exports[name] = time.monotonic(), connection, cursor
        else:
            cursor.close()
            self._free.put(connection)
        return rows

    def _end_exports(self, older_than: float) -> None:
        oldest = time.monotonic() - older_than
        with self._lock:
            ended = [name for name, (at, _, _) in self._exports.items() if at < oldest]
            found = [self._exports.pop(name) for name in ended]
        for _, connection, cursor in found:
            cursor.close()
            self._free.put(connection)


def _connect(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute(
        "CREATE TABLE IF NOT EXISTS booked (customer TEXT, total INTEGER, remark TEXT)"
    )
    sum_of_customer(connection, "")
    return connection


def sum_of_customer(connection: sqlite3.Connection, customer: str) -> int:
    """What the orders of one customer come to."""
    query = "SELECT sum(total) FROM booked WHERE trim(lower(customer)) = trim(lower(?))"
    return int(connection.execute(query, (customer,)).fetchone()[0] or 0)
