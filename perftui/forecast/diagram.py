"""The reliability diagram: what was said against what came, as text and as SVG."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape

from perftui.model.past import BAR_CELLS, bar_of

Bins = Sequence[tuple[float, float, float]]
"""For each bin the mean chance, the share that came true, and the bin's part of all, 0 to 1."""

SIDE, EDGE, KEY = 400, 50, 150
"""The square of the diagram, the room around it and that of the key beside it, in pixels."""
COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#8c564b", "#e377c2")
LARGEST = 9.0
"""The radius of a bin that holds all, in pixels."""


def text_lines(bins: Bins) -> Iterator[str]:
    """One line for each bin, lowest first: where the bar ends and where it should."""
    yield f"{'said':>8}  {'came true':>9}  {'':{BAR_CELLS}}  of all"
    for said, came, part in bins:
        bar = bar_of(said, came)
        yield f"{100 * said:>6.1f} %  {100 * came:>7.1f} %  {bar}  {100 * part:>4.0f} %"
    yield f"{'':>8}  {'':>9}  █ came true, │ was said on average"


def svg(curves: Mapping[str, Bins], title: str) -> str:
    """The diagram of several forecasters: on the diagonal what was said came as often."""
    width, height = SIDE + 2 * EDGE + KEY, SIDE + 2 * EDGE
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
        f' width="{width}" height="{height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="{EDGE}" y="{EDGE / 2:g}" font-size="14">{escape(title)}</text>',
        f'<path d="M{_x(0)} {_y(0)}L{_x(1)} {_y(1)}" stroke="#999" stroke-dasharray="4"/>',
        f'<rect x="{EDGE}" y="{EDGE}" width="{SIDE}" height="{SIDE}" fill="none" stroke="#333"/>',
    ]
    for tick in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0):
        label = f"{100 * tick:.0f} %"
        parts.append(
            f'<text x="{_x(tick)}" y="{_y(0) + 18}" text-anchor="middle">{label}</text>'
            f'<text x="{_x(0) - 6}" y="{_y(tick) + 4}" text-anchor="end">{label}</text>'
        )
    parts.append(
        f'<text x="{_x(0.5)}" y="{_y(0) + 36}" text-anchor="middle">chance that was said</text>'
        f'<text transform="translate(12 {_y(0.5)}) rotate(-90)" text-anchor="middle">'
        "share that came true</text>"
    )
    for number, (name, bins) in enumerate(curves.items()):
        colour = COLOURS[number % len(COLOURS)]
        line = "L".join(f"{_x(said)} {_y(came)}" for said, came, _ in bins)
        if line:
            parts.append(f'<path d="M{line}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        parts += [
            f'<circle cx="{_x(said)}" cy="{_y(came)}" r="{LARGEST * math.sqrt(part):.1f}"'
            f' fill="{colour}" fill-opacity="0.6"/>'
            for said, came, part in bins
        ]
        x, y = EDGE + SIDE + 16, EDGE + 14 + 20 * number
        parts.append(
            f'<circle cx="{x}" cy="{y - 4}" r="5" fill="{colour}"/>'
            f'<text x="{x + 12}" y="{y}">{escape(name)}</text>'
        )
    return "\n".join([*parts, "</svg>", ""])


def _x(share: float) -> float:
    return round(EDGE + SIDE * share, 1)


def _y(share: float) -> float:
    return round(EDGE + SIDE * (1 - share), 1)
