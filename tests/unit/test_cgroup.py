from __future__ import annotations

from pathlib import Path

import pytest
from cgroup_trees import (
    ID,
    MIB,
    PID,
    UID,
    V1_MOUNTS,
    V1_PLACES,
    V2_MOUNT,
    Tree,
    v1_cpu,
    v1_memory,
    v2,
)
from hypothesis import given
from hypothesis import strategies as st

from perftui.sources.cgroup import throttled
from perftui.sources.cgroup_files import (
    Limits,
    Memory,
    cpu,
    memory,
    oom_kills,
    parse_cpu_max,
    parse_number,
    parse_pressure,
    parse_table,
    pressure,
)
from perftui.target.cgroup import (
    Cgroups,
    beneath,
    find_cgroups,
    parse_cgroup,
    parse_mountinfo,
)

POD_SLICE = f"kubepods-burstable-pod{UID.replace('-', '_')}.slice"
POD = f"kubepods.slice/kubepods-burstable.slice/{POD_SLICE}"
OURS_V2 = V2_MOUNT.format(root="/")
OURS_V1 = V1_MOUNTS.format(root="/")


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def found(tree: Tree) -> Cgroups:
    return find_cgroups(PID, tree.proc, tree.root)


def test_a_service_of_systemd(tree: Tree):
    """A service without limits has figures, and no limit: not the host's, and not zero."""
    tree.process("0::/system.slice/shop.service\n", OURS_V2)
    slice_ = tree.cgroup("system.slice", v2(current=900 * MIB))
    own = tree.cgroup("system.slice/shop.service", v2(current=100 * MIB, cache=30 * MIB))
    cgroups = found(tree)
    assert cgroups == Cgroups(unified=(own, slice_, slice_.parent))
    assert memory(cgroups) == Memory(used=70 * MIB, limit=None, room=None)
    assert cpu(cgroups) is None
    assert Limits(cgroups).cores() is None
    assert Limits(cgroups).room() is None
    assert oom_kills(cgroups) == 0


def test_docker_of_version_2_from_the_host(tree: Tree):
    """From the host a container's own cgroup has its quota and its limit."""
    place = f"system.slice/docker-{ID}.scope"
    tree.process(f"0::/{place}\n", OURS_V2)
    own = tree.cgroup(
        place,
        v2(
            cpu_max="150000 100000",
            usage_us=2_500_000,
            periods=(40, 10),
            memory_max=str(512 * MIB),
            current=400 * MIB,
            cache=100 * MIB,
            oom_kill=2,
            pressure="12.50",
        ),
    )
    cgroups = found(tree)
    quota = cpu(cgroups)
    assert quota is not None
    assert (quota.cores, quota.used_s, quota.periods) == (1.5, 2.5, {own: (40, 10)})
    assert memory(cgroups) == Memory(300 * MIB, 512 * MIB, 212 * MIB)
    assert oom_kills(cgroups) == 2
    assert [pressure(cgroups, what) for what in ("cpu", "memory", "io")] == [12.5] * 3


def test_docker_of_version_2_from_inside(tree: Tree):
    """Inside a container its cgroup is the root of all that is seen, and has the same files."""
    tree.process("0::/\n", OURS_V2)
    own = tree.cgroup("", v2(cpu_max="50000 100000", memory_max=str(64 * MIB), current=16 * MIB))
    cgroups = found(tree)
    assert cgroups.unified == (own,)
    assert Limits(cgroups).cores() == 0.5
    assert Limits(cgroups).room() == 48 * MIB
    assert pressure(cgroups, "cpu") == 0


def test_the_root_of_the_host_has_no_pressure_of_its_own(tree: Tree):
    """What the root cgroup says is what the host says, and is not told twice."""
    tree.process("0::/\n", OURS_V2)
    files = v2()
    del files["cgroup.type"]
    tree.cgroup("", files)
    assert pressure(found(tree), "cpu") is None


def test_docker_of_version_1_from_the_host(tree: Tree):
    """Version 1 has each controller in a hierarchy of its own, and nanoseconds."""
    place = f"docker/{ID}"
    tree.process(V1_PLACES.format(place=f"/{place}"), OURS_V1)
    for name in ("", "docker"):
        tree.cgroup(f"memory/{name}", v1_memory(usage=8000 * MIB))
        tree.cgroup(f"cpu,cpuacct/{name}", v1_cpu(usage_ns=10**13))
    own_memory = tree.cgroup(
        f"memory/{place}",
        v1_memory(str(256 * MIB), usage=200 * MIB, cache=50 * MIB, oom_kill=1),
    )
    own_cpu = tree.cgroup(
        f"cpu,cpuacct/{place}", v1_cpu(25000, usage_ns=3_000_000_000, periods=(100, 90))
    )
    cgroups = found(tree)
    assert cgroups.memory[0] == own_memory
    assert cgroups.cpu == cgroups.cpuacct
    assert cgroups.cpu[0] == own_cpu
    assert cgroups.unified == ()
    quota = cpu(cgroups)
    assert quota is not None
    assert (quota.cores, quota.periods) == (0.25, {own_cpu: (100, 90)})
    assert quota.used_s == pytest.approx(3.0)
    assert memory(cgroups) == Memory(150 * MIB, 256 * MIB, 106 * MIB)
    assert oom_kills(cgroups) == 1
    assert pressure(cgroups, "cpu") is None


def test_docker_of_version_1_from_inside(tree: Tree):
    """Inside a container of version 1 the mount shows the container's place alone; what limits it
    from above cannot be seen, but what that allows can."""
    place = f"/docker/{ID}"
    tree.process(V1_PLACES.format(place=place), V1_MOUNTS.format(root=place))
    own = tree.cgroup("memory", v1_memory(usage=60 * MIB, binding=str(100 * MIB)))
    tree.cgroup("cpu,cpuacct", v1_cpu(200_000))
    cgroups = found(tree)
    assert cgroups.memory == (own,)
    assert memory(cgroups) == Memory(60 * MIB, 100 * MIB, 40 * MIB)
    assert Limits(cgroups).cores() == 2


def test_version_1_without_limits(tree: Tree):
    """The huge number of version 1 is no limit, and the root's figures are the host's."""
    tree.process(V1_PLACES.format(place="/"), OURS_V1)
    tree.cgroup("memory", {**v1_memory(), "release_agent": "\n"})
    tree.cgroup("cpu,cpuacct", v1_cpu())
    cgroups = found(tree)
    assert memory(cgroups) is None
    assert cpu(cgroups) is None


def test_controllers_of_version_1_apart(tree: Tree):
    """CPU time is that of the same place in another hierarchy; of another place it is unknown."""
    apart = OURS_V1.replace("/cpu,cpuacct", "/cpu").replace("rw,cpu,cpuacct", "rw,cpu")
    apart += "36 31 0:33 / /sys/fs/cgroup/cpuacct rw - cgroup cgroup rw,cpuacct\n"
    tree.cgroup("cpu/shop", v1_cpu(50_000))
    tree.cgroup("cpuacct/shop", v1_cpu(usage_ns=5_000_000_000))
    tree.cgroup("cpuacct/other", v1_cpu(usage_ns=7_000_000_000))
    tree.process("2:cpuacct:/shop\n1:cpu:/shop\n", apart)
    same = cpu(found(tree))
    assert same is not None
    assert same.used_s == pytest.approx(5.0)
    tree.process("2:cpuacct:/other\n1:cpu:/shop\n", apart)
    other = cpu(found(tree))
    assert other is not None
    assert (other.cores, other.used_s) == (0.5, None)


def test_a_pod_that_binds_more_than_its_container(tree: Tree):
    """The least limit up the hierarchy binds, and what is used of it is what all in it use."""
    place = f"{POD}/cri-containerd-{ID}.scope"
    tree.process(f"0::/{place}\n", OURS_V2)
    tree.cgroup(POD, v2(cpu_max="50000 100000", usage_us=9_000_000, periods=(10, 5)))
    tree.cgroup(POD, {"memory.max": f"{300 * MIB}\n", "memory.current": f"{290 * MIB}\n"})
    own = tree.cgroup(
        place,
        v2(
            cpu_max="200000 100000",
            usage_us=1_000_000,
            periods=(10, 1),
            memory_max=str(400 * MIB),
            current=100 * MIB,
        ),
    )
    cgroups = found(tree)
    assert len(cgroups.unified) == 5
    quota = cpu(cgroups)
    assert quota is not None
    assert (quota.cores, quota.used_s) == (0.5, 9.0)
    assert quota.periods == {own: (10, 1), own.parent: (10, 5)}
    assert memory(cgroups) == Memory(290 * MIB, 300 * MIB, 10 * MIB)


def test_the_room_is_the_least_that_any_limit_leaves(tree: Tree):
    """A container far below its own limit has no more room than its neighbours leave in the pod."""
    place = f"{POD}/cri-containerd-{ID}.scope"
    tree.process(f"0::/{place}\n", OURS_V2)
    tree.cgroup(POD, v2(memory_max=str(600 * MIB), current=560 * MIB))
    tree.cgroup(place, v2(memory_max=str(500 * MIB), current=200 * MIB))
    assert memory(found(tree)) == Memory(200 * MIB, 500 * MIB, 40 * MIB)


def test_a_debug_container_beside_the_target(tree: Tree):
    """Where our own mounts do not show the target's cgroup, those of the target do."""
    place = f"/../cri-containerd-{ID}.scope"
    tree.process(f"0::{place}\n", OURS_V2, V2_MOUNT.format(root=place))
    tree.cgroup("", v2(memory_max=str(50 * MIB)))
    own = tree.cgroup("", v2(memory_max=str(700 * MIB)), tree.proc / str(PID) / "root")
    cgroups = found(tree)
    assert cgroups.unified == (own,)
    bound = memory(cgroups)
    assert bound is not None
    assert bound.limit == 700 * MIB


def test_cgroups_that_may_not_be_seen(tree: Tree, monkeypatch: pytest.MonkeyPatch):
    """A denial is told from what is not there."""
    place = f"/../cri-containerd-{ID}.scope"
    tree.process(f"0::{place}\n", OURS_V2, V2_MOUNT.format(root=place))

    def deny(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("perftui.target.cgroup._is_directory", deny)
    assert found(tree) == Cgroups(denied=True)


def test_a_process_that_has_ended(tree: Tree):
    """A process that is not there, or whose cgroup is not, has none."""
    assert found(tree) == Cgroups()
    tree.process("0::/system.slice/shop.service (deleted)\n", OURS_V2)
    assert found(tree) == Cgroups()
    tree.process("0::/system.slice/shop.service\n", OURS_V2)
    assert found(tree) == Cgroups()


def test_a_cgroup_that_goes_while_it_is_watched(tree: Tree):
    """What was a cgroup and is none any more says nothing."""
    gone = Cgroups(cpu=(tree.root / "a",), memory=(tree.root / "b",), unified=(tree.root / "c",))
    assert cpu(gone) is None
    assert memory(gone) is None
    assert oom_kills(gone) is None
    assert pressure(gone, "cpu") is None


@pytest.mark.parametrize(
    ("place", "root", "way"),
    [
        ("/a/b", "/", "a/b"),
        ("/a/b", "/a", "b"),
        ("/a/b", "/a/b", "."),
        ("/", "/", "."),
        ("/ab", "/a", None),
        ("/a", "/a/b", None),
        ("/../x", "/", None),
        ("/../x", "/../x", "."),
        ("/../x/y", "/../x", "y"),
        ("/a/../b", "/a", None),
    ],
)
def test_the_way_from_a_mount_to_a_place(place: str, root: str, way: str | None):
    """A place is below a mount's root, or it is not in that mount."""
    found = beneath(place, root)
    assert (None if found is None else str(found)) == way


@pytest.mark.parametrize(
    ("before", "after", "share"),
    [
        ((100, 50), (110, 55), 50),
        ((100, 50), (110, 50), 0),
        ((100, 50), (110, 61), 100),
        ((100, 50), (100, 50), 0),
        ((100, 50), (3, 1), None),
    ],
)
def test_the_share_of_throttled_periods(
    before: tuple[float, float], after: tuple[float, float], share: float | None
):
    """Throttled periods in percent of those that passed; nothing where the counters began anew."""
    assert throttled(before, after) == share


def test_the_lines_of_a_cgroup_file():
    """Each controller has its place; a place may hold any character but a newline."""
    text = "4:cpu,cpuacct:/a:b/ c\n1:name=systemd:/x\n0::/y\nnonsense\n7:memory\n"
    assert parse_cgroup(text) == {
        "cpu": "/a:b/ c",
        "cpuacct": "/a:b/ c",
        "name=systemd": "/x",
        "": "/y",
    }


def test_the_lines_of_a_mountinfo_file():
    """Blanks in paths are octal, and there may be any number of optional fields."""
    mounts = parse_mountinfo(
        "36 35 0:26 /a\\040b /mnt/\\134x rw shared:1 master:2 - cgroup2 c rw,nsdelegate\n"
        "37 35 0:27 / /plain rw - tmpfs t rw\nhalf a line -\n"
    )
    assert [(m.root, m.point, m.kind) for m in mounts] == [
        ("/a b", "/mnt/\\x", "cgroup2"),
        ("/", "/plain", "tmpfs"),
    ]
    assert mounts[0].options == {"rw", "nsdelegate"}


@given(st.text())
def test_any_text_is_read(text: str):
    """No text makes a reader of the kernel's files fail."""
    parse_cgroup(text)
    parse_mountinfo(text)
    parse_number(text)
    parse_table(text)
    parse_cpu_max(text)
    share = parse_pressure(text)
    assert share is None or 0 <= share <= 100


@given(st.integers(1, 10**9), st.integers(1, 10**6))
def test_a_quota_is_read(quota: int, period: int):
    """A quota over its period is so many cores; `max` is no quota."""
    assert parse_cpu_max(f"{quota} {period}\n") == quota / period
    assert parse_cpu_max(f"max {period}\n") is None


@given(st.dictionaries(st.from_regex(r"[a-z_]+", fullmatch=True), st.integers(0, 2**53)))
def test_a_table_is_read(table: dict[str, int]):
    """Every line of a name and a number is read back."""
    text = "".join(f"{name} {value}\n" for name, value in table.items())
    assert parse_table(text) == table


@given(st.integers(0, 10000))
def test_a_pressure_is_read(hundredths: int):
    """The share of `some` of the last ten seconds is read, and that of `full` is not."""
    text = (
        f"full avg10=99.00 avg60=0.00 avg300=0.00 total=1\n"
        f"some avg10={hundredths / 100:.2f} avg60=0.00 avg300=0.00 total=1\n"
    )
    assert parse_pressure(text) == pytest.approx(hundredths / 100)
