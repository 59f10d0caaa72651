"""From what a query gives to the lines of the query browser. No widgets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from perftui.model.query import QUERY_S, QueryResult, Value, toml_lines
from perftui.model.text import plain
from perftui.settings import MetricSettings
from perftui.tui.cells import fit

DIGITS = 12
"""Significant digits of a value: enough for a counter and for a time."""
GAP = "  "
ALL = "all"
NO_LABELS = "{}"
"""As Prometheus writes a series without any."""

Label = tuple[str, str]


def asking_lines(promql: str) -> list[str]:
    """That a query is under way, and how long that can take."""
    return [f"asked  {plain(promql)}", f"waiting for Prometheus, {QUERY_S:g} s at most"]


def answer_lines(result: QueryResult, width: int) -> list[str]:
    """What came of a query: its series, or why there are none. Series are lines of `width` cells;
    the others are to be wrapped."""
    asked = f"asked  {plain(result.query)}"
    if result.error:
        return [asked, f"✗ {plain(result.error)}"]
    if not result.returned:
        return [asked, "no series: nothing fits at present"]
    if not result.values:
        return [asked, f"{result.returned} series, none with a number at present (NaN or Inf)"]
    return [asked, _count(result), "", *_table(result.values, width)]


def kept_lines(metric: MetricSettings, every_s: float) -> list[str]:
    """That a query is kept, and the lines that keep it for good; these are not to be cut."""
    lines = toml_lines(metric.name, metric.query, metric.unit).splitlines()
    return [
        f"kept as {plain(metric.name)}: in the metrics panel, asked every {every_s:g} s from now"
        " on until perftui ends.",
        "To keep it for good, put this into perftui.toml (Ctrl+Y copies it):",
        "",
        *(line if line.isprintable() else plain(line) for line in lines),
    ]


def _count(result: QueryResult) -> str:
    """How many series there are, and what is not shown of them."""
    shown = len(result.values)
    others = result.returned - shown - result.left_out
    text = f"{shown} series"
    if result.left_out:
        text = f"the {shown} highest of {shown + result.left_out} series"
    if others:
        # Labels are the same once they are cut, or where the metrics' names alone differ.
        text += f"; {others} more without a number (NaN or Inf) or with the labels of another"
    return text


def _table(values: Sequence[Value], width: int) -> Iterator[str]:
    """A line for each value, below one with the labels that all have."""
    figures = [f"{value.value:.{DIGITS}g}" for value in values]
    widest = max(map(len, [ALL, *figures]))
    common = _common(values)
    if common:
        yield fit(f"{ALL:>{widest}}{GAP}{_labels(sorted(common))}", width)
    for figure, value in zip(figures, values, strict=True):
        own = [label for label in value.labels if label not in common]
        yield fit(f"{figure:>{widest}}{GAP}{_labels(own)}", width)


def _common(values: Sequence[Value]) -> frozenset[Label]:
    """The labels that all of several series have: only the others tell them apart."""
    if len(values) < 2:
        return frozenset()
    return frozenset[Label].intersection(*(frozenset(value.labels) for value in values))


def _labels(labels: Sequence[Label]) -> str:
    # Each part by itself: an unfinished escape sequence must not take the next part with it.
    return ", ".join(f'{plain(name)}="{plain(value)}"' for name, value in labels) or NO_LABELS
