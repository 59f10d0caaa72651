"""A log file as two series: lines and errors a second. Its lines are neither kept nor sent."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

from perftui.errors import SourceError
from perftui.model.pattern import Pattern
from perftui.model.series import Origin, Point, SeriesKey
from perftui.model.snapshot import SourceState
from perftui.model.text import plain
from perftui.model.timeline import Timeline
from perftui.settings import DEFAULT_ERROR, LogSettings
from perftui.sources.base import Clock, Poll

EVERY_S = 1.0
MATCH_S = 0.04
"""What looking for errors may take of a second."""
COUNT_S = 0.08
"""What that and counting lines may take; what is left then is skipped."""
CHUNK_BYTES = 256 * 1024
MAX_LINE = 4096
"""Bytes of a line that are looked at."""


class LogSource(Poll):
    """What is written to one file from now on, once a second.

    Series: `NAME_lines` and `NAME_errors`, both a second. It goes on over rotation, by renaming and
    by truncation. Where so much is written that it cannot be looked at within a bounded part of a
    core, there is no point of what was not counted.
    """

    def __init__(self, settings: LogSettings, timeline: Timeline, clock: Clock) -> None:
        super().__init__(f"log {plain(settings.called, 60)}", clock, EVERY_S)
        self._path = Path(settings.file).expanduser()
        self._shown = plain(settings.file, 200)
        self._timeline = timeline
        self._lines, self._errors = (SeriesKey(n, Origin.LOG, "/s") for n in settings.metrics)
        self._pattern = Pattern(settings.error)
        self._patience_s = None if settings.error == DEFAULT_ERROR else MATCH_S
        self._file: _Followed | None = None
        self._former: _Followed | None = None
        self._looked_at: float | None = None
        self._is_new = False

    def run(self) -> None:
        """Follow the file until `stopping` is set."""
        try:
            super().run()
        finally:
            self._close()

    def poll(self) -> None:
        """Look once. SourceError where the file may not be read, or is no file that grows."""
        try:
            self._look()
        except PermissionError:
            self._close()
            for key in (self._lines, self._errors):
                self._timeline.add_unavailable(key, "not permitted")
            raise SourceError(
                f"{self._shown} may not be read.", "Run perftui as a user who may."
            ) from None
        except OSError as error:
            self._close()
            raise SourceError(
                f"{self._shown} cannot be read: {error.strerror or error}.", "Is it a log file?"
            ) from None

    def _look(self) -> None:
        now = self.clock()
        before, self._looked_at = self._looked_at, now
        if self._file is None:
            self._file = self._open()
            if self._file is None:
                self._is_new = True  # all that is in it when it comes is new
                self.say(SourceState.WAITING, f"{self._shown} does not exist yet.")
                return
            if not self._is_new:
                self._file.skip()
                self.say(SourceState.OK)
                return
        budget = _Budget()
        tally = _Tally(self._pattern, budget, self._patience_s)
        if self._former is not None:
            self._former.read(tally)
            self._former.close()
            self._former = None
        self._file.read(tally)
        if self._is_replaced():
            # Until the writer opens the new one it writes to this: it is read once more.
            self._former, self._file = self._file, None
            self._file, self._is_new = self._open(), True  # all that is in it is new
            if self._file is not None:
                self._file.read(tally)
        if before is not None and now > before:
            self._add(tally, now, now - before)
        self._say(tally)

    def _add(self, tally: _Tally, now: float, elapsed_s: float) -> None:
        points = []
        if not tally.skipped:
            points.append((self._lines, Point(now, tally.lines / elapsed_s)))
        if not tally.skipped and not tally.unmatched:
            points.append((self._errors, Point(now, tally.errors / elapsed_s)))
        self._timeline.add_points(points)

    def _say(self, tally: _Tally) -> None:
        if tally.is_slow:
            raise SourceError(
                f"the error pattern for {self._shown} takes too long on a line.",
                "Simplify it; lines are counted meanwhile.",
            )
        if tally.skipped:
            megabytes = tally.skipped / 1e6
            self.say(
                SourceState.OK,
                f"{self._shown} grows too fast to be counted: {megabytes:.0f} MB were skipped.",
            )
        elif tally.unmatched:
            self.say(SourceState.OK, f"{self._shown} grows too fast to look for errors in it.")
        else:
            self.say(SourceState.OK)

    def _open(self) -> _Followed | None:
        try:
            return _Followed(self._path)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def _is_replaced(self) -> bool:
        """Whether another file has its name by now; one that is gone is still written to."""
        try:
            return self._file is not None and not self._file.is_at(self._path)
        except (FileNotFoundError, NotADirectoryError):
            return False

    def _close(self) -> None:
        for file in (self._file, self._former):
            if file is not None:
                file.close()
        self._file = self._former = None
        self._is_new = False


class _Budget:
    """The CPU time of this thread that one look may take."""

    def __init__(self) -> None:
        self._began_s = time.thread_time()
        self._asked_s = 0.0

    def is_over(self, limit_s: float) -> bool:
        return time.thread_time() - self._began_s > limit_s

    def seems_over(self, limit_s: float) -> bool:
        """The same, but asked once a millisecond: to ask costs as much as to look at a line."""
        now_s = time.perf_counter()
        if now_s - self._asked_s < 0.001:
            return False
        self._asked_s = now_s
        return self.is_over(limit_s)


class _Tally:
    """What one look has counted. `unmatched` says that there are lines in which no error was looked
    for; `skipped` are bytes that were not read at all; `is_slow` where a pattern was stopped, which
    it is after `patience_s` for one line."""

    def __init__(self, pattern: Pattern, budget: _Budget, patience_s: float | None) -> None:
        self._pattern = pattern
        self._patience_s = patience_s
        self.budget = budget
        self.lines = self.errors = self.skipped = 0
        self.unmatched = self.is_slow = False

    def add(self, head: bytes, chunk: bytes) -> bytes:
        """Count the lines that end in `chunk`, the first of which began with `head`; gives the
        beginning of the one that does not end in it."""
        ends = chunk.count(b"\n")
        self.lines += ends
        if not ends:
            return (head + chunk[:MAX_LINE])[:MAX_LINE]
        *whole, rest = chunk.split(b"\n") if self._may_match() else (chunk.rpartition(b"\n")[2],)
        for line in whole:
            if not self._may_match():
                break
            self._match((head + line)[:MAX_LINE])
            head = b""
        return rest[:MAX_LINE]

    def _may_match(self) -> bool:
        if not self.unmatched and self.budget.seems_over(MATCH_S):
            self.unmatched = True
        return not self.unmatched

    def _match(self, line: bytes) -> None:
        try:
            text = line.decode(errors="replace")
            self.errors += self._pattern.is_in(text, self._patience_s)
        except TimeoutError:
            self.unmatched = self.is_slow = True


class _Followed:
    """An open file, read from its beginning on. Raises OSError."""

    def __init__(self, path: Path) -> None:
        # Without waiting: a pipe with no writer would hold the thread for ever.
        self._number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        self._at = 0
        self._head = b""
        found = os.fstat(self._number)
        if not stat.S_ISREG(found.st_mode):
            os.close(self._number)
            raise OSError(None, "it is no regular file")
        self._identity = found.st_dev, found.st_ino

    def close(self) -> None:
        os.close(self._number)

    def is_at(self, path: Path) -> bool:
        found = path.stat()
        return (found.st_dev, found.st_ino) == self._identity

    def skip(self) -> int:
        """Go to its end; gives how many bytes that leaves out."""
        size = os.fstat(self._number).st_size
        left_out, self._at, self._head = max(0, size - self._at), size, b""
        return left_out

    def read(self, tally: _Tally) -> None:
        """Count what is new in it."""
        size = os.fstat(self._number).st_size
        if size < self._at:  # truncated: it begins anew
            self._at, self._head = 0, b""
        # As it is now: a writer that is faster must not hold the look.
        while self._at < size:
            if tally.budget.is_over(COUNT_S):
                tally.skipped += self.skip()
                return
            chunk = os.pread(self._number, min(CHUNK_BYTES, size - self._at), self._at)
            if not chunk:
                return
            self._at += len(chunk)
            self._head = tally.add(self._head, chunk)
