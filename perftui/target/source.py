"""The source files of a target, as the target sees them."""

from __future__ import annotations

import io
from pathlib import Path

from perftui.model.source import SourceText
from perftui.target.files import has_our_files, read_file, within

MOST_BYTES = 5_000_000


def read_source(file: str, pid: int, started_at: float) -> SourceText:
    """The lines of `file`, a path in the target `pid` that began at `started_at` (Unix seconds).

    A relative path is one from the target's working directory. Where the target has another mount
    namespace, a container's say, the file is looked for there. `why` says why there is none.
    """
    if not file or file.startswith("<"):
        return SourceText(file, why="the code was made from no file")
    try:
        root = "/" if has_our_files(pid) else f"/proc/{pid}/root"
        path = Path(file)
        if not path.is_absolute():
            top, here = (Path(f"/proc/{pid}/{link}").readlink() for link in ("root", "cwd"))
            # Both are paths of ours where the target has only another root directory.
            path = Path("/", here.relative_to(top) if here.is_relative_to(top) else here, path)
        data, changed_at = read_file(within(root, path), MOST_BYTES)
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
