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
class ContainerInfo:
    """The container that a process runs in, and its pod. What is not known is None.

    `id` is the runtime's, 64 hexadecimal digits; `runtime` is docker, containerd, cri-o or podman;
    `pod`, `namespace`, `node` and `container` are Kubernetes' names (`container` podman's too), and
    `pod_uid` is what Kubernetes calls the pod by itself. All of it comes from outside: it is data,
    but names are no longer and hold no other characters than Kubernetes allows.
    """

    id: str | None = None
    runtime: str | None = None
    pod: str | None = None
    namespace: str | None = None
    node: str | None = None
    container: str | None = None
    pod_uid: str | None = None


@dataclass(frozen=True)
class Target:
    """One process: its id and start (Unix seconds) identify it. What is not known is None.

    `container` is the short form of its container's id; `inside` is what else is known of that.
    """

    pid: int
    name: str
    cmdline: tuple[str, ...]
    started_at: float
    host: str
    python: str | None = None
    container: str | None = None
    user: str | None = None
    inside: ContainerInfo | None = None


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
