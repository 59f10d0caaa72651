"""The governor: how the next window may look at the target, so that it costs it little.

A blocking look stops the target while the stacks of all its threads are read; a non-blocking one
never stops it, but can mix two moments in one stack. So the governor measures what a look costs,
in time stopped and in CPU time of py-spy, and chooses rate, mode, GIL holders only and rests so
that both stay inside their budgets. Where blocking looks at the full rate are too dear, most
windows are non-blocking, and one in several is blocking: its stacks are true, and show which of
the others cannot be (see :mod:`perftui.sources.torn`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from perftui.model.stacks import Mode
from perftui.settings import ProfileSettings

RATE_HZ = 100
RATES_HZ = (5, 7, 10, 15, 20, 25, 35, 50, 75, 100)
"""The rates that are chosen among, so that the one in use changes seldom. None is lower: py-spy
hears that it is to end only at its next look."""
WINDOW_S, MOST_WINDOW_S = 2.0, 5.0
"""A start of py-spy costs as often as a window ends, so windows are longer where it is dear."""
START_SHARE = 0.125
"""A start is to take no more than this of the CPU time that looks take."""
FIRST_WINDOW_S = 0.3
"""The first window is short, so that the screen has something to show soon."""
EARLY_WINDOW_S, EARLY_WINDOWS = 1.0, 10
"""So are those that follow: somebody waits for what they show, and the governor learns by them."""
LEAST_WINDOW_S = 0.2
REST_PERIOD_S = 10.0
"""With a small duty, windows come about this often, but are no shorter than `LEAST_WINDOW_S`."""

BURST = 5.0
"""How many times the budget of a second blocking windows may take while they last, and how much of
it must be there before one begins; at most twice that is saved up."""
DEAR_BURSTS = 1.6
"""So many times that must be there where a start of py-spy is dear."""
LEAST_BURST_HZ = 10
MOST_STOP_S = 0.05
"""A target that one look stops for longer is not stopped at all, unless the user says so."""
SHARE_USED = 0.8
"""The part of the stop budget that is planned with: what is measured scatters."""
LEAST_GIL_RATE_HZ = 10
"""When all threads cannot be looked at so often, only the holder of the GIL is: with fewer looks
the margin of a share over ten seconds is wider than most shares."""
CAUTION = 0.8
"""A rate goes up again only when what it costs is below this part of the budget."""

_ROUNDING_S = 1e-9
_START_CPU_S = 0.02
_LOOK_CPU_S, _THREAD_CPU_S, _GIL_THREAD_CPU_S = 0.3e-3, 0.1e-3, 0.005e-3
_LOOK_STOP_S, _THREAD_STOP_S = 0.2e-3, 0.2e-3
"""What a start and a look cost before anything was measured, the look by itself and a thread, in
seconds: about what py-spy 0.4.3 takes on one machine, stops twice that. `benchmarks/looks.py`
measures it."""
_LEARN = 0.3
"""How much the last window moves what CPU time is thought to be taken."""
_FORGET = 0.9
"""What a window's count of stopped polls weighs once the next has come."""
_PRIOR_STOPS = 1.0
"""So many stopped polls are what the beliefs above weigh beside the counted ones."""


@dataclass(frozen=True)
class Plan:
    """How the next window looks at the target.

    It lasts `seconds`, and `rest_s` seconds without a look follow it; it will stop the target for
    about `stop_s` seconds. `remark` says what was decided against the user's wish or what they
    would expect, and why.
    """

    rate_hz: int
    nonblocking: bool
    gil: bool
    idle: bool
    native: bool
    function: bool
    subprocesses: bool
    seconds: float = WINDOW_S
    rest_s: float = 0.0
    stop_s: float = 0.0
    remark: str = ""

    @property
    def mode(self) -> Mode:
        """The mode that the document names."""
        if self.gil:
            return Mode.GIL
        return Mode.NONBLOCKING if self.nonblocking else Mode.BLOCKING

    def arguments(self) -> list[str]:
        """py-spy's own options for it."""
        flags = {
            "--nonblocking": self.nonblocking,
            "--gil": self.gil,
            "--idle": self.idle,
            "--native": self.native,
            "--function": self.function,
            "--subprocesses": self.subprocesses,
        }
        return ["--rate", str(self.rate_hz), *(flag for flag, on in flags.items() if on)]


@dataclass(frozen=True)
class Cost:
    """What one window took.

    py-spy used `cpu_s` seconds of CPU time for `seconds` of looks at `held_hz` a second,
    `start_cpu_s` of them before its first look, None where that is not known. The target was polled
    `polls` times while it was blocking, and found stopped `stopped` times.
    """

    seconds: float
    held_hz: float
    cpu_s: float
    polls: int = 0
    stopped: int = 0
    start_cpu_s: float | None = None


class Governor:
    """Plans one window after the other, from what the last ones cost.

    Costs are thought of as a factor times what they usually are for so many threads, so that a
    target that starts a hundred threads is treated as one at once. The factor of the stops is the
    mean of a Gamma posterior for a Poisson count of stopped polls, older windows forgotten. What
    was measured is also kept in an account: every second adds to how long the target may be
    stopped, a blocking window takes from it, and has to wait until it is there. With
    `whole_seconds`, for a py-spy that ends by itself alone, windows are one or two seconds.
    """

    def __init__(self, settings: ProfileSettings, *, whole_seconds: bool = False) -> None:
        self._whole_seconds = whole_seconds
        self._start_cpu_s = _START_CPU_S
        self._cpu_factor: dict[tuple[bool, bool], float] = {}
        """By whether GIL holders alone are looked at, and whether without stopping the target."""
        self._stops = self._expected_stops = 0.0
        self._full = False
        self._windows = 0
        self._usual_s = WINDOW_S
        self._credit_s = BURST * settings.max_overhead / 100 * FIRST_WINDOW_S
        """For how long the target may be stopped by now."""
        self.change(settings)

    def change(self, settings: ProfileSettings) -> None:
        """Other wishes of the user; what looks cost is still known."""
        self._settings = settings
        self._wanted_hz = self._rate_hz = settings.rate or RATE_HZ
        self._gil = settings.gil
        self._before = self._gil, self._usual_s, self._rate_hz

    def plan(self, threads: Sequence[int], *, subprocesses: bool) -> Plan:
        """The next window; `threads` are the numbers of threads of the processes it looks at.

        py-spy reads all of them, but stops each process by itself, so the largest one decides.
        """
        settings = self._settings
        count, largest = max(1, sum(threads)), max(threads, default=1)
        self._before = self._gil, self._usual_s, self._rate_hz
        self._choose_gil(count)
        self._choose_length(count)
        rate = self._cpu_rate(count)
        plan = Plan(
            rate_hz=rate,
            nonblocking=True,
            gil=self._gil,
            idle=settings.idle,
            native=settings.native,
            function=settings.function,
            subprocesses=subprocesses,
            seconds=self._length(self._window_s),
        )
        look_s = self._stop_s(largest)
        if settings.nonblocking is False or settings.native:
            plan = self._blocking(plan, look_s)
        elif settings.nonblocking is None:
            plan = self._mixed(plan, look_s)
        plan = self._rested(plan, count, look_s)
        self._windows += 1
        if not plan.nonblocking:
            plan = replace(plan, stop_s=plan.seconds * min(1.0, plan.rate_hz * look_s))
        self._credit_s -= plan.stop_s
        return replace(plan, remark=self._remark(plan, rate, count))

    def cancel(self, plan: Plan) -> None:
        """This last plan came to nothing: no look was made."""
        self._credit_s += plan.stop_s
        self._windows -= 1
        self._gil, self._usual_s, self._rate_hz = self._before

    def learn(self, plan: Plan, threads: Sequence[int], cost: Cost) -> None:
        """Take in what a window cost that was planned for these threads."""
        count, largest = max(1, sum(threads)), max(threads, default=1)
        looks = max(1.0, cost.held_hz * cost.seconds)
        start_s = _START_CPU_S if cost.start_cpu_s is None else cost.start_cpu_s
        self._start_cpu_s += _LEARN * (start_s - self._start_cpu_s)
        factor = max(0.0, cost.cpu_s - start_s) / (looks * _cpu_s(count, gil=plan.gil))
        known = self._factor(plan.gil, plan.nonblocking)
        self._cpu_factor[plan.gil, plan.nonblocking] = known + _LEARN * (factor - known)
        budget = self._settings.max_overhead / 100
        stopped_s = plan.stop_s
        if cost.polls:
            stopped_s = cost.seconds * cost.stopped / cost.polls
            share = min(1.0, cost.held_hz * (_LOOK_STOP_S + _THREAD_STOP_S * largest))
            self._stops = _FORGET * self._stops + cost.stopped
            self._expected_stops = _FORGET * self._expected_stops + cost.polls * share
        self._credit_s += SHARE_USED * budget * (cost.seconds + plan.rest_s)
        self._credit_s += plan.stop_s - stopped_s
        self._credit_s = min(self._credit_s, 2 * BURST * budget)

    def _stop_s(self, threads: int) -> float:
        """How long a blocking look stops a process of so many threads, in seconds."""
        factor = (self._stops + _PRIOR_STOPS) / (self._expected_stops + _PRIOR_STOPS)
        return factor * (_LOOK_STOP_S + _THREAD_STOP_S * threads)

    def _cpu_pct(self, rate_hz: float, threads: int, *, gil: bool) -> float:
        """py-spy's CPU time at this rate, in percent of a core."""
        looks_s = rate_hz * self._look_cpu_s(threads, gil=gil)
        return 100 * (self._start_cpu_s / self._usual_s + looks_s)

    def _look_cpu_s(self, threads: int, *, gil: bool) -> float:
        """What a look takes of a CPU as most windows look, in seconds."""
        return self._factor(gil, not self._stops_always) * _cpu_s(threads, gil=gil)

    def _factor(self, gil: bool, nonblocking: bool) -> float:
        """How much more than usual a look takes; one not yet known as much as the other mode."""
        other = self._cpu_factor.get((gil, not nonblocking), 1.0)
        return self._cpu_factor.get((gil, nonblocking), other)

    @property
    def _stops_always(self) -> bool:
        """Whether every window is blocking, not one in several."""
        return self._full or self._settings.nonblocking is False or self._settings.native

    @property
    def _cpu_budget_pct(self) -> float:
        """What py-spy may take while the next window lasts, in percent of a core. The first, short
        one may take at once what a second may: with a few looks it would show next to nothing."""
        budget = self._settings.max_sampler_cpu
        if self._windows:
            return budget
        return budget * EARLY_WINDOW_S / self._length(FIRST_WINDOW_S)

    @property
    def _window_s(self) -> float:
        """How long the next window is where nothing makes it shorter."""
        if self._windows == 0:
            return FIRST_WINDOW_S
        return EARLY_WINDOW_S if self._windows < EARLY_WINDOWS else self._usual_s

    def _choose_length(self, threads: int) -> None:
        """Longer windows where the start of py-spy takes much beside the looks; whole seconds, and
        not to and fro between two of them."""
        looks_s = self._rate_hz * self._look_cpu_s(threads, gil=self._gil)
        wanted = self._start_cpu_s / max(1e-9, START_SHARE * looks_s)
        # What cannot be told to end is waited for when perftui ends.
        most_s = WINDOW_S if self._whole_seconds else MOST_WINDOW_S
        wanted = min(most_s, max(WINDOW_S, wanted))
        if abs(wanted - self._usual_s) >= 0.8:
            self._usual_s = float(round(wanted))

    def _choose_gil(self, threads: int) -> None:
        """Only the holder of the GIL, where py-spy can read all threads too seldom."""
        if self._settings.gil or self._settings.idle or self._settings.rate:
            return
        least = min(LEAST_GIL_RATE_HZ, self._wanted_hz)
        budget = self._settings.max_sampler_cpu * (CAUTION if self._gil else 1.0)
        self._gil = self._cpu_pct(least, threads, gil=False) > budget

    def _cpu_rate(self, threads: int) -> int:
        """The highest rate that py-spy's CPU budget allows."""
        if self._settings.rate:
            return self._wanted_hz
        budget = self._cpu_budget_pct

        def fitting(part: float) -> int:
            return max(
                (r for r in RATES_HZ if self._cpu_pct(r, threads, gil=self._gil) <= part * budget),
                default=RATES_HZ[0],
            )

        allowed = fitting(1.0)
        self._rate_hz = (
            min(allowed, max(self._rate_hz, fitting(CAUTION)))
            if self._windows
            else fitting(CAUTION)
        )
        return self._rate_hz

    def _blocking(self, plan: Plan, look_s: float) -> Plan:
        """Every window blocking, as often as the stop budget allows."""
        if self._settings.rate:
            return replace(plan, nonblocking=False)
        budget = self._settings.max_overhead / 100
        fitting = [r for r in RATES_HZ if r <= plan.rate_hz and r * look_s <= budget]
        return replace(plan, nonblocking=False, rate_hz=max(fitting, default=RATES_HZ[0]))

    def _mixed(self, plan: Plan, look_s: float) -> Plan:
        """Every window blocking where that is cheap; else one in several, at a rate that is."""
        if self._windows == 0:
            return plan  # gently: nothing is known yet
        budget = self._settings.max_overhead / 100
        self._full = plan.rate_hz * look_s <= budget * (1.0 if self._full else SHARE_USED)
        if self._full:
            return replace(plan, nonblocking=False)
        rate = plan.rate_hz
        if not self._settings.rate:
            fitting = [r for r in RATES_HZ if r <= rate and r * look_s <= BURST * budget]
            rate = max(min(LEAST_BURST_HZ, rate), *fitting, 0)  # no dearer than the others
        most_s = FIRST_WINDOW_S if self._windows == 1 else self._window_s
        spent_s = BURST * budget
        if self._usual_s > WINDOW_S:  # one long burst takes one dear start, two short ones two
            spent_s = max(DEAR_BURSTS * spent_s, self._credit_s)
        seconds = min(most_s, max(LEAST_WINDOW_S, spent_s / (rate * look_s)))
        seconds = self._length(seconds)
        if seconds * rate * look_s > self._credit_s + _ROUNDING_S or look_s > MOST_STOP_S:
            return plan
        return replace(plan, nonblocking=False, rate_hz=rate, seconds=seconds)

    def _rested(self, plan: Plan, threads: int, look_s: float) -> Plan:
        """With a rest behind it, where the user wants one or nothing else keeps the budget."""
        duty = 1.0
        if self._settings.duty is not None:
            duty = self._settings.duty / 100
        else:
            cpu = self._cpu_pct(plan.rate_hz, threads, gil=plan.gil)
            duty = min(duty, self._cpu_budget_pct / cpu)
            always = self._settings.nonblocking is False or self._settings.native
            if always and not plan.nonblocking:
                stopped = min(100.0, 100 * plan.rate_hz * look_s)
                duty = min(duty, self._settings.max_overhead / stopped)
        if duty >= 1:
            return plan
        seconds = self._length(min(plan.seconds, max(LEAST_WINDOW_S, duty * REST_PERIOD_S)))
        return replace(plan, seconds=seconds, rest_s=seconds / duty - seconds)

    def _length(self, seconds: float) -> float:
        return float(max(1, int(seconds))) if self._whole_seconds else seconds

    def _remark(self, plan: Plan, rate_hz: int, threads: int) -> str:
        """What was decided, and why, in a few words."""
        said = []
        if plan.gil and not self._settings.gil:
            said.append(f"GIL holders only: {threads} threads")
        elif rate_hz < self._wanted_hz:
            said.append(f"{threads} threads")
        if plan.rest_s:
            said.append(f"looks {100 * plan.seconds / (plan.seconds + plan.rest_s):.3g}% of time")
        return ", ".join(said)


def _cpu_s(threads: int, *, gil: bool) -> float:
    """What a look usually takes of a CPU, in seconds."""
    return _LOOK_CPU_S + threads * (_GIL_THREAD_CPU_S if gil else _THREAD_CPU_S)
