"""The rows of the evidence table. They hold real names; what leaves the host is made from them by
`prompt`."""

from __future__ import annotations

from dataclasses import dataclass

from perftui.model.event import Event
from perftui.model.findings import Forecast
from perftui.model.objective import Objective
from perftui.model.past import PastCase
from perftui.model.profile import FunctionRow
from perftui.model.question import Question
from perftui.model.series import SeriesKey
from perftui.model.stacks import FunctionKey, Place, Thread
from perftui.pattern_settings import PatternSettings


@dataclass(frozen=True)
class MetricFact:
    """A metric's newest value; `age_s` is how old it is, `per_min` its slope, in `key.unit`.

    `z` is how far the value is from those before it (:func:`.robust_z`), `over_s` the seconds from
    the first of them on; `query` is the PromQL that it comes from, empty where there is none.
    """

    id: str
    key: SeriesKey
    value: float
    age_s: float
    per_min: float | None
    z: float | None = None
    over_s: float = 0.0
    query: str = ""


@dataclass(frozen=True)
class FunctionFact:
    """A function's shares of the last seconds, and of the time before them; None where nothing was
    sampled then.

    `line` is the one with most own samples, `callers` are those that called it most, each with how
    much of its samples were under that one, in percent.
    """

    id: str
    key: FunctionKey
    now: FunctionRow | None
    before: FunctionRow | None
    line: int | None
    callers: tuple[tuple[Place, float], ...] = ()

    @property
    def own_pct(self) -> float:
        """Its own share now, or before where that is not known."""
        row = self.now or self.before
        return row.own_pct if row else 0.0


@dataclass(frozen=True)
class ThreadFact:
    """How much of the time a thread was at work lately, and held the GIL, in percent; None where
    that is not known."""

    id: str
    thread: Thread
    active_pct: float | None
    gil_pct: float | None


@dataclass(frozen=True)
class EventFact:
    """Something that happened `age_s` before the end of the span; `lasted_s` is None where that is
    not known."""

    id: str
    event: Event
    age_s: float
    lasted_s: float | None


@dataclass(frozen=True)
class ForecastFact:
    """What the local forecaster says of one objective."""

    id: str
    forecast: Forecast


@dataclass(frozen=True)
class PatternFact:
    """A shipped pattern that holds, as it is shipped; the user's own words stay here."""

    id: str
    pattern: PatternSettings


@dataclass(frozen=True)
class LookFact:
    """What a tool gave: Q1… `text` says it in short with real names; `numbers`, each with its unit,
    and `names` are all that was told, as it was."""

    id: str
    text: str
    numbers: tuple[tuple[float, str], ...]
    names: tuple[str, ...]


@dataclass(frozen=True)
class CaseFact:
    """An earlier moment at which the local forecast was like that in question, `age_s` before."""

    id: str
    case: PastCase
    age_s: float

    @property
    def onset_s(self) -> float | None:
        """How long after it the breach began, where one came and that is known; what was on its
        way already began before it."""
        return None if self.case.onset is None else max(0.0, self.case.onset - self.case.at)


@dataclass(frozen=True)
class Facts:
    """The table. `question` is the objective that a forecast is asked for, None without any, and
    where a person asks something: that is `asked`, `words` its text as it may leave the host, and
    `about` the id of the row it is about, empty where it is about the whole.

    `host` and `command` are where and as what the target runs. `recent_s` and `before_s` are the
    seconds that were sampled in the two spans of the functions.
    """

    metrics: tuple[MetricFact, ...]
    functions: tuple[FunctionFact, ...]
    forecasts: tuple[ForecastFact, ...]
    question: Objective | None
    question_unit: str
    recent_s: float
    before_s: float
    findings: tuple[PatternFact, ...] = ()
    looks: tuple[LookFact, ...] = ()
    threads: tuple[ThreadFact, ...] = ()
    events: tuple[EventFact, ...] = ()
    asked: Question | None = None
    words: str = ""
    about: str = ""
    host: str = ""
    command: tuple[str, ...] = ()
    cases: tuple[CaseFact, ...] = ()

    @property
    def local(self) -> Forecast | None:
        """The local forecast of the objective in question."""
        return next(
            (f.forecast for f in self.forecasts if f.forecast.objective == self.question), None
        )
