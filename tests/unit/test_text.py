from __future__ import annotations

import time

import pytest
from builders import MAIN, NOW, P99, forecast, run_of_windows, series, snapshot, status, window
from builders import target as process
from rich.cells import cell_len

from perftui.cli.text import FUNCTIONS, line, report
from perftui.model.baseline import Baseline
from perftui.model.event import Event, EventKind
from perftui.model.findings import ForecastState, LlmState, LlmStatus, Mitigation
from perftui.model.objective import Objective
from perftui.model.series import Origin, SeriesKey, Unavailable
from perftui.model.snapshot import Snapshot, SourceState
from perftui.model.stacks import Frame, Mode, Place, Stack, Window
from perftui.model.target import TargetState
from perftui.model.verdict import Decision, Item, decide

COUNTS = {"main:3 work:7": 40, "main:3 idle:9": 10}


def full(**more: object) -> Snapshot:
    return snapshot(
        **{
            "since": NOW - 10,
            "windows": run_of_windows(10, COUNTS, sampler_cpu_s=0.07, errors=1),
            "series": [
                series("cpu", [143], unit="%"),
                series("rss", [412 * 2**20], unit="B"),
                series("p99", [0.4], unit="s", labels=(("path", "/a"),)),
            ],
            "forecasts": [forecast(probability=0.84, base_rate=0.03, summary="capped")],
            **more,
        }
    )


AT = time.strftime("%H:%M:%S", time.localtime(NOW))


def test_a_line():
    """A tick is state, process, what is hot, and the strongest warning."""
    assert line(full()) == (
        f"{AT}  running  cpu 143 %  rss 412 MB  |  40 % work  10 % idle  0 % main"
        "  |  84 % within 1 min: p99 above 0.50"
    )


def test_a_line_names_three_functions():
    """A line ends after the three hottest."""
    counts = {f"f{n}": n for n in range(1, 9)}
    found = line(full(windows=run_of_windows(10, counts)))
    assert "  |  8 % f8  7 % f7  6 % f6  |  " in found


def test_a_line_without_anything():
    """Where nothing was sampled, a line says so, and has no empty parts."""
    assert line(snapshot()) == (
        f"{AT}  running, no samples  |  no warning: the forecasts still learn"
    )
    exited = snapshot(target_state=TargetState.EXITED, target_since=NOW)
    assert line(exited) == (
        f"{AT}  exited, no samples  |  the target EXITED 0 s ago; what is shown is its last"
    )


def test_a_line_says_what_is_snoozed():
    """A warning that was snoozed on the screen is not lost where there is none."""
    [likely] = full().forecasts
    snoozed = decide(Item.of(likely), Decision.SNOOZED, NOW)
    assert line(full(verdicts=(snoozed,))).endswith("  |  no other warning  |  1 snoozed")


def test_a_line_is_one_line():
    """No name of the target breaks the line or reaches the terminal as it is."""
    stack = Stack((Frame("a\nb\x1b[2J", "f", 1),))
    found = line(full(windows=[Window(NOW - 1, NOW, 100, Mode.BLOCKING, {(MAIN, stack): 50})]))
    assert "  |  50 % a b�  |  " in found


def test_a_report():
    """A report says what is hot, what is measured and what may come, each with its noise."""
    assert report(full()).splitlines() == [
        "checkout  pid 4775  Python 3.11.7  on web-12",
        "running, started 3h12m ago",
        "",
        "FUNCTIONS  10.0 s at 100 Hz, blocking",
        "  coverage 100 %, errors 1.0 %",
        "  stops it ?, py-spy 7 % CPU",
        "   own %     ±  total %  function",
        "    40.0   3.9     40.0  work  app.py:7",
        "    10.0   2.0     10.0  idle  app.py:9",
        "     0.0   0.2     50.0  main  app.py",
        "",
        "METRICS",
        "  cpu                 143 %   process",
        "  rss                412 MB   process",
        "  p99{path=/a}       400 ms   process",
        "",
        "FORECAST",
        "  local: p99 > 0.5 for 10s: 84 % within 1 min  (usually 3 %); capped",
        "  LLM",
    ]


def test_what_tells_names_apart_is_not_cut():
    """Of functions and places the end, of metrics the labels in which they differ; also of wide
    letters no line is longer than 80 cells. A value that is old says so."""
    names = [f"CatalogueRepository{'漢' * 20}.find_all_by_{what}" for what in ("kind", "name")]
    counts = {
        Stack((Frame(name, "/srv/" + "deep" * 20 + "/x.py", 7),)): 20 + n
        for n, name in enumerate(names)
    }
    labels = [(("handler", "/cart"), ("method", method)) for method in ("GET", "POST")]
    seen = full(
        windows=run_of_windows(3, counts),
        series=[
            *(series("http_request_duration_seconds_p95", [1], labels=pairs) for pairs in labels),
            series("queue", [5], end=NOW - 40),
        ],
        baseline=Baseline({}, 300.0),
    )
    lines = report(seen).splitlines()
    assert [one for one in lines if cell_len(one) > 80] == []
    assert sum("find_all_by_kind  " in line for line in lines) == 1
    assert sum("find_all_by_name  " in line for line in lines) == 1
    assert [one.split()[0][-12:] for one in lines if "p95{" in one] == [
        "{method=GET}",
        "method=POST}",
    ]
    assert next(one for one in lines if "queue" in one).endswith("5   process, 40 s old")
    assert "漢.find_all_by_kind" in line(seen)


def test_a_report_of_what_happened_and_what_cannot_be_had():
    """Events are listed; a metric that may not be read has no figure, and says why."""
    key = SeriesKey("host\x1b[31m_uss", Origin.PROCESS, "B")
    breach = Event(NOW - 90, EventKind.BREACH, "p99 > 0.5\x1b[2J", "p99", NOW - 60)
    text = report(
        snapshot(
            series=[series("cpu", [143], unit="%")],
            unavailable=(Unavailable(key, "not permitted"),),
            events=(breach,),
        )
    )
    lines = text.splitlines()
    metrics, events = lines.index("METRICS"), lines.index("EVENTS")
    assert lines[metrics + 1].split() == ["cpu", "143", "%", "process"]
    assert lines[metrics + 2].split()[-4:] == ["–", "process:", "not", "permitted"]
    assert lines[events + 1].endswith("breach  p99  p99 > 0.5�  for 30 s  1m30s ago")
    assert "\x1b" not in text


def test_a_report_of_mixed_looks():
    """What perftui does to the target and what it cannot know are said as on the screen: mixed
    modes, the stopped and the cut share, torn totals with their ~, the GIL."""
    some = {"stopped_s": 0.01, "cut": 5, "woken": 1, "sampler_cpu_s": 0.07}
    windows = (
        *run_of_windows(8, COUNTS, end=NOW - 2, mode=Mode.NONBLOCKING, torn=True, **some),
        *run_of_windows(2, COUNTS, **some),
    )
    gil = (window(NOW - 1, NOW - 0.9, {"main": 7}, mode=Mode.GIL, sampler_cpu_s=0.0),)
    found = report(full(windows=windows, gil_windows=gil)).splitlines()
    assert found[3:8] == [
        "FUNCTIONS  10.0 s at 100 Hz, mixed",
        "  coverage 100 %, errors 0.0 %, cut 10 %, woke 2 %, GIL 70 %",
        "  stops it 1.0 %, py-spy 7 % CPU",
        "   own %     ±  total %  function",
        "    40.0   3.9    ~40.0  work  app.py:7",
    ]
    assert "  ~ some stacks were read without stopping the process" in found


def test_a_report_of_native_and_idle():
    """What else was looked for is said, and how long garbage was collected."""
    collects = (Frame("main", "/srv/app.py", 1), Frame("gc_collect_main", "gcmodule.c", 1))
    counts = {collects: 20, (Frame("main", "/srv/app.py", 1),): 20}
    windows = run_of_windows(3, counts, native=True, idle=True)
    found = report(full(since=NOW - 3, windows=windows)).splitlines()
    assert found[3:5] == [
        "FUNCTIONS  3.0 s at 100 Hz, blocking +idle +native",
        "  coverage 100 %, errors 0.0 %, GC 20 %",
    ]


def test_a_report_with_a_baseline():
    """Each own share says how it has changed since, with its margin; beyond the noise it has a
    mark, and what is not there any more stands below."""
    own = {Place("work", "/srv/app.py"): 120, Place("idle", "/srv/app.py"): 97}
    gone = {Place("gone", "/srv/old.py"): 300, Place("rare", "/srv/old.py"): 1}
    counts = {"main work:7": 40, "main idle:9": 10, "main fresh:11": 15}
    windows = run_of_windows(10, counts)
    found = report(full(windows=windows, baseline=Baseline(own | gone, 1000))).splitlines()
    assert found[6:12] == [
        "   own %     ±  total %    Δbase     ±  function",
        "    40.0   3.9     40.0    ▲28.0   4.5  work  app.py:7",
        "    15.0   2.4     15.0   NEW 15   2.4  fresh  app.py:11",
        "    10.0   2.0     10.0     +0.3   2.8  idle  app.py:9",
        "     0.0   0.2     65.0     +0.0   0.4  main  app.py",
        "       –     –        –  GONE 30   3.4  gone  old.py",
    ]
    assert found[12] == "  ▲ ▼ NEW GONE: own % has changed beyond the sampling noise"
    assert "Δbase" not in report(full())


def test_a_report_fits_a_terminal():
    """No line is longer than 80 characters, however long the names are; the line of a place
    stays."""
    long = "a_long_name_" * 20
    stack = (Frame(long, f"/srv/{long}.py", 123),)
    found = report(
        full(
            target=process(name="a long name " * 20),
            windows=run_of_windows(10, {stack: 50}, torn=True, mode=Mode.NONBLOCKING),
            baseline=Baseline({Place(long + "x", f"/srv/{long}.py"): 900}, 1000),
            series=[series("p99", [1], labels=(("path", long),)), series("cpu", [1], unit="%")],
            sources=[status("prometheus", SourceState.FAILED, "no answer from it " * 10)],
            forecasts=[forecast(probability=0.5, summary="it has been said at length " * 10)],
        )
    ).splitlines()
    assert [line for line in found if len(line) > 80] == []
    assert any(line.endswith("_.py:123") for line in found)


def test_a_report_without_samples():
    """What is not known is said to be so, not shown as zero."""
    found = report(snapshot(target=process(python=None))).splitlines()
    assert found[0] == "checkout  pid 4775  Python version not known  on web-12"
    assert "FUNCTIONS: no samples" in found


def test_a_report_where_nothing_ran():
    """It says so, and the option that shows the waits, in place of an empty table."""
    found = report(snapshot(windows=run_of_windows(3, {}))).splitlines()
    assert "  no Python code was running (-i shows where threads wait)" in found
    assert not any("total %" in line for line in found)
    found = report(snapshot(windows=run_of_windows(3, {}, idle=True))).splitlines()
    assert "  no Python code was running" in found


def test_a_report_of_an_exited_target():
    """A report about a target that has ended says since when."""
    found = report(full(target_state=TargetState.EXITED, target_since=NOW - 5)).splitlines()
    assert found[1:3] == ["exited, started 3h12m ago", "  since 5 s"]


def test_a_report_ends_its_table():
    """Of many functions the hottest are shown, and how many are not."""
    counts = {f"f{n:02}": 100 - n for n in range(FUNCTIONS + 3)}
    found = report(full(windows=run_of_windows(1, counts)))
    assert f"f{FUNCTIONS - 1:02}  app.py:1" in found
    assert f"f{FUNCTIONS:02}" not in found
    assert "  … and 3 more (--json has them all)" in found


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (
            forecast(state=ForecastState.LEARNING, learned=3, needed=30),
            "local: p99 > 0.5 for 10s: learning 3 of 30 points",
        ),
        (
            forecast(state=ForecastState.LEARNING, summary="no value of p99 yet"),
            "local: p99 > 0.5 for 10s: no value of p99 yet",
        ),
        (
            forecast(state=ForecastState.IN_BREACH, since=NOW - 75),
            "local: p99 > 0.5 for 10s: in breach for 1m15s",
        ),
        (
            forecast(Objective("rps", 1, above=False), by="m", probability=0.001),
            "m: rps < 1 for 1m: <1 % within 15 min",
        ),
    ],
)
def test_forecasts_in_a_report(made: object, said: str):
    """Each state of a forecast has its words."""
    assert f"  {said}" in report(snapshot(forecasts=[made])).splitlines()


def test_what_to_try():
    """What an analysis proposes stands below it."""
    made = forecast(probability=0.8, mitigations=(Mitigation("add\na worker", "", ""),))
    assert "      try: add a worker" in report(snapshot(forecasts=[made])).splitlines()


def test_sources_that_do_not_work():
    """Sources in trouble are named, those that work are not."""
    found = report(
        snapshot(sources=[status("host"), status("prometheus", SourceState.FAILED, "refused")])
    ).splitlines()
    assert found[-2:] == ["SOURCES", "  prometheus failed for 5 s: refused"]
    assert "SOURCES" not in report(snapshot(sources=[status("host")]))


@pytest.mark.parametrize(
    ("status_", "said"),
    [
        (LlmStatus(message="off: no consent"), "  LLM off: no consent"),
        (LlmStatus(LlmState.CAPPED, message="$50 spent"), "  LLM capped $50 spent"),
        (LlmStatus(LlmState.OK), "  LLM ok"),
    ],
)
def test_the_llm_in_a_report(status_: LlmStatus, said: str):
    """The LLM's state stands in the report."""
    assert said in report(snapshot(llm=status_)).splitlines()


def test_hostile_text_is_made_harmless():
    """Nothing of the target or a metric reaches the terminal as it is."""
    bad = "x\x1b]0;y\x07\u202e"
    found = report(
        snapshot(
            target=process(name=bad, host=bad),
            windows=[
                Window(NOW - 1, NOW, 100, Mode.BLOCKING, {(MAIN, Stack((Frame(bad, bad, 1),))): 1})
            ],
            series=[series(bad, [1], labels=((bad, bad),))],
            sources=[status("s", SourceState.FAILED, bad)],
            forecasts=[forecast(Objective(bad, 1), probability=0.5, summary=bad)],
            llm=LlmStatus(LlmState.FAILED, bad),
        )
    )
    assert not {"\x1b", "\x07", "\u202e"} & set(found)


def test_p99_is_named_by_its_objective():
    """Forecasts in text name the objective in the form in which it is typed."""
    assert str(P99) in report(snapshot(forecasts=[forecast(probability=0.1)]))
