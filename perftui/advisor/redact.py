"""What may leave the host, by default-deny, and the way back.

Functions of the standard library and of installed packages go by their dotted names, all others
as fn_1, fn_2…; metrics by their names where those are plain, else as m_1…; units only where they
are known ones. Paths, labels, command lines, host, user and thread names have no way out: nothing
here takes them, except for a path, of which only the part below the library's root is ever used.
"""

from __future__ import annotations

import re
import sys
from pathlib import PurePosixPath

from perftui.model.kinds import Kind, installed
from perftui.model.text import plain

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SPECIAL = re.compile(r"<(?:module|lambda|locals|listcomp|dictcomp|setcomp|genexpr)>")
_FROZEN = re.compile(r"<frozen ([A-Za-z0-9_.]+)>")
_METRIC = re.compile(r"[A-Za-z0-9_:.-]{1,60}")
_PSEUDONYM = re.compile(r"(?<!\w)(?:fn|m)_\d+(?!\w)")
_MAX_NAME = 80

_SOURCES = (".py", ".pyc", ".pyx", ".so", ".pyd")

_UNITS = frozenset(
    (
        *("%", "percent", "ratio", "count", "cores", "bit", "bits", "bytes"),
        *("s", "ms", "us", "µs", "ns", "min", "h", "d", "seconds", "milliseconds"),
        *("B", "kB", "KB", "MB", "GB", "TB", "KiB", "MiB", "GiB", "TiB"),
        *("Hz", "kHz", "MHz", "GHz", "W", "°C"),
        *("req", "requests", "ops", "calls", "errors", "events", "connections"),
        *("threads", "processes", "fds", "files"),
    )
)
_PER = re.compile(r"(?P<unit>[^/]*)/(?:s|sec|min|m|h|d)")


def public_unit(unit: str) -> str:
    """`unit` if it is a known one, also per time (`req/s`); else nothing."""
    per = _PER.fullmatch(unit)
    known = unit in _UNITS or (per is not None and (per["unit"] in _UNITS or per["unit"] == "1"))
    return unit if known else ""


def public_function(function: str, file: str) -> str | None:
    """The dotted name of a library's function; None for any other, and for any odd name.

    `json.decoder.raw_decode` for `raw_decode` in `/usr/lib/python3.11/json/decoder.py`.
    """
    module = _module(file)
    if module is None:
        return None
    parts = [*module, *function.split(".")]
    if not all(_IDENTIFIER.fullmatch(part) or _SPECIAL.fullmatch(part) for part in parts):
        return None
    name = ".".join(parts)
    # A real name that looks like a pseudonym could not be told from one on the way back.
    return name if len(name) <= _MAX_NAME and not _PSEUDONYM.search(name) else None


def _module(file: str) -> list[str] | None:
    """The parts of the dotted name of a library's module, None for any other file.

    A path counts only by the layout of an installation: `lib/python3.11/site-packages/…`, or
    `lib/python3.11/` and the name of a module of the standard library.
    """
    frozen = _FROZEN.fullmatch(file)
    if frozen:
        parts = frozen[1].split(".")
        return parts if parts[0] in sys.stdlib_module_names else None
    path = PurePosixPath(file)
    if not path.is_absolute() or not path.name.endswith(_SOURCES):
        return None
    for kind, below in installed(file):
        if kind is Kind.SITE:
            return _dotted(below)
        module = _dotted(below[1:] if below[0] == "lib-dynload" else below)
        if module and module[0] in sys.stdlib_module_names:
            return module
    return None


def _dotted(below: tuple[str, ...]) -> list[str] | None:
    """`json/decoder.py` as `json`, `decoder`; a package's `__init__.py` as the package."""
    if not below:
        return None
    stem = below[-1].split(".", 1)[0]
    parts = [*below[:-1], stem]
    if len(parts) > 1 and stem == "__init__":
        parts.pop()
    return parts if all(_IDENTIFIER.fullmatch(part) for part in parts) else None


class Pseudonyms:
    """The names under which things leave the host during one run, and what they stand for.

    The same function keeps its pseudonym as long as the object lives. Not thread-safe.
    """

    def __init__(self) -> None:
        self._functions: dict[tuple[str, str], str] = {}
        self._metrics: dict[str, str] = {}
        self._real: dict[str, str] = {}

    def function(self, function: str, file: str) -> str:
        """The name of a function that may leave: its public one, or fn_N."""
        public = public_function(function, file)
        if public is not None:
            return public
        given = self._functions.setdefault((function, file), f"fn_{len(self._functions) + 1}")
        self._real.setdefault(given, plain(function, _MAX_NAME))
        return given

    def metric(self, name: str) -> str:
        """The name of a metric that may leave: its own, or m_N."""
        if _METRIC.fullmatch(name) and not _PSEUDONYM.search(name):
            return name
        given = self._metrics.setdefault(name, f"m_{len(self._metrics) + 1}")
        self._real.setdefault(given, plain(name, _MAX_NAME))
        return given

    def restore(self, text: str) -> str:
        """`text` with the real names in place of the pseudonyms; unknown ones stay."""
        return _PSEUDONYM.sub(lambda match: self._real.get(match[0]) or match[0], text)
