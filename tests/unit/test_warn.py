from __future__ import annotations

import pytest

from perftui.forecast.outcome import Outcome
from perftui.forecast.warn import Trigger, WarningRecord


def test_a_warning_begins_once():
    """At 0.8, and anew only below 0.5 or after a breach."""
    trigger = Trigger()
    chances = [0.79, 0.8, 0.9, 0.5, 0.9, 0.49, 0.8]
    assert [trigger.begins(chance) for chance in chances] == [
        *(False, True, False, False, False, False, True)
    ]
    trigger.breach()
    assert trigger.begins(0.95)


def record_of(*warnings: tuple[float, float | None]) -> WarningRecord:
    """Warnings at these times, each with the onset that came, if one did."""
    record = WarningRecord(60.0)
    for at, onset in warnings:
        record.note(at, 0.9)
        record.note(at + 1, 0.2)
        if onset is None:
            record.resolve(Outcome(at, False))
        else:
            record.breach(onset)
    return record


@pytest.mark.parametrize(
    ("warnings", "sentence"),
    [
        ([], None),
        ([(100, None)], "the one such warning so far did not come true"),
        (
            [(100, 130)],
            "the one such warning so far came true, usually 30 s ahead",
        ),
        (
            [(100, 130), (300, None), (500, 550), (700, 740)],
            "3 of the last 4 such warnings came true, usually 40 s ahead",
        ),
    ],
)
def test_the_sentence(warnings: list[tuple[float, float | None]], sentence: str | None):
    """How many came true, and how far ahead they were."""
    assert record_of(*warnings).sentence() == sentence


def test_a_warning_too_early_is_none():
    """A breach after its horizon does not make it true, and one without a warning says nothing."""
    record = WarningRecord(60.0)
    record.breach(100)
    record.note(200, 0.9)
    record.breach(300)
    assert record.sentence() is None
    record.resolve(Outcome(200, False))
    assert record.sentence() == "the one such warning so far did not come true"


def test_a_long_past_is_forgotten():
    """The last twenty count."""
    record = record_of(*((n * 100, None) for n in range(30)), (9000, 9010))
    assert record.sentence() == "1 of the last 20 such warnings came true, usually 10 s ahead"
