"""What the service tells Prometheus about itself."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

BUCKETS_S = (0.002, 0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0)


class Metrics:
    """The metrics of one service, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        self.in_flight = Gauge(
            "http_requests_in_flight", "Requests being handled.", registry=self._registry
        )
        self._requests = Counter(
            "http_requests_total",
            "Requests answered.",
            ("handler", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "http_request_duration_seconds",
            "Time from the connection to the answer.",
            ("handler",),
            buckets=BUCKETS_S,
            registry=self._registry,
        )
        self._pages = Counter(
            "page_cache_requests_total",
            "Pages asked of the cache.",
            ("result",),
            registry=self._registry,
        )
        self.receipt_wait = Histogram(
            "receipt_wait_seconds",
            "Time that a receipt waited to be written.",
            buckets=BUCKETS_S,
            registry=self._registry,
        )

    def show(self, name: str, words: str, value: Callable[[], float]) -> None:
        """Show a gauge that is asked for when the metrics are."""
        Gauge(name, words, registry=self._registry).set_function(value)

    def count_page(self, found: bool) -> None:
        """Count one page that was asked of the cache."""
        self._pages.labels("hit" if found else "miss").inc()

    def observe(self, handler: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        self._requests.labels(handler, str(status)).inc()
        self._seconds.labels(handler).observe(seconds)

    def page(self) -> tuple[bytes, str]:
        """The body of /metrics, and its content type."""
        return generate_latest(self._registry), CONTENT_TYPE_LATEST
