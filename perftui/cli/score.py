"""``perftui score``: how good forecasts were, those of the log or on labelled data."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from perftui.errors import UsageError
from perftui.model.text import plain

if TYPE_CHECKING:
    from perftui.forecast.score import Told


def score(arguments: argparse.Namespace) -> int:
    """Score the forecasters, and print the table or the JSON."""
    from perftui.forecast.logged import judged, paired
    from perftui.forecast.report import document, lines, picture

    if arguments.data is not None:
        result = document(list(_counted(_labelled(Path(arguments.data)))))
    else:
        log = _log()
        result = document(list(_counted(_logged(log))), paired(log), judged(log))
    if arguments.svg is not None:
        _draw(Path(arguments.svg), picture(result))
    if arguments.json:
        print(json.dumps(result, indent=1))
    else:
        print("\n".join(lines(result)).rstrip())
    return 0


def _draw(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"{plain(str(file))} cannot be written: {error.strerror}.", "Name another file."
        ) from None


def _labelled(directory: Path) -> Iterator[Told]:
    from perftui.forecast.labelled import episodes
    from perftui.forecast.local import Local
    from perftui.forecast.score import replay
    from perftui.forecast.teller import BaseRate, Holt, PredictLinear, Teller

    for episode in episodes(directory):
        objective = episode.objective
        local = Local(objective)
        others: list[Teller] = [PredictLinear(objective), Holt(objective), BaseRate(objective)]
        if any(shares for shares in episode.shares):
            others.insert(0, Local(objective, has_profile=False))
        yield replay(episode, [local, *others], partial(getattr, local, "riser"))


def _log() -> Path:
    """The log of forecasts. UsageError where there is none."""
    from perftui.config import state_path
    from perftui.forecast.keeping import FILE

    path = state_path() / FILE
    if not path.exists():
        raise UsageError(
            f"No forecast was logged yet: there is no {path}.",
            "Watch a process first, or score labelled data with --data DIR.",
        )
    return path


def _logged(path: Path) -> Iterator[Told]:
    from perftui.forecast.logged import watched

    found = list(watched(path))
    if not found:
        raise UsageError(
            f"Too few forecasts of {path} have an outcome yet.",
            "Watch for longer than a horizon, or score labelled data with --data DIR.",
        )
    yield from found


def _counted(told: Iterator[Told]) -> Iterator[Told]:
    """The same, with the progress on a terminal."""
    shown = sys.stderr.isatty()
    for number, one in enumerate(told, 1):
        if shown:
            print(f"\r\x1b[K{number} scored", end="", file=sys.stderr, flush=True)
        yield one
    if shown:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
