"""What the query browser says of an answer."""

from __future__ import annotations

import tomllib

from rich.cells import cell_len

from perftui.model.query import QueryResult, Value
from perftui.settings import named_query
from perftui.tui.query_view import answer_lines, asking_lines, kept_lines


def value(number: float, **labels: str) -> Value:
    return Value(tuple(sorted(labels.items())), number)


def test_series_are_aligned_and_what_all_have_is_said_once():
    """Values end in one column; labels that all series have stand in one line above them."""
    values = (
        value(1762041234.5, job="api", code="200"),
        value(0.25, job="api", code="500", path="/cart, all"),
    )
    lines = answer_lines(QueryResult("m", values, 2), 60)
    assert [line.rstrip() for line in lines] == [
        "asked  m",
        "2 series",
        "",
        '         all  job="api"',
        '1762041234.5  code="200"',
        '        0.25  code="500", path="/cart, all"',
    ]
    assert {cell_len(line) for line in lines[3:]} == {60}


def test_one_series_has_all_its_labels():
    """A single series stands in one line, one without labels too."""
    [*_, line] = answer_lines(QueryResult("m", (value(3.0, job="api", n="a"),), 1), 40)
    assert line.strip() == '3  job="api", n="a"'
    [*_, line] = answer_lines(QueryResult("m", (value(3.0),), 1), 40)
    assert line.strip() == "3  {}"


def test_what_is_not_shown_is_counted():
    """Series below the highest, and those without a number, are counted apart."""
    two = (value(2, n="a"), value(1, n="b"))
    assert answer_lines(QueryResult("m", two, 2), 80)[1] == "2 series"
    assert answer_lines(QueryResult("m", two, 7, left_out=5), 80)[1] == "the 2 highest of 7 series"
    assert answer_lines(QueryResult("m", two, 9, left_out=5), 80)[1] == (
        "the 2 highest of 7 series; 2 more without a number (NaN or Inf) or with the labels of"
        " another"
    )
    assert answer_lines(QueryResult("m", (), 3), 80)[1:] == [
        "3 series, none with a number at present (NaN or Inf)"
    ]


def test_no_series_and_errors_are_said():
    """An empty answer says so, an error is Prometheus's own; the query stands above both."""
    assert answer_lines(QueryResult("up"), 80) == [
        "asked  up",
        "no series: nothing fits at present",
    ]
    assert answer_lines(QueryResult("sum(", error="1:5: unclosed left parenthesis."), 80) == [
        "asked  sum(",
        "✗ 1:5: unclosed left parenthesis.",
    ]


def test_a_query_under_way_says_how_long_it_can_take():
    """While Prometheus is waited for, the query and the bound of the wait are there."""
    assert asking_lines("up") == ["asked  up", "waiting for Prometheus, 5 s at most"]


def test_what_comes_from_prometheus_is_text():
    """Labels and errors lose what a terminal would obey, and keep to their own line and width."""
    values = (
        value(1, x="\x1b]0;owned\x07[/red]\nnew", y="漢字" * 40),
        value(2, x="\u202egnp", y="b"),
    )
    lines = answer_lines(QueryResult("m\x1b[2J", values, 2), 40)
    lines += answer_lines(QueryResult("m", error="bad\x1b]0;owned\x07\nend"), 40)
    assert all(line.isprintable() for line in lines)
    assert "owned" not in "".join(lines)
    assert "�[/red] new" in lines[3]
    assert {cell_len(line) for line in lines[3:5]} == {40}


def test_the_lines_to_copy_read_back():
    """What is kept is said with how often it is asked, and TOML reads the lines as they stand."""
    metric = named_query("p99", 'up{job="x"}  > 0', "s")
    lines = kept_lines(metric, 5.0)
    assert lines[0].startswith("kept as p99: in the metrics panel, asked every 5 s")
    assert tomllib.loads("\n".join(lines[3:]))["metric"] == [
        {"name": "p99", "query": 'up{job="x"}  > 0', "unit": "s"}
    ]
    hidden = kept_lines(named_query("a", "up\u202e"), 5.0)
    assert all(line.isprintable() for line in hidden)
