"""The container of a process and its pod, by its cgroup, its mounts and a few files and variables.

Of the target's environment only the variables that are named here are looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from perftui.model.target import ContainerInfo
from perftui.target.cgroup import parse_cgroup, parse_mountinfo
from perftui.target.files import read_file, within

SHORT_ID = 12
"""So many digits of a container's id are enough for people, and for Docker."""
MOST_BYTES = 1_000_000

_ID = re.compile(r"(?:([a-z][a-z-]*)[-:/])?(?<![0-9a-f])([0-9a-f]{64})(?![0-9a-f])")
_RUNTIMES = {
    "docker": "docker",
    "cri-containerd": "containerd",
    "nerdctl": "containerd",
    "crio": "cri-o",
    "libpod": "podman",
}
"""By what stands before the id in the name of a cgroup."""
_POD_UID = re.compile(
    r"pod([0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12}|[0-9a-f]{32})"
)
_KUBELET = re.compile(r"/pods/([0-9a-f-]{32,36})/(?:containers/([^/]+)/|etc-hosts)")
_DOCKER = re.compile(r"/docker/containers/([0-9a-f]{64})/")
_CONTAINERD = re.compile(r"/io\.containerd\.[^/]+/")
_STORAGE = re.compile(r"/overlay-containers/([0-9a-f]{64})/")
_OWN_MOUNTS = {"/etc/hostname", "/etc/hosts", "/etc/resolv.conf", "/dev/termination-log"}
"""What a runtime mounts into each container, from a place of its own that names the container."""
_HOST_NETWORK = "# Kubernetes-managed hosts file (host network)."
"""What the kubelet writes on top of /etc/hosts where the pod has the network of its node."""
_SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"
_PODINFO = "/etc/podinfo"
"""Where the downward API's files are, in Kubernetes' own examples."""
_SET_MEMBER = "statefulset.kubernetes.io/pod-name"
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?")
_LABEL = re.compile(r'([\w./-]+)="((?:[^"\\]|\\.)*)"')

_VARIABLES = {
    "pod": ("POD_NAME", "K8S_POD_NAME", "KUBERNETES_POD_NAME", "MY_POD_NAME"),
    "namespace": ("POD_NAMESPACE", "K8S_NAMESPACE", "KUBERNETES_NAMESPACE", "MY_POD_NAMESPACE"),
    "node": ("NODE_NAME", "K8S_NODE_NAME", "KUBERNETES_NODE_NAME", "MY_NODE_NAME"),
    "container": ("CONTAINER_NAME", "K8S_CONTAINER_NAME", "KUBERNETES_CONTAINER_NAME"),
}
_HOSTNAME, _IN_KUBERNETES = "HOSTNAME", "KUBERNETES_SERVICE_HOST"
READ_VARIABLES = frozenset(
    {name for names in _VARIABLES.values() for name in names} | {_HOSTNAME, _IN_KUBERNETES}
)
"""The only variables of the target's environment that are looked at."""


def container_info(pid: int, proc: Path = Path("/proc")) -> ContainerInfo | None:
    """What is known of the container that a process runs in, None for one outside of any.

    What this user may not read is not known.
    """
    home = proc / str(pid)
    places = parse_cgroup(_text(home / "cgroup")).values()
    sources = [
        mount.root
        for mount in parse_mountinfo(_text(home / "mountinfo"), _OWN_MOUNTS)
        if mount.point in _OWN_MOUNTS
    ]
    runtime, known_id = by_cgroup(places)
    uid, container = _pod_by_mounts(sources)
    uid = _pod_by_cgroup(places) or uid
    runtime, known_id = _by_mounts(sources, uid, runtime, known_id)
    if known_id is None and uid is None and runtime is None:
        return None
    variables = _variables(home)
    names = {
        field: next((name for one in listed if (name := _name(variables.get(one)))), None)
        for field, listed in _VARIABLES.items()
    }
    if uid is not None or _IN_KUBERNETES in variables:
        _add_files(names, home / "root", variables)
    return ContainerInfo(
        id=known_id,
        runtime=runtime,
        pod=names["pod"],
        namespace=names["namespace"],
        node=names["node"],
        container=names["container"] or container,
        pod_uid=uid,
    )


def by_cgroup(places: Iterable[str]) -> tuple[str | None, str | None]:
    """Runtime and id of the innermost container, by the places of a process's cgroups."""
    for place in places:
        found = list(_ID.finditer(place))
        # A monitor of the runtime is beside its container, not in it.
        if found and not (found[-1][1] or "").endswith("conmon"):
            return _RUNTIMES.get(found[-1][1] or ""), found[-1][2]
    return None, None


def _pod_by_cgroup(places: Iterable[str]) -> str | None:
    found = (match for place in places for match in _POD_UID.finditer(place))
    return next((match[1].replace("_", "-") for match in found), None)


def _pod_by_mounts(sources: Iterable[str]) -> tuple[str | None, str | None]:
    """The pod's uid and the container's name, by what the kubelet mounts into a container."""
    uid, container = None, None
    for source in sources:
        if (match := _KUBELET.search(source)) is not None:
            uid = match[1]
            container = _name(match[2]) or container
    return uid, container


def _by_mounts(
    sources: Iterable[str], uid: str | None, runtime: str | None, known_id: str | None
) -> tuple[str | None, str | None]:
    """What the cgroup does not say of runtime and id, as one does not of which only the inside can
    be seen. Of a pod these mounts name the sandbox, which is another container."""
    for source in sources:
        if (match := _DOCKER.search(source)) is not None:
            runtime = runtime or "docker"
            known_id = known_id or (match[1] if uid is None else None)
        elif (match := _STORAGE.search(source)) is not None:
            runtime = runtime or ("podman" if uid is None else "cri-o")
            known_id = known_id or (match[1] if uid is None else None)
        elif _CONTAINERD.search(source) is not None:
            runtime = runtime or "containerd"
    return runtime, known_id


def _variables(home: Path) -> Mapping[str, str]:
    found = {}
    for entry in _text(home / "environ").split("\0"):
        name, _, value = entry.partition("=")
        if name in READ_VARIABLES:
            found[name] = value
    return found


def _add_files(names: dict[str, str | None], root: Path, variables: Mapping[str, str]) -> None:
    """What the files of a pod say of what is not known yet."""

    def said(path: str) -> str:
        try:
            return _text(Path(within(str(root), Path(path))))
        except (OSError, ValueError):
            return ""

    labels = parse_labels(said(f"{_PODINFO}/labels"))
    host = _name(said("/etc/hostname")) or _name(variables.get(_HOSTNAME))
    shares_network = said("/etc/hosts").startswith(_HOST_NETWORK)
    names["pod"] = (
        names["pod"]
        or _name(said(f"{_PODINFO}/name"))
        or _name(labels.get(_SET_MEMBER))
        or (None if shares_network else host)
    )
    names["namespace"] = (
        names["namespace"] or _name(said(f"{_PODINFO}/namespace")) or _name(said(_SERVICE_ACCOUNT))
    )
    names["node"] = names["node"] or (host if shares_network else None)


def parse_labels(text: str) -> dict[str, str]:
    """The labels in a file of the downward API: lines like `app="shop"`."""
    found = {}
    for line in text.splitlines():
        if (match := _LABEL.fullmatch(line)) is not None:
            found[match[1]] = re.sub(r"\\(.)", r"\1", match[2])
    return found


def _name(text: str | None) -> str | None:
    """A name as Kubernetes allows it, None for anything else."""
    name = (text or "").strip()
    return name if _NAME.fullmatch(name) else None


def _text(path: Path) -> str:
    """A file, nothing where it is not there, not for us, or not ordinary."""
    try:
        return read_file(str(path), MOST_BYTES)[0].decode("utf-8", "replace")
    except OSError:
        return ""
