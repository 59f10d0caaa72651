"""What the tests of the Prometheus source share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from watched import LATE_S, Watch, Watched, watching


@pytest.fixture
def watch() -> Iterator[Watch]:
    """Starts a source on a URL with queries given as `name=promql`; stops it after the test."""
    running: list[Watched] = []

    def start(url: str, **more: Any) -> Watched:
        running.append(watching(url, **more))
        running[-1].source.start()
        return running[-1]

    yield start
    for watched in running:
        watched.source.stop()
    for watched in running:
        watched.source.join(LATE_S)
        assert not watched.source._thread.is_alive()
