from __future__ import annotations

from builders import NOW, window

from perftui.model import running
from perftui.model.running import RunningSeconds
from perftui.model.stacks import Grouping


def test_seconds_are_samples_over_their_rate():
    """Windows of different rates add up in seconds; each counts once."""
    kept = RunningSeconds(Grouping())
    windows = [
        window(NOW, NOW + 1, {"main work": 50}, rate_hz=100),
        window(NOW + 1, NOW + 2, {"main work": 10}, rate_hz=20),
    ]
    kept.update(windows)
    kept.update(windows)
    own = {key.function: seconds for key, seconds in kept.own.items()}
    total = {key.function: seconds for key, seconds in kept.total.items()}
    assert own == {"work": 1.0}
    assert total == {"main": 1.0, "work": 1.0}


def test_functions_without_end_do_not_fill_the_memory(monkeypatch):
    """Past the bound those with least time are forgotten, the others keep theirs."""
    monkeypatch.setattr(running, "MOST_ROWS", 10)
    kept = RunningSeconds(Grouping())
    kept.update([window(NOW, NOW + 1, {"hot": 50, "warm": 20})])
    for n in range(30):
        kept.update([window(NOW + n + 1, NOW + n + 2, {f"f{n}": 1})])
    assert len(kept.total) <= 10
    found = {key.function: seconds for key, seconds in kept.own.items()}
    assert (found["hot"], found["warm"]) == (0.5, 0.2)
