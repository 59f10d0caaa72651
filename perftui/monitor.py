"""The monitor: starts and stops the sources, owns the timeline, runs forecaster and advisor.

It is the one place where the rooms meet. Screen and headless commands see its snapshots alone.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from perftui.advisor.advisor import Advisor
from perftui.advisor.consent import consent_file
from perftui.advisor.permission import Permission
from perftui.analyses import Analyses
from perftui.errors import PerftuiError, UsageError
from perftui.forecast.keeping import FILE, Keeping, identity
from perftui.model.baseline import Baseline
from perftui.model.changes import Changes
from perftui.model.event import Event, EventKind
from perftui.model.findings import Forecast
from perftui.model.objective import Objective
from perftui.model.offer import Offer, OfferKind
from perftui.model.past import PastForecasts
from perftui.model.query import QueryResult
from perftui.model.question import Question
from perftui.model.series import Series, in_order
from perftui.model.snapshot import Snapshot, SourceState, SourceStatus
from perftui.model.source import SourceText
from perftui.model.stacks import Window
from perftui.model.target import Target, TargetState
from perftui.model.timeline import Timeline
from perftui.model.verdict import Decision, Item, decide
from perftui.settings import DEFAULT_OBJECTIVES, MetricSettings, Settings
from perftui.sources.assembly import NamedSources, TargetSources, with_offer
from perftui.sources.base import Clock, Source, steady_clock
from perftui.sources.elevated import find_sudo
from perftui.sources.host import HostSource
from perftui.sources.pyspy_run import Launch, PySpy
from perftui.target.describe import create_time_lag, describe
from perftui.target.known import KnownTarget
from perftui.target.python import looks_like_python
from perftui.target.source import read_source
from perftui.target.successor import successor

TICK_S, FIRST_TICK_S = 1.0, 0.1
SPAN_S = 300.0
"""How far back the screen looks."""
STOP_S = 4.0
ANSWER_S = 5 * 30.0
"""How long a headless command waits for the LLM at most: so many calls, each with its time-out, may
make one answer."""


class Monitor:
    """Watches one target from :meth:`start` to :meth:`stop`.

    `latest` is the snapshot of the last tick; a new one comes every `TICK_S` seconds.
    `baseline` is what the user compares with, `advisor` asks an LLM.
    `llm_allowed` says that the user wants an LLM to be called, `llm_forbidden` overrules it, and
    `llm_asks` that there is a screen to ask on: what was answered there counts, too.
    `span_s` is how far back a snapshot reaches, and how long windows and points are kept whole.
    `state` is the directory where forecasts are kept from run to run; without it they are not.
    """

    def __init__(
        self,
        target: Target,
        settings: Settings,
        *,
        llm_allowed: bool = False,
        llm_forbidden: bool = False,
        llm_asks: bool = False,
        env: Mapping[str, str] = os.environ,
        clock: Clock | None = None,
        span_s: float = SPAN_S,
        baseline: Baseline | None = None,
        launch: Launch = subprocess.Popen,
        state: Path | None = None,
    ) -> None:
        self.clock = clock or steady_clock()
        self.settings = settings
        self._span_s = span_s
        self._baseline = baseline
        self._timeline = Timeline(whole_s=span_s)
        sudo = find_sudo() if settings.profile.sudo else None
        if sudo is not None:
            sudo.check(target.pid)
        self._pyspy = PySpy(launch, sudo)
        self._host = HostSource(self._timeline, self.clock)
        self._known = KnownTarget(target, self.clock)
        self._named = NamedSources(
            settings,
            self._timeline,
            self.clock,
            ports=lambda: self._known.ports,
        )
        self._of_target = self._sources_of(target)
        self._objectives = settings.objectives()
        self._unusable = [
            SourceStatus("settings", SourceState.FAILED, self.clock(), text)
            for text in settings.unusable()
        ]
        self._keeping = Keeping(state / FILE if state is not None else None, identity(target))
        self._analyses = Analyses(self._objectives, self._keeping, settings.pattern)
        self._changes = Changes()
        self._state = TargetState.RUNNING
        self._state_since = self._alive_at = self.clock()
        self._swapping = threading.Lock()
        self._following = threading.Lock()
        self.advisor = Advisor(
            settings.llm,
            allowed=llm_allowed,
            forbidden=llm_forbidden,
            env=env,
            snapshot=lambda: self.latest,
            clock=self.clock,
            ledger=state / FILE if state is not None else None,
            read_source=self.source,
            picture=self._picture,
            of_files=settings.named_by_files(),
            cases=self._keeping.cases,
        )
        asks = llm_asks and not llm_forbidden
        self.permission = Permission(
            self.advisor,
            settings.llm,
            given=llm_allowed,
            env=env,
            clock=self.clock,
            file=consent_file(state if asks else None, target.host, self.advisor.server),
        )
        """Whether the LLM may be called, what it was sent, and what it would be sent now."""
        self._stopping = threading.Event()
        self._ticker = threading.Thread(target=self._tick, name="perftui-monitor", daemon=True)
        self.latest = self.snapshot()

    @property
    def profiler_error(self) -> PerftuiError | None:
        """Why there is no profile at present, None while there is one or it is being made."""
        return self._of_target.profiler.error

    @property
    def profiler_ended(self) -> bool:
        """Whether no window can come any more."""
        return self._of_target.profiler.ended

    def _sources_of(self, target: Target) -> TargetSources:
        return TargetSources(target, self.settings, self._timeline, self.clock, self._pyspy)

    @property
    def _sources(self) -> list[Source]:
        first, rest = self._of_target.all[:2], self._of_target.all[2:]
        return [*first, self._host, *rest, *self._named.all]

    def follow(self) -> str:
        """Watch what took the place of a target that has ended; says what came of it. It may be
        called by several threads: one of them follows."""
        if not self._following.acquire(blocking=False):
            return "Its successor is being looked for."
        try:
            return self._follow()
        finally:
            self._following.release()

    def _follow(self) -> str:
        if self._of_target.family.target_state() is not TargetState.EXITED:
            return "The target still runs."
        pid = successor(self._known.now, self._known.noted_ports, self.clock() - self._alive_at)
        if pid is None:
            return "No successor yet: nothing runs this command or listens on its port."
        try:
            target = describe(pid)
        except PerftuiError:
            return "Its successor has ended too."
        with self._swapping:
            if self._stopping.is_set():
                return "perftui is ending."  # nothing may start that nobody stops
            for source in self._of_target.all:
                source.stop()
            self._timeline.end_all(EventKind.ALERT, self.clock())
            # What was collected of the other one stays.
            self._known.follow(target)
            self._of_target = self._sources_of(target)
            self._keeping.target(identity(target))
            self.advisor.forget()  # first: what it still says would be taken for the new one's
            self._analyses.forget_target()
            for source in self._of_target.all:
                source.start()
            self._timeline.add_event(Event(self.clock(), EventKind.RESTART, f"pid {pid}"))
        self.latest = self.snapshot()
        return f"Following pid {pid}."

    def start(self) -> None:
        """Start to watch. The profiler comes first: what it shows is waited for."""
        for source in self._sources:
            source.start()
        self._ticker.start()
        self.advisor.start()

    def stop(self) -> None:
        """End everything that was started; returns when no sampler is left, or after `STOP_S`."""
        with self._swapping:
            self._stopping.set()
        self.advisor.stop()
        for source in self._sources:
            source.stop()
        deadline = time.monotonic() + STOP_S
        for source in self._sources:
            source.join(max(0.0, deadline - time.monotonic()))
        if self._ticker.is_alive():
            self._ticker.join(max(0.0, deadline - time.monotonic()))

    def target_state(self) -> TargetState:
        """Whether the target runs, at this moment."""
        return self._of_target.family.target_state()

    def target_looks_like_python(self) -> bool:
        """Whether the target seems to run Python; py-spy has the last word."""
        process = self._of_target.family.process
        return process is not None and looks_like_python(process)

    def wait_for_advisor(self) -> None:
        """Wait until the LLM has answered once, or said why it does not."""
        self.advisor.ask_now()
        self.advisor.wait(ANSWER_S)

    def _picture(self, question: Question) -> Snapshot:
        """What is known of the time that a question is about, with as much before it."""
        if question.start is None or question.end is None:
            return self.latest
        since = question.start - max(SPAN_S, question.end - question.start)
        return self.latest.until(
            question.end, since, self.windows(since), self.series(since), self.events(since)
        )

    def change_profile(self, **changes: object) -> str:
        """Look otherwise from the next window on, by names of `[profile]` settings; why that cannot
        be, in a sentence, or nothing."""
        try:
            profile = self.settings.profile.changed(**changes)
        except UsageError as error:
            return error.message
        with self._swapping:
            self.settings = self.settings.but(profile=profile)
            self._of_target.profiler.change(profile)
        return ""

    def take(self, offer: Offer) -> None:
        """Watch what was offered from now on, of the target's successor too; what is no offer any
        more is left alone. From any thread."""
        with self._swapping:
            if self._stopping.is_set() or offer not in self._of_target.offers(self.settings):
                return
            self.settings = with_offer(self.settings, offer)
            if offer.kind is OfferKind.PAGE:
                self._named.add(self.settings.scrape[-1]).start()
            else:
                self._of_target.take_pack(offer.name)

    @property
    def can_query(self) -> bool:
        """Whether there is a Prometheus to ask."""
        return self._of_target.prometheus is not None

    def try_query(self, promql: str) -> QueryResult:
        """What a query gives now, or why it gives nothing; takes `QUERY_S` at most, and ends the
        one that was tried before. From any thread."""
        return self._of_target.try_query(promql)

    def end_query(self) -> None:
        """End the query that is tried at present: nobody waits for its answer any more."""
        self._of_target.end_trial()

    def keep_query(self, metric: MetricSettings) -> None:
        """Poll a query from now on, of the target's successor too, in place of one of the same
        name. From any thread."""
        with self._swapping:
            others = (other for other in self.settings.metric if other.name != metric.name)
            self.settings = self.settings.but(metric=(*others, metric))
            self._of_target.keep(metric)
        # An objective may have waited for it.
        still = self.settings.unusable()
        self._unusable = [status for status in self._unusable if status.message in still]

    def past_forecasts(self) -> tuple[PastForecasts, ...]:
        """What was forecast for this target before and what came of it, by objective and series;
        takes a while. StateError where that cannot be read."""
        return self._keeping.past_forecasts()

    def source(self, file: str) -> SourceText:
        """The text of a source file, as the target sees it."""
        target = self._known.now
        # What was written just before the start is older than that start, not newer.
        return read_source(file, target.pid, target.started_at + create_time_lag())

    def windows(self, since: float) -> tuple[Window, ...]:
        """The windows since then (Unix seconds), coarser the older: also those that a snapshot has
        no longer."""
        return self._timeline.windows(since)

    def series(self, since: float) -> tuple[Series, ...]:
        """Every series since then (Unix seconds), coarser the older."""
        wanted = {one.metric for one in self._objectives if one not in DEFAULT_OBJECTIVES}
        return tuple(in_order(self._timeline.series(since), wanted))

    def events(self, since: float) -> tuple[Event, ...]:
        """What has happened since then (Unix seconds), oldest first."""
        return self._timeline.events(since)

    def mark(self, kind: EventKind, text: str, at: float | None = None) -> None:
        """Mark a moment (Unix seconds), or the present, on the time axis."""
        self._timeline.add_event(Event(self.clock() if at is None else at, kind, text))

    def judge(self, item: Item, decision: Decision, note: str = "") -> None:
        """Keep what a person has decided on a forecast, or on what is proposed."""
        now = self.clock()
        self._analyses.verdicts.add(decide(item, decision, now, note))
        self.latest = replace(self.latest, verdicts=self._analyses.verdicts.standing(now))

    def set_objective(self, objective: Objective) -> None:
        """Watch this objective from now on, in place of those of the same metric."""
        others = tuple(o for o in self._objectives if o.metric != objective.metric)
        self._objectives = (objective, *others)
        self._analyses.change(self._objectives)

    def last_snapshot(self, since: float) -> Snapshot:
        """The snapshot once everything has ended, with the patterns that hold in it."""
        return self._analyses.with_patterns(self.snapshot(since))

    def snapshot(self, since: float | None = None) -> Snapshot:
        """Everything known now, with windows and points since `since` (Unix seconds)."""
        with self._swapping:
            return self._snapshot(since)

    def _snapshot(self, since: float | None) -> Snapshot:
        now = self.clock()
        state = self._of_target.family.target_state()
        if state is not self._state:
            self._state, self._state_since = state, now
        if state is not TargetState.EXITED:
            self._alive_at = now
        if since is None:
            since = (self._state_since if state is TargetState.EXITED else now) - self._span_s
        return Snapshot(
            taken_at=now,
            since=since,
            target=replace(
                self._known.now, python=self._of_target.profiler.python or self._known.now.python
            ),
            target_state=self._state,
            target_since=self._state_since,
            children=self._of_target.family.children(),
            windows=self._timeline.windows(since),
            series=self.series(since),
            objectives=self._objectives,
            forecasts=self._analyses.forecasts + self._advice(),
            sources=self._statuses(),
            llm=self.advisor.status,
            baseline=self._baseline,
            gil_windows=self._timeline.gil_windows(since),
            events=self._timeline.events(since),
            unavailable=self._timeline.unavailable(),
            offers=self._of_target.offers(self.settings),
            findings=self._analyses.findings,
            verdicts=self._analyses.verdicts.standing(now),
            queries=self._of_target.queries,
        )

    def _advice(self) -> tuple[Forecast, ...]:
        """What the LLM forecasts, but for objectives that are watched no more."""
        return tuple(one for one in self.advisor.forecasts if one.objective in self._objectives)

    def _statuses(self) -> tuple[SourceStatus, ...]:
        return (
            *(source.status for source in self._sources),
            *self._unusable,
            *self._analyses.statuses(self.clock()),
        )

    def _tick(self) -> None:
        due = self.clock()
        while not self._stopping.wait(max(0.0, due - self.clock())):
            # What the first window shows is waited for.
            due = max(due + (TICK_S if self.latest.windows else FIRST_TICK_S), self.clock())
            self._describe_again()
            if self._state is not TargetState.EXITED:
                self._analyses.look_ahead(self._timeline, self.clock(), self.advisor.forecasts)
            self.latest = self.snapshot()
            self._analyses.look_for_patterns(self.latest)
            for event in self._changes.events(self.latest):
                self._timeline.add_event(event)
            if self._analyses.has_news():
                self.advisor.ask_soon()
        self._analyses.close()

    def _describe_again(self) -> None:
        news = self._known.look()
        if news.ports and self.settings.notice.scrape:
            self._of_target.notice.look(self._known.now.pid)
        if news.program:
            self._of_target.profiler.ask_version_again()
