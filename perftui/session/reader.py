"""Reads a recording."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from perftui.errors import UsageError
from perftui.model.event import Event, EventKind
from perftui.model.series import Origin, Point, Series, SeriesKey
from perftui.model.stacks import Frame, Mode, Place, Stack, Thread, Window
from perftui.model.target import ContainerInfo, Target
from perftui.model.text import plain
from perftui.session.layout import ABOUT, APPLICATION_ID, VERSION, text, unpacked


class Session:
    """The recording in the file `path`, for one thread; a context manager.

    UsageError, in one sentence, where it is none or cannot be read: files come from anywhere.
    """

    def __init__(self, path: Path) -> None:
        self._shown = plain(str(path))
        with self._failing():
            if not path.is_file():
                raise UsageError(f"There is no file {self._shown}.", "Name a recording.")
            self._database = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
            self._database.text_factory = text
            found, version = (
                self._database.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("application_id", "user_version")
            )
            if found != APPLICATION_ID:
                raise ValueError
            if version > VERSION:
                raise UsageError(
                    f"{self._shown} was recorded by a newer perftui.", "Update this one."
                )
            self.about: dict[str, Any] = {
                name: json.loads(value)
                for name, value in self._database.execute("SELECT name, value FROM meta")
            }
            self.target = _target(self.about.pop("target"))
            self._stacks: dict[int, Stack] = {}
            self._threads: dict[int, Thread] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, ValueError, KeyError, TypeError) as error:
            raise UsageError(
                f"{self._shown} is no recording of perftui, or is damaged.", "Record anew."
            ) from error

    def windows(self, start: float = float("-inf"), end: float = float("inf")) -> Iterator[Window]:
        """The windows that end from `start` to `end`, in that order."""
        return self._windows("window", start, end)

    def gil_windows(
        self, start: float = float("-inf"), end: float = float("inf")
    ) -> Iterator[Window]:
        """The looks at the GIL's holder beside them, likewise; none in the first recordings."""
        with self._failing():
            tables = self._database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            is_there = ("gil_window",) in tables.fetchall()
        return self._windows("gil_window", start, end) if is_there else iter(())

    def _windows(self, table: str, start: float, end: float) -> Iterator[Window]:
        with self._failing():
            rows = self._database.execute(
                f"SELECT start, end, about, counts FROM {table}"  # noqa: S608 - see its callers
                " WHERE end BETWEEN ? AND ? ORDER BY end",
                (start, end),
            )
            self._read_stacks()
            for row in rows:
                yield self._window(*row)

    def _window(self, start: float, end: float, about: str, counts: bytes) -> Window:
        known = json.loads(about)
        numbers = unpacked(counts)
        stacks = {
            (self._threads[numbers[n]], self._stacks[numbers[n + 1]]): numbers[n + 2]
            for n in range(0, len(numbers), 3)
        }
        unconfirmed = frozenset((Place(*a), Place(*b)) for a, b in known["unconfirmed"])
        return Window(
            start=start,
            end=end,
            mode=Mode(known["mode"]),
            stacks=stacks,
            unconfirmed=unconfirmed,
            **{name: known[name] for name in ABOUT if name in known},
        )

    def _read_stacks(self) -> None:
        frames = {
            number: Frame(*frame)
            for number, *frame in self._database.execute("SELECT * FROM frame")
        }
        self._stacks = {
            number: Stack(tuple(frames[frame] for frame in unpacked(data)))
            for number, data in self._database.execute("SELECT id, frames FROM stack")
        }
        self._threads = {
            number: Thread(*thread)
            for number, *thread in self._database.execute("SELECT * FROM thread")
        }

    def series(self) -> list[Series]:
        """All series with all of their points."""
        with self._failing():
            keys = {
                number: SeriesKey(name, Origin(origin), unit, _pairs(labels), top)
                for number, name, origin, unit, labels, top in self._database.execute(
                    "SELECT * FROM series ORDER BY id"
                )
            }
            points: dict[int, list[Point]] = {number: [] for number in keys}
            for number, at, value in self._database.execute(
                "SELECT series, at, value FROM point ORDER BY series, at"
            ):
                points[number].append(Point(at, value))
            return [Series(keys[n], tuple(found)) for n, found in points.items() if found]

    def events(self) -> list[Event]:
        """What happened, oldest first."""
        with self._failing():
            return [
                Event(at, EventKind(kind), text, about, until)
                for kind, about, at, until, text in self._database.execute(
                    "SELECT * FROM event ORDER BY at"
                )
            ]


def _pairs(labels: str) -> tuple[tuple[str, str], ...]:
    return tuple((str(name), str(value)) for name, value in json.loads(labels))


def _target(kept: dict[str, Any]) -> Target:
    inside = kept.pop("inside")
    return Target(
        **{**kept, "cmdline": tuple(kept["cmdline"])},
        inside=ContainerInfo(**inside) if inside is not None else None,
    )
