"""Labelled data: a directory with a manifest and the series that it names, as score reads them."""

from __future__ import annotations

import csv
import json
import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from msgspec import Meta, field

from perftui.checked import Invalid, Table, checked
from perftui.errors import UsageError
from perftui.forecast.beside import gil_held_at, shares_at
from perftui.model.objective import Objective
from perftui.model.present import series_name
from perftui.model.series import Point
from perftui.model.stacks import Place, Window
from perftui.model.text import plain
from perftui.session.reader import Session

SCHEMA = "perftui-score/1"
MANIFEST = "manifest.json"
STALE_STEPS = 3

Floats = npt.NDArray[np.float64]


class Kind(StrEnum):
    """What an episode shows: a fault that grows, one that comes at once, or none."""

    GRADUAL = "gradual"
    ABRUPT = "abrupt"
    CONTROL = "control"


@dataclass(frozen=True)
class Episode:
    """One labelled series and what lies beside it.

    `kind` is None for what was watched without a label. `times` are Unix seconds, rising; `series`
    has the columns by name, each as long, NaN where there is no value. What comes up to
    `learn_until` is for learning and not scored. `culprit` is the function that a fault makes hot.
    `shares` has for each time how much each function was at work in the newest window, and
    `gil_held` for which part of the time the GIL was held in the newest look at its holder, None
    where there was none; they are empty without a profile.
    """

    id: str
    file: str
    kind: Kind | None
    objective: Objective
    times: Floats
    series: Mapping[str, Floats]
    learn_until: float | None = None
    culprit: str | None = None
    shares: Sequence[Mapping[Place, float] | None] = ()
    gil_held: Sequence[float | None] = ()


class Columns(NamedTuple):
    """What a file has of an :class:`Episode`, likewise."""

    times: Floats
    series: Mapping[str, Floats]
    shares: Sequence[Mapping[Place, float] | None] = ()
    gil_held: Sequence[float | None] = ()


class _Objective(Table, frozen=True, kw_only=True, forbid_unknown_fields=False):
    series: str
    above: float | None = None
    below: float | None = None
    for_s: Annotated[float, Meta(ge=0)]
    horizon_s: Annotated[float, Meta(gt=0)]

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.above is None) == (self.below is None):
            raise ValueError("needs above or below, and not both")

    def objective(self) -> Objective:
        threshold = self.above if self.above is not None else self.below
        return Objective(
            self.series,
            threshold if threshold is not None else math.nan,
            self.above is not None,
            self.for_s,
            self.horizon_s,
        )


class _Entry(Table, frozen=True, kw_only=True, forbid_unknown_fields=False):
    id: str
    file: str
    kind: Kind
    objective: _Objective
    learn_until: float | None = None
    culprit: str | None = None


class _Manifest(Table, frozen=True, kw_only=True, forbid_unknown_fields=False):
    schema_: Literal["perftui-score/1"] = field(name="schema")
    episodes: Annotated[tuple[_Entry, ...], Meta(min_length=1)]


def episodes(directory: Path) -> Iterator[Episode]:
    """The episodes of a directory, one after the other, as they are read.

    UsageError where the manifest or a file that it names cannot be used.
    """
    path = directory / MANIFEST
    manifest = _manifest(path)
    for entry in manifest.episodes:
        file = directory / entry.file
        if not file.resolve().is_relative_to(directory.resolve()):
            raise UsageError(
                f"{plain(str(path))} names {plain(entry.file)}, which is outside its directory.",
                "Put the file beside the manifest.",
            )
        objective = entry.objective.objective()
        found = read_csv(file) if file.suffix == ".csv" else read_session(file, objective.metric)
        if objective.metric not in found.series:
            raise UsageError(
                f"{plain(str(file))} has no series {plain(objective.metric)}.",
                f"Name one of these as series: {plain(', '.join(found.series))}.",
            )
        yield Episode(
            id=entry.id,
            file=entry.file,
            kind=entry.kind,
            objective=objective,
            learn_until=entry.learn_until,
            culprit=entry.culprit,
            **found._asdict(),
        )


def _manifest(path: Path) -> _Manifest:
    shown = plain(str(path))
    try:
        return checked(json.loads(path.read_bytes()), _Manifest)
    except OSError as error:
        raise UsageError(
            f"{shown} cannot be read: {error.strerror}.", "Name a directory with labelled data."
        ) from None
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"{shown} is not JSON: {plain(str(error))}.", "Mend the manifest."
        ) from None
    except Invalid as error:
        where = ".".join(str(part) for part in error.location)
        raise UsageError(
            f"{shown}: {plain(where)}: {plain(error.reason)}.".replace(": :", ":"),
            "Mend the manifest.",
        ) from None


def read_session(path: Path, metric: str) -> Columns:
    """The points of one series of a recording as times, all series at them by name: the newest
    value of each, NaN where it is older than `STALE_STEPS` of its usual steps; and what the newest
    looks at the target showed then. UsageError where it is no recording."""
    with Session(path) as session:
        found = {series_name(one.key): one.points for one in session.series()}
        windows, gil_windows = list(session.windows()), list(session.gil_windows())
    moments = [point.at for point in found.get(metric, ())]
    times = np.array(moments)
    newest, looks = _newest(windows, moments), _newest(gil_windows, moments)
    return Columns(
        times,
        {name: _at(times, points) for name, points in found.items()},
        [shares_at(window, at) for window, at in zip(newest, moments, strict=True)],
        [gil_held_at(both, at) for *both, at in zip(newest, looks, moments, strict=True)],
    )


def _newest(windows: Sequence[Window], moments: Iterable[float]) -> list[Window | None]:
    """For each moment the window that had ended last by then."""
    ends = [window.end for window in windows]
    places = (bisect_right(ends, at) for at in moments)
    return [windows[place - 1] if place else None for place in places]


def _at(times: Floats, points: Sequence[Point]) -> Floats:
    own, values = (np.array(column) for column in zip(*points, strict=True))
    places = np.searchsorted(own, times, side="right") - 1
    step = float(np.sort(np.diff(own))[(len(own) - 1) // 2]) if len(own) > 1 else math.inf
    known = (places >= 0) & (times - own[np.maximum(places, 0)] <= STALE_STEPS * step)
    return np.where(known, values[np.maximum(places, 0)], np.nan)


def read_csv(path: Path) -> Columns:
    """Times and columns by name of a CSV file; UsageError names the bad line."""
    shown = plain(str(path))
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return _columns(csv.reader(file), shown)
    except OSError as error:
        raise UsageError(
            f"{shown} cannot be read: {error.strerror}.", "Mend the manifest."
        ) from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{shown} is no CSV: {plain(str(error))}.", "Mend the file.") from None


def _columns(rows: Iterator[list[str]], shown: str) -> Columns:
    head = next(rows, [])
    if head[:1] != ["time"] or len(head) < 2 or len(set(head)) < len(head):
        raise UsageError(
            f"{shown} does not begin with time and the names of its series.", "Mend its first line."
        )
    found: list[list[float]] = []
    for number, row in enumerate(rows, 2):
        if not row:
            continue
        try:
            values = [float(cell) if cell.strip() else math.nan for cell in row]
        except ValueError:
            values = []
        if len(values) != len(head) or not math.isfinite(values[0]):
            raise UsageError(
                f"{shown}, line {number}: needs {len(head)} numbers, of which the time is one.",
                "Mend the line.",
            )
        if found and values[0] <= found[-1][0]:
            raise UsageError(f"{shown}, line {number}: its time does not rise.", "Sort the lines.")
        found.append(values)
    if not found:
        raise UsageError(f"{shown} has no values.", "Mend the manifest.")
    table = np.array(found)
    table[~np.isfinite(table)] = np.nan
    columns = {name: table[:, place] for place, name in enumerate(head) if place}
    return Columns(table[:, 0], columns)
