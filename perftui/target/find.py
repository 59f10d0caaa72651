"""Finding the target: the Python processes of this host, one by its name, the ports of one."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import psutil

from perftui.errors import NoSuchTarget, UsageError
from perftui.model.target import Candidate
from perftui.model.text import plain
from perftui.target.describe import program_name
from perftui.target.python import looks_like_python

T = TypeVar("T")


class Finder:
    """Looks at the processes of this host; CPU is counted from one look to the next."""

    def __init__(self) -> None:
        self._known: dict[psutil.Process, Candidate | None] = {}

    def candidates(self) -> list[Candidate]:
        """Every Python process but this one, each below its nearest Python ancestor."""
        seen = {process: self._look(process) for process in psutil.process_iter()}
        self._known = seen
        return as_tree([found for found in seen.values() if found is not None])

    def _look(self, process: psutil.Process) -> Candidate | None:
        """The process as it is now; None for one that is not Python."""
        if process.pid == os.getpid():
            return None
        known = self._known.get(process)
        if known is None and (process in self._known or not looks_like_python(process)):
            return None
        try:
            with process.oneshot():
                if process.status() == psutil.STATUS_ZOMBIE:
                    return None
                memory = _permitted(process.memory_info)
                cpu = _permitted(lambda: process.cpu_percent(None))
                rss = None if memory is None else memory.rss
                parent = process.ppid()
                if known is not None:
                    return replace(known, parent=parent, cpu_pct=cpu, rss=rss)
                cmdline = tuple(_permitted(process.cmdline) or (process.name(),))
                return Candidate(
                    pid=process.pid,
                    parent=parent,
                    depth=0,
                    cpu_pct=None,
                    rss=rss,
                    started_at=process.create_time(),
                    user=_permitted(process.username),
                    environment=_environment(process, cmdline),
                    cmdline=cmdline,
                )
        except psutil.Error:
            return None


def _permitted(read: Callable[[], T]) -> T | None:
    try:
        return read()
    except psutil.AccessDenied:
        return None


def _environment(process: psutil.Process, cmdline: Sequence[str]) -> str | None:
    """The virtual environment that it runs in, else its interpreter; None if not permitted."""
    try:
        program = Path(cmdline[0] if cmdline else "")
        if len(program.parts) > 1:
            home = (Path(process.cwd()) / program).parent.parent
            if (home / "pyvenv.cfg").is_file():
                return os.path.normpath(home)
        else:
            # Found on PATH: then the activated environment is what it was found in.
            environ = process.environ()
            active = environ.get("VIRTUAL_ENV") or environ.get("CONDA_PREFIX")
            if active:
                return active
        return process.exe() or None
    except (psutil.Error, OSError):
        return None


def as_tree(found: Iterable[Candidate]) -> list[Candidate]:
    """Parents before their children, each tree by age, with the depth of each set."""
    by_pid = {candidate.pid: candidate for candidate in found}
    children: dict[int, list[Candidate]] = {}
    for candidate in sorted(by_pid.values(), key=lambda c: (c.started_at, c.pid)):
        is_root = candidate.parent not in by_pid or candidate.parent == candidate.pid
        children.setdefault(0 if is_root else candidate.parent, []).append(candidate)
    ordered: list[Candidate] = []
    waiting = [(root, 0) for root in reversed(children.get(0, []))]
    while waiting:
        candidate, depth = waiting.pop()
        ordered.append(replace(candidate, depth=depth))
        below = children.get(candidate.pid, [])
        waiting.extend((child, depth + 1) for child in reversed(below))
    return ordered


def by_name(pattern: str, candidates: Iterable[Candidate]) -> int:
    """The process whose command line fits the regular expression `pattern`.

    Several that form one tree below one of them (a server and its workers) are that one. Else
    several are a UsageError that lists them; none is NoSuchTarget.
    """
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise UsageError(
            f"--name {pattern!r} is no regular expression: {error}.",
            "Put a backslash before a sign that stands for itself.",
        ) from None
    everyone = {candidate.pid: candidate for candidate in candidates}
    fitting = [
        candidate
        for candidate in everyone.values()
        if expression.search(candidate.command) and program_name(candidate.cmdline) != "perftui"
    ]
    if not fitting:
        raise NoSuchTarget(
            f"No Python process has a command line that fits {pattern!r}.",
            "Run perftui alone to see all of them.",
        )
    return topmost(fitting, everyone, f"fit {pattern!r}")


def topmost(fitting: Sequence[Candidate], everyone: Mapping[int, Candidate], what: str) -> int:
    """The process id of the one of `fitting` that all others descend from.

    `everyone` are the processes by their ids, as far as descent is known. Without such a one it is
    a UsageError that lists them; `what` is what they all do.
    """
    pids = {candidate.pid for candidate in fitting}
    roots = [one for one in fitting if not pids.intersection(_ancestors(one, everyone))]
    if len(roots) == 1:
        return roots[0].pid
    listed = "\n".join(
        f"  {one.pid:>8}  {plain(program_name(one.cmdline), 40)}  ({plain(one.command, 100)})"
        for one in roots[:20]
    )
    raise UsageError(
        f"{len(roots)} Python processes {what}:\n{listed}\n",
        "Name one of them by its id: perftui PID.",
    )


def _ancestors(candidate: Candidate, everyone: Mapping[int, Candidate]) -> Iterator[int]:
    """The process ids above a process, as far up as they are among `everyone`."""
    parent = everyone.get(candidate.parent)
    while parent is not None and parent.pid != candidate.pid:
        yield parent.pid
        above = everyone.get(parent.parent)
        parent = above if above is not parent else None


def listening_ports(pid: int) -> frozenset[int]:
    """TCP ports on which the process listens; empty where that may not be read."""
    try:
        connections = psutil.Process(pid).net_connections("tcp")
    except psutil.Error:
        return frozenset()
    return frozenset(
        connection.laddr.port
        for connection in connections
        if connection.status == psutil.CONN_LISTEN
    )
