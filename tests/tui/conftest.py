"""A watch without a target: the screen draws snapshots that a test makes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import pytest
from builders import NOW, P99, forecast, run_of_windows, series, snapshot, status

from perftui.errors import PerftuiError
from perftui.forecast.keeping import Keeping
from perftui.forecast.verdicts import Verdicts
from perftui.model.consent import Choice, Consent
from perftui.model.event import Event, EventKind
from perftui.model.findings import Forecast, LlmStatus
from perftui.model.objective import Objective
from perftui.model.past import PastForecasts
from perftui.model.query import QueryResult
from perftui.model.question import Explanation, Question
from perftui.model.sent import Sent
from perftui.model.series import Series
from perftui.model.snapshot import Snapshot
from perftui.model.source import SourceText
from perftui.model.stacks import Window
from perftui.model.target import Candidate
from perftui.model.verdict import Decision, Item, decide
from perftui.monitor import Monitor
from perftui.settings import MetricSettings, ProfileSettings, Settings
from perftui.tui.app import PerftuiApp
from perftui.tui.widgets.line_table import LineTable


class FakePermission:
    """What the screen uses of a permission; `said` is what was answered."""

    def __init__(self) -> None:
        self.consent = Consent()
        self.given = Sent("https://api.anthropic.com", "")
        self.said: list[Choice | str] = []
        self.trouble = ""

    def ask(self, numbers: str, names: str) -> None:
        """Have it ask, with these bodies."""
        self.consent = Consent(is_open=True)
        self.given = replace(
            self.given,
            choices={Choice.NUMBERS: numbers, Choice.NAMES: names},
            price=(0.1, 0.5),
        )

    def sent(self) -> Sent:
        return replace(self.given, consent=self.consent)

    def choose(self, choice: Choice) -> str:
        self.said.append(choice)
        self.consent = Consent(choice, "you", is_open=True)
        return self.trouble

    def put_off(self) -> None:
        self.said.append("not now")

    def take_back(self) -> str:
        self.said.append("taken back")
        self.consent = Consent(is_open=True)
        return self.trouble


class FakeAdvisor:
    """What the screen uses of an advisor."""

    def __init__(self) -> None:
        self.asked = 0
        self.calling = False
        self.attended: list[bool] = []
        self.questions: list[Question] = []
        self.explanation: Explanation | None = None
        self.status = LlmStatus()
        self.lines: tuple[str, ...] = ()
        self.answering: Question | None = None
        self.withdrawn: list[Question | None] = []
        self.reading = threading.Event()
        self.reading.set()

    def excerpt(self, question: Question) -> tuple[str, ...]:
        assert self.reading.wait(20)
        return self.lines

    def withdraw(self, question: Question | None) -> bool:
        self.withdrawn.append(question)
        was_answering, self.answering = self.answering, None
        return was_answering is not None or self.calling

    def ask_now(self) -> None:
        self.asked += 1

    def cancel(self) -> bool:
        was_calling, self.calling = self.calling, False
        return was_calling

    def attend(self, *, is_there: bool) -> None:
        self.attended.append(is_there)

    def explain(self, question: Question) -> None:
        self.questions.append(question)


class FakeMonitor:
    """What the screen uses of a monitor; `latest` is what the test wants to be seen."""

    def __init__(self, latest: Snapshot, *, threads: bool = False) -> None:
        self.latest = latest
        self.settings = Settings(profile=ProfileSettings(threads=threads))
        self.profiler_error: PerftuiError | None = None
        self.advisor = FakeAdvisor()
        self.sources: dict[str, SourceText] = {}
        self.changes: list[dict[str, object]] = []
        self.refuses = ""
        self.kept: list[MetricSettings] = []
        self.ended = 0
        self.permission = FakePermission()
        self.past: tuple[PastForecasts, ...] | PerftuiError = ()
        self.verdicts = Verdicts(Keeping(None, ""))

    def clock(self) -> float:
        return self.latest.taken_at

    def snapshot(self) -> Snapshot:
        return self.latest

    def windows(self, since: float) -> tuple[Window, ...]:
        return tuple(window for window in self.latest.windows if window.end >= since)

    def series(self, since: float) -> tuple[Series, ...]:
        return self.latest.series

    def events(self, since: float) -> tuple[Event, ...]:
        return self.latest.events

    def mark(self, kind: EventKind, text: str, at: float | None = None) -> None:
        event = Event(self.clock() if at is None else at, kind, text)
        self.latest = replace(self.latest, events=(*self.latest.events, event))

    def set_objective(self, objective: Objective) -> None:
        self.latest = replace(self.latest, objectives=(objective, *self.latest.objectives))

    def judge(self, item: Item, decision: Decision, note: str = "") -> None:
        self.verdicts.add(decide(item, decision, self.clock(), note))
        self.latest = replace(self.latest, verdicts=self.verdicts.standing(self.clock()))

    def follow(self) -> str:
        return "The target still runs."

    def change_profile(self, **changes: object) -> str:
        self.changes.append(changes)
        return self.refuses

    def source(self, file: str) -> SourceText:
        return self.sources.get(file, SourceText(file, why="there is none"))

    @property
    def can_query(self) -> bool:
        return self.settings.prometheus.url is not None

    def try_query(self, promql: str) -> QueryResult:
        return QueryResult(promql)

    def end_query(self) -> None:
        self.ended += 1

    def keep_query(self, metric: MetricSettings) -> None:
        self.kept.append(metric)

    def past_forecasts(self) -> tuple[PastForecasts, ...]:
        if isinstance(self.past, PerftuiError):
            raise self.past
        return self.past


MakeApp = Callable[..., PerftuiApp]


@pytest.fixture
def make_app() -> MakeApp:
    """Makes the app on a fake monitor, or on a picker among candidates."""

    def make(
        monitor: FakeMonitor | None = None,
        candidates: Callable[[], list[Candidate]] = list,
        attach: Callable[[int], Any] | None = None,
    ) -> PerftuiApp:
        return PerftuiApp(
            cast("Monitor | None", monitor),
            candidates=candidates,
            attach=cast("Callable[[int], Monitor]", attach or (lambda pid: None)),
        )

    return make


@pytest.fixture
def make_monitor() -> Callable[..., FakeMonitor]:
    """Makes a monitor that shows this snapshot."""
    return FakeMonitor


LIKELY = forecast(
    P99,
    probability=0.84,
    base_rate=0.03,
    record="9 of the last 11 such warnings came true",
    summary="rises by 23 ms a minute; reaches 500 ms in about 9 min",
    series_unit="s",
)


@pytest.fixture
def picture() -> Callable[..., Snapshot]:
    """Makes a snapshot of a service in trouble: functions, metrics, a forecast."""

    def make(
        counts: dict[str, int] | None = None,
        forecasts: tuple[Forecast, ...] = (LIKELY,),
        **more: Any,
    ) -> Snapshot:
        shown = {"main work:3": 60, "main other:9": 30, "main last:27": 5}
        at = more.get("taken_at", NOW)
        return snapshot(
            **{
                "windows": run_of_windows(20, counts or shown, end=at, stopped_s=0.004),
                "series": (
                    series("cpu", [40 + n for n in range(50)], unit="%", limit=200.0, end=at),
                    series("rss", [2e8] * 50, unit="B", end=at),
                    series("p99", [n / 100 for n in range(50)], unit="s", end=at),
                ),
                "objectives": (P99,),
                "forecasts": forecasts,
                "sources": (status("py-spy"), status("process"), status("host")),
                **more,
            }
        )

    return make


@pytest.fixture
def text_of() -> Callable[[Any], list[str]]:
    """The lines that a widget of the line API shows."""

    def read(widget: Any) -> list[str]:
        return [widget.render_line(y).text.rstrip() for y in range(widget.size.height)]

    return read


@pytest.fixture
def names_of() -> Callable[[LineTable[Any]], list[str]]:
    """The functions of the table, in their order."""
    return lambda table: [item.key.function for item in table.items]


@pytest.fixture
def watch(make_app: Any, make_monitor: Any, picture: Any) -> Any:
    """An app on one picture, and its monitor."""

    def make(shown: Any = None, **more: Any) -> Any:
        monitor = make_monitor(shown or picture(), **more)
        return make_app(monitor), monitor

    return make
