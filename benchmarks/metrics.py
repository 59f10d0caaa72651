"""What the figures of process, host, cgroups and Prometheus cost: ``python benchmarks/metrics.py``.

Each source is polled once a second on a server of so many processes and threads with 100
connections, and ten queries are asked of a real Prometheus, where one is installed: CPU of perftui
in percent of a core, the kernel's part included, and the longest poll. Without screen and profile.
Linux only.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from report import heading, orderly, say, table

from perftui.model.timeline import Timeline
from perftui.setting_values import Address, FreeName
from perftui.settings import MetricSettings, PrometheusSettings
from perftui.sources.base import Poll
from perftui.sources.cgroup import CgroupSource
from perftui.sources.family import Family
from perftui.sources.host import HostSource
from perftui.sources.process import ProcessSource
from perftui.sources.prometheus import PrometheusSource
from perftui.target.describe import describe

PROMETHEUS_S = 12.0
"""It takes some seconds to begin with its scrapes."""
QUERIES = {
    "up": "up",
    "goroutines": "go_goroutines",
    "heap": "go_memstats_heap_inuse_bytes",
    "busy": "rate(process_cpu_seconds_total[30s])",
    "files": "process_open_fds / process_max_fds",
    "requests": "sum(rate(prometheus_http_requests_total[30s]))",
    "by_handler": "sum by (handler) (rate(prometheus_http_requests_total[30s]))",
    "p95": "histogram_quantile(0.95,"
    " sum by (le) (rate(prometheus_http_request_duration_seconds_bucket[30s])))",
    "series": "prometheus_tsdb_head_series",
    "samples": "rate(prometheus_tsdb_head_samples_appended_total[30s])",
}
_SERVER = """
import ctypes, os, socket, sys, threading, time

children, threads = int(sys.argv[1]), int(sys.argv[2])
held = bytearray(b"x") * (300 << 20)
server = socket.create_server(("127.0.0.1", 0))
open_ = [(socket.create_connection(server.getsockname()), server.accept()) for _ in range(100)]
for _ in range(children):
    if os.fork() == 0:
        ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG: killed when its parent is
        break
else:
    ctypes.CDLL(None).prctl(1, 9)
    print("ready", flush=True)

def wake():
    while True:
        time.sleep(0.1)

for _ in range(threads - 1):
    threading.Thread(target=wake, daemon=True).start()
wake()
"""


@contextmanager
def server(children: int, threads: int) -> Iterator[int]:
    """The process id of a server with so many children, each of so many threads."""
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVER, str(children), str(threads)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl+C ends the benchmark, which ends it
    )
    try:
        assert process.stdout is not None  # noqa: S101 - PIPE was asked for
        if process.stdout.readline() != b"ready\n":
            raise RuntimeError("the target did not start")
        time.sleep(1)  # for the threads of the last child
        yield process.pid
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@contextmanager
def prometheus(directory: Path) -> Iterator[str | None]:
    """The URL of a Prometheus that scrapes itself every second; None where none is installed."""
    program = shutil.which("prometheus")
    if program is None:
        say("without Prometheus, which is not installed")
        yield None
        return
    with socket.create_server(("127.0.0.1", 0)) as probe:
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    config = directory / "prometheus.yml"
    config.write_text(
        "global: {scrape_interval: 1s}\nscrape_configs: [{job_name: prometheus, "
        f"static_configs: [{{targets: ['{address}']}}]}}]\n"
    )
    process = subprocess.Popen(
        [program, f"--config.file={config}", f"--web.listen-address={address}"],
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        time.sleep(PROMETHEUS_S)
        yield f"http://{address}"
    finally:
        process.kill()
        process.wait()


def measure(pid: int, seconds: int, url: str | None) -> list[tuple[str, float, float]]:
    """Name, percent of a core and longest poll (ms of CPU) of each source."""
    family, timeline, clock = Family(describe(pid)), Timeline(), time.time
    sources: list[Poll] = [
        ProcessSource(family, timeline, clock),
        HostSource(timeline, clock),
        CgroupSource(family, timeline, clock),
    ]
    if url is not None:
        metrics = [
            MetricSettings(name=FreeName(name), query=query) for name, query in QUERIES.items()
        ]
        settings = PrometheusSettings(url=Address(url))
        sources.append(
            PrometheusSource(settings, metrics, describe(pid), timeline, clock, ports=lambda: ())
        )
    for source in sources:
        source.poll()  # once without counting: imports, and the last hour of each query
    spent: dict[str, list[float]] = {source.name: [] for source in sources}
    began = clock()
    for beat in range(1, seconds + 1):
        for source in sources:
            before = time.process_time()
            source.poll()
            spent[source.name].append(time.process_time() - before)
        time.sleep(max(0.0, began + beat - clock()))
    wall = clock() - began
    return [(name, 100 * sum(took) / wall, 1000 * max(took)) for name, took in spent.items()]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What process, host and cgroup figures cost.")
    parser.add_argument("--seconds", type=int, metavar="N", default=120, help="of each target")
    parser.add_argument("--quick", action="store_true", help="only to try it")
    chosen = parser.parse_args()
    seconds = 12 if chosen.quick else chosen.seconds
    print(heading(), flush=True)
    rows: list[tuple[str, ...]] = []
    with orderly():
        for children, threads in ((0, 20), (0, 500), (8, 50)):
            name = f"{children + 1} x {threads} threads"
            say(f"{name}, {seconds} s")
            with (
                tempfile.TemporaryDirectory(prefix="bench-") as directory,
                prometheus(Path(directory)) as url,
                server(children, threads) as pid,
            ):
                found = measure(pid, seconds, url)
            whole = sum(share for _, share, _ in found)
            rows.extend((name, who, f"{share:.2f}", f"{ms:.1f}") for who, share, ms in found)
            rows.append((name, "all", f"{whole:.2f}", ""))
    print(f"\n{table(('target', 'source', '% of a core', 'longest poll (ms)'), rows)}")


if __name__ == "__main__":
    main()
