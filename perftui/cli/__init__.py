"""The command line: one module per group of commands, imported when its command is called."""

from __future__ import annotations

import gc
import io
import os
import sys
from collections.abc import Sequence

from perftui.errors import PerftuiError

GC_THRESHOLD = 5_000
"""So many new objects start a collection of the youngest. Python's own 700 are for programs that
make cycles; stacks are many, and none: to walk through them took a third of the time that it takes
to read them (`benchmarks/speed.py`)."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code. Errors go to stderr, one sentence and one fix."""
    from perftui.cli.parser import parse

    gc.set_threshold(GC_THRESHOLD)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without ± is no reason to end
    try:
        arguments = parse(sys.argv[1:] if argv is None else list(argv))
        code = arguments.run(arguments)
        sys.stdout.flush()
    except PerftuiError as error:
        lines = str(error).splitlines()
        print("perftui: " + "\n".join(_harmless(line) for line in lines), file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        # The reader of our output has gone, as `head` does. Nothing more can be said to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    return int(code)


def _harmless(line: str) -> str:
    from perftui.model.text import plain

    indent = line[: len(line) - len(line.lstrip(" "))]
    return indent + plain(line)
