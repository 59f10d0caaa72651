"""``perftui demo``: the lab's service, its load and a fault, watched on the live screen."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from perftui.cli.choose import ended_by_signals
from perftui.cli.live import require_terminal, show
from perftui.cli.options import settings_of

if TYPE_CHECKING:
    from perftui.lab.demo import Lab

MOST_LATENCY_S, MOST_WAITING, MOST_GROWTH_B = 0.15, 30, 80e6
"""What is too much: three times and more of what the service takes when it is calm."""


def demo(arguments: argparse.Namespace) -> int:
    """Run the lab for as long as the screen is open."""
    from perftui.lab.faults import find_fault

    find_fault(arguments.fault)
    require_terminal()
    settings_of(arguments)  # what is wrong there is said before anything is started
    from perftui.lab.demo import Lab
    from perftui.target.describe import describe

    with ended_by_signals(), Lab(arguments.fault) as lab:
        return show(arguments, settings_of(arguments, below=below(lab)), describe(lab.pid))


def below(lab: Lab) -> dict[str, Any]:
    """The settings of a demo: the service's metrics, and an objective for where the fault shows."""
    import psutil

    from perftui.lab.faults import LATENCY

    metric = lab.fault.metric
    if metric == LATENCY:
        above, label = MOST_LATENCY_S, f"p95 latency above {1000 * MOST_LATENCY_S:.0f} ms"
    elif metric == "rss":
        above = psutil.Process(lab.pid).memory_info().rss + MOST_GROWTH_B
        label = f"memory {MOST_GROWTH_B / 1e6:.0f} MB above what it began with"
    else:
        above, label = MOST_WAITING, f"more than {MOST_WAITING} receipts waiting"
    objective = {"metric": metric, "above": above, "label": label, "for": "10s", "horizon": "30s"}
    return {
        "objective": [objective],
        "scrape": [{"url": lab.metrics_url, "every": "1s"}],
        "notice": {"scrape": False},
    }
