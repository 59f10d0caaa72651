"""The log of forecasts: what is written stays, whoever else writes and however a run ends."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from builders import NOW, P99, series, target
from log_writer import write_forecasts
from servers import wait_for

from perftui.errors import StateError
from perftui.forecast.forecaster import Forecaster
from perftui.forecast.keeping import Keeping, identity
from perftui.forecast.log import BUSY_S, KEPT_S, ForecastLog
from perftui.forecast.logged import watched
from perftui.forecast.outcome import Outcome
from perftui.model.objective import Objective
from perftui.model.series import Origin, Series, SeriesKey

KEY = SeriesKey("p99", Origin.PROMETHEUS, "s", (("handler", "/cart"),))
LATE_S = 20.0
ALL = {"local": 0.8, "predict_linear": 0.5, "holt": 0.4, "base_rate": 0.1}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "perftui" / "forecasts.sqlite"


def test_only_its_owner_can_read_it(path: Path):
    """File and directory are made private, and a file that was not is made so."""
    old = os.umask(0)
    try:
        ForecastLog(path).close()
    finally:
        os.umask(old)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    path.chmod(0o644)
    ForecastLog(path).close()
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_is_written_is_read_again(path: Path):
    """By another run, with objective, labels, chances and outcome; not what has none yet."""
    log = ForecastLog(path)
    question = log.question("shop", P99, KEY)
    for at in (NOW, NOW + 10, NOW + 20):
        log.write(question, at, ALL)
    log.resolve(question, [Outcome(NOW, False), Outcome(NOW + 10, True)], NOW + 80)
    log.breach(question, NOW + 40, NOW + 50)
    log.close()
    log = ForecastLog(path)
    assert log.question("shop", P99, KEY) == question
    [found] = log.questions()
    assert (found.id, found.target, found.objective, found.labels) == (
        *(question, "shop", P99, KEY.labels),
    )
    assert [(one.made_at, one.breached) for one in log.resolved(question)] == [
        (NOW, False),
        (NOW + 10, True),
    ]
    assert log.resolved(question)[0].chances == ALL
    assert log.breaches(question) == [(NOW + 40, NOW + 50)]
    log.close()


def test_what_was_said_is_never_changed(path: Path):
    """Neither by perftui nor by hand; and nothing can be said once the outcome is there."""
    log = ForecastLog(path)
    question = log.question("shop", P99, KEY)
    log.write(question, NOW, {"local": 0.8})
    with pytest.raises(StateError):
        log.write(question, NOW, {"local": 0.1})
    log.resolve(question, [Outcome(NOW, True)], NOW + 60)
    with pytest.raises(StateError, match="its outcome is known"):
        log.write(question, NOW, {"other": 0.9})
    log.resolve(question, [Outcome(NOW, False)], NOW + 61)
    with sqlite3.connect(path) as other, pytest.raises(sqlite3.IntegrityError):
        other.execute("UPDATE forecast SET probability = 0.1")
    [found] = log.resolved(question)
    assert (found.chances, found.breached) == ({"local": 0.8}, True)


def test_what_is_old_goes(path: Path):
    """By age; what is younger stays."""
    log = ForecastLog(path)
    question = log.question("shop", P99, KEY)
    for at in (NOW - KEPT_S - 1, NOW):
        log.write(question, at, ALL)
        log.resolve(question, [Outcome(at, False)], at)
    log.prune(NOW)
    assert [one.made_at for one in log.resolved(question)] == [NOW]


def test_a_clock_that_is_ahead_loses_nothing(path: Path):
    """Where all that was kept would be too old, it is the clock that is wrong."""
    log = ForecastLog(path)
    question = log.question("shop", P99, KEY)
    log.write(question, NOW, ALL)
    log.resolve(question, [Outcome(NOW, False)], NOW)
    log.close()
    ahead = ForecastLog(path)
    ahead.prune(NOW + 12 * KEPT_S)
    assert [one.made_at for one in ahead.resolved(question)] == [NOW]


def test_several_write_at_once(path: Path):
    """Nothing of any of them is lost."""
    start = multiprocessing.get_context("spawn").Process
    writers = [start(target=write_forecasts, args=(path, P99, KEY, f"w{n}", 100)) for n in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0] * 4
    with sqlite3.connect(path) as database:
        found = database.execute("SELECT forecaster, count(*) FROM forecast GROUP BY 1").fetchall()
    assert found == [(f"w{n}", 100) for n in range(4)]


WRITER = """
import sys
import threading
import time
from pathlib import Path
from perftui.forecast.log import ForecastLog
from perftui.model.objective import Objective
from perftui.model.objective import Objective
from perftui.model.series import Origin, SeriesKey

log = ForecastLog(Path(sys.argv[1]))
question = log.question("shop", Objective("p99", 0.5), SeriesKey("p99", Origin.PROCESS))
for n in range(10**9):
    log.write(question, float(n), {"local": 0.5})
    print(n, flush=True)
"""


def test_it_survives_a_crash(path: Path):
    """Of a writer that is killed all that it had written is there, and the file can be used."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        said = [int(writer.stdout.readline()) for _ in range(50)]
        os.kill(writer.pid, signal.SIGKILL)
        said += [int(line) for line in writer.stdout if line.endswith("\n")]
    log = ForecastLog(path)
    question = log.questions()[0].id
    log.resolve(question, [Outcome(float(n), False) for n in said], NOW)
    assert [one.made_at for one in log.resolved(question)][: len(said)] == said
    log.write(question, 1e9, {"local": 0.5})


def test_a_file_that_is_none(path: Path):
    """One sentence that names it, and forecasts go on; once it can be used again it is."""
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no database at all, but long enough to be taken for one" * 100)
    with pytest.raises(StateError, match="cannot be used: file is not a database"):
        ForecastLog(path)
    keeping = Keeping(path, "shop")
    keeping.forecast(P99, KEY, NOW, ALL)
    keeping.flush()
    assert "until then forecasts are not kept." in str(keeping.failure)
    path.unlink()
    keeping.forecast(P99, KEY, NOW + 1, ALL)
    wait_for(lambda: keeping.failure is None, LATE_S, "it to be tried again")
    keeping.outcomes(P99, KEY, [Outcome(NOW, False), Outcome(NOW + 1, True)], NOW + 90)
    assert [one.breached for one in keeping.past(P99, KEY)[0]] == [False, True]


def test_one_of_a_newer_perftui_is_left_alone(path: Path):
    """Its rows may mean something else."""
    ForecastLog(path).close()
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(StateError, match="was written by a newer perftui"):
        ForecastLog(path)


def test_a_target_is_known_again_without_its_command():
    """The same command on the same host is the same target; what it holds is not written down."""
    one, other = target(cmdline=("python", "--password=secret")), target(cmdline=("python",))
    assert identity(one) == identity(target(cmdline=("python", "--password=secret"), pid=1))
    assert identity(one) != identity(other)
    assert "secret" not in identity(one)


def saw(seconds: int, end: float) -> Series:
    """A series that is calm, then climbs over its threshold, again and again."""
    return series("p99", [0.1 + 0.01 * max(0, n % 240 - 150) for n in range(seconds)], end=end)


def watch(path: Path, first: int, last: int) -> str | None:
    """Watch a part of it; the record that the last forecast showed."""
    forecaster = Forecaster([P99], Keeping(path, "shop"))
    shown = None
    whole = saw(last, last)
    for now in range(first + 2, last, 2):
        known = Series(whole.key, tuple(p for p in whole.points if first <= p.at <= now))
        [said] = forecaster.forecast(now, lambda _, known=known: [known])
        shown = said.record or shown
    forecaster.close()
    return shown


def test_a_watch_is_kept_and_the_next_one_goes_on(path: Path):
    """All that was said is logged with its outcome and scored; a later run knows the record."""
    assert watch(path, 0, 1200) is not None
    [told] = watched(path)
    assert told.episode.id.startswith("shop p99 > 0.5 for 10s within 1m")
    assert len(told.breaches) == 5
    assert 0.2 < told.outcomes.mean() < 0.6
    assert set(told.chances) == {"local", "predict_linear", "holt", "base_rate"}
    forecaster = Forecaster([P99], Keeping(path, "shop"))
    later = series("p99", [0.1] * 40, end=5000)
    [said] = forecaster.forecast(5000, lambda _: [later])
    assert said.record is not None
    other = Forecaster([P99], Keeping(path, "other shop"))
    [said] = other.forecast(5000, lambda _: [later])
    assert said.record is None


def test_waiting_for_the_others_is_short(path: Path):
    """While somebody holds the file it says so and goes on; what waited is written later."""
    keeping = Keeping(path, "shop")
    keeping.forecast(P99, KEY, NOW, ALL)
    keeping.flush()
    with sqlite3.connect(path, isolation_level=None) as holder:
        holder.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        keeping.forecast(P99, KEY, NOW + 1, ALL)
        assert time.monotonic() - began < BUSY_S
        wait_for(lambda: "locked" in str(keeping.failure), LATE_S, "it to say so")
        holder.execute("ROLLBACK")
    keeping.forecast(P99, KEY, NOW + 2, ALL)
    wait_for(lambda: keeping.failure is None, LATE_S, "it to be tried again")
    keeping.outcomes(P99, KEY, [Outcome(NOW + n, False) for n in range(3)], NOW + 90)
    assert [one.made_at for one in keeping.past(P99, KEY)[0]] == [NOW, NOW + 1, NOW + 2]


def test_names_that_are_no_text(path: Path):
    """Lone surrogates, which names from the system may hold, are no reason to keep nothing."""
    strange = target(name="shop\udcff", cmdline=("\udcff",))
    keeping = Keeping(path, identity(strange))
    objective = Objective("p99\udcff", 0.5)
    key = SeriesKey("p99\udcff", Origin.LOG, "", (("a", "\udcff"),))
    keeping.forecast(objective, key, NOW, ALL)
    keeping.outcomes(objective, key, [Outcome(NOW, True)], NOW + 90)
    assert len(keeping.past(objective, key)[0]) == 1
    assert keeping.failure is None
    assert [one.count for one in keeping.past_forecasts()] == [1]
    keeping.close()


def test_a_disk_that_hangs_holds_up_nobody(path: Path, monkeypatch: pytest.MonkeyPatch):
    """What is given waits, what is asked for is not there, and the end comes in time."""
    hung, free = threading.Event(), threading.Event()

    def hang(log: ForecastLog, question: int, made_at: float, chances: object) -> None:
        hung.set()
        free.wait(60)

    monkeypatch.setattr(ForecastLog, "write", hang)
    monkeypatch.setattr("perftui.forecast.keeping.PAST_S", 0.1)
    monkeypatch.setattr("perftui.forecast.keeping.CLOSE_S", 0.1)
    keeping = Keeping(path, "shop")
    keeping.forecast(P99, KEY, NOW, ALL)
    assert hung.wait(LATE_S)
    began = time.monotonic()
    keeping.forecast(P99, KEY, NOW + 1, ALL)
    assert keeping.past(P99, KEY) == ([], [], None)
    keeping.close()
    assert time.monotonic() - began < 5
    free.set()


def test_a_disk_that_hangs_is_waited_for_once(path: Path, monkeypatch: pytest.MonkeyPatch):
    """Not for each series again, until something has been written."""
    free = threading.Event()
    resolved = ForecastLog.resolved

    def hang(log: ForecastLog, question: int) -> object:
        free.wait(60)
        return resolved(log, question)

    monkeypatch.setattr(ForecastLog, "resolved", hang)
    monkeypatch.setattr("perftui.forecast.keeping.PAST_S", 0.1)
    keeping = Keeping(path, "shop")
    waited: list[float | None] = []
    wait_for_ = keeping._changed.wait_for

    def noted(is_there: Callable[[], object], timeout: float | None = None) -> object:
        if threading.current_thread() is threading.main_thread():
            waited.append(timeout)
        return wait_for_(is_there, timeout)

    monkeypatch.setattr(keeping._changed, "wait_for", noted)
    for _ in range(3):
        assert keeping.past(P99, KEY) == ([], [], None)
    assert waited == [0.1, 0.0, 0.0]
    free.set()
    keeping.flush(LATE_S)
    keeping.past(P99, KEY)
    assert waited[-1] == 0.1
    keeping.close()


def test_one_row_that_cannot_be_read_does_not_end_the_log(path: Path):
    """What is given after it is kept, and that something was wrong is said."""
    keeping = Keeping(path, "shop")
    told: list[str] = []

    def damaged(_: object) -> None:
        raise ValueError("Expecting value: line 1")

    keeping.read_verdicts(damaged)
    wait_for(lambda: told.append(str(keeping.failure)) or keeping.failure, LATE_S, "its words")
    assert "holds what cannot be read (Expecting value: line 1)" in told[-1]
    keeping.forecast(P99, KEY, NOW, ALL)
    keeping.outcomes(P99, KEY, [Outcome(NOW, True)], NOW + 90)
    wait_for(lambda: keeping.failure is None, LATE_S, "the next one")
    assert len(keeping.past(P99, KEY)[0]) == 1
    keeping.close()
