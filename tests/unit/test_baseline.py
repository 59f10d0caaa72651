from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from builders import NOW, run_of_windows, snapshot, stack, target, window
from hypothesis import given
from hypothesis import strategies as st

from perftui.cli.baseline import baseline_of
from perftui.errors import UsageError
from perftui.model.baseline import Baseline, read_baseline
from perftui.model.document import document
from perftui.model.snapshot import Snapshot
from perftui.model.stacks import Place, Thread

FILE = "/srv/app.py"


def saved() -> dict[str, object]:
    return document(snapshot(windows=run_of_windows(10, {"main work": 40, "main": 10})))


def read(path: Path) -> Baseline | None:
    return baseline_of(SimpleNamespace(baseline=str(path)))


def test_a_saved_document_gives_own_shares(tmp_path: Path):
    """A document that snapshot --json printed can be compared with."""
    path = tmp_path / "before.json"
    path.write_text(json.dumps(saved()))
    found = read(path)
    assert found is not None
    assert found.own_pct(Place("work", FILE)) == 40
    assert found.own_pct(Place("unknown", FILE)) == 0


def test_the_document_says_what_it_was_compared_with():
    """With a baseline each function of the document has its share there."""
    made = document(
        snapshot(
            windows=run_of_windows(3, {"main work": 40, "main new": 5}),
            baseline=read_baseline(saved()),
        )
    )
    shares = {f["function"]: f["baseline_own_pct"] for f in made["profile"]["functions"]}
    assert shares == {"work": 40, "new": 0, "main": 10}


def of_processes(counts: dict[int, int]) -> Snapshot:
    """A snapshot of processes of which each was at work for so many of 100 looks."""
    stacks = {(Thread(pid, pid, "main"), stack("work")): n for pid, n in counts.items() if n}
    first, *children = counts
    return snapshot(
        windows=[replace(window(NOW - 1, NOW), stacks=stacks)],
        target=replace(target(), pid=first),
        children=tuple(children),
    )


@pytest.mark.parametrize(
    ("before", "now", "shares"),
    [
        ({7: 20, 8: 30}, {7: 20, 8: 40}, [30, 20]),  # each with itself
        ({7: 20, 8: 30}, {8: 40, 9: 10}, [30, None]),  # one is new
        ({7: 20}, {9: 40}, [20]),  # it was started anew
        ({7: 20, 8: 30}, {9: 40}, [None]),  # which of the two it was
        ({7: 20}, {8: 40, 9: 10}, [None, None]),
        ({7: 20, 8: 0}, {7: 0, 8: 40}, [0]),  # it was there, and idle
        ({7: 20, 8: 0}, {9: 40}, [20]),
    ],
)
def test_a_process_is_compared_with_itself(
    before: dict[int, int], now: dict[int, int], shares: list[float | None]
):
    """Not one worker with all of them."""
    baseline = read_baseline(document(of_processes(before)))
    made = document(replace(of_processes(now), baseline=baseline))
    assert [f["baseline_own_pct"] for f in made["profile"]["functions"]] == shares


def test_without_one_nothing_is_compared():
    """No baseline is no error."""
    assert baseline_of(SimpleNamespace(baseline=None)) is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is no JSON"),
        ("\xff", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("[]", "no snapshot document"),
        ('{"schema": "perftui/2"}', "no snapshot document"),
        ('{"schema": "perftui/1"}', "not as the document's schema has it"),
        (
            '{"schema": "perftui/1", "profile": {"expected_ticks": null, "functions": []}}',
            "nothing",
        ),
    ],
)
def test_what_is_no_baseline(text: str, why: str, tmp_path: Path):
    """A file that is no document is one sentence and one fix."""
    path = tmp_path / "before.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError, match=why) as error:
        read(path)
    assert "perftui snapshot PID --json" in error.value.fix


def test_a_file_that_is_not_there(tmp_path: Path):
    """A missing file and a directory are named as such."""
    with pytest.raises(UsageError, match="No such file"):
        read(tmp_path / "none.json")
    with pytest.raises(UsageError, match="directory"):
        read(tmp_path)
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(UsageError, match="no ordinary file"):
        read(tmp_path / "fifo")  # and nobody waits for what comes out of it


@pytest.mark.parametrize(
    ("samples", "ticks", "why"),
    [
        ("1" + "0" * 400, "100", "not as the document's schema has it"),
        ("1", "1" + "0" * 400, "nothing was sampled"),
        ("1000000000", "100", "more samples"),
        ("1" * 5000, "100", "is no JSON"),
    ],
)
def test_counts_that_cannot_be(samples: str, ticks: str, why: str, tmp_path: Path):
    """They would be a share that is wrong, or too large to be computed."""
    row = f'{{"function": "f", "file": "x", "pid": 1, "own_samples": {samples}}}'
    text = (
        f'{{"schema": "perftui/1", "profile": {{"expected_ticks": {ticks}, "functions": [{row}]}}}}'
    )
    (tmp_path / "before.json").write_text(text)
    with pytest.raises(UsageError, match=why):
        read(tmp_path / "before.json")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["own_samples", "function", "file", "pid", "x"]), inner, max_size=4
        )
    ),
    max_leaves=8,
)


@given(functions=JSON, ticks=JSON)
def test_no_document_breaks_it(functions: object, ticks: object):
    """Whatever a file holds, it is a baseline or a ValueError."""
    made = {
        "schema": "perftui/1",
        "profile": {"functions": functions, "expected_ticks": ticks},
    }
    with suppress(ValueError):
        assert read_baseline(made).ticks > 0
