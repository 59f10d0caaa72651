"""The ledger of what calls cost, and the cap of a month: for all perftuis of a user on a host.

A call is entered with its worst case before it is made, and only if all of the month's calls stay
within the cap with that. What it came to takes the place of the worst case afterwards; of a call
whose perftui was killed meanwhile the worst case stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from perftui.state_file import StateFile

BUSY_S = 5.0
DAY_S = 86_400.0
KEPT = 500_000
"""So many calls are kept, more than a year of one a minute. What goes is not told by the clock: one
that is put forward for a moment must not lose what was spent."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS call (
    id INTEGER PRIMARY KEY, began_at REAL NOT NULL, model TEXT NOT NULL,
    worst_usd REAL NOT NULL, cost_usd REAL)
"""


@dataclass(frozen=True)
class Spent:
    """US dollars: of the newest 24 hours, of the month so far, and of the month in the end if it
    goes on like the newest day."""

    day_usd: float
    month_usd: float
    projected_usd: float


class Ledger:
    """The calls in the file `path`; None is for this run alone. For one thread.

    StateError where the file cannot be used: then nothing may be called, as nothing would stop it.
    """

    def __init__(self, path: Path | None) -> None:
        self._file = StateFile(path, busy_s=BUSY_S, without="no LLM is called")
        with self._file.failing():
            # What was spent must be there after a loss of power, too.
            self._file.database.execute("PRAGMA synchronous = FULL")
        with self._file.transaction() as database:
            database.execute(_SCHEMA)

    def reserve(self, now: float, model: str, worst_usd: float, cap_usd: float) -> int | None:
        """Enter a call that begins `now` (Unix seconds); None where the month's calls could come to
        more than the cap with it."""
        with self._file.transaction() as database:
            if self._since(month_of(now)) + worst_usd > cap_usd:
                return None
            database.execute("DELETE FROM call WHERE id <= (SELECT max(id) FROM call) - ?", (KEPT,))
            entered = database.execute(
                "INSERT INTO call (began_at, model, worst_usd) VALUES (?, ?, ?)",
                (now, model, worst_usd),
            )
        return entered.lastrowid

    def settle(self, call: int, cost_usd: float) -> None:
        """What it came to."""
        with self._file.transaction() as database:
            database.execute("UPDATE call SET cost_usd = ? WHERE id = ?", (cost_usd, call))

    def settled(self, now: float) -> float:
        """What the calls of this month came to that are over, in US dollars."""
        with self._file.failing():
            [total] = self._file.database.execute(
                "SELECT total(cost_usd) FROM call WHERE began_at >= ?", (month_of(now),)
            ).fetchone()
        return float(total)

    def spent(self, now: float) -> Spent:
        """What was spent up to `now` (Unix seconds)."""
        with self._file.failing():
            day, month = self._since(now - DAY_S), self._since(month_of(now))
        return Spent(day, month, month + day * (_month_after(now) - now) / DAY_S)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _since(self, at: float) -> float:
        [total] = self._file.database.execute(
            "SELECT total(coalesce(cost_usd, worst_usd)) FROM call WHERE began_at >= ?", (at,)
        ).fetchone()
        return float(total)


def month_of(now: float) -> float:
    """When the month began, by UTC, in Unix seconds."""
    return _first(datetime.fromtimestamp(now, UTC)).timestamp()


def _month_after(now: float) -> float:
    first = _first(datetime.fromtimestamp(now, UTC))
    return _first(first + timedelta(days=32)).timestamp()


def _first(moment: datetime) -> datetime:
    return moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
