"""What shares are compared with: the own samples of each function at an earlier time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from perftui.model.stacks import Place, Stack, Thread

SCHEMA = "perftui/1"
MOST = 10**12
"""No count of a document is larger."""
MOST_THREADS = 100_000


@dataclass(frozen=True, eq=False)
class Baseline:
    """Own samples of each function over `ticks` expected looks.

    `stacks` are there where it was marked in a watch; a saved document has functions only. `whole`
    names what the samples are a part of, None for those of a document: all threads. Of a document
    `processes` has the own samples by process id, too.
    """

    own: Mapping[Place, float]
    ticks: float
    stacks: Mapping[tuple[Thread, Stack], int] = field(default_factory=dict)
    whole: Hashable = None
    processes: Mapping[int, Mapping[Place, float]] = field(default_factory=dict)

    def own_pct(self, place: Place) -> float:
        """The own share of a function in percent, 0 where it was not seen."""
        return 100 * self.own.get(place, 0.0) / self.ticks

    def own_pct_of(self, pid: int, place: Place, *, is_alone: bool) -> float | None:
        """The own share of a function in one process. A process that `is_alone` may have another id
        since; of several, None where it was not there."""
        if pid in self.processes:
            return 100 * self.processes[pid].get(place, 0.0) / self.ticks
        busy = sum(1 for own in self.processes.values() if own)
        return self.own_pct(place) if is_alone and busy <= 1 else None


def read_baseline(document: Any) -> Baseline:
    """The baseline of a saved snapshot document; ValueError says what is wrong with it."""
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise ValueError(f"it is no snapshot document (schema {SCHEMA})")
    try:
        profile = document["profile"]
        ticks = profile["expected_ticks"]
        own: Counter[Place] = Counter()
        processes: dict[int, Counter[Place]] = {pid: Counter() for pid in _pids(document)}
        for row in profile["functions"]:
            samples, pid = row["own_samples"], row["pid"]
            if not (_is_count(samples) and _is_count(pid)):
                raise TypeError
            place = Place(str(row["function"]), str(row["file"]))
            own[place] += samples
            processes.setdefault(pid, Counter())[place] += samples
    except (KeyError, TypeError):
        raise ValueError("its profile is not as the document's schema has it") from None
    if not _is_count(ticks) or not ticks:
        raise ValueError("nothing was sampled in it")
    if max(own.values(), default=0) > MOST_THREADS * ticks:
        raise ValueError("a function has more samples in it than all threads can give")
    return Baseline(own, ticks, processes=processes)


def _pids(document: dict[str, Any]) -> list[int]:
    """The processes that it is about, idle ones too."""
    target = document.get("target")
    if not isinstance(target, dict):
        return []
    children = target.get("children")
    pids = [target.get("pid"), *(children if isinstance(children, list) else [])]
    return [pid for pid in pids if _is_count(pid)]


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST
