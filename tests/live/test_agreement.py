"""The shares of the whole chain of windows, beside one uninterrupted py-spy."""

from __future__ import annotations

import json
import signal
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from agreement import Share, disagreements, shares
from servers import START_S, kill_tree, wait_for

from perftui.sources.pyspy_run import find_pyspy

pytestmark = pytest.mark.live

SECONDS = 20

MIXTURE = """
import random

def spin(count):
    while count:
        count -= 1

def parse():
    count = 9000
    while count:
        count -= 1

def check():
    count = 6000
    while count:
        count -= 1

def render():
    count = 4000
    while count:
        count -= 1

def store():
    count = 2500
    while count:
        count -= 1
    spin(1200)

def log():
    spin(800)

def request():
    parse()
    check()

def answer():
    render()
    log()

def main():
    choose = random.Random(1).choices
    print("ready", flush=True)
    while True:
        for step in choose((request, answer, store, check), (3, 3, 2, 1), k=100):
            step()

main()
"""
"""Always busy, with the same shares at any time: what is called next is a matter of chance, and
takes far less than the time between two looks."""


class Record:
    """One `py-spy record` of a process, blocking, from its start to :meth:`end`."""

    def __init__(self, pid: int, directory: Path) -> None:
        self._file, self._log = directory / "reference.json", directory / "reference.log"
        options = ("--rate", "100", "--duration", "unlimited", "--format", "speedscope")
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [find_pyspy(), "record", "--pid", str(pid), *options, "--output", str(self._file)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def wait_until_attached(self) -> None:
        wait_for(lambda: "Sampling process" in self._log.read_text(), START_S, "py-spy to attach")

    def wait(self, seconds: float) -> None:
        """Let it go on for so long; that it ends before is a failure."""
        with pytest.raises(subprocess.TimeoutExpired):
            self._process.wait(seconds)

    def end(self) -> dict[str, Share]:
        """End it; the own and total shares by its looks in their order."""
        self._process.send_signal(signal.SIGINT)
        assert self._process.wait(START_S) == 0, self._log.read_text()
        document = json.loads(self._file.read_text())
        names = [frame["name"] for frame in document["shared"]["frames"]]
        (thread,) = document["profiles"]
        return shares(
            [
                frozenset((f"own {names[look[-1]]}", *(f"total {names[n]}" for n in look)))
                for look in thread["samples"]
            ]
        )

    def kill(self) -> None:
        kill_tree(self._process)


def shown(profile: dict[str, Any], reference: dict[str, Share]) -> dict[str, Share]:
    """What the document shows, as parts of its samples, with the reference's tau."""
    seen: Counter[str] = Counter()
    for row in profile["functions"]:
        seen[f"own {row['function']}"] += row["own_samples"]
        seen[f"total {row['function']}"] += row["total_samples"]
    looks = profile["samples"]
    tau = {name: share.tau for name, share in reference.items()}
    return {name: Share(count, looks, tau.get(name, 1.0)) for name, count in seen.items()}


@pytest.mark.parametrize(
    ("options", "together"),
    [
        pytest.param(("--blocking", "--max-overhead", 100), True, id="blocking-at-the-same-time"),
        # Beside another sampler the governor would find the target stopped for too long.
        pytest.param((), False, id="by-default-one-after-the-other"),
    ],
)
def test_shares_agree_with_one_long_record(
    options: tuple[object, ...], together: bool, python_target: Any, run: Any, tmp_path: Path
) -> None:
    """Own and total shares of every function above 3 % are those of one uninterrupted py-spy record
    within the noise of both, and a share that were wrong by a third would be found out.

    By default some stacks are read without stopping the target: total shares may then be off by
    the share of the stacks that were cut, and by the 2 % that may be torn and not known.
    """
    target = python_target(MIXTURE)
    record = Record(target.pid, tmp_path) if together else None
    try:
        if record is not None:
            record.wait_until_attached()
        document = run(*("snapshot", target.pid, "--seconds", SECONDS, "--json", *options)).document
        if record is None:
            record = Record(target.pid, tmp_path)
            record.wait(SECONDS)
        reference = record.end()
    finally:
        if record is not None:
            record.kill()
    profile = document["profile"]
    loose = 0.0 if together else profile["cut_pct"] / 100 + 0.02

    def slack(name: str) -> float:
        return loose if name.startswith("total ") else 0.0

    found = shown(profile, reference)
    assert disagreements(found, reference, slack) == []

    # What is shown is in percent of the expected ticks; of these a thread that is always busy has
    # all, as exactly as the rate that py-spy held is known, and but for the ticks' Poisson noise.
    ticks = profile["expected_ticks"]
    assert profile["samples"] == pytest.approx(ticks, abs=0.1 * ticks + 5 * ticks**0.5)
    for row in profile["functions"]:
        assert row["own_pct"] == pytest.approx(100 * row["own_samples"] / ticks, abs=0.1)
        assert row["total_pct"] == pytest.approx(100 * row["total_samples"] / ticks, abs=0.1)

    for name in ("own parse", "own check", "total request"):
        wrong = {**found, name: found[name]._replace(seen=found[name].seen * 2 / 3)}
        assert [line for line in disagreements(wrong, reference, slack) if line.startswith(name)]
