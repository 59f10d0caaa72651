"""The source files of a target, as the target sees them."""

from __future__ import annotations

import errno
import io
import os
import stat
from pathlib import Path

from perftui.model.source import SourceText

MOST_BYTES = 5_000_000
_MOST_LINKS = 40


def read_source(file: str, pid: int, started_at: float) -> SourceText:
    """The lines of `file`, a path in the target `pid` that began at `started_at` (Unix seconds).

    A relative path is one from the target's working directory. Where the target has another mount
    namespace, a container's say, the file is looked for there. `why` says why there is none.
    """
    if not file or file.startswith("<"):
        return SourceText(file, why="the code was made from no file")
    try:
        root = "/" if _same_files(pid) else f"/proc/{pid}/root"
        path = Path(file)
        if not path.is_absolute():
            top, here = (Path(f"/proc/{pid}/{link}").readlink() for link in ("root", "cwd"))
            # Both are paths of ours where the target has only another root directory.
            path = Path("/", here.relative_to(top) if here.is_relative_to(top) else here, path)
        data, changed_at = _contents(_within(root, path))
    except (OSError, ValueError) as error:
        return SourceText(file, why=getattr(error, "strerror", None) or "it cannot be read")
    if len(data) > MOST_BYTES:
        return SourceText(file, why=f"it has more than {MOST_BYTES // 1_000_000} MB")
    if b"\0" in data[:1000]:
        return SourceText(file, why="it is no text")
    # Not splitlines, which splits at form feeds too: Python does not count these as lines.
    text = io.StringIO(data.decode("utf-8", "replace"), newline=None)
    lines = tuple(line.removesuffix("\n") for line in text)
    return SourceText(file, lines, is_stale=changed_at > started_at)


def _contents(path: str) -> tuple[bytes, float]:
    """The bytes of a file, not many beyond the bound, and when it was changed (Unix seconds)."""
    number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        about = os.fstat(number)
        if not stat.S_ISREG(about.st_mode):
            raise OSError(errno.EINVAL, "it is no ordinary file")
        with os.fdopen(number, "rb", closefd=False) as opened:
            data: bytes | None = opened.read(MOST_BYTES + 1)
    finally:
        os.close(number)
    if data is None:  # a file like /proc/kmsg, where there is nothing to be read at present
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))
    return data, about.st_mtime


def _same_files(pid: int) -> bool:
    """Whether the target has the mounts and the root directory that we have; one that has ended is
    taken for one that had. PermissionError where that may not be known."""
    try:
        ours, theirs = (Path(f"/proc/{who}/ns/mnt").readlink() for who in ("self", pid))
        return ours == theirs and Path(f"/proc/{pid}/root").readlink() == Path("/")
    except FileNotFoundError:
        return True


def _within(root: str, path: Path) -> str:
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
