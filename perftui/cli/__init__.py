"""The command line: one module per group of commands, imported when its command is called."""

from __future__ import annotations

import errno
import gc
import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress

from perftui.errors import PerftuiError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
GC_THRESHOLD = 5_000
"""So many new objects start a collection of the youngest. Python's own 700 are for programs that
make cycles; stacks are many, and none: to walk through them took a third of the time that it takes
to read them (`benchmarks/speed.py`)."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code. Errors go to stderr, one sentence and one fix."""
    from perftui.cli.parser import parse

    gc.set_threshold(GC_THRESHOLD)
    _open_standard_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without ± is no reason to end
    try:
        arguments = parse(sys.argv[1:] if argv is None else list(argv))
        code = arguments.run(arguments)
        sys.stdout.flush()
    except PerftuiError as error:
        _complain(str(error))
        return error.exit_code
    except BrokenPipeError:
        # The reader of our output has gone, as `head` does. Nothing more can be said to it.
        _write_no_more()
        return 0
    except OSError as error:
        # What cannot be opened has a name; every file but our output is written with care.
        if error.filename is not None or error.errno not in _FULL:
            raise
        _write_no_more()
        _complain(f"The output cannot be written: {error.strerror}. Make room for it.")
        return 1
    except KeyboardInterrupt:
        return 130
    return int(code)


def _open_standard_streams() -> None:
    """What is closed is the null device: else the next file that is opened takes its number, and
    goes to each program that is started as its input or output."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
    sys.stdout = sys.stdout or os.fdopen(1, "w", encoding="utf-8")
    sys.stderr = sys.stderr or os.fdopen(2, "w", encoding="utf-8")


def _complain(text: str) -> None:
    with suppress(OSError):
        lines = [_harmless(line) for line in text.splitlines()]
        print("perftui: " + "\n".join(lines), file=sys.stderr, flush=True)


def _write_no_more() -> None:
    """What is left in our buffers goes nowhere, also when Python ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _harmless(line: str) -> str:
    from perftui.model.text import plain

    indent = line[: len(line) - len(line.lstrip(" "))]
    return indent + plain(line)
