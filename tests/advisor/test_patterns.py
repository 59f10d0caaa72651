"""Patterns of trouble: each fits what it is about and nothing calm, whatever names are."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from builders import NOW, points, run_of_windows, series, snapshot, target, window
from hypothesis import given
from hypothesis import strategies as st

from perftui.advisor.patterns import Patterns, shipped
from perftui.checked import Invalid, checked
from perftui.errors import UsageError
from perftui.model.findings import EvidenceKind, Finding
from perftui.model.series import Origin, Series
from perftui.model.snapshot import Snapshot
from perftui.model.stacks import CUT, Frame, Mode, Stack, Thread, Window
from perftui.pattern_settings import PatternFile, PatternSettings
from perftui.settings import Settings

LIB = "/usr/lib/python3.11"
SITE = f"{LIB}/site-packages"
APP = Frame("handle", "/srv/app.py", 3)
CALM: Mapping[Stack, int] = {Stack((APP, Frame("work", "/srv/app.py", 9))): 10}


def calls(*frames: tuple[str, str]) -> Stack:
    """The app's handler, and below it functions by name and file."""
    return Stack((APP, *(Frame(function, file, 1) for function, file in frames)))


def seen(
    now: Mapping[Stack, int],
    before: Mapping[Stack, int] = CALM,
    *found: Series,
    **more: Any,
) -> Snapshot:
    """Half a minute of windows like `now`, and two minutes like `before` ahead of them."""
    earlier = run_of_windows(120, before, end=NOW - 30)
    return snapshot(windows=[*earlier, *run_of_windows(30, now)], series=found, **more)


def rising(name: str, start: float = 100.0, pace: float = 1.0, **more: Any) -> Series:
    """A series of two minutes that rises by so much a second, but for a little noise."""
    return series(name, [start + pace * n + 0.3 * (n % 2) for n in range(120)], **more)


def flat(name: str, value: float, **more: Any) -> Series:
    return series(name, [value + 0.01 * value * (n % 3) for n in range(120)], **more)


def gil(share: float) -> tuple[Window, ...]:
    """Looks at the holder of the GIL, of which it was held in this share."""
    counts = {calls(): round(100 * share)}
    return run_of_windows(10, counts, mode=Mode.GIL)


def two_threads(stack: Stack) -> list[Window]:
    """Windows in which two threads are at work all the time."""
    threads = [Thread(1, n, f"t{n}") for n in (1, 2)]
    return [
        Window(
            NOW - n - 1, NOW - n, 100.0, Mode.BLOCKING, {(thread, stack): 95 for thread in threads}
        )
        for n in reversed(range(30))
    ]


JSON = calls(("loads", f"{LIB}/json/__init__.py"), ("raw_decode", f"{LIB}/json/decoder.py"))
LOOP = ("_run_once", f"{LIB}/asyncio/base_events.py")
HOLDS: dict[str, Snapshot] = {
    "gc-churn": snapshot(
        windows=run_of_windows(
            30, {calls(): 50, calls(("gc_collect_main", "python3.11")): 20}, native=True
        )
    ),
    "memory-leak": seen(CALM, CALM, rising("rss", 1e8, 1e6, unit="B")),
    "gil-convoy": snapshot(windows=two_threads(calls()), gil_windows=gil(0.97)),
    "lock-contention": seen({calls(("acquire", f"{LIB}/threading.py")): 40}),
    "blocking-call-in-event-loop": seen(
        {calls(LOOP, ("tell", "/srv/app.py"), ("send", f"{SITE}/requests/sessions.py")): 20}
    ),
    "many-queries": seen({calls(("execute", f"{SITE}/sqlalchemy/engine/base.py")): 50}),
    "json-cost": seen({JSON: 40}),
    "regex-backtracking": seen({calls(("match", f"{LIB}/re/__init__.py")): 30}),
    "growing-function": seen({calls(("merge", "/srv/app.py")): 70}),
    "logging-cost": seen({calls(("info", f"{LIB}/logging/__init__.py")): 20}),
    "connection-per-request": seen({calls(("getaddrinfo", f"{LIB}/socket.py")): 12}),
    "pool-exhausted": seen({calls(("_do_get", f"{SITE}/sqlalchemy/pool/impl.py")): 15}),
    "retry-storm": seen({calls(("sleep", f"{SITE}/tenacity/nap.py")): 5}),
    "cold-cache": seen(CALM, CALM, rising("page_cache_requests_total{result=miss}")),
    "cpu-throttled": seen(CALM, CALM, flat("cgroup_throttled", 30.0, unit="%")),
    "swapping": seen(CALM, CALM, flat("faults_major", 300.0, unit="1/s")),
    "descriptor-leak": seen(CALM, CALM, rising("fds", 100.0)),
    "import-at-request-time": seen(
        {calls(("_find_and_load", "<frozen importlib._bootstrap>")): 20}
    ),
    "disk-wait": seen(CALM, CALM, flat("host_iowait", 40.0, unit="%")),
    "no-cpu-left": snapshot(windows=run_of_windows(30, CALM, cpu_wait_s=0.5)),
    "slow-dependency": seen(
        {calls(("begin", f"{LIB}/http/client.py"), ("readinto", f"{LIB}/socket.py")): 60}
    ),
}


def names(found: Sequence[Finding]) -> list[str]:
    return [finding.name for finding in found]


@pytest.mark.parametrize("pattern", shipped(), ids=lambda pattern: pattern.name)
def test_each_shipped_pattern_holds_where_it_should(pattern: PatternSettings):
    """With what was seen, what to try with its risk, and what would disprove it."""
    found = {one.name: one for one in Patterns().look(HOLDS[pattern.name])}
    finding = found[pattern.name]
    assert finding.says == pattern.says
    assert finding.evidence
    assert [fact.id for fact in finding.evidence] == [
        f"S{n}" for n in range(1, len(finding.evidence) + 1)
    ]
    assert all(one.action and one.why and one.risk and one.listed for one in finding.mitigations)
    assert finding.mitigations
    assert finding.check


def test_there_are_enough_of_them_and_each_is_tested():
    """Fifteen at least, no name twice."""
    found = [pattern.name for pattern in shipped()]
    assert len(found) == len(set(found)) >= 15
    assert set(found) == set(HOLDS)


def test_a_calm_service_shows_none():
    """Steady metrics of every kind, and a profile as it was before."""
    calm = seen(
        CALM,
        CALM,
        flat("rss", 1e8, unit="B"),
        flat("fds", 80.0),
        flat("cgroup_throttled", 0.5, unit="%"),
        flat("host_iowait", 3.0, unit="%"),
        flat("faults_major", 0.0),
        flat("page_cache_requests_total{result=miss}", 5.0),
        gil_windows=gil(0.2),
    )
    assert Patterns().look(calm) == ()


NOT: dict[str, Snapshot] = {
    # First calls of what would be tried again.
    "retry-storm": seen({calls(("wrapped_f", f"{SITE}/tenacity/__init__.py")): 80}),
    # TLS of asyncio's own, in memory.
    "blocking-call-in-event-loop": seen(
        {calls(LOOP, ("_do_read", f"{LIB}/asyncio/sslproto.py"), ("read", f"{LIB}/ssl.py")): 20}
    ),
    # A worker that waits for work.
    "lock-contention": seen(
        {calls(("get", f"{LIB}/queue.py"), ("wait", f"{LIB}/threading.py")): 100}
    ),
    # A server's thread that waits for its client.
    "slow-dependency": seen(
        {calls(("handle", f"{LIB}/http/server.py"), ("readinto", f"{LIB}/socket.py")): 95}
    ),
    # Connections that are used, and a cache that is full.
    "pool-exhausted": seen(
        CALM, CALM, rising("db_pool_in_use"), rising("cache_pool_memory_used_bytes")
    ),
    "gc-churn": seen({calls(): 60}, CALM, rising("python_gc_collections_total{generation=2}")),
    # More of it, since more comes in.
    "cold-cache": seen(
        CALM, CALM, rising("page_cache_requests_total{result=miss}"), rising("http_requests_total")
    ),
    "descriptor-leak": seen(CALM, CALM, rising("fds"), rising("connections{state=established}")),
    # A process that warms up.
    "memory-leak": seen(
        CALM, CALM, rising("rss", 1e8, 1e6, unit="B"), target=target(started_at=NOW - 90)
    ),
}


@pytest.mark.parametrize("name", NOT)
def test_what_only_looks_like_it(name: str):
    """What healthy services do is no trouble."""
    assert name not in names(Patterns().look(NOT[name]))


@pytest.mark.parametrize("alike", [0.0, 0.9, 0.97])
def test_a_series_that_wanders_seldom_rises(alike: float):
    """Neighbours that resemble each other are fewer than they look."""
    chance, found = Random(1), 0
    for _ in range(40):
        value, values = 0.0, []
        for _ in range(300):
            value = alike * value + chance.gauss(0, 1)
            values.append(1e8 + 5e6 * value)
        found += bool(Patterns().look(seen(CALM, CALM, series("rss", values, unit="B"))))
    assert found <= 4


def test_a_step_is_no_rise():
    """Nor what was flat before and is flat since."""
    step = series("rss", [1e8] * 150 + [1.2e8] * 150, unit="B")
    assert Patterns().look(seen(CALM, CALM, step)) == ()


def test_nothing_is_said_of_nothing():
    """Neither without a profile nor with a moment of it."""
    patterns = Patterns()
    assert patterns.look(snapshot()) == ()
    assert patterns.look(snapshot(windows=run_of_windows(4, {JSON: 90}))) == ()


def test_the_evidence_names_the_function_and_what_was_before():
    """Shares of one core, now and before."""
    [finding] = [f for f in Patterns().look(seen({JSON: 40}, {JSON: 20})) if f.name == "json-cost"]
    [fact] = finding.evidence
    assert fact.text == "raw_decode and what it calls: 40 % of one thread's time, 20 % before"
    assert (fact.kind, fact.value, fact.unit) == (EvidenceKind.PROFILE, 40.0, "%")


def test_a_function_counts_once_in_each_stack():
    """However many of its frames are in it."""
    deep = calls(*[("_iterencode", f"{LIB}/json/encoder.py")] * 30)
    [finding] = [f for f in Patterns().look(seen({deep: 50})) if f.name == "json-cost"]
    assert finding.evidence[0].value == 50.0


def test_a_blocking_call_outside_the_loop_is_none():
    """In a thread of its own, or where the loop is called by it."""
    send = ("send", f"{SITE}/requests/sessions.py")
    for stack in (calls(send), calls(send, LOOP)):
        assert "blocking-call-in-event-loop" not in names(Patterns().look(seen({stack: 60})))


def test_what_is_below_a_cut_is_under_nobody():
    """The callers are not known there."""
    send = Frame("send", f"{SITE}/requests/sessions.py", 1)
    found = Patterns().look(seen({(CUT, send): 60}))
    assert "blocking-call-in-event-loop" not in names(found)


def test_unless_more_comes_in():
    """Memory that grows with the requests is no leak, nor is a function that has more to do."""
    rss, more = rising("rss", 1e8, 1e6, unit="B"), rising("http_requests_total{code=200}")
    assert names(Patterns().look(seen(CALM, CALM, rss))) == ["memory-leak"]
    assert names(Patterns().look(seen(CALM, CALM, rss, more))) == []
    busier = seen({calls(("merge", "/srv/app.py")): 70}, CALM, more)
    assert "growing-function" not in names(Patterns().look(busier))


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(rising("fds", 100.0, end=NOW - 60), id="stale"),
        pytest.param(series("fds", [100.0 + n for n in range(9)]), id="few points"),
        pytest.param(rising("fds", 100.0, pace=-0.5), id="falls"),
        pytest.param(series("fds", [100.0 + 30 * (n % 7) for n in range(120)]), id="noise"),
        pytest.param(series("fds", [100.0 + 0.01 * n for n in range(120)]), id="hardly"),
        pytest.param(series("my_fds", [100.0 + n for n in range(120)]), id="another name"),
    ],
)
def test_what_does_not_rise(found: Series):
    """A value that is old, too little of it, or a change within its noise says nothing."""
    assert Patterns().look(seen(CALM, CALM, found)) == ()


def own(text: str) -> PatternSettings:
    return checked(tomllib.loads(text), PatternFile).pattern[0]


def test_a_users_pattern_takes_the_place_of_a_shipped_one():
    """Of the same name; others stand beside them."""
    mine = own(
        '[[pattern]]\nname = "json-cost"\nsays = "Mine."\nneeds = [{ file = "json", above = 1 }]'
    )
    found = Patterns([mine]).look(seen({JSON: 40}))
    assert [finding.says for finding in found if finding.name == "json-cost"] == ["Mine."]
    other = own('[[pattern]]\nname = "x"\nsays = "X."\nneeds = [{ metric = "m.*", below = 3 }]')
    assert "x" in names(Patterns([other]).look(seen(CALM, CALM, flat("mm", 2.0))))
    assert "x" not in names(Patterns([other]).look(seen(CALM, CALM, flat("mm", 4.0))))


def test_a_share_that_rises():
    """Beyond its noise, and by some points."""
    mine = own('[[pattern]]\nname = "x"\nsays = "X."\nneeds = [{ file = "/json/", rising = true }]')
    assert "x" in names(Patterns([mine]).look(seen({JSON: 40}, {JSON: 20})))
    assert "x" not in names(Patterns([mine]).look(seen({JSON: 22}, {JSON: 20})))
    assert "x" not in names(Patterns([mine]).look(seen({JSON: 20}, {JSON: 40})))


def test_a_users_slow_expression_holds_nothing_up():
    """One that backtracks does not fit, and the others are looked for all the same."""
    slow = own(
        '[[pattern]]\nname = "slow"\nsays = "X."\nneeds = [{ function = "(a|aa)+$", above = 1 }]'
    )
    stack = calls(("a" * 60 + "!", "/srv/app.py"), ("loads", f"{LIB}/json/__init__.py"))
    patterns = Patterns([slow])
    found = names(patterns.look(seen({stack: 50})))
    assert "json-cost" in found
    assert "slow" not in found
    assert patterns.slow == ["(a|aa)+$"]


def test_a_users_expression_that_regex_cannot_take_is_named():
    """One sentence when the watch begins, not a traceback."""
    long = "|".join(f"metric_{n:03}" for n in range(60))
    mine = own(
        f'[[pattern]]\nname = "x"\nsays = "X."\nneeds = [{{ metric = "{long}", above = 1 }}]'
    )
    with pytest.raises(UsageError, match="The pattern 'x' has an expression that cannot be used"):
        Patterns([mine])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('needs = [{ metric = "a" }]', "above, below, rising or falling"),
        ('needs = [{ metric = "a", function = "b", above = 1 }]', "one of metric, figure, or"),
        ("needs = [{ above = 1 }]", "one of metric, figure, or"),
        ('needs = [{ function = "a", falling = true }]', "above and rising can be asked"),
        ('needs = [{ figure = "gil", rising = true }]', "above and below can be asked"),
        ('needs = [{ figure = "gill", above = 1 }]', "must be one of 'gil', 'active', 'gc'"),
        ('needs = [{ file = "(", above = 1 }]', "is no regular expression"),
        ("needs = []", "needs conditions"),
    ],
)
def test_a_pattern_that_can_be_none_says_why(text: str, said: str):
    """When it is read, not when it would hold."""
    with pytest.raises(Invalid, match=said):
        own(f'[[pattern]]\nname = "x"\nsays = "X."\n{text}')


def test_what_was_counted_of_windows_that_are_gone_is_forgotten():
    """A long watch holds what a snapshot has, no more."""
    patterns = Patterns()
    for n in range(5):
        windows = [window(NOW + 20 * n + t, NOW + 20 * n + t + 1, {JSON: 40}) for t in range(20)]
        patterns.look(replace(snapshot(windows=windows), taken_at=NOW + 20 * (n + 1)))
        assert set(patterns._search._windows) <= set(windows)


NAMES = st.text(max_size=30) | st.sampled_from(["json", "acquire", "[bold]", "\x1b[31m", "a" * 500])


@given(
    st.dictionaries(
        st.lists(st.tuples(NAMES, NAMES), min_size=1, max_size=5).map(tuple), st.integers(1, 90)
    ),
    st.lists(st.tuples(NAMES, st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=80)), max_size=4),
)
def test_whatever_names_are(stacks: Mapping[Any, int], metrics: Any):
    """Nothing is raised, and no text holds what a terminal obeys."""
    counts = {calls(*stack): count for stack, count in stacks.items()}
    found = [
        Series(series(name, [0.0], origin=Origin.SCRAPE).key, points(values))
        for name, values in metrics
    ]
    for finding in Patterns().look(seen(counts, CALM, *found, target=target())):
        assert all(fact.text.isprintable() for fact in finding.evidence)


def test_the_example_of_the_readme_is_one():
    """As it stands there, it is read, and holds where it says that it does."""
    text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    [example] = [
        part for part in re.findall(r"```toml\n(.*?)```", text, re.DOTALL) if "[[pattern" in part
    ]
    mine = checked(tomllib.loads(example), Settings).pattern
    render = calls(("render", f"{SITE}/jinja2/environment.py"))
    fewer = rising("http_requests_total{code=200}", 200.0, -1.0)
    assert mine[0].name in names(Patterns(mine).look(seen({render: 50}, CALM, fewer)))
    assert mine[0].name not in names(Patterns(mine).look(seen({render: 50})))


def test_each_process_has_a_gil_of_its_own():
    """Two busy workers of one thread each queue for none, whatever both together come to; one of
    them that has two threads does, and its pid is told."""

    def looks(counts: Mapping[Thread, int], mode: Mode) -> list[Window]:
        stacks = {(thread, calls()): count for thread, count in counts.items()}
        return [
            Window(NOW - n - 1, NOW - n, 100.0, mode, stacks, processes=2)
            for n in reversed(range(30))
        ]

    one, other, second = Thread(1, 1, "a"), Thread(2, 2, "b"), Thread(2, 3, "c")
    workers = snapshot(
        windows=looks({one: 90, other: 95}, Mode.BLOCKING),
        gil_windows=tuple(looks({one: 80, other: 90}, Mode.GIL)),
    )
    assert "gil-convoy" not in names(Patterns().look(workers))
    queue = snapshot(
        windows=looks({one: 90, other: 95, second: 95}, Mode.BLOCKING),
        gil_windows=tuple(looks({one: 80, other: 45, second: 50}, Mode.GIL)),
    )
    [found] = [f for f in Patterns().look(queue) if f.name == "gil-convoy"]
    assert [e.text for e in found.evidence] == [
        "the GIL is held 95 % of the time (pid 2)",
        "its threads are at work for 190 % of a core (pid 2)",
    ]


def test_the_gil_is_that_of_now():
    """A convoy of minutes ago is over."""
    old = tuple(replace(w, start=w.start - 120, end=w.end - 120) for w in gil(0.97))
    assert "gil-convoy" not in names(
        Patterns().look(snapshot(windows=two_threads(calls()), gil_windows=old))
    )
