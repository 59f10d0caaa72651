"""The commands, and the arguments of each."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import NoReturn

from perftui import __version__
from perftui.cli.options import add_settings, add_target, positive
from perftui.errors import UsageError

_COMMANDS = """\
commands:
  perftui [PID]               watch a process; without PID pick one
  perftui -- COMMAND…         start a program, and watch it from its first second
  perftui demo                watch a small web service with a growing fault: no server, no key
  perftui snapshot PID        look for some seconds and print what was seen (--json)
  perftui watch PID           print a line per second (--jsonl)
  perftui lab list            the faults of that service; run or record them
  perftui score               say how good past forecasts were, or on labelled data (--data DIR)

Each has its own --help. Settings are read from ./perftui.toml and ~/.config/perftui/config.toml.
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}.", f"See {self.prog} --help.")


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The arguments of the command that `argv` names, with `run` set to what runs it.

    `command` is set to what stands behind the first `--`, None without one.
    """
    own, command = list(argv), None
    if "--" in own:
        # Not left to argparse, which would take a PID and the options from behind it too.
        at = own.index("--")
        own, command = own[:at], own[at + 1 :]
    is_named = bool(own) and own[0] in _PARSERS
    parser = _PARSERS[own[0]]() if is_named else _live()
    arguments = parser.parse_args(own[is_named:])
    if command is not None and "pid" not in arguments:
        parser.error("it starts a service of its own, and no other program")
    if command is not None and not (command and command[0]):
        parser.error("no program stands behind --")
    if command is not None and arguments.sudo:
        parser.error("what perftui starts is yours; --sudo is for the process of another user")
    arguments.command = command
    return arguments


def _live() -> argparse.ArgumentParser:
    from perftui.cli.live import live

    parser = _new("perftui", "Watch one running Python process: hot functions, metrics, forecasts.")
    parser.epilog = _COMMANDS
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--version", action="version", version=f"perftui {__version__}")
    add_target(parser)
    add_settings(parser)
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
    add_settings(parser)
    parser.set_defaults(run=demo)
    return parser


def _snapshot() -> argparse.ArgumentParser:
    from perftui.cli.headless import snapshot

    parser = _new("perftui snapshot", "Look at a process for some seconds and print what was seen.")
    add_target(parser)
    parser.add_argument(
        "--seconds", type=positive, default=5.0, metavar="N", help="how long to look (5)"
    )
    parser.add_argument("--json", action="store_true", help="print the document, not the text")
    add_settings(parser)
    parser.set_defaults(run=snapshot)
    return parser


def _watch() -> argparse.ArgumentParser:
    from perftui.cli.headless import watch

    parser = _new("perftui watch", "Print what is seen of a process, once a second, until it ends.")
    add_target(parser)
    parser.add_argument("--jsonl", action="store_true", help="print a document a line, not text")
    add_settings(parser)
    parser.set_defaults(run=watch)
    return parser


def _score() -> argparse.ArgumentParser:
    from perftui.cli.score import score

    parser = _new(
        "perftui score", "Say how good forecasts were: warnings, lead, calibration, skill."
    )
    parser.usage = "perftui score [options]"
    parser.add_argument(
        "--data",
        metavar="DIR",
        help="score the forecasters on labelled data (a manifest.json and its files), not the log",
    )
    parser.add_argument("--json", action="store_true", help="print the document, not the table")
    parser.add_argument("--svg", metavar="FILE", help="draw the reliability diagram, too")
    parser.set_defaults(run=score)
    return parser


def _lab() -> argparse.ArgumentParser:
    from perftui.cli.lab import RECORD_S, lab

    parser = _new("perftui lab", "Run or record the lab's web service with a load and a fault.")
    parser.usage = "perftui lab list | run FAULT | record FAULT -o FILE [options]"
    parser.add_argument("action", choices=("list", "run", "record"))
    parser.add_argument("fault", nargs="?", metavar="FAULT", help="its name, or none for no fault")
    parser.add_argument("-o", "--output", metavar="FILE", help="the recording, a new file")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of all chance (1)")
    parser.add_argument(
        "--start", type=positive, metavar="N", help="how long it is calm first (the fault's own)"
    )
    parser.add_argument(
        "--speed", type=positive, default=1.0, metavar="X", help="how fast the fault goes (1)"
    )
    parser.add_argument(
        "--seconds",
        type=positive,
        metavar="N",
        help=f"how long (record: {RECORD_S:g}; run: until it is ended)",
    )
    parser.set_defaults(run=lab)
    return parser


_PARSERS: dict[str, Callable[[], argparse.ArgumentParser]] = {
    "demo": _demo,
    "snapshot": _snapshot,
    "watch": _watch,
    "score": _score,
    "lab": _lab,
}


def _new(prog: str, description: str) -> argparse.ArgumentParser:
    usage = f"{prog} [options]{'' if prog.endswith('demo') else ' [PID | -- COMMAND…]'}"
    return _Parser(prog=prog, usage=usage, description=description, allow_abbrev=False)
