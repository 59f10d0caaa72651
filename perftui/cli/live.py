"""The live screen: ``perftui PID``, a picker first, or a program that is started for it."""

from __future__ import annotations

import argparse
import sys
import time
from contextlib import ExitStack

from perftui.cli.baseline import baseline_of
from perftui.cli.choose import on_target, settings_for
from perftui.config import state_path
from perftui.errors import NotPython, UsageError
from perftui.model.target import Target
from perftui.monitor import Monitor
from perftui.settings import Settings

VERDICT_S = 3.0
"""How long the screen waits for py-spy's word on a process that does not look like Python, and for
a program that it has started to become one."""


def live(arguments: argparse.Namespace) -> int:
    """``perftui``: watch the process that is named, started, or picked on the screen."""
    settings = settings_for(arguments)
    if arguments.command is not None:
        require_terminal()  # before the program is started in vain

    def watch(target: Target | None) -> int:
        require_terminal()
        return show(arguments, settings, target)

    return on_target(arguments, watch, VERDICT_S)


def require_terminal() -> None:
    """UsageError where there is no terminal to draw on and to read keys from."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            "The screen needs a terminal.", "Without one, use perftui snapshot or perftui watch."
        )


def show(arguments: argparse.Namespace, settings: Settings, target: Target | None) -> int:
    """Run the screen on `target`, or on what its picker gives, until the user quits."""
    baseline = baseline_of(arguments)

    with ExitStack() as opened:

        def watch(chosen: Target) -> Monitor:
            monitor = Monitor(
                chosen,
                settings,
                llm_allowed=settings.llm.consent,
                llm_forbidden=arguments.no_llm,
                llm_asks=True,
                baseline=baseline,
                state=state_path(),
            )
            opened.callback(monitor.stop)
            monitor.start()
            return monitor

        # The sampler starts before the screen is imported: both take about as long.
        monitor = watch(target) if target is not None else None
        from perftui.target.describe import describe
        from perftui.target.find import Finder
        from perftui.tui.app import PerftuiApp

        started_here = arguments.command is not None  # it may yet become Python
        if monitor is not None and not (started_here or monitor.target_looks_like_python()):
            _refuse_unless_sampled(monitor)
        app = PerftuiApp(
            monitor,
            candidates=Finder().candidates,
            attach=lambda pid: watch(describe(pid)),
        )
        app.run()
        return app.return_code or 0


def _refuse_unless_sampled(monitor: Monitor) -> None:
    """py-spy has the last word on what is Python: NotPython once it says so, before the screen
    opens; whatever else goes wrong is shown there."""
    deadline = monitor.clock() + VERDICT_S
    while monitor.clock() < deadline and not monitor.latest.windows:
        if isinstance(monitor.profiler_error, NotPython):
            raise monitor.profiler_error
        if monitor.profiler_error is not None:
            return
        time.sleep(0.02)
