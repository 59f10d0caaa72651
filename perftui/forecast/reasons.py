"""Why a chance is what it is, in words: the experts that weigh most, and when the trend arrives."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from perftui.forecast.chance import arrival_s
from perftui.model.findings import Evidence, EvidenceKind
from perftui.model.objective import Objective
from perftui.model.present import format_about, format_value
from perftui.model.series import Point

MOST = 3
NOTABLE = 0.1
"""What moves the log-odds by less than this is no reason."""

_WORDS: dict[str, Callable[[float], str]] = {
    "distance": lambda x: f"{abs(x):.1f} of its usual moves in a horizon {_side(x)} the threshold",
    "closest": lambda x: f"at its worst lately {abs(x):.1f} such moves {_side(x)} the threshold",
    "drift_short": lambda x: f"at its newest pace {abs(x):.1f} such moves {_side(x)} it in the end",
    "drift_long": lambda x: f"at its longer pace {abs(x):.1f} such moves {_side(x)} it in the end",
    "volatility": lambda x: f"it moves {math.exp(x):.1f} times as much as it usually does",
    "violated_short": lambda x: (
        "it was violated not long ago" if x > 0.05 else "no violation lately"
    ),
    "violated_long": lambda x: "it was violated before" if x > 0.05 else "no violation for long",
    "violating": lambda x: "it is violated now" if x else "it is not violated now",
    "drawn": lambda x: f"{_percent(x)} of walks with changes like its past ones breach it",
    "trend": lambda x: f"{_percent(x)} of futures drawn around its trend breach it",
    "day_ago": lambda x: f"a day ago it {'rose' if x > 0 else 'fell'} at this time",
}


def reasons(
    points: Sequence[Point],
    objective: Objective,
    unit: str,
    inputs: Mapping[str, tuple[float, float]],
) -> tuple[Evidence, ...]:
    """At most four: when the trend arrives at the threshold, if it does, and the inputs that move
    the chance most. `inputs` has for each its value and by how much it moves the log-odds."""
    found: list[tuple[str, float | None, str]] = []
    arrives = arrival_s(points, objective)
    if arrives is not None:
        threshold = format_value(objective.threshold, unit)
        when = " to ".join(dict.fromkeys(map(format_about, arrives)))
        found.append((f"at this pace it reaches {threshold} in {when}", arrives[0], "s"))
    weighty = sorted(
        ((abs(moved), name, value) for name, (value, moved) in inputs.items() if name in _WORDS),
        reverse=True,
    )
    for moved, name, value in weighty[:MOST]:
        if moved >= NOTABLE:
            found.append((_WORDS[name](value), None, ""))
    return tuple(
        Evidence(f"R{number}", EvidenceKind.METRIC, text, value, value_unit)
        for number, (text, value, value_unit) in enumerate(found, 1)
    )


def _side(beyond: float) -> str:
    return "beyond" if beyond > 0 else "from"


def _percent(logit: float) -> str:
    share = 0.5 * (1 + math.tanh(logit / 2))
    return "under 1 %" if share < 0.01 else f"{100 * share:.0f} %"
