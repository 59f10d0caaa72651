"""Records episodes of the lab, with labels, as `perftui score --data` reads them.

    python benchmarks/episodes.py -o DIR

Each fault and each control, once for each seed: calm, then as fast as chance wants. `--jobs` run at
a time; all of them take 90 minutes. What is there already is not recorded again; the manifest lists
all that there is. Needs two processors, as the service and its clients are to be held up by nothing
else.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

from perftui.forecast.labelled import MANIFEST, SCHEMA
from perftui.lab.faults import FAULTS, LATENCY
from perftui.model.present import series_name
from perftui.session.reader import Session

CALM_S, WHOLE_S = 45, 135
HOLD_S, HORIZON_S = 10, 30
FOLD = 3.0
"""A latency is too long at so many times its calm level."""
BEYOND = {"receipts_waiting": 30.0, "rss": 80e6}
"""What is too much of other metrics, above their calm level."""
SPEEDS = (0.7, 1.3)
SEEDS, CONTROL_SEEDS = 4, 5
"""Episodes of each fault, and of each control."""


def file_of(directory: Path, fault: str, seed: int) -> Path:
    """Where an episode is."""
    return directory / f"{fault}-{seed}.session"


def record(directory: Path, fault: str, seed: int) -> None:
    """Record one episode."""
    file = file_of(directory, fault, seed)
    if file.exists():
        return
    part = file.with_suffix(".part")
    part.unlink(missing_ok=True)
    speed = Random(f"{fault} {seed}").uniform(*SPEEDS)
    options = ("--seed", str(seed), "--start", str(CALM_S), "--seconds", str(WHOLE_S))
    command = [sys.executable, "-m", "perftui", "lab", "record", fault, *options]
    subprocess.run([*command, "--speed", f"{speed:.3f}", "-o", str(part)], check=True)
    part.rename(file)


def entry(file: Path) -> dict[str, Any] | None:
    """The manifest's entry for an episode; None where its metric was never seen in the calm."""
    with Session(file) as session:
        label = session.about["label"]
        found = {series_name(one.key): one.points for one in session.series()}
    begins_at = label["begins_at"]
    calm = [p.value for p in found.get(label["metric"], ()) if p.at < begins_at]
    if not calm:
        return None
    level = statistics.median(calm)
    above = FOLD * level if label["metric"] == LATENCY else level + BEYOND[label["metric"]]
    return {
        "id": file.stem,
        "file": file.name,
        "kind": label["kind"],
        "objective": {
            "series": label["metric"],
            "above": round(above, 6),
            "for_s": HOLD_S,
            "horizon_s": HORIZON_S,
        },
        "culprit": FAULTS[label["fault"]].culprit,
    }


def main() -> None:
    """Record what is missing, and write the manifest."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    parser.add_argument("--faults", nargs="+", default=list(FAULTS), choices=FAULTS)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(options.jobs) as jobs:
        for done in [
            jobs.submit(record, options.output, fault, seed)
            for seed in range(1, max(SEEDS, CONTROL_SEEDS) + 1)
            for fault in options.faults
            if seed <= (CONTROL_SEEDS if FAULTS[fault].kind == "control" else SEEDS)
        ]:
            done.result()
    entries = [entry(file) for file in sorted(options.output.glob("*.session"))]
    manifest = {"schema": SCHEMA, "episodes": [one for one in entries if one is not None]}
    (options.output / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")


if __name__ == "__main__":
    main()
