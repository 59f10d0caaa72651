"""The commands without a screen: ``snapshot`` and ``watch``."""

from __future__ import annotations

import argparse
import json
import time

from perftui.cli.baseline import baseline_of
from perftui.cli.choose import on_target, settings_for
from perftui.config import state_path
from perftui.errors import NoSuchTarget, SourceError, TargetError, UsageError
from perftui.model.document import document
from perftui.model.target import Target, TargetState
from perftui.monitor import ANSWER_S, TICK_S, Monitor
from perftui.monitor import SPAN_S as WHOLE_S
from perftui.settings import Settings

POLL_S = 0.05
SPAN_S = 10.0
"""What a line of `watch` looks back on: one second alone would be mostly noise."""
START_S = 15.0
"""How long the first window may take before a headless command gives up."""


def snapshot(arguments: argparse.Namespace) -> int:
    """``perftui snapshot``: look for some seconds, print one document."""
    settings = settings_for(arguments)

    def look(target: Target | None) -> int:
        # Looking takes as long as it is told to, and waits for the LLM: all of it is kept whole.
        span_s = arguments.seconds + 2 * START_S + ANSWER_S
        monitor = _monitor(arguments, settings, target, span_s)
        try:
            monitor.start()
            started_here = arguments.command is not None
            begun = _begin(monitor, started_here=started_here, patience_s=START_S)
            _sleep(monitor, begun + arguments.seconds)
            if arguments.llm and not arguments.no_llm:
                monitor.wait_for_advisor()
        finally:
            monitor.stop()  # the last window is there only after that
        seen = monitor.last_snapshot(begun)
        if arguments.json:
            print(json.dumps(document(seen), indent=2))
        else:
            from perftui.cli.text import report

            print(report(seen))
        return 0

    return on_target(arguments, look, START_S)


def watch(arguments: argparse.Namespace) -> int:
    """``perftui watch``: print a line per second until the target ends or is let go."""
    from perftui.cli.text import line

    settings = settings_for(arguments)

    def look(target: Target | None) -> int:
        monitor = _monitor(arguments, settings, target, SPAN_S)

        def tell() -> None:
            seen = monitor.snapshot(since=max(begun, monitor.clock() - SPAN_S))
            print(json.dumps(document(seen)) if arguments.jsonl else line(seen), flush=True)

        try:
            monitor.start()
            due = begun = _begin(monitor, started_here=arguments.command is not None)
            while True:
                due = max(due + TICK_S, monitor.clock())
                _sleep(monitor, due)
                if monitor.target_state() is TargetState.EXITED:
                    break
                tell()
        finally:
            monitor.stop()
        tell()  # with the last window, which is there only now
        return 0

    return on_target(arguments, look, START_S)


def _monitor(
    arguments: argparse.Namespace, settings: Settings, target: Target | None, span_s: float
) -> Monitor:
    if target is None:
        raise UsageError("No process is named.", "Give its id: perftui COMMAND PID.")
    # Consent in the settings is for the screen, where the user sees what is asked.
    return Monitor(
        target,
        settings,
        llm_allowed=arguments.llm,
        llm_forbidden=arguments.no_llm,
        span_s=max(span_s, WHOLE_S),
        baseline=baseline_of(arguments),
        state=state_path(),
    )


def _begin(monitor: Monitor, *, started_here: bool, patience_s: float = 0.0) -> float:
    """When to look from (Unix seconds): where the profile begins; raises why there is none.

    A program that was `started_here` may become Python later, in `patience_s` at least. One that
    has ended is no error, and without patience neither is one that is something else so far.
    """
    deadline = monitor.clock() + patience_s
    while True:
        try:
            return _wait_for_profile(monitor)
        except TargetError:
            if not started_here:
                raise
            if not patience_s or monitor.target_state() is TargetState.EXITED:
                return monitor.clock()
            if monitor.clock() > deadline:
                raise
            time.sleep(POLL_S)


def _wait_for_profile(monitor: Monitor) -> float:
    """When the profiler first looked (Unix seconds); raises why it cannot."""
    deadline = monitor.clock() + START_S
    while monitor.clock() < deadline:
        ended = monitor.profiler_ended  # asked first: what it left is in the snapshot then
        seen = monitor.snapshot()
        if seen.windows:
            return seen.windows[0].start
        if monitor.profiler_error is not None:
            raise monitor.profiler_error
        if seen.target_state is TargetState.STOPPED:
            return seen.taken_at
        if seen.target_state is TargetState.EXITED and ended:
            raise NoSuchTarget("The process ended before it could be sampled.", "Check its id.")
        time.sleep(POLL_S)
    raise SourceError(f"py-spy gave no profile within {START_S:.0f} s.", "Try --nonblocking.")


def _sleep(monitor: Monitor, until: float) -> None:
    """Wait until then (Unix seconds), or until the target has ended."""
    while (left := until - monitor.clock()) > 0:
        if monitor.target_state() is TargetState.EXITED:
            return
        time.sleep(min(POLL_S, left))
