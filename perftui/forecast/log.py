"""The log of forecasts: written before the outcome exists, resolved afterwards, never changed.

One SQLite file for all perftuis of a user on a host. A question is an objective on one series of
one target; a forecast is what a forecaster said of it at a time; its outcome is a row of another
table, so that what was said stays as it was. WAL lets several perftuis write, and a crash loses at
most what was not committed.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from perftui.errors import StateError
from perftui.forecast.outcome import Outcome
from perftui.model.findings import LOCAL
from perftui.model.objective import Objective
from perftui.model.past import PastCase
from perftui.model.series import SeriesKey
from perftui.model.verdict import Decision, Item, Verdict
from perftui.state_file import StateFile

KEPT_S = 30 * 86_400.0
MOST_ALIKE = 2000
"""So many similar moments are looked at: a day of one a minute, and more."""
Labels = tuple[tuple[str, str], ...]

BUSY_S = 0.3
"""Another perftui holds the file for milliseconds; a tick does not wait longer than this."""

_OF_MODELS = "forecaster NOT IN ('local', 'predict_linear', 'holt', 'base_rate')"
"""What is written down of others than those that are always there."""

# What is violated at a moment may have begun less than `hold_s` before it.
_ONSET = (
    "CASE WHEN breached THEN (SELECT min(onset) FROM breach"
    " WHERE breach.question = question.id AND onset > made_at - hold_s) END"
)
"""The onset of the breach that came after a moment, in the SQL of pairs."""

_SCHEMAS = (
    """
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
""",
    # Most rows are not a model's: with this, theirs are found without going through all.
    f"""
CREATE INDEX forecast_of_model ON forecast (forecaster) WHERE {_OF_MODELS};
CREATE TABLE verdict (
    id INTEGER PRIMARY KEY, decided_at REAL NOT NULL, until REAL, decision TEXT NOT NULL,
    note TEXT NOT NULL, target TEXT NOT NULL, said_by TEXT NOT NULL,
    question INTEGER REFERENCES question, made_at REAL, probability REAL, action TEXT NOT NULL);
CREATE TRIGGER verdict_is_final BEFORE UPDATE ON verdict
    BEGIN SELECT RAISE(ABORT, 'a verdict is never changed'); END;
""",
)
"""What makes each version of the file from the one before; one that is out is never changed."""
VERSION = len(_SCHEMAS)


class Question(NamedTuple):
    """An objective on one series of one target; `id` is its row."""

    id: int
    target: str
    objective: Objective
    labels: Labels


class Resolved(NamedTuple):
    """What was said at `made_at` (Unix seconds), by forecaster, and whether a breach came."""

    made_at: float
    chances: Mapping[str, float]
    breached: bool


class Pair(NamedTuple):
    """What a model and the local forecaster said (0 to 1) of the moment `made_at` (Unix seconds) of
    a question, and whether a breach came: the one with this `onset` (Unix seconds), None where that
    is not known. The model's is the chance that was shown: the one that was held to the local
    one."""

    question: int
    made_at: float
    horizon_s: float
    said: float
    local: float
    breached: bool
    onset: float | None = None


class ForecastLog:
    """The file `path`, made where it is not there: 0600, in a directory of 0700.

    For one thread. StateError, in one sentence, where it cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._questions: dict[tuple[str, Objective, Labels], int] = {}
        self._file = StateFile(path, busy_s=BUSY_S, without="forecasts are not kept")
        with self._file.transaction() as database:
            version = database.execute("PRAGMA user_version").fetchone()[0]
            if version > VERSION:
                raise StateError(
                    f"{self._file.name} was written by a newer perftui.", "Update this one."
                )
            for schema in _SCHEMAS[version:]:
                for statement in _statements(schema):
                    database.execute(statement)
            database.execute(f"PRAGMA user_version = {VERSION}")
            self._kept_until = database.execute("SELECT max(made_at) FROM outcome").fetchone()[0]

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def question(self, target: str, objective: Objective, key: SeriesKey) -> int:
        """The row of a question, made where it is new."""
        return self._row_of(target, objective, key.labels)

    def _row_of(self, target: str, objective: Objective, labels: Labels) -> int:
        known = self._questions.get((target, objective, labels))
        if known is not None:
            return known
        row = (
            *(target, _text(objective.metric), json.dumps(labels), objective.threshold),
            *(objective.above, objective.hold_s, objective.horizon_s),
        )
        columns = "target, metric, labels, threshold, above, hold_s, horizon_s"
        with self._file.transaction() as database:
            database.execute(f"INSERT OR IGNORE INTO question ({columns}) VALUES ({_MARKS})", row)  # noqa: S608
            found = database.execute(
                f"SELECT id FROM question WHERE ({columns}) = ({_MARKS})",  # noqa: S608
                row,
            ).fetchone()[0]
        self._questions[target, objective, labels] = found
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
        """Drop what is older than `KEPT_S`; not where all that there was is old: the clock may be
        ahead, and all of it would go."""
        if self._kept_until is not None and now - self._kept_until > KEPT_S / 2:
            return
        oldest = now - KEPT_S
        with self._file.transaction() as database:
            database.execute("DELETE FROM outcome WHERE made_at < ?", (oldest,))
            database.execute("DELETE FROM forecast WHERE made_at < ?", (oldest,))
            database.execute("DELETE FROM breach WHERE onset < ?", (oldest,))
            database.execute("DELETE FROM verdict WHERE decided_at < ?", (oldest,))

    def judge(self, target: str, verdict: Verdict) -> None:
        """Keep what a person has decided; what was decided before stays."""
        item = verdict.item
        question = None
        if item.objective is not None:
            question = self._row_of(target, item.objective, item.labels)
        until = verdict.until if verdict.until < math.inf else None
        row = (
            *(verdict.at, until, verdict.decision.value, _text(verdict.note), target),
            *(_text(item.by), question, item.made_at, item.chance, _text(item.action)),
        )
        with self._file.transaction() as database:
            database.execute("INSERT INTO verdict VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

    def came(self, question: int, said_at: float) -> bool | None:
        """Whether a breach came within the horizon of what was said last up to `said_at` (Unix
        seconds); None while that is not known, or if that was more than a horizon before."""
        with self._file.failing():
            row = self._file.database.execute(
                "SELECT breached FROM"
                " (SELECT question, max(made_at) AS made_at FROM forecast"
                "  WHERE question = ? AND made_at <= ?) JOIN outcome USING (question, made_at)"
                " JOIN question ON question.id = question WHERE made_at > ? - horizon_s",
                (question, said_at, said_at),
            ).fetchone()
        return bool(row[0]) if row else None

    def question_of(self, target: str, objective: Objective, labels: Labels) -> int | None:
        """The row of a question, without a label, None where it was never asked."""
        asked = target, objective, labels
        rows = ((one.id, (one.target, one.objective, one.labels)) for one in self.questions())
        return next((number for number, question in rows if question == asked), None)

    def alike(self, question: int, chance: float, within: float) -> list[PastCase]:
        """Moments whose outcome is known and at which the local forecaster said about `chance`, the
        most similar first, of those the newest."""
        with self._file.failing():
            rows = self._file.database.execute(
                f"SELECT made_at, probability, breached, {_ONSET} FROM"  # noqa: S608
                " (SELECT * FROM forecast JOIN outcome USING (question, made_at)"
                "  WHERE question = ? AND forecaster = ? AND abs(probability - ?) <= ?"
                "  ORDER BY abs(probability - ?), made_at DESC LIMIT ?)"
                " JOIN question ON question.id = question"
                " ORDER BY abs(probability - ?), made_at DESC",
                (question, LOCAL, chance, within, chance, MOST_ALIKE, chance),
            ).fetchall()
        return [PastCase(at, said, bool(breached), onset) for at, said, breached, onset in rows]

    def verdicts(self, target: str) -> list[Verdict]:
        """What was decided on this target's forecasts and on what was proposed, oldest first."""
        asked = {question.id: question for question in self.questions()}
        with self._file.failing():
            rows = self._file.database.execute(
                "SELECT said_by, question, action, made_at, probability,"
                " decision, decided_at, until, note FROM verdict"
                " WHERE target = ? ORDER BY decided_at, id",
                (target,),
            ).fetchall()
        found = []
        for by, number, action, made_at, chance, decision, at, until, note in rows:
            question = asked.get(number)
            objective, labels = (question.objective, question.labels) if question else (None, ())
            item = Item(by, objective, labels, action, made_at, chance)
            ends = math.inf if until is None else until
            found.append(Verdict(item, Decision(decision), at, ends, note))
        return found

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
                f"SELECT {', '.join(Pair._fields[:-1])}, {_ONSET} FROM"  # noqa: S608
                " (SELECT question, made_at, probability AS said FROM forecast"
                f" WHERE {_OF_MODELS} AND forecaster = ?)"
                " JOIN (SELECT question, made_at, probability AS local FROM forecast"
                " WHERE forecaster = ?) USING (question, made_at)"
                " JOIN outcome USING (question, made_at) JOIN question ON question.id = question"
                " ORDER BY question, made_at",
                (_text(model), LOCAL),
            ).fetchall()
        return [
            Pair(number, at, horizon_s, said, local, bool(breached), onset)
            for number, at, horizon_s, said, local, breached, onset in rows
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


def _statements(schema: str) -> Iterator[str]:
    """The statements of a script; executescript would end the transaction."""
    statement = ""
    for line in schema.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
