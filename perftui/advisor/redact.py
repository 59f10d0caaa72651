"""What may leave the host, by default-deny, and the way back.

Functions of the standard library and of well-known packages go by their dotted names; all others,
those of one's own package where it is installed among them, as fn_1, fn_2…; metrics by their names
where those are plain, else as m_1…; units only where they are known ones. All else that has a name
goes as thread_1, host_1 and the like. The settings open each kind by name, and close those two;
what looks like a secret stays here all the same.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import PurePath, PurePosixPath
from typing import NamedTuple

from perftui.advisor.scrub import command_line, is_secret_name, looks_secret, without_secrets
from perftui.model.kinds import Kind, installed
from perftui.model.series import BUILT_IN
from perftui.model.text import plain
from perftui.settings import ShareSettings

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SPECIAL = re.compile(r"<(?:module|lambda|locals|listcomp|dictcomp|setcomp|genexpr)>")
_FROZEN = re.compile(r"<frozen ([A-Za-z0-9_.]+)>")
_METRIC = re.compile(r"[A-Za-z0-9_:.-]{1,60}")
_PSEUDONYM = re.compile(
    r"(?<!\w)(?:fn|m|label|value|thread|path|host|user|command|event|name)_\d+(?!\w)"
)
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,59}")
_MAX_NAME = 80
_MAX_VALUE = 200
"""Characters of a path, of a label's value and the like; longer ones are not told."""
_MAX_TEXT = 400
"""Characters of a command line or of an event's words; longer ones are cut."""

_OF_HOSTS = frozenset(
    (
        *("instance", "host", "hostname", "node", "nodename", "pod", "server", "domain"),
        *("address", "addr", "ip", "peer", "remote"),
    )
)
_OF_USERS = frozenset(("user", "username", "login", "uid", "email", "customer", "tenant", "owner"))
"""Words of labels whose values name hosts or users: those are told only where their own kind is,
too, and so are values that have the form of an address."""
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_DOMAIN = r"(?:com|net|org|io|internal|intranet|local|localdomain|lan|corp|svc)"
USER_FORM = r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)*"
HOST_FORM = (
    r"(?:(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?(?![\w.]*\w)"
    r"|(?<![\w:.])(?=[0-9A-Fa-f:]*(?:::|(?::[0-9A-Fa-f]+){3}))[0-9A-Fa-f]{0,4}"
    r"(?::[0-9A-Fa-f]{0,4}){2,7}(?![\w:])"
    rf"|(?<![\w.-])[A-Za-z0-9][\w-]*(?:\.[\w-]+)*\.{_DOMAIN}(?::\d+)?(?![\w-]|\.\w|\())"
)
"""What is a user at a host, and an address or a host with its domain, in any text."""
_USER = re.compile(USER_FORM)
_HOST = re.compile(rf"{HOST_FORM}|\[{HOST_FORM}(?:%\w+)?\](?::\d+)?")

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


@cache
def well_known() -> frozenset[str]:
    """Import names of the packages that are told by name, those in `packages.txt`."""
    text = (resources.files("perftui.advisor") / "packages.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return frozenset(" ".join(lines).split())


def public_function(function: str, file: str) -> str | None:
    """The dotted name of a well-known library's function; None for any other, and for any odd name.

    `json.decoder.raw_decode` for `raw_decode` in `/usr/lib/python3.11/json/decoder.py`.
    """
    module = _module(file)
    return _dotted_name(module.parts, function) if module and module.is_public else None


def is_public(file: str) -> bool:
    """Whether a file is part of a well-known library."""
    module = _module(file)
    return module is not None and module.is_public


def _dotted_name(module: Sequence[str], function: str) -> str | None:
    """The name of a function with its module's, where they are identifiers and may leave."""
    parts = [*module, *function.split(".")]
    if not all(_IDENTIFIER.fullmatch(part) or _SPECIAL.fullmatch(part) for part in parts):
        return None
    name = ".".join(parts)
    return name if len(name) <= _MAX_NAME and _may_leave(name) else None


def is_pseudonym(told: str) -> bool:
    """Whether `told` is what is put in place of a name."""
    return _PSEUDONYM.fullmatch(told) is not None


def is_host_label(name: str) -> bool:
    """Whether a label of this name has hosts for values."""
    return not _OF_HOSTS.isdisjoint(_words(name))


def _words(name: str) -> list[str]:
    """Those of a label's name: client, ip of client_ip and clientIp; and the name itself."""
    return [name.casefold(), *(word.casefold() for word in _WORD.findall(name))]


def _may_leave(name: str) -> bool:
    """Whether a name is neither like a secret nor like a pseudonym, from which it could not be told
    on the way back."""
    return not _PSEUDONYM.search(name) and not looks_secret(name)


class _Module(NamedTuple):
    """The parts of an installed module's dotted name, and whether everybody may know it."""

    parts: list[str]
    is_public: bool


def _module(file: str) -> _Module | None:
    """The installed module that a file holds, None for any other file.

    A path counts only by the layout of an installation: `lib/python3.11/site-packages/…`, or
    `lib/python3.11/` and the name of a module of the standard library.
    """
    frozen = _FROZEN.fullmatch(file)
    if frozen:
        parts = frozen[1].split(".")
        return _Module(parts, True) if parts[0] in sys.stdlib_module_names else None
    path = PurePosixPath(file)
    if not path.is_absolute() or not path.name.endswith(_SOURCES):
        return None
    for kind, below in installed(file):
        if kind is Kind.SITE:
            parts = _dotted(below)
            return _Module(parts, parts[0] in well_known()) if parts else None
        module = _dotted(below[1:] if below[0] == "lib-dynload" else below)
        if module and module[0] in sys.stdlib_module_names:
            return _Module(module, True)
    return None


def _dotted(below: tuple[str, ...]) -> list[str]:
    """`json/decoder.py` as `json`, `decoder`; a package's `__init__.py` as the package; nothing
    where that is no name."""
    if not below:
        return []
    stem = below[-1].split(".", 1)[0]
    parts = [*below[:-1], stem]
    if len(parts) > 1 and stem == "__init__":
        parts.pop()
    return parts if all(_IDENTIFIER.fullmatch(part) for part in parts) else []


def _own_function(function: str, file: str) -> str | None:
    """The name of one's own function with its module's, as far as the file tells that."""
    path = PurePath(file)
    module = path.name.split(".", 1)[0]
    short = [path.parent.name if module == "__init__" else module]
    installed_as = _module(file)
    return _dotted_name(installed_as.parts if installed_as else short, function)


@dataclass
class _Given:
    """The pseudonyms given so far, by kind and by what they stand for; and the way back."""

    names: dict[str, dict[object, str]] = field(default_factory=dict)
    real: dict[str, str] = field(default_factory=dict)

    def name(self, kind: str, thing: object, shown: str) -> str:
        of_kind = self.names.setdefault(kind, {})
        given = of_kind.setdefault(thing, f"{kind}_{len(of_kind) + 1}")
        self.real.setdefault(given, plain(shown, _MAX_NAME))
        return given


class Pseudonyms:
    """The names under which things leave the host during one run, and what they stand for.

    Each method gives what may be told of one thing: its name where `share` opens its kind and
    nothing in it looks like a secret, else a pseudonym. The same thing keeps its pseudonym as long
    as the object lives, and those that :meth:`sharing` gives. `of_files` are metrics that are
    called after a file: these names are a part of a path. Not thread-safe.
    """

    def __init__(
        self, share: ShareSettings | None = None, of_files: frozenset[str] = frozenset()
    ) -> None:
        self.share = share or ShareSettings()
        self._of_files = of_files
        self._given = _Given()

    def sharing(self, share: ShareSettings) -> Pseudonyms:
        """The same pseudonyms, with other kinds open."""
        other = Pseudonyms(share, self._of_files)
        other._given = self._given
        return other

    def function(self, function: str, file: str) -> str:
        """The name of a function: `json.decoder.raw_decode` of a well-known library's,
        `billing.charge` of any other, or fn_N."""
        told = None
        if is_public(file):
            told = public_function(function, file) if self.share.library_names else None
        elif self.share.function_names:
            told = _own_function(function, file)
        return told or self._given.name("fn", (function, file), function)

    def metric(self, name: str) -> str:
        """The name of a metric, or m_N; those of perftui's own go by their names always."""
        # A colon is part of the names of recording rules: job:tokens:rate5m says no token.
        is_plain = _METRIC.fullmatch(name) and _may_leave(name.replace(":", "_"))
        is_open = self.share.metric_names and (self.share.paths or name not in self._of_files)
        if name in BUILT_IN or (is_open and is_plain):
            return name
        return self._given.name("m", name, name)

    def label(self, name: str, value: str) -> tuple[str, str]:
        """The name and the value of a label, or label_N and value_N; values that name a host or a
        user as host_N and user_N, unless these kinds are open, too."""
        told = name if self.share.labels and _LABEL.fullmatch(name) and _may_leave(name) else None
        told = told or self._given.name("label", name, name)
        if is_host_label(name) or _HOST.fullmatch(value):
            return told, self._told("host", value, self.share.labels and self.share.host)
        if not _OF_USERS.isdisjoint(_words(name)) or _USER.fullmatch(value):
            return told, self._told("user", value, self.share.labels and self.share.users)
        return told, self._told("value", value, self.share.labels and not is_secret_name(name))

    def thread(self, name: str) -> str:
        """The name of a thread, or thread_N."""
        return self._told("thread", name, self.share.threads)

    def path(self, path: str, line: int | None = None) -> str:
        """A file, or path_N; with a line of it, `app.py:88`."""
        told = self._told("path", path, self.share.paths)
        return told if line is None else f"{told}:{line}"

    def host(self, name: str) -> str:
        """The name of a host, or host_N."""
        return self._told("host", name, self.share.host)

    def user(self, name: str) -> str:
        """The name of a user, or user_N."""
        return self._told("user", name, self.share.users)

    def part(self, name: str) -> str:
        """A part of a name of one's own, like a class or a folder, in capitals or not: name_N."""
        return self._given.name("name", name.casefold(), name)

    def command(self, arguments: Sequence[str]) -> str:
        """A command line, what looks like a secret taken out, or command_N."""
        return self._text("command", " ".join(arguments), command_line(arguments), "commands")

    def event(self, text: str) -> str:
        """The words of an event, what looks like a secret taken out, or event_N."""
        return self._text("event", text, without_secrets(text), "events")

    def restore(self, text: str) -> str:
        """`text` with the real names in place of the pseudonyms; unknown ones stay."""
        return _PSEUDONYM.sub(lambda match: self._given.real.get(match[0]) or match[0], text)

    def _told(self, kind: str, name: str, is_open: bool) -> str:
        """A name that is told as a whole or not at all: half of one says little."""
        told = plain(name)
        if is_open and told and len(told) <= _MAX_VALUE and _may_leave(told):
            return told
        return self._given.name(kind, name, name)

    def _text(self, kind: str, real: str, scrubbed: str, share: str) -> str:
        """A text that says something also where a secret is taken out of it."""
        told = plain(scrubbed, _MAX_TEXT)
        if getattr(self.share, share) and told and not _PSEUDONYM.search(told):
            return told
        return self._given.name(kind, real, real)
