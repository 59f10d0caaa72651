"""Whose code a file holds, by its path alone: one's own, Python's, a package's, or no Python."""

from __future__ import annotations

import re
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
_SITES = frozenset(("site-packages", "dist-packages", "__pypackages__"))


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


def installed(file: str) -> Installed | None:
    """Where `file` is in an installation of Python; None where it is in none.

    An installation is known by its layout: `site-packages/…` or `dist-packages/…` and, where
    there is none of these, `lib/python3.11/…` for the standard library. The innermost one counts.
    """
    parts = PurePosixPath(file).parts
    folders = range(len(parts) - 2, -1, -1)
    for at in folders:
        if parts[at] in _SITES or parts[at].endswith(".egg"):
            return Installed(Kind.SITE, parts[at + 1 :])
    for at in folders[1:]:
        if parts[at] in ("lib", "lib64") and _INTERPRETER.fullmatch(parts[at + 1]):
            return Installed(Kind.STDLIB, parts[at + 2 :])
    return None


@lru_cache(maxsize=50_000)
def kind_of(file: str) -> Kind:
    """Whose code is in `file`, an absolute path or what a profiler names in place of one."""
    if not file or file.startswith("<") or _NATIVE.search(file):
        return Kind.NATIVE
    if file == "python" or _INTERPRETER.fullmatch(file):
        return Kind.NATIVE  # a frame of the interpreter itself
    found = installed(file)
    return Kind.OWN if found is None else found.kind
