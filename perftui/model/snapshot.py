"""One immutable picture of everything, made once a tick; the screen and the document draw it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from perftui.model.baseline import Baseline
from perftui.model.event import Event
from perftui.model.findings import LOCAL, Finding, Forecast, LlmStatus
from perftui.model.objective import Objective
from perftui.model.offer import Offer
from perftui.model.series import Series, Unavailable, between
from perftui.model.stacks import Window
from perftui.model.target import Target, TargetState
from perftui.model.verdict import Verdict


class SourceState(StrEnum):
    """What a source is doing."""

    OK = "ok"
    WAITING = "waiting"
    FAILED = "failed"


@dataclass(frozen=True)
class SourceStatus:
    """State of one source, since when (Unix seconds), and why in a sentence."""

    name: str
    state: SourceState
    since: float
    message: str = ""


@dataclass(frozen=True)
class Snapshot:
    """Everything known at `taken_at` (Unix seconds).

    `windows` are those since `since`, oldest first, `series` the points of the same span.
    `target_since` is when `target_state` began; a target that has exited leaves its last windows
    and points in every later snapshot. `baseline` is what the user compares with;
    `gil_windows` are short looks at the holder of the GIL, beside the others; `events` are
    what happened in the span, oldest first; `unavailable` are metrics that cannot be had, `offers`
    what could be watched, too; `findings` are the patterns that hold; `verdicts` are those of a
    person that stand; `queries` are the PromQL of the metrics of Prometheus, by their names.
    """

    taken_at: float
    since: float
    target: Target
    target_state: TargetState
    target_since: float
    children: tuple[int, ...]
    windows: tuple[Window, ...]
    series: tuple[Series, ...]
    objectives: tuple[Objective, ...]
    forecasts: tuple[Forecast, ...]
    sources: tuple[SourceStatus, ...]
    llm: LlmStatus
    baseline: Baseline | None = None
    gil_windows: tuple[Window, ...] = ()
    events: tuple[Event, ...] = ()
    unavailable: tuple[Unavailable, ...] = ()
    offers: tuple[Offer, ...] = ()
    findings: tuple[Finding, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    queries: Mapping[str, str] = field(default_factory=dict)

    @property
    def data_at(self) -> float:
        """Up to when the target can have left data: its end, where it has exited."""
        if self.target_state is TargetState.EXITED:
            return min(self.target_since, self.taken_at)
        return self.taken_at

    @property
    def local(self) -> list[Forecast]:
        """What the local forecaster says, without what models do."""
        return [forecast for forecast in self.forecasts if forecast.by == LOCAL]

    def until(
        self,
        end: float,
        since: float,
        windows: Iterable[Window],
        series: Iterable[Series],
        events: Iterable[Event],
    ) -> Snapshot:
        """What was known of the time from `since` to `end` (Unix seconds), out of these windows,
        series and events: of what lasted beyond `end`, not when it was over. Nothing is known of
        what was forecast or found then."""
        cut = (replace(s, points=tuple(between(s.points, since, end))) for s in series)
        return replace(
            self,
            taken_at=end,
            since=since,
            windows=tuple(w for w in windows if w.end > since and w.start < end),
            gil_windows=(),
            series=tuple(one for one in cut if one.points),
            events=tuple(
                replace(e, until=None) if e.until is not None and e.until > end else e
                for e in events
                if e.at <= end
            ),
            forecasts=(),
            findings=(),
        )

    def source(self, name: str) -> SourceStatus | None:
        """The status of one source, None if there is no such source."""
        return next((status for status in self.sources if status.name == name), None)
