"""The log of forecasts: written before the outcome exists, resolved afterwards, never changed.

One SQLite file for all perftuis of a user on a host. A question is an objective on one series of
one target; a forecast is what a forecaster said of it at a time; its outcome is a row of another
table, so that what was said stays as it was. WAL lets several perftuis write, and a crash loses at
most what was not committed.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from perftui.errors import StateError
from perftui.forecast.outcome import Outcome
from perftui.model.findings import LOCAL
from perftui.model.objective import Objective
from perftui.model.series import SeriesKey
from perftui.state_file import StateFile

VERSION = 1
KEPT_S = 30 * 86_400.0
BUSY_S = 0.3
"""Another perftui holds the file for milliseconds; a tick does not wait longer than this."""

_SCHEMA = """
CREATE TABLE question (
    id INTEGER PRIMARY KEY, target TEXT NOT NULL, metric TEXT NOT NULL, labels TEXT NOT NULL,
    threshold REAL NOT NULL, above INTEGER NOT NULL, hold_s REAL NOT NULL, horizon_s REAL NOT NULL,
    UNIQUE (target, metric, labels, threshold, above, hold_s, horizon_s));
CREATE TABLE forecast (
    question INTEGER NOT NULL REFERENCES question, made_at REAL NOT NULL, forecaster TEXT NOT NULL,
    probability REAL NOT NULL, PRIMARY KEY (question, made_at, forecaster)) WITHOUT ROWID;
CREATE TABLE outcome (
    question INTEGER NOT NULL REFERENCES question, made_at REAL NOT NULL,
    breached INTEGER NOT NULL, resolved_at REAL NOT NULL,
    PRIMARY KEY (question, made_at)) WITHOUT ROWID;
CREATE TABLE breach (
    question INTEGER NOT NULL REFERENCES question, onset REAL NOT NULL, alerted REAL NOT NULL,
    PRIMARY KEY (question, onset)) WITHOUT ROWID;
CREATE TABLE learned (
    question INTEGER PRIMARY KEY REFERENCES question, state TEXT NOT NULL);
CREATE TRIGGER forecast_is_final BEFORE UPDATE ON forecast
    BEGIN SELECT RAISE(ABORT, 'a forecast is never changed'); END;
CREATE TRIGGER forecast_comes_first BEFORE INSERT ON forecast
    WHEN EXISTS (SELECT 1 FROM outcome
                 WHERE question = NEW.question AND made_at = NEW.made_at)
    BEGIN SELECT RAISE(ABORT, 'its outcome is known'); END;
"""


class Question(NamedTuple):
    """An objective on one series of one target; `id` is its row."""

    id: int
    target: str
    objective: Objective
    labels: tuple[tuple[str, str], ...]


class Resolved(NamedTuple):
    """What was said at `made_at` (Unix seconds), by forecaster, and whether a breach came."""

    made_at: float
    chances: Mapping[str, float]
    breached: bool


class Pair(NamedTuple):
    """What a model and the local forecaster said (0 to 1) of the moment `made_at` (Unix seconds) of
    a question, and whether a breach came. The model's is the chance that was shown: the one that
    was held to the local one."""

    question: int
    made_at: float
    horizon_s: float
    said: float
    local: float
    breached: bool


class ForecastLog:
    """The file `path`, made where it is not there: 0600, in a directory of 0700.

    For one thread. StateError, in one sentence, where it cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._questions: dict[tuple[str, Objective, SeriesKey], int] = {}
        self._file = StateFile(path, busy_s=BUSY_S, without="forecasts are not kept")
        with self._file.transaction() as database:
            version = database.execute("PRAGMA user_version").fetchone()[0]
            if version > VERSION:
                raise StateError(
                    f"{self._file.name} was written by a newer perftui.", "Update this one."
                )
            if version == 0:
                for statement in _statements(_SCHEMA):
                    database.execute(statement)
                database.execute(f"PRAGMA user_version = {VERSION}")

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def question(self, target: str, objective: Objective, key: SeriesKey) -> int:
        """The row of a question, made where it is new."""
        known = self._questions.get((target, objective, key))
        if known is not None:
            return known
        row = (
            *(target, _text(objective.metric), json.dumps(key.labels), objective.threshold),
            *(objective.above, objective.hold_s, objective.horizon_s),
        )
        columns = "target, metric, labels, threshold, above, hold_s, horizon_s"
        with self._file.transaction() as database:
            database.execute(f"INSERT OR IGNORE INTO question ({columns}) VALUES ({_MARKS})", row)  # noqa: S608
            found = database.execute(
                f"SELECT id FROM question WHERE ({columns}) = ({_MARKS})",  # noqa: S608
                row,
            ).fetchone()[0]
        self._questions[target, objective, key] = found
        return int(found)

    def write(self, question: int, made_at: float, chances: Mapping[str, float]) -> None:
        """Keep what each forecaster said at `made_at` (Unix seconds)."""
        rows = [(question, made_at, _text(name), chance) for name, chance in chances.items()]
        with self._file.transaction() as database:
            database.executemany("INSERT INTO forecast VALUES (?, ?, ?, ?)", rows)

    def resolve(self, question: int, outcomes: Iterable[Outcome], now: float) -> None:
        """Keep the outcomes of forecasts made at those moments."""
        rows = [(question, outcome.at, outcome.breached, now) for outcome in outcomes]
        if rows:
            with self._file.transaction() as database:
                database.executemany("INSERT OR IGNORE INTO outcome VALUES (?, ?, ?, ?)", rows)

    def breach(self, question: int, onset: float, alerted: float) -> None:
        """Keep that a breach began, and when a Prometheus rule would have fired."""
        with self._file.transaction() as database:
            database.execute(
                "INSERT OR IGNORE INTO breach VALUES (?, ?, ?)", (question, onset, alerted)
            )

    def learned(self, question: int, state: str) -> None:
        """Keep what a forecaster has learned, in place of what was kept before."""
        with self._file.transaction() as database:
            database.execute("INSERT OR REPLACE INTO learned VALUES (?, ?)", (question, state))

    def last_learned(self, question: int) -> str | None:
        """What was kept last, None if nothing was."""
        with self._file.failing():
            row = self._file.database.execute(
                "SELECT state FROM learned WHERE question = ?", (question,)
            ).fetchone()
        return row[0] if row else None

    def prune(self, now: float) -> None:
        """Drop what is older than `KEPT_S`."""
        oldest = now - KEPT_S
        with self._file.transaction() as database:
            database.execute("DELETE FROM outcome WHERE made_at < ?", (oldest,))
            database.execute("DELETE FROM forecast WHERE made_at < ?", (oldest,))
            database.execute("DELETE FROM breach WHERE onset < ?", (oldest,))

    def questions(self) -> list[Question]:
        """All questions, in the order in which they were first asked."""
        with self._file.failing():
            rows = self._file.database.execute(
                "SELECT id, target, labels, metric, threshold, above, hold_s, horizon_s"
                " FROM question ORDER BY id"
            ).fetchall()
        return [
            Question(
                number,
                target,
                Objective(metric, threshold, bool(above), hold_s, horizon_s),
                tuple((name, value) for name, value in json.loads(labels)),
            )
            for number, target, labels, metric, threshold, above, hold_s, horizon_s in rows
        ]

    def resolved(self, question: int) -> list[Resolved]:
        """All forecasts of a question whose outcome is known, oldest first."""
        with self._file.failing():
            rows = self._file.database.execute(
                "SELECT made_at, forecaster, probability, breached FROM forecast"
                " JOIN outcome USING (question, made_at)"
                " WHERE question = ? ORDER BY made_at",
                (question,),
            ).fetchall()
        found: dict[float, tuple[dict[str, float], bool]] = {}
        for made_at, name, chance, breached in rows:
            found.setdefault(made_at, ({}, bool(breached)))[0][name] = chance
        return [Resolved(at, chances, breached) for at, (chances, breached) in found.items()]

    def models(self) -> list[str]:
        """The models that have said something, by name."""
        with self._file.failing():
            rows = self._file.database.execute(
                f"SELECT DISTINCT forecaster FROM forecast WHERE {_OF_MODELS} ORDER BY forecaster"  # noqa: S608
            ).fetchall()
        return [name for (name,) in rows]

    def pairs(self, model: str) -> list[Pair]:
        """What a model and the local forecaster said of the same moments whose outcome is known, by
        question, oldest first."""
        with self._file.failing():
            rows = self._file.database.execute(
                f"SELECT {', '.join(Pair._fields)} FROM"  # noqa: S608
                " (SELECT question, made_at, probability AS said FROM forecast"
                f" WHERE {_OF_MODELS} AND forecaster = ?)"
                " JOIN (SELECT question, made_at, probability AS local FROM forecast"
                " WHERE forecaster = ?) USING (question, made_at)"
                " JOIN outcome USING (question, made_at) JOIN question ON question.id = question"
                " ORDER BY question, made_at",
                (_text(model), LOCAL),
            ).fetchall()
        return [
            Pair(number, at, horizon_s, said, local, bool(breached))
            for number, at, horizon_s, said, local, breached in rows
        ]

    def breaches(self, question: int) -> Sequence[tuple[float, float]]:
        """Onsets of a question's breaches, each with when a rule would have fired."""
        with self._file.failing():
            return self._file.database.execute(
                "SELECT onset, alerted FROM breach WHERE question = ? ORDER BY onset", (question,)
            ).fetchall()


def _text(name: str) -> str:
    """A name without lone surrogates, which come from the system and which SQLite does not take."""
    return name.encode("utf-8", "backslashreplace").decode()


_MARKS = ", ".join("?" * 7)
_OF_MODELS = "forecaster NOT IN ('local', 'predict_linear', 'holt', 'base_rate')"
"""What is written down of others than those that are always there."""


def _statements(schema: str) -> Iterator[str]:
    """The statements of a script; executescript would end the transaction."""
    statement = ""
    for line in schema.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
