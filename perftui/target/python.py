"""Which processes run Python."""

from __future__ import annotations

import re
from pathlib import Path, PurePath

import psutil

_INTERPRETER = re.compile(r"(?:python|pypy)\d*(?:\.\d+)*[a-z]*(?:\.exe)?", re.IGNORECASE)
_LIBRARY = re.compile(rb"/libpython\d|/python\d(?:\.\d+)?/lib-dynload/|Python\.framework/")


def is_interpreter(program: str) -> bool:
    """Whether a program, by its name, is a Python interpreter."""
    return _INTERPRETER.fullmatch(PurePath(program).name) is not None


def looks_like_python(process: psutil.Process) -> bool:
    """Whether a process seems to run Python: by its program's name, else by its libraries.

    py-spy has the last word; this decides what is listed, and never asks for a permission.
    """
    if any(is_interpreter(program) for program in _programs(process)):
        return True
    # An application that embeds Python, or has it frozen in, still maps its library.
    try:
        return _LIBRARY.search(Path(f"/proc/{process.pid}/maps").read_bytes()) is not None
    except OSError:
        return False


def _programs(process: psutil.Process) -> list[str]:
    found: list[str] = []
    for read in (process.exe, process.name):
        try:
            found.append(read())
        except psutil.Error:
            continue
    return found
