"""PromQL as people keep and try it: named queries, packs of them, and what one gives now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from perftui.model.toml import quoted

QUERY_S = 5.0
"""How long the answer to one query may take."""


@dataclass(frozen=True)
class NamedQuery:
    """A query under a name; `limit` is the top of its chart's scale, in `unit`."""

    name: str
    query: str
    unit: str = ""
    limit: float | None = None


@dataclass(frozen=True)
class Pack:
    """Ready-made queries for the metrics of one library or exporter.

    `needs` are the names of metrics that must all exist, `where` is the selector by which it is
    found out whether they do, with variables.
    """

    name: str
    about: str
    where: str
    needs: tuple[str, ...]
    queries: tuple[NamedQuery, ...]


class Value(NamedTuple):
    """What a query gives at present: the labels of a series (sorted pairs), and its value."""

    labels: tuple[tuple[str, str], ...]
    value: float


@dataclass(frozen=True)
class QueryResult:
    """What came of a query that was tried, as it was sent.

    `values` are the highest ones, `returned` counts the series that Prometheus gave, numbers or
    not, `left_out` those with a number that are lower than the values. `error` is why there is
    none, in Prometheus's own words where it refused; else empty.
    """

    query: str
    values: tuple[Value, ...] = ()
    returned: int = 0
    error: str = ""
    left_out: int = 0


def toml_lines(name: str, query: str, unit: str = "") -> str:
    """The lines for perftui.toml that keep a query as a metric, with a line break at the end."""
    lines = ["[[metric]]", f"name = {quoted(name)}", f"query = {quoted(query)}"]
    return "\n".join([*lines, *([f"unit = {quoted(unit)}"] if unit else []), ""])
