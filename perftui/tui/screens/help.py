"""The help: the keys of the screen below, as its bindings have them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

_NAMES = {
    "question_mark": "?",
    "slash": "/",
    "plus": "+",
    "minus": "-",
    "up": "↑",
    "down": "↓",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "home": "Home",
    "end": "End",
    "tab": "Tab",
    "shift+tab": "Shift+Tab",
    "escape": "Esc",
    "space": "Space",
    "left": "←",
    "right": "→",
    "shift+left": "Shift+←",
    "shift+right": "Shift+→",
    "backspace": "Backspace",
    "number_sign": "#",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "enter": "Enter",
    "f5": "F5",
    "ctrl+c": "Ctrl+C",
    "ctrl+p": "Ctrl+P",
    "ctrl+s": "Ctrl+S",
    "ctrl+y": "Ctrl+Y",
    "ctrl+z": "Ctrl+Z",
}
_FIGURES = """\
own %     samples with the function on top of the stack, in percent of the
          expected ticks: one always-busy thread is 100 %
busy      running, or ready and waiting for a CPU (cpu wait)
total %   samples with it anywhere in the stack; ~ where some stacks were
          read without stopping the process
±         half the 95 % interval of own %, in points
Δ         its change against the span before, or the baseline; ▲ ▼ NEW
          and GONE are beyond the sampling noise
own s     the same in seconds since perftui attached, or since R
trend     own % of the last minute, oldest left; one scale for all rows
cover     sampled time over wall time
err       looks of py-spy that failed
stops it  how much of its time py-spy stopped the process
mixed     most looks do not stop it, those of one window in several do
cut       stacks that cannot be true and lost their callers
woke      samples left out: threads that py-spy itself had woken
cpu       percent of one core; cpu_used of the cores it may run on
rss       memory, with children; rss_used of what host and cgroup leave it
SLO       what is wanted: ✓ ok, ▲ at risk, ✗ breached, ? no data\
"""


class HelpScreen(ModalScreen[None]):
    """Keys and words. `groups` are the titles and bindings that it lists."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark", "dismiss", "close"),
    ]

    def __init__(self, groups: Iterable[tuple[str, Iterable[Binding]]]) -> None:
        super().__init__()
        self._groups = [(title, list(bindings)) for title, bindings in groups]

    def compose(self) -> ComposeResult:
        """One text that scrolls."""
        lines = ["What the figures mean stands at the end (End). Esc closes.", ""]
        for title, bindings in self._groups:
            lines.append(title.upper())
            lines.extend(f"  {keys:<18} {text}" for keys, text in key_rows(bindings))
            lines.append("")
        with VerticalScroll(id="help"):
            yield Static(Content("\n".join([*lines, "FIGURES", _FIGURES])))


def key_rows(bindings: Iterable[Binding]) -> list[tuple[str, str]]:
    """The keys of each action, as people call them, and what it does."""
    rows: dict[tuple[str, str], list[str]] = {}
    for binding in bindings:
        keys = rows.setdefault((binding.action, binding.tooltip or binding.description), [])
        keys.extend(_NAMES.get(key.strip(), key.strip()) for key in binding.key.split(","))
    return [(" ".join(keys), text) for (_, text), keys in rows.items()]
