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
from typing import IO

from perftui.errors import MissingPart, SourceError
from perftui.sources.elevated import ENVIRONMENT, Sudo, is_program, record_arguments

Launch = Callable[..., "subprocess.Popen[bytes]"]
"""How programs are started: :class:`subprocess.Popen`, or a stand-in with its arguments."""

_ATTACHED = b"Sampling process"
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def find_pyspy() -> str:
    """Path of the py-spy program: beside this Python first, then on PATH."""
    beside = Path(sys.executable).parent / "py-spy"
    found = str(beside) if is_program(beside) else shutil.which("py-spy")
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
    """A py-spy process that records the process `pid`, `how` being py-spy's own options for that,
    and the two ends of what it writes.

    Its file is an unnamed one that it inherits, so nothing is left on disk however perftui ends,
    and nobody else can read it. What `sudo` runs can inherit no file, and cannot be signalled: it
    ends by itself after `duration_s` whole seconds of looks.
    """

    def __init__(
        self,
        how: Sequence[str],
        pid: int,
        duration_s: int,
        launch: Launch = subprocess.Popen,
        sudo: Sudo | None = None,
    ) -> None:
        self.duration_s = duration_s
        self.ends_alone = sudo is not None
        self._file, inherited = _output_file(sudo)
        root = "/proc/self/fd" if sys.platform == "linux" else "/dev/fd"
        output = f"{root}/{inherited[0]}" if inherited else self._file.name
        arguments = record_arguments(how, pid, duration_s, output)
        try:
            self._process = launch(
                [find_pyspy(), *arguments] if sudo is None else sudo.argv(arguments),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=inherited,
                start_new_session=True,  # Ctrl+C in the terminal must not reach it
                preexec_fn=_end_with_parent,  # one prctl, no Python lock taken
                env=_environment(sudo),
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
        self.ended = self._gave_up = False

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
        """Tell it to write its file and end; with another signal, to end otherwise. Nothing happens
        where it ends alone."""
        if not self.ends_alone:
            self._signal(number)

    def wait(self, patience_s: float) -> bool:
        """Wait for its end, at most `patience_s` seconds; whether it has come."""
        deadline = time.monotonic() + patience_s
        while not self.ended and (left := deadline - time.monotonic()) > 0:
            self.listen(left)
        return self.ended

    def finish(self, patience_s: float) -> Finished:
        """Wait for its end, at most about twice `patience_s` seconds, by force after that.

        Raises SourceError where it hangs and force cannot be used.
        """
        if self.ends_alone and not self.wait(self.duration_s + patience_s):
            self._gave_up = True
            self.raise_if_given_up()
        if not self.wait(patience_s):
            for force in (signal.SIGTERM, signal.SIGKILL):
                self._signal(force)
                if self.wait(patience_s / 2):
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

    @property
    def lives(self) -> bool:
        """Whether its process is there still, or what it took is still to be asked by finish()."""
        if self._gave_up:
            return self._process.poll() is None
        return self._process.returncode is None

    def raise_if_given_up(self) -> None:
        """SourceError where nobody waits for it any more."""
        if self._gave_up:
            raise SourceError(
                f"py-spy hangs as process {self._process.pid} of root.",
                f"End it: sudo kill {self._process.pid}.",
            )

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.kill(self._process.pid, number)


def _output_file(sudo: Sudo | None) -> tuple[IO[bytes], tuple[int, ...]]:
    """The file that py-spy writes to, and the number by which it is inherited, if it is."""
    if sudo is not None:
        return sudo.new_file(), ()
    file: IO[bytes] = (
        os.fdopen(os.memfd_create("perftui"), "w+b")
        if sys.platform == "linux"
        else tempfile.TemporaryFile()  # noqa: SIM115 - finish() closes it
    )
    return file, (file.fileno(),)


def _environment(sudo: Sudo | None) -> dict[str, str]:
    if sudo is not None:
        return ENVIRONMENT
    plain = {key: value for key, value in os.environ.items() if not key.startswith("RUST_")}
    return {**plain, "RUST_BACKTRACE": "0"}


_VERSION_S = 5.0
_VERSION = re.compile(r"^Python v(\d[\w.+]*) \(", re.MULTILINE)


class PySpy:
    """How py-spy is run: as this user, or by `sudo`. `launch` starts it."""

    def __init__(self, launch: Launch = subprocess.Popen, sudo: Sudo | None = None) -> None:
        self.ends_alone = sudo is not None
        self._launch = launch
        self._sudo = sudo
        self._runs: list[PySpyRun] = []

    def record(self, how: Sequence[str], pid: int, duration_s: int) -> PySpyRun:
        """Begin to record a process as py-spy's own options say, for `duration_s` whole seconds at
        most.

        Raises SourceError while an earlier one hangs that cannot be ended from here.
        """
        self._runs = [run for run in self._runs if run.lives]
        for run in self._runs:
            run.raise_if_given_up()
        run = PySpyRun(how, pid, duration_s, self._launch, self._sudo)
        self._runs.append(run)
        return run

    def version(self, pid: int) -> str | None:
        """The target's Python version, without stopping it; None if py-spy cannot say. By sudo it
        is not asked: where its rule allows no more than to record, that would be reported."""
        if self._sudo is not None:
            return None
        process = self._launch(
            [find_pyspy(), "dump", "--nonblocking", "--pid", str(pid)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_end_with_parent,
            env=_environment(None),
        )
        try:
            output, _ = process.communicate(timeout=_VERSION_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return None
        found = _VERSION.search(output.decode("utf-8", "replace"))
        return found[1] if found else None
