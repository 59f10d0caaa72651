"""Numbers and places as people read them, the same on the screen and in text."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import PurePath

from perftui.model.event import Event
from perftui.model.noise import Change
from perftui.model.series import Origin, SeriesKey
from perftui.model.text import plain

_BINARY = ("B", "KB", "MB", "GB", "TB", "PB")
MOST_TEXT = 200
TARGET_LABELS = frozenset({"instance", "job"})
"""What Prometheus adds to every series of one target."""
HUGE = 1e15
"""From here on a number is written with its exponent."""
_DECIMAL = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


def format_value(value: float | None, unit: str) -> str:
    """A value with its unit in at most about 9 characters: `412 MB`, `143 %`, `412 ms`."""
    if value is None:
        return "–"
    unit = plain(unit, 12)
    if unit in ("B", "B/s"):
        return _bytes(value) + unit[1:]
    if not abs(value) < HUGE:  # nor is it infinite, or no number at all
        return f"{value:.3g} {unit}".strip()
    if unit == "%":
        return f"{value:.1f} %" if abs(value) < 99.95 else f"{value:.0f} %"
    if unit == "s" and 0 < abs(value) < 1:
        value, unit = value * 1000, "ms"
    for factor, letter in _DECIMAL:
        if abs(value) >= factor * 10:
            return f"{_digits(value / factor)}{letter} {unit}".strip()
    return f"{f'{value:.0f}' if value == int(value) else _digits(value)} {unit}".strip()


def _bytes(value: float) -> str:
    size, index = float(value), 0
    while abs(size) >= 1000 and index < len(_BINARY) - 1:
        size, index = size / 1024, index + 1
    return f"{_digits(size) if index else f'{size:.0f}'} {_BINARY[index]}"


def _digits(value: float) -> str:
    """Three significant digits, as many as fit."""
    size = abs(value)
    if size >= 99.95:
        return f"{value:.0f}"
    if size >= 9.995:
        return f"{value:.1f}"
    return f"{value:.2f}" if size >= 0.1 or value == 0 else f"{value:.2g}"


def series_name(key: SeriesKey) -> str:
    """A series by its metric and labels, as Prometheus writes it: `rps{handler=/cart}`."""
    # Each part by itself: an unfinished escape sequence must not take the next part with it.
    labels = format_labels(key.labels)
    return f"{plain(key.name)}{{{labels}}}" if labels else plain(key.name)


def format_labels(labels: Iterable[tuple[str, str]]) -> str:
    """Labels as names show them: `handler=/cart,code=200`."""
    return ",".join(f"{plain(name)}={plain(value)}" for name, value in labels)


def line_names(keys: Iterable[SeriesKey]) -> dict[SeriesKey, str]:
    """The names of some series on their lines, with the labels that tell them apart alone."""
    told = telling_labels(keys)
    return {key: series_name(replace(key, labels=labels)) for key, labels in told.items()}


def telling_labels(keys: Iterable[SeriesKey]) -> dict[SeriesKey, tuple[tuple[str, str], ...]]:
    """The labels in which the series of one metric differ; of a single one all but those that say
    where Prometheus has it from."""
    same: dict[tuple[str, Origin], list[SeriesKey]] = {}
    for key in keys:
        same.setdefault((key.name, key.origin), []).append(key)
    told: dict[SeriesKey, tuple[tuple[str, str], ...]] = {}
    for group in same.values():
        values: dict[str, list[str]] = {}
        for label, value in (pair for key in group for pair in key.labels):
            values.setdefault(label, []).append(value)
        alike = {
            name for name, seen in values.items() if len(seen) == len(group) and len(set(seen)) == 1
        }
        if len(group) == 1:
            alike &= TARGET_LABELS
        for key in group:
            told[key] = tuple(pair for pair in key.labels if pair[0] not in alike)
    return told


def format_rate(per_s: float | None, unit: str) -> str:
    """A slope a minute: `+1.2 MB/min`; "" where none is known."""
    if per_s is None:
        return ""
    per_min = per_s * 60
    sign = "+" if per_min >= 0 else "-"
    return f"{sign}{format_value(abs(per_min), unit)}/min"


def format_age(seconds: float) -> str:
    """A length of time in its two largest units: `3h12m`, `40 s`."""
    rest = max(0, round(seconds))
    if rest < 60:
        return f"{rest} s"
    minutes, s = divmod(rest, 60)
    hours, m = divmod(minutes, 60)
    days, h = divmod(hours, 24)
    if days:
        return f"{days}d{h:02}h"
    return f"{hours}h{m:02}m" if hours else f"{m}m{s:02}s"


def format_clock(at: float) -> str:
    """The time of day here: `03:02:10`."""
    return time.strftime("%H:%M:%S", time.localtime(at))


def format_span(seconds: float) -> str:
    """A length of time that was chosen, in words: `10 s`, `15 min`, `2 h`."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:g} s"


def format_about(seconds: float) -> str:
    """About how long, for people: `40 s`, `6 min`, `2 h`."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def event_text(event: Event, now: float, sign: str = "") -> str:
    """When, what kind (behind a sign), to what, what, and how long it lasted."""
    parts = [
        format_clock(event.at),
        f"{sign} {event.kind.value}".lstrip(),
        plain(event.about)[:40],
        plain(event.text)[:MOST_TEXT],
        f"for {format_age(event.until - event.at)}" if event.until is not None else "",
        f"{format_age(now - event.at)} ago",
    ]
    return "  ".join(part for part in parts if part)


def format_probability(probability: float | None) -> str:
    """A probability in percent, never quite 0 or 100, which nothing here can know."""
    if probability is None:
        return "–"
    percent = 100 * probability
    if percent < 1:
        return "<1 %"
    return ">99 %" if percent > 99 else f"{percent:.0f} %"


def format_share(percent: float) -> str:
    """A share in percent, to a tenth; from 1000 on, which only many threads make, to the whole, so
    that no column cuts it."""
    return f"{percent:.1f}" if percent < 999.95 else f"{percent:.0f}"


def format_change(moved: Change | None, mark: str = "") -> str:
    """A change in points: with ▲ or ▼ where it is beyond the noise, or with `mark`, which says what
    it is (from 1000 on alone, as its column has no more room); empty where none is known."""
    if moved is None or moved.margin == math.inf:
        return ""
    if not moved.beyond_noise:
        return f"{'-' if round(moved.points, 1) < 0 else '+'}{format_share(abs(moved.points))}"
    if mark:
        return f"{mark} {abs(moved.points):.0f}" if abs(moved.points) < 999.5 else mark
    return f"{'▲' if moved.points > 0 else '▼'}{format_share(abs(moved.points))}"


def place(file: str, line: int | None) -> str:
    """A file's name and line as the tables show them; package files keep their folder."""
    path = PurePath(file)
    name = path.name
    if name in ("__init__.py", "__main__.py") and path.parent.name:
        name = f"{path.parent.name}/{name}"
    return f"{name}:{line}" if line else name
