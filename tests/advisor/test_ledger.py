"""The ledger of calls: the cap of a month holds, whoever calls and however a run ends."""

from __future__ import annotations

import multiprocessing
import signal
import sqlite3
import stat
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_callers import call_until_capped, die_in_a_call

from perftui.advisor.ledger import DAY_S, Ledger, Spent, month_of
from perftui.errors import StateError
from perftui.forecast.log import ForecastLog

NOW = datetime(2026, 11, 11, tzinfo=UTC).timestamp()
"""A third of a month of thirty days has passed."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "forecasts.sqlite"


def test_what_is_spent(path: Path):
    """Of the day, of the month, and of its end at the newest day's pace; also in a later run."""
    ledger = Ledger(path)
    for at, cost in ((NOW - 12 * DAY_S, 5.0), (NOW - 3 * DAY_S, 2.0), (NOW - 60, 0.5)):
        call = ledger.reserve(at, "m", 9.0, 50.0)
        assert call is not None
        ledger.settle(call, cost)
    ledger.close()
    # The oldest was in October.
    assert Ledger(path).spent(NOW) == Spent(0.5, 2.5, 2.5 + 0.5 * 20)


def test_a_call_counts_at_its_worst_until_it_is_known(path: Path):
    """Then at what it came to, which may be nothing."""
    ledger = Ledger(path)
    call = ledger.reserve(NOW, "m", 0.6, 1.0)
    assert call is not None
    assert ledger.spent(NOW).month_usd == 0.6
    assert ledger.reserve(NOW, "m", 0.6, 1.0) is None
    ledger.settle(call, 0.0)
    assert ledger.spent(NOW).month_usd == 0.0
    assert ledger.reserve(NOW, "m", 0.6, 1.0) is not None


def test_a_new_month_begins_anew(path: Path):
    """At midnight of its first day, by UTC."""
    ledger = Ledger(path)
    last = datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC).timestamp()
    assert ledger.reserve(last, "m", 1.0, 1.0) is not None
    assert ledger.reserve(last, "m", 1.0, 1.0) is None
    assert ledger.reserve(last + 1, "m", 1.0, 1.0) is not None
    assert month_of(last + 1) == last + 1
    december = datetime(2026, 12, 31, tzinfo=UTC).timestamp()
    assert ledger.spent(december).projected_usd == pytest.approx(1.0)


@given(
    st.floats(0, 5),
    st.lists(st.tuples(st.floats(0, 2), st.floats(0, 1) | st.none()), max_size=30),
)
def test_the_cap_holds(cap: float, calls: list[tuple[float, float | None]]):
    """However calls turn out within their bounds, and whether that is known or not."""
    ledger = Ledger(None)
    for worst, share in calls:
        call = ledger.reserve(NOW, "m", worst, cap)
        if call is not None and share is not None:
            ledger.settle(call, worst * share)
    assert ledger.spent(NOW).month_usd <= cap * (1 + 1e-9)


def test_four_at_once_stay_within_the_cap(path: Path):
    """Each calls as often as it may; none is lost, and together they cost no more than a cent."""
    start = multiprocessing.get_context("spawn").Process
    callers = [start(target=call_until_capped, args=(path, NOW, 0.0004, 0.01)) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(60)
    assert [caller.exitcode for caller in callers] == [0] * 4
    assert 0.0096 < Ledger(path).spent(NOW).month_usd <= 0.01


def test_one_that_has_just_made_the_file_is_waited_for(path: Path):
    """Of two that begin at once the second finds the first one writing: SQLite says at once that
    the file is locked, since it is not yet one that several write."""
    path.parent.mkdir()
    first = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    first.execute("CREATE TABLE other (x)")
    first.execute("BEGIN IMMEDIATE")
    end = threading.Timer(0.3, lambda: first.execute("COMMIT"))
    end.start()
    try:
        assert Ledger(path).reserve(NOW, "m", 0.1, 1.0) is not None
    finally:
        end.join()
        first.close()


def test_one_that_never_ends_is_told(path: Path, monkeypatch: pytest.MonkeyPatch):
    """Nobody waits for longer than is said."""
    monkeypatch.setattr("perftui.advisor.ledger.BUSY_S", 0.1)
    path.parent.mkdir()
    first = sqlite3.connect(path, isolation_level=None)
    first.execute("CREATE TABLE other (x)")
    first.execute("BEGIN IMMEDIATE")
    with pytest.raises(StateError, match="locked"):
        Ledger(path)
    first.close()


def test_a_killed_run_has_spent_the_worst(path: Path):
    """What its call came to nobody knows."""
    caller = multiprocessing.get_context("spawn").Process(
        target=die_in_a_call, args=(path, NOW, 0.007)
    )
    caller.start()
    caller.join(60)
    assert caller.exitcode == -signal.SIGKILL
    ledger = Ledger(path)
    assert ledger.spent(NOW).month_usd == 0.007
    assert ledger.reserve(NOW, "m", 0.004, 0.01) is None


@pytest.mark.parametrize("first", ["log", "ledger"])
def test_it_shares_the_file_with_the_log_of_forecasts(path: Path, first: str):
    """Whoever makes it: each finds its tables, and it is private."""
    for what in ("log", "ledger") if first == "log" else ("ledger", "log"):
        (ForecastLog if what == "log" else Ledger)(path).close()
    ledger = Ledger(path)
    assert ledger.reserve(NOW, "m", 0.1, 1.0) is not None
    assert ForecastLog(path).questions() == []
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_cannot_be_used_is_an_error(tmp_path: Path):
    """Nothing may be called then: one sentence says so."""
    broken = tmp_path / "forecasts.sqlite"
    broken.write_bytes(b"not a database" * 100)
    with pytest.raises(StateError, match="until then no LLM is called"):
        Ledger(broken)


def test_what_is_over_is_told_apart_from_what_is_held_back(path: Path):
    """A call under way in another perftui may come to less than its worst case: that it is held
    back stops no other for the whole month."""
    ledger = Ledger(path)
    first = ledger.reserve(NOW, "m", 0.004, cap_usd=0.005)
    assert first is not None
    assert ledger.reserve(NOW, "m", 0.002, cap_usd=0.005) is None
    assert ledger.settled(NOW) == 0
    ledger.settle(first, 0.001)
    assert ledger.settled(NOW) == pytest.approx(0.001)
    assert ledger.reserve(NOW, "m", 0.002, cap_usd=0.005) is not None
    ledger.close()


def test_a_clock_that_is_put_forward_loses_nothing(path: Path):
    """Years, for a moment: what was spent in this month is known when it is right again."""
    ledger = Ledger(path)
    assert ledger.reserve(NOW, "m", 0.8, 1.0) is not None
    for years in (2, 2, 10):
        assert ledger.reserve(NOW + years * 366 * DAY_S, "m", 0.1, 1.0) is not None
    assert ledger.spent(NOW).month_usd >= 0.8
    assert ledger.reserve(NOW, "m", 0.3, 1.0) is None


def test_it_does_not_grow_for_ever(path: Path, monkeypatch: pytest.MonkeyPatch):
    """The oldest calls go."""
    monkeypatch.setattr("perftui.advisor.ledger.KEPT", 10)
    ledger = Ledger(path)
    for _ in range(30):
        assert ledger.reserve(NOW, "m", 1.0, 100.0) is not None
    assert 10 <= ledger.spent(NOW).month_usd <= 11
