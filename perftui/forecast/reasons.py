"""Why a chance is what it is, in words: the experts that weigh most, and when the trend arrives."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from perftui.forecast.chance import arrival_s
from perftui.forecast.leading import Leading
from perftui.model.findings import Evidence, EvidenceKind
from perftui.model.objective import Objective
from perftui.model.present import format_about, format_value
from perftui.model.series import Point
from perftui.model.text import plain

MOST = 3
NOTABLE = 0.1
"""What moves the log-odds by less than this is no reason."""
CLEAR = 0.1
"""A function has risen by ten points of a core."""
LONGEST = 60


class _Reason(NamedTuple):
    """How far it moves the log-odds, and what it is."""

    weight: float
    text: str
    kind: EvidenceKind = EvidenceKind.METRIC
    value: float | None = None
    unit: str = ""
    is_function: bool = False


_WORDS: dict[str, Callable[[float], str]] = {
    "distance": lambda x: f"{abs(x):.1f} of its usual moves in a horizon {_side(x)} the threshold",
    "closest": lambda x: f"at its worst lately {abs(x):.1f} such moves {_side(x)} the threshold",
    "drift": lambda x: f"at its newest pace {abs(x):.1f} such moves {_side(x)} it in the end",
    "volatility": lambda x: f"it moves {math.exp(x):.1f} times as much as it usually does",
    "violated": lambda x: "it was violated before" if x > 0.05 else "no violation for long",
    "drawn": lambda x: f"{_percent(x)} of walks with changes like its past ones breach it",
    "line": lambda x: f"{_percent(x)} that a line through a horizon's values ends beyond it",
    "holt": lambda x: f"{_percent(x)} that its newest level and trend lead beyond it",
    "record": lambda _: "its newest mean is further towards it than any before",
    "day_ago": lambda x: f"a day ago it {'rose' if x > 0 else 'fell'} at this time",
}


def reasons(
    points: Sequence[Point],
    objective: Objective,
    unit: str,
    inputs: Mapping[str, tuple[float, float]],
    leading: Leading,
) -> tuple[Evidence, ...]:
    """At most four: when the trend arrives at the threshold, if it does, and the inputs that move
    the chance most of those that move it the way that all of them together do. `inputs` has for
    each its value and by how much it moves the log-odds; `leading` knows what those of them are
    about that are not the series' own."""
    found: list[_Reason] = []
    arrives = arrival_s(points, objective)
    if arrives is not None:
        threshold = format_value(objective.threshold, unit)
        when = " to ".join(dict.fromkeys(map(format_about, arrives)))
        words = f"at this pace it reaches {threshold} in {when}"
        found.append(_Reason(math.inf, words, EvidenceKind.METRIC, arrives[0], "s"))
    weighty = [
        _Reason(moved, _WORDS[name](value))
        for name, (value, moved) in inputs.items()
        if name in _WORDS
    ]
    weighty += _beside(inputs, leading)
    if sum(reason.weight for reason in weighty) < 0:
        weighty = [reason._replace(weight=-reason.weight) for reason in weighty]
    weighty.sort(key=lambda reason: -reason.weight)
    strongest = [reason for reason in weighty[:MOST] if reason.weight >= NOTABLE]
    # What can be looked at in the code is worth a line, where others weigh more, too.
    function = next((one for one in weighty if one.is_function), None)
    riser = leading.riser
    is_clear = riser is not None and riser.by >= CLEAR
    if function is not None and function not in strongest and is_clear:
        strongest = [*strongest[: MOST - 1], function]
    found += strongest
    return tuple(
        Evidence(f"R{number}", reason.kind, reason.text, reason.value, reason.unit)
        for number, reason in enumerate(found, 1)
    )


def _beside(inputs: Mapping[str, tuple[float, float]], leading: Leading) -> Iterator[_Reason]:
    """The function that rises, how long the GIL is held, and the metric that moves."""
    riser, leader, gil = leading.riser, leading.leader, leading.gil
    if riser is not None:
        weight = inputs["activity"][1]
        text = (
            f"{plain(riser.name.function, LONGEST)} is at {100 * riser.now:.0f} % of a core,"
            f" {100 * riser.by:.0f} points above its usual share"
        )
        yield _Reason(weight, text, EvidenceKind.PROFILE, 100 * riser.now, "%", is_function=True)
    if gil is not None:
        way = "longer" if gil.by > 0 else "less"
        text = f"the GIL is held {100 * gil.now:.0f} % of the time, {way} than before"
        yield _Reason(inputs["gil"][1], text, EvidenceKind.PROFILE, 100 * gil.now, "%")
    if leader is not None:
        weight = inputs["leader"][1] + inputs["leaders"][1]
        way = "risen" if leader.by > 0 else "fallen"
        yield _Reason(weight, f"{plain(leader.name, LONGEST)} has {way} from its usual level")


def _side(beyond: float) -> str:
    return "beyond" if beyond > 0 else "from"


def _percent(logit: float) -> str:
    share = 0.5 * (1 + math.tanh(logit / 2))
    return "under 1 %" if share < 0.01 else f"{100 * share:.0f} %"
