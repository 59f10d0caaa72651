"""The answers to the question whether an LLM may be called, in a private file of this user."""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

import msgspec

from perftui.checked import Invalid, Table, checked
from perftui.errors import StateError
from perftui.model.consent import Choice
from perftui.model.text import plain, without_password

FILE = "consent.json"
MOST_BYTES = 100_000


class Answer(Table, frozen=True, kw_only=True):
    """What was said of one server on one host, and when (Unix seconds); `kinds` are those that were
    open then, by their names in `[llm.share]`."""

    host: str
    server: str
    choice: Choice
    kinds: tuple[str, ...] = ()
    at: float = 0.0


class Answers(Table, frozen=True, kw_only=True):
    """The whole file."""

    version: Literal[1]
    answers: tuple[Answer, ...] = ()


def consent_file(state: Path | None, host: str, server: str) -> ConsentFile | None:
    """The file below the directory `state`, None without one."""
    return None if state is None else ConsentFile(state / FILE, host, server)


class ConsentFile:
    """The answer in the file `path` about calls from `host` to `server`; 0600, in a directory of
    0700. Several perftuis may use it at once. StateError where it cannot be used."""

    def __init__(self, path: Path, host: str, server: str) -> None:
        self._path = path
        self._of = host, without_password(server).rstrip("/")

    def read(self) -> Answer | None:
        """The answer, None if there is none. StateError for a file that cannot be trusted, too."""
        with self._failing("no LLM is called"):
            return next((one for one in self._all() if (one.host, one.server) == self._of), None)

    def keep(self, choice: Choice, kinds: tuple[str, ...], at: float) -> None:
        """Answer so from now on."""
        host, server = self._of
        answer = Answer(host=host, server=server, choice=choice, kinds=kinds, at=at)
        self._write([answer], "it holds for this run alone")

    def forget(self) -> None:
        """As if nothing had been said."""
        self._write([], "it may be back in the next run")

    def _write(self, new: list[Answer], otherwise: str) -> None:
        with self._failing(otherwise), self._alone():
            try:
                others = self._all()
            except (OSError, ValueError):
                others = ()  # what cannot be read allows nothing: that is safe to lose
            kept = [*(one for one in others if (one.host, one.server) != self._of), *new]
            text = json.dumps(msgspec.to_builtins(Answers(version=1, answers=tuple(kept))))
            # 0600 from the first moment; whoever reads meanwhile reads the old one.
            descriptor, temporary = tempfile.mkstemp(dir=self._path.parent, prefix=f".{FILE}-")
            try:
                with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                    file.write(text + "\n")
                    file.flush()
                    os.fsync(file.fileno())
                Path(temporary).replace(self._path)
            except BaseException:
                with suppress(OSError):
                    Path(temporary).unlink()
                raise

    def _all(self) -> tuple[Answer, ...]:
        try:
            with self._path.open("rb") as file:
                status, text = os.fstat(file.fileno()), file.read(MOST_BYTES + 1)
        except FileNotFoundError:
            return ()
        if status.st_uid != os.geteuid() or status.st_mode & 0o022:
            raise ValueError("somebody else may write to it")
        if len(text) > MOST_BYTES:
            raise ValueError(f"it is larger than {MOST_BYTES} bytes")
        try:
            return checked(json.loads(text), Answers).answers
        except Invalid as error:
            raise ValueError(" ".join(map(str, (*error.location, error.reason)))) from None
        except (ValueError, RecursionError):
            raise ValueError("it is no JSON") from None

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """No other perftui reads it to write it meanwhile: what was taken back must not return."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory = os.open(self._path.parent, os.O_RDONLY)
        try:
            fcntl.flock(directory, fcntl.LOCK_EX)
            yield
        finally:
            os.close(directory)

    @contextmanager
    def _failing(self, otherwise: str) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:
            why = plain(getattr(error, "strerror", None) or str(error), 100)
            name = plain(str(self._path))
            text = f"The consent in {name} cannot be used ({why}): {otherwise}."
            raise StateError(text) from None
