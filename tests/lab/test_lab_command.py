"""``perftui lab`` as a command: what it lists, runs and records."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from servers import get, runs, wait_for

from perftui.cli import main
from perftui.forecast.labelled import episodes
from perftui.lab.faults import FAULTS
from perftui.session.reader import Session

PERFTUI = [sys.executable, "-m", "perftui"]


def test_the_faults_are_listed(capsys: pytest.CaptureFixture[str]):
    """Each with its kind and what it does, and the control."""
    assert main(["lab", "list"]) == 0
    listed = capsys.readouterr().out
    for fault in FAULTS.values():
        assert re.search(rf"^{fault.name} +{fault.kind} +{re.escape(fault.summary)}$", listed, re.M)
    assert re.search(r"^none +control ", listed, re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run"], "No fault is named."),
        (["run", "odd"], "There is no fault 'odd'."),
        (["record", "none"], "No file is named."),
        (["mend"], "invalid choice"),
        (["run", "none", "--seconds", "-1"], "--seconds"),
    ],
)
def test_bad_arguments(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]):
    """Exit code 2 and one sentence."""
    assert main(["lab", *arguments]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1


@pytest.mark.live
def test_it_runs_until_it_is_ended():
    """It says where the service is, and takes it along."""
    with subprocess.Popen([*PERFTUI, "lab", "run", "none"], stdout=subprocess.PIPE) as lab:
        assert lab.stdout is not None
        line = lab.stdout.readline().decode()
        pid, metrics = re.fullmatch(r"pid (\d+), \S+, metrics at (\S+)\n", line).groups()  # type: ignore[union-attr]
        assert b"http_requests_in_flight" in get(metrics)
        lab.send_signal(signal.SIGTERM)
        assert lab.wait(20) == 128 + signal.SIGTERM
    wait_for(lambda: not runs(int(pid)), 5.0, "the service to end")


@pytest.mark.live
def test_a_recording(tmp_path: Path):
    """It has the label, the windows with the culprit, the metrics of page, process and host, and is
    read as labelled data."""
    file = tmp_path / "cart.perftui"
    command = [*PERFTUI, "lab", "record", "cart-growth", "-o", str(file), "--seconds", "15"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    with Session(file) as session:
        first = min(one.points[0].at for one in session.series())
        assert session.about["label"] == {
            "fault": "cart-growth",
            "kind": "gradual",
            "culprit": "merge_lines",
            "metric": "http_request_duration_seconds_p95",
            "seed": 1,
            "speed": 1.0,
            "begins_at": pytest.approx(first, abs=15),
        }
        windows, names = list(session.windows()), {one.key.name for one in session.series()}
    seen = {frame.function for window in windows for _, stack in window.stacks for frame in stack}
    assert "merge_lines" in seen
    assert {"cpu", "rss", "http_requests_in_flight", "http_request_duration_seconds_p95"} <= names
    assert sum(window.seconds for window in windows) > 12
    again = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert again.returncode == 1
    assert "File exists" in again.stderr
    entry = {
        "id": "cart",
        "file": file.name,
        "kind": "gradual",
        "objective": {"series": "cpu", "above": 50, "for_s": 2, "horizon_s": 10},
    }
    manifest = {"schema": "perftui-score/1", "episodes": [entry]}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    [episode] = episodes(tmp_path)
    assert len(episode.times) >= 10
    assert {len(column) for column in episode.series.values()} == {len(episode.times)}
    assert len(episode.shares) == len(episode.times)
    shares = [seen for seen in episode.shares if seen]
    assert any(one.function == "merge_lines" and share > 0.1 for one, share in shares[-1].items())


@pytest.mark.live
def test_a_service_that_dies_is_told():
    """What goes on without it is no lab."""
    how = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([*PERFTUI, "lab", "run", "none"], **how) as lab:
        pid = re.match(r"pid (\d+),", lab.stdout.readline())[1]
        os.kill(int(pid), signal.SIGKILL)
        assert lab.wait(20) == 1
        assert lab.stderr.read() == "perftui: The lab's service has ended (-9). Start it again.\n"


@pytest.mark.live
def test_a_recording_of_a_service_that_dies_is_no_success(tmp_path: Path):
    """It keeps what was seen, and is not called a recording of so long."""
    file = tmp_path / "a.perftui"
    arguments = ["lab", "record", "none", "-o", str(file), "--seconds", "60"]
    how = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([*PERFTUI, *arguments], **how) as lab:
        parent = psutil.Process(lab.pid)

        def service() -> list[psutil.Process]:
            return [one for one in parent.children() if "perftui.lab.service" in one.cmdline()]

        wait_for(file.exists, 20.0, "the recording to begin")
        service()[0].kill()
        assert lab.wait(20) == 1
        assert lab.stdout.read() == ""
        assert "The lab's service has ended (-9)." in lab.stderr.read()
    with Session(file) as session:
        assert session.about["label"]["fault"] == "none"
