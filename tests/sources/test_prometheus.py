"""The Prometheus source against servers that misbehave, and against the real Prometheus."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import psutil
import pytest
from servers import Misbehaving, Prometheus, free_port, http, wait_for
from watched import LATE_S, TIMEOUT_S, Watch, answering, success, vector

from perftui.model.series import Origin
from perftui.model.snapshot import SourceState
from perftui.sources import prometheus as prometheus_source
from perftui.sources.discovery import this_host
from perftui.sources.prometheus_api import MAX_QUERY_BYTES
from perftui.sources.promql import Variables, substitute

# --- what answers is no working Prometheus

HTML = http(200, "<html><body>Sign in</body></html>", "Content-Type: text/html")
GOOD = vector(({}, "1"))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        pytest.param(http(500, "oops"), "answers HTTP 500 Internal Server Error.", id="500"),
        pytest.param(http(503, "starting"), "answers HTTP 503 Service Unavailable.", id="503"),
        pytest.param(http(401, "no"), "refuses access (HTTP 401 Unauthorized).", id="401"),
        pytest.param(http(403, "no"), "refuses access (HTTP 403 Forbidden).", id="403"),
        pytest.param(http(404, "no"), "answers HTTP 404 Not Found.", id="404"),
        pytest.param(HTML, "answers with a web page in place of JSON.", id="html"),
        pytest.param(
            http(200, GOOD.split(b"\r\n\r\n")[1][:-9]), "broken JSON, perhaps cut off.", id="cut"
        ),
        pytest.param(GOOD[:-9], "cuts its answer off.", id="closed half-way"),
        pytest.param(http(200, '{"a": 1}'), "JSON of another shape.", id="other shape"),
        pytest.param(
            success({"resultType": "vector", "result": 3}), "JSON of another shape.", id="shape"
        ),
        pytest.param(
            http(302, "", "Location: http://elsewhere.test/login?x=1"),
            "redirects to http://elsewhere.test/login?x=1, which is not followed.",
            id="redirect",
        ),
        pytest.param(b"", "closes the connection without an answer.", id="closed"),
        pytest.param(b"SSH-2.0-OpenSSH\r\n", "gives no answer that is HTTP.", id="not http"),
    ],
)
def test_a_poll_that_meets_no_prometheus_fails_once(watch: Watch, answer: bytes, said: str):
    """What is no working Prometheus fails the whole poll in one sentence that names the URL."""
    with answering(answer) as server:
        watched = watch(server.url, a="up", b="down")
        status = watched.until(SourceState.FAILED)
        watched.until(SourceState.FAILED, said)
        assert status.message.startswith(f"{server.url} ")
        assert not re.search(r"Traceback|Pool|object at|Error\(|\n", status.message)
        wait_for(lambda: len(server.requests) > 2, LATE_S, "three requests")
        assert not [line for line in server.requests if "down" in line]
        assert watched.series("a") == []


def test_a_refused_connection_is_a_sentence(watch: Watch):
    """A port that nothing listens on is said in words."""
    url = f"http://127.0.0.1:{free_port()}"
    status = watch(url, a="up").until(SourceState.FAILED)
    assert status.message == f"{url} refuses the connection: nothing listens there."


def test_a_name_that_does_not_resolve_is_a_sentence(watch: Watch, monkeypatch: pytest.MonkeyPatch):
    """A host name that does not resolve is said in words."""

    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)  # no test asks a real resolver
    status = watch("http://prometheus.test:9090", a="up").until(SourceState.FAILED)
    assert status.message == (
        "http://prometheus.test:9090 cannot be reached: its host name does not resolve."
    )


def test_a_password_in_the_url_is_never_shown(watch: Watch):
    """The user name and password of a URL do not reach the screen."""
    port = free_port()
    status = watch(f"http://me:secret@127.0.0.1:{port}", a="up").until(SourceState.FAILED)
    assert status.message.startswith(f"http://127.0.0.1:{port} refuses")


def test_https_to_a_server_without_tls_is_a_sentence(watch: Watch):
    """A server that speaks no TLS is told apart from one that is not there."""
    plain_http = http(400, "this is HTTP")
    with Misbehaving(lambda connection, _: connection.sendall(plain_http), end=b"") as server:
        status = watch(f"https://127.0.0.1:{server.port}", a="up").until(SourceState.FAILED)
        assert status.message.endswith("that is trusted here, or speaks no TLS.")


def test_a_url_that_is_none_is_a_sentence(watch: Watch):
    """A URL that cannot be used fails in a sentence, and the source goes on."""
    assert "is no usable URL" in watch("http://a b:9090", a="up").until(SourceState.FAILED).message


def drip(connection: socket.socket, start: bytes, piece: bytes, closing: Any) -> None:
    connection.sendall(start)
    while not closing.wait(0.05):
        connection.sendall(piece)


HEAD = b"HTTP/1.1 200 .\r\n"


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        pytest.param(b"", b"", id="never answers"),
        pytest.param(HEAD + b"Content-Length: 999999\r\n\r\n", b" ", id="body"),
        pytest.param(HEAD + b"\r\n", b" ", id="body without length"),
        pytest.param(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"0", id="size of a chunk"),
        pytest.param(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n", id="chunks"),
        pytest.param(HEAD, b"X: y\r\n", id="headers"),
        pytest.param(b"", b"H", id="status line"),
    ],
)
def test_an_answer_without_end_is_given_up_in_time(watch: Watch, start: bytes, piece: bytes):
    """A server that hangs, or drips bytes for ever, costs one time-out and not more."""

    def behave(connection: socket.socket, _: bytes) -> None:
        drip(connection, start, piece, server.closing)

    with Misbehaving(behave) as server:
        began = time.monotonic()
        watched = watch(server.url, a="up", b="up")
        status = watched.until(SourceState.FAILED)
        assert time.monotonic() - began < 3 * TIMEOUT_S
        # A hundred header lines are the limit of http.client, which comes before the time-out here.
        if not piece.startswith(b"X"):
            assert status.message == f"{server.url} does not finish an answer within 1 s."


def test_stopping_does_not_wait_for_an_answer(watch: Watch):
    """A source that is stopped while a server hangs ends at once, not at its time-out."""
    with Misbehaving(lambda *_: server.closing.wait(60) and None) as server:
        watched = watch(server.url, timeout_s=60.0, a="up")
        wait_for(lambda: server.requests, LATE_S, "the request")
        watched.source.stop()
        watched.source.join(5)
        assert not watched.source._thread.is_alive()


def test_an_answer_that_is_too_large_fails_its_query_alone(
    watch: Watch,
):
    """An answer above the limit is not read into memory; the next query is asked all the same."""
    large = vector(({"a": "x" * MAX_QUERY_BYTES}, "1"))
    with by_query(large=large, small=GOOD) as server:
        watched = watch(server.url, big="large", fine="small")
        status = watched.until(SourceState.FAILED)
        assert status.message == (
            "query big failed: its answer is too large: more than 4 MB. Aggregate it in the query."
        )
        assert watched.series("fine")


def test_a_proxy_of_the_environment_does_not_stand_before_the_loopback(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
):
    """A Prometheus on the loopback is asked directly, whatever proxy the environment names."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with answering(GOOD) as server:
        watch(server.url, a="up").until(SourceState.OK)


def test_a_redirect_is_not_followed(watch: Watch):
    """What a redirect points to is never asked."""
    with answering(GOOD) as other:
        with answering(http(307, "", f"Location: {other.url}/api/v1/query")) as server:
            watch(server.url, a="up").until(SourceState.FAILED, f"redirects to {other.url}")
        assert other.requests == []


def test_no_connection_is_kept_from_poll_to_poll(watch: Watch):
    """A connection ends with its poll: one that the server dropped since would fail the next."""
    kept = GOOD.replace(b"Connection: close\r\n", b"")
    came: list[bytes] = []  # the ends of connections

    def behave(connection: socket.socket, _: bytes) -> None:
        while True:
            connection.sendall(kept)
            if not connection.recv(65536):
                break
        came.append(b"")

    with Misbehaving(behave) as server:
        watched = watch(server.url, a="up")
        wait_for(lambda: len(came) > 1, LATE_S, "two polls")
        watched.until(SourceState.OK)


# --- some queries fail


def by_query(**answers: bytes) -> Misbehaving:
    """A server that answers a query by its text."""

    def behave(connection: socket.socket, head: bytes) -> None:
        query = re.search(rb"/query\?query=(\w+)", head)
        connection.sendall(answers[query[1].decode()] if query else http(404, "no"))

    return Misbehaving(behave)


def test_one_bad_query_does_not_keep_the_others_from_being_polled(watch: Watch):
    """A refused query is named with Prometheus's reason, and the good ones have their points."""
    bad = http(400, '{"status":"error","errorType":"bad_data","error":"1:4: parse\\u0007 error"}')
    with by_query(bad=bad, worse=bad, good=GOOD) as server:
        watched = watch(server.url, first="bad", second="worse", third="good")
        status = watched.until(SourceState.FAILED)
        assert status.message.startswith("query first failed: 1:4: parse� error. (So did second.)")
        assert [series.last.value for series in watched.series("third")] == [1.0]
        assert watched.source.queries == {"first": "bad", "second": "worse", "third": "good"}


def test_a_slow_query_is_ended_by_prometheus_itself(watch: Watch):
    """Prometheus is told to give a query up before the exchange is; then only that query fails."""
    slow = http(503, '{"status":"error","errorType":"timeout","error":"query timed out in x"}')
    with by_query(slow=slow, quick=GOOD) as server:
        watched = watch(server.url, a="slow", b="quick")
        watched.until(SourceState.FAILED, "query a failed: query timed out in x.")
        assert watched.series("b")
        assert "timeout=0.800" in server.requests[0]


def test_a_query_without_series_is_waited_for(watch: Watch):
    """No series is a waiting state that names the query: neither a failure nor a zero."""
    with by_query(none=vector(), some=GOOD) as server:
        watched = watch(server.url, quiet="none", loud="some")
        watched.until(SourceState.WAITING, "query quiet returned no series.")
        assert watched.series("quiet") == []
        assert len(watched.series("loud")) == 1


def test_no_query_is_waited_for_too(watch: Watch):
    """Without any query the state says what to set."""
    with by_query() as server:
        watch(server.url).until(SourceState.WAITING, "no query is set.")


def test_not_a_number_is_a_gap(watch: Watch):
    """A value that is NaN adds no point, and is no failure."""
    answers = [vector(({}, value), at=at) for at, value in [(1.0, "5"), (2.0, "NaN"), (3.0, "7")]]
    left = list(answers)

    def behave(connection: socket.socket, head: bytes) -> None:
        is_instant = b"/query?" in head
        connection.sendall(left.pop(0) if is_instant and len(left) > 1 else left[0])

    with Misbehaving(behave) as server:
        watched = watch(server.url, clock=lambda: 2.0, a="up")
        wait_for(
            lambda: any(series.last.at == 3.0 for series in watched.series("a")), LATE_S, "3 polls"
        )
        [series] = watched.series("a")
        assert [(point.at, point.value) for point in series.points] == [(1.0, 5.0), (3.0, 7.0)]
        watched.until(SourceState.OK)


def test_a_query_without_a_number_says_so(watch: Watch):
    """A query whose only value is NaN, as a quantile of no requests is, is named."""
    with answering(vector(({}, "NaN"))) as server:
        watched = watch(server.url, p99="up")
        watched.until(SourceState.OK, "query p99 has no number at present (NaN or Inf).")
        assert watched.series("p99") == []


def test_of_many_series_the_ten_highest_are_kept(watch: Watch):
    """A query with many series gives ten, with their labels, and the state says how many more."""
    many = [({"__name__": "m", "n": str(n)}, str(n)) for n in range(25)]
    with answering(vector(*many)) as server:
        watched = watch(server.url, wide="m")
        watched.until(SourceState.OK, "query wide has 15 more series than the 10 highest")
        kept = watched.series("wide")
        assert {series.key.labels for series in kept} == {(("n", str(n)),) for n in range(15, 25)}
        assert {series.key.origin for series in kept} == {Origin.PROMETHEUS}


# --- $instance and $job


class Clock:
    """A clock that the test turns."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def test_an_unknown_instance_is_looked_for_again_after_a_minute(watch: Watch):
    """While the target is not found its query fails by name; a minute later it is looked for."""
    clock = Clock()
    port = 8000
    active: list[dict[str, object]] = []

    def behave(connection: socket.socket, head: bytes) -> None:
        page = success({"activeTargets": active}) if b"/targets" in head else GOOD
        connection.sendall(page)

    def looks() -> int:
        return sum("/targets" in line for line in server.requests)

    with Misbehaving(behave) as server:
        watched = watch(
            server.url, ports=lambda: {port}, clock=clock, a='up{i="$instance"}', b="up"
        )
        watched.until(
            SourceState.FAILED,
            "query a failed: $instance is not known, as no active target of Prometheus is on this"
            ' host at port 8000. Set [prometheus] instance = "…".',
        )
        wait_for(lambda: watched.series("b"), LATE_S, "the other query")
        active.append(
            {
                "labels": {"instance": "shop-1", "job": "shop"},
                "scrapeUrl": f"http://127.0.0.1:{port}/metrics",
            }
        )
        polls = len(server.requests)
        clock.now += 30
        wait_for(lambda: len(server.requests) > polls + 2, LATE_S, "further polls")
        assert looks() == 1
        clock.now += 31
        watched.until(SourceState.OK)
        assert looks() == 2
        assert any("shop-1" in line for line in server.requests)


def test_targets_are_not_asked_for_in_vain(watch: Watch):
    """With the instance in the settings nothing is looked for; else once, for alerts and packs."""
    with answering(GOOD) as server:
        watch(server.url, instance="x:1", a='up{i="$instance"}').until(SourceState.OK)
        assert not [line for line in server.requests if "/targets" in line]
        watch(server.url, b='up{p="$pid",h="$host"}').until(SourceState.OK)
        requests = len(server.requests)
        wait_for(lambda: len(server.requests) > requests + 4, LATE_S, "further polls")
        assert sum("/targets" in line for line in server.requests) == 1


def test_a_server_that_tells_no_targets_can_still_be_asked(watch: Watch):
    """A server that speaks PromQL but has no page of targets fails only what needs them."""

    def behave(connection: socket.socket, head: bytes) -> None:
        connection.sendall(http(404, "no") if b"/targets" in head else GOOD)

    with Misbehaving(behave) as server:
        watched = watch(server.url, a='up{j="$job"}', b="up")
        watched.until(SourceState.FAILED, "$job is not known, as it does not tell its targets.")
        assert watched.series("b")


def test_localhost_is_this_host_only_to_a_prometheus_on_this_host():
    """What a Prometheus elsewhere calls localhost is not this host."""
    assert {"localhost", "127.0.0.1", "web-12"} <= this_host("Web-12", "http://localhost:9090")
    elsewhere = this_host("web-12", "http://monitoring.test:9090")
    assert "web-12" in elsewhere
    assert not {"localhost", "127.0.0.1", "::1"} & elsewhere


def test_the_libraries_are_loaded_by_the_first_poll_alone():
    """Importing the source loads neither requests nor prometheus-api-client, which are slow."""
    program = (
        f"import sys, {prometheus_source.__name__};"
        "print([m for m in ('requests', 'urllib3', 'prometheus_api_client') if m in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"


# --- the real Prometheus

PAGE = """
import sys
sys.path[:0] = {path!r}
from prometheus_client import Gauge, start_http_server
Gauge("queue_depth", "How many wait.").set(17.25)
server, thread = start_http_server({port}, addr="127.0.0.1")
print("ready")
thread.join()
"""


@pytest.mark.live
def test_a_value_is_what_prometheus_says_for_that_time(watch: Watch, prometheus: Prometheus):
    """Each point has Prometheus's own time and the value that its HTTP API gives for that time."""
    watched = watch(prometheus.url, start="process_start_time_seconds", now="time()")
    wait_for(
        lambda: all(
            any(len(series.points) > 2 for series in watched.series(name))
            for name in ("start", "now")
        ),
        LATE_S,
        "three points of each query",
    )
    [start], [now] = watched.series("start"), watched.series("now")
    assert dict(start.key.labels) == {
        "instance": f"127.0.0.1:{prometheus.port}",
        "job": "prometheus",
    }
    for point in start.points:
        [theirs] = prometheus.query("process_start_time_seconds", at=point.at)["result"]
        assert theirs["value"] == [point.at, theirs["value"][1]]
        assert float(theirs["value"][1]) == point.value
    assert all(point.value == pytest.approx(point.at, abs=0.001) for point in now.points)


@pytest.mark.live
def test_instance_and_job_are_found_by_the_port_of_a_real_target(
    watch: Watch, start_prometheus: Callable[..., Prometheus], python_target: Callable[..., Any]
):
    """The labels of a scraped Python process are found by the port that it listens on."""
    port = free_port()
    target = python_target(PAGE.format(path=sys.path, port=port))
    server = start_prometheus(scrapes={"shop": f"localhost:{port}"})
    server.wait_for_up()

    def ports() -> set[int]:
        connections = psutil.Process(target.pid).net_connections("tcp")
        return {c.laddr.port for c in connections if c.status == psutil.CONN_LISTEN}

    watched = watch(
        server.url, ports=ports, depth='queue_depth{instance="$instance",job=~"$job"} > 0 * $pid'
    )
    watched.until(SourceState.OK)
    [depth] = watched.series("depth")
    assert dict(depth.key.labels) == {"instance": f"localhost:{port}", "job": "shop"}
    assert depth.last.value == 17.25


@pytest.mark.live
def test_bad_promql_shows_prometheus_own_reason(watch: Watch, prometheus: Prometheus):
    """What Prometheus says about a query that it cannot parse is what the state says."""
    watched = watch(prometheus.url, bad="sum(", good="vector(1)", text='"5"', range="up[1m]")
    status = watched.until(SourceState.FAILED, "unclosed left parenthesis")
    assert status.message.startswith('query bad failed: invalid parameter "query": 1:5: parse')
    assert "(So did text, range.)" in status.message
    assert watched.series("good")
    assert watched.series("text") == []


@pytest.mark.live
@pytest.mark.parametrize("value", ["a", 'x"y', "it's", "back\\slash", "li\nne\t\x01", "ünï {}`"])
def test_prometheus_reads_a_value_back_as_it_was(prometheus: Prometheus, value: str):
    """Prometheus itself reads each filled-in literal as the value that went in."""
    variables = Variables(1, value)
    queries = ['"$host"', "'$host'", "$host", *(["`$host`"] if "`" not in value else [])]
    for query in queries:
        data = prometheus.query(substitute(query, variables))
        assert (data["resultType"], data["result"][1]) == ("string", value)


@pytest.mark.live
def test_a_killed_prometheus_is_failed_since_then_and_ok_again(
    watch: Watch, start_prometheus: Callable[..., Prometheus]
):
    """When Prometheus dies the state says since when, and a restart on its port mends it."""
    server = start_prometheus()
    watched = watch(server.url, a="vector(3)")
    watched.until(SourceState.OK)
    before = time.time()
    server.kill()
    failed = watched.until(SourceState.FAILED)
    assert before <= failed.since <= time.time()
    watched.until(SourceState.FAILED, "refuses the connection")
    polls_later = watched.source.status
    assert polls_later.since == failed.since
    last = watched.series("a")[0].last
    server.start()
    watched.until(SourceState.OK)
    assert watched.series("a")[0].last.at > last.at
