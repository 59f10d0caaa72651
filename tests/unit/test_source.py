from __future__ import annotations

from perftui.errors import SourceError
from perftui.model.snapshot import SourceState, SourceStatus
from perftui.sources.base import Source


class Quiet(Source):
    """A source that is never started."""

    def run(self) -> None:
        raise NotImplementedError


def test_since_is_when_the_state_began():
    """A state that goes on keeps its beginning, whatever is said about it meanwhile."""
    now = [100.0]
    source = Quiet("s", lambda: now[0])
    assert source.status == SourceStatus("s", SourceState.WAITING, 100, "starting")
    now[0] = 110
    source.failed(SourceError("It broke.", "Mend it."))
    now[0] = 120
    source.failed(SourceError("Again."))
    assert source.status == SourceStatus("s", SourceState.FAILED, 110, "Again.")
    now[0] = 130
    source.say(SourceState.OK)
    assert source.status == SourceStatus("s", SourceState.OK, 130, "")
