"""Named PromQL queries, polled from one Prometheus."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from perftui.errors import PerftuiError, SourceError
from perftui.model.query import QUERY_S, Pack, QueryResult, Value
from perftui.model.series import Origin, Point, SeriesKey
from perftui.model.snapshot import SourceState
from perftui.model.target import Target
from perftui.model.timeline import Timeline
from perftui.setting_values import BUILT_IN_METRICS, FreeName
from perftui.settings import MetricSettings, PrometheusSettings
from perftui.sources.alerts import Alerts, firing
from perftui.sources.base import Clock, Poll
from perftui.sources.discovery import find_target, this_host
from perftui.sources.packs import all_packs, fitting
from perftui.sources.prometheus_api import PrometheusClient
from perftui.sources.promql import (
    PLACES,
    Answer,
    NotPrometheus,
    QueryFailed,
    Variables,
    needed,
    short,
    substitute,
)
from perftui.sources.skew import Skew

FIND_AGAIN_S = 60.0
"""Seconds between two looks for the target among those that Prometheus scrapes."""
HISTORY_S = 3600
"""So far back a query's series are filled when it first gives a number."""
HISTORY_STEP_S = 10
"""One point in so many seconds of that: the timeline keeps an hour at this step."""
ALERTS_EVERY_S = 15.0
PACKS_EVERY_S = 600.0


class _NothingYet(SourceError):
    """All is well, but there is nothing to show: waiting, not failed."""


class PrometheusSource(Poll):
    """The settings' metrics as series, every `settings.every` seconds.

    A query gives up to `settings.k` series, the highest ones, and at first their last hour.
    `ports` says on which TCP ports the target listens; by them `$instance` and `$job` are found
    where the settings do not name them. `places` has those of `$pod`, `$namespace`, `$node` and
    `$container` that are known; the settings go before it. One exchange takes `timeout_s` at most,
    and the first that gets no answer ends the poll, so a poll takes `timeout_s` for each query at
    most, and the first one twice that.

    Points have Prometheus's own time while its clock agrees with ours, see :class:`Skew`. Alerts
    that fire for the target's labels become events. `offers` are the ready-made packs of queries
    whose metrics exist; it may be read from any thread.
    """

    def __init__(
        self,
        settings: PrometheusSettings,
        metrics: Sequence[MetricSettings],
        target: Target,
        timeline: Timeline,
        clock: Clock,
        ports: Callable[[], Collection[int]],
        timeout_s: float = QUERY_S,
        places: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__("prometheus", clock, settings.every)
        self._settings = settings
        self._metrics = tuple(metrics)
        set_places = {name: getattr(settings, name) for name in PLACES}
        self._variables = Variables(
            target.pid,
            target.host,
            settings.instance,
            settings.job,
            k=settings.k,
            places={**(places or {}), **{n: v for n, v in set_places.items() if v is not None}},
        )
        self._timeline = timeline
        self._ports = ports
        self._timeout_s = timeout_s
        self._client: PrometheusClient | None = None
        self._look_at: float | None = None
        self._skew = Skew()
        self._filled: dict[str, str] = {}
        self._asked_as: dict[str, MetricSettings] = {}
        self._trial: PrometheusClient | None = None
        self._trying = threading.Lock()
        self._no_history: dict[str, str] = {}
        self._alerts = Alerts()
        self._alerts_at: float | None = None
        self._packs = all_packs()
        self._packs_at: float | None = None
        self.offers: tuple[Pack, ...] = ()

    def stop(self) -> None:
        """Ask it to end, and end the exchange that is under way."""
        super().stop()
        if self._client is not None:
            self._client.abort()
        self.end_trial()

    def failed(self, error: PerftuiError) -> None:
        """Show `error` as this source's state."""
        waiting = isinstance(error, _NothingYet)
        self.say(SourceState.WAITING if waiting else SourceState.FAILED, str(error))

    @property
    def queries(self) -> dict[str, str]:
        """What was asked so far, by the names of the metrics; from any thread."""
        return {name: metric.query for name, metric in list(self._asked_as.items())}

    def keep(self, metric: MetricSettings) -> None:
        """Poll one more query from now on, in place of one of the same name; from any thread."""
        others = (other for other in self._metrics if other.name != metric.name)
        self._metrics = (*others, metric)

    def take_pack(self, name: str) -> None:
        """Ask the queries of one more pack from now on; from any thread."""
        packs = (*self._settings.packs, name)
        self._settings = self._settings.but(packs=packs)

    def try_query(self, promql: str) -> QueryResult:
        """What a query gives now, or why it gives nothing; from any thread.

        It takes `timeout_s` at most, over a connection of its own, and ends the one that was tried
        before. It raises nothing.
        """
        sent, client = promql, None
        try:
            sent = substitute(promql, self._variables)
            client = PrometheusClient(self._settings, self._timeout_s)
            self._end_trial_for(client)
            answer = client.query(sent, self._settings.k)
        except SourceError as error:
            return QueryResult(sent, error=str(error))
        finally:
            if client is not None:
                client.close()
        values = tuple(Value(sample.labels, sample.point.value) for sample in answer.samples)
        return QueryResult(sent, values, answer.returned, left_out=answer.left_out)

    def end_trial(self) -> None:
        """End the query that is tried at present, whose result is an error then; from any
        thread."""
        self._end_trial_for(None)

    def _end_trial_for(self, client: PrometheusClient | None) -> None:
        with self._trying:
            before, self._trial = self._trial, client
        if before is not None:
            before.abort()

    def poll(self) -> None:
        """Run every query once. SourceError for what failed, after all others have run."""
        if self._client is None:
            self._client = PrometheusClient(self._settings, self._timeout_s)
        try:
            self._look(self._client)
        finally:
            # Until the next poll the server may drop the connection, and nothing is sent twice.
            self._client.close()

    def _look(self, client: PrometheusClient) -> None:
        metrics = tuple(self._asked())
        self._find_target(client, frozenset[str]().union(*(needed(m.query) for m in metrics)))
        failures: dict[str, QueryFailed] = {}
        notes: list[str] = []
        empty: list[str] = []
        for metric in metrics:
            if self.stopping.is_set():
                return
            name = short(metric.name)
            try:
                answer = self._run_query(client, metric)
            except QueryFailed as error:
                failures[name] = error
                continue
            if not answer.returned:
                empty.append(name)
            elif not answer.samples:
                notes.append(f"query {name} has no number at present (NaN or Inf).")
            elif answer.left_out:
                notes.append(
                    f"query {name} has {answer.left_out} more series than the"
                    f" {self._settings.k} highest, which are shown."
                )
        if not self.stopping.is_set():
            self._look_beside(client, has_metrics=bool(metrics))
        self._conclude(failures, empty, [self._skew.note_text, *notes, *self._no_history.values()])

    def _asked(self) -> Iterator[MetricSettings]:
        """The settings' metrics, and those of the packs that they take."""
        yield from self._metrics
        chosen = self._settings.packs
        packs = self.offers if chosen == "auto" else [p for p in self._packs if p.name in chosen]
        taken = BUILT_IN_METRICS.union(metric.name for metric in self._metrics)
        for query in (query for pack in packs for query in pack.queries):
            if query.name not in taken:
                yield MetricSettings(
                    name=FreeName(query.name),
                    query=query.query,
                    unit=query.unit,
                    limit=query.limit,
                )

    def _run_query(self, client: PrometheusClient, metric: MetricSettings) -> Answer:
        """Add the points of one query, and at first its history before them."""
        if self._asked_as.setdefault(metric.name, metric) != metric:
            # Its line would go on with another query's numbers, or stand still beside them.
            self._timeline.forget(metric.name, Origin.PROMETHEUS)
            self._filled.pop(metric.name, None)
            self._asked_as[metric.name] = metric
        query = substitute(metric.query, self._variables)
        sent = self.clock()
        answer = client.query(query, self._settings.k)
        if answer.at is not None:
            self._skew.note(sent, self.clock(), answer.at)
        keys = {
            sample.labels: SeriesKey(
                metric.name, Origin.PROMETHEUS, metric.unit, sample.labels, metric.limit
            )
            for sample in answer.samples
        }
        if answer.at is not None and keys and self._filled.get(metric.name) != query:
            self._add_history(client, metric.name, query, keys.values(), answer.at)
        self._timeline.add_points(
            (keys[sample.labels], self._ours(sample.point)) for sample in answer.samples
        )
        return answer

    def _add_history(
        self,
        client: PrometheusClient,
        name: str,
        query: str,
        keys: Collection[SeriesKey],
        before: float,
    ) -> None:
        """Fill the series of a query that has just given a number; those points must be older than
        the present one, as the timeline takes them in order."""
        # Steps at whole multiples: the timeline's own buckets, so that none is made a mean.
        end = int((before - 1) // HISTORY_STEP_S) * HISTORY_STEP_S
        start = end - HISTORY_S + HISTORY_STEP_S
        self._no_history.pop(name, None)
        try:
            wanted = [key.labels for key in keys]
            found = client.query_range(query, start, end, HISTORY_STEP_S, wanted)
        except (QueryFailed, NotPrometheus) as error:
            # Not tried again: once there is a present point, older ones come too late.
            self._no_history[name] = f"query {short(name)} has no history: {error.message}"
            found = {}
        self._filled[name] = query
        for key in keys:
            self._timeline.add_points((key, self._ours(p)) for p in found.get(key.labels, ()))

    def _ours(self, point: Point) -> Point:
        return Point(point.at - self._skew.shift_s, point.value)

    def _conclude(
        self, failures: Mapping[str, QueryFailed], empty: Sequence[str], notes: Sequence[str]
    ) -> None:
        if failures:
            name, error = next(iter(failures.items()))
            others = [other for other in failures if other != name]
            also = f" (So did {short(', '.join(others))}.)" if others else ""
            raise SourceError(f"query {name} failed: {error.message}{also}", error.fix)
        chosen = self._settings.packs
        unknown = set() if chosen == "auto" else set(chosen) - {pack.name for pack in self._packs}
        if unknown:
            there = ", ".join(pack.name for pack in self._packs)
            raise SourceError(f"there is no pack {short(min(unknown))}.", f"There are {there}.")
        if not self._metrics and not chosen:
            offered = ", ".join(pack.name for pack in self.offers)
            also = f", or one of the packs that fit: {offered}" if offered else ""
            raise _NothingYet("no query is set.", f"Add a [[metric]] or --query NAME=PROMQL{also}.")
        if empty:
            which = f"query {empty[0]}" if len(empty) == 1 else f"queries {', '.join(empty)}"
            raise _NothingYet(f"{short(which)} returned no series.")
        self.say(SourceState.OK, " ".join(note for note in notes if note))

    def _find_target(self, client: PrometheusClient, names: Collection[str]) -> None:
        """Find `$instance` and `$job` where one of them is among `names` and not known yet."""
        known = self._variables
        missing = (known.instance is None and "instance" in names) or (
            known.job is None and "job" in names
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
            here = this_host(known.host, self._settings.url or "")
            self._variables = find_target(data, known, self._ports(), here)
        self._look_at = now + FIND_AGAIN_S

    def _look_beside(self, client: PrometheusClient, has_metrics: bool) -> None:
        """Look for alerts and packs. A server without them is no fault; one that cannot be asked at
        all is, where no query has said so."""
        try:
            self._find_target(client, {"instance"})
            self._look_for_alerts(client)
            self._look_for_packs(client)
        except QueryFailed:
            return
        except NotPrometheus as error:
            self._look_at = self.clock() + FIND_AGAIN_S
            if not has_metrics and error.status not in (404, 405, 501):
                raise

    def _look_for_alerts(self, client: PrometheusClient) -> None:
        now = self.clock()
        if self._alerts_at is not None and now < self._alerts_at:
            return
        self._alerts_at = now + ALERTS_EVERY_S
        ours = self._variables.labels
        if not ours:
            return
        shift = self._skew.shift_s
        found = [replace(e, at=e.at - shift) for e in firing(client.alerts(), ours)]
        for event in self._alerts.changed(found, now):
            self._timeline.add_event(event)

    def _look_for_packs(self, client: PrometheusClient) -> None:
        now = self.clock()
        if self._packs_at is not None and now < self._packs_at:
            return
        known, selectors = self._variables.labels.keys() | {"host"}, set[str]()
        for pack in self._packs:
            if needed(pack.where) <= known:
                selectors.add(substitute(pack.where, self._variables))
        if "instance" in known:
            self._packs_at = now + PACKS_EVERY_S
        else:
            self._packs_at = now + FIND_AGAIN_S
        since = int(now + self._skew.shift_s) - HISTORY_S
        self.offers = fitting(self._packs, client.metric_names(sorted(selectors), since))


def _because(variables: Variables, why: str) -> Variables:
    return replace(variables, why_unknown=short(why.rstrip(".")))
