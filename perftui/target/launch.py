"""Starting a program to watch: where its output goes, how it ends, what its exit code was."""

from __future__ import annotations

import errno
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

import psutil

from perftui.errors import NoSuchTarget, PerftuiError, UsageError
from perftui.model.target import Target
from perftui.target import keeper
from perftui.target.describe import describe, program_name
from perftui.target.python import looks_like_python

Launch = Callable[..., "subprocess.Popen[bytes]"]
LOOK_S = 0.05


class Program:
    """A program that perftui starts, as a context manager; it ends on leaving, if not before.

    `command` is what an `execvp` takes; `output` the file for its stdout and stderr, None for a
    private one in the directory of temporary files. Its stdin is empty, it has no terminal, and a
    process group of its own; nothing else of it differs from a start by hand. Entering raises
    UsageError if it cannot be started or the file cannot be written. `launch` takes and returns
    what `subprocess.Popen` does.

    Its parent is a keeper (keeper.py), which ends it and everything that it has started, however
    perftui ends.
    """

    def __init__(
        self,
        command: Sequence[str],
        output: Path | None = None,
        launch: Launch = subprocess.Popen,
    ) -> None:
        self.command = tuple(command)
        self.pid = 0
        self.exit_code: int | None = None
        """Known after leaving: as a shell says it, 128 + the signal that killed the program. None
        if it still ran then, and was ended."""
        self._chosen = output
        self._launch = launch

    @property
    def name(self) -> str:
        """What runs: the script or module of a Python, else the program."""
        return program_name(self.command)

    def __enter__(self) -> Self:
        number, self.output = self._open_output()
        with os.fdopen(number, "wb") as output:
            self._keeper = self._launch(
                # By its path and without site-packages: its start is waited for.
                [sys.executable, "-I", "-S", keeper.__file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                bufsize=0,
                start_new_session=True,  # Ctrl+C in the terminal is for perftui alone
            )
        assert self._keeper.stdin and self._keeper.stdout  # noqa: S101 - PIPE was asked for
        self._stdin, self._stdout = self._keeper.stdin, self._keeper.stdout
        self.started_at = time.time()
        try:
            self.pid = self._order()
        except BaseException:
            self._end()
            if self._chosen is None:
                self.output.unlink()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _order(self) -> int:
        """Say what to run; returns its process id."""
        command = b"\0".join(os.fsencode(argument) for argument in self.command)
        with suppress(BrokenPipeError):
            for piece in (b"%d\n" % len(command), command):
                self._stdin.write(piece)
        # One line and no byte more: what follows it is read at the end.
        word, _, number = self._stdout.readline().partition(b" ")
        if word == b"errno":
            raise _refusal(self.command[0], int(number))
        if word != b"pid":
            said = self.output.read_text("utf-8", "replace").splitlines() or ["it said nothing"]
            raise PerftuiError(f"Programs cannot be started here: {said[-1]}.")
        return int(number)

    def _end(self) -> None:
        """End the program; waits for that, which takes the keeper a few seconds at most."""
        self._stdin.close()
        with self._stdout:
            word, _, number = self._stdout.read().partition(b" ")
        if self._keeper.wait() != 0:
            # Somebody has killed the keeper, and the kernel the program with it.
            self.exit_code = 128 + signal.SIGKILL
        if word == b"ended":
            self.exit_code = int(number)

    def _open_output(self) -> tuple[int, Path]:
        """The file for stdout and stderr, open; nobody else may read one that is new."""
        try:
            if self._chosen is None:
                safe = re.sub(r"[^\w.]+", "-", self.name)[:40].strip("-")
                number, name = tempfile.mkstemp(prefix=f"perftui-{safe}-", suffix=".log")
                return number, Path(name)
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND
            return os.open(self._chosen, flags, 0o600), self._chosen
        except OSError as error:
            place = self._chosen or "The directory of temporary files"
            raise UsageError(
                f"{place} cannot be written: {error.strerror}.",
                "Name another file with --output.",
            ) from None

    def target(self) -> Target:
        """The program as a target; as much as is known of it if it has ended."""
        try:
            return describe(self.pid)
        except NoSuchTarget:
            host = socket.gethostname()
            return Target(self.pid, self.name, self.command, self.started_at, host)

    def wait_for_python(self, patience_s: float) -> None:
        """Return once it or a child of it runs Python, it has ended, or `patience_s` are over.

        A shell or another launcher needs a moment until there is something for py-spy to read.
        """
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            try:
                process = psutil.Process(self.pid)
                if process.status() == psutil.STATUS_ZOMBIE:
                    return
                family = [process, *process.children(recursive=True)]
            except psutil.Error:
                return
            if any(looks_like_python(member) for member in family):
                return
            time.sleep(LOOK_S)


def _refusal(program: str, number: int) -> UsageError:
    """Why a program cannot be started; usage, since it is the command line that must change."""
    if number == errno.ENOENT:
        fix = "Check its name, or give its path."
    else:
        fix = f"Start it with its interpreter, as in perftui -- python {program}."
    return UsageError(f"{program} cannot be started: {os.strerror(number)}.", fix)
