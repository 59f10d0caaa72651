from __future__ import annotations

from builders import NOW, P99

from perftui.model.past import Bin, PastForecasts, PastWarning
from perftui.tui.past_view import BAR_CELLS, NOTHING, past_lines

PAST = PastForecasts(
    P99,
    (("handler", "/\x1b[31m"),),
    since=NOW - 7200,
    count=1200,
    bins=(Bin(0.0, 0.1, 1100, 0.02, 0.01), Bin(0.8, 0.9, 100, 0.85, 0.9)),
    warnings=(
        PastWarning(NOW - 600, 0.82, NOW - 570),
        PastWarning(NOW - 300, 0.9, None),
        PastWarning(NOW - 100, 0.95, NOW - 104),
    ),
    missed=(NOW - 4000,),
    brier=0.02,
    base_brier=0.08,
)


def test_what_was_said_and_what_came():
    """Counts, skill, the diagram, and the last warnings with their leads."""
    text = "\n".join(past_lines([PAST], NOW))
    assert "p99 > 0.5 for 10s {handler=/�} within 1m" in text
    assert "1,200 forecasts in 2h00m, 3 breaches\n2 of 3 warnings (80 % or more) came true" in text
    assert "came true, 1 breach came without one" in text
    assert "better than what is usual (skill +0.75)" in text
    assert "80 to 90 %     90.0 %" in text
    [newest, second, oldest] = [line for line in text.splitlines() if "ago" in line]
    assert (newest.split("%  ")[1], second.split("%  ")[1]) == (
        "breach had begun",
        "no breach came",
    )
    assert "82 %  breach 30 s later" in oldest


def test_the_diagram():
    """A full bar is what came true; the line stands where it should end."""
    [low, high] = [line for line in past_lines([PAST], NOW) if "│" in line and "to" in line]
    bar = high.split("%  ")[2][:BAR_CELLS]
    assert bar == "█" * 17 + "│" + "··"
    assert low.split("%  ")[2][:BAR_CELLS] == "│" + "·" * (BAR_CELLS - 1)


def test_nothing_yet():
    """In words: one paragraph, which the screen breaks where it is full."""
    assert past_lines([], NOW) == [NOTHING]
    assert "\n" not in NOTHING
