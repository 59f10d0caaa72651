"""The query browser on a real terminal, with Debian's Prometheus."""

from __future__ import annotations

import re
from typing import Any

import pytest
from servers import BURN, Prometheus
from terminal import Open

pytestmark = pytest.mark.live


@pytest.mark.parametrize("size", [(120, 36), (80, 24)], ids=["wide", "narrow"])
def test_a_query_is_tried_and_kept(
    size: tuple[int, int], terminal: Open, python_target: Any, prometheus: Prometheus
) -> None:
    """From the palette a query is typed, refused in Prometheus's own words, mended, answered and
    kept; its lines are in the terminal's clipboard, and the metrics panel shows it."""
    target = python_target(BURN)
    tmux = terminal(*size)
    tmux.take_clipboard()
    tmux.run(target.pid, "--prometheus", prometheus.url)
    tmux.wait("● LIVE", re.compile(r"burn +\S*target.py:\d+"))
    tmux.keys("C-p")
    tmux.wait("Search")
    tmux.type("query")
    tmux.wait("PromQL: try it, keep it", without="Leave perftui")  # all of them are listed first
    tmux.keys("Enter")
    tmux.wait("type PromQL", "Ctrl+S keep", "Esc close")
    # Letters that are keys elsewhere, q and / among them.
    tmux.type("sum(up/up", "Enter")
    tmux.wait("asked  sum(up/up", "✗", "parse error")
    tmux.keys("C-u")
    tmux.type('scalar(up{job="prometheus"}) * 41 + 1', "Enter")
    tmux.wait("1 series", re.compile(r"^ *42  \{\}", re.MULTILINE))
    tmux.keys("C-u")
    tmux.type("prometheus_http_requests_total", "Enter")
    tmux.wait(
        re.compile(r"the 10 highest of \d+ series|[2-9] series"),
        re.compile(r'all  .*instance="127\.0\.0\.1:\d+"'),
        re.compile(r'^ *\d+  .*handler="/', re.MULTILINE),
    )
    tmux.keys("C-u")
    tmux.type("vector(42) unless vector(41) == 42", "Enter")
    tmux.wait("asked  vector(42) unless", re.compile(r"^ *42  \{\}", re.MULTILINE))
    tmux.keys("C-s")
    tmux.wait("its name in the metrics panel")
    tmux.type("rss", "Enter")
    tmux.wait("name 'rss': is the name of a metric")
    tmux.keys("C-u")
    tmux.type("q_answers", "Enter")
    tmux.wait("its unit")
    tmux.type("B", "Enter")
    tmux.wait("kept as q_answers", "[[metric]]", 'name = "q_answers"', 'unit = "B"', "42  {}")
    tmux.keys("C-y")
    tmux.wait("Copied")
    assert tmux.clipboard() == (
        '[[metric]]\nname = "q_answers"\nquery = "vector(42) unless vector(41) == 42"\nunit = "B"\n'
    )
    tmux.keys("Escape")
    tmux.wait("● LIVE", without="kept as")
    if size == (80, 24):
        tmux.keys("Tab")
    tmux.wait(re.compile(r"q_answers +.*42 B"))
    tmux.keys("q")
    tmux.back()


def test_the_palette_without_a_prometheus(terminal: Open, python_target: Any) -> None:
    """Where no Prometheus is set, the command says what to do."""
    target = python_target(BURN)
    tmux = terminal(80, 24)
    tmux.run(target.pid)
    tmux.wait("● LIVE", re.compile(r"burn +\S*target.py:\d+"))
    tmux.keys("C-p")
    tmux.wait("Search")
    tmux.type("query")
    tmux.wait("PromQL: try it, keep it", without="Leave perftui")  # all of them are listed first
    tmux.keys("Enter")
    tmux.wait("start perftui with", without="Search")
    tmux.keys("q")
    tmux.back()
