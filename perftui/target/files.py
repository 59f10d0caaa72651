"""Files as a target sees them: below its own root, with its own links."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

_MOST_LINKS = 40


def read_file(path: str, most_bytes: int) -> tuple[bytes, float]:
    """The bytes of an ordinary file, one beyond the bound at most, and when it was changed (Unix
    seconds). OSError where it cannot be read, or is another thing."""
    number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        about = os.fstat(number)
        if not stat.S_ISREG(about.st_mode):
            raise OSError(errno.EINVAL, "it is no ordinary file")
        with os.fdopen(number, "rb", closefd=False) as opened:
            data: bytes | None = opened.read(most_bytes + 1)
    finally:
        os.close(number)
    if data is None:  # a file like /proc/kmsg, where there is nothing to be read at present
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    return data, about.st_mtime


def has_our_files(pid: int) -> bool:
    """Whether the target has the mounts and the root directory that we have; one that has ended is
    taken for one that had. PermissionError where that may not be known."""
    try:
        ours, theirs = (Path(f"/proc/{who}/ns/mnt").readlink() for who in ("self", pid))
        return ours == theirs and Path(f"/proc/{pid}/root").readlink() == Path("/")
    except FileNotFoundError:
        return True


def within(root: str, path: Path) -> str:
    """Where `path` is below `root`. Links are followed as the target would: one to an absolute
    path, which the kernel would take for one of ours, begins at the target's root again."""
    if root == "/":
        return str(path)
    parts = list(path.parts[1:])
    found: list[str] = []
    links = 0
    while parts:
        part = parts.pop(0)
        if part == "..":
            found = found[:-1]
            continue
        here = Path("/".join([root, *found, part]))
        if not here.is_symlink():
            found.append(part)
            continue
        links += 1
        if links > _MOST_LINKS:
            raise ValueError("too many links")
        target = here.readlink()
        if target.is_absolute():
            found = []
        parts = [*(one for one in target.parts if one != "/"), *parts]
    return "/".join([root, *found])
