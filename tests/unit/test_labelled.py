"""Labelled data and ``perftui score``: what is read, and what is said of what cannot be."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from builders import NOW, run_of_windows, series, snapshot, target

from perftui.cli import main
from perftui.errors import UsageError
from perftui.forecast.labelled import Kind, episodes, read_csv
from perftui.model.stacks import Mode
from perftui.session.writer import SessionWriter

ENTRY = {
    "id": "one",
    "file": "one.csv",
    "kind": "gradual",
    "objective": {"series": "p99", "above": 0.5, "for_s": 10, "horizon_s": 60},
    "learn_until": None,
    "culprit": "parse",
}


def directory(tmp_path: Path, text: str = "time,p99\n1,0.1\n2,0.2\n", **changes: Any) -> Path:
    """One episode; `changes` to its entry."""
    manifest = {"schema": "perftui-score/1", "episodes": [{**ENTRY, **changes}]}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    (tmp_path / "one.csv").write_text(text)
    return tmp_path


def test_an_episode(tmp_path: Path):
    """Its label, and every column, with NaN where there is no value."""
    [found] = episodes(directory(tmp_path, "time,p99,rss\n1,0.1,\n2,,7\n\n"))
    assert (found.id, found.kind, found.culprit) == ("one", Kind.GRADUAL, "parse")
    assert (found.objective.threshold, found.objective.above) == (0.5, True)
    assert found.times.tolist() == [1, 2]
    assert found.series["p99"][0] == 0.1
    assert math.isnan(found.series["p99"][1])
    assert found.series["rss"][1] == 7


def test_an_episode_that_was_recorded(tmp_path: Path):
    """What lay beside each point, as far as it was known by then."""
    writer = SessionWriter(tmp_path / "one.session", target())
    looks = run_of_windows(1, {"main": 25}, end=NOW - 1, mode=Mode.GIL)
    windows = run_of_windows(2, {"main": 50})
    rows = [series("p99", [0.1, 0.2, 0.3, 0.4])]
    writer.write(snapshot(windows=windows, gil_windows=looks, series=rows))
    writer.close()
    [found] = episodes(directory(tmp_path, file="one.session"))
    assert found.times.tolist() == [NOW - 3, NOW - 2, NOW - 1, NOW]
    assert [shares is not None for shares in found.shares] == [False, False, True, True]
    held = 25 / looks[0].expected_ticks
    assert found.gil_held == [None, None, held, held]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "does not begin with time"),
        ("at,p99\n1,2\n", "does not begin with time"),
        ("time\n1\n", "does not begin with time"),
        ("time,p99,p99\n1,2,3\n", "does not begin with time"),
        ("time,p99\n", "has no values"),
        ("time,p99\n1,2\nx,3\n", "line 3: needs 2 numbers"),
        ("time,p99\n1,2,3\n", "line 2: needs 2 numbers"),
        ("time,p99\n,2\n", "line 2: needs 2 numbers"),
        ("time,p99\n1,2\n1,3\n", "line 3: its time does not rise"),
    ],
)
def test_a_bad_file_is_named_with_its_line(tmp_path: Path, text: str, said: str):
    """One sentence, and nothing is guessed."""
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(UsageError, match=said) as caught:
        read_csv(tmp_path / "x.csv")
    assert "x.csv" in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kind": "odd"}, "episodes.0.kind"),
        ({"objective": {"series": "p99", "for_s": 1, "horizon_s": 1}}, "needs above or below"),
        (
            {"objective": {"series": "no", "above": 1, "for_s": 1, "horizon_s": 1}},
            "has no series no",
        ),
        ({"file": "../../etc/passwd"}, "outside its directory"),
        ({"file": "gone.csv"}, "gone.csv cannot be read"),
    ],
)
def test_a_bad_manifest(tmp_path: Path, changes: dict[str, Any], said: str, capsys: Any):
    """Exit code 2, one sentence and one fix, no traceback."""
    assert main(["score", "--data", str(directory(tmp_path, **changes))]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1


def test_no_manifest(tmp_path: Path, capsys: Any):
    """The same where there is none, or none that is JSON."""
    assert main(["score", "--data", str(tmp_path)]) == 2
    assert "manifest.json cannot be read" in capsys.readouterr().err
    (tmp_path / "manifest.json").write_text("{")
    assert main(["score", "--data", str(tmp_path)]) == 2
    assert "manifest.json is not JSON: " in capsys.readouterr().err


def test_score_prints_the_table_or_the_document(tmp_path: Path, capsys: Any):
    """All four forecasters, in both."""
    rows = "".join(f"{n},{0.01 * (n % 80)}\n" for n in range(600))
    data = str(directory(tmp_path, f"time,p99\n{rows}"))
    assert main(["score", "--data", data]) == 0
    table = capsys.readouterr().out
    assert "all: 1 episodes, 7 onsets" in table
    assert main(["score", "--data", data, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "perftui-score/1"
    names = [one["forecaster"] for one in document["results"] if one["kind"] == "all"]
    assert names == ["local", "predict_linear", "holt", "base_rate"]
    assert all(name in table for name in names)
    assert "what local said, and what came" in table


def test_score_draws_the_diagram(tmp_path: Path, capsys: Any):
    """Where that cannot be written it says so."""
    rows = "".join(f"{n},{0.01 * (n % 80)}\n" for n in range(300))
    data, file = str(directory(tmp_path, f"time,p99\n{rows}")), tmp_path / "r.svg"
    assert main(["score", "--data", data, "--svg", str(file)]) == 0
    assert "predict_linear" in file.read_text()
    assert main(["score", "--data", data, "--svg", str(tmp_path / "no" / "r.svg")]) == 2
    assert "cannot be written: No such file" in capsys.readouterr().err


def test_score_without_a_log(tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch):
    """Where nothing was logged yet, it says what to do."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert main(["score"]) == 2
    assert "Watch a process first" in capsys.readouterr().err
