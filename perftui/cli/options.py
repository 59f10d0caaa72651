"""The arguments that commands share, and how they become settings."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from perftui.config import load
from perftui.model.objective import parse_objective
from perftui.settings import Settings


def positive(text: str) -> float:
    """A number above 0, like one of seconds, for argparse."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 86400:
        raise argparse.ArgumentTypeError(f"{text!r} is no number between 0 and 86400")
    return value


def _pid(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is no process id")
    return int(text)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is no TCP port")
    return int(text)


_PROCESS = """\
One that runs, or, behind --, a program to start. That one has no terminal
and no stdin, and what it prints goes to a file. When it ends, its exit code
becomes perftui's. If it still runs when perftui ends, it ends too, with all
that it has started: by SIGTERM, and after 2 s by SIGKILL."""


def add_target(parser: argparse.ArgumentParser) -> None:
    """The ways to name the process; the parser itself takes a program to start, behind `--`."""
    group = parser.add_argument_group("the process", _PROCESS)
    group.add_argument("pid", nargs="?", type=_pid, metavar="PID", help="its process id")
    group.add_argument("--pid", type=_pid, metavar="PID", dest="pid_option", help="the same")
    group.add_argument(
        "--name", metavar="PATTERN", help="a regular expression that its command line fits"
    )
    group.add_argument("--port", type=_port, metavar="N", help="a TCP port that it listens on")
    group.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="with -- COMMAND: the file for its stdout and stderr (a private temporary one)",
    )


def add_settings(parser: argparse.ArgumentParser) -> None:
    """The flags that stand over environment and files."""
    sampling = parser.add_argument_group("sampling (py-spy's own options)")
    sampling.add_argument(
        "-r",
        "--rate",
        type=int,
        metavar="HZ",
        help="samples a second (100, less with many threads)",
    )
    sampling.add_argument(
        "-s",
        "--subprocesses",
        action="store_true",
        default=None,
        help="its child processes too (by itself, when one of them is Python)",
    )
    sampling.add_argument(
        "--no-subprocesses", action="store_false", dest="subprocesses", help="never its children"
    )
    for letter, name, text in (
        ("-g", "gil", "only what holds the GIL"),
        ("-i", "idle", "idle threads too"),
        ("-n", "native", "native frames too"),
        ("-t", "threads", "a row per function and thread"),
        ("-F", "function", "functions by their first line"),
    ):
        sampling.add_argument(letter, f"--{name}", action="store_true", default=None, help=text)
    sampling.add_argument(
        "--nonblocking",
        action="store_true",
        default=None,
        help="never stop the process (else: in most windows, where stopping it is dear)",
    )
    sampling.add_argument(
        "--blocking",
        action="store_false",
        dest="nonblocking",
        help="stop it for each sample, as often as --max-overhead allows",
    )
    for name, metavar, text in (
        ("max-overhead", "PCT", "the most of its time that the process may be stopped (1)"),
        ("max-sampler-cpu", "PCT", "the most that py-spy may take of a core (15)"),
        ("duty", "PCT", "how much of the time to look at all (all, where that is affordable)"),
    ):
        sampling.add_argument(f"--{name}", type=float, metavar=metavar, help=text)
    sampling.add_argument(
        "--sudo",
        action="store_true",
        default=None,
        help="py-spy alone as root, by sudo -n: for the process of another user",
    )
    sampling.add_argument(
        "--baseline", metavar="FILE", help="a saved snapshot --json document to compare with"
    )
    metrics = parser.add_argument_group("metrics and objectives")
    metrics.add_argument("--prometheus", metavar="URL", help="a Prometheus server to ask")
    metrics.add_argument(
        "--query",
        action="append",
        type=_query,
        metavar="NAME=PROMQL",
        help="a metric to show; $pid, $host, $instance, $job, $k, $pod, $namespace, $node and"
        " $container are filled in",
    )
    metrics.add_argument(
        "--pack",
        action="append",
        metavar="NAME",
        help="ready-made queries to ask, like python; auto: all whose metrics exist",
    )
    metrics.add_argument(
        "--objective",
        action="append",
        type=_objective,
        metavar="TEXT",
        help="what may not happen, like 'p99 > 0.5 for 1m' (its horizon: 'within 15m')",
    )
    metrics.add_argument(
        "--scrape",
        action="append",
        metavar="URL",
        help="a /metrics page to read every 5 s, without a Prometheus",
    )
    metrics.add_argument(
        "--no-scrape-notice",
        action="store_true",
        help="never ask the ports of the process whether they serve /metrics",
    )
    metrics.add_argument(
        "--log",
        action="append",
        metavar="FILE",
        help="a log file: its lines and errors a second (the lines are neither kept nor sent)",
    )
    llm = parser.add_argument_group("LLM")
    llm.add_argument("--llm", action="store_true", help="let an LLM explain (sends figures to it)")
    llm.add_argument("--no-llm", action="store_true", help="send nothing, whatever else is set")
    llm.add_argument("--llm-every", metavar="TIME", help="how often to ask it (60s)")
    llm.add_argument("--llm-url", metavar="URL", help="where it is (ANTHROPIC_BASE_URL)")
    llm.add_argument("--model", metavar="NAME", help="which one (claude-haiku-5-5)")


def _query(text: str) -> dict[str, Any]:
    name, separator, query = text.partition("=")
    if not (separator and name.strip() and query.strip()):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=PROMQL")
    return {"name": name.strip(), "query": query.strip()}


def _packs(names: list[str] | None) -> str | list[str] | None:
    return "auto" if names and "auto" in names else names


def _objective(text: str) -> dict[str, Any]:
    try:
        parsed = parse_objective(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return {
        "metric": parsed.metric,
        "above" if parsed.above else "below": parsed.threshold,
        "for": parsed.hold_s,
        "horizon": parsed.horizon_s,
    }


_PROFILE_FLAGS = (
    "rate",
    "subprocesses",
    "gil",
    "idle",
    "native",
    "threads",
    "function",
    "nonblocking",
    "max_overhead",
    "max_sampler_cpu",
    "duty",
    "sudo",
)


def settings_of(arguments: argparse.Namespace, below: dict[str, Any] | None = None) -> Settings:
    """The settings of all layers. `below` are a command's own, weaker than every other layer."""
    profile = {name: getattr(arguments, name) for name in _PROFILE_FLAGS}
    flags: dict[str, Any] = {
        "profile": {name: value for name, value in profile.items() if value is not None},
        "prometheus": {
            name: value
            for name, value in (("url", arguments.prometheus), ("packs", _packs(arguments.pack)))
            if value
        },
        "metric": arguments.query or [],
        "objective": arguments.objective or [],
        "scrape": [{"url": url} for url in dict.fromkeys(arguments.scrape or [])],
        "log": [{"file": file} for file in dict.fromkeys(arguments.log or [])],
        "notice": {"scrape": False} if arguments.no_scrape_notice else {},
        "llm": {
            name: value
            for name, value in (
                ("consent", arguments.llm or None),
                ("every", arguments.llm_every),
                ("model", arguments.model),
                ("url", arguments.llm_url),
            )
            if value is not None
        },
    }
    return load(flags, os.environ, below=below)
