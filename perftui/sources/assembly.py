"""Which sources a watch has: those of its target, and those that the settings name."""

from __future__ import annotations

from collections.abc import Callable, Collection
from urllib.parse import urlsplit

from perftui.model.target import Target
from perftui.model.timeline import Timeline
from perftui.settings import Settings
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

    def offers(self) -> list[str]:
        """What could be looked at, too, if the user wants it."""
        texts = [f"a metrics page at {url} (--scrape {url})" for url in self.notice.offers]
        packs = self.prometheus.offers if self.prometheus is not None else ()
        if packs:
            names = ", ".join(pack.name for pack in packs)
            texts.append(f"ready-made queries: {names} (--pack NAME)")
        return texts


def named_sources(
    settings: Settings, timeline: Timeline, clock: Clock, ports: Callable[[], Collection[int]]
) -> list[Source]:
    """The pages and logs of the settings, which are the same for the target's successor; `ports`
    says where the target listens."""
    pages = (
        ScrapeSource(page, timeline, clock, ports=ports, is_one_of_many=len(settings.scrape) > 1)
        for page in settings.scrape
    )
    return [*pages, *(LogSource(log, timeline, clock) for log in settings.log)]


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
