"""The files of cgroups, version 1 and 2: limits that bind, what is used of them, pressure.

A file that is not there, or is of a cgroup that has gone, says nothing: None.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from perftui.target.cgroup import Cgroups

_V1_UNLIMITED = 2**60
"""Version 1 says "no limit" by a number of this size; which one depends on the kernel's pages."""
_NS_PER_S, _US_PER_S = 1e9, 1e6


@dataclass(frozen=True)
class Memory:
    """Bytes: what is `used` of the least limit up the hierarchy, without the file cache that the
    kernel would drop (as `docker stats` and `kubectl top` count it); that limit; and the `room`
    that all limits leave. None where nothing limits."""

    used: float
    limit: float | None
    room: float | None


@dataclass(frozen=True)
class Cpu:
    """The least quota up the hierarchy, in cores; the cgroup that has it, and the CPU seconds that
    this one has used, None where they are not known; and of each cgroup with a quota how many
    periods it had, and in how many it was throttled."""

    cores: float
    binding: Path
    used_s: float | None
    periods: dict[Path, tuple[float, float]]


@dataclass(frozen=True)
class Limits:
    """What binds a process by its cgroups."""

    cgroups: Cgroups = field(default_factory=Cgroups)

    def cores(self) -> float | None:
        """Cores by the least quota, None where there is none."""
        found = cpu(self.cgroups)
        return found.cores if found is not None else None

    def room(self) -> float | None:
        """Bytes that the limits leave, None where there is none."""
        found = memory(self.cgroups)
        return found.room if found is not None else None


def cpu(cgroups: Cgroups) -> Cpu | None:
    """The CPU quota that binds, None where there is none."""
    levels = cgroups.cpu or cgroups.unified
    quota_of = _quota_v1 if cgroups.cpu else _quota_v2
    quotas = {level: quota for level in levels if (quota := quota_of(level)) is not None}
    if not quotas:
        return None
    binding = min(quotas, key=lambda level: quotas[level])
    tables = {level: parse_table(text(level / "cpu.stat")) for level in quotas}
    if cgroups.cpu:
        used_s = _cpu_used_v1(cgroups, levels.index(binding))
    else:
        used = tables[binding].get("usage_usec")
        used_s = None if used is None else used / _US_PER_S
    periods = {
        level: (table["nr_periods"], table["nr_throttled"])
        for level, table in tables.items()
        if "nr_periods" in table and "nr_throttled" in table
    }
    return Cpu(quotas[binding], binding, used_s, periods)


def memory(cgroups: Cgroups) -> Memory | None:
    """The memory that is used, and the limits that bind; None where it is not accounted for."""
    levels = cgroups.memory or cgroups.unified
    limits = _limits_v1(levels) if cgroups.memory else _limits_v2(levels)
    used_of = _used_v1 if cgroups.memory else _used_v2
    if not limits:
        # The root of version 1 has the figures of the host.
        known = (used_of(level) for level in levels if not (level / "release_agent").exists())
        own = next((used for used in known if used is not None), None)
        return None if own is None else Memory(own, None, None)
    binding = min(limits, key=lambda level: limits[level])
    used = {level: found for level in limits if (found := used_of(level)) is not None}
    if binding not in used:
        return None
    room = min(max(0.0, limits[level] - found) for level, found in used.items())
    return Memory(used[binding], limits[binding], room)


def oom_kills(cgroups: Cgroups) -> float | None:
    """How many processes of the cgroup the kernel has killed for want of memory."""
    if cgroups.memory:
        return parse_table(text(cgroups.memory[0] / "memory.oom_control")).get("oom_kill")
    if cgroups.unified:
        return parse_table(text(cgroups.unified[0] / "memory.events")).get("oom_kill")
    return None


def pressure(cgroups: Cgroups, what: str) -> float | None:
    """Percent of the last 10 s in which some task of the cgroup waited for `what`: cpu, memory or
    io. None for the root, which is the host, and where the kernel does not say."""
    if not cgroups.unified or not (cgroups.unified[0] / "cgroup.type").exists():
        return None
    return parse_pressure(text(cgroups.unified[0] / f"{what}.pressure"))


def _quota_v1(level: Path) -> float | None:
    quota = parse_number(text(level / "cpu.cfs_quota_us"))
    period = parse_number(text(level / "cpu.cfs_period_us"))
    return quota / period if quota is not None and quota > 0 and period else None


def _quota_v2(level: Path) -> float | None:
    return parse_cpu_max(text(level / "cpu.max"))


def _cpu_used_v1(cgroups: Cgroups, number: int) -> float | None:
    # The two controllers mostly share a hierarchy. Where they do not, only the same place fits.
    if len(cgroups.cpuacct) != len(cgroups.cpu):
        return None
    names, others = ([level.name for level in c[:-1]] for c in (cgroups.cpu, cgroups.cpuacct))
    if names != others:
        return None
    used = parse_number(text(cgroups.cpuacct[number] / "cpuacct.usage"))
    return None if used is None else used / _NS_PER_S


def _limits_v1(levels: Sequence[Path]) -> dict[Path, float]:
    found = {level: parse_number(text(level / "memory.limit_in_bytes")) for level in levels}
    if levels:
        # What is above the mount cannot be seen, but what it allows can.
        top = levels[-1]
        above = parse_table(text(top / "memory.stat")).get("hierarchical_memory_limit")
        own = found[top]
        found[top] = above if own is None else min(own, above or own)
    return {
        level: limit
        for level, limit in found.items()
        if limit is not None and limit < _V1_UNLIMITED
    }


def _limits_v2(levels: Sequence[Path]) -> dict[Path, float]:
    found = {level: parse_number(text(level / "memory.max")) for level in levels}
    return {level: limit for level, limit in found.items() if limit is not None}


def _used_v1(level: Path) -> float | None:
    return _used(level, "memory.usage_in_bytes", "total_inactive_file")


def _used_v2(level: Path) -> float | None:
    return _used(level, "memory.current", "inactive_file")


def _used(level: Path, usage: str, cache: str) -> float | None:
    used = parse_number(text(level / usage))
    if used is None:
        return None
    return max(0.0, used - parse_table(text(level / "memory.stat")).get(cache, 0.0))


def text(path: Path) -> str:
    """What a file of the kernel says, nothing where it cannot be read."""
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""


def parse_number(said: str) -> float | None:
    """One number; None for `max` and for what is none."""
    try:
        return float(int(said))
    except (ValueError, OverflowError):
        return None


def parse_cpu_max(said: str) -> float | None:
    """Cores, from the text of cpu.max: quota and period in µs; None for `max`."""
    words: Sequence[str] = said.split()
    if len(words) != 2:
        return None
    quota, period = parse_number(words[0]), parse_number(words[1])
    return quota / period if quota and period and quota > 0 and period > 0 else None


def parse_table(said: str) -> dict[str, float]:
    """Lines of a name and a number; others are left out."""
    found = {}
    for line in said.splitlines():
        name, _, rest = line.partition(" ")
        value = parse_number(rest)
        if name and value is not None:
            found[name] = value
    return found


def parse_pressure(said: str) -> float | None:
    """Percent, from the text of a PSI file: `some avg10`."""
    for line in said.splitlines():
        kind, _, rest = line.partition(" ")
        name, _, value = rest.partition(" ")[0].partition("=")
        if kind == "some" and name == "avg10":
            try:
                share = float(value)
            except ValueError:
                return None
            return share if 0 <= share <= 100 else None
    return None
