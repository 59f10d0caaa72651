"""What is concluded from what was seen: forecasts and patterns, each on its schedule."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from perftui.advisor.occasions import Occasions
from perftui.advisor.patterns import Patterns
from perftui.forecast.forecaster import Forecaster
from perftui.forecast.keeping import Keeping
from perftui.forecast.verdicts import Verdicts
from perftui.model.findings import Finding, Forecast
from perftui.model.objective import Objective
from perftui.model.snapshot import Snapshot, SourceState, SourceStatus
from perftui.model.timeline import Timeline
from perftui.pattern_settings import PatternSettings
from perftui.periodic import Periodic

FORECAST_EVERY_S, FIND_EVERY_S = 2.0, 5.0


class Analyses:
    """The forecasts of `objectives`, kept in `keeping`, and the patterns that hold, the user's
    `own` among them; and a person's `verdicts` on both. One thread looks; what it has found can be
    read by all."""

    def __init__(
        self, objectives: Sequence[Objective], keeping: Keeping, own: Sequence[PatternSettings]
    ) -> None:
        self._forecaster = Forecaster(objectives, keeping)
        self._patterns = Patterns(own)
        self._occasions = Occasions()
        self._looked_at = 0.0
        self._keeping = keeping
        self.verdicts = Verdicts(keeping)
        self._forecasts: Periodic[tuple[Forecast, ...]] = Periodic("forecast", FORECAST_EVERY_S, ())
        # What was seen of a pattern says nothing of now: it goes where the next look fails.
        self._findings: Periodic[tuple[Finding, ...]] = Periodic(
            "patterns", FIND_EVERY_S, (), keeps=False
        )

    @property
    def forecasts(self) -> tuple[Forecast, ...]:
        """The newest ones."""
        return self._forecasts.result

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The patterns that held at the last look."""
        return self._findings.result

    def has_news(self) -> bool:
        """Whether something has begun since the last time this was asked that calls for an
        explanation; for the thread that looks."""
        return self._occasions.have_come(self.forecasts, self._patterns.risen, self._looked_at)

    def change(self, objectives: Sequence[Objective]) -> None:
        """Forecast these from now on."""
        self._forecaster.change(objectives)

    def forget_target(self) -> None:
        """Another target is watched from now on: what a model and a person said of the last one is
        said of that one."""
        self._forecaster.forget_answers()
        self.verdicts.forget()

    def look_ahead(self, timeline: Timeline, now: float, answers: Sequence[Forecast]) -> None:
        """Forecast from what the timeline holds at `now` (Unix seconds), if that is due, and write
        down what models have answered meanwhile."""
        self.verdicts.load()
        self._forecasts.turn(now, lambda: self._forecaster.look(timeline, now, answers))

    def look_for_patterns(self, snapshot: Snapshot) -> None:
        """Look which of them hold, if that is due."""
        self._looked_at = snapshot.taken_at
        self._findings.turn(snapshot.taken_at, lambda: self._patterns.look(snapshot))

    def with_patterns(self, snapshot: Snapshot) -> Snapshot:
        """A last snapshot, with the patterns that hold in it; once nobody else looks any more."""
        return replace(snapshot, findings=self._patterns.look(snapshot))

    def statuses(self, now: float) -> Iterator[SourceStatus]:
        """What cannot be looked at or kept, and why."""
        yield from (s for s in (self._forecasts.failure, self._findings.failure) if s is not None)
        if self._patterns.slow:
            slow = ", ".join(self._patterns.slow)
            said = f"{slow} took too long for a name, and is not looked for any more"
            yield SourceStatus("patterns", SourceState.FAILED, now, said)
        if self._keeping.status is not None:
            yield self._keeping.status

    def close(self) -> None:
        """Keep what was learned; on the thread that has looked."""
        self._forecaster.close()
