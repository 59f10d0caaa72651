"""Programs that exist on paper only: what py-spy would write of them, and windows of it."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator, Sequence

from perftui.model.findings import LlmStatus
from perftui.model.snapshot import Snapshot
from perftui.model.stacks import Frame, Mode, Stack, Thread, Window
from perftui.model.target import Target, TargetState

PID = 4242
DEPTH = 30
THREADS = 50
MANY = 100_000
"""Functions of a program that has very many."""
STACKS = 500
"""In each window of a refresh, all of them different."""
HISTORY_S = 60
"""Windows that a refresh has at hand, each of a second."""
Route = tuple[int, ...]
"""A stack as the number of the function that it takes on each level, the outermost first."""


class Program:
    """`functions` in `DEPTH` levels; a stack has one function of each level.

    The same seed gives the same program and the same stacks.
    """

    def __init__(self, functions: int, seed: int = 1) -> None:
        self._random = random.Random(seed)
        self._pool: dict[Route, Stack] = {}
        self.per_level = max(2, functions // DEPTH)
        self._frames = [
            [
                Frame(f"function_{level}_{n}", f"/srv/app/module_{n % 40}.py", 10 + 3 * level)
                for n in range(self.per_level)
            ]
            for level in range(DEPTH)
        ]

    def route(self, like: Route = ()) -> Route:
        """Any route, or one that begins as another does."""
        pick = self._random.randrange
        kept = pick(DEPTH // 3, DEPTH) if like else 0
        return (*like[:kept], *(pick(self.per_level) for _ in range(DEPTH - kept)))

    def routes(self, count: int) -> list[Route]:
        """So many routes that have their beginnings in common, as those of one program have."""
        found = [self.route()]
        while len(found) < count:
            found.append(self.route(self._random.choice(found)))
        return found

    def stack(self, route: Route) -> Stack:
        """Its frames, which are the same objects each time; so are the stacks of a pool."""
        known = self._pool.get(route)
        if known is not None:
            return known
        return Stack(tuple(level[n] for level, n in zip(self._frames, route, strict=True)))

    def repeating(
        self, samples: int, pool: int = 400, fresh: float = 0.02
    ) -> Iterator[list[Route]]:
        """Samples by window: most are of the same few stacks (Zipf), a part is `fresh`."""
        known = self.routes(pool)
        weights = [1 / rank for rank in range(1, pool + 1)]
        while True:
            new = int(samples * fresh)
            seen = self._random.choices(known, weights, k=samples - new)
            yield [*seen, *(self.route(self._random.choice(known)) for _ in range(new))]

    def from_pool(self, samples: int, pool: int) -> Iterator[list[Route]]:
        """Samples by window, all different, each from a set that together has every function."""
        known = [
            tuple((n + shift) % self.per_level for shift in self._random.choices(range(7), k=DEPTH))
            for n in range(pool)
        ]
        self._pool = {route: self.stack(route) for route in known}
        while True:
            yield self._random.sample(known, samples)

    def distinct(self, samples: int) -> Iterator[list[Route]]:
        """Samples by window, none of which is ever seen again."""
        while True:
            yield [self.route() for _ in range(samples)]

    def speedscope(self, samples: Sequence[Route]) -> bytes:
        """What `py-spy record -f speedscope -t` writes of these samples, taken of `THREADS`."""
        numbers: dict[Frame, int] = {}

        def number(level: int, n: int) -> int:
            return numbers.setdefault(self._frames[level][n], len(numbers))

        profiles = []
        for thread in threads():
            seen = [
                [number(level, n) for level, n in enumerate(route)]
                for route in samples[thread.tid % THREADS :: THREADS]
            ]
            profiles.append(
                {
                    "type": "sampled",
                    "name": f'Thread {thread.tid} "{thread.name}"',
                    "unit": "seconds",
                    "startValue": 0.0,
                    "endValue": len(seen) / 100,
                    "samples": seen,
                    "weights": [0.01] * len(seen),
                }
            )
        document = {
            "$schema": "https://www.speedscope.app/file-format-schema.json",
            "profiles": profiles,
            "shared": {
                "frames": [
                    {"name": f.function, "file": f.file, "line": f.line, "col": None}
                    for f in numbers
                ]
            },
            "activeProfileIndex": None,
            "exporter": "py-spy@0.4.3",
            "name": "py-spy profile",
        }
        return json.dumps(document, separators=(",", ":")).encode()

    def window(self, number: int, samples: Sequence[Route]) -> Window:
        """Second `number` of a watch in which these were seen."""
        every = threads()
        stacks: Counter[tuple[Thread, Stack]] = Counter(
            (every[place % THREADS], self.stack(route)) for place, route in enumerate(samples)
        )
        return in_second(number, stacks)


def in_second(number: int, stacks: Counter[tuple[Thread, Stack]], seconds: float = 1.0) -> Window:
    """A window of these stacks; one in eight is blocking, as where blocking is dear."""
    torn = number % 8 != 0
    mode = Mode.NONBLOCKING if torn else Mode.BLOCKING
    start = float(number)
    return Window(start, start + seconds, 100.0, mode, stacks, torn=torn, stopped_s=0.0)


def picture(windows: Sequence[Window], target: Target | None = None) -> Snapshot:
    """A snapshot with these windows and nothing else."""
    end = windows[-1].end
    return Snapshot(
        taken_at=end,
        since=windows[0].start,
        target=target or Target(PID, "service", ("python", "service.py"), 0.0, "host"),
        target_state=TargetState.RUNNING,
        target_since=0.0,
        children=(),
        windows=tuple(windows),
        series=(),
        objectives=(),
        forecasts=(),
        sources=(),
        llm=LlmStatus(),
    )


def threads() -> list[Thread]:
    """The threads of every such program."""
    return [Thread(PID, 5000 + n, f"worker-{n}") for n in range(THREADS)]
