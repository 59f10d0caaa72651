"""Objectives: an SLO on one series, and the short form in which people type it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from perftui.model.text import plain
from perftui.model.toml import quoted

_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_OBJECTIVE = re.compile(
    r"\s*(?P<metric>[A-Za-z_][\w.:/-]*)\s*(?P<sign>[<>])=?\s*(?P<threshold>[^\s%]+)\s*%?"
    r"(?:\s+for\s+(?P<hold>\S+))?(?:\s+within\s+(?P<horizon>\S+))?\s*"
)
_WITH_UNIT = re.compile(
    r"[<>]=?\s*(?P<number>\d+(?:\.\d+)?)\s*"
    r"(?:(?P<time>ms|[smhd])|(?P<prefix>[KMGTkmgt]?)[Ii]?[Bb])(?!\w)"
)
_PREFIXES = ("", "K", "M", "G", "T")

MOST_S = 1e10
"""No duration is as long: three centuries."""
DEFAULT_HOLD_S = 60.0
DEFAULT_HORIZON_S = 900.0


def parse_duration(text: str) -> float:
    """Seconds in Prometheus's notation: `500ms`, `90s`, `1m`, `1h30m`. ValueError otherwise."""
    text = text.strip()
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{text!r} is no duration; write it like 30s, 1m or 1h30m")
    seconds = sum(float(number) * _UNITS_S[unit] for number, unit in parts)
    if not seconds < MOST_S:
        raise ValueError(f"{plain(text, 40)!r} is too long")
    return seconds


def format_duration(seconds: float) -> str:
    """The shortest notation that :func:`parse_duration` reads back: `90` gives `1m30s`."""
    rest = round(seconds * 1000)
    text = ""
    for unit in ("d", "h", "m", "s", "ms"):
        count, rest = divmod(rest, round(_UNITS_S[unit] * 1000))
        if count:
            text += f"{count}{unit}"
    return text or "0s"


@dataclass(frozen=True)
class Objective:
    """The series `metric` may not be beyond `threshold` for `hold_s` seconds.

    Beyond means above it, or below it where `above` is False. `horizon_s` is how far ahead its
    forecast looks. `label` says it in words where the metric's name alone would not.
    """

    metric: str
    threshold: float
    above: bool = True
    hold_s: float = DEFAULT_HOLD_S
    horizon_s: float = DEFAULT_HORIZON_S
    label: str = ""

    def violated(self, value: float) -> bool:
        """Whether one value is on the wrong side."""
        return value > self.threshold if self.above else value < self.threshold

    def __str__(self) -> str:
        sign = ">" if self.above else "<"
        return f"{self.metric} {sign} {_number(self.threshold)} for {format_duration(self.hold_s)}"


def toml_lines(objective: Objective) -> str:
    """The lines for perftui.toml that keep an objective, with a line break at the end."""
    side = "above" if objective.above else "below"
    lines = [
        "[[objective]]",
        f"metric = {quoted(objective.metric)}",
        f"{side} = {_number(objective.threshold)}",
        f'for = "{format_duration(objective.hold_s)}"',
        f'horizon = "{format_duration(objective.horizon_s)}"',
        *([f"label = {quoted(objective.label)}"] if objective.label else []),
    ]
    return "\n".join([*lines, ""])


def _number(value: float) -> str:
    return repr(value).removesuffix(".0")


def _in_base_unit(shown: re.Match[str]) -> str:
    number = float(shown["number"])
    if shown["time"] is not None:
        return f"in seconds this one is {number * _UNITS_S[shown['time']]:g}"
    power = _PREFIXES.index(shown["prefix"].upper())
    return f"in bytes this one is {round(number * 1024**power)}"


def parse_objective(text: str) -> Objective:
    """Read `p99 > 0.5 for 1m` or `p99 > 0.5 for 1m within 15m`. ValueError says what is wrong."""
    shown = _WITH_UNIT.search(text)
    if shown is not None:
        # Which unit a metric has is not known here.
        raise ValueError(f"a threshold is a number without a unit; {_in_base_unit(shown)}")
    match = _OBJECTIVE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no objective; write it like 'p99 > 0.5 for 1m'")
    try:
        threshold = float(match["threshold"])
    except ValueError:
        threshold = math.nan
    if not math.isfinite(threshold):
        raise ValueError(f"the threshold {match['threshold']!r} is no number")
    hold_s = parse_duration(match["hold"]) if match["hold"] else DEFAULT_HOLD_S
    horizon_s = parse_duration(match["horizon"]) if match["horizon"] else DEFAULT_HORIZON_S
    if not (hold_s > 0 and horizon_s > 0):
        raise ValueError("'for' and 'within' must be longer than 0s")
    return Objective(
        metric=match["metric"],
        threshold=threshold,
        above=match["sign"] == ">",
        hold_s=hold_s,
        horizon_s=horizon_s,
    )
