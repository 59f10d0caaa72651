"""A program on a terminal of its own: a pseudo-terminal of 120x36 that is read all the time.

There is no terminal emulator behind it. What the benchmarks need of the screen can be had from the
bytes: a name is written in one piece when it is drawn, and text has its row and its colours before
it. So nothing more than this runs beside what is measured.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil

COLUMNS, ROWS = 120, 36
REDRAW_S = 2.0
"""A screen of a new size is drawn within this time."""
END_S = 5.0
_ANSWERS = {
    b"\x1b[?2026$p": b"\x1b[?2026;2$y",  # synchronized output: known, off
    b"\x1b[?2048$p": b"\x1b[?2048;0$y",  # messages when the size changes: not known
    b"\x1b[c": b"\x1b[?62c",
    b"\x1b[6n": b"\x1b[1;1R",
}
"""What today's terminals answer when they are asked what they can do."""
_ESCAPE = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-~])")
_KEPT = 4000
"""Pieces of output that are kept: more than a minute of it."""


class Run(NamedTuple):
    """Text drawn at once: its row from 1 on, its colours as the terminal is told them, and itself
    in UTF-8. Row 0 is not known."""

    row: int
    style: bytes
    text: bytes


def runs(data: bytes) -> list[Run]:
    """What `data` draws, piece by piece, as Textual writes it: positions, colours, text."""
    found: list[Run] = []
    row, style, begin = 0, b"", 0
    for match in [*_ESCAPE.finditer(data), None]:
        for line, text in enumerate(data[begin : match.start() if match else None].split(b"\r\n")):
            row += bool(line and row)
            if text:
                found.append(Run(row, style, text))
        if match is None:
            break
        begin, code = match.end(), match[0]
        if code.endswith(b"m"):
            style = b"" if code in (b"\x1b[m", b"\x1b[0m") else style + code
        elif code.endswith((b"H", b"f")):
            first = code[2:-1].split(b";")[0]
            row = int(first) if first.isdigit() else 1
    return found


def plain(data: bytes) -> str:
    """The text of `data` without colours, a line for each position that it goes to."""
    lines: list[tuple[int, bytes]] = []
    for run in runs(data):
        if lines and lines[-1][0] == run.row:
            lines[-1] = (run.row, lines[-1][1] + run.text)
        else:
            lines.append((run.row, run.text))
    return "\n".join(text.decode("utf-8", "replace") for _, text in lines)


def environment(home: Path) -> dict[str, str]:
    """Ours, without what would change how perftui, py-spy or Textual behave. Settings are looked
    for below `home` alone."""
    ours = ("PERFTUI_", "PROMETHEUS_", "ANTHROPIC_", "RUST_", "TEXTUAL", "NO_COLOR", "SSLKEYLOG")
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(ours) and key != "PYTHONDONTWRITEBYTECODE"
    }
    return {
        **kept,
        # Not `home` itself, where Python would take a directory called perftui for the package.
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_STATE_HOME": str(home / "state"),
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "LC_ALL": "C.UTF-8",
    }


class OnTerminal:
    """Runs a program on a terminal, from `with` to its end; `end_signal` tells it to end.

    `started` is when it was started, in seconds of :func:`time.perf_counter`; `written` the bytes
    that it has written to the terminal so far.
    """

    def __init__(
        self,
        argv: Sequence[str],
        directory: Path,
        env: Mapping[str, str],
        end_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        self.written = 0
        self._end_signal = end_signal
        self._chunks: list[tuple[float, bytes]] = []
        self._news = threading.Condition()
        self._ended = False
        self._master, slave = pty.openpty()
        try:
            _resize(slave, ROWS)
            self.started = time.perf_counter()
            self._process = subprocess.Popen(
                list(argv),
                stdin=slave,
                stdout=slave,
                stderr=slave,
                cwd=directory,
                env=dict(env),
                start_new_session=True,
                # Its own terminal: it is hung up on when the benchmark is gone. One system call,
                # no Python lock taken.
                preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509
            )
        except BaseException:
            os.close(self._master)
            raise
        finally:
            os.close(slave)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> OnTerminal:
        return self

    def __exit__(self, *exc: object) -> None:
        family = self.family()
        with suppress(ProcessLookupError):
            self._process.send_signal(self._end_signal)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(END_S)
        for process in family:  # each knows when it was started: no other is killed for it
            with suppress(psutil.Error):
                process.kill()
        self._process.wait(END_S)
        self._ended = True
        self._reader.join(END_S)
        os.close(self._master)

    def hold(self, is_free: Callable[[], bool]) -> None:
        """Let nothing of it run until :meth:`resume`, from a moment on at which `is_free` says that
        it keeps nobody else from running."""
        while True:
            for process in reversed(self.family()):  # first the one that could start another
                with suppress(psutil.Error):
                    process.suspend()
            if is_free():
                return
            self.resume()
            time.sleep(0.005)

    def resume(self) -> None:
        """Let it go on."""
        for process in self.family():
            with suppress(psutil.Error):
                process.resume()

    def family(self) -> list[psutil.Process]:
        """The program and what it has started."""
        with suppress(psutil.Error):
            root = psutil.Process(self._process.pid)
            return [*root.children(recursive=True), root]
        return []

    def _read(self) -> None:
        while not self._ended:
            if not select.select([self._master], [], [], 0.1)[0]:
                continue
            try:
                data = os.read(self._master, 65536)
            except OSError:
                break  # the program has closed its end
            now = time.perf_counter()
            for question, answer in _ANSWERS.items():
                if question in data:
                    os.write(self._master, answer)
            with self._news:
                self.written += len(data)
                self._chunks.append((now, data))
                del self._chunks[:-_KEPT]
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def forget(self) -> bytes:
        """Take what was drawn so far: what is looked for comes after it."""
        with self._news:
            data = b"".join(piece for _, piece in self._chunks)
            self._chunks.clear()
            return data

    def drawn(self) -> bytes:
        """What was drawn since."""
        with self._news:
            return b"".join(piece for _, piece in self._chunks)

    def redrawn(self) -> bytes:
        """The whole screen, of which else only what changes is drawn: it is made a line lower."""
        self.forget()
        _resize(self._master, ROWS - 1)
        time.sleep(REDRAW_S)
        data = self.drawn()
        _resize(self._master, ROWS)
        return data

    def wait(self, is_there: Callable[[bytes], bool], timeout_s: float) -> float | None:
        """When the piece came that makes `is_there` true of all that was drawn since
        :meth:`forget`, in seconds of :func:`time.perf_counter`; None if none does in time, or the
        program ends."""
        deadline = time.perf_counter() + timeout_s
        data, seen = b"", 0
        while True:
            with self._news:
                while len(self._chunks) <= seen:
                    left = deadline - time.perf_counter()
                    if self._ended or left <= 0:
                        return None
                    self._news.wait(left)
                new = self._chunks[seen:]
            for at, piece in new:
                seen += 1
                data += piece
                if is_there(data):
                    return at

    def press(self, keys: bytes) -> float:
        """Type; when that was, in seconds of :func:`time.perf_counter`."""
        now = time.perf_counter()
        os.write(self._master, keys)
        return now

    def cpu_s(self) -> tuple[float, float]:
        """CPU time so far in seconds: of the program itself, and of all that it has started, those
        that have ended included."""
        root = psutil.Process(self._process.pid)
        while True:
            before = root.cpu_times()
            living = 0.0
            for child in root.children(recursive=True):
                with suppress(psutil.Error):
                    times = child.cpu_times()
                    living += times.user + times.system
                    living += times.children_user + times.children_system
            after = root.cpu_times()
            ended = after.children_user + after.children_system
            # One that has ended in between would be counted twice, or not at all.
            if ended == before.children_user + before.children_system:
                return after.user + after.system, ended + living

    def rss(self) -> int:
        """Memory of the program itself, in bytes."""
        size: int = psutil.Process(self._process.pid).memory_info().rss
        return size


def _resize(terminal: int, rows: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, COLUMNS, 0, 0))
