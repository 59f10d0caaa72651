"""Whose code a file holds, by its path alone: one's own, Python's, a package's, or no Python."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from functools import lru_cache
from pathlib import PurePosixPath
from typing import NamedTuple

_INTERPRETER = re.compile(r"(?:python|pypy)\d+(?:\.\d+)?t?")
_NATIVE = re.compile(
    # Extensions and libraries, libc.so.6 among them; then what they were compiled from.
    r"\.(?:so(?:\.\d+)*|dylib|dll|pyd|exe|[chsS]|cc|cpp|cxx|c\+\+|hh|hpp|hxx|inc|rs|go|zig|f|f90|f95"
    r"|cu|cuh|m|mm|asm|pyx|pxd|pxi)$"
)
_SITES = frozenset(("site-packages", "dist-packages"))


class Kind(Enum):
    """Whose code it is, and in which words that is said."""

    OWN = "own code"
    STDLIB = "standard library"
    SITE = "site-packages"
    NATIVE = "native"
    """Not from a file of Python: C and the like, frozen modules, code made from a string."""


class Installed(NamedTuple):
    """A file below the library of an interpreter: which part of it, and the path within."""

    kind: Kind
    below: tuple[str, ...]


def installed(file: str) -> Iterator[Installed]:
    """Where `file` is in an installation of Python by its whole layout, the innermost place first.

    That is `lib/python3.11/site-packages/…` or `dist-packages/…`, and else `lib/python3.11/…` for
    the standard library, whatever is below it. Site-packages may stand below a plain `lib/python`.
    """
    parts = PurePosixPath(file).parts
    for at in range(len(parts) - 1, 1, -1):
        library, interpreter, first = parts[at - 2 : at + 1]
        if library not in ("lib", "lib64"):
            continue
        versioned = _INTERPRETER.fullmatch(interpreter) is not None
        if first in _SITES and (versioned or interpreter in ("python", "pypy")):
            yield Installed(Kind.SITE, parts[at + 1 :])
        elif versioned:
            yield Installed(Kind.STDLIB, parts[at:])


@lru_cache(maxsize=50_000)
def kind_of(file: str) -> Kind:
    """Whose code is in `file`, an absolute path or what a profiler names in place of one."""
    if not file or file.startswith("<") or _NATIVE.search(file):
        return Kind.NATIVE
    if file == "python" or _INTERPRETER.fullmatch(file):
        return Kind.NATIVE  # a frame of the interpreter itself
    # A package may also be put anywhere (pip install --target): the folder's name is enough here.
    if any(
        folder in _SITES or folder == "__pypackages__" or folder.endswith(".egg")
        for folder in PurePosixPath(file).parts[:-1]
    ):
        return Kind.SITE
    return Kind.STDLIB if any(installed(file)) else Kind.OWN
