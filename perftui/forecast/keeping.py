"""What a watch keeps of its forecasts from run to run, and what it does where it cannot."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from perftui.errors import StateError
from perftui.forecast.outcome import Breach, Outcome
from perftui.model.findings import Forecast
from perftui.model.objective import Objective
from perftui.model.past import PastCase, PastForecasts
from perftui.model.series import SeriesKey
from perftui.model.snapshot import SourceState, SourceStatus
from perftui.model.target import Target
from perftui.model.text import plain
from perftui.model.verdict import Verdict

if TYPE_CHECKING:
    from perftui.forecast.log import ForecastLog, Resolved

Act = Callable[["ForecastLog"], None]

FILE = "forecasts.sqlite"
PRUNE_S = 3600.0
PAST_S, CLOSE_S, RETRY_S = 1.0, 2.0, 1.0
MOST_WAITING = 2000
"""So much is held back while the file cannot be written; then the oldest is given up."""

_LOG = logging.getLogger(__name__)


def identity(target: Target) -> str:
    """What the same service is called in the next run: its name and command on its host. Of the
    command only a digest is kept: it may hold a secret. It holds no lone surrogates, as names from
    the system may."""
    command = "\0".join(target.cmdline).encode("utf-8", "replace")
    digest = hashlib.sha256(command).hexdigest()[:12]
    return f"{target.name}@{target.host}#{digest}".encode("utf-8", "backslashreplace").decode()


class Keeping:
    """The log of forecasts for one target, written by a thread of its own: a disk that hangs holds
    up no forecast and no screen.

    It raises nothing: `failure` says why what was given is not kept yet, None where it is; it is
    tried again. Without a `path` nothing is kept.
    """

    def __init__(self, path: Path | None, target: str) -> None:
        self._path = path
        self._target = target
        self._log: ForecastLog | None = None
        self._pruned_at = float("-inf")
        self._changed = threading.Condition()
        self._waiting: deque[Act] = deque(maxlen=MOST_WAITING)
        self._thread: threading.Thread | None = None
        self._closing = self._hangs = False
        self._failed_at = 0.0
        self.failure: StateError | None = None

    @property
    def status(self) -> SourceStatus | None:
        """Why what was given is not kept yet, and since when, as a source's state; None where it
        is. It is no failure to be warned of: forecasts go on."""
        failure = self.failure
        if failure is None:
            return None
        return SourceStatus("forecast log", SourceState.WAITING, self._failed_at, str(failure))

    def target(self, target: str) -> None:
        """Another target from now on."""
        self._target = target

    def forecast(
        self, objective: Objective, key: SeriesKey, at: float, chances: Mapping[str, float]
    ) -> None:
        """Keep what each forecaster said at `at` (Unix seconds)."""
        question = self._question(objective, key)
        self._write(lambda log: log.write(question(log), at, chances))

    def outcomes(
        self, objective: Objective, key: SeriesKey, outcomes: Iterable[Outcome], now: float
    ) -> None:
        """Keep what came of earlier ones; once an hour what is too old goes."""
        found = tuple(outcomes)
        if found:
            question = self._question(objective, key)
            self._write(lambda log: log.resolve(question(log), found, now))
        if now - self._pruned_at >= PRUNE_S:
            self._pruned_at = now
            self._write(lambda log: log.prune(now))

    def breach(self, objective: Objective, key: SeriesKey, breach: Breach) -> None:
        """Keep that a breach began."""
        onset, alerted = breach.onset, breach.alerted
        question = self._question(objective, key)
        self._write(lambda log: log.breach(question(log), onset, alerted))

    def learned(self, objective: Objective, key: SeriesKey, state: str) -> None:
        """Keep what the local forecaster has learned."""
        question = self._question(objective, key)
        self._write(lambda log: log.learned(question(log), state))

    def verdict(self, verdict: Verdict) -> None:
        """Keep what a person has decided."""
        target = self._target
        self._write(lambda log: log.judge(target, verdict))

    def read_verdicts(self, take: Callable[[Sequence[Verdict]], None]) -> None:
        """Hand over the verdicts of earlier runs, as soon as they are read, on a thread of its
        own."""
        target = self._target
        self._write(lambda log: take(log.verdicts(target)))

    def past(
        self, objective: Objective, key: SeriesKey
    ) -> tuple[list[Resolved], list[float], str | None]:
        """Of earlier runs: forecasts with outcomes, onsets of breaches, and what was learned; none
        of it where that takes longer than `PAST_S`, or cannot be read."""
        found: list[tuple[list[Resolved], list[float], str | None]] = []

        question_of = self._question(objective, key)

        def read(log: ForecastLog) -> None:
            question = question_of(log)
            onsets = [onset for onset, _ in log.breaches(question)]
            found.append((log.resolved(question), onsets, log.last_learned(question)))

        if self._path is not None:
            self._write(read)
            with self._changed:
                # Who has waited once for a disk that hangs does not wait again for each series.
                patience_s = 0.0 if self._hangs else PAST_S
                if not self._changed.wait_for(lambda: found or self.failure, patience_s):
                    self._hangs = True
        return found[0] if found else ([], [], None)

    def past_forecasts(self) -> tuple[PastForecasts, ...]:
        """What came of this target's earlier forecasts; from any thread. StateError where the log
        cannot be read."""
        if self._path is None or not self._path.exists():
            return ()
        from perftui.forecast.logged import past_forecasts

        self.flush()  # what is known by now belongs to it
        return past_forecasts(self._path, self._target)

    def cases(self, now: Forecast) -> tuple[PastCase, ...]:
        """Earlier moments of this target that are like `now`, the most similar first; none where
        they cannot be read at present. From any thread."""
        if self._path is None or not self._path.exists():
            return ()
        from perftui.forecast.cases import similar_cases

        try:
            return similar_cases(self._path, self._target, now)
        except StateError:
            _LOG.debug("similar cases cannot be read", exc_info=True)
            return ()

    def close(self) -> None:
        """Write what still waits, if that can be, and close the file; takes `CLOSE_S` at most."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(CLOSE_S)

    def flush(self, timeout_s: float = CLOSE_S) -> None:
        """Wait until all that was given is written, or cannot be."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting or self.failure, timeout_s)

    def _question(self, objective: Objective, key: SeriesKey) -> Callable[[ForecastLog], int]:
        """Finds the question's row when it is written; it is about the target of now, though."""
        target = self._target
        return lambda log: log.question(target, objective, key)

    def _write(self, act: Act) -> None:
        if self._path is None:
            return
        with self._changed:
            self._waiting.append(act)
            self._changed.notify_all()
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._work, args=(self._path,), name="perftui-forecasts", daemon=True
                )
                self._thread.start()

    def _work(self, path: Path) -> None:
        """Write what waits, oldest first, until it is closed."""
        from perftui.forecast.log import ForecastLog  # SQLite: not before it is needed

        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closing)
                if not self._waiting:
                    break
                act = self._waiting[0]
            failure: StateError | None = None
            try:
                self._log = self._log or ForecastLog(path)
                act(self._log)
            except StateError as error:
                _LOG.debug("the log of forecasts failed", exc_info=True)
                failure = error
            except Exception as error:  # noqa: BLE001 - whatever it is
                # What one row holds, damaged say, must not end all keeping.
                _LOG.debug("the log of forecasts failed", exc_info=True)
                text = f"The log of forecasts holds what cannot be read ({plain(str(error), 100)})."
                failure = StateError(text, "Move it away.", is_refused=True)
            with self._changed:
                if failure is None:
                    self._hangs = False
                if self.failure is None:
                    self._failed_at = time.time()
                self.failure = failure
                if failure is None or failure.is_refused:
                    if self._waiting and self._waiting[0] is act:
                        self._waiting.popleft()
                elif self._closing:
                    break
                self._changed.notify_all()
                if failure is not None and not failure.is_refused:
                    self._changed.wait_for(lambda: self._closing, RETRY_S)
        if self._log is not None:
            self._log.close()
