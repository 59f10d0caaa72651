"""``perftui snapshot --json`` with a /metrics page and a log, on a real service."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from servers import PythonTarget, free_port

pytestmark = pytest.mark.live

SERVICE = """
import sys, time
from prometheus_client import CollectorRegistry, Counter, Histogram, start_http_server
from prometheus_client import ProcessCollector

registry = CollectorRegistry()
ProcessCollector(registry=registry)
requests = Counter("http_requests", "r", ["handler"], registry=registry)
latency = Histogram("http_request_duration_seconds", "l", ["handler"], registry=registry)
start_http_server({port}, "127.0.0.1", registry)
log = open({log!r}, "a", buffering=1)
print("ready", flush=True)
count = 0
while True:
    count += 1
    handler = "/a" if count % 2 else "/b"
    requests.labels(handler).inc()
    latency.labels(handler).observe(0.2)
    log.write("ERROR broken\\n" if count % 10 == 0 else "INFO fine\\n")
    end = time.monotonic() + 0.01
    while time.monotonic() < end:
        pass
"""
"""Serves, counts and logs about a hundred requests a second; every tenth line is an error."""


@pytest.fixture
def service(tmp_path: Path) -> Iterator[tuple[PythonTarget, str, Path]]:
    """The service, its page, and its log."""
    port, log = free_port(), tmp_path / "shop.log"
    source = SERVICE.format(port=port, log=str(log))
    target = PythonTarget(tmp_path / "service", source, sys.executable)
    try:
        target.wait_until_ready()
        yield target, f"http://127.0.0.1:{port}/metrics", log
    finally:
        target.kill()


def metrics_of(document: dict[str, Any], source: str) -> dict[str, float]:
    return {
        metric["name"] + "".join(f",{n}={v}" for n, v in sorted(metric["labels"].items())): metric[
            "value"
        ]
        for metric in document["metrics"]
        if metric["source"] == source
    }


def test_a_page_and_a_log_are_in_the_document(
    service: tuple[PythonTarget, str, Path], run: Callable[..., Any]
) -> None:
    """Rates, quantiles and errors a second, by their sources; the lines themselves nowhere."""
    target, url, log = service
    ended = run("snapshot", target.pid, "--seconds", 4, "--json", "--scrape", url, "--log", log)
    page, lines = metrics_of(ended.document, "scrape"), metrics_of(ended.document, "log")
    rate = page["http_requests_total,handler=/a"]
    assert 5 < rate < 60, page
    assert page["http_request_duration_seconds_count"] == pytest.approx(2 * rate, rel=0.5)
    # Every observation is 0.2 s: in the bucket from 0.1 to 0.25 s.
    assert page["http_request_duration_seconds_p50"] == pytest.approx(0.175)
    assert not [name for name in page if name.startswith("process_")]
    assert set(lines) == {"shop_lines", "shop_errors"}
    assert 10 < lines["shop_lines"] < 120
    assert 0 < lines["shop_errors"] < lines["shop_lines"] / 4
    states = {source["name"]: source["state"] for source in ended.document["sources"]}
    assert states[f"scrape {url.split('/')[2]}"] == "ok"
    assert states["log shop"] == "ok"
    assert "broken" not in ended.out


def test_an_objective_on_a_metric_of_the_page_is_accepted(
    service: tuple[PythonTarget, str, Path], run: Callable[..., Any]
) -> None:
    """Its name is only known at run time, so it is no error of the settings."""
    target, url, _ = service
    ended = run(
        *("snapshot", target.pid, "--seconds", 4, "--json", "--scrape", url),
        *("--objective", "http_request_duration_seconds_p99 > 0.1 for 1s"),
    )
    document = ended.document
    assert [source for source in document["sources"] if source["name"] == "settings"] == []
    (first,) = [
        metric
        for metric in document["metrics"]
        if metric["name"] == "http_request_duration_seconds_p99" and not metric["labels"]
    ]
    assert first["objective"] is not None
    assert first["unit"] == "s"


def test_a_flag_that_is_no_url_is_refused(run: Callable[..., Any]) -> None:
    """As every setting: with its name, in one sentence and one fix."""
    said = run("snapshot", "1", "--scrape", "localhost:8000").refused(2)
    assert "scrape[1].url" in said
    assert "http://127.0.0.1:8000/metrics" in said
