"""Writes a recording, from the snapshots of a watch."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

from perftui.errors import StateError
from perftui.model.event import Event
from perftui.model.series import Series, SeriesKey
from perftui.model.snapshot import Snapshot
from perftui.model.stacks import Frame, Stack, Thread, Window
from perftui.model.target import Target
from perftui.model.text import plain
from perftui.session.layout import ABOUT, APPLICATION_ID, SCHEMA, VERSION, packed, raw

K = TypeVar("K", bound=Hashable)

SETTLED_S = 15.0
"""A window is written once it is so old: until then what is found impossible is still cut."""


class SessionWriter:
    """A new file `path`, for one thread: 0600, as it names what runs.

    StateError where it is there already or cannot be written. What was written is there also after
    a crash.
    """

    def __init__(
        self, path: Path, target: Target, about: Mapping[str, object] | None = None
    ) -> None:
        self._path = path
        self._frames: dict[Frame, int] = {}
        self._stacks: dict[Stack, int] = {}
        self._threads: dict[Thread, int] = {}
        self._series: dict[SeriesKey, tuple[int, float]] = {}
        self._written_to = {"window": float("-inf"), "gil_window": float("-inf")}
        self._last: Snapshot | None = None
        try:
            path.touch(mode=0o600, exist_ok=False)
        except OSError as error:
            why = error.strerror or str(error)
            raise StateError(
                f"{plain(str(path))} cannot be written: {plain(why)}.", "Name another file."
            ) from None
        with self._failing():
            self._database = sqlite3.connect(path, isolation_level=None)
            self._database.executescript(
                f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION};"
                f"PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; {SCHEMA}"
            )
            rows = {"target": asdict(target), **(about or {})}
            self._database.executemany(
                "INSERT INTO meta VALUES (?, ?)",
                [(name, json.dumps(value)) for name, value in rows.items()],
            )

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StateError(
                f"{plain(str(self._path))} cannot be written: {plain(str(error))}.",
                "Make room, or name another file.",
            ) from error

    def write(self, snapshot: Snapshot) -> None:
        """Add what is new since the last one. A snapshot must reach back to that."""
        self._write(snapshot, snapshot.taken_at - SETTLED_S)

    def _write(self, snapshot: Snapshot, until: float) -> None:
        self._last = snapshot
        with self._failing():
            self._database.execute("BEGIN")
            self._add_windows("window", snapshot.windows, until)
            self._add_windows("gil_window", snapshot.gil_windows, until)
            for series in snapshot.series:
                self._add_points(series)
            for event in snapshot.events:
                self._add_event(event)
            self._database.execute("COMMIT")

    def close(self) -> None:
        """Write what waited to settle, and close the file: it is one file then."""
        if self._last is not None:
            self._write(self._last, float("inf"))
        with self._failing():
            self._database.execute("PRAGMA journal_mode = DELETE")
        self._database.close()

    def _add_windows(self, table: str, windows: Iterable[Window], until: float) -> None:
        """Add those that are new and end by then."""
        for window in windows:
            if self._written_to[table] < window.end <= until:
                self._written_to[table] = window.end
                self._add_window(table, window)

    def _add_window(self, table: str, window: Window) -> None:
        about = {name: getattr(window, name) for name in ABOUT}
        about["mode"] = window.mode.value
        about["unconfirmed"] = sorted(window.unconfirmed)
        counts: list[int] = []
        for (thread, stack), count in window.stacks.items():
            counts += (self._thread(thread), self._stack(stack), count)
        self._database.execute(
            f"INSERT INTO {table} VALUES (?, ?, ?, ?)",  # noqa: S608 - a name of the layout
            (window.start, window.end, json.dumps(about), packed(counts)),
        )

    def _thread(self, thread: Thread) -> int:
        row = "INSERT INTO thread VALUES (?, ?, ?, CAST(? AS TEXT))"
        return self._number(
            self._threads, thread, row, lambda: (thread.pid, thread.tid, raw(thread.name))
        )

    def _stack(self, stack: Stack) -> int:
        row = "INSERT INTO stack VALUES (?, ?)"
        return self._number(self._stacks, stack, row, lambda: (packed(map(self._frame, stack)),))

    def _frame(self, frame: Frame) -> int:
        row = "INSERT INTO frame VALUES (?, CAST(? AS TEXT), CAST(? AS TEXT), ?)"
        return self._number(
            self._frames, frame, row, lambda: (raw(frame.function), raw(frame.file), frame.line)
        )

    def _number(
        self, known: dict[K, int], item: K, row: str, columns: Callable[[], tuple[object, ...]]
    ) -> int:
        """The number of an item, which is written where it is new."""
        number = known.get(item)
        if number is None:
            number = known[item] = len(known)
            self._database.execute(row, (number, *columns()))
        return number

    def _add_points(self, series: Series) -> None:
        key = series.key
        number, last = self._series.get(key, (len(self._series), float("-inf")))
        if key not in self._series:
            self._database.execute(
                "INSERT INTO series VALUES (?, CAST(? AS TEXT), ?, CAST(? AS TEXT), ?, ?)",
                (
                    number,
                    raw(key.name),
                    key.origin.value,
                    raw(key.unit),
                    json.dumps(key.labels),
                    key.limit,
                ),
            )
        new = [(number, point.at, point.value) for point in series.points if point.at > last]
        self._database.executemany("INSERT OR IGNORE INTO point VALUES (?, ?, ?)", new)
        self._series[key] = number, max(last, series.last.at)

    def _add_event(self, event: Event) -> None:
        self._database.execute(
            "INSERT OR REPLACE INTO event VALUES (?, CAST(? AS TEXT), ?, ?, CAST(? AS TEXT))",
            (event.kind.value, raw(event.about), event.at, event.until, raw(event.text)),
        )
