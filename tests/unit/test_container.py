from __future__ import annotations

from pathlib import Path

import pytest
from cgroup_trees import ID, PID, UID, write
from hypothesis import given
from hypothesis import strategies as st

from perftui.model.target import ContainerInfo
from perftui.target.container import READ_VARIABLES, by_cgroup, container_info, parse_labels

SANDBOX = "ab" * 32
UNDERSCORED = UID.replace("-", "_")
SLICE = f"/kubepods.slice/kubepods-pod{UNDERSCORED}.slice"
STORAGE = f"/run/containers/overlay-containers/{SANDBOX}/userdata"
KUBELET = f"/var/lib/kubelet/pods/{UID}"


def mount(source: str, point: str) -> str:
    return f"99 90 8:1 {source} {point} rw,relatime - ext4 /dev/sda1 rw\n"


def inside(tmp_path: Path, **files: str) -> ContainerInfo | None:
    """What is known of a process; `files` are those of /proc/PID, others by their path."""
    write(tmp_path / str(PID), {name.replace("__", "/"): text for name, text in files.items()})
    return container_info(PID, tmp_path)


@pytest.mark.parametrize(
    ("place", "runtime"),
    [
        (f"/docker/{ID}", "docker"),
        (f"/system.slice/docker-{ID}.scope", "docker"),
        (f"/ecs/5e4f/{ID}", None),
        (f"{SLICE}/cri-containerd-{ID}.scope", "containerd"),
        (f"/system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:{ID}", "containerd"),
        (f"/system.slice/nerdctl-{ID}.scope", "containerd"),
        (f"{SLICE}/crio-{ID}.scope", "cri-o"),
        (f"/machine.slice/libpod-{ID}.scope/container", "podman"),
        (f"/kubepods/burstable/pod{UID}/{ID}", None),
        (f"/../cri-containerd-{ID}.scope", "containerd"),
        (f"/docker/{SANDBOX}/kubelet/kubepods/pod{UID}/cri-containerd-{ID}.scope", "containerd"),
    ],
)
def test_a_container_by_its_cgroup(place: str, runtime: str | None):
    """The innermost container is meant; its runtime is known where its cgroup's name says it."""
    assert by_cgroup([place]) == (runtime, ID)


@pytest.mark.parametrize(
    "place",
    ["/", "/system.slice/shop.service", f"/x/crio-conmon-{ID}.scope", f"/docker/{ID}0", "/ab"],
)
def test_no_container(place: str):
    """A service, a runtime's monitor and another number are no containers."""
    assert by_cgroup([place]) == (None, None)


def test_outside_of_any(tmp_path: Path):
    """A process of the host is in no container, whatever its environment says."""
    assert container_info(PID, tmp_path) is None
    environ = "HOSTNAME=web-12\0POD_NAME=shop\0KUBERNETES_SERVICE_HOST=10.0.0.1\0"
    mounts = mount("/", "/") + mount(KUBELET, "/mnt/pods")
    known = inside(
        tmp_path, cgroup="0::/system.slice/shop.service\n", mountinfo=mounts, environ=environ
    )
    assert known is None


def test_docker_from_the_host(tmp_path: Path):
    """A container of Docker has an id and a runtime; no name of Kubernetes is made up for it."""
    known = inside(
        tmp_path,
        cgroup=f"0::/system.slice/docker-{ID}.scope\n",
        mountinfo=mount(f"/var/lib/docker/containers/{ID}/hostname", "/etc/hostname"),
        environ=f"HOSTNAME={ID[:12]}\0",
        root__etc__hostname=f"{ID[:12]}\n",
    )
    assert known == ContainerInfo(id=ID, runtime="docker")


def test_docker_from_inside(tmp_path: Path):
    """Where the cgroup is the root of what is seen, the mounts name the container."""
    known = inside(
        tmp_path,
        cgroup="0::/\n",
        mountinfo=mount(f"/var/lib/docker/containers/{ID}/resolv.conf", "/etc/resolv.conf"),
    )
    assert known == ContainerInfo(id=ID, runtime="docker")


def test_podman_from_inside(tmp_path: Path):
    """Podman keeps a container's files below its storage."""
    source = f"/containers/storage/overlay-containers/{ID}/userdata/hosts"
    known = inside(tmp_path, cgroup="0::/\n", mountinfo=mount(source, "/etc/hosts"))
    assert known == ContainerInfo(id=ID, runtime="podman")


def test_a_pod_from_the_host(tmp_path: Path):
    """A pod's uid stands in the cgroup, its container's name in a mount of the kubelet, and its
    name and namespace in files of its own."""
    known = inside(
        tmp_path,
        cgroup=f"0::{SLICE}/cri-containerd-{ID}.scope\n",
        mountinfo=(
            mount(f"{KUBELET}/etc-hosts", "/etc/hosts")
            + mount(f"{KUBELET}/containers/web/0a1b2c3d", "/dev/termination-log")
            + mount(f"/x/io.containerd.grpc.v1.cri/sandboxes/{SANDBOX}/hostname", "/etc/hostname")
        ),
        environ="PATH=/bin\0SECRET=hunter2\0HOSTNAME=shop-7d9f\0NODE_NAME=worker-3\0",
        root__etc__hostname="shop-7d9f\n",
        root__etc__hosts="# Kubernetes-managed hosts file.\n10.1.2.3\tshop-7d9f\n",
    )
    assert known == ContainerInfo(
        id=ID,
        runtime="containerd",
        pod="shop-7d9f",
        node="worker-3",
        container="web",
        pod_uid=UID,
    )


def test_a_pod_from_inside(tmp_path: Path):
    """Inside a pod only its sandbox is named by the mounts, and that is not the container."""
    write(
        tmp_path / str(PID) / "root",
        {
            "run/secrets/kubernetes.io/serviceaccount/namespace": "checkout",
            "etc/hostname": "shop-0\n",
        },
    )
    (tmp_path / str(PID) / "root/var").mkdir()
    (tmp_path / str(PID) / "root/var/run").symlink_to("/run")
    known = inside(
        tmp_path,
        cgroup="0::/\n",
        mountinfo=(
            mount(f"{KUBELET}/containers/web/0a1b2c3d", "/dev/termination-log")
            + mount(f"{STORAGE}/hostname", "/etc/hostname")
        ),
    )
    assert known == ContainerInfo(
        runtime="cri-o", pod="shop-0", namespace="checkout", container="web", pod_uid=UID
    )


def test_a_pod_with_the_network_of_its_node(tmp_path: Path):
    """There the host's name is the node's, and the pod's is not known."""
    known = inside(
        tmp_path,
        cgroup=f"0::/kubepods/pod{UID}/{ID}\n",
        root__etc__hostname="worker-3\n",
        root__etc__hosts="# Kubernetes-managed hosts file (host network).\n127.0.0.1 localhost\n",
    )
    assert known == ContainerInfo(id=ID, node="worker-3", pod_uid=UID)


def test_the_downward_api(tmp_path: Path):
    """Names that the pod's author has asked for go before the name of the host."""
    known = inside(
        tmp_path,
        cgroup=f"0::/kubepods/pod{UID}/{ID}\n",
        environ="POD_NAMESPACE=checkout\0CONTAINER_NAME=web\0",
        root__etc__hostname="short\n",
        root__etc__podinfo__labels='app="shop"\nstatefulset.kubernetes.io/pod-name="shop-1"',
    )
    assert known == ContainerInfo(
        id=ID, pod="shop-1", namespace="checkout", container="web", pod_uid=UID
    )


@pytest.mark.parametrize("name", ["", "a b", 'x"} or vector(1)', "\x1b[31mred", "-x", "x" * 254])
def test_what_is_no_name_is_not_known(tmp_path: Path, name: str):
    """A name that Kubernetes would not allow is none: these go into queries and onto the screen."""
    known = inside(
        tmp_path,
        cgroup=f"0::/kubepods/pod{UID}/{ID}\n",
        environ=f"POD_NAME={name}\0NODE_NAME={name}\0",
        root__etc__hostname=f"{name}\n",
    )
    assert known == ContainerInfo(id=ID, pod_uid=UID)


def test_only_named_variables_are_looked_at():
    """The list of variables is short, and holds nothing that is secret."""
    assert len(READ_VARIABLES) <= 20
    assert all("NAME" in name or name.startswith("K") for name in READ_VARIABLES)


@given(st.text())
def test_any_labels_are_read(text: str):
    """No text makes the reader of labels fail."""
    parse_labels(text)


LABELS = st.from_regex(r"[a-z]+(?:\.[a-z]+)*/?[a-z]+", fullmatch=True)


@given(st.dictionaries(LABELS, st.text('a"\\ =,x')))
def test_labels_are_read(labels: dict[str, str]):
    """Values come back as they were before the kubelet put quotes around them."""
    lines = []
    for name, value in labels.items():
        quoted = value.replace("\\", "\\\\").replace('"', '\\"')
        lines.append(f'{name}="{quoted}"')
    assert parse_labels("\n".join(lines)) == labels
