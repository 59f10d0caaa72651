"""Keeps a program that perftui has started: its parent, which lets nothing of it stay behind.

perftui runs this file as a script (see launch.py), with the standard library alone, so that it
starts fast. It is a process of its own because perftui can be killed: the kernel then closes the
pipe behind stdin. On Linux everything that the program leaves behind becomes a child of this
process, even what has gone into a session of its own, so it is found and ended too. Elsewhere that
holds for the program's process group.

- stdin: the command, as its length in bytes, a newline, and the arguments with a NUL between them.
  After that, the end of stdin is the order to end the program.
- stdout: `pid N` once the program runs, or `errno N` if it cannot be started; `ended N` when it
  has ended before the end of stdin, N being its exit code as a shell says it.
- stderr: what the program writes on stdout and stderr.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress

GRACE_S = 2.0
"""How long all of it may take to end after SIGTERM; SIGKILL follows."""
GIVE_UP_S = 1.0
"""What SIGKILL has not ended by then is another user's (sudo), or hangs in the kernel."""
POLL_S = 0.05

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_PTRACER = 0x59616D61
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def _prctl(option: int, value: int) -> None:
    if _LIBC is not None:
        _LIBC.prctl(option, ctypes.c_ulong(value), 0, 0, 0)


class Keeper:
    """Starts a program, and stays until nothing of it is left. OSError if it cannot be started.

    `tracer` is the process that may read the program's memory, with its descendants: where the
    Yama module guards processes (Ubuntu), only their ancestors may, which py-spy is not.
    """

    def __init__(self, command: list[bytes], tracer: int) -> None:
        self._terminated = self._let_go = False
        # A signal puts a byte into this pipe, so that none is lost between a look and a wait.
        self._woken, wakes = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(wakes, False)
        signal.set_wakeup_fd(wakes)
        # Handlers, since what is ignored here would be ignored in the program.
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._terminate)
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)

        def in_child() -> None:
            _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # should this process be killed itself
            _prctl(_PR_SET_PTRACER, tracer)

        self.program = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr.fileno(),
            process_group=0,
            preexec_fn=in_child,  # noqa: PLW1509 - there is one thread here
        )

    def stay(self) -> None:
        """Wait for the order, the end of stdin or SIGTERM; then end all that is left."""
        ready: list[int] = []
        while not (self._terminated or 0 in ready):
            self._reap()
            ready = self._wait([0, self._woken], None)
        self._reap()  # what ended before the order ended by itself
        self._let_go = 0 in ready
        deadline = time.monotonic() + GRACE_S
        told: set[int] = set()
        while (self._reap() or self._left()) and time.monotonic() < deadline + GIVE_UP_S:
            # From the top down: a server tells its workers to end, a shell just leaves its
            # children behind, and those are told here.
            late = time.monotonic() >= deadline
            for pid in self._left():
                if late:
                    _kill(pid, signal.SIGKILL)
                elif pid not in told:
                    told.add(pid)
                    _kill(pid, signal.SIGTERM)
                    _kill(pid, signal.SIGCONT)  # a stopped process ends only when it goes on
            # The end of a grandchild, which leaves its own children to us, sends no signal.
            self._wait([self._woken], POLL_S)

    def _terminate(self, *_: object) -> None:
        self._terminated = True

    def _wait(self, ends: list[int], timeout_s: float | None) -> list[int]:
        """Those of `ends` that have something to read, once one has."""
        ready, _, _ = select.select(ends, [], [], timeout_s)
        with suppress(BlockingIOError):
            os.read(self._woken, 4096)
        return ready

    def _reap(self) -> bool:
        """Take the children that have ended off the kernel's table; whether any still runs."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self.program.pid:
                code = os.waitstatus_to_exitcode(status)
                self.program.returncode = code
                if not self._let_go:
                    _say("ended", code if code >= 0 else 128 - code)

    def _left(self) -> list[int]:
        """What can be told to end, as kill() takes it: children, or else the program's group."""
        if sys.platform == "linux":
            left = _children()
        else:
            left = [-self.program.pid]
            try:
                os.kill(left[0], 0)
            except OSError:
                left = []
        return left


def _children() -> list[int]:
    """Process ids of this process's children; not theirs."""
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with suppress(OSError), open(f"{entry.path}/stat", "rb") as file:  # noqa: PTH123
                # The name, in brackets, may hold anything; state and parent follow it.
                _, parent = file.read().rpartition(b")")[2].split()[:2]
                if int(parent) == os.getpid():
                    found.append(int(entry.name))
    return found


def _kill(pid: int, number: signal.Signals) -> None:
    with suppress(OSError):  # gone already, or another user's
        os.kill(pid, number)


def _say(word: str, number: int) -> None:
    with suppress(OSError):  # perftui may be gone
        os.write(1, f"{word} {number}\n".encode())


def main() -> None:
    """Start the program that stdin names, and keep it."""
    perftui = os.getppid()
    length = sys.stdin.buffer.readline()
    command = sys.stdin.buffer.read(int(length or 0))
    if not command:
        return  # perftui ended before it could say
    try:
        keeper = Keeper(command.split(b"\0"), tracer=perftui)
    except OSError as error:
        _say("errno", error.errno or 0)
        return
    _say("pid", keeper.program.pid)
    keeper.stay()


if __name__ == "__main__":
    main()
