"""PromQL, as far as it may leave the host."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llm_samples import SECRET, series, snapshot

from perftui.advisor import prompt
from perftui.advisor.evidence import facts
from perftui.advisor.public_query import MOST, public_query
from perftui.advisor.redact import Pseudonyms
from perftui.model.series import Origin
from perftui.settings import NUMBERS_ONLY
from perftui.sources.packs import all_packs

P99 = (
    "histogram_quantile(0.99, sum by (le, shop) (rate("
    'http_request_duration_seconds_bucket{instance="$instance", shop=~"a}b|c"}[1m] offset 5m)))'
)


@pytest.mark.parametrize(
    ("query", "told"),
    [
        (
            P99,
            "histogram_quantile(0.99, sum (rate(http_request_duration_seconds_bucket[1m] offset"
            " 5m)))",
        ),
        ("up{job='x'} == 1 # of shop-7", "up == 1"),
        ('label_replace(up, "shop", "$1", "instance", "(.*):.*")', "label_replace(up, , , , )"),
        ("a / on (shop) group_left (pod) b", "a / b"),
        ("sum(a) without (shop)", "sum(a)"),
        ("sum BY (shop) (a)", "sum (a)"),
        ("a * ON (shop) Group_Left (pod) b", "a * b"),
        ("a + on (shop) group_left b", "a + b"),
        ("sum(a) by (le # :) of mine\n, shop)", "sum(a)"),
        ('{__name__="secret_thing", shop="x"}', ""),
        ("job:errors:rate5m > 1.5e3", "job:errors:rate5m > 1.5e3"),
        ("topk($k, rate(x[5m]))", "topk(, rate(x[5m]))"),
        ("süß_metrik + up", "m_1 + up"),
        ('up{shop="never closed', "up"),
    ],
)
def test_functions_and_metrics_are_told_alone(query, told):
    """No matcher, label, text, variable or comment."""
    assert public_query(query, Pseudonyms()) == told


def test_metrics_in_it_go_as_metrics_do():
    """As m_N where none is named, or where a name is odd or looks like a secret."""
    assert public_query("rate(hits[5m])", Pseudonyms(NUMBERS_ONLY)) == "rate(m_1[5m])"
    assert public_query("api_key_AKIAABCDEFGHIJKLMNOP", Pseudonyms()) == "m_1"


def test_a_long_one_is_cut():
    """The table has little room."""
    assert len(public_query(" + ".join(f"metric_{n}" for n in range(100)), Pseudonyms())) <= MOST


WORDS = st.text("abc{}()[]\"'`\\ #=~,\n$1", max_size=20)


@given(before=WORDS, inside=WORDS)
def test_no_value_of_a_label_is_told(before, inside):
    """Whatever stands around it, in a query that Prometheus takes."""
    value = json.dumps(f"Zq7{inside}")
    assert "Zq7" not in public_query(f"up{{x={value}}} + {json.dumps(before)} + up", Pseudonyms())


@pytest.mark.parametrize("query", [q for pack in all_packs() for q in pack.queries])
def test_what_is_shipped_can_be_told(query):
    """Each ready-made query says something, and holds no label."""
    told = public_query(query.query, Pseudonyms())
    assert told and told.count("(") >= told.count(")")
    assert "{" not in told and '"' not in told


def test_it_stands_beside_its_metric():
    """That of Prometheus alone; a metric of the same name from elsewhere has none."""
    picture = snapshot(
        series_=[
            series("p99", 1, 2, 3, origin=Origin.PROMETHEUS),
            series("cpu", 1, 2, 3),
        ]
    )
    queries = {"p99": f'rate(latency{{shop="{SECRET}"}}[1m])', "cpu": "up"}
    table = facts(replace(picture, queries=queries))
    rows = json.loads(prompt.request(table, Pseudonyms(), "m").content)["metrics"]
    assert {row["name"]: row.get("query") for row in rows} == {
        "p99": "rate(latency[1m])",
        "cpu": None,
    }
