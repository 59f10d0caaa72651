"""The source of a /metrics page against a real one and servers that misbehave; and the notice."""

from __future__ import annotations

import base64
import os
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from servers import Misbehaving, free_port, http, wait_for

from perftui import __version__
from perftui.model.snapshot import SourceState, SourceStatus
from perftui.model.timeline import Timeline
from perftui.settings import ScrapeSettings
from perftui.sources.exposition import MAX_LINES
from perftui.sources.notice import NOT_HTTP, ScrapeNotice, local_ports, serves_metrics
from perftui.sources.scrape import ScrapeSource

LATE_S = 10.0
TEXT = "Content-Type: text/plain; version=0.0.4"


class Watched:
    """A running source with its timeline."""

    def __init__(self, source: ScrapeSource, timeline: Timeline) -> None:
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

    def names(self) -> set[str]:
        return {series.key.name for series in self.timeline.series(0.0)}

    def value(self, name: str) -> float:
        return self.timeline.named(name, 0.0)[0].last.value


Watch = Callable[..., Watched]


@pytest.fixture
def watch() -> Iterator[Watch]:
    """Starts a source on a URL; stops it after the test."""
    running: list[Watched] = []

    def start(
        url: str,
        *metrics: str,
        ports: Callable[[], Collection[int]] = set,
        timeout_s: float = 1.0,
        **more: Any,
    ) -> Watched:
        timeline = Timeline()
        settings = ScrapeSettings(url=url, every=0.1, metrics=metrics)
        source = ScrapeSource(settings, timeline, time.time, ports, timeout_s=timeout_s, **more)
        watched = Watched(source, timeline)
        running.append(watched)
        source.start()
        return watched

    yield start
    for watched in running:
        watched.source.stop()
    for watched in running:
        watched.source.join(LATE_S)
        assert watched.source.ended


@pytest.mark.parametrize(
    ("others", "name"),
    [
        ([], "h:9115"),
        (["http://other:9115/probe"], "h:9115"),
        (["http://u:p@h:9115/probe?target=b"], "h:9115/probe?target=a"),
    ],
)
def test_pages_of_one_server_are_told_apart(others: list[str], name: str):
    """By path and query where host and port are the same, as those of a blackbox exporter."""
    url = "http://me:secret@h:9115/probe?target=a"
    beside = [ScrapeSettings(url=other) for other in others]
    source = ScrapeSource(ScrapeSettings(url=url), Timeline(), time.time, set, others=beside)
    assert source.status.name == f"scrape {name}"


def answering(answer: bytes) -> Misbehaving:
    return Misbehaving(lambda connection, _: connection.sendall(answer))


@pytest.fixture
def service() -> Iterator[tuple[int, CollectorRegistry]]:
    """A page of prometheus-client's own server, in a thread."""
    registry = CollectorRegistry()
    port = free_port()
    server, thread = start_http_server(port, "127.0.0.1", registry)
    yield port, registry
    server.shutdown()
    server.server_close()
    thread.join(LATE_S)


def test_a_real_page_becomes_rates_quantiles_and_gauges(watch: Watch, service):
    """By prometheus-client's own server, in the format that it prefers."""
    port, registry = service
    requests = Counter("http_requests", "requests", registry=registry)
    latency = Histogram("lat_seconds", "latency", registry=registry)
    Gauge("queue_size", "waiting", registry=registry).set(3)
    watched = watch(f"http://127.0.0.1:{port}/metrics")
    watched.until(SourceState.OK)

    def counted() -> bool:
        requests.inc(100)
        latency.observe(0.3)
        return {"http_requests_total", "lat_seconds_p99"} <= watched.names()

    wait_for(counted, LATE_S, "rates and quantiles")
    wait_for(lambda: watched.value("http_requests_total") > 0, LATE_S, "a rate")
    assert watched.value("queue_size") == 3
    (series,) = watched.timeline.named("lat_seconds_p99", 0.0)
    assert all(0.25 <= point.value <= 0.5 for point in series.points)


def test_what_is_sent_asks_for_metrics_and_says_who_asks(watch: Watch):
    """Accept as Prometheus sends it, and perftui's own name."""
    heads: list[bytes] = []

    def behave(connection: socket.socket, head: bytes) -> None:
        heads.append(head)
        connection.sendall(http(200, "g 1\n", TEXT))

    with Misbehaving(behave) as server:
        watch(server.url).until(SourceState.OK)
    assert b"Accept: application/openmetrics-text;version=1.0.0" in heads[0]
    assert f"User-Agent: perftui/{__version__}".encode() in heads[0]


def test_credentials_come_from_netrc_and_are_not_shown(
    watch: Watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Neither the command line nor the screen has them."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    expected = base64.b64encode(b"me:secret")

    def behave(connection: socket.socket, head: bytes) -> None:
        allowed = b"Basic " + expected in head
        connection.sendall(http(200, "g 1\n", TEXT) if allowed else http(401, "no"))

    with Misbehaving(behave) as server:
        watch(server.url).until(SourceState.OK)
        netrc.write_text("")
        status = watch(server.url).until(SourceState.FAILED, "refuses access (HTTP 401")
        assert "netrc" in status.message
        shown = watch(server.url.replace("//", "//you:wrong@")).until(SourceState.FAILED, "401")
        assert "wrong" not in shown.message + shown.name


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (http(404, "no"), "answers HTTP 404"),
        (http(500, "no"), "answers HTTP 500"),
        (http(200, "<html><p>hello", "Content-Type: text/html"), "web page"),
        (http(200, "a 1\nb two\n", TEXT), "at line 2"),
        (http(200, "# TYPE a gauge\na 1\n", "Content-Type: application/openmetrics-text"), "EOF"),
        (http(200, "a 1\n", TEXT, length=500), "cuts its answer off"),
        (b"nonsense\r\n\r\n", "gives no answer that is HTTP"),
        (b"", "closes the connection"),
    ],
)
def test_a_fault_is_one_sentence_and_one_fix(watch: Watch, answer: bytes, said: str):
    """It is the source's state, and nothing of the page is used."""
    with answering(answer) as server:
        watched = watch(server.url)
        status = watched.until(SourceState.FAILED, said)
    assert status.message.startswith(server.url)
    assert status.message.endswith((".", "?"))
    assert watched.names() == set()


def test_a_refused_connection_is_said_and_the_page_is_read_once_it_is_there(watch: Watch):
    """It goes on by itself."""
    port = free_port()
    watched = watch(f"http://127.0.0.1:{port}/metrics")
    watched.until(SourceState.FAILED, "refuses the connection")
    registry = CollectorRegistry()
    Gauge("g", "g", registry=registry).set(1)
    server, _ = start_http_server(port, "127.0.0.1", registry)
    try:
        watched.until(SourceState.OK)
    finally:
        server.shutdown()
        server.server_close()
    assert watched.value("g") == 1


def test_a_page_that_hangs_is_given_up(watch: Watch):
    """In time, and stopping the source does not wait for it."""
    with Misbehaving(lambda connection, _: connection.recv(1) and None) as server:
        watched = watch(server.url, timeout_s=0.3)
        watched.until(SourceState.FAILED, "does not finish an answer within 0.3 s")
        began = time.monotonic()
        slow = watch(server.url, timeout_s=60.0)
        wait_for(lambda: len(server.requests) > 1, LATE_S, "a request")
        slow.source.stop()
        slow.source.join(LATE_S)
        assert time.monotonic() - began < LATE_S


def test_a_redirect_is_not_followed(watch: Watch):
    """What it leads to gets no request, and so no credentials."""
    with answering(http(200, "g 1\n", TEXT)) as other:
        with answering(http(302, "", f"Location: {other.url}/metrics")) as server:
            watch(server.url.replace("//", "//me:secret@")).until(
                SourceState.FAILED, f"redirects to {other.url}"
            )
        assert other.requests == []


HUGE = "".join(f'big{{i="{i}",pad="{"x" * 40}"}} {i}\n' for i in range(100_000)) + "g 7\n"


def test_a_page_of_100_000_series_is_refused_unless_the_settings_name_what_of_it(watch: Watch):
    """It is not parsed, and other threads go on meanwhile."""
    with answering(http(200, HUGE, TEXT)) as server:
        refused = watch(server.url, timeout_s=LATE_S)
        refused.until(SourceState.FAILED, f"more than {MAX_LINES} lines")
        assert refused.names() == set()
        refused.source.stop()
        chosen = watch(server.url, "g", timeout_s=LATE_S)
        chosen.until(SourceState.OK)
        assert chosen.names() == {"g"}


def test_a_large_page_is_read_less_often_and_that_is_said(watch: Watch):
    """So that reading it takes a bounded part of a core."""
    page = "".join(f'g{{i="{i}"}} {i}\n' for i in range(MAX_LINES))
    with answering(http(200, page, TEXT)) as server:
        watched = watch(server.url, timeout_s=LATE_S)
        status = watched.until(SourceState.OK, "The page is large", timeout=60)
        assert f"{MAX_LINES - 10} more series" in status.message
        assert watched.source.every_s > 1


def test_the_process_is_left_out_of_the_target_s_own_page(watch: Watch):
    """perftui sees that itself; of any other process's page it stays."""
    with answering(http(200, "process_open_fds 3\ng 1\n", TEXT)) as server:
        own = watch(server.url, ports=lambda: {server.port})
        own.until(SourceState.OK)
        assert own.names() == {"g"}
        other = watch(server.url)
        other.until(SourceState.OK)
        assert other.names() == {"g", "process_open_fds"}


def test_a_page_without_what_is_asked_for_is_waited_for(watch: Watch):
    """A metric may come once the service has something to count."""
    with answering(http(200, "g 1\n", TEXT)) as server:
        watch(server.url, "missing").until(SourceState.WAITING, "no such metrics yet")


# --- the notice


def noticed(*ports_skipped: int, below: int = 65536) -> ScrapeNotice:
    notice = ScrapeNotice(skip=ports_skipped, below=below)
    notice.look(os.getpid())
    notice.join(LATE_S)
    return notice


def test_a_port_of_the_target_that_serves_metrics_is_offered(service):
    """By this process's own server; each port is asked once."""
    port, registry = service
    Gauge("g", "g", registry=registry)
    with answering(http(200, "# TYPE g gauge\ng 1\n", TEXT)) as other:
        notice = noticed()
        assert set(notice.offers) == {f"http://127.0.0.1:{p}/metrics" for p in (port, other.port)}
        notice.look(os.getpid())
        notice.join(LATE_S)
        assert other.requests == ["GET /metrics HTTP/1.0"]


def test_ports_by_chance_and_ports_that_are_known_are_not_asked():
    """Nor is one whose page is read already."""
    with answering(http(200, "# TYPE g gauge\n", TEXT)) as server:
        assert noticed(server.port).offers == ()
        assert noticed(below=1024).offers == ()
        assert server.requests == []
    assert {22, 5432, 5678, 6379} <= NOT_HTTP


@pytest.mark.parametrize(
    "answer",
    [
        http(200, "<html># TYPE"),
        http(404, "# TYPE g gauge\n"),
        b"220 smtp\r\n",
        b"",
    ],
)
def test_a_port_that_serves_something_else_is_not_offered(answer: bytes):
    """A metrics page says so by its comments, with status 200."""
    with answering(answer) as server:
        assert not serves_metrics(server.port)


def test_a_port_that_says_nothing_or_never_ends_takes_a_second_at_most():
    """Neither waits for longer, nor reads more than a little."""

    def forever(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 .\r\n\r\n# TYPE g gauge\n")
        while True:
            connection.sendall(b"g 1\n" * 1000)

    with Misbehaving(forever) as server:
        assert serves_metrics(server.port, 5.0)
    silent = threading.Event()
    with Misbehaving(lambda connection, _: silent.wait(LATE_S) and None) as server:
        began = time.monotonic()
        assert not serves_metrics(server.port, 0.2)
        assert time.monotonic() - began < 2
        silent.set()
    assert not serves_metrics(free_port(), 0.2)


def test_only_ports_that_answer_on_this_loopback_are_the_target_s():
    """A server on another address of this host is not asked at 127.0.0.1."""
    with (
        socket.create_server(("127.0.0.2", 0)) as elsewhere,
        socket.create_server(("127.0.0.1", 0)) as here,
    ):
        found = local_ports(os.getpid())
        assert here.getsockname()[1] in found
        assert elsewhere.getsockname()[1] not in found
    assert local_ports(2**22 + 1) == frozenset()
