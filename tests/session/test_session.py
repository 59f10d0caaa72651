"""A recording: what is written is read again, whatever it is called, and a bad file says so."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import fields, replace
from pathlib import Path

import pytest
from builders import NOW, run_of_windows, series, snapshot, target
from hypothesis import given
from hypothesis import strategies as st

from perftui.errors import StateError, UsageError
from perftui.model.event import Event, EventKind
from perftui.model.series import Origin
from perftui.model.stacks import Frame, Mode, Place, Stack, Thread, Window
from perftui.model.target import ContainerInfo
from perftui.session.reader import Session
from perftui.session.writer import SETTLED_S, SessionWriter

TARGET = target(inside=ContainerInfo(id="a" * 64, pod="web-1"), container="aaa")


def known(windows: Iterable[Window]) -> list[dict[str, object]]:
    """All that is known of them; windows themselves are the same only if they are one."""
    names = [field.name for field in fields(Window) if field.init]
    return [{name: getattr(window, name) for name in names} for window in windows]


def everything(path: Path) -> tuple[list[dict[str, object]], list, list[Event]]:
    with Session(path) as session:
        assert session.target == TARGET
        return known(session.windows()), session.series(), session.events()


def record_a_window(path: Path) -> None:
    """A recording of one window and nothing else."""
    writer = SessionWriter(path, TARGET)
    writer.write(snapshot(windows=run_of_windows(1, {"main": 1})))
    writer.close()


def test_what_is_written_is_read_again(tmp_path: Path):
    """Windows with all that is known of them, points with their labels, events with their end."""
    windows = [
        replace(window, unconfirmed=frozenset({(Place("a", "b"), Place("c", "d"))}))
        for window in run_of_windows(
            4, {"main work": 40, "main": 2}, sampler_cpu_s=0.1, cut=2, looks=93.5, stopped_s=0.02
        )
    ]
    looks = run_of_windows(2, {"main work": 30}, mode=Mode.GIL, torn=True)
    rows = [series("p99", [0.1, 0.4], unit="s", origin=Origin.SCRAPE, labels=(("a", "b"),))]
    happened = [Event(NOW - 9, EventKind.BREACH, "p99 > 0.5", "p99", NOW - 4)]
    seen = snapshot(
        windows=windows, gil_windows=looks, series=rows, events=tuple(happened), target=TARGET
    )
    writer = SessionWriter(tmp_path / "a.perftui", TARGET, {"label": {"fault": "leak"}})
    writer.write(seen)
    writer.close()
    assert everything(tmp_path / "a.perftui") == (known(windows), rows, happened)
    assert (tmp_path / "a.perftui").stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["a.perftui"]
    with Session(tmp_path / "a.perftui") as session:
        assert session.about == {"label": {"fault": "leak"}}
        assert known(session.gil_windows()) == known(looks)
        assert known(session.gil_windows(end=looks[0].end)) == known(looks[:1])


def test_a_recording_without_looks_at_the_gil(tmp_path: Path):
    """Those of the first perftuis have no table for them, nor how often was really looked."""
    path = tmp_path / "a"
    record_a_window(path)
    with sqlite3.connect(path) as mine:
        mine.execute("DROP TABLE gil_window")
        mine.execute("UPDATE window SET about = json_remove(about, '$.looks')")
    mine.close()
    with Session(path) as session:
        assert list(session.gil_windows()) == []
        [window] = session.windows()
    assert (window.looks, window.expected_ticks) == (None, 100)


def test_it_grows_with_the_watch(tmp_path: Path):
    """Each point, window and event is there once, however often it was in a snapshot; a window
    waits until it is settled, or until the end."""
    path = tmp_path / "a.perftui"
    writer = SessionWriter(path, TARGET)
    windows = run_of_windows(30, {"main work": 40})
    first = min(window.end for window in windows)
    for taken_at in range(int(first), int(windows[-1].end) + 1, 3):
        there = [window for window in windows if window.end <= taken_at]
        values = list(range(int(taken_at - first) + 1))
        rows = [series("m", values, end=taken_at)]
        note = Event(first, EventKind.BREACH, "b", "m", taken_at if taken_at > NOW - 9 else None)
        writer.write(snapshot(windows=there, series=rows, events=(note,), taken_at=float(taken_at)))
        with Session(path) as session:
            kept = [window.end for window in session.windows()]
        assert kept == [w.end for w in windows if w.end <= taken_at - SETTLED_S]
    writer.close()
    found, [kept_series], [event] = everything(path)
    assert found == known(w for w in windows if w.end <= taken_at)
    assert [point.value for point in kept_series.points] == values
    assert event.until == taken_at


NAMES = st.text(max_size=20)


@given(
    st.dictionaries(
        st.tuples(
            st.builds(Thread, st.integers(1, 2**31), st.integers(1, 2**31), NAMES),
            st.lists(st.builds(Frame, NAMES, NAMES, st.none() | st.integers(0, 10**6)), max_size=8)
            .map(tuple)
            .map(Stack),
        ),
        st.integers(1, 10**6),
        max_size=6,
    )
)
def test_any_names(stacks: dict):
    """Whatever threads, functions and files are called, lone surrogates among them."""
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "a"
        [window] = run_of_windows(1, {"main": 1})
        window = replace(window, stacks=stacks)
        writer = SessionWriter(path, TARGET)
        writer.write(snapshot(windows=[window]))
        writer.close()
        with Session(path) as session:
            [found] = session.windows()
        assert dict(found.stacks) == stacks


def test_a_file_that_is_there_is_not_overwritten(tmp_path: Path):
    """Nothing is lost by a name that was used before."""
    (tmp_path / "a").write_text("mine")
    with pytest.raises(StateError, match="cannot be written: File exists"):
        SessionWriter(tmp_path / "a", TARGET)
    assert (tmp_path / "a").read_text() == "mine"


def test_bad_files(tmp_path: Path):
    """One sentence for each: none, something else, of another program, damaged, of tomorrow."""
    path = tmp_path / "a"
    with pytest.raises(UsageError, match="There is no file"):
        Session(path)
    path.write_bytes(b"text" * 1000)
    with pytest.raises(UsageError, match="is no recording"):
        Session(path)
    path.unlink()
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE meta (a)")
    other.close()
    with pytest.raises(UsageError, match="is no recording"):
        Session(path)
    path.unlink()
    record_a_window(path)
    with sqlite3.connect(path) as mine:
        mine.execute("UPDATE window SET counts = x'00'")
    mine.close()
    with Session(path) as session, pytest.raises(UsageError, match="or is damaged"):
        list(session.windows())
    with sqlite3.connect(path) as mine:
        mine.execute("PRAGMA user_version = 9")
    mine.close()
    with pytest.raises(UsageError, match="by a newer perftui"):
        Session(path)
