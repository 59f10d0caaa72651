"""A /metrics page, read without a Prometheus."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from perftui import __version__
from perftui.errors import SourceError
from perftui.model.pattern import Pattern
from perftui.model.snapshot import SourceState
from perftui.model.text import plain
from perftui.model.timeline import Timeline
from perftui.settings import ScrapeSettings
from perftui.sources.base import Clock, Poll
from perftui.sources.discovery import this_host
from perftui.sources.page_rates import OF_PROCESS, Rates
from perftui.sources.promql import short

if TYPE_CHECKING:
    from requests import Response

    from perftui.sources.bounded_http import BoundedAdapter
    from perftui.sources.exposition import Wanted

TIMEOUT_S = 5.0
MAX_BYTES = 32 * 1024 * 1024
MOST_INSTANCE = 200
SECOND_LOOK_S = 1.0
"""From the first look to the second, with which rates begin."""
MOST_OF_A_CORE = 0.02
"""What reading a page may take of a core: a large page is read less often."""
MATCH_S = 0.01
"""What one pattern of `metrics` may take for one name."""
USER_AGENT = f"perftui/{__version__}"
# Prometheus's own order, without protobuf:
# https://prometheus.io/docs/instrumenting/content_negotiation/
ACCEPT = (
    "application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)


def _instance(url: str, others: Iterable[str]) -> str:
    """What tells a page from the others: its host and port, with path and query where need be."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    is_alone = all(urlsplit(other).netloc.rpartition("@")[2] != host for other in others)
    more = "" if is_alone else parts._replace(scheme="", netloc="", fragment="").geturl()
    return plain(host + more, MOST_INSTANCE)


class ScrapeSource(Poll):
    """One page's metrics as series, every `settings.every` seconds; see :mod:`.rates`.

    `ports` says on which TCP ports the target listens: of a page of the target itself, what tells
    of its process is left out, as perftui sees that. `others` are pages beside it: with any, every
    series has the page's `instance` as a label: host:port, and what follows where others have the
    same. An exchange takes `timeout_s` at most.
    """

    def __init__(
        self,
        settings: ScrapeSettings,
        timeline: Timeline,
        clock: Clock,
        ports: Callable[[], Collection[int]],
        *,
        others: Collection[ScrapeSettings] = (),
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        parts = urlsplit(settings.url)
        instance = _instance(settings.url, [other.url for other in others])
        super().__init__(f"scrape {instance}", clock, settings.every)
        self._settings = settings
        self._timeline = timeline
        self._ports = ports
        self._port = parts.port or {"http": 80, "https": 443}[parts.scheme]
        self._is_here = (parts.hostname or "") in this_host(socket.gethostname(), settings.url)
        self._rates = Rates(instance if others else None)
        self._wanted = wanted_by(settings.metrics)
        self._timeout_s = timeout_s
        self._has_looked = False
        self._page: _Page | None = None

    def stop(self) -> None:
        """Ask it to end, and end the exchange that is under way."""
        super().stop()
        if self._page is not None:
            self._page.abort()

    def poll(self) -> None:
        """Read the page once. SourceError where it cannot be read as a whole."""
        # Slow to import, and only needed where a page is set.
        from perftui.sources.exposition import NotMetrics, read_page

        if self._page is None:
            self._page = _Page(self._settings.url, self._timeout_s)
        body, content_type = self._page.get()
        # The time of the answer: the target may take a while for it.
        now, used_s = self.clock(), time.thread_time()
        try:
            families = read_page(body, content_type, self._wanted)
        except NotMetrics as error:
            raise NotMetrics(f"{self._page.shown_url} {error.message}", error.fix) from None
        look = self._rates.look(now, families, self._of_target())
        self._timeline.add_points(look.points)
        self._pace(time.thread_time() - used_s, is_first=not self._has_looked)
        self._has_looked = True
        if not families:
            self.say(SourceState.WAITING, f"{self._page.shown_url} has no such metrics yet.")
            return
        notes = []
        if look.left_out:
            notes.append(f"{look.left_out} more series are not kept; name fewer in its metrics.")
        if self.every_s > self._settings.every:
            notes.append(f"The page is large: it is read every {self.every_s:.0f} s.")
        self.say(SourceState.OK, " ".join(notes))

    def _of_target(self) -> Collection[str]:
        """The families that are left out, unless the settings say what is to be read."""
        if self._settings.metrics or not self._is_here or self._port not in self._ports():
            return ()
        return OF_PROCESS

    def _pace(self, took_s: float, *, is_first: bool) -> None:
        every_s = min(self._settings.every, SECOND_LOOK_S) if is_first else self._settings.every
        self.every_s = max(every_s, took_s / MOST_OF_A_CORE)


def wanted_by(patterns: Collection[str]) -> Wanted | None:
    """What fits one of the patterns as a whole; None, for everything, where there is none."""
    if not patterns:
        return None
    compiled = [Pattern(pattern) for pattern in patterns]

    def wanted(name: str) -> bool:
        for pattern, text in zip(compiled, patterns, strict=True):
            try:
                if pattern.is_all_of(name, MATCH_S):
                    return True
            except TimeoutError:
                raise SourceError(
                    f"the pattern {short(text)} of its metrics takes too long.", "Simplify it."
                ) from None
        return False

    return wanted


class _Page:
    """One URL over bounded HTTP. For one thread, except :meth:`abort`."""

    def __init__(self, url: str, timeout_s: float) -> None:
        import requests

        from perftui.sources import bounded_http

        self._url = url
        self.shown_url = short(re.sub(r"//[^/@]*@", "//", url))
        self._timeout_s = timeout_s
        self._explain = bounded_http.explain
        self._transport_errors = (requests.RequestException, OSError, ValueError)
        self._session = requests.Session()
        self._session.headers.update({"User-Agent": USER_AGENT, "Accept": ACCEPT})
        self._adapter: BoundedAdapter = bounded_http.BoundedAdapter(timeout_s, MAX_BYTES)
        for prefix in ("http://", "https://"):
            self._session.mount(prefix, self._adapter)

    def abort(self) -> None:
        """End the exchange that is under way, from any thread."""
        self._adapter.abort()

    def get(self) -> tuple[bytes, str]:
        """The page and its Content-Type; SourceError with a sentence that begins with the URL."""
        try:
            # A redirect is not followed: what it leads to is not what was named.
            answer = self._session.get(self._url, allow_redirects=False)
        except self._transport_errors as error:
            raise SourceError(
                f"{self.shown_url} {self._explain(error, self._timeout_s)}.",
                "Is this the URL of a metrics page, and does its service run?",
            ) from None
        finally:
            # Until the next look the server may drop the connection, and nothing is sent twice.
            self._session.close()
        self._check(answer)
        return answer.content, answer.headers.get("Content-Type", "")

    def _check(self, answer: Response) -> None:
        status = answer.status_code
        if status == 200:
            return
        said = f"HTTP {status} {plain(answer.reason or '', 40)}".strip()
        if 300 <= status < 400:
            where = short(re.sub(r"//[^/@]*@", "//", answer.headers.get("Location", "")))
            raise SourceError(
                f"{self.shown_url} redirects{f' to {where}' if where else ''}, which is not"
                " followed.",
                "Set the URL of the metrics page itself.",
            )
        if status in (401, 403):
            raise SourceError(
                f"{self.shown_url} refuses access ({said}).",
                "Put its user and password into ~/.netrc.",
            )
        fix = "Is this the URL of a metrics page?" if status == 404 else "See its service's log."
        raise SourceError(f"{self.shown_url} answers {said}.", fix)
