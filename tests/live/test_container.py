"""A process with a mount namespace of its own, as a container has: what is known of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from servers import kill_tree, require

from perftui.model.target import ContainerInfo
from perftui.target.describe import describe

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(sys.platform != "linux", reason="containers are Linux's"),
]

ID = "3f29c0" + "5d" * 29
UID = "0d7e6a53-7ddc-4c0f-8f27-1f2f5e6f1a2b"
HOSTNAME = "/etc/hostname"
HOSTS = "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n10.1.2.3\tshop-7d9f\n"


def test_a_pod_by_its_mounts(tmp_path: Path) -> None:
    """A pod is known from outside by what is mounted into it, and by its own files, read below its
    own root; of its environment only the names of Kubernetes are."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount")
    program = [require("unshare"), "--mount"]
    if subprocess.run([*program, "true"], check=False, capture_output=True).returncode != 0:
        pytest.skip("no namespaces can be made here")
    pod = tmp_path / "var/lib/kubelet/pods" / UID
    sandbox = tmp_path / "io.containerd.grpc.v1.cri/sandboxes" / ID
    for file, text in ((pod / "etc-hosts", HOSTS), (sandbox / "hostname", "shop-7d9f\n")):
        file.parent.mkdir(parents=True)
        file.write_text(text)
    mounts = " && ".join(
        f"mount --bind {source} {point}"
        for source, point in ((pod / "etc-hosts", "/etc/hosts"), (sandbox / "hostname", HOSTNAME))
    )
    process = subprocess.Popen(
        [*program, "sh", "-c", f"{mounts} && echo ready && exec sleep 600"],
        env={
            "PATH": os.environ["PATH"],
            "POD_NAMESPACE": "checkout",
            "NODE_NAME": "w-3",
            "API_KEY": "hunter2",
        },
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        target = describe(process.pid)
        assert target.inside == ContainerInfo(
            runtime="containerd", pod="shop-7d9f", namespace="checkout", node="w-3", pod_uid=UID
        )
        assert target.container is None  # the mounts name the pod's sandbox, which is another one
        assert "hunter2" not in repr(target)
    finally:
        kill_tree(process)
        process.communicate()
