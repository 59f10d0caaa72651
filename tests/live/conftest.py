"""Runs perftui itself, as people do: as a program, on targets of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest
from servers import kill_tree
from terminal import Open, Terminal

RUN_S = 120.0
"""What a headless command may take at most on a busy machine; each is told how long to look."""


@dataclass(frozen=True)
class Ended:
    """What a run of perftui left."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The JSON document on stdout."""
        assert self.code == 0, self.err
        document: dict[str, Any] = json.loads(self.out)
        return document

    def refused(self, code: int) -> str:
        """The one sentence on stderr of a run that ended with `code` and printed nothing else."""
        assert self.code == code, (self.code, self.out, self.err)
        assert self.out == ""
        assert self.err.startswith("perftui: "), self.err
        assert self.err.endswith(".\n"), self.err
        return self.err


class Run(Protocol):
    """Runs `python -m perftui` with these arguments to its end."""

    def __call__(
        self,
        *arguments: object,
        prefix: Sequence[str] = ...,
        env: Mapping[str, str] = ...,
        **more: Any,
    ) -> Ended: ...


class Begin(Protocol):
    """Starts `python -m perftui` with these arguments; it is killed after the test."""

    def __call__(
        self, *arguments: object, env: Mapping[str, str] = ..., **more: Any
    ) -> subprocess.Popen[str]: ...


def clean_environment(home: Path) -> dict[str, str]:
    """This environment without settings of whoever runs the tests: no key, no server, no file."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(
            ("ANTHROPIC_", "COLUMNS", "LINES", "PERFTUI_", "PROMETHEUS_", "TEXTUAL", "TMUX")
        )
    }
    own = {name: str(home) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "TMPDIR")}
    return {**kept, **own, "PYTHONIOENCODING": "utf-8"}


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What perftui runs in: nobody's settings, an empty home."""
    return clean_environment(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="session")
def perftui() -> list[str]:
    """The program as it is installed here."""
    return [sys.executable, "-m", "perftui"]


@pytest.fixture(scope="session")
def begin_in(
    environment: dict[str, str], perftui: list[str]
) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts perftui in a directory; what still runs in the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(
        directory: Path,
        *arguments: object,
        prefix: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        **more: Any,
    ) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*(prefix or perftui), *map(str, arguments)],
            **{
                "stdin": subprocess.DEVNULL,
                "stdout": subprocess.PIPE,
                "stderr": subprocess.PIPE,
                "encoding": "utf-8",
                "cwd": directory,
                "env": {**environment, **(env or {})},
                **more,
            },
        )
        started.append(process)
        return process

    yield start
    for process in started:
        kill_tree(process)
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()


@pytest.fixture
def begin(begin_in: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> Begin:
    """Starts perftui in the test's directory."""

    def start(*arguments: object, **more: Any) -> subprocess.Popen[str]:
        return begin_in(tmp_path, *arguments, **more)

    return start


@pytest.fixture
def run(begin: Begin) -> Run:
    """Runs perftui to its end in the test's directory; a traceback fails every test."""

    def start(*arguments: object, **more: Any) -> Ended:
        return end_of(begin(*arguments, **more))

    return start


def end_of(process: subprocess.Popen[str]) -> Ended:
    """Wait for the end of a run, and take what it printed."""
    out, err = process.communicate(timeout=RUN_S)
    assert "Traceback" not in err, err
    return Ended(process.returncode, out, err)


@pytest.fixture(scope="session")
def finish() -> Callable[[subprocess.Popen[str]], Ended]:
    """Waits for the end of a run."""
    return end_of


@pytest.fixture
def terminal(tmp_path: Path, environment: dict[str, str]) -> Iterator[Open]:
    """A factory of terminals: `terminal(columns=120, rows=36)`."""
    opened: list[Terminal] = []

    def start(columns: int = 120, rows: int = 36) -> Terminal:
        opened.append(Terminal(tmp_path, columns, rows, environment))
        opened[-1].start()
        return opened[-1]

    yield start
    for one in opened:
        one.end()
