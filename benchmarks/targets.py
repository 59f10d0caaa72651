"""The program that the benchmarks watch: one busy thread, the others asleep, all 20 calls deep."""

from __future__ import annotations

import mmap
import os
import signal
import struct
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil

DEPTH = 20
HOT = "hottest"
"""The function in which most of the time goes; no other text on the screen holds this word."""
START_S = 30.0

_SOURCE = """
import ctypes, mmap, sys, threading

threads, number = int(sys.argv[1]), int(sys.argv[2])
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG: killed when the benchmark is
work = memoryview(mmap.mmap(number, 8)).cast("Q")
asleep_now = threading.Semaphore(0)

def asleep(depth):
    if depth > 1:
        return asleep(depth - 1)
    asleep_now.release()
    threading.Event().wait()

def {hot}(count):
    while count:
        count -= 1

def call():
    {hot}(20)

def loop():
    for _ in range(1000):
        call()
        work[0] += 1

def level_{last}():
    loop()

{levels}

for _ in range(threads - 1):
    # Three frames of threading stand above it and two below.
    threading.Thread(target=asleep, args=({depth} - 5,), daemon=True).start()
for _ in range(threads - 1):
    asleep_now.acquire()
print("ready", flush=True)
while True:
    level_1()
"""


def source(depth: int = DEPTH) -> str:
    """The program's text. The stack is `depth` deep in the hottest function."""
    last = depth - 4  # the module's own code, and loop, call and the hottest below
    levels = "\n\n".join(
        f"def level_{level}():\n    level_{level + 1}()" for level in range(1, last)
    )
    return _SOURCE.format(hot=HOT, last=last, levels=levels, depth=depth)


class Pace(NamedTuple):
    """Pieces of work a second, and the part of the time, 0 to 1, that the busy thread ran: what a
    sampler stops it for is not in it, nor what it waits for a processor. The second does not swing
    with the processor's speed."""

    speed: float
    ran: float


class Target:
    """The program with so many threads in all, in a process of its own. A context manager.

    It counts its work in memory that it shares, so that counting takes no system call.
    """

    def __init__(self, threads: int, directory: Path) -> None:
        script = directory / "service.py"
        script.write_text(source())
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed in __exit__
        self._file.write(bytes(8))
        self._file.flush()
        self._work = mmap.mmap(self._file.fileno(), 8)
        self._process = subprocess.Popen(
            [sys.executable, str(script), str(threads), str(self._file.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            pass_fds=(self._file.fileno(),),
            start_new_session=True,  # Ctrl+C ends the benchmark, which ends it
        )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def __enter__(self) -> Target:
        assert self._process.stdout is not None  # noqa: S101 - PIPE was asked for
        if self._process.stdout.readline() != b"ready\n":
            self.__exit__()
            raise RuntimeError("the target did not start")
        return self

    def __exit__(self, *exc: object) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self._process.wait(10)
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._work.close()
        self._file.close()

    def count(self) -> int:
        """Pieces of work done so far."""
        count: int = struct.unpack("Q", self._work[:8])[0]
        return count

    def ran_s(self) -> float:
        """How long its busy thread was on a processor so far, in seconds."""
        return int(Path(f"/proc/{self.pid}/schedstat").read_text().split()[0]) / 1e9

    def pace(self, seconds: float) -> Pace:
        """How fast it is over so many seconds from now on."""
        begun, before, ran_s = time.perf_counter(), self.count(), self.ran_s()
        time.sleep(seconds)
        took_s = time.perf_counter() - begun
        return Pace((self.count() - before) / took_s, (self.ran_s() - ran_s) / took_s)

    def is_free(self) -> bool:
        """Whether no sampler holds it."""
        stopped = psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP
        return psutil.Process(self.pid).status() not in stopped

    def let_go(self) -> bool:
        """Let it go on where a sampler has left it stopped; whether that was so."""
        if self.is_free():
            return False
        os.kill(self.pid, signal.SIGCONT)
        return True
