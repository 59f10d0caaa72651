"""Recorded cgroups, version 1 and 2, written below a directory as the kernel shows them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

PID = 4775
ID = "3f29c0" + "5d" * 29
UID = "0d7e6a53-7ddc-4c0f-8f27-1f2f5e6f1a2b"
MIB = 2**20
V1_UNLIMITED = "9223372036854771712"

V2_MOUNT = (
    "30 23 0:26 {root} /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime shared:4"
    " - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n"
)
V1_MOUNTS = (
    "31 23 0:27 / /sys/fs/cgroup ro,nosuid,nodev,noexec shared:9 - tmpfs tmpfs ro,mode=755\n"
    "33 31 0:30 {root} /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:11"
    " - cgroup cgroup rw,cpu,cpuacct\n"
    "34 31 0:31 {root} /sys/fs/cgroup/memory rw,nosuid shared:12 - cgroup cgroup rw,memory\n"
    "35 31 0:32 {root} /sys/fs/cgroup/systemd rw,nosuid shared:10"
    " - cgroup cgroup rw,xattr,name=systemd\n"
)
V1_PLACES = (
    "12:pids:{place}\n"
    "9:memory:{place}\n"
    "4:cpu,cpuacct:{place}\n"
    "1:name=systemd:{place}\n"
    "0::/system.slice/containerd.service\n"
)


def write(top: Path, files: Mapping[str, str]) -> None:
    """Write files below a directory, by their paths."""
    for name, text in files.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def v2(
    *,
    cpu_max: str = "max 100000",
    usage_us: int = 0,
    periods: tuple[int, int] = (0, 0),
    memory_max: str = "max",
    current: int = 100 * MIB,
    cache: int = 0,
    oom_kill: int = 0,
    pressure: str = "0.00",
) -> dict[str, str]:
    """The files of one cgroup of version 2."""
    some = f"some avg10={pressure} avg60=0.35 avg300=0.10 total=11529\n"
    full = "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
    return {
        "cgroup.type": "domain\n",
        "cpu.max": f"{cpu_max}\n",
        "cpu.stat": (
            f"usage_usec {usage_us}\nuser_usec {usage_us}\nsystem_usec 0\n"
            f"nr_periods {periods[0]}\nnr_throttled {periods[1]}\nthrottled_usec 5\n"
        ),
        "memory.max": f"{memory_max}\n",
        "memory.current": f"{current}\n",
        "memory.stat": f"anon {current - cache}\nfile {cache}\ninactive_file {cache}\n",
        "memory.events": f"low 0\nhigh 0\nmax 7\noom 1\noom_kill {oom_kill}\noom_group_kill 0\n",
        **{f"{what}.pressure": some + full for what in ("cpu", "memory", "io")},
    }


def v1_cpu(
    quota_us: int = -1, *, usage_ns: int = 0, periods: tuple[int, int] = (0, 0)
) -> dict[str, str]:
    """The files of one cgroup of version 1 of the controllers cpu and cpuacct."""
    return {
        "cpu.cfs_quota_us": f"{quota_us}\n",
        "cpu.cfs_period_us": "100000\n",
        "cpu.stat": f"nr_periods {periods[0]}\nnr_throttled {periods[1]}\nthrottled_time 9\n",
        "cpuacct.usage": f"{usage_ns}\n",
    }


def v1_memory(
    limit: str = V1_UNLIMITED,
    *,
    usage: int = 100 * MIB,
    cache: int = 0,
    binding: str | None = None,
    oom_kill: int = 0,
) -> dict[str, str]:
    """The files of one cgroup of version 1 of the memory controller; `binding` is the least limit
    up the hierarchy."""
    return {
        "memory.limit_in_bytes": f"{limit}\n",
        "memory.usage_in_bytes": f"{usage}\n",
        "memory.stat": (
            f"cache 0\ninactive_file 0\nhierarchical_memory_limit {binding or limit}\n"
            f"total_cache {cache}\ntotal_inactive_file {cache}\n"
        ),
        "memory.oom_control": f"oom_kill_disable 0\nunder_oom 0\noom_kill {oom_kill}\n",
    }


class Tree:
    """A recorded machine: `proc` and `root` are what takes the places of /proc and /."""

    def __init__(self, top: Path) -> None:
        self.proc = top / "proc"
        self.root = top / "host"

    def process(self, places: str, ours: str, theirs: str | None = None) -> None:
        """The process, by its cgroup file and the mounts that we and it see."""
        write(
            self.proc,
            {
                f"{PID}/cgroup": places,
                "self/mountinfo": ours,
                f"{PID}/mountinfo": ours if theirs is None else theirs,
            },
        )

    def cgroup(self, place: str, files: Mapping[str, str], root: Path | None = None) -> Path:
        """One cgroup below /sys/fs/cgroup; gives its directory."""
        directory = (root or self.root) / "sys/fs/cgroup" / place
        directory.mkdir(parents=True, exist_ok=True)
        write(directory, files)
        return directory
