"""The process that is watched, as plain data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class TargetState(StrEnum):
    """Whether the target still runs."""

    RUNNING = "running"
    STOPPED = "stopped"
    EXITED = "exited"
    LOST = "lost"


@dataclass(frozen=True)
class Target:
    """One process: its id and start (Unix seconds) identify it. What is not known is None."""

    pid: int
    name: str
    cmdline: tuple[str, ...]
    started_at: float
    host: str
    python: str | None = None
    container: str | None = None
    user: str | None = None


@dataclass(frozen=True)
class Candidate:
    """A Python process that can be picked.

    `cpu_pct` is percent of one core since the last look (None at the first), `rss` bytes,
    `started_at` Unix seconds, `depth` how far below the first Python process of its tree it is.
    `environment` is its virtual environment or interpreter. What may not be read is None.
    """

    pid: int
    parent: int
    depth: int
    cpu_pct: float | None
    rss: int | None
    started_at: float
    user: str | None
    environment: str | None
    cmdline: tuple[str, ...]

    @property
    def command(self) -> str:
        """Its command line in one string."""
        return " ".join(self.cmdline)
