"""The clock of a server beside ours."""

from __future__ import annotations

from perftui.model.objective import format_duration

TOLERANCE_S = 2.0
"""So far off is left as it is: then a point has the very time that the server gave it."""


class Skew:
    """How far a server's clock is from ours; `shift_s` is what to take from its times.

    An instant query is evaluated at the server's present, so the time of its samples lies between
    sending and receiving by our clock. Where it does not, every time of the server is shifted by
    whole seconds: a chart has no points in the future, and none that come too late.
    """

    def __init__(self) -> None:
        self.shift_s = 0.0

    def note(self, sent: float, received: float, server_at: float) -> None:
        """Learn from one exchange, Unix seconds; the shift changes only beyond the tolerance."""
        if sent - TOLERANCE_S <= server_at <= received + TOLERANCE_S:
            self.shift_s = 0.0
            return
        measured = server_at - (sent + received) / 2
        if abs(measured - self.shift_s) > TOLERANCE_S:
            self.shift_s = float(round(measured))

    @property
    def note_text(self) -> str:
        """A sentence about it; empty while both clocks agree."""
        if not self.shift_s:
            return ""
        side = "ahead of" if self.shift_s > 0 else "behind"
        off = format_duration(abs(self.shift_s))
        return f"its clock is {off} {side} this host's; its times are shifted to this host's."
