"""Values as bars of one cell each."""

from __future__ import annotations

BARS = " ▁▂▃▄▅▆▇█"


def bars(values: tuple[float | None, ...], top: float) -> str:
    """Values from 0 to `top` as one bar each; a blank where there is no value."""
    return "".join(bar(value, top) for value in values)


def bar(value: float | None, top: float) -> str:
    """One value from 0 to `top` as a bar: the lowest one for zero, a blank for none."""
    if value is None or top <= 0:
        return " " if value is None else BARS[1]
    return BARS[max(1, min(8, round(8 * value / top)))]
