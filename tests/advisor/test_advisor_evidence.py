from __future__ import annotations

from llm_samples import JSON, MAIN, NOW, OWN, P99, RSS, local, series, snapshot, window, windows

from perftui.advisor.evidence import facts
from perftui.advisor.evidence_text import evidence
from perftui.model.findings import EvidenceKind, ForecastState
from perftui.model.series import BUILT_IN, Origin
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
    """A function's share of the last 10 s stands beside that of the whole span."""
    calm = [window(NOW - age, {(MAIN, JSON): 50}) for age in reversed(range(12, 60))]
    hot = [window(NOW - age, {(MAIN, OWN): 80, (MAIN, JSON): 10}) for age in reversed(range(9))]
    table = facts(snapshot(windows_=[*calm, *hot]))
    first, second = table.functions
    assert first.key.function == OWN.function
    assert first.own_pct == 80
    assert 0 < first.whole.own_pct < 20
    assert second.own_pct == 10
    assert first.total_pct == 80


def test_a_function_that_has_gone_quiet_counts_zero_now():
    """What was hot and is not seen in the last 10 s has a share of 0 with a margin."""
    old = [window(NOW - age, {(MAIN, OWN): 80}) for age in reversed(range(15, 60))]
    new = [window(NOW - age, {(MAIN, JSON): 10}) for age in reversed(range(9))]
    first = facts(snapshot(windows_=[*old, *new])).functions[0]
    assert (first.key.function, first.own_pct, first.total_pct) == (OWN.function, 0.0, 0.0)
    assert first.own_margin and first.own_margin > 0


def test_without_recent_windows_the_recent_share_is_unknown():
    """Nothing sampled in the last 10 s gives None, never zero."""
    old = [window(NOW - age, {(MAIN, OWN): 80}) for age in reversed(range(15, 60))]
    table = facts(snapshot(windows_=old))
    assert table.functions[0].own_pct is None
    assert "now" not in evidence(table)[2].text


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
