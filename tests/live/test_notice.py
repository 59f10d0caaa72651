"""A service whose port serves /metrics is noticed while it is watched."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from servers import BURN, Prometheus, PythonTarget, wait_for
from terminal import Open

from perftui.config import load
from perftui.model.offer import Offer, OfferKind
from perftui.monitor import Monitor
from perftui.sources.notice import ephemeral_from
from perftui.target.describe import describe

pytestmark = pytest.mark.live

LATE_S = 30.0

SERVICE = """
import itertools, sys, time
from prometheus_client import Gauge, start_http_server

Gauge("shop_queue_depth", "d").set(4711)
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
        wait_for(lambda: monitor._known.noted_ports, LATE_S, "the ports of the target")
        if is_on:
            wait_for(lambda: monitor.latest.offers, LATE_S, "an offer")
            page = f"http://127.0.0.1:{service.output()[0]}/metrics"
            assert monitor.latest.offers == (Offer(OfferKind.PAGE, page),)
        else:
            assert monitor._of_target.notice._thread is None
            assert monitor.latest.offers == ()
    finally:
        monitor.stop()


def test_a_key_watches_what_is_offered(service: PythonTarget, terminal: Open) -> None:
    """On a small screen the page is offered, `y` reads it and says what keeps it."""
    tmux = terminal(80, 24)
    tmux.run(service.pid)
    tmux.wait("● LIVE")
    tmux.keys("y")
    tmux.wait("Nothing more is offered")
    tmux.keys("Tab")
    page = f"http://127.0.0.1:{service.output()[0]}/metrics"
    tmux.wait(re.compile(rf"y watches the metrics page {page}, too"), timeout=LATE_S)
    tmux.keys("y")
    tmux.wait("[[scrape]]", f'url = "{page}"')
    tmux.wait(re.compile(r"shop_queue_depth +.*4711"), without="y watches", timeout=LATE_S)
    tmux.keys("q")
    tmux.back()


def test_the_palette_takes_ready_made_queries(
    terminal: Open, prometheus: Prometheus, python_target: Any, tmp_path: Path
) -> None:
    """Packs whose metrics exist are offered, and those that are taken are asked."""
    target = python_target(BURN)
    tmux = terminal(120, 36)
    instance = f"127.0.0.1:{prometheus.port}"
    (tmp_path / "perftui.toml").write_text(f"[prometheus]\ninstance = '{instance}'\n")
    tmux.run(target.pid, "--prometheus", prometheus.url, "--query", "up=up")
    tmux.wait(re.compile(r"y watches the ready-made queries \w+, too"), timeout=LATE_S)
    tmux.keys("C-p")
    tmux.wait("Search")
    tmux.type("watch process")
    tmux.wait("the ready-made queries process, too", without="Leave perftui")
    tmux.keys("Enter")
    tmux.wait('packs = ["process"]')
    tmux.wait(re.compile(r"process_rss +.* [\d.]+ MB"), timeout=LATE_S)
    tmux.keys("q")
    tmux.back()
