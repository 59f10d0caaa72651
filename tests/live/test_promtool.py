"""What perftui shows of a Prometheus is what Prometheus's own tool says for the same time."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from servers import Prometheus, PythonTarget, free_port, wait_for
from terminal import Open

from perftui.model.present import format_value

pytestmark = pytest.mark.live

SERVICE = """
import random, time
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

registry = CollectorRegistry()
requests = Counter("http_requests", "r", ["handler"], registry=registry)
latency = Histogram("http_request_duration_seconds", "l", registry=registry)
depth = Gauge("queue_depth", "d", ["queue"], registry=registry)
depth.labels("mail").set(1234.5)
depth.labels("bills").set(77.25)
Gauge("pool_used_bytes", "u", registry=registry).set(123456789)
start_http_server({port}, "127.0.0.1", registry)
print("ready", flush=True)
while True:
    requests.labels(random.choice(["/a", "/b"])).inc()
    latency.observe(random.expovariate(20))
    end = time.monotonic() + 0.01
    while time.monotonic() < end:
        pass
"""
MOVING = {
    "requests": "sum by (handler) (rate(http_requests_total[15s]))",
    "p95": "histogram_quantile(0.95,"
    " sum by (le) (rate(http_request_duration_seconds_bucket[15s])))",
    "total": "http_requests_total",
}
STANDING = {
    "deepest": ("max(queue_depth)", ""),
    "used": ("pool_used_bytes", "B"),
    "mail_share": ('100 * queue_depth{queue="mail"} / scalar(sum(queue_depth))', "%"),
}


@pytest.fixture
def scraped(tmp_path: Path, start_prometheus: Callable[..., Prometheus]) -> Any:
    """A service, and the Prometheus that scrapes it."""
    port = free_port()
    target = PythonTarget(
        tmp_path / "service", SERVICE.replace("{port}", str(port)), sys.executable
    )
    try:
        target.wait_until_ready()
        server = start_prometheus({"shop": f"127.0.0.1:{port}"})
        server.wait_for_up()
        wait_for(lambda: server.query("rate(http_requests_total[15s])")["result"], 30.0, "a rate")
        yield target, server
    finally:
        target.kill()


def test_the_document_has_promtools_values(scraped: Any, run: Any) -> None:
    """Each value of `snapshot --json`, of moving metrics, is promtool's for that value's time."""
    target, server = scraped
    queries = [f"--query={name}={promql}" for name, promql in MOVING.items()]
    document = run(
        "snapshot", target.pid, "--seconds", 3, "--json", "--prometheus", server.url, *queries
    ).document
    ours = [metric for metric in document["metrics"] if metric["source"] == "prometheus"]
    assert {metric["name"] for metric in ours} == set(MOVING)
    for metric in ours:
        promql, at = MOVING[metric["name"]], metric["at"]
        assert abs(time.time() - at) < 60
        # A scrape of that very moment may have been stored after the query was answered.
        labels = tuple(sorted(metric["labels"].items()))
        theirs = [server.promtool(promql, when)[labels] for when in (at, at - 0.1)]
        # It adds up series in any order, so the last digits may differ.
        assert any(metric["value"] == pytest.approx(one, rel=1e-12) for one in theirs), metric


@pytest.mark.parametrize("size", [(120, 36), (80, 24)], ids=["wide", "narrow"])
def test_the_screen_has_promtools_values(
    size: tuple[int, int], scraped: Any, terminal: Open, tmp_path: Path
) -> None:
    """Values that stand still, on the real screen, with their units."""
    target, server = scraped
    settings = [f'[prometheus]\nurl = "{server.url}"']
    for name, (promql, unit) in STANDING.items():
        settings.append(f"[[metric]]\nname = '{name}'\nquery = '{promql}'\nunit = '{unit}'")
    (tmp_path / "perftui.toml").write_text("\n".join(settings))
    tmux = terminal(*size)
    tmux.run(target.pid)
    tmux.wait("● LIVE", re.compile(r"<module> +\S*target.py"))
    tmux.keys("Tab", "Z")
    for name, (promql, unit) in STANDING.items():
        [value] = server.promtool(promql, time.time()).values()
        tmux.wait(re.compile(rf"{name}\S* +.*{re.escape(format_value(value, unit))}(?!\d)"))
    tmux.keys("q")
    tmux.back()
