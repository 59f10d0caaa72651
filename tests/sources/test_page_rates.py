"""From the text of a /metrics page to series, without any I/O."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics

from perftui.errors import SourceError
from perftui.model.series import Origin
from perftui.sources.exposition import (
    MAX_LINE,
    MAX_LINES,
    NotMetrics,
    is_openmetrics,
    metric_of,
    read_page,
)
from perftui.sources.page_rates import (
    MAX_LABEL,
    MOST_SERIES,
    OF_PROCESS,
    SERIES_PER_NAME,
    Look,
    Rates,
    quantile,
    unit_of,
)
from perftui.sources.scrape import wanted_by

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def looks(*pages: str, every: float = 5.0, rates: Rates | None = None) -> Look:
    """The last of several looks, `every` seconds apart."""
    rates = rates or Rates()
    found = [
        rates.look(1000.0 + every * i, read_page(page.encode(), TEXT))
        for i, page in enumerate(pages)
    ]
    return found[-1]


def values(look: Look) -> dict[str, float]:
    """Name and labels -> value."""
    return {
        key.name + "".join(f",{n}={v}" for n, v in key.labels): point.value
        for key, point in look.points
    }


def counter(value: float, name: str = "http_requests_total", labels: str = "") -> str:
    return f"# TYPE {name} counter\n{name}{labels} {value}\n"


def histogram(*buckets: float, labels: str = "", bounds: tuple[str, ...] = ("0.1", "1")) -> str:
    """Cumulative counts of the bounds and of +Inf."""
    comma = "," if labels else ""
    lines = [
        f'h_seconds_bucket{{{labels}{comma}le="{bound}"}} {count}'
        for bound, count in zip((*bounds, "+Inf"), buckets, strict=True)
    ]
    braces = f"{{{labels}}}" if labels else ""
    lines += [f"h_seconds_sum{braces} 1", f"h_seconds_count{braces} {buckets[-1]}"]
    return "\n".join(lines) + "\n"


HISTOGRAM = "# TYPE h_seconds histogram\n"


def test_a_counter_becomes_a_rate_from_the_second_look_on():
    """The first look gives no rate; the second the increase a second."""
    assert values(looks(counter(10))) == {}
    look = looks(counter(10), counter(20))
    assert values(look) == {"http_requests_total": 2.0}
    key, point = look.points[0]
    assert (key.origin, key.unit, key.limit, point.at) == (Origin.SCRAPE, "/s", None, 1005.0)


def test_a_counter_that_falls_begins_anew_from_nought():
    """After a restart what is counted since then is the increase."""
    assert values(looks(counter(100), counter(5))) == {"http_requests_total": 1.0}


@pytest.mark.parametrize("content_type", [TEXT, OPENMETRICS])
def test_a_counter_that_was_created_anew_begins_from_nought_even_if_it_is_higher(content_type):
    """The time of its creation tells of a restart that the value does not show."""

    def page(value: int, created: float) -> bytes:
        if content_type == OPENMETRICS:
            return f"# TYPE a counter\na_total {value}\na_created {created}\n# EOF\n".encode()
        created_at = f"# TYPE a_created gauge\na_created {created}\n"
        return (counter(value, "a_total") + created_at).encode()

    rates = Rates()
    rates.look(1000.0, read_page(page(10, 1.0), content_type))
    look = rates.look(1005.0, read_page(page(20, 2.0), content_type))
    assert values(look) == {"a_total": 4.0}


def test_a_child_that_is_new_has_no_rate_yet():
    """What was not on the last page may have been counted for long."""
    look = looks(counter(1), counter(2) + 'http_requests_total{code="500"} 7\n')
    assert values(look) == {"http_requests_total": 0.2}


def test_gauges_stay_as_they_are_and_nan_and_inf_are_left_out():
    """A gauge is its value; what is no finite number is no point."""
    page = '# TYPE g gauge\ng{a="1"} 3\ng{a="2"} NaN\ng{a="3"} +Inf\n# TYPE t gauge\nt -1.5\n'
    assert values(looks(page)) == {"g,a=1": 3.0, "t": -1.5}


def test_what_has_no_type_is_a_gauge_unless_its_name_says_counter():
    """`_total` makes a counter of what has no type."""
    assert values(looks("a 1\nb_total 5\n", "a 2\nb_total 10\n")) == {"a": 2.0, "b_total": 1.0}


def test_infos_and_moments_are_left_out():
    """What holds only labels, or a moment in Unix seconds, is nothing to draw."""
    page = (
        '# TYPE python_info gauge\npython_info{v="3"} 1\n'
        "# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds 1.7e9\n"
        "# TYPE job_last_timestamp_seconds gauge\njob_last_timestamp_seconds 1.7e9\n"
    )
    assert values(looks(page)) == {}


def test_states_of_a_set_are_noughts_and_ones():
    """Each state of a set is a series of its own."""
    page = b'# TYPE s stateset\ns{s="on"} 1\ns{s="off"} 0\n# EOF\n'
    look = Rates().look(1.0, read_page(page, OPENMETRICS))
    assert values(look) == {"s,s=on": 1.0, "s,s=off": 0.0}


def test_a_histogram_becomes_quantiles_of_what_came_between_two_looks():
    """Observations from before the first look do not count."""
    look = looks(HISTOGRAM + histogram(1000, 1000, 1000), HISTOGRAM + histogram(1000, 1100, 1100))
    found = values(look)
    assert found["h_seconds_p50"] == pytest.approx(0.55)
    assert found["h_seconds_p99"] == pytest.approx(0.1 + 0.9 * 0.99)
    assert found["h_seconds_count"] == 20.0
    assert {key.name: key.unit for key, _ in look.points} == {
        "h_seconds_p50": "s",
        "h_seconds_p95": "s",
        "h_seconds_p99": "s",
        "h_seconds_count": "/s",
    }


def test_a_histogram_without_new_observations_has_a_rate_of_nought_and_no_quantile():
    """There is no quantile of nothing."""
    page = HISTOGRAM + histogram(1, 2, 3)
    assert values(looks(page, page)) == {"h_seconds_count": 0.0}


def test_a_histogram_that_falls_begins_anew():
    """After a restart all that is in it is new."""
    found = values(looks(HISTOGRAM + histogram(50, 60, 60), HISTOGRAM + histogram(10, 10, 10)))
    assert found["h_seconds_count"] == 2.0
    assert found["h_seconds_p50"] == pytest.approx(0.05)


def test_a_histogram_with_labels_is_one_series_first_and_one_for_each_label_set():
    """What people want first is all of it; one label set alone is not drawn twice."""
    before = histogram(0, 0, 0, labels='m="a"') + histogram(0, 0, 0, labels='m="b"')
    after = histogram(10, 10, 10, labels='m="a"') + histogram(0, 30, 30, labels='m="b"')
    found = values(looks(HISTOGRAM + before, HISTOGRAM + after))
    assert found["h_seconds_count"] == 8.0
    assert found["h_seconds_count,m=a"] == 2.0
    assert found["h_seconds_p50"] == pytest.approx(0.1 + 0.9 * 10 / 30)
    one = values(looks(HISTOGRAM + before.split("h_seconds_count")[0], HISTOGRAM + after))
    assert "h_seconds_count" in one


def test_summaries_keep_their_quantiles_and_get_a_rate():
    """The quantiles are the service's own."""
    page = '# TYPE s_seconds summary\ns_seconds{{quantile="0.5"}} 0.2\ns_seconds_sum 9\n'
    page += 's_seconds{{quantile="0.999"}} NaN\ns_seconds_count {}\n'
    look = looks(page.format(10), page.format(20))
    assert values(look) == {"s_seconds_p50": 0.2, "s_seconds_count": 2.0}


def test_the_highest_series_of_a_name_are_kept_and_the_rest_counted():
    """Ten of a name, by value now."""
    page = "# TYPE g gauge\n" + "".join(f'g{{i="{i}"}} {i}\n' for i in range(25))
    look = looks(page)
    assert look.left_out == 15
    assert sorted(values(look).values()) == [float(i) for i in range(15, 25)]
    assert len(look.points) == SERIES_PER_NAME


def test_the_well_known_come_first_where_there_are_too_many():
    """Latency and requests over HTTP stay, whatever stands before them."""
    page = "".join(f"# TYPE x{i} gauge\nx{i} 1\n" for i in range(MOST_SERIES + 50))
    page += "# TYPE http_requests_in_flight gauge\nhttp_requests_in_flight 7\n"
    look = looks(page)
    assert len(look.points) == MOST_SERIES
    assert look.left_out == 51
    assert look.points[0][0].name == "http_requests_in_flight"


def test_labels_are_bounded_sorted_and_harmless():
    """A label is data: short, on one line, nothing that a terminal obeys."""
    page = "# TYPE g gauge\n" + 'g{z="' + "x" * 500 + '",a="\x1b[31mred"} 1\n'
    ((key, _),) = looks(page).points
    assert [name for name, _ in key.labels] == ["a", "z"]
    assert "\x1b" not in key.labels[0][1]
    assert len(key.labels[1][1]) <= MAX_LABEL


def test_several_pages_are_told_apart_by_their_instance():
    """A label of that name on the page itself stays, as Prometheus keeps it."""
    page = '# TYPE g gauge\ng{instance="own"} 1\n'
    ((key, _),) = looks(page, rates=Rates("h:1")).points
    assert key.labels == (("exported_instance", "own"), ("instance", "h:1"))


def test_what_perftui_sees_of_the_process_itself_can_be_left_out():
    """The families of the process are not there twice."""
    page = "# TYPE process_open_fds gauge\nprocess_open_fds 9\n# TYPE g gauge\ng 1\n"
    assert values(Rates().look(1.0, read_page(page.encode(), TEXT), OF_PROCESS)) == {"g": 1.0}
    cpu = read_page(counter(1, "process_cpu_seconds_total").encode(), TEXT)
    assert cpu[0].name in OF_PROCESS


@pytest.mark.parametrize("name", ["x_seconds", "x_seconds_total", "x_seconds_count"])
def test_units_come_from_the_end_of_a_name(name: str):
    """`_seconds` is s, whatever the type adds."""
    assert unit_of(name) == "s"
    assert (unit_of("x_bytes"), unit_of("x_ratio"), unit_of("x_percent")) == ("B", "", "%")


# --- quantiles


def test_quantiles_are_those_of_prometheus():
    """Linear in the bucket, from 0 in the first one, the highest finite bound for +Inf."""
    buckets = {0.1: 10.0, 1.0: 20.0, math.inf: 40.0}
    assert quantile(0.125, buckets) == pytest.approx(0.05)
    assert quantile(0.375, buckets) == pytest.approx(0.55)
    assert quantile(0.9, buckets) == 1.0
    assert quantile(0.5, {0.1: 0.0, math.inf: 0.0}) is None
    assert quantile(0.5, {0.1: 1.0, 1.0: 1.0}) is None
    assert quantile(0.5, {math.inf: 1.0}) is None
    assert quantile(0.5, {-1.0: 5.0, math.inf: 5.0}) == -1.0


@given(
    st.lists(st.integers(0, 1000), min_size=2, max_size=12),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_a_quantile_is_within_the_bounds_and_rises_with_its_share(
    added: list[int], one: float, other: float
):
    """Whatever the buckets hold."""
    total, buckets = 0.0, {}
    for place, count in enumerate(added):
        total += count
        buckets[math.inf if place == len(added) - 1 else float(place + 1)] = total
    low, high = (quantile(share, buckets) for share in sorted((one, other)))
    if total == 0:
        assert low is None
        return
    assert low is not None and high is not None
    assert 0 <= low <= high + 1e-9 <= len(added) - 1 + 1e-6


# --- the page


REGISTRY = CollectorRegistry()
Counter("c", "a counter", ["l"], registry=REGISTRY).labels("x").inc(3)
Gauge("g_bytes", "a gauge", registry=REGISTRY).set(5)
Histogram("lat_seconds", "latency", registry=REGISTRY).observe(0.3)
Summary("s", "a summary", registry=REGISTRY).observe(1)


def test_both_formats_of_a_page_give_the_same_series():
    """What prometheus-client writes is read, as text and as OpenMetrics."""
    pages = (
        (generate_latest(REGISTRY), TEXT),
        (openmetrics.generate_latest(REGISTRY), OPENMETRICS),
    )
    found = []
    for body, content_type in pages:
        rates = Rates()
        rates.look(1.0, read_page(body, content_type))
        found.append(values(rates.look(2.0, read_page(body, content_type))))
    assert found[0] == found[1]
    assert found[0] == {
        "lat_seconds_count": 0.0,
        "c_total,l=x": 0.0,
        "g_bytes": 5.0,
        "s_count": 0.0,
    }
    assert is_openmetrics(OPENMETRICS) and not is_openmetrics(TEXT)


@pytest.mark.parametrize(
    ("body", "content_type", "said"),
    [
        ("<!doctype html><p>Hello", "text/html", "web page"),
        ("  <html>", TEXT, "web page"),
        ('{"status": "ok"}', "application/json", "at line 1"),
        ("a 1\nb 2\nc three\n", TEXT, "at line 3"),
        ("OK", TEXT, "at line 1"),
        ("# TYPE a gauge\na 1\n", OPENMETRICS, "Missing # EOF"),
        ("# TYPE a counter\na 1\na 2\n# EOF\n", OPENMETRICS, "OpenMetrics"),
        ("a" * (MAX_LINE + 1), TEXT, "characters in line 1"),
        ("a 1\n" * (MAX_LINES + 1), TEXT, f"more than {MAX_LINES} lines"),
    ],
)
def test_a_page_that_is_none_says_which_line_is_wrong(body: str, content_type: str, said: str):
    """Nothing of it is used."""
    with pytest.raises(NotMetrics, match=said) as caught:
        read_page(body.encode(), content_type)
    assert caught.value.fix


def test_bytes_that_are_no_text_are_no_metrics():
    """A page is UTF-8."""
    with pytest.raises(NotMetrics, match="UTF-8"):
        read_page(b"\xff\xfe", TEXT)


def test_a_huge_page_can_be_read_where_the_settings_name_what_of_it():
    """Lines of other metrics are not parsed, and not counted."""
    body = "\n".join(f'other{{i="{i}"}} 1' for i in range(2 * MAX_LINES))
    body += "\n# TYPE g gauge\ng 7\n" + HISTOGRAM + histogram(1, 2, 3)
    found = read_page(body.encode(), TEXT, wanted_by(["g", "h_.*"]))
    assert [family.name for family in found] == ["g", "h_seconds"]
    assert len(found[1].samples) == 5


def test_a_name_selects_all_samples_of_its_family():
    """The name of a histogram selects its buckets too; a pattern fits whole names."""
    wanted = wanted_by(["h_seconds"])
    page = (HISTOGRAM + histogram(1, 2, 3) + "h_seconds_more 1\n").encode()
    assert [len(family.samples) for family in read_page(page, TEXT, wanted)] == [5]
    assert wanted_by([]) is None


def test_a_pattern_that_takes_too_long_is_said():
    """It cannot hold the source."""
    wanted = wanted_by(["(a|aa)+$x"])
    assert wanted is not None
    with pytest.raises(SourceError, match="takes too long"):
        wanted("a" * 60 + "!")


def test_a_line_tells_of_one_metric():
    """By its name, whatever the form of the line."""
    assert metric_of("# TYPE a counter") == "a"
    assert metric_of("# a comment") is None
    assert metric_of('a{b="c"} 1') == "a"
    assert metric_of("a\t1") == "a"
    assert metric_of('{"a.b",c="d"} 1') == "a.b"
    assert metric_of("# EOF") is None
    assert metric_of("") is None


LINES = st.one_of(
    st.text(max_size=60),
    st.text("abc_{}\"=,\\ 01.eE+-#NaInf\t'", max_size=60),
    st.sampled_from(
        (
            *("# TYPE a counter", "# TYPE h histogram", "# TYPE", "# HELP a x", "# EOF", ""),
            *('h_bucket{le="1"} 1', "a_total 1", "a 1 2 3", '{"a b"} 1', 'a{x="\\"} 1'),
            f"a {'9' * 400}",
        )
    ),
)


@given(st.lists(LINES, max_size=8), st.booleans(), st.booleans())
def test_no_page_whatever_is_in_it_raises_anything_but_what_a_source_says(
    lines: list[str], strict: bool, choose: bool
):
    """A page is read as a whole or not at all, and what was read gives finite points."""
    body = "\n".join(lines).encode(errors="replace")
    wanted = wanted_by(["a.*"]) if choose else None
    try:
        families = read_page(body, OPENMETRICS if strict else TEXT, wanted)
    except SourceError as error:
        assert error.message.endswith(".")
        return
    rates = Rates()
    for at in (1.0, 2.0):
        assert all(math.isfinite(p.value) for _, p in rates.look(at, families).points)


@given(st.lists(st.integers(0, 10**6), min_size=2, max_size=20))
def test_the_rates_of_a_counter_add_up_to_what_was_counted(counted: list[int]):
    """Through every reset."""
    rates, total = Rates(), 0.0
    for i, value in enumerate(counted):
        look = rates.look(float(i), read_page(counter(value).encode(), TEXT))
        total += sum(point.value for _, point in look.points)
    steps = pairwise(counted)
    assert total == pytest.approx(sum(b - a if b >= a else b for a, b in steps))
