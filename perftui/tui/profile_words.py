"""What the panel of the profile says of itself: title, commands, why it is empty. No widgets."""

from __future__ import annotations

from perftui.model.snapshot import Snapshot
from perftui.model.stacks import Place
from perftui.model.text import plain
from perftui.tui.functions_view import FunctionsView
from perftui.tui.profile_view import ProfileView

COMMANDS = (
    ("Functions", "Hot functions", "action_view", "functions"),
    ("Threads", "How busy each is; Enter looks at one", "action_view", "threads"),
    ("Call tree", "Who calls whom", "action_view", "tree"),
    ("Flame", "The call tree as boxes", "action_view", "flame"),
    ("Callers", "Of the function under the cursor", "action_view", "callers"),
    ("Source", "Of the function under the cursor", "action_source"),
    ("Lines", "Rows by line or function", "action_lines"),
    ("Own code", "Without standard library and packages", "action_own_only"),
    ("GIL holders", "Only what holds the GIL, or all", "action_look", "gil"),
    ("Idle threads", "Those too, or not", "action_look", "idle"),
    ("Native frames", "Those too, or not", "action_look", "native"),
    ("Baseline", "Compare with what is shown now", "action_baseline"),
    ("Difference", "Tree and flame by what has changed", "action_difference"),
    ("No baseline", "Compare with the span before", "forget_baseline"),
    ("Reset", "Count from now on", "action_reset"),
)
"""What the command palette offers of the profile: name, words, the panel's method and what it is
called with."""

VIEWS = {
    "functions": "Functions",
    "threads": "Threads",
    "tree": "Call tree",
    "flame": "Flame",
    "callers": "Callers",
    "source": "Source",
}
"""The views of the profile and their names."""
FILTERED = ("functions", "tree", "flame")
"""The views that the filter narrows, or in which what it fits stands out."""


def title(
    showing: str,
    functions: FunctionsView,
    place: Place | None = None,
    *,
    is_stale: bool = False,
    has_difference: bool = False,
) -> str:
    """What is shown, of which span and choice.

    `place` is the function whose callers or source are seen, `is_stale` says that the source has
    changed, `has_difference` that tree and flame are compared.
    """
    view = functions.view
    parts = [VIEWS[showing]]
    if showing == "functions":
        parts = ["Lines" if view.by_line else "Functions"]
        sign = "▾" if functions.descending else "▴"
        parts.append(f"{functions.sort.replace('_', ' ')} {sign}")
    if showing in ("callers", "source") and place is not None:
        parts.append(plain(place.function)[:40])
    if showing == "source" and is_stale:
        parts.append("CHANGED since the start of the process")
    parts.append(view.span_name)
    parts.append(plain(view.choice_name)[:30])
    if has_difference and showing in ("tree", "flame"):
        parts.append("Δ baseline" if view.baseline is not None else "Δ span before")
    parts.append("own code" if view.own_only and showing == "functions" else "")
    if view.pattern_error:
        parts.append(f"no filter: {view.pattern_error}")
    elif view.pattern and showing in FILTERED:
        parts.append(f"/{view.pattern}/")
    return "  ".join(part for part in parts if part)


def why_empty(showing: str, view: ProfileView, snapshot: Snapshot) -> str:
    """Why a view has nothing to show: what narrows it, where something does."""
    if view.pattern and showing == "functions":
        return "no function fits the filter (Esc clears it)"
    if view.own_only and showing == "functions":
        return "no own code was running (o shows all)"
    if view.moment is not None:
        return "no samples of that time"
    status = snapshot.source("py-spy")
    if status is not None and status.message and not snapshot.windows:
        return f"no functions: {plain(status.message)}"
    looked = [window for window in snapshot.windows if window.end > view.reset_at]
    if not looked:
        return "no samples yet"
    more = " (I shows where threads wait)" * looked[-1].leaves_out_waits
    where = f" in {plain(view.choice_name)[:30]} (Esc: all)" if view.choice_name else ""
    return f"no Python code was running{where}{more}"
