"""The arguments of every command, and how they become settings."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from perftui import __version__
from perftui.errors import UsageError
from perftui.model.objective import parse_objective
from perftui.settings import Settings, load

_COMMANDS = """\
commands:
  perftui [PID]               watch a process; without PID pick one
  perftui demo                watch a small web service with a growing fault: no server, no key
  perftui snapshot PID        look for some seconds and print what was seen (--json)
  perftui watch PID           print a line per second (--jsonl)

Each has its own --help. Settings are read from ./perftui.toml and ~/.config/perftui/config.toml.
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}.", f"See {self.prog} --help.")


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The arguments of the command that `argv` names, with `run` set to what runs it."""
    if argv and argv[0] in _PARSERS:
        return _PARSERS[argv[0]]().parse_args(argv[1:])
    return _live().parse_args(argv)


def _live() -> argparse.ArgumentParser:
    from perftui.cli.live import live

    parser = _new("perftui", "Watch one running Python process: hot functions, metrics, forecasts.")
    parser.epilog = _COMMANDS
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--version", action="version", version=f"perftui {__version__}")
    _add_target(parser)
    _add_settings(parser)
    parser.set_defaults(run=live)
    return parser


def _demo() -> argparse.ArgumentParser:
    from perftui.cli.demo import demo
    from perftui.lab.faults import DEFAULT_FAULT, FAULTS

    parser = _new("perftui demo", "Watch the lab's web service under load while a fault grows.")
    listed = "; ".join(f"{fault.name} ({fault.kind}): {fault.summary}" for fault in FAULTS.values())
    parser.add_argument(
        "--fault", metavar="NAME", default=DEFAULT_FAULT, help=f"default {DEFAULT_FAULT}. {listed}"
    )
    _add_settings(parser)
    parser.set_defaults(run=demo)
    return parser


def _snapshot() -> argparse.ArgumentParser:
    from perftui.cli.headless import snapshot

    parser = _new("perftui snapshot", "Look at a process for some seconds and print what was seen.")
    _add_target(parser)
    parser.add_argument(
        "--seconds", type=_positive, default=5.0, metavar="N", help="how long to look (5)"
    )
    parser.add_argument("--json", action="store_true", help="print the document, not the text")
    _add_settings(parser)
    parser.set_defaults(run=snapshot)
    return parser


def _watch() -> argparse.ArgumentParser:
    from perftui.cli.headless import watch

    parser = _new("perftui watch", "Print what is seen of a process, once a second, until it ends.")
    _add_target(parser)
    parser.add_argument("--jsonl", action="store_true", help="print a document a line, not text")
    _add_settings(parser)
    parser.set_defaults(run=watch)
    return parser


_PARSERS: dict[str, Callable[[], argparse.ArgumentParser]] = {
    "demo": _demo,
    "snapshot": _snapshot,
    "watch": _watch,
}


def _new(prog: str, description: str) -> argparse.ArgumentParser:
    return _Parser(prog=prog, description=description, allow_abbrev=False)


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 86400:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds from 0 to 86400")
    return value


def _pid(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is no process id")
    return int(text)


def _add_target(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("the process")
    group.add_argument("pid", nargs="?", type=_pid, metavar="PID", help="its process id")
    group.add_argument("--pid", type=_pid, metavar="PID", dest="pid_option", help="the same")
    group.add_argument(
        "--name", metavar="PATTERN", help="a regular expression that its command line fits"
    )


def _add_settings(parser: argparse.ArgumentParser) -> None:
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
        help="never stop the process (by itself, with more than 10 threads)",
    )
    sampling.add_argument(
        "--blocking",
        action="store_false",
        dest="nonblocking",
        help="stop it for each sample, however many threads it has",
    )
    metrics = parser.add_argument_group("metrics and objectives")
    metrics.add_argument("--prometheus", metavar="URL", help="a Prometheus server to ask")
    metrics.add_argument(
        "--query",
        action="append",
        type=_query,
        metavar="NAME=PROMQL",
        help="a metric to show; $pid, $host, $instance and $job are filled in",
    )
    metrics.add_argument(
        "--objective",
        action="append",
        type=_objective,
        metavar="TEXT",
        help="what may not happen, like 'p99 > 0.5 for 1m' (its horizon: 'within 15m')",
    )
    llm = parser.add_argument_group("LLM")
    llm.add_argument("--llm", action="store_true", help="let an LLM explain (sends figures to it)")
    llm.add_argument("--no-llm", action="store_true", help="send nothing, whatever else is set")
    llm.add_argument("--llm-every", metavar="TIME", help="how often to ask it (60s)")
    llm.add_argument("--model", metavar="NAME", help="which one (claude-haiku-5-5)")


def _query(text: str) -> dict[str, Any]:
    name, separator, query = text.partition("=")
    if not (separator and name.strip() and query.strip()):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=PROMQL")
    return {"name": name.strip(), "query": query.strip()}


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
)


def settings_of(arguments: argparse.Namespace, below: dict[str, Any] | None = None) -> Settings:
    """The settings of all layers. `below` are a command's own, weaker than every other layer."""
    profile = {name: getattr(arguments, name) for name in _PROFILE_FLAGS}
    flags: dict[str, Any] = {
        "profile": {name: value for name, value in profile.items() if value is not None},
        "prometheus": {"url": arguments.prometheus} if arguments.prometheus else {},
        "metric": arguments.query or [],
        "objective": arguments.objective or [],
        "llm": {
            name: value
            for name, value in (
                ("consent", arguments.llm or None),
                ("every", arguments.llm_every),
                ("model", arguments.model),
            )
            if value is not None
        },
    }
    return load(flags, os.environ, below=below)
