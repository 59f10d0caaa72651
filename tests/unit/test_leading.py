"""What lies beside a series: functions that rise, metrics that move, and what is said of them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from builders import run_of_windows

from perftui.forecast.beside import NOTHING, STALE_S, Beside, beside, gil_held_at, shares_at
from perftui.forecast.leading import FEW, LEADING, LEAST_RISE, PER_HORIZON, Leading
from perftui.forecast.local import INPUTS, Local
from perftui.forecast.movers import MOST, SEEN, Movers
from perftui.forecast.prior import LOCAL_METRICS, Prior, shipped
from perftui.model.findings import LOCAL, EvidenceKind
from perftui.model.objective import Objective
from perftui.model.profile import OVERDUE_S
from perftui.model.series import Origin, Point, SeriesKey
from perftui.model.stacks import Mode, Place
from perftui.model.timeline import Timeline

HORIZON_S = 60.0
WORK, IDLE = Place("work", "/app.py"), Place("idle", "/app.py")
NOISE = np.random.default_rng(5)


def followed(columns: dict[str, list[float]], absent: float | None = None) -> Movers[str]:
    """After figures that came once a second."""
    movers: Movers[str] = Movers(HORIZON_S, absent)
    for n in range(len(next(iter(columns.values())))):
        movers.see(float(n), {name: column[n] for name, column in columns.items()})
    return movers


def test_what_rises_beyond_its_noise_comes_first():
    """Also where another moves further, but as it always does."""
    calm = NOISE.normal(100, 10, 200).tolist()
    rises = (NOISE.normal(1, 0.1, 200) + np.where(np.arange(200) > 150, 1.0, 0.0)).tolist()
    first, *_ = followed({"calm": calm, "rises": rises}).moves()
    assert first.name == "rises"
    assert 0.2 < first.by < 1.0
    assert first.surprise > 1


def test_nothing_is_told_of_what_was_hardly_seen():
    """A horizon is needed."""
    short = int(SEEN * HORIZON_S)
    assert followed({"a": [float(n) for n in range(short)]}).moves() == []
    assert followed({"a": [float(n) for n in range(short + 2)]}).moves() != []


def test_what_was_there_before_is_no_surprise():
    """The second wave is as high as the first; what goes on beyond it surprises again."""
    wave = [10 * math.sin(n / 60) ** 2 for n in range(360)]
    first, second = (followed({"a": wave[:n]}).moves() for n in (85, 85 + 188))
    assert first
    assert second == []
    [beyond] = followed({"a": [*wave[:273], *(wave[272] + n / 10 for n in range(60))]}).moves()
    assert beyond.surprise > 0.5


def test_a_figure_that_is_absent_counts_as_that_or_stays():
    """A function that is not on top takes nothing; a metric that gives no value is not known."""
    seen: Movers[str] = Movers(HORIZON_S, absent=0.0)
    unknown: Movers[str] = Movers(HORIZON_S)
    for n in range(200):
        values = {"a": 1.0} if n < 100 else {}
        seen.see(float(n), values)
        unknown.see(float(n), values)
    [gone] = seen.moves()
    assert (gone.name, gone.by < 0) == ("a", True)
    assert unknown.moves() == []


@pytest.mark.parametrize("value", [math.inf, math.nan, 1e300, -1e300])
def test_no_figure_breaks_the_others(value: float):
    """Whatever a metric says."""
    odd = [1.0] * 100 + [value] * 100
    found = followed({"odd": odd, "even": [float(n % 2) for n in range(200)]}).moves()
    assert all(math.isfinite(move.surprise) for move in found)


def test_only_so_many_are_followed():
    """Those that are largest; the memory is bounded however many names come."""
    movers: Movers[int] = Movers(HORIZON_S, absent=0.0)
    for n in range(3 * MOST):
        movers.see(float(n), {n: 0.001, -1: 0.5 + n / 10_000})
    assert len(movers._places) <= MOST
    assert -1 in movers._places


def of_two(rise: float, length: int = 120) -> Leading:
    """A profile in which one function rises by so much in its last third."""
    leading = Leading(HORIZON_S)
    for n in range(length):
        share = 0.1 + rise * max(0.0, n - 80) / 40 + 0.02 * (n % 2)
        leading.see(float(n), Beside({}, {WORK: share, IDLE: 0.5 + 0.02 * (n % 3)}))
    return leading


def known(leading: Leading) -> dict[str, float]:
    """The inputs by name."""
    return dict(zip(LEADING, leading.inputs().tolist(), strict=True))


def test_the_function_that_rises_is_named():
    """By how much, and where it is; one that takes more but stays as it is, is not."""
    leading = of_two(0.3)
    activity = known(leading)["activity"]
    assert leading.riser is not None
    assert leading.riser.name == WORK
    assert leading.riser.now == pytest.approx(0.3, abs=0.06)
    assert activity > 1


def test_fewer_at_work_than_ever_are_a_surprise_the_other_way():
    """A service that stands still is not the same as one that cannot keep up."""
    more, fewer = (known(of_two(rise))["activity"] for rise in (0.3, -0.3))
    assert more > 0 > fewer


@pytest.mark.parametrize(
    ("by", "least", "most"), [(0.02, 1.0, 9.0), (0.0, -0.5, 0.5), (-0.01, -9.0, -1.0)]
)
def test_how_long_the_gil_is_held(by: float, least: float, most: float):
    """A surprise above what it has been, and one the other way below."""
    leading = Leading(HORIZON_S)
    for n in range(120):
        held = 0.5 + 0.01 * (n % 2) + by * max(0, n - 80) / 2
        leading.see(float(n), Beside({}, gil_held=held))
    found = known(leading)
    assert least < found["gil"] < most
    assert found["activity"] == 0


def test_metrics_that_leave_their_record_lead():
    """The one that surprises most, and a few together: one alone is less than many."""
    length = int(2 * HORIZON_S)
    alone, many = Leading(HORIZON_S), Leading(HORIZON_S)
    for n in range(length):
        rises, rests = 1.0 + 0.1 * (n % 2) + 0.1 * max(0, n - 90), 1.0 + 0.1 * (n % 2)
        alone.see(float(n), Beside({"0": rises, **{str(k): rests for k in range(1, FEW)}}))
        many.see(float(n), Beside({str(k): rises for k in range(FEW)}))
    one, all_of_them = map(known, (alone, many))
    assert alone.leader is not None
    assert alone.leader.name == "0"
    assert one["leader"] == pytest.approx(all_of_them["leader"])
    assert all_of_them["leaders"] == pytest.approx(all_of_them["leader"])
    assert one["leaders"] < all_of_them["leaders"] / 2


def test_a_rise_that_is_too_small_is_none():
    """Two points of a core at least."""
    leading = of_two(LEAST_RISE / 2)
    leading.inputs()
    assert leading.riser is None


def test_it_is_looked_at_no_oftener_than_needed():
    """For a horizon of a quarter of an hour not every second."""
    leading = Leading(900.0)
    for n in range(100):
        leading.see(float(n), Beside({"m": float(n)}, {}))
    assert leading._metrics._at == pytest.approx(99, abs=900 / PER_HORIZON)
    assert leading._metrics._at % 12 == 0


def watched(
    has_profile: bool,
    prior: tuple[float, ...] | None = None,
    rise: float = 0.3,
    gil_rise: float = 0.0,
) -> Local:
    """The forecaster after a series that makes half of its way, beside which a function rises, or
    how long the GIL is held; that more is at work is believed unless there is another prior."""
    mean = prior or tuple(2.0 if name == "activity" else 0.0 for name in INPUTS)
    local = Local(
        Objective("m", 10.0, True, 5.0, HORIZON_S),
        prior=Prior(mean, (0.5,) * len(INPUTS)),
        has_profile=has_profile,
    )
    for n in range(120):
        risen = max(0.0, n - 80) / 40
        shares = {WORK: 0.1 + rise * risen}
        known = Beside({"rps": float(n % 3)}, shares, 0.5 + gil_rise * risen)
        local.see(float(n), 5.0 + 0.1 * (n % 2) + 2.5 * risen, known)
        local.chance()
    return local


def test_a_rise_is_a_reason_and_moves_the_chance():
    """It says the function, its share and by how much that rose."""
    local = watched(has_profile=True)
    [first] = [one for one in local.reasons("s") if one.kind is EvidenceKind.PROFILE]
    assert first.text.startswith("work is at ")
    assert "of a core" in first.text
    assert (first.unit, local.riser) == ("%", WORK)
    assert local.chance() > watched(has_profile=False).chance()  # type: ignore[operator]


def test_a_clear_rise_has_a_line_where_others_weigh_more():
    """It is what can be looked at in the code; where it is small, the others have their lines."""
    mean = tuple(3.0 if name in ("line", "holt", "record") else 0.0 for name in INPUTS)

    def kinds(rise: float) -> list[EvidenceKind]:
        local = watched(has_profile=True, prior=mean, rise=rise)
        return [one.kind for one in local.reasons("s") if one.value is None or one.unit != "s"]

    assert kinds(0.3) == [EvidenceKind.METRIC, EvidenceKind.METRIC, EvidenceKind.PROFILE]
    assert kinds(0.03) == [EvidenceKind.METRIC] * 3


def test_a_gil_held_for_longer_is_a_reason():
    """In percent of the time; it is no function that can be looked at."""
    mean = tuple(2.0 if name == "gil" else 0.0 for name in INPUTS)
    local = watched(True, mean, rise=0.0, gil_rise=0.4)
    [reason] = [one for one in local.reasons("s") if one.kind is EvidenceKind.PROFILE]
    assert reason.text == f"the GIL is held {reason.value:.0f} % of the time, longer than before"
    assert reason.value is not None
    assert 60 < reason.value <= 90
    assert local.riser is None


def test_what_counts_against_the_chance_is_no_reason_for_it():
    """Of a series on its way up not that it was never there, where that has a weight below zero."""

    def texts(record: float) -> str:
        weights = {"line": 1.0, "holt": 1.0, "record": record}
        mean = tuple(weights.get(name, 0.0) for name in INPUTS)
        return " ".join(one.text for one in watched(True, mean).reasons("s"))

    assert "than any before" in texts(0.5)
    assert "than any before" not in texts(-0.5)
    assert "newest level and trend" in texts(-0.5)


def test_without_the_profile_it_knows_of_none():
    """Then it goes by another name."""
    local = watched(has_profile=False)
    assert local.riser is None
    assert (local.name, watched(has_profile=True).name) == (LOCAL_METRICS, LOCAL)
    assert all(one.kind is EvidenceKind.METRIC for one in local.reasons("s"))


@pytest.mark.parametrize("name", [LOCAL, LOCAL_METRICS])
def test_a_prior_is_shipped(name: str):
    """One weight and one spread for each input."""
    prior = shipped(name)
    assert len(prior.mean) == len(prior.spread) == len(INPUTS)
    assert all(spread > 0 for spread in prior.spread)
    assert any(prior.mean)


def test_what_is_known_beside():
    """The newest values that are not too old, and the shares of the newest window."""
    timeline = Timeline()
    old, new = (SeriesKey(name, Origin.SCRAPE) for name in ("old", "new"))
    now = 1_000.0
    timeline.add_points([(old, Point(now - STALE_S - 1, 1.0)), (new, Point(now - 1, 2.0))])
    for window in run_of_windows(2, {"work": 50}, end=now - 1):
        timeline.add_window(window)
    found = beside(timeline, now)
    assert found.metrics == {"new": 2.0}
    assert found.shares is not None
    assert found.of_others("new").metrics == {}
    assert found.of_others("more") is found
    assert beside(timeline, now + OVERDUE_S + 1).shares is None
    assert beside(Timeline(), now) == NOTHING


def test_shares_of_windows_that_looked_at_something_else_are_none():
    """The GIL's holder, or threads at rest, are no shares of the time."""
    [window] = run_of_windows(1, {"work": 50}, end=100.0)
    assert shares_at(window, 101.0)
    assert shares_at(replace(window, mode=Mode.GIL), 101.0) is None
    assert shares_at(replace(window, idle=True), 101.0) is None
    assert shares_at(None, 101.0) is None


def test_for_how_long_the_gil_was_held():
    """By the newest look beside the windows, or by windows that look at nothing else."""
    timeline = Timeline()
    looks = run_of_windows(2, {"work": 25, "wait": 15}, end=100.0, mode=Mode.GIL)
    for look in looks:
        timeline.add_gil_window(look)
    for window in run_of_windows(1, {"work": 50}, end=100.0):
        timeline.add_window(window)
    held = 40 / looks[-1].expected_ticks
    assert beside(timeline, 101.0).gil_held == pytest.approx(held)
    assert beside(timeline, 101.0).without_profile() == NOTHING
    assert gil_held_at([looks[-1], None], 101.0) == pytest.approx(held)
    [later] = run_of_windows(1, {"work": 10}, end=101.0, mode=Mode.GIL)
    assert gil_held_at([later, looks[-1]], 101.0) == pytest.approx(10 / later.expected_ticks)
    assert gil_held_at([looks[-1]], 101.0 + STALE_S) is None
    assert gil_held_at(run_of_windows(1, {"work": 50}, end=100.0), 101.0) is None
