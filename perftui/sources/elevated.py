"""py-spy as root by sudo, for a user who may not read the target. Nothing else runs as root.

A plain user cannot signal what sudo runs: such a py-spy ends by its own duration. sudo closes every
inherited file, so py-spy writes to a named one, made here before it starts, mode 0600, in a
directory where nobody else can put anything in its place. What it wrote is read through the file
that was opened then, never through the name.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from perftui.errors import MissingPart, NotPermitted, PerftuiError

_LEFT_S = 60.0
"""A file that is older was left by a perftui that was killed: no py-spy lasts so long."""
_ANSWER_S = 10.0
_HELP = "README says under --sudo what to allow."
_ROOT = 0


@dataclass(frozen=True)
class Sudo:
    """Runs `pyspy` (an absolute path that only root or this user can change) as root by `sudo`.
    Its files are in `directory`."""

    sudo: str
    pyspy: str
    directory: Path

    def argv(self, arguments: Sequence[str]) -> list[str]:
        """The whole command line; never asks for a password."""
        return [self.sudo, "-n", "--", self.pyspy, *arguments]

    def new_file(self) -> IO[bytes]:
        """An empty file for what py-spy writes, deleted when it is closed."""
        return tempfile.NamedTemporaryFile(prefix="window-", dir=self.directory)

    def check(self, pid: int) -> None:
        """NotPermitted where sudo does not let this user record this process."""
        output = str(self.directory / "window-check")
        arguments = record_arguments(["--rate", "100"], pid, 1, output)
        asked = [self.sudo, "-n", "-l", "--", self.pyspy, *arguments]
        try:
            answer = subprocess.run(
                asked,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                env=ENVIRONMENT,
                timeout=_ANSWER_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            raise NotPermitted("sudo does not answer.", _HELP) from None
        if answer.returncode:
            said = answer.stderr.decode("utf-8", "replace")
            raise refusal(said) or NotPermitted("sudo does not let you run py-spy.", _HELP)


def record_arguments(how: Sequence[str], pid: int, duration_s: int, output: str) -> list[str]:
    """py-spy's command to record; what differs by target and user stands last, as README's rule
    for sudo expects it."""
    return [
        *("record", "--format", "speedscope", "--full-filenames", "--threads", *how),
        *("--pid", str(pid), "--duration", str(duration_s), "--output", output),
    ]


ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C"}
"""What sudo is run with: its words are looked at, so they are not translated."""


def refusal(said: str) -> PerftuiError | None:
    """What sudo's own words mean; None where there are none."""
    if "sudo: a password is required" in said or "sudo: a terminal is required" in said:
        return NotPermitted("sudo asks for a password, which perftui never gives.", _HELP)
    if any(line.startswith(("sudo:", "Sorry, user")) for line in said.splitlines()):
        return NotPermitted("sudo does not let you run py-spy.", _HELP)
    return None


def find_sudo() -> Sudo | None:
    """How to run py-spy as root; None for root itself, who needs no sudo.

    Raises MissingPart where sudo or py-spy is not installed, NotPermitted where another user could
    change the py-spy that root would run, or where its files can be kept nowhere.
    """
    if os.geteuid() == _ROOT:
        return None
    sudo = shutil.which("sudo", path=f"{os.environ.get('PATH', '')}{os.pathsep}{os.defpath}")
    if sudo is None:
        raise MissingPart("sudo is not installed here.", "Run perftui as root.")
    found = list(_candidates())
    if not found:
        raise MissingPart("py-spy is not installed here.", "Install it: pip install py-spy.")
    own = [path for path in found if _only_changed_by(path, {_ROOT, os.geteuid()})]
    safe = [path for path in own if _only_changed_by(path, {_ROOT})] or own
    if not safe:
        raise NotPermitted(
            f"Other users can change {found[0]}, so root will not run it.",
            "Install py-spy where only root can: sudo pip install py-spy.",
        )
    return Sudo(os.path.realpath(sudo), str(safe[0]), _directory())


def _candidates() -> Iterator[Path]:
    """Every py-spy here: where root's programs are, beside this Python, and on PATH."""
    beside = str(Path(sys.executable).parent)
    roots = ["/usr/local/bin", "/usr/bin"]
    for directory in [*roots, beside, *os.environ.get("PATH", "").split(os.pathsep)]:
        path = Path(directory, "py-spy")
        if path.is_absolute() and is_program(path):
            yield path.resolve()


def is_program(path: Path) -> bool:
    """Whether it can be run, by whom this process acts for."""
    effective = os.access in os.supports_effective_ids
    return path.is_file() and os.access(path, os.X_OK, effective_ids=effective)


def _only_changed_by(path: Path, users: set[int]) -> bool:
    """Whether nobody but these users can change a file, or put another in its place."""
    for one in (path, *path.parents):
        try:
            status = one.stat()
        except OSError:
            return False
        others_write = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        is_sticky = stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX
        if status.st_uid not in users or (others_write and not is_sticky):
            return False
    return True


def _directory() -> Path:
    """A directory of this user's alone for what py-spy writes; what was left in it is removed."""
    state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    for root in (os.environ.get("XDG_RUNTIME_DIR"), state):
        if not root or not (base := Path(root).expanduser()).is_absolute():
            continue
        directory = base / "perftui" / "sudo"
        with suppress(OSError):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            directory.chmod(0o700)
            if _only_changed_by(directory, {_ROOT, os.geteuid()}):
                _clear(directory)
                return directory
    raise NotPermitted(
        "There is no directory of your own for what py-spy writes.",
        "Set XDG_RUNTIME_DIR to one that only you can change.",
    )


def _clear(directory: Path) -> None:
    for path in directory.glob("window-*"):
        with suppress(OSError):
            if time.time() - path.lstat().st_mtime > _LEFT_S:
                path.unlink()
