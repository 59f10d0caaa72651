"""The source of a log file, on real files."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perftui.model.pattern import Pattern
from perftui.model.series import Origin
from perftui.model.snapshot import SourceState
from perftui.model.timeline import Timeline
from perftui.settings import DEFAULT_ERROR, LogSettings
from perftui.sources import log as log_source
from perftui.sources.log import MAX_LINE, LogSource, _Budget, _Tally


class Watched:
    """A source that looks when the test says so, a second later each time."""

    def __init__(self, settings: LogSettings) -> None:
        self.now = 1000.0
        self.timeline = Timeline()
        self.source = LogSource(settings, self.timeline, lambda: self.now)

    def look(self) -> tuple[float | None, float | None]:
        """Lines and errors a second of this look."""
        self.now += 1
        try:
            self.source.poll()
        except log_source.SourceError as error:
            self.source.failed(error)
        return self._at("lines"), self._at("errors")

    def _at(self, what: str) -> float | None:
        found = self.timeline.named(f"app_{what}", 0.0)
        return found[0].last.value if found and found[0].last.at == self.now else None

    def is_in(self, state: SourceState, text: str = "") -> bool:
        status = self.source.status
        return status.state is state and text in status.message


Watch = Callable[..., Watched]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A log with a past."""
    path = tmp_path / "app.log"
    path.write_text("ERROR before\n" * 3)
    return path


@pytest.fixture
def watch(file: Path) -> Iterator[Watch]:
    """Makes a source of the log; it is closed after the test."""
    made: list[Watched] = []

    def make(**settings: str) -> Watched:
        made.append(Watched(LogSettings(file=str(file), **settings)))
        return made[-1]

    yield make
    for watched in made:
        watched.source._close()


def add(path: Path, text: str | bytes) -> None:
    with path.open("ab") as output:
        output.write(text if isinstance(text, bytes) else text.encode())


def test_what_is_written_from_now_on_is_counted(file: Path, watch: Watch):
    """Not what was there before; the first look gives no rate."""
    log = watch()
    assert log.look() == (None, None)
    assert log.look() == (0.0, 0.0)
    add(file, "INFO a\nERROR b\nINFO c\n")
    assert log.look() == (3.0, 1.0)
    assert log.look() == (0.0, 0.0)
    assert log.is_in(SourceState.OK)
    keys = [series.key for series in log.timeline.series(0.0)]
    assert {(key.origin, key.unit) for key in keys} == {(Origin.LOG, "/s")}


def test_a_line_is_counted_once_it_ends(file: Path, watch: Watch):
    """A writer may be in the middle of one."""
    log = watch()
    log.look()
    add(file, "ERR")
    assert log.look() == (0.0, 0.0)
    add(file, "OR x\nnext")
    assert log.look() == (1.0, 1.0)


def test_rotation_by_rename_loses_no_line(file: Path, watch: Watch):
    """The end of the old file and the beginning of the new one both count."""
    log = watch()
    log.look()
    add(file, "a\n")
    file.rename(file.with_suffix(".1"))
    add(file.with_suffix(".1"), "b\n")
    assert log.look() == (2.0, 0.0)
    add(file.with_suffix(".1"), "ERROR c\n")
    file.write_text("ERROR d\ne\n")
    assert log.look() == (3.0, 2.0)
    add(file, "f\n")
    assert log.look() == (1.0, 0.0)


def test_a_writer_that_opens_the_new_file_late_loses_no_line(file: Path, watch: Watch):
    """For a second after the rotation the old file is still read."""
    log = watch()
    log.look()
    file.rename(file.with_suffix(".1"))
    file.write_text("a\n")
    assert log.look() == (1.0, 0.0)
    add(file.with_suffix(".1"), "ERROR b\n")
    add(file, "c\n")
    assert log.look() == (2.0, 1.0)


def test_rotation_by_truncation_begins_anew(file: Path, watch: Watch):
    """As logrotate's copytruncate does it."""
    log = watch()
    log.look()
    os.truncate(file, 0)
    add(file, "a\n")
    assert log.look() == (1.0, 0.0)


def test_a_file_that_does_not_exist_yet_is_waited_for(file: Path, watch: Watch):
    """When it comes, all in it is new."""
    file.unlink()
    log = watch()
    assert log.look() == (None, None)
    assert log.is_in(SourceState.WAITING, "does not exist yet")
    file.write_text("ERROR a\n")
    assert log.look() == (1.0, 1.0)
    assert log.is_in(SourceState.OK)


def test_what_may_not_be_read_says_so(file: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch):
    """It is not permitted, not nought, and goes on once it is."""
    log = watch()
    log.look()
    real = os.open

    def refuse(*_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied")

    file.rename(file.with_suffix(".1"))
    file.write_text("")
    monkeypatch.setattr(log_source.os, "open", refuse)  # root may read everything
    assert log.look() == (None, None)
    assert log.is_in(SourceState.FAILED, "may not be read")
    denied = {(u.key.name, u.why) for u in log.timeline.unavailable()}
    assert denied == {("app_lines", "not permitted"), ("app_errors", "not permitted")}
    monkeypatch.setattr(log_source.os, "open", real)
    log.look()
    add(file, "a\n")
    assert log.look() == (1.0, 0.0)
    assert log.timeline.unavailable() == ()


@pytest.mark.parametrize("kind", ["directory", "pipe"])
def test_what_is_no_regular_file_is_refused(file: Path, watch: Watch, kind: str):
    """A pipe without a writer must not hold the thread."""
    file.unlink()
    file.mkdir() if kind == "directory" else os.mkfifo(file)
    log = watch()
    began = time.monotonic()
    log.look()
    assert log.is_in(SourceState.FAILED, "no regular file")
    assert time.monotonic() - began < 1


@pytest.mark.parametrize(
    ("line", "is_error"),
    [
        ("2026-01-01 ERROR x", True),
        ("CRITICAL:root:x", True),
        ("FATAL x", True),
        ("Traceback (most recent call last):", True),
        ("  Traceback", False),
        ("no ERRORS here", False),
        ("error in lower case", False),
        ('"GET / HTTP/1.1" 500', False),
    ],
)
def test_what_an_error_is_without_a_pattern(line: str, is_error: bool):
    """A level in capitals, or the beginning of a traceback."""
    assert Pattern(DEFAULT_ERROR).is_in(line, 1.0) is is_error


def test_the_settings_say_what_an_error_is(file: Path, watch: Watch):
    """By any regular expression."""
    log = watch(error=r'" 5\d\d\b')
    log.look()
    add(file, 'GET / HTTP/1.1" 503\nERROR\n')
    assert log.look() == (2.0, 1.0)


def test_a_pattern_that_takes_too_long_is_said_and_lines_are_counted_still(
    file: Path, watch: Watch
):
    """It cannot hold the source; there is no number of errors then."""
    log = watch(error="(a|aa)+$x")
    log.look()
    add(file, "a" * 60 + "!\nb\n")
    assert log.look() == (2.0, None)
    assert log.is_in(SourceState.FAILED, "takes too long")


def test_a_flood_takes_a_bounded_part_of_a_core_and_invents_nothing(
    file: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch
):
    """What cannot be looked at has no number, and what is skipped is said."""
    log = watch()
    log.look()
    with file.open("r+b") as output:
        output.truncate(20_000_000_000)  # a hole: no disk is taken
    began = time.thread_time()
    assert log.look() == (None, None)
    assert time.thread_time() - began < 0.5
    assert log.is_in(SourceState.OK, "grows too fast to be counted")
    monkeypatch.setattr(log_source, "MATCH_S", 0.0)
    monkeypatch.setattr(log_source, "COUNT_S", 60.0)
    add(file, "ERROR\n" * 100_000)
    assert log.look() == (100_000.0, None)
    assert log.is_in(SourceState.OK, "too fast to look for errors")


def test_only_the_beginning_of_a_long_line_is_looked_at(file: Path, watch: Watch):
    """A line is bounded, whatever the file is."""
    log = watch()
    log.look()
    add(file, b"ERROR " + b"x" * 3_000_000 + b"\n" + b"x" * 3_000_000 + b" ERROR\n")
    assert log.look() == (2.0, 1.0)
    assert log.source._file is not None
    assert len(log.source._file._head) <= MAX_LINE


@given(st.lists(st.sampled_from([b"ERROR", b"x", b"\xff", b""]), max_size=30), st.data())
def test_lines_and_errors_do_not_depend_on_where_chunks_end(lines: list[bytes], data):
    """Every cut gives the same."""
    text = b"".join(line + b"\n" for line in lines)
    tally, head = _Tally(Pattern("ERROR"), _Budget(), 1.0), b""
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=5)))
    for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        head = tally.add(head, text[begin:end])
    assert (tally.lines, head) == (len(lines), b"")
    assert tally.unmatched or tally.errors == lines.count(b"ERROR")
