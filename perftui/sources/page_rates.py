"""From the samples of two looks at a metrics page to series: rates and quantiles. No I/O.

Counters become rates a second, histograms quantiles of the time between two looks and rates,
summaries their own quantiles and rates; gauges, states and what has no type stay as they are.
"""

from __future__ import annotations

import heapq
import math
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from perftui.model.series import Origin, Point, SeriesKey
from perftui.model.text import plain

if TYPE_CHECKING:
    from prometheus_client import Metric
    from prometheus_client.samples import Sample

SERIES_PER_NAME = 10
MOST_SERIES = 300
"""Series of one page at most, the best known ones first."""
QUANTILES = (0.5, 0.95, 0.99)
MAX_NAME = 120
MAX_LABEL = 100
"""Characters of a label's name and of its value at most."""
MAX_LABELS = 20

Labels = tuple[tuple[str, str], ...]
Identity = tuple[str, Labels]
Buckets = Mapping[float, float]
"""Upper bound -> observations up to it."""

# What is asked for first when a service is slow, and where it stands in the list.
_FIRST = tuple(
    re.compile(pattern)
    for pattern in (
        r"^(http|starlette|flask|django|fastapi|aiohttp|grpc)\w*(duration|latency|seconds)",
        r"^(http|starlette|flask|django|fastapi|aiohttp|grpc)\w*request",
        r"in_?(flight|progress)|active_requests",
        r"queue|backlog|pending|lag",
        r"error|exception|fail",
        r"duration|latency|requests",
        r"^python_gc_collections",
        r"^(?!process_|python_)",
        r"^(?!process_)",
    )
)
_MOMENT = re.compile(r"_(timestamp|start_time)_seconds$|_created$|_info$")
"""Gauges that hold a moment, or only labels: there is nothing to draw of them."""
_UNITS = (
    *(("_milliseconds", "ms"), ("_seconds", "s"), ("_bytes", "B"), ("_percent", "%")),
    *(("_celsius", "°C"), ("_volts", "V"), ("_joules", "J"), ("_ms", "ms")),
)
OF_PROCESS = frozenset(
    {"process_cpu_seconds", "process_resident_memory_bytes", "process_virtual_memory_bytes"}
    | {"process_open_fds", "process_max_fds", "process_threads", "process_start_time_seconds"}
)
"""Families that tell of a process what perftui sees of the target itself."""


def unit_of(name: str) -> str:
    """The unit that a metric's name ends in, before what its type adds; "" for none (a ratio)."""
    bare = name
    for suffix in ("_total", "_count", "_sum"):
        bare = bare.removesuffix(suffix)
    return next((unit for suffix, unit in _UNITS if bare.endswith(suffix)), "")


def quantile(share: float, buckets: Buckets) -> float | None:
    """The value that `share` (0 to 1) of the observations do not exceed, in the buckets' unit.

    Linear within a bucket, from 0 in the first; what lies above the highest finite bound is that
    bound. None without observations, without a bucket +Inf or with no other. It is Prometheus's
    histogram_quantile():
    https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile
    """
    bounds = sorted(buckets)
    if len(bounds) < 2 or bounds[-1] != math.inf:
        return None
    # Sums of buckets that are not of one moment may fall: as there, they are made to rise.
    counts: list[float] = []
    for bound in bounds:
        counts.append(max(buckets[bound], counts[-1] if counts else 0.0))
    if not 0 < counts[-1] < math.inf:
        return None
    rank = share * counts[-1]
    place = next(i for i, count in enumerate(counts) if count >= rank)
    if place == len(bounds) - 1:
        return bounds[-2]
    if place == 0 and bounds[0] <= 0:
        return bounds[0]
    start, before = (bounds[place - 1], counts[place - 1]) if place else (0.0, 0.0)
    inside = counts[place] - before
    if inside <= 0:
        return start
    return start + (bounds[place] - start) * (rank - before) / inside


class Look(NamedTuple):
    """What one look gives: points, and how many series more there were than are kept."""

    points: list[tuple[SeriesKey, Point]]
    left_out: int


class _Found(NamedTuple):
    """A value that could become a point; `is_sum` where it stands for all labels."""

    name: str
    unit: str
    labels: Labels
    value: float
    is_sum: bool = False


class Rates:
    """Looks at one page again and again; what it saw last is what the next is compared with.

    `instance` becomes a label of every series, to tell several pages apart.
    """

    def __init__(self, instance: str | None = None) -> None:
        self._instance = instance
        self._at: float | None = None
        self._values: dict[Identity, float] = {}
        self._created: dict[Identity, float] = {}

    def look(self, at: float, families: Iterable[Metric], without: Collection[str] = ()) -> Look:
        """The series of a page that was read at `at` (Unix seconds), without some families.

        What needs an earlier look has no point in the first one.
        """
        chosen = [family for family in families if family.name not in without]
        now = _Now(chosen)
        elapsed_s = None if self._at is None or at <= self._at else at - self._at
        since = _Since(self._values, self._created, now, elapsed_s)
        ranked = sorted(chosen, key=lambda family: _rank(family.name))
        found = [value for family in ranked for value in since.of(family)]
        self._at, self._values, self._created = at, now.values, now.created
        return self._keep(at, [value for value in found if math.isfinite(value.value)])

    def _keep(self, at: float, found: Sequence[_Found]) -> Look:
        by_name: dict[str, list[_Found]] = defaultdict(list)
        for value in found:
            by_name[value.name].append(value)
        kept: dict[SeriesKey, Point] = {}
        for values in by_name.values():
            room = min(SERIES_PER_NAME, MOST_SERIES - len(kept))
            # Not sorted as a whole: that would hold the other threads for long.
            for value in heapq.nsmallest(
                room, values, key=lambda value: (not value.is_sum, -value.value, value.labels)
            ):
                # Labels that are the same once cut cannot be told apart: the highest stands.
                kept.setdefault(self._key(value), Point(at, value.value))
        return Look(list(kept.items()), len(found) - len(kept))

    def _key(self, value: _Found) -> SeriesKey:
        labels = [
            # As Prometheus does, where a page has labels that the one who reads it sets.
            ("exported_instance" if self._instance and name == "instance" else name, text)
            for name, text in value.labels
        ]
        shown = [(plain(n, MAX_LABEL), plain(text, MAX_LABEL)) for n, text in labels[:MAX_LABELS]]
        if self._instance:
            shown.append(("instance", self._instance))
        return SeriesKey(
            plain(value.name, MAX_NAME), Origin.SCRAPE, value.unit, tuple(sorted(shown))
        )


def _rank(name: str) -> int:
    return next((i for i, known in enumerate(_FIRST) if known.search(name)), len(_FIRST))


def _number(value: float) -> float:
    try:
        return float(value)
    except OverflowError:  # the parsers give whole numbers of any length
        return math.inf


def _labels(sample: Sample, but: str = "") -> Labels:
    return tuple(sorted((n, text) for n, text in sample.labels.items() if n != but and text))


class _Now:
    """The counts of one page, and since when they are counted, where that is told."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self.values: dict[Identity, float] = {}
        self.created: dict[Identity, float] = {}
        for family in families:
            for sample in family.samples:
                identity = sample.name, _labels(sample)
                if sample.name.endswith("_created"):
                    self.created[sample.name.removesuffix("_created"), identity[1]] = _number(
                        sample.value
                    )
                elif _counts(family, sample.name):
                    self.values[identity] = _number(sample.value)


def _counts(family: Metric, sample: str) -> bool:
    """Whether a sample is a count that only rises while its process runs."""
    if family.type in ("histogram", "summary"):
        return sample.endswith(("_bucket", "_count"))
    return family.type == "counter" or (family.type == "unknown" and sample.endswith("_total"))


class _Since:
    """What has changed between two looks, `elapsed_s` apart (None at the first)."""

    def __init__(
        self,
        before: Mapping[Identity, float],
        created: Mapping[Identity, float],
        now: _Now,
        elapsed_s: float | None,
    ) -> None:
        self._before = before
        self._created = created
        self._now = now
        self._elapsed_s = elapsed_s

    def of(self, family: Metric) -> Iterator[_Found]:
        """The values of one family."""
        if family.type == "histogram":
            yield from self._histogram(family)
        elif family.type == "summary":
            yield from self._summary(family)
        elif family.type in ("counter", "gauge", "stateset", "unknown"):
            for sample in family.samples:
                if _counts(family, sample.name):
                    yield from self._rate(sample, family.name)
                elif family.type != "counter" and not _MOMENT.search(sample.name):
                    yield _Found(
                        sample.name, unit_of(sample.name), _labels(sample), _number(sample.value)
                    )

    def _began_anew(self, family: str, labels: Labels) -> bool:
        old, new = self._created.get((family, labels)), self._now.created.get((family, labels))
        return old is not None and new is not None and new != old

    def _rate(self, sample: Sample, family: str) -> Iterator[_Found]:
        """A counter's increase a second."""
        labels = _labels(sample)
        value, before = _number(sample.value), self._before.get((sample.name, labels))
        if before is None or self._elapsed_s is None:
            return
        if value < before or self._began_anew(family, labels):
            before = 0.0
        unit = f"{unit_of(sample.name)}/s" if not sample.name.endswith("_count") else "/s"
        yield _Found(sample.name, unit, labels, (value - before) / self._elapsed_s)

    def _histogram(self, family: Metric) -> Iterator[_Found]:
        if self._elapsed_s is None:
            return
        children: dict[Labels, dict[float, Identity]] = defaultdict(dict)
        for sample in family.samples:
            if sample.name == f"{family.name}_bucket" and (bound := _bound(sample)) is not None:
                children[_labels(sample, "le")][bound] = sample.name, _labels(sample)
        grown = {
            labels: more
            for labels, bounds in children.items()
            if (more := self._increases(family.name, labels, bounds)) is not None
        }
        whole: dict[float, float] = defaultdict(float)
        for buckets in grown.values():
            for bound, count in buckets.items():
                whole[bound] += count
        yield from self._of_buckets(family.name, (), whole, is_sum=True)
        if len(children) > 1:
            for labels, buckets in grown.items():
                yield from self._of_buckets(family.name, labels, buckets)

    def _increases(
        self, family: str, labels: Labels, bounds: Mapping[float, Identity]
    ) -> Buckets | None:
        """How many observations each bucket has got since the last look; None if unknown."""
        counts = {bound: self._now.values[identity] for bound, identity in bounds.items()}
        old: dict[float, float] = {}
        for bound, identity in bounds.items():
            before = self._before.get(identity)
            if before is None:
                return None
            old[bound] = before
        if self._began_anew(family, labels) or any(counts[b] < old[b] for b in bounds):
            return counts
        return {bound: count - old[bound] for bound, count in counts.items()}

    def _of_buckets(
        self, family: str, labels: Labels, buckets: Buckets, *, is_sum: bool = False
    ) -> Iterator[_Found]:
        assert self._elapsed_s is not None  # noqa: S101 - there are increases since then
        unit = unit_of(family)
        for share in QUANTILES:
            value = quantile(share, buckets)
            if value is not None:
                yield _Found(_quantile_name(family, share), unit, labels, value, is_sum)
        count = buckets.get(math.inf)
        if count is not None:
            yield _Found(f"{family}_count", "/s", labels, count / self._elapsed_s, is_sum)

    def _summary(self, family: Metric) -> Iterator[_Found]:
        for sample in family.samples:
            if sample.name == f"{family.name}_count":
                yield from self._rate(sample, family.name)
            elif sample.name == family.name and "quantile" in sample.labels:
                try:
                    name = _quantile_name(family.name, float(sample.labels["quantile"]))
                except ValueError:
                    continue
                labels = _labels(sample, "quantile")
                yield _Found(name, unit_of(family.name), labels, _number(sample.value))


def _quantile_name(family: str, share: float) -> str:
    return f"{family}_p{100 * share:g}"


def _bound(sample: Sample) -> float | None:
    try:
        bound = float(sample.labels["le"])
    except (KeyError, ValueError):
        return None
    return None if math.isnan(bound) else bound
