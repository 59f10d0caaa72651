"""One run of the py-spy program: started, waited for, interrupted, read."""

from __future__ import annotations

import ctypes
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from perftui.errors import MissingPart

Launch = Callable[..., "subprocess.Popen[bytes]"]
"""How programs are started: :class:`subprocess.Popen`, or a stand-in with its arguments."""

_ATTACHED = b"Sampling process"
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def find_pyspy() -> str:
    """Path of the py-spy program: beside this Python first, then on PATH."""
    beside = Path(sys.executable).parent / "py-spy"
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which("py-spy")
    if found is None:
        raise MissingPart("py-spy is not installed here.", "Install it: pip install py-spy.")
    return found


def _end_with_parent() -> None:
    """Runs in the child: when the thread that started it dies, py-spy gets SIGINT and lets go.

    Without this a SIGKILL of perftui would leave py-spy sampling until its duration is over.
    """
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGINT)


@dataclass(frozen=True)
class Finished:
    """What a run left: its file (empty if none), its words, its exit status, its CPU seconds."""

    data: bytes
    output: str
    returncode: int
    cpu_s: float


class PySpyRun:
    """A py-spy process and the two ends of what it writes.

    Its file is an unnamed one that it inherits, so nothing is left on disk however perftui ends,
    and nobody else can read it.
    """

    def __init__(self, argv: Sequence[str], launch: Launch = subprocess.Popen) -> None:
        self._file = (
            os.fdopen(os.memfd_create("perftui"), "w+b")
            if sys.platform == "linux"
            else tempfile.TemporaryFile()  # noqa: SIM115 - finish() closes it
        )
        number = self._file.fileno()
        root = "/proc/self/fd" if sys.platform == "linux" else "/dev/fd"
        try:
            self._process = launch(
                [*argv, "--output", f"{root}/{number}"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(number,),
                start_new_session=True,  # Ctrl+C in the terminal must not reach it
                preexec_fn=_end_with_parent,  # one prctl, no Python lock taken
                env={**_plain_environment(), "RUST_BACKTRACE": "0"},
            )
        except OSError as error:
            self._file.close()
            raise MissingPart(
                f"py-spy cannot be started: {error.strerror}.", "Install it: pip install py-spy."
            ) from None
        assert self._process.stdout is not None  # noqa: S101 - PIPE was asked for
        self._pipe = self._process.stdout
        os.set_blocking(self._pipe.fileno(), False)
        self._poll = select.poll()
        self._poll.register(self._pipe, select.POLLIN | select.POLLHUP)
        self._output = bytearray()
        self.ended = False

    @property
    def attached(self) -> bool:
        """Whether it has said that it samples."""
        return _ATTACHED in self._output

    def listen(self, timeout_s: float) -> None:
        """Read what it says for up to `timeout_s` seconds; sets `ended` when it closes."""
        if not self._poll.poll(max(0.0, timeout_s) * 1000):
            return
        chunk = self._pipe.read(65536)
        if chunk:
            self._output += chunk
        elif chunk == b"":
            self.ended = True

    def cpu_so_far(self) -> float | None:
        """Seconds of CPU time that it has used, None where that cannot be read.

        Linux counts nanoseconds for each thread; what it counts for a process are hundredths of a
        second, and a whole start takes one or two of them.
        """
        try:
            threads = [*Path(f"/proc/{self._process.pid}/task").iterdir()]
            return sum(int((one / "schedstat").read_text().split()[0]) for one in threads) / 1e9
        except (OSError, ValueError, IndexError):
            return None

    def interrupt(self, number: signal.Signals = signal.SIGINT) -> None:
        """Tell it to write its file and end; with another signal, to end otherwise."""
        self._signal(number)

    def finish(self, patience_s: float) -> Finished:
        """Wait for its end, at most about twice `patience_s` seconds, by force after that."""
        for force in (None, signal.SIGTERM, signal.SIGKILL):
            if force is not None:
                self._signal(force)
            deadline = time.monotonic() + (patience_s if force is None else patience_s / 2)
            while not self.ended and (left := deadline - time.monotonic()) > 0:
                self.listen(left)
            if self.ended:
                break
        _, status, usage = os.wait4(self._process.pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        self._pipe.close()
        with self._file:
            self._file.seek(0)
            data = self._file.read()
        return Finished(
            data=data,
            output=self._output.decode("utf-8", "replace"),
            returncode=self._process.returncode,
            cpu_s=usage.ru_utime + usage.ru_stime,
        )

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.kill(self._process.pid, number)


def _plain_environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("RUST_")}


_VERSION = re.compile(r"^Python v(\d[\w.+]*) \(", re.MULTILINE)


def python_version(pid: int, launch: Launch = subprocess.Popen) -> str | None:
    """The target's Python version, asked of py-spy without stopping it; None if it cannot say."""
    with launch(
        [find_pyspy(), "dump", "--nonblocking", "--pid", str(pid)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=_end_with_parent,
        env=_plain_environment(),
    ) as process:
        try:
            output, _ = process.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            return None
    found = _VERSION.search(output.decode("utf-8", "replace"))
    return found[1] if found else None
