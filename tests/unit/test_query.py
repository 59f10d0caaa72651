"""Named queries, packs, the lines that keep a query, and a server's clock."""

from __future__ import annotations

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from perftui.checked import checked
from perftui.model.query import toml_lines
from perftui.setting_values import BUILT_IN_METRICS
from perftui.settings import MetricSettings, Settings
from perftui.sources.packs import all_packs, fitting
from perftui.sources.promql import needed
from perftui.sources.skew import Skew


@given(st.text(), st.text(), st.text())
def test_toml_lines_read_back(name: str, query: str, unit: str):
    """Whatever name, query and unit are, TOML reads the lines back as they were."""
    [entry] = tomllib.loads(toml_lines(name, query, unit))["metric"]
    assert entry == {"name": name, "query": query, **({"unit": unit} if unit else {})}


def test_toml_lines_are_readable():
    """A query with double quotes stands in single ones, and the settings accept the lines."""
    lines = toml_lines("p99", 'up{job="x"}', "s")
    assert lines == '[[metric]]\nname = "p99"\nquery = \'up{job="x"}\'\nunit = "s"\n'
    assert checked(tomllib.loads(lines), Settings).metric[0].name == "p99"


def test_text_that_is_no_text_does_not_break_the_lines():
    """A lone surrogate becomes a mark, as TOML cannot hold it."""
    assert tomllib.loads(toml_lines("a", "b\ud800"))["metric"][0]["query"] == "b\ufffd"


def test_every_pack_can_be_taken():
    """Packs have names of their own, queries that the settings accept, and known variables."""
    packs = all_packs()
    names = [query.name for pack in packs for query in pack.queries]
    assert len({pack.name for pack in packs}) == len(packs)
    assert len(set(names)) == len(names)
    assert BUILT_IN_METRICS.isdisjoint(names)
    for pack in packs:
        for query in pack.queries:
            MetricSettings(name=query.name, query=query.query, unit=query.unit, limit=query.limit)
            assert needed(query.query) >= needed(pack.where)


def test_packs_fit_where_all_that_they_need_exists():
    """A pack fits if every metric that it needs is there."""
    packs = all_packs()
    assert fitting(packs, set()) == ()
    every = {need for pack in packs for need in pack.needs}
    assert fitting(packs, every) == packs
    python = next(pack for pack in packs if pack.name == "python")
    assert python not in fitting(packs, every - {"python_gc_collections_total"})


def test_a_clock_that_is_nearly_right_is_left_alone():
    """Within two seconds, or while an answer took long, nothing is shifted."""
    skew = Skew()
    for sent, received, at in ((100.0, 100.1, 101.9), (100.0, 104.0, 105.5), (100.0, 100.1, 98.2)):
        skew.note(sent, received, at)
        assert (skew.shift_s, skew.note_text) == (0.0, "")


def test_a_clock_that_is_off_is_shifted_by_whole_seconds_and_steadily():
    """The shift stays while the measure moves a little, and ends when the clock is set."""
    skew = Skew()
    skew.note(1000.0, 1000.2, 1300.4)
    assert skew.shift_s == 300.0
    skew.note(1005.0, 1006.8, 1307.0)
    assert skew.shift_s == 300.0
    assert skew.note_text.startswith("its clock is 5m ahead of this host's")
    skew.note(1010.0, 1010.2, 1010.1)
    assert skew.shift_s == 0.0
