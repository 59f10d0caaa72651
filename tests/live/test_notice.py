"""A service whose port serves /metrics is noticed while it is watched."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers import PythonTarget, wait_for

from perftui.config import load
from perftui.monitor import Monitor
from perftui.sources.notice import ephemeral_from
from perftui.target.describe import describe

pytestmark = pytest.mark.live

LATE_S = 30.0

SERVICE = """
import itertools, sys, time
from prometheus_client import start_http_server

for port in itertools.count({first}):
    try:
        start_http_server(port, "127.0.0.1")
        break
    except OSError:
        continue
print(port, flush=True)
print("ready", flush=True)
while True:
    sum(range(10000))
"""
"""Serves metrics on a port that people could have chosen, and prints which."""


@pytest.fixture
def service(tmp_path: Path) -> Iterator[PythonTarget]:
    first = min(18_200, ephemeral_from() - 100)
    target = PythonTarget(tmp_path / "service", SERVICE.format(first=first), sys.executable)
    try:
        target.wait_until_ready()
        yield target
    finally:
        target.kill()


@pytest.mark.parametrize("is_on", [True, False])
def test_a_page_of_the_target_is_offered_unless_that_is_switched_off(
    service: PythonTarget, is_on: bool
) -> None:
    """With its URL, as --scrape takes it."""
    settings = load({"notice": {"scrape": is_on}}, {}, [])
    monitor = Monitor(describe(service.pid), settings, env={})
    monitor.start()
    try:
        wait_for(lambda: monitor._ports, LATE_S, "the ports of the target")
        if is_on:
            wait_for(lambda: monitor.scrape_offers, LATE_S, "an offer")
            assert monitor.scrape_offers == (f"http://127.0.0.1:{service.output()[0]}/metrics",)
        else:
            assert monitor._of_target.notice._thread is None
            assert monitor.scrape_offers == ()
    finally:
        monitor.stop()
