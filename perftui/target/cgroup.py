"""Where the kernel keeps the figures of a process's cgroups, of version 1, 2 or both.

/proc/PID/cgroup names a process's place in each hierarchy, and a mountinfo file where the
hierarchies are mounted, and from which place on. Both are told as seen from the cgroup namespace
of who reads them, so the two fit together, from the host as from inside a container.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

_OCTAL = re.compile(r"\\([0-7]{3})")
_GONE = " (deleted)"
_KINDS = (" - cgroup",)
MOST_BYTES = 4_000_000
"""Of a mountinfo file: a host of many containers has thousands of mounts."""


@dataclass(frozen=True)
class Cgroups:
    """The directories of a process's cgroups: its own first, then those above it, as far up as
    they can be seen. Empty where there is no such controller.

    `cpu`, `cpuacct` and `memory` are controllers of version 1; `unified` is version 2. `denied`
    says that there are some that this user may not see.
    """

    cpu: tuple[Path, ...] = ()
    cpuacct: tuple[Path, ...] = ()
    memory: tuple[Path, ...] = ()
    unified: tuple[Path, ...] = ()
    denied: bool = False


class Mount(NamedTuple):
    """A mount: what part of its file system (`root`) is where (`point`), of what `kind`, with the
    options of the file system, which name the controllers of a cgroup hierarchy."""

    root: str
    point: str
    kind: str
    options: frozenset[str]


def find_cgroups(pid: int, proc: Path = Path("/proc"), root: Path = Path("/")) -> Cgroups:
    """The cgroups of a process, nothing where it has ended.

    They are looked for below our own mounts, which are below `root`. Where those do not hold them,
    as in a debug container beside the target, they are looked for below the target's mounts, which
    only who may read the target can see.
    """
    places = parse_cgroup(_text(proc / str(pid) / "cgroup"))
    ours = parse_mountinfo(_text(proc / "self" / "mountinfo"), _KINDS)
    theirs: list[Mount] | None = None
    found: dict[str, tuple[Path, ...]] = {}
    denied = False
    for controller, name in (
        ("cpu", "cpu"),
        ("cpuacct", "cpuacct"),
        ("memory", "memory"),
        ("", "unified"),
    ):
        place = places.get(controller)
        if place is None or place.endswith(_GONE):
            continue
        try:
            levels = _levels(place, _fitting(ours, controller), root)
            if not levels:
                if theirs is None:
                    theirs = parse_mountinfo(_text(proc / str(pid) / "mountinfo"), _KINDS)
                levels = _levels(place, _fitting(theirs, controller), proc / str(pid) / "root")
        except PermissionError:
            denied = True
            continue
        found[name] = levels
    return Cgroups(**found, denied=denied)


def parse_cgroup(text: str) -> dict[str, str]:
    """The place in the hierarchy of each controller, "" for version 2, from the text of
    /proc/PID/cgroup."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        number, _, rest = line.partition(":")
        controllers, colon, place = rest.partition(":")
        if number.isdecimal() and colon and place.startswith("/"):
            found.update(dict.fromkeys(controllers.split(","), place))
    return found


def parse_mountinfo(text: str, words: Collection[str] = ("",)) -> list[Mount]:
    """The mounts in the text of a mountinfo file (man 5 proc); what is no mount is left out, and
    of many what has none of `words` in its line."""
    found = []
    for line in text.splitlines():
        if not any(word in line for word in words):
            continue
        before, dash, after = line.partition(" - ")
        left, right = before.split(" "), after.split(" ")
        if dash and len(left) > 5 and len(right) > 2:
            options = frozenset(right[2].split(","))
            found.append(Mount(_unescaped(left[3]), _unescaped(left[4]), right[0], options))
    return found


def _unescaped(field: str) -> str:
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), field)


def _fitting(mounts: Iterable[Mount], controller: str) -> list[Mount]:
    """The mounts of a controller's hierarchy, those that show most of it first."""
    if controller:
        fitting = [m for m in mounts if m.kind == "cgroup" and controller in m.options]
    else:
        fitting = [m for m in mounts if m.kind == "cgroup2"]
    return sorted(fitting, key=lambda mount: len(mount.root))


def _levels(place: str, mounts: Iterable[Mount], root: Path) -> tuple[Path, ...]:
    """The directory of a cgroup and those above it up to the mount, by the first mount that has
    it. PermissionError where that may not be seen."""
    for mount in mounts:
        below = beneath(place, mount.root)
        if below is None:
            continue
        top = root / mount.point.lstrip("/")
        own = top / below
        if _is_directory(own):
            above = len(below.parts)
            return (own, *own.parents[:above])
    return ()


def beneath(place: str, root: str) -> PurePosixPath | None:
    """The way from `root` down to `place`, None where it is not below it."""
    parts, top = PurePosixPath(place).parts, PurePosixPath(root).parts
    if parts[: len(top)] != top or ".." in parts[len(top) :]:
        return None
    return PurePosixPath(*parts[len(top) :])


def _is_directory(path: Path) -> bool:
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)  # noqa: PTH116 - is_dir hides a denial
    except (FileNotFoundError, NotADirectoryError, ProcessLookupError, ValueError):
        return False


def _text(path: Path) -> str:
    """A file of /proc; nothing where it is not there, or not for us."""
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES).decode("utf-8", "surrogateescape")
    except OSError:
        return ""
