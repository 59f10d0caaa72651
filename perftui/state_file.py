"""The SQLite file of what is kept from run to run: private, for several perftuis at once."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from perftui.errors import StateError
from perftui.model.text import plain

BUSY_POLL_S = 0.01


class StateFile:
    """A connection to the file `path`, made where it is not there: 0600, in a directory of 0700.

    `path` None is for what is kept for this run alone. WAL lets several perftuis write, and a crash
    loses at most what was not committed; who waits for another waits `busy_s` seconds at most.
    `without` says what cannot be done while the file cannot be used: StateError says it in one
    sentence. For one thread.
    """

    def __init__(self, path: Path | None, *, busy_s: float, without: str) -> None:
        self.name = "the state of this run" if path is None else plain(str(path))
        self._without = without
        with self.failing():
            if path is not None:
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                path.touch(mode=0o600, exist_ok=True)
                if path.stat().st_mode & 0o077:
                    path.chmod(0o600)
            file = ":memory:" if path is None else path
            self.database = sqlite3.connect(file, timeout=busy_s, isolation_level=None)
            self._write_ahead(busy_s)
            self.database.execute("PRAGMA synchronous = NORMAL")
            self.database.execute("PRAGMA foreign_keys = ON")

    def _write_ahead(self, busy_s: float) -> None:
        """SQLite itself does not wait here for one that has just made the file and writes to it."""
        deadline = time.monotonic() + busy_s
        while True:
            try:
                self.database.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if (
                    error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY
                    or time.monotonic() > deadline
                ):
                    raise
                time.sleep(BUSY_POLL_S)
            else:
                return

    @contextmanager
    def failing(self) -> Iterator[None]:
        """What goes wrong with the file inside is a StateError."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise StateError(
                f"{self.name} cannot be used: {plain(why)}.",
                f"Mend it, or move it away and lose what is in it: until then {self._without}.",
                is_refused=isinstance(error, sqlite3.IntegrityError),
            ) from error

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of what is done inside, or nothing; nobody else writes meanwhile."""
        with self.failing():
            self.database.execute("BEGIN IMMEDIATE")
            try:
                yield self.database
            except BaseException:
                self.database.execute("ROLLBACK")
                raise
            self.database.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        self.database.close()
