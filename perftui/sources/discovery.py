"""Which of Prometheus's targets is the process that is watched."""

from __future__ import annotations

import socket
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import psutil

from perftui.sources.promql import Variables, short


def find_target(
    data: Mapping[str, Any],
    variables: Variables,
    ports: Collection[int],
    here: Collection[str],
) -> Variables:
    """`variables` with `$instance` and `$job` found among the active targets in `data`.

    `data` is that of /api/v1/targets; `ports` are those that the process listens on, `here` this
    host's names and addresses in lower case. An instance or a job that is known already narrows
    the search and stays. What stays unknown has its reason in `why_unknown`.
    """
    fits = [
        (instance, job)
        for instance, job, address in _targets(data)
        if (variables.job is None or variables.job == job)
        and (
            variables.instance == instance
            if variables.instance is not None
            else address[1] in ports and address[0] in here
        )
    ]
    instances = {variables.instance} if variables.instance else {i for i, _ in fits}
    jobs = {variables.job} if variables.job else {j for _, j in fits}
    why = ""
    if not fits and variables.instance is not None:
        why = f"no active target of Prometheus has the instance {short(variables.instance)}"
    elif not fits and not ports:
        why = f"process {variables.pid} listens on no port"
    elif not fits:
        shown = ", ".join(str(port) for port in sorted(ports)[:5])
        why = f"no active target of Prometheus is on this host at port {shown}"
    elif len(instances) > 1 or len(jobs) > 1:
        several = sorted({f"{job}/{instance}" for instance, job in fits})
        why = f"several targets of Prometheus fit ({short(', '.join(several))})"
    return replace(
        variables,
        instance=next(iter(instances)) if len(instances) == 1 else None,
        job=next(iter(jobs)) if len(jobs) == 1 else None,
        why_unknown=why,
    )


def _targets(data: Mapping[str, Any]) -> Iterator[tuple[str, str, tuple[str, int | None]]]:
    """Instance, job, and (host, port) of each active target; what has another shape is skipped."""
    active = data.get("activeTargets")
    entries: Iterable[object] = active if isinstance(active, list) else ()
    for entry in entries:
        labels = entry.get("labels") if isinstance(entry, dict) else None
        if not isinstance(entry, dict) or not isinstance(labels, dict):
            continue
        instance, job, url = labels.get("instance"), labels.get("job"), entry.get("scrapeUrl")
        if isinstance(instance, str) and isinstance(job, str) and isinstance(url, str):
            yield instance, job, _address(url)


def _address(url: str) -> tuple[str, int | None]:
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return "", None
    return (parts.hostname or "").rstrip("."), port


def this_host(name: str, prometheus_url: str) -> frozenset[str]:
    """Names and addresses of this host, in lower case, as the Prometheus at that URL writes them.

    `name` is the target's host. A loopback address in the configuration of a Prometheus means the
    host that this Prometheus runs on: it is this host only if the URL is this host too.
    """
    addresses = {
        address.address.partition("%")[0].lower()
        for interface in psutil.net_if_addrs().values()
        for address in interface
        if address.family in (socket.AF_INET, socket.AF_INET6)
    }
    loopback = {"localhost", "::1"} | {a for a in addresses if a.startswith("127.")}
    names = {n.lower().rstrip(".") for n in (name, socket.gethostname()) if n}
    outside = (names | addresses) - loopback
    url_host = (urlsplit(prometheus_url).hostname or "").rstrip(".")
    beside = url_host in outside | loopback or url_host.startswith("127.")
    return frozenset(outside | loopback | {"127.0.0.1"} if beside else outside)
