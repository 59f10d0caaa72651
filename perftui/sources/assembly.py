"""Which sources a watch has: those of its target, and those that the settings name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from urllib.parse import urlsplit

from perftui.model.offer import Offer, OfferKind
from perftui.model.query import QueryResult
from perftui.model.target import Target
from perftui.model.timeline import Timeline
from perftui.setting_values import PageAddress
from perftui.settings import MetricSettings, ScrapeSettings, Settings
from perftui.sources.base import Clock, Source
from perftui.sources.cgroup import CgroupSource
from perftui.sources.family import Family
from perftui.sources.log import LogSource
from perftui.sources.notice import ScrapeNotice
from perftui.sources.process import ProcessSource
from perftui.sources.profiler import Profiler
from perftui.sources.prometheus import PrometheusSource
from perftui.sources.pyspy_run import PySpy
from perftui.sources.scrape import ScrapeSource
from perftui.target.find import listening_ports


class TargetSources:
    """What looks at one target, not started yet; for its successor all of it is made anew.

    `all` has the sources in the order in which they start: the profiler first, as what it shows is
    waited for. `prometheus` is None where none is set.
    """

    def __init__(
        self,
        target: Target,
        settings: Settings,
        timeline: Timeline,
        clock: Clock,
        pyspy: PySpy,
    ) -> None:
        self.family = Family(target)
        self.notice = ScrapeNotice(skip=_ports_of(settings))
        self.profiler = Profiler(target, settings.profile, timeline, clock, self.family, pyspy)
        self.prometheus = _prometheus_of(target, settings, timeline, clock)
        self.all: list[Source] = [
            self.profiler,
            ProcessSource(self.family, timeline, clock),
            CgroupSource(self.family, timeline, clock),
            *([self.prometheus] if self.prometheus is not None else []),
        ]

    def offers(self, settings: Settings) -> tuple[Offer, ...]:
        """What could be looked at, too, and is not by these settings."""
        read = {page.url for page in settings.scrape}
        pages = [url for url in self.notice.offers if url not in read]
        asked = settings.prometheus.packs
        fit = self.prometheus.offers if self.prometheus is not None and asked != "auto" else ()
        packs = [pack.name for pack in fit if pack.name not in asked]
        return (
            *(Offer(OfferKind.PAGE, url) for url in pages),
            *(Offer(OfferKind.PACK, name) for name in packs),
        )

    @property
    def queries(self) -> Mapping[str, str]:
        """What Prometheus was asked so far, by the names of the metrics."""
        return self.prometheus.queries if self.prometheus is not None else {}

    def try_query(self, promql: str) -> QueryResult:
        """What a query gives now, or why it gives nothing."""
        if self.prometheus is None:
            return QueryResult(promql, error="There is no Prometheus to ask.")
        return self.prometheus.try_query(promql)

    def end_trial(self) -> None:
        """End the query that is tried at present."""
        if self.prometheus is not None:
            self.prometheus.end_trial()

    def keep(self, metric: MetricSettings) -> None:
        """Poll one more query, in place of one of the same name."""
        if self.prometheus is not None:
            self.prometheus.keep(metric)

    def take_pack(self, name: str) -> None:
        """Ask the queries of a pack, too."""
        if self.prometheus is not None:
            self.prometheus.take_pack(name)


class NamedSources:
    """The pages and logs of the settings, which are the same for the target's successor; `ports`
    says where the target listens."""

    def __init__(
        self,
        settings: Settings,
        timeline: Timeline,
        clock: Clock,
        ports: Callable[[], Collection[int]],
    ) -> None:
        self._timeline, self._clock, self._ports = timeline, clock, ports
        self._pages = list(settings.scrape)
        self.all: list[Source] = [
            *(self._page(page) for page in settings.scrape),
            *(LogSource(log, timeline, clock) for log in settings.log),
        ]

    def add(self, page: ScrapeSettings) -> Source:
        """One more page, not started yet."""
        self._pages.append(page)
        source = self._page(page)
        self.all.append(source)
        return source

    def _page(self, page: ScrapeSettings) -> Source:
        others = [other for other in self._pages if other is not page]
        return ScrapeSource(page, self._timeline, self._clock, ports=self._ports, others=others)


def with_offer(settings: Settings, offer: Offer) -> Settings:
    """The settings, and what was offered."""
    if offer.kind is OfferKind.PAGE:
        pages = (*settings.scrape, ScrapeSettings(url=PageAddress(offer.name)))
        return settings.but(scrape=pages)
    packs = (*settings.prometheus.packs, offer.name)
    prometheus = settings.prometheus.but(packs=packs)
    return settings.but(prometheus=prometheus)


def _prometheus_of(
    target: Target, settings: Settings, timeline: Timeline, clock: Clock
) -> PrometheusSource | None:
    if settings.prometheus.url is None:
        return None
    return PrometheusSource(
        settings.prometheus,
        settings.metric,
        target,
        timeline,
        clock,
        ports=lambda: listening_ports(target.pid),
        places=_places_of(target),
    )


def _places_of(target: Target) -> dict[str, str]:
    """What queries may call the target's container and pod, as far as that is known."""
    inside = target.inside
    if inside is None:
        return {}
    names = {
        "pod": inside.pod,
        "namespace": inside.namespace,
        "node": inside.node,
        "container": inside.container,
    }
    return {name: value for name, value in names.items() if value is not None}


def _ports_of(settings: Settings) -> frozenset[int]:
    """The ports whose pages are read already: they need not be noticed."""
    return frozenset(port for page in settings.scrape if (port := urlsplit(page.url).port))
