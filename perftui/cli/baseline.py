"""A saved document to compare with: ``--baseline FILE``."""

from __future__ import annotations

import argparse
import errno
import json
import os
from pathlib import Path

from perftui.errors import UsageError
from perftui.model.baseline import Baseline, read_baseline
from perftui.target.files import read_file

MOST_BYTES = 100_000_000
_FIX = "Save one with perftui snapshot PID --json > FILE."


def baseline_of(arguments: argparse.Namespace) -> Baseline | None:
    """What the arguments say to compare with; UsageError if it cannot be read."""
    if arguments.baseline is None:
        return None
    file = Path(arguments.baseline)
    try:
        if file.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        data, _ = read_file(str(file), MOST_BYTES)
        if len(data) > MOST_BYTES:
            raise ValueError(f"it has more than {MOST_BYTES // 1_000_000} MB")
        try:
            found = json.loads(data)
        except (ValueError, RecursionError):  # too deep, or a number of too many digits
            raise UsageError(f"The baseline {file} is no JSON.", _FIX) from None
        return read_baseline(found)
    except OSError as error:
        raise UsageError(f"The baseline {file} cannot be read: {error.strerror}.", _FIX) from None
    except ValueError as error:
        raise UsageError(f"The baseline {file} cannot be used: {error}.", _FIX) from None
