"""What the Prometheus source does beside polling: history, packs, alerts, trying a query."""

from __future__ import annotations

import json
import subprocess
import threading
import time
import urllib.parse
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from servers import Misbehaving, Prometheus, get, http, require, wait_for
from watched import LATE_S, Watch, by_path, matrix, success, vector, watching

from perftui.model.event import EventKind
from perftui.model.query import QueryResult
from perftui.model.snapshot import SourceState
from perftui.settings import MetricSettings
from perftui.sources.prometheus import HISTORY_S, HISTORY_STEP_S

GOOD = vector(({}, "1"))
NOW = 1_795_000_003.0


def param(head: bytes, name: str) -> str:
    """One parameter of the request with this head."""
    query = head.split(b" ", 2)[1].partition(b"?")[2].decode()
    return urllib.parse.parse_qs(query)[name][0]


# --- history


def test_the_last_hour_is_there_before_the_first_point(watch: Watch):
    """A series begins with an hour of points at the times and values of query_range; NaN and Inf
    are gaps; series that are not shown have none."""
    asked: list[tuple[int, int, int]] = []

    def history(head: bytes) -> bytes:
        start, end, step = (int(param(head, name)) for name in ("start", "end", "step"))
        asked.append((start, end, step))
        times = range(start, end + 1, step)
        values = [(t, "NaN" if t == start else "+Inf" if t == end else str(t % 97)) for t in times]
        return matrix(({"n": "a"}, values), ({"n": "b"}, values))

    with by_path(query=vector(({"n": "a"}, "5"), at=NOW), query_range=history) as server:
        watched = watch(server.url, clock=lambda: NOW, m="m")
        watched.until(SourceState.OK)
        wait_for(lambda: len(server.requests) > 6, LATE_S, "further polls")
        [series] = watched.series("m")
    [(start, end, step)] = asked
    assert (step, end - start) == (HISTORY_STEP_S, HISTORY_S - HISTORY_STEP_S)
    assert NOW - 2 * HISTORY_STEP_S < end < NOW
    expected = [(float(t), float(t % 97)) for t in range(start + step, end, step)]
    assert [tuple(point) for point in series.points] == [*expected, (NOW, 5.0)]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(http(404, "no"), id="no such page"),
        pytest.param(matrix(({"a": "x" * 5_000_000}, [])), id="too large"),
        pytest.param(http(200, "<html>"), id="html"),
        pytest.param(matrix(({}, [(1, "1")]))[:-7], id="cut"),
    ],
)
def test_without_a_history_there_are_points_all_the_same(watch: Watch, answer: bytes):
    """A history that cannot be had is said, asked for once, and costs no present point."""
    with by_path(query=GOOD, query_range=answer) as server:
        watched = watch(server.url, m="m")
        watched.until(SourceState.OK, "query m has no history: ")
        wait_for(lambda: len(server.requests) > 8, LATE_S, "further polls")
        assert sum("query_range" in line for line in server.requests) == 1
        assert watched.series("m")


@pytest.mark.live
def test_the_history_is_query_ranges(
    tmp_path: Path, watch: Watch, start_prometheus: Callable[..., Prometheus]
):
    """Against the real Prometheus the history has query_range's times and values exactly, and the
    present points are those of `promtool query instant` for the same time."""
    now = int(time.time())
    lines = [
        f'depth{{queue="{queue}"}} {(t * step) % 1013 / 7} {t}'
        for queue, step in (("a", 3), ("b", 5), ("c", 11))
        for t in range(now - 3700, now, 10)
    ]
    page = tmp_path / "page"
    page.write_text("\n".join(["# TYPE depth gauge", *lines, "# EOF", ""]))
    server = start_prometheus()
    server.kill()
    blocks = [require("promtool"), "tsdb", "create-blocks-from", "openmetrics", str(page)]
    subprocess.run([*blocks, str(server.directory / "data")], check=True, capture_output=True)
    server.start()
    watched = watch(server.url, timeout_s=5.0, settings={"k": 2}, depth="depth", both="sum(depth)")
    watched.until(SourceState.OK)
    series = [*watched.series("depth"), *watched.series("both")]
    assert len(series) == 3
    for one in series:
        # What is at whole steps is the history: a poll comes at any fraction of a second.
        history = [tuple(point) for point in one.points if point.at % HISTORY_STEP_S == 0]
        assert len(history) == HISTORY_S / HISTORY_STEP_S
        start, end = int(history[0][0]), int(history[-1][0])
        assert history == _range(server, one.key.name, dict(one.key.labels), start, end)
    for one in series:
        theirs_now = server.promtool(_promql(one.key.name), one.last.at)
        assert theirs_now[one.key.labels] == one.last.value


def _promql(name: str) -> str:
    return "sum(depth)" if name == "both" else "depth"


def _range(server: Prometheus, name: str, labels: dict[str, str], start: int, end: int) -> list:
    step = HISTORY_STEP_S
    params = urllib.parse.urlencode(
        {"query": _promql(name), "start": start, "end": end, "step": step}
    )
    result = json.loads(get(f"{server.url}/api/v1/query_range?{params}"))["data"]["result"]
    [values] = [
        entry["values"]
        for entry in result
        if {k: v for k, v in entry["metric"].items() if k != "__name__"} == labels
    ]
    return [(float(at), float(value)) for at, value in values]


# --- a clock that is off


@pytest.mark.parametrize(("off", "side"), [(300.0, "ahead of"), (-300.0, "behind")])
def test_a_clock_that_is_off_is_shifted_and_said(watch: Watch, off: float, side: str):
    """Times of a server whose clock is 5 minutes off are moved to ours, its history and its alerts
    too, and the state says so."""

    def present(_: bytes) -> bytes:
        return vector(({}, "5"), at=time.time() + off)

    def history(head: bytes) -> bytes:
        start, end = int(param(head, "start")), int(param(head, "end"))
        assert abs(end - (time.time() + off)) < 60
        return matrix(({}, [(start, "1"), (end, "2")]))

    began = time.time() - 60
    alert = {
        "state": "firing",
        "activeAt": datetime.fromtimestamp(began + off, UTC).isoformat(),
        "labels": {"alertname": "Slow", "instance": "x:1"},
    }
    pages = {"query": present, "query_range": history, "alerts": success({"alerts": [alert]})}
    with by_path(**pages) as server:
        watched = watch(server.url, instance="x:1", m="m")
        watched.until(SourceState.OK, f"its clock is 5m {side} this host's; its times are shifted")
        [series] = watched.series("m")
        assert [p.value for p in series.points[:3]] == [1.0, 2.0, 5.0]
        assert abs(series.last.at - time.time()) < 5
        assert abs(time.time() - 3600 - series.points[0].at) < 60
        [event] = wait_for(lambda: watched.timeline.events(0.0), LATE_S, "the alert")
        assert abs(event.at - began) < 5


# --- high cardinality


def test_a_hundred_thousand_series_hold_nothing_up(watch: Watch):
    """An answer with 100,000 series is given up at the limit: its query fails with what to do, the
    next one is asked, and other threads run on meanwhile."""
    many = vector(*(({"instance": f"web-{n}:8000", "job": "shop"}, str(n)) for n in range(100_000)))

    def present(head: bytes) -> bytes:
        return many if param(head, "query") == "wide" else GOOD

    with by_path(query=present) as server:
        watched = watch(server.url, timeout_s=5.0, wide="wide", fine="fine")
        watched.until(SourceState.FAILED, "query wide failed: its answer is too large: more than 4")
        watched.until(SourceState.FAILED, "Aggregate it in the query.")
        assert watched.series("fine")
        assert watched.series("wide") == []


def test_the_largest_answer_lets_other_threads_run(watch: Watch):
    """While an answer just below the limit is read, another thread never waits for long."""
    many = vector(*(({"instance": f"web-{n}:8000", "job": "shop"}, str(n)) for n in range(35_000)))
    assert 3_000_000 < len(many) < 4_194_304

    def longest_wait() -> float:
        with by_path(query=many) as server:
            watched = watch(server.url, timeout_s=30.0, settings={"k": 3}, wide="wide")
            longest, last = 0.0, time.perf_counter()
            while not watched.series("wide"):
                time.sleep(0.001)
                now = time.perf_counter()
                longest, last = max(longest, now - last), now
            watched.until(SourceState.OK, "has 34997 more series than the 3 highest", timeout=30.0)
            assert {one.last.value for one in watched.series("wide")} == {34997, 34998, 34999}
        return longest

    # Plain json.loads holds the GIL for longer each time; what the machine does beside can make one
    # try look like that, but not three of them.
    assert any(longest_wait() < 0.25 for _ in range(3))


# --- variables


def test_places_and_k_are_filled_in(watch: Watch):
    """`$k` is the setting, `$pod` and its like come from the monitor, the settings before it."""
    with by_path(query=GOOD) as server:
        watch(
            server.url,
            places={"pod": "shop-1", "namespace": "old"},
            settings={"k": 3, "namespace": "prod"},
            a='topk($k, m{pod="$pod",namespace="$namespace"})',
        ).until(SourceState.OK)
        line = urllib.parse.unquote_plus(server.requests[0])
    assert 'query=topk(3, m{pod="shop-1",namespace="prod"})' in line


def test_a_place_that_is_not_known_is_said(watch: Watch):
    """A query with an unknown `$container` fails with the setting that mends it."""
    with by_path(query=GOOD) as server:
        status = watch(server.url, a='m{c="$container"}').until(SourceState.FAILED)
    assert "query a failed: $container is not known, as nothing here tells" in status.message
    assert status.message.endswith('Set [prometheus] container = "…".')


# --- packs

NAMES = success(["python_gc_collections_total", "python_gc_objects_collected_total", "up"])


def test_packs_that_fit_are_offered(watch: Watch):
    """The packs whose metrics exist for the instance are offered, asked for once in ten minutes."""
    with by_path(query=GOOD, values=NAMES) as server:
        watched = watch(server.url, instance="x:1")
        watched.until(SourceState.WAITING, "or one of the packs that fit: python.")
        assert [pack.name for pack in watched.source.offers] == ["python"]
        assert {query.name for query in watched.source.offers[0].queries} == {
            *("gc_runs", "gc_objects")
        }
        [line] = [urllib.parse.unquote(line) for line in server.requests if "values" in line]
        assert 'match[]={instance="x:1"}' in line
        assert not [line for line in server.requests if "/query" in line]


@pytest.mark.parametrize("packs", ["auto", ["python"]])
def test_packs_that_are_taken_are_polled(watch: Watch, packs: object):
    """A pack that the settings name, or with "auto" each that fits, gives its series; a metric of
    the user's own with the same name goes before it."""
    with by_path(query=GOOD, values=NAMES) as server:
        watched = watch(server.url, instance="x:1", settings={"packs": packs}, gc_runs="mine")
        wait_for(lambda: watched.series("gc_objects"), LATE_S, "the pack's series")
        watched.until(SourceState.OK)
        assert watched.series("gc_objects")[0].key.unit == "/s"
        assert not [line for line in server.requests if "gc_collections_total" in line]


def test_a_pack_that_is_none_is_said(watch: Watch):
    """An unknown pack is named, with those that there are."""
    with by_path(query=GOOD) as server:
        watched = watch(server.url, settings={"packs": ["pyhton"]})
        watched.until(SourceState.FAILED, "there is no pack pyhton. There are python, process,")


@pytest.mark.live
def test_the_packs_of_a_real_process_are_offered(watch: Watch, prometheus: Prometheus):
    """Prometheus itself has the process pack's metrics and no Python's; what it offers works."""
    instance = f"127.0.0.1:{prometheus.port}"
    watched = watch(prometheus.url, instance=instance, settings={"packs": "auto"}, timeout_s=5.0)
    wait_for(lambda: watched.series("process_fds_used"), LATE_S, "the pack's series")
    assert "process" in [pack.name for pack in watched.source.offers]
    assert "python" not in [pack.name for pack in watched.source.offers]
    [rss] = watched.series("process_rss")
    assert rss.last.value > 1_000_000


@pytest.mark.live
def test_prometheus_can_parse_every_query_of_every_pack(watch: Watch, prometheus: Prometheus):
    """No query of a pack is refused, and no selector of one."""
    source = watching(
        prometheus.url,
        instance="x:1",
        timeout_s=5.0,
        places={"pod": "p", "namespace": "n"},
    ).source
    for pack in source._packs:
        for promql in (pack.where, *(query.query for query in pack.queries)):
            result = source.try_query(promql)
            assert (result.error, result.values) == ("", ()), promql


# --- alerts


def an_alert(name: str, at: str, state: str = "firing", summary: str = "", **labels: str) -> dict:
    notes = {"summary": summary} if summary else {}
    every = {"alertname": name, **labels}
    return {"state": state, "activeAt": at, "labels": every, "annotations": notes, "value": "1"}


def test_alerts_of_the_target_are_events_until_they_stop(watch: Watch):
    """An alert that fires for the instance is an event since it is active; once it is gone, the
    event has its end."""
    clock = [NOW]
    active = [
        an_alert(
            "Slow", "2026-11-18T05:00:00.123456789Z", summary="p99\x1b[31m up", instance="x:1"
        ),
        an_alert("Other", "2026-11-18T05:00:00Z", instance="y:1"),
        an_alert("Soon", "2026-11-18T05:00:00Z", state="pending", instance="x:1"),
    ]
    pages = {"query": vector(({}, "1"), at=NOW), "alerts": lambda _: success({"alerts": active})}
    with by_path(**pages) as server:
        watched = watch(server.url, instance="x:1", clock=lambda: clock[0], a="up")
        [event] = wait_for(lambda: watched.timeline.events(0.0), LATE_S, "the event")
        assert (event.kind, event.about, event.until) == (EventKind.ALERT, "Slow", None)
        assert event.text.startswith("p99")
        assert "\x1b" not in event.text
        active.clear()
        clock[0] += 16
        wait_for(lambda: watched.timeline.events(0.0)[0].until, LATE_S, "the end")
        assert watched.timeline.events(0.0)[0].until == clock[0]


@pytest.mark.parametrize(
    "page", [http(404, "no"), http(500, "oops"), success({"alerts": 3}), success([1]), b""]
)
def test_a_server_without_alerts_is_no_fault(watch: Watch, page: bytes):
    """A server without that API, or with something else there, polls on as if nothing was."""
    with by_path(query=GOOD, alerts=page) as server:
        watched = watch(server.url, instance="x:1", a="up")
        wait_for(lambda: any("alerts" in line for line in server.requests), LATE_S, "the request")
        count = len(server.requests)
        wait_for(lambda: len(server.requests) > count + 2, LATE_S, "further polls")
        watched.until(SourceState.OK)
        assert watched.timeline.events(0.0) == ()


@pytest.mark.live
def test_an_alert_of_the_real_prometheus_is_an_event(
    watch: Watch, start_prometheus: Callable[..., Prometheus], tmp_path: Path
):
    """An alert that Prometheus itself fires for the target becomes an event at its own time."""
    rules = tmp_path / "rules.yml"
    rule = {
        "alert": "AlwaysUp",
        "expr": "up == 1",
        "annotations": {"summary": "{{ $labels.job }} is up"},
    }
    rules.write_text(json.dumps({"groups": [{"name": "g", "interval": "1s", "rules": [rule]}]}))
    server = Prometheus(tmp_path / "x")
    config = json.loads(_config(f"127.0.0.1:{server.port}"))
    config["rule_files"] = [str(rules)]
    server.config = json.dumps(config)
    try:
        server.start()
        server.wait_for_up()
        instance = f"127.0.0.1:{server.port}"
        watched = watch(server.url, instance=instance, timeout_s=5.0, a="up")
        # Asked every 15 s.
        [event] = wait_for(lambda: watched.timeline.events(0.0), 40.0, "the alert")
        theirs = json.loads(get(f"{server.url}/api/v1/alerts"))["data"]["alerts"]
        assert (event.about, event.text) == ("AlwaysUp", "prometheus is up")
        assert event.at == datetime.fromisoformat(theirs[0]["activeAt"]).timestamp()
    finally:
        server.kill()


def _config(address: str) -> str:
    interval = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    job = {"job_name": "prometheus", "static_configs": [{"targets": [address]}]}
    return json.dumps({"global": interval, "scrape_configs": [job]})


# --- trying a query


def test_a_query_can_be_tried_while_the_poll_hangs(watch: Watch):
    """Trying a query has a connection of its own, and does not wait for the poll."""

    def present(head: bytes) -> bytes:
        if param(head, "query") == "slow":
            server.closing.wait(60)
        return vector(({"n": "a"}, "1"), ({"n": "b"}, "2"), ({"n": "c"}, "NaN"))

    with by_path(query=present) as server:
        watched = watch(server.url, timeout_s=20.0, a="slow")
        wait_for(lambda: server.requests, LATE_S, "the poll's request")
        began = time.monotonic()
        result = watched.source.try_query("m > $pid")
        assert time.monotonic() - began < 10
    assert result.query.startswith("m > ")
    assert "$" not in result.query
    assert [(dict(v.labels)["n"], v.value) for v in result.values] == [("b", 2.0), ("a", 1.0)]
    assert (result.returned, result.left_out, result.error) == (3, 0, "")


def test_a_query_that_is_tried_says_how_many_it_leaves_out():
    """Of more than `k` series the highest are values, and the others with a number are counted."""
    page = vector(*(({"n": str(n)}, str(n)) for n in range(5)), ({"n": "x"}, "NaN"))
    with by_path(query=page) as server:
        result = watching(server.url, settings={"k": 2}).source.try_query("m")
    assert [value.value for value in result.values] == [4.0, 3.0]
    assert (result.returned, result.left_out) == (6, 3)


def test_a_query_that_is_tried_never_takes_longer_than_the_time_out():
    """A server that hangs gives an error in time, not an exception."""
    with Misbehaving(lambda *_: server.closing.wait(60) and None) as server:
        source = watching(server.url, timeout_s=0.5).source
        began = time.monotonic()
        result = source.try_query("up")
        assert time.monotonic() - began < 5
    assert result.error == f"{server.url} does not finish an answer within 0.5 s."


def test_a_query_that_is_tried_ends_the_one_before():
    """A newer query, the end of the trial or of the source ends the exchange that is under way."""

    def present(head: bytes) -> bytes:
        if param(head, "query") == "slow":
            server.closing.wait(60)
        return GOOD

    with by_path(query=present) as server:
        source = watching(server.url, timeout_s=60.0).source
        results: list[QueryResult] = []
        ways = (lambda: source.try_query("up"), source.end_trial, source.stop)
        for count, end in enumerate(ways, 1):
            seen = len(server.requests)
            slow = threading.Thread(target=lambda: results.append(source.try_query("slow")))
            slow.start()
            wait_for(lambda seen=seen: len(server.requests) > seen, LATE_S, "the request")
            end()
            slow.join(LATE_S)
            assert len(results) == count
    assert all(result.error for result in results)


def test_an_unknown_variable_of_a_tried_query_is_its_error():
    """A variable that is not known is the result's error, in the words of the poll."""
    result = watching("http://127.0.0.1:1").source.try_query('up{pod="$pod"}')
    assert "$pod is not known" in result.error


@pytest.mark.live
def test_a_refused_query_has_prometheus_own_words(prometheus: Prometheus):
    """What the real Prometheus says about a query is the error; a good one gives its value."""
    source = watching(prometheus.url, timeout_s=5.0).source
    assert "unclosed left parenthesis" in source.try_query("sum(").error
    [value] = source.try_query("vector(3)").values
    assert value.value == 3.0


def test_a_query_that_is_kept_is_polled_from_then_on(watch: Watch):
    """A query that is kept gives series from the next poll on, from whatever thread."""
    with by_path(query=GOOD) as server:
        watched = watch(server.url, a="up")
        watched.until(SourceState.OK)
        kept = MetricSettings(name="b", query="down")
        thread = threading.Thread(target=watched.source.keep, args=(kept,))
        thread.start()
        wait_for(lambda: watched.series("b"), LATE_S, "the kept query's series")
        thread.join()


def test_another_query_under_a_name_takes_the_place_of_its_series(watch: Watch):
    """What a name showed of another query goes, with its labels; the last hour of the new one is
    there, also where it is the unit alone that is another."""
    asked: list[str] = []

    def past(head: bytes) -> bytes:
        asked.append(param(head, "query"))
        return matrix(({"n": param(head, "query")}, [(NOW - 600, "1"), (NOW - 300, "2")]))

    def present(head: bytes) -> bytes:
        return vector(({"n": param(head, "query")}, "3"), at=NOW)

    with by_path(query=present, query_range=past) as server:
        watched = watch(server.url, clock=lambda: NOW, m="old", other="other")
        wait_for(lambda: len(watched.timeline.series(0.0)) == 2, LATE_S, "both series")
        for query, unit in (("new", ""), ("new", "s")):
            watched.source.keep(MetricSettings(name="m", query=query, unit=unit))

            def replaced(query: str = query, unit: str = unit) -> bool:
                found = [(s.key.labels, s.key.unit, len(s.points)) for s in watched.series("m")]
                return found == [((("n", query),), unit, 3)]

            wait_for(replaced, LATE_S, "the new series alone")
        assert len(watched.series("other")) == 1
    assert asked == ["old", "other", "new", "new"]
