"""``perftui demo``: the lab's service, its load and a fault, watched on the live screen."""

from __future__ import annotations

import argparse

from perftui.cli.choose import ended_by_signals
from perftui.cli.live import require_terminal, show
from perftui.cli.options import settings_of

OBJECTIVE = {
    "metric": "cpu",
    "above": 80.0,
    "for": "10s",
    "horizon": "1m",
    "label": "the service's CPU above 80 % of one core",
}
"""One core is what a single Python process can use; the fault takes it step by step."""


def demo(arguments: argparse.Namespace) -> int:
    """Run the lab for as long as the screen is open."""
    from perftui.lab.faults import find_fault

    find_fault(arguments.fault)
    require_terminal()
    settings = settings_of(arguments, below={"objective": [OBJECTIVE]})
    from perftui.lab.demo import Lab
    from perftui.target.describe import describe

    with ended_by_signals(), Lab(arguments.fault) as lab:
        return show(arguments, settings, describe(lab.pid))
