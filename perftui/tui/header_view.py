"""From snapshots to the header: the target on the left, the sampler on the right. No widgets."""

from __future__ import annotations

from perftui.model.present import format_age
from perftui.model.profile import Profile, profile
from perftui.model.snapshot import Snapshot, SourceState
from perftui.model.stacks import Mode, Window, known_sum, of_newest_kind
from perftui.model.target import TargetState
from perftui.model.text import plain
from perftui.tui.axis import Moment

COVER_SPAN_S = 60.0
CPU_WAIT_PCT = 10.0
"""From here on it is said that the target waits for a CPU: its shares count that as busy."""
NOTABLE_PCT = 0.5
_MODES = {Mode.BLOCKING: "blocking", Mode.NONBLOCKING: "non-blocking", Mode.GIL: "GIL only"}
_SIGNS = {
    TargetState.RUNNING: "● LIVE",
    TargetState.STOPPED: "‖ STOPPED",
    TargetState.EXITED: "✗ EXITED",
    TargetState.LOST: "? LOST",
}


def header(
    snapshot: Snapshot, paused_at: float | None, moment: Moment | None = None
) -> tuple[str, str]:
    """The target's half and the sampler's half of the header; `moment` is what is looked at of the
    past."""
    target, now = snapshot.target, snapshot.taken_at
    state = _SIGNS[snapshot.target_state]
    if snapshot.target_state is not TargetState.RUNNING:
        state += f" for {format_age(now - snapshot.target_since)}"
    if paused_at is not None:
        state += f"  ‖ PAUSED {format_age(snapshot.taken_at - paused_at)}"
    if moment is not None:
        state += f"  ◂ {format_age(now - moment.end)} AGO (Esc: live)"
    children = f" +{len(snapshot.children)}" if snapshot.children else ""
    left = [
        f"perftui {state}",
        plain(target.name)[:40],
        f"pid {target.pid}{children}",
        f"py {target.python}" if target.python else "py ?",
        f"up {_uptime(snapshot.data_at - target.started_at)}",
        *_cpu_wait(snapshot),
        plain(target.host)[:30],
    ]
    return "  ".join(left), sampler(snapshot)


def _uptime(seconds: float) -> str:
    """From a minute on without seconds, which would draw the eye and the line again each time."""
    if seconds < 60:
        return format_age(seconds)
    return format_age(seconds // 60 * 60).removesuffix("00s")


def _cpu_wait(snapshot: Snapshot) -> list[str]:
    """How long the target waited for a CPU, where that matters."""
    windows = of_newest_kind(_recent(snapshot))
    waited = known_sum(window.cpu_wait_s for window in windows)
    sampled = sum(window.seconds for window in windows)
    waits = 100 * waited / sampled if waited is not None and sampled else 0.0
    return [f"cpu wait {waits:.0f}%"] if waits >= CPU_WAIT_PCT else []


def _recent(snapshot: Snapshot) -> list[Window]:
    start = snapshot.data_at - COVER_SPAN_S
    return [window for window in snapshot.windows if window.start >= start]


def sampler(snapshot: Snapshot) -> str:
    """What the profiler does, over the last `COVER_SPAN_S` seconds; or why it does nothing."""
    status = snapshot.source("py-spy")
    windows = _recent(snapshot)
    if status is not None and status.state is SourceState.FAILED:
        return f"py-spy FAILED for {format_age(snapshot.taken_at - status.since)}"
    if not windows:
        return f"py-spy {plain(status.message)}" if status is not None else ""
    begun, now = windows[0].start, snapshot.data_at
    seen = profile(windows, begun, now, gil_windows=snapshot.gil_windows, with_rows=False)
    more = ["+idle"] * windows[-1].idle + ["+native"] * windows[-1].native
    return _figures(seen, more, status.message if status is not None else "")


def _figures(seen: Profile, more: list[str], remark: str) -> str:
    stopped, cut, woken = seen.stopped_pct, seen.cut_pct, seen.woken_pct
    parts = [
        f"{seen.held_hz:.0f} Hz" if seen.held_hz is not None else "",
        " ".join(["mixed" if seen.mixed else _MODES[seen.mode] if seen.mode else "", *more]),
        f"stops it {stopped:.1f}%" if stopped is not None else "stops it ?",
        f"cover {_floor_percent(seen.coverage)}",
        f"err {100 * seen.error_share:.1f}%" if seen.error_share is not None else "err –",
        f"cut {cut:.0f}%" if cut is not None and cut >= NOTABLE_PCT else "",
        f"gc {seen.gc_pct:.0f}%" if seen.gc_pct is not None else "",
        f"py-spy {seen.sampler_cpu_pct:.0f}% cpu" if seen.sampler_cpu_pct is not None else "",
        plain(remark),
        f"woke {woken:.0f}%" if woken is not None and woken >= NOTABLE_PCT else "",
    ]
    return "  ".join(part for part in parts if part)


def _floor_percent(share: float | None) -> str:
    """Rounded down: what is not covered is never rounded away."""
    return "–" if share is None else f"{int(100 * share)}%"
