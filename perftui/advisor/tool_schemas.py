"""The tools as a model is told of them; what they do is in :mod:`perftui.advisor.tools`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def _schema(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


_SECONDS = {"type": "number", "description": "how far back to look, in seconds"}
_P_ROW = {"type": "string", "description": "id of a function's row, such as P1"}
TOOLS: tuple[Mapping[str, Any], ...] = (
    {
        "name": "metric_window",
        "description": "The points of one metric over the last seconds: means of equal steps.",
        "input_schema": _schema(
            row={"type": "string", "description": "id of a metric's row, such as E1"},
            seconds=_SECONDS,
        ),
    },
    {
        "name": "profile_diff",
        "description": "Functions whose own share changed most: the last seconds against before.",
        "input_schema": _schema(seconds=_SECONDS),
    },
    {
        "name": "call_tree",
        "description": "How a function is reached and what it calls, with shares of its samples.",
        "input_schema": _schema(row=_P_ROW),
    },
    {
        "name": "source_outline",
        "description": "The shape of a function: loops, branches, well-known calls, and the share "
        "of the time on each. No source text.",
        "input_schema": _schema(row=_P_ROW),
    },
    {
        "name": "alert_rules",
        "description": "All objectives that are watched, their state, and alerts that fire.",
        "input_schema": _schema(),
    },
)
