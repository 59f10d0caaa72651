"""The lab's HTTP service in this process."""

from __future__ import annotations

import threading
import time
import urllib.request
from collections.abc import Callable

import pytest

from perftui.lab import service
from perftui.lab.shop.routes import Answer, as_json

WAIT_S = 0.2


def test_latency_is_from_the_connection_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time that a request waits for a worker is the visitor's, too: of two at once on one
    worker the second takes twice as long."""
    monkeypatch.setattr(service, "WORKERS", 1)
    seen: list[float] = []

    def route(*_: object) -> tuple[str, Callable[[], Answer]]:
        def answer() -> Answer:
            time.sleep(WAIT_S)
            return as_json({})

        return "page", answer

    with service.Service(0) as shop:
        monkeypatch.setattr(shop.shop, "route", route)
        monkeypatch.setattr(shop.metrics, "observe", lambda *about: seen.append(about[2]))
        serving = threading.Thread(target=shop.serve_forever, args=(0.02,))
        serving.start()
        url = f"http://127.0.0.1:{shop.server_address[1]}/page"
        visitors = [
            threading.Thread(target=lambda: urllib.request.urlopen(url, timeout=10).read())
            for _ in range(2)
        ]
        for visitor in visitors:
            visitor.start()
        for visitor in visitors:
            visitor.join()
        shop.shutdown()
        serving.join()
    first, second = sorted(seen)
    assert first >= WAIT_S
    assert second >= 1.5 * WAIT_S
