"""What Prometheus is asked and what it answers, on plain data."""

from __future__ import annotations

import ast
import contextlib
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perftui.errors import SourceError
from perftui.model.series import Point
from perftui.sources.alerts import firing
from perftui.sources.discovery import find_target
from perftui.sources.promql import (
    MAX_TEXT,
    NotPrometheus,
    QueryFailed,
    Sample,
    Variables,
    needed,
    read_answer,
    read_names,
    read_ranges,
    read_samples,
    short,
    substitute,
)

HOST = Variables(pid=42, host="web-12", instance="10.0.0.1:8000", job="shop")


# --- substitution


def test_the_four_variables_are_filled_in():
    """Each of the four variables becomes its value inside a string literal."""
    query = """a{p="$pid",h='$host',i=`$instance`,j="x-$job-y"}"""
    assert substitute(query, HOST) == ("""a{p="42",h='web-12',i=`10.0.0.1:8000`,j="x-shop-y"}""")


def test_outside_a_literal_a_variable_becomes_a_whole_expression():
    """Outside of a literal the pid is a number and the others are string literals."""
    query = 'label_replace(up == $pid, "h", $host, "", "")'
    assert substitute(query, HOST) == 'label_replace(up == 42, "h", "web-12", "", "")'


@pytest.mark.parametrize(
    "query",
    [
        'a{b=~"x$"}',
        'a{b=~"$1|$pidgin|$hosts|$Job|$instance_id"}',
        'label_replace(a, "b", "${1}$0", "c", "(.*)")',
        "a # for $host and $instance",
        "a$",
        'a{b="unterminated',
    ],
)
def test_every_other_dollar_stays(query: str):
    """A query without the four words, outside of its comments, stays as it is."""
    assert substitute(query, Variables(1, "h")) == query
    assert needed(query) == frozenset()


def test_the_variables_of_a_query_are_known_before_it_runs():
    """The variables that a query needs are found inside and outside of literals."""
    assert needed('a{b="$job"} > $pid or c{d=`$instance`} # $host') == {"job", "pid", "instance"}


@pytest.mark.parametrize("name", ["instance", "job"])
def test_an_unknown_variable_names_its_setting(name: str):
    """A query with an unknown variable fails with the reason and the setting that mends it."""
    unknown = Variables(42, "h", why_unknown="process 42 listens on no port")
    with pytest.raises(QueryFailed) as failure:
        substitute(f'a{{b="${name}"}}', unknown)
    assert str(failure.value) == (
        f'${name} is not known, as process 42 listens on no port. Set [prometheus] {name} = "…".'
    )


@pytest.mark.parametrize("name", ["pod", "namespace", "node", "container"])
def test_a_place_is_filled_in_or_named(name: str):
    """The variables of places are labels like the others; an unknown one names its setting."""
    query = f'a{{b="${name}"}} + $k'
    known = Variables(42, "h", k=3, places={name: "x-1"})
    assert needed(query) == {name, "k"}
    assert substitute(query, known) == 'a{b="x-1"} + 3'
    assert known.labels == {name: "x-1"}
    with pytest.raises(QueryFailed) as failure:
        substitute(query, Variables(42, "h"))
    assert str(failure.value) == (
        f"${name} is not known, as nothing here tells the {name} of process 42."
        f' Set [prometheus] {name} = "…".'
    )


def test_an_unknown_variable_in_a_comment_does_no_harm():
    """A comment may name a variable that is not known."""
    assert substitute("a # $job", Variables(42, "h")) == "a # $job"


@given(st.text(st.characters(codec="utf-8")), st.sampled_from("\"'"))
def test_no_value_can_end_its_literal(value: str, quote: str):
    """Whatever a value holds, the literal around it reads back as that value."""
    variables = Variables(1, "h", instance=value)
    query = substitute(f"{quote}<$instance>{quote}", variables)
    assert ast.literal_eval(query) == f"<{value}>"
    assert ast.literal_eval(substitute("$instance", variables)) == value


def test_a_raw_literal_that_cannot_hold_a_value_is_refused():
    """A backtick in a value cannot stand in a `…` literal, so the query is refused."""
    with pytest.raises(QueryFailed, match="backtick"):
        substitute("a{b=`$host`}", Variables(1, "x`} or up or vector(1) #"))


@given(st.text(st.characters(codec="utf-8", exclude_characters="$")))
def test_a_query_without_dollars_stays(query: str):
    """Substitution changes nothing but variables."""
    assert substitute(query, HOST) == query


# --- answers


def success(kind: str, result: object) -> bytes:
    return json.dumps(
        {"status": "success", "data": {"resultType": kind, "result": result}}
    ).encode()


def samples_of(kind: str, result: object) -> tuple[Sample, ...]:
    return read_samples(read_answer(200, success(kind, result))).samples


finite = st.floats(allow_nan=False, allow_infinity=False)
label_sets = st.dictionaries(
    st.from_regex(r"[a-z]{1,8}", fullmatch=True),
    st.text("abc .:/-", max_size=20).map(lambda text: " ".join(text.split())),
    max_size=4,
)


@given(
    st.lists(
        st.tuples(label_sets, finite), max_size=20, unique_by=lambda x: str(sorted(x[0].items()))
    )
)
def test_a_vector_gives_its_series_highest_first(series: list[tuple[dict[str, str], float]]):
    """Every series of a vector comes back with its labels, time and value, highest first."""
    result = [
        {"metric": {"__name__": "m", **labels}, "value": [1795343583.995, repr(value)]}
        for labels, value in series
    ]
    found = samples_of("vector", result)
    assert sorted(found) == sorted(
        Sample(tuple(sorted(labels.items())), Point(1795343583.995, value))
        for labels, value in series
    )
    values = [sample.point.value for sample in found]
    assert values == sorted(values, reverse=True)


def test_of_a_vector_the_highest_are_kept():
    """With a limit the highest samples come in order, the rest is counted."""
    result = [{"metric": {"n": str(n)}, "value": [7.5, str(n % 50)]} for n in range(100)]
    answer = read_samples({"resultType": "vector", "result": result}, most=3)
    assert [sample.point.value for sample in answer.samples] == [49.0, 49.0, 48.0]
    assert (answer.returned, answer.left_out, answer.at) == (100, 97, 7.5)


def test_ranges_are_read_for_the_wanted_series_alone():
    """A range gives the finite points of the series that are wanted."""
    result = [
        {"metric": {"__name__": "m", "n": "a"}, "values": [[1, "5"], [2, "NaN"], [3.5, "7"]]},
        {"metric": {"n": "b"}, "values": "of another shape, and not wanted"},
    ]
    wanted = (("n", "a"),)
    found = read_ranges({"resultType": "matrix", "result": result}, [wanted, (("n", "c"),)])
    assert found == {wanted: (Point(1, 5.0), Point(3.5, 7.0))}


def test_a_scalar_is_one_series_without_labels():
    """A scalar gives one sample at Prometheus's own time."""
    assert samples_of("scalar", [12.5, "3"]) == (Sample((), Point(12.5, 3.0)),)


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf"])
def test_what_is_no_number_gives_no_point(value: str):
    """NaN and the infinities give no point, but count as returned, so they are not an error."""
    answer = read_samples({"resultType": "scalar", "result": [1.0, value]})
    assert answer.samples == ()
    assert answer.returned == 1


@pytest.mark.parametrize(
    ("kind", "result", "reason"),
    [
        ("string", [1.0, "5"], "it gives a string, not numbers."),
        ("matrix", [], "it gives ranges of values."),
        ("vector", [{"metric": {}, "histogram": [1.0, {}]}], "it gives histograms."),
    ],
)
def test_results_that_are_no_samples_are_refused(kind: str, result: object, reason: str):
    """A string that looks like a number, ranges and histograms are refused in a sentence."""
    with pytest.raises(QueryFailed) as failure:
        samples_of(kind, result)
    assert failure.value.message == reason


@pytest.mark.parametrize(
    ("kind", "result"),
    [
        ("vector", {}),
        ("vector", ["x"]),
        ("vector", [{"metric": {}}]),
        ("vector", [{"metric": {"a": 1}, "value": [1, "1"]}]),
        ("vector", [{"metric": {}, "value": [1, 1]}]),
        ("vector", [{"metric": {}, "value": [True, "1"]}]),
        ("vector", [{"metric": {}, "value": [math.nan, "1"]}]),
        ("scalar", [1, "one"]),
        ("scalar", ["1", "1"]),
        ("scalar", [10**400, "1"]),
        ("surprise", []),
    ],
)
def test_json_of_another_shape_is_not_prometheus(kind: str, result: object):
    """A result of a shape that Prometheus does not document is no Prometheus's."""
    with pytest.raises(NotPrometheus, match="another shape"):
        samples_of(kind, result)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
almost_answers = st.fixed_dictionaries(
    {"status": st.sampled_from(["success", "error"]) | json_values},
    optional={
        "error": json_values,
        "data": st.fixed_dictionaries(
            {
                "resultType": st.sampled_from(["vector", "scalar", "string", "matrix"]),
                "result": json_values
                | st.lists(st.fixed_dictionaries({"metric": json_values, "value": json_values})),
                "activeTargets": json_values
                | st.lists(st.fixed_dictionaries({"labels": json_values})),
            }
        )
        | json_values,
    },
)


@given(
    st.integers(100, 599),
    st.binary()
    | json_values.map(lambda v: json.dumps(v).encode())
    | almost_answers.map(lambda v: json.dumps(v).encode()),
)
def test_no_answer_breaks_the_parser(status: int, body: bytes):
    """Any bytes give samples or a short sentence of plain text, never another exception."""
    try:
        data = read_answer(status, body, "http://user:secret@elsewhere/")
        find_target(data, Variables(1, "h"), {80}, {"h"})
        firing(data, {"instance": "x"})
        for read in (lambda d: read_ranges(d, [()]), read_names):
            with contextlib.suppress(NotPrometheus):
                read(data)
        answer = read_samples(data)
    except SourceError as error:
        assert len(error.message) < MAX_TEXT + 60
        assert error.message.isprintable()
        assert "secret" not in error.message
    else:
        assert all(math.isfinite(sample.point.value) for sample in answer.samples)


def test_deep_json_is_not_prometheus():
    """JSON that is nested deeper than Python can read is a failure like any other."""
    with pytest.raises(NotPrometheus):
        read_answer(200, b"[" * 1_000_000)


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (302, b"", "redirects to http://elsewhere/x, which is not followed."),
        (401, b"{}", "refuses access (HTTP 401 Unauthorized)."),
        (403, b"<html>", "refuses access (HTTP 403 Forbidden)."),
        (500, b"oops", "answers HTTP 500 Internal Server Error."),
        (503, b"Service Unavailable", "answers HTTP 503 Service Unavailable."),
        (599, b"", "answers HTTP 599."),
        (200, b" <!doctype html>", "answers with a web page in place of JSON."),
        (200, b'{"status":"succ', "answers with broken JSON, perhaps cut off."),
        (200, b"", "answers with something that is not JSON."),
        (200, b'{"status":"success"}', "answers with JSON of another shape."),
        (200, b"[]", "answers with JSON of another shape."),
    ],
)
def test_every_bad_answer_has_its_sentence(status: int, body: bytes, message: str):
    """Each kind of answer that is not Prometheus's is told apart."""
    with pytest.raises(NotPrometheus) as failure:
        read_answer(status, body, "http://user:secret@elsewhere/x")
    assert failure.value.message == message


@pytest.mark.parametrize("status", [400, 422, 503])
def test_a_refused_query_has_prometheus_own_reason(status: int):
    """Prometheus's own reason is what a refused query fails with."""
    body = json.dumps({"status": "error", "errorType": "x", "error": "1:5: parse error: oops."})
    with pytest.raises(QueryFailed) as failure:
        read_answer(status, body.encode())
    assert failure.value.message == "1:5: parse error: oops."


@given(st.text())
def test_the_servers_text_is_cut_and_printable(text: str):
    """Text of the server has no control characters and at most 200 characters."""
    shown = short(text)
    assert len(shown) <= MAX_TEXT
    assert not any(c in shown for c in "\x00\x07\x1b\x7f\x9b\n\r\t\u202e\u2028")


def test_hostile_labels_are_data():
    """Escape sequences in labels become a mark, line breaks a space; long ones are cut."""
    [sample] = samples_of(
        "vector",
        [{"metric": {"a": "x\x1b[31m\ny\u202e", "b": "z" * 999}, "value": [1, "1"]}],
    )
    labels = dict(sample.labels)
    assert labels["a"] == "x� y�"
    assert len(labels["b"]) == MAX_TEXT


def test_labels_that_are_the_same_once_cut_give_one_series():
    """Series that cannot be told apart once their labels are cut never mix: the highest is kept."""
    long = "z" * MAX_TEXT
    found = samples_of(
        "vector",
        [
            {"metric": {"a": long + "1"}, "value": [1, "1"]},
            {"metric": {"a": long + "2"}, "value": [1, "2"]},
        ],
    )
    assert [sample.point.value for sample in found] == [2.0]


# --- the target


def targets(*entries: tuple[str, str, str]) -> dict[str, object]:
    return {
        "activeTargets": [
            {"labels": {"instance": instance, "job": job}, "scrapeUrl": url}
            for instance, job, url in entries
        ]
    }


SHOP = ("shop:8000", "shop", "http://127.0.0.1:8000/metrics")
NODE = ("node:9100", "node", "http://127.0.0.1:9100/metrics")
HERE = {"127.0.0.1", "localhost", "::1", "web-12"}
NONE_KNOWN = Variables(42, "web-12")


def test_the_target_is_found_by_its_port_on_this_host():
    """The instance and job are the labels of the target at a port that the process listens on."""
    found = find_target(targets(NODE, SHOP), NONE_KNOWN, {8000, 8001}, HERE)
    assert (found.instance, found.job, found.why_unknown) == ("shop:8000", "shop", "")


@pytest.mark.parametrize(
    "url", ["http://[::1]:8000/m", "http://localhost:8000/m", "http://WEB-12.:8000/m"]
)
def test_this_host_has_several_names(url: str):
    """Names and addresses of this host are all this host, in any case."""
    assert find_target(targets(("i", "j", url)), NONE_KNOWN, {8000}, HERE).job == "j"


@pytest.mark.parametrize(
    ("url", "port"), [("http://web-12/metrics", 80), ("https://web-12/metrics", 443)]
)
def test_a_url_without_a_port_has_its_schemes_port(url: str, port: int):
    """A target at the scheme's usual port is found by that port."""
    assert find_target(targets(("i", "j", url)), NONE_KNOWN, {port}, HERE).instance == "i"


def test_the_same_port_on_another_host_is_not_the_target():
    """A target of another host is never taken for this one, and the reason says what was sought."""
    other = ("db:8000", "shop", "http://db:8000/metrics")
    found = find_target(targets(other, NODE), NONE_KNOWN, {8000}, HERE)
    assert (found.instance, found.job) == (None, None)
    assert found.why_unknown == "no active target of Prometheus is on this host at port 8000"


def test_a_process_without_ports_says_so():
    """A process that listens on nothing cannot be found, and the reason says so."""
    found = find_target(targets(SHOP), NONE_KNOWN, set(), HERE)
    assert found.why_unknown == "process 42 listens on no port"


def test_several_fitting_targets_are_not_guessed_among():
    """Where two jobs scrape the same page, what they agree on is known and the rest is not."""
    twice = ("shop:8000", "canary", SHOP[2])
    found = find_target(targets(SHOP, twice), NONE_KNOWN, {8000}, HERE)
    assert (found.instance, found.job) == ("shop:8000", None)
    assert found.why_unknown == (
        "several targets of Prometheus fit (canary/shop:8000, shop/shop:8000)"
    )


def test_what_the_settings_name_narrows_the_search():
    """A job or an instance in the settings is kept, and finds the other."""
    twice = ("shop:8000", "canary", SHOP[2])
    by_job = Variables(42, "web-12", job="canary")
    assert find_target(targets(SHOP, twice), by_job, {8000}, HERE).instance == "shop:8000"
    by_instance = Variables(42, "web-12", instance="node:9100")
    assert find_target(targets(SHOP, NODE), by_instance, set(), HERE).job == "node"


def test_an_instance_that_prometheus_does_not_know_says_so():
    """An instance of the settings that no target has leaves the job unknown, with the reason."""
    found = find_target(targets(SHOP), Variables(1, "h", instance="typo:1"), {8000}, HERE)
    assert (found.instance, found.job) == ("typo:1", None)
    assert "typo:1" in found.why_unknown
