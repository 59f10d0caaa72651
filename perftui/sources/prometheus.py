"""Named PromQL queries, polled from one Prometheus."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import psutil

from perftui.errors import PerftuiError, SourceError
from perftui.model.series import Origin, SeriesKey
from perftui.model.snapshot import SourceState
from perftui.model.target import Target
from perftui.model.timeline import Timeline
from perftui.settings import MetricSettings, PrometheusSettings
from perftui.sources.base import Clock, Poll
from perftui.sources.promql import (
    Answer,
    NotPrometheus,
    QueryFailed,
    Variables,
    find_target,
    needed,
    read_answer,
    read_samples,
    short,
    substitute,
)

if TYPE_CHECKING:
    from requests import Response

    from perftui.sources.bounded_http import BoundedAdapter

T = TypeVar("T")

TIMEOUT_S = 5.0
SERIES_PER_QUERY = 10
FIND_AGAIN_S = 60.0
"""Seconds between two looks for the target among those that Prometheus scrapes."""


class _NothingYet(SourceError):
    """All is well, but there is nothing to show: waiting, not failed."""


class PrometheusSource(Poll):
    """The settings' metrics as series, every `settings.every` seconds.

    A query gives up to `SERIES_PER_QUERY` series, the highest ones. `ports` says on which TCP ports
    the target listens; by them `$instance` and `$job` are found where the settings do not name
    them. One exchange takes `timeout_s` at most, and the first that gets no answer ends the poll,
    so a poll takes `timeout_s` for each query at most.
    """

    def __init__(
        self,
        settings: PrometheusSettings,
        metrics: Sequence[MetricSettings],
        target: Target,
        timeline: Timeline,
        clock: Clock,
        ports: Callable[[], Collection[int]],
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        super().__init__("prometheus", clock, settings.every)
        self._url = settings.url or ""
        self._metrics = tuple(metrics)
        self._variables = Variables(target.pid, target.host, settings.instance, settings.job)
        self._needed = frozenset[str]().union(*(needed(m.query) for m in self._metrics))
        self._timeline = timeline
        self._ports = ports
        self._timeout_s = timeout_s
        self._client: _Client | None = None
        self._look_at: float | None = None

    def stop(self) -> None:
        """Ask it to end, and end the exchange that is under way."""
        super().stop()
        if self._client is not None:
            self._client.abort()

    def failed(self, error: PerftuiError) -> None:
        """Show `error` as this source's state."""
        waiting = isinstance(error, _NothingYet)
        self.say(SourceState.WAITING if waiting else SourceState.FAILED, str(error))

    def poll(self) -> None:
        """Run every query once. SourceError for what failed, after all others have run."""
        if not self._metrics:
            raise _NothingYet("no query is set.", "Add a [[metric]] or --query NAME=PROMQL.")
        if self._client is None:
            self._client = _Client(self._url, self._timeout_s)
        try:
            self._run_queries(self._client)
        finally:
            # Until the next poll the server may drop the connection, and nothing is sent twice.
            self._client.close()

    def _run_queries(self, client: _Client) -> None:
        self._find_target(client)
        failures: dict[str, QueryFailed] = {}
        notes: list[str] = []
        empty: list[str] = []
        for metric in self._metrics:
            if self.stopping.is_set():
                return
            try:
                returned, shown, left_out = self._run_query(client, metric)
            except QueryFailed as error:
                failures[short(metric.name)] = error
                continue
            if not returned:
                empty.append(short(metric.name))
            elif not shown:
                notes.append(f"query {short(metric.name)} has no number at present (NaN or Inf).")
            elif left_out:
                notes.append(
                    f"query {short(metric.name)} has {left_out} more series than the"
                    f" {SERIES_PER_QUERY} highest, which are shown."
                )
        self._conclude(failures, empty, notes)

    def _run_query(self, client: _Client, metric: MetricSettings) -> tuple[int, int, int]:
        """Add the points of one query. How many series it returned, how many of them have a point
        now, and how many have one that was left out."""
        query = substitute(metric.query, self._variables)
        answer = client.query(query)
        kept = answer.samples[:SERIES_PER_QUERY]
        self._timeline.add_points(
            (
                SeriesKey(metric.name, Origin.PROMETHEUS, metric.unit, sample.labels, metric.limit),
                sample.point,
            )
            for sample in kept
        )
        return answer.returned, len(kept), len(answer.samples) - len(kept)

    def _conclude(
        self, failures: Mapping[str, QueryFailed], empty: Sequence[str], notes: Sequence[str]
    ) -> None:
        if failures:
            name, error = next(iter(failures.items()))
            others = [other for other in failures if other != name]
            also = f" (So did {short(', '.join(others))}.)" if others else ""
            raise SourceError(f"query {name} failed: {error.message}{also}", error.fix)
        if empty:
            which = f"query {empty[0]}" if len(empty) == 1 else f"queries {', '.join(empty)}"
            raise _NothingYet(f"{short(which)} returned no series.")
        self.say(SourceState.OK, " ".join(notes))

    def _find_target(self, client: _Client) -> None:
        """Find `$instance` and `$job` where a query needs one that is not known yet."""
        known = self._variables
        missing = (known.instance is None and "instance" in self._needed) or (
            known.job is None and "job" in self._needed
        )
        now = self.clock()
        if not missing or (self._look_at is not None and now < self._look_at):
            return
        try:
            data = client.targets()
        except QueryFailed as error:
            self._variables = _because(known, f"its targets are not told: {error.message}")
        except NotPrometheus as error:
            if error.status != 404:  # servers that are like Prometheus may have no such page
                raise
            self._variables = _because(known, "it does not tell its targets")
        else:
            here = this_host(known.host, self._url)
            self._variables = find_target(data, known, self._ports(), here)
        self._look_at = now + FIND_AGAIN_S


def _because(variables: Variables, why: str) -> Variables:
    return Variables(
        variables.pid, variables.host, variables.instance, variables.job, short(why.rstrip("."))
    )


def this_host(name: str, prometheus_url: str) -> frozenset[str]:
    """Names and addresses of this host, in lower case, as the Prometheus at that URL writes them.

    `name` is the target's host. A loopback address in the configuration of a Prometheus means the
    host that this Prometheus runs on: it is this host only if the URL is this host too.
    """
    addresses = {
        address.address.partition("%")[0].lower()
        for interface in psutil.net_if_addrs().values()
        for address in interface
        if address.family in (socket.AF_INET, socket.AF_INET6)
    }
    loopback = {"localhost", "::1"} | {a for a in addresses if a.startswith("127.")}
    names = {n.lower().rstrip(".") for n in (name, socket.gethostname()) if n}
    outside = (names | addresses) - loopback
    url_host = (urlsplit(prometheus_url).hostname or "").rstrip(".")
    beside = url_host in outside | loopback or url_host.startswith("127.")
    return frozenset(outside | loopback | {"127.0.0.1"} if beside else outside)


class _Client:
    """The API of one Prometheus, by prometheus-api-client over bounded HTTP.

    Its methods raise QueryFailed, or NotPrometheus with a sentence that begins with the URL.
    """

    def __init__(self, url: str, timeout_s: float) -> None:
        # Slow to import, and only needed where a Prometheus is set.
        import requests
        from prometheus_api_client.prometheus_connect import PrometheusConnect
        from urllib3.util.retry import Retry

        from perftui.sources import bounded_http

        self._shown_url = short(re.sub(r"//[^/@]*@", "//", url))
        self._timeout_s = timeout_s
        self._explain = bounded_http.explain
        self._transport_errors = (requests.RequestException, OSError, ValueError)
        self._too_large = bounded_http.TooLarge
        self._session = requests.Session()
        # Before the library reads an answer, and before a redirect would be followed.
        self._session.hooks["response"] = [self._check]
        try:
            self._connect = PrometheusConnect(url, retry=Retry(total=0), session=self._session)
        except ValueError:
            raise SourceError(f"{self._shown_url} is no usable URL.", "Mend it.") from None
        self._adapter: BoundedAdapter = bounded_http.BoundedAdapter(timeout_s)
        # The library has mounted an adapter of its own for the URL.
        for prefix in ("http://", "https://", url):
            self._session.mount(prefix, self._adapter)
        self._data: Mapping[str, Any] = {}

    def query(self, promql: str) -> Answer:
        """The samples of an instant query, at Prometheus's own present."""
        try:
            promql.encode()
        except UnicodeEncodeError:
            raise QueryFailed("it holds characters that are no text.") from None
        # A slow query ends with Prometheus's own reason, before the exchange is given up.
        limit = {"timeout": f"{0.8 * self._timeout_s:.3f}"}
        return self._ask(lambda: self._connect.custom_query(promql, params=limit), read_samples)

    def targets(self) -> Mapping[str, Any]:
        """The `data` of /api/v1/targets: what Prometheus scrapes at present."""
        return self._ask(lambda: self._connect.get_targets(state="active"), lambda data: data)

    def abort(self) -> None:
        """End the exchange that is under way, from any thread."""
        self._adapter.abort()

    def close(self) -> None:
        """Close the connection; the next exchange opens one."""
        self._session.close()

    def _check(self, response: Response, *_: object, **__: object) -> None:
        self._data = read_answer(
            response.status_code, response.content, response.headers.get("Location")
        )

    def _ask(self, call: Callable[[], object], read: Callable[[Mapping[str, Any]], T]) -> T:
        try:
            call()
            # The library's own answer has lost the type of the result.
            return read(self._data)
        except NotPrometheus as error:
            raise NotPrometheus(
                f"{self._shown_url} {error.message}", error.fix, error.status
            ) from None
        except self._too_large:
            raise QueryFailed("its answer is too large.", "Aggregate it in the query.") from None
        except self._transport_errors as error:
            why = self._explain(error, self._timeout_s)
            raise NotPrometheus(f"{self._shown_url} {why}.") from None
