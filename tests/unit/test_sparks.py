from __future__ import annotations

import pytest

from perftui.tui.sparks import bar, bars


@pytest.mark.parametrize(
    ("values", "top", "drawn"),
    [
        ((None, 0.0, 50.0, 100.0), 100, " ▁▄█"),
        ((1.0,), 100, "▁"),
        ((200.0,), 100, "█"),
        ((5.0, None), 0, "▁ "),
        ((), 100, ""),
    ],
)
def test_bars(values: tuple[float | None, ...], top: float, drawn: str):
    """A blank is no value; zero is the lowest bar, more than the top the highest."""
    assert bars(values, top) == drawn


def test_bars_rise():
    """A higher value never has a lower bar."""
    drawn = [bar(value, 100) for value in range(101)]
    assert drawn == sorted(drawn)
    assert len(set(drawn)) == 8
