"""What a watch keeps of its forecasts from run to run, and what it does where it cannot."""

from __future__ import annotations

import hashlib
import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from perftui.errors import StateError
from perftui.forecast.outcome import Breach, Outcome
from perftui.model.objective import Objective
from perftui.model.past import PastForecasts
from perftui.model.series import SeriesKey
from perftui.model.target import Target

if TYPE_CHECKING:
    from perftui.forecast.log import ForecastLog, Resolved

T = TypeVar("T")

FILE = "forecasts.sqlite"
PRUNE_S = 3600.0
MOST_WAITING = 2000
"""So much is held back while the file cannot be written; then the oldest is given up."""

_LOG = logging.getLogger(__name__)


def identity(target: Target) -> str:
    """What the same service is called in the next run: its name and command on its host. Of the
    command only a digest is kept: it may hold a secret."""
    command = "\0".join(target.cmdline).encode("utf-8", "replace")
    return f"{target.name}@{target.host}#{hashlib.sha256(command).hexdigest()[:12]}"


class Keeping:
    """The log of forecasts for one target, opened when it is first needed.

    For one thread. It raises nothing: `failure` says why what was last given is not kept yet, None
    where it is; it is tried again with what comes next. Without a `path` nothing is kept.
    """

    def __init__(self, path: Path | None, target: str) -> None:
        self._path = path
        self._target = target
        self._log: ForecastLog | None = None
        self._pruned_at = float("-inf")
        self._waiting: deque[Callable[[ForecastLog], None]] = deque(maxlen=MOST_WAITING)
        self.failure: StateError | None = None

    def target(self, target: str) -> None:
        """Another target from now on."""
        self._target = target

    def forecast(
        self, objective: Objective, key: SeriesKey, at: float, chances: Mapping[str, float]
    ) -> None:
        """Keep what each forecaster said at `at` (Unix seconds)."""
        self._write(lambda log: log.write(self._question(log, objective, key), at, chances))

    def outcomes(
        self, objective: Objective, key: SeriesKey, outcomes: Iterable[Outcome], now: float
    ) -> None:
        """Keep what came of earlier ones; once an hour what is too old goes."""
        found = tuple(outcomes)
        if found:
            self._write(lambda log: log.resolve(self._question(log, objective, key), found, now))
        if now - self._pruned_at >= PRUNE_S:
            self._pruned_at = now
            self._write(lambda log: log.prune(now))

    def breach(self, objective: Objective, key: SeriesKey, breach: Breach) -> None:
        """Keep that a breach began."""
        onset, alerted = breach.onset, breach.alerted
        self._write(lambda log: log.breach(self._question(log, objective, key), onset, alerted))

    def learned(self, objective: Objective, key: SeriesKey, state: str) -> None:
        """Keep what the local forecaster has learned."""
        self._write(lambda log: log.learned(self._question(log, objective, key), state))

    def past(
        self, objective: Objective, key: SeriesKey
    ) -> tuple[list[Resolved], list[float], str | None]:
        """Of earlier runs: forecasts with outcomes, onsets of breaches, and what was learned."""

        def read(log: ForecastLog) -> tuple[list[Resolved], list[float], str | None]:
            question = self._question(log, objective, key)
            onsets = [onset for onset, _ in log.breaches(question)]
            return log.resolved(question), onsets, log.last_learned(question)

        return self._try(read) or ([], [], None)

    def past_forecasts(self) -> tuple[PastForecasts, ...]:
        """What came of this target's earlier forecasts; from any thread. StateError where the log
        cannot be read."""
        if self._path is None or not self._path.exists():
            return ()
        from perftui.forecast.logged import past_forecasts

        return past_forecasts(self._path, self._target)

    def close(self) -> None:
        """Write what still waits, if that can be, and close the file."""
        self.flush()
        if self._log is not None:
            self._log.close()
            self._log = None

    def _question(self, log: ForecastLog, objective: Objective, key: SeriesKey) -> int:
        return log.question(self._target, objective, key)

    def _write(self, act: Callable[[ForecastLog], None]) -> None:
        if self._path is not None:
            self._waiting.append(act)
            self.flush()

    def flush(self) -> None:
        """Write what waits, as far as that can be."""
        while self._waiting:
            self._try(self._waiting[0])
            if self.failure is not None and not self.failure.is_refused:
                return  # later
            self._waiting.popleft()

    def _try(self, act: Callable[[ForecastLog], T]) -> T | None:
        if self._path is None:
            return None
        try:
            if self._log is None:
                from perftui.forecast.log import ForecastLog  # SQLite: not before it is needed

                self._log = ForecastLog(self._path)
            done = act(self._log)
        except StateError as error:
            _LOG.debug("the log of forecasts failed", exc_info=True)
            self.failure = error
            return None
        self.failure = None
        return done
