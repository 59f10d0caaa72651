"""A Prometheus source that runs against a stand-in or the real one, and what stand-ins answer."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from servers import Misbehaving, http, wait_for

from perftui.checked import checked
from perftui.model.series import Series
from perftui.model.snapshot import SourceState, SourceStatus
from perftui.model.target import Target
from perftui.model.timeline import Timeline
from perftui.settings import MetricSettings, PrometheusSettings
from perftui.sources.prometheus import PrometheusSource

TIMEOUT_S = 1.0
LATE_S = 10.0
"""What a test waits at most for a state; far more than the source needs."""


class Watched:
    """A running source with its timeline."""

    def __init__(self, source: PrometheusSource, timeline: Timeline) -> None:
        self.source = source
        self.timeline = timeline

    def until(self, state: SourceState, text: str = "", timeout: float = LATE_S) -> SourceStatus:
        def reached() -> SourceStatus | None:
            status = self.source.status
            return status if status.state is state and text in status.message else None

        try:
            found = wait_for(reached, timeout, f"state {state} with {text!r}")
        except AssertionError as error:
            raise AssertionError(f"{error}; at last: {self.source.status}") from None
        assert found is not None
        return found

    def series(self, name: str) -> list[Series]:
        return [series for series in self.timeline.series(0.0) if series.key.name == name]


Watch = Callable[..., Watched]


def watching(
    url: str,
    ports: Callable[[], Collection[int]] = set,
    timeout_s: float = TIMEOUT_S,
    clock: Callable[[], float] = time.time,
    places: Mapping[str, str] | None = None,
    settings: Mapping[str, Any] | None = None,
    instance: str | None = None,
    **queries: str,
) -> Watched:
    """A source on a URL with queries given as `name=promql`, not started yet."""
    timeline = Timeline()
    more = {"url": url, "instance": instance, "every": 0.1, **(settings or {})}
    source = PrometheusSource(
        checked(more, PrometheusSettings),
        [MetricSettings(name=name, query=query) for name, query in queries.items()],
        Target(os.getpid(), "t", ("t",), 0.0, socket.gethostname()),
        timeline,
        clock,
        ports,
        timeout_s,
        places,
    )
    return Watched(source, timeline)


def answering(*answers: bytes) -> Misbehaving:
    """A server that gives these answers in turn, the last one for ever."""
    left = list(answers)

    def behave(connection: socket.socket, _: bytes) -> None:
        connection.sendall(left.pop(0) if len(left) > 1 else left[0])

    return Misbehaving(behave)


def vector(*series: tuple[dict[str, str], str], at: float = 1000.0) -> bytes:
    result = [{"metric": labels, "value": [at, value]} for labels, value in series]
    return success({"resultType": "vector", "result": result})


def success(data: object) -> bytes:
    return http(200, json.dumps({"status": "success", "data": data}))


def by_path(**answers: bytes | Callable[[bytes], bytes]) -> Misbehaving:
    """A server that answers by the last part of the path: `query`, `query_range`, `targets`,
    `values`, `alerts`; 404 for what is not named. A callable gets the request's head."""

    def behave(connection: socket.socket, head: bytes) -> None:
        path = head.split(b" ", 2)[1].partition(b"?")[0].rpartition(b"/")[2].decode()
        answer = answers.get(path, http(404, "no"))
        connection.sendall(answer(head) if callable(answer) else answer)

    return Misbehaving(behave)


def matrix(*series: tuple[dict[str, str], Sequence[tuple[float, str]]]) -> bytes:
    """The answer to a range query."""
    result = [{"metric": labels, "values": [*map(list, values)]} for labels, values in series]
    return success({"resultType": "matrix", "result": result})
