from __future__ import annotations

from dataclasses import replace

import pytest
from llm_samples import JSON, MAIN, NOW, OWN, P99, RSS, local, series, snapshot, window, windows

from perftui.advisor.evidence import facts
from perftui.advisor.evidence_text import evidence
from perftui.model.findings import EvidenceKind, ForecastState
from perftui.model.objective import Objective
from perftui.model.series import BUILT_IN, Origin, Point
from perftui.model.stacks import Frame


def test_same_snapshot_same_table():
    """The same snapshot gives the same rows, numbered by kind in a fixed order."""
    first, second = (evidence(facts(snapshot())) for _ in range(2))
    assert first == second
    assert [row.id for row in first] == ["E1", "E2", "P1", "P2", "P3", "T1", "F1", "F2"]


def test_metric_rows():
    """Metrics of objectives come with their last value, unit and slope per minute."""
    table = facts(snapshot())
    row = next(row for row in evidence(table) if row.text.startswith("p99"))
    assert (row.kind, row.value, row.unit) == (EvidenceKind.METRIC, 0.4, "s")
    assert "+0.6 s/min" in row.text


def test_no_slope_from_two_points():
    """Two points make no slope, and none is invented."""
    table = facts(snapshot(series_=[series("cpu", 1.0, 2.0, unit="%")]))
    assert table.metrics[0].per_min is None
    assert evidence(table)[0].text == "cpu 2 %"


def test_objectives_metrics_come_first_and_one_name_cannot_crowd_out_the_rest():
    """A page of many series leaves room: 24 rows at most, four a name, objectives' first."""
    many = [
        series("hits", 1, 2, 3, origin=Origin.SCRAPE, labels=(("n", f"{n:03}"),))
        for n in range(200)
    ]
    more = [series(f"a{n:02}", 1, 2, 3, origin=Origin.SCRAPE) for n in range(40)]
    table = facts(snapshot(series_=[*many, *more, series("rss_used", 1, 2, 3)]))
    names = [fact.key.name for fact in table.metrics]
    assert len(names) == 24
    assert names[0] == "rss_used"
    only_hits = facts(snapshot(series_=many)).metrics
    assert [dict(fact.key.labels)["n"] for fact in only_hits] == ["000", "001", "002", "003"]


def test_the_details_of_a_process_do_not_crowd_out_what_was_asked_for():
    """Its main figures come first, then what was asked for, then the host's; details come last."""
    process = [series(name, 1, 2) for name in BUILT_IN if not name.startswith("host")]
    asked = [series(f"q{n}", 1, 2, origin=Origin.PROMETHEUS) for n in range(4)]
    host = [series("host_cpu", 1, 2, origin=Origin.HOST)]
    names = [fact.key.name for fact in facts(snapshot(series_=[*process, *asked, *host])).metrics]
    assert {"cpu", "rss", "cgroup_throttled", "q0", "q3", "host_cpu"} <= set(names)
    assert (
        names.index("cpu")
        < names.index("q0")
        < names.index("host_cpu")
        < names.index("connections")
    )


def test_a_function_that_rose_shows_both_spans():
    """A function's share of the last 10 s stands beside that of the time before."""
    calm = [window(NOW - age, {(MAIN, JSON): 50}) for age in reversed(range(12, 60))]
    hot = [window(NOW - age, {(MAIN, OWN): 80, (MAIN, JSON): 10}) for age in reversed(range(9))]
    table = facts(snapshot(windows_=[*calm, *hot]))
    first, second = table.functions
    assert first.key.function == OWN.function
    assert first.now is not None and first.before is not None
    assert (first.now.own_pct, first.now.own_samples, first.now.total_pct) == (80, 720, 80)
    assert (first.before.own_pct, first.before.own_samples) == (0, 0)
    assert first.before.own_margin > 0
    assert second.before is not None
    assert (second.own_pct, second.before.own_pct) == (10, 50)
    assert "0.0 → 80.0 ±" in evidence(table)[2].text


def test_a_function_that_has_gone_quiet_counts_zero_now():
    """What was hot and is not seen in the last 10 s has a share of 0 with a margin."""
    old = [window(NOW - age, {(MAIN, OWN): 80}) for age in reversed(range(15, 60))]
    new = [window(NOW - age, {(MAIN, JSON): 10}) for age in reversed(range(9))]
    first = facts(snapshot(windows_=[*old, *new])).functions[0]
    assert first.now is not None
    assert (first.key.function, first.now.own_pct, first.now.total_pct) == (OWN.function, 0.0, 0.0)
    assert first.now.own_margin > 0


def test_without_recent_windows_the_recent_share_is_unknown():
    """Nothing sampled in the last 10 s gives None, never zero."""
    old = [window(NOW - age, {(MAIN, OWN): 80}) for age in reversed(range(15, 60))]
    table = facts(snapshot(windows_=old))
    assert table.functions[0].now is None
    assert table.functions[0].own_pct == 80
    assert "not sampled lately" in evidence(table)[2].text


def test_functions_say_what_calls_them():
    """Of the last seconds, the most frequent first, with the share of their samples."""
    stacks = {(MAIN, OWN): 30, (MAIN, JSON, OWN): 60, (OWN,): 10, (MAIN, OWN, OWN): 10}
    old = [window(NOW - age, {(MAIN, OWN): 90}) for age in reversed(range(15, 30))]
    new = [window(NOW - age, stacks) for age in reversed(range(9))]
    fact = facts(snapshot(windows_=[*old, *new])).functions[0]
    assert fact.key.function == OWN.function
    assert [(one.function, round(share)) for one, share in fact.callers] == [
        (JSON.function, 55),
        (MAIN.function, 36),
    ]
    assert f"called by {JSON.function}" in evidence(facts(snapshot(windows_=new)))[2].text


def test_metrics_say_how_far_they_are_from_before():
    """In robust standard deviations, over the seconds that were looked at; not of too few points,
    nor where nothing varies."""
    noisy = [1.0, 1.2, 0.8, 1.1, 0.9, 1.0, 1.2, 0.8]
    [risen] = facts(snapshot(series_=[series("cpu", *noisy, 3.0)])).metrics
    assert risen.z == pytest.approx(0.6745 * 2 / 0.15)
    assert risen.over_s == 80
    [flat] = facts(snapshot(series_=[series("cpu", *[1.0] * 9, 3.0)])).metrics
    [few] = facts(snapshot(series_=[series("cpu", 1.0, 2.0, 3.0)])).metrics
    assert (flat.z, few.z) == (None, None)
    assert (
        "+9.0 σ from before"
        in evidence(facts(snapshot(series_=[series("cpu", *noisy, 3.0)])))[0].text
    )


def test_the_table_is_bounded():
    """Hundreds of functions, objectives and long names make at most 12, 8 and short rows."""
    frames = [Frame("f" * 500 + str(n), "/srv/x.py", 1) for n in range(300)]
    forecasts = [local(P99.__class__(f"m{n}", 1.0), 0.5) for n in range(50)]
    big = snapshot(
        windows_=windows(20, {(frame,): n + 1 for n, frame in enumerate(frames)}),
        forecasts=forecasts,
    )
    table = facts(big)
    assert len(table.functions) == 12
    assert len(table.forecasts) == 8
    assert all(len(row.text) < 300 for row in evidence(table))


def test_the_question_is_the_objective_most_at_risk():
    """The objective with the highest local probability is asked about, and is F1."""
    table = facts(snapshot(forecasts=[local(RSS, 0.1), local(P99, 0.31, series_unit="s")]))
    assert table.question == P99
    assert table.forecasts[0].forecast.objective == P99
    assert table.local is not None
    assert table.local.probability == 0.31


def test_the_first_objective_is_asked_about_while_nothing_is_known():
    """Without any local probability the first objective is the question."""
    assert facts(snapshot(forecasts=[local(RSS, None), local(P99, None)])).question == RSS
    assert facts(snapshot(forecasts=[])).question == P99


def test_a_forecast_that_learns_says_so():
    """A local forecast without a probability is in the table with its state."""
    learning = facts(snapshot(forecasts=[local(P99, None)]))
    assert evidence(learning)[-1].value is None
    assert ForecastState.OK.value in evidence(learning)[-1].text


def test_forecasts_of_others_are_no_evidence():
    """An earlier answer of a model is not fed back as evidence."""
    other = local(P99, 0.99)
    other = other.__class__(**{**vars(other), "by": "claude-haiku-5-5"})
    assert facts(snapshot(forecasts=[other])).forecasts == ()


def test_hostile_names_stay_on_one_plain_line():
    """Escape sequences and newlines in names of the target do not reach the row's text."""
    odd = Frame("\x1b[31mred\n\u202efile", "/srv/\x1b]0;x\x07a.py", 1)
    row = evidence(facts(snapshot(windows_=windows(20, {(odd,): 5}))))[2]
    assert row.text.startswith("�red �file (�a.py)")
    assert row.text.isprintable()


def test_metrics_that_have_left_their_level_come_before_others():
    """The farthest first, behind those of objectives; a few of them, however many there are."""
    noisy = [1.0, 1.2, 0.8, 1.1, 0.9, 1.0, 1.2, 0.8]
    calm = [series(f"a{n:02}", *noisy, 1.1, origin=Origin.SCRAPE) for n in range(40)]
    far = [series(f"z{n:02}", *noisy, 3.0 + n, origin=Origin.SCRAPE) for n in range(20)]
    table = facts(snapshot(series_=[*calm, *far, series("rss_used", 1, 2, 3)]))
    names = [fact.key.name for fact in table.metrics]
    assert names[:8] == ["rss_used", "z19", "z18", "z17", "z16", "z15", "z14", "a00"]
    same = [series("z", *noisy, 3.0, origin=one) for one in (Origin.SCRAPE, Origin.PROMETHEUS)]
    assert len(facts(snapshot(series_=same)).metrics) == 2


def test_of_many_series_the_worst_are_told():
    """The one that the forecast is about, then from the worst on; those that have stopped last."""
    objective = Objective("p99", 0.5)
    pods = [
        series("p99", 0.1, 0.1, value, labels=(("pod", f"web-{name}"),))
        for name, value in zip("abcdef", (0.1, 0.2, 0.3, 0.1, 0.4, 0.9), strict=True)
    ]
    gone = replace(pods[0], points=tuple(Point(p.at - 600, 9.0) for p in pods[0].points))
    said = replace(local(objective, 0.4), labels=pods[2].key.labels)
    table = facts(snapshot(series_=[gone, *pods[1:]], objectives=[objective], forecasts=[said]))
    told = [dict(fact.key.labels)["pod"] for fact in table.metrics]
    assert told == ["web-c", "web-f", "web-e", "web-b"]
