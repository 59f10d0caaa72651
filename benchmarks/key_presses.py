"""How soon a key is answered, while py-spy looks 100 times a second at a target of 50 threads, or
while a Prometheus that is asked ten queries a second has one fault after the other."""

from __future__ import annotations

import itertools
import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from faulty import faulty
from on_terminal import OnTerminal, environment, plain, runs
from report import judged, percentile, say, table
from targets import HOT, Target

KEY_GOAL_MS = 50.0
THREADS, FEW_THREADS = 50, 2
QUERIES = 10
TIMEOUT_S = 30.0
LEARN_S = 0.5
ANSWER_S = 2.0
"""A key that is not answered after this is counted as one that never is."""
ROWS, TITLE = "rows", "title"
_SIGNS = ("▾".encode(), "▴".encode())


class Keys:
    """Presses keys on a running perftui, and waits until the screen shows what they do."""

    def __init__(self, running: OnTerminal) -> None:
        self._running = running
        self._order: dict[str, bytes] = {}
        self._row, self._cursor_style = self._find_cursor()
        self.unanswered = 0

    def _find_cursor(self) -> tuple[int, bytes]:
        """Its row, and how it looks: what stood in one row and stands in the next after a j."""
        before = self._styles(self._running.forget())
        self._running.press(b"j")
        time.sleep(LEARN_S)
        after = {**before, **self._styles(self._running.forget())}
        for row, style in before.items():
            if style == after.get(row + 1) and style not in (after[row], before.get(row + 1)):
                return row + 1, style
        raise RuntimeError("the cursor is not found on the screen")

    def _styles(self, data: bytes) -> dict[int, bytes]:
        """How the rows look that show a function; notes the order, by the way."""
        found: dict[int, bytes] = {}
        for run in runs(data):
            if _is_function(run.text):
                found[run.row] = run.style
            self._order.update(_order(run.text))
        return found

    def move(self, key: bytes) -> float | None:
        """Press j or k: seconds until the cursor is drawn in another row; None if it never is."""
        before = self._row

        def moved(data: bytes) -> bool:
            for run in runs(data):
                if run.style == self._cursor_style and _is_function(run.text):
                    self._row = run.row
            return self._row != before

        return self._press(key, moved)

    def sort(self, key: bytes) -> tuple[float | None, float | None]:
        """Press a key that changes the order: seconds until the rows stand in it, and until the
        panel's title says so too."""
        before = dict(self._order)

        def said(where: str) -> Callable[[bytes], bool]:
            def is_said(data: bytes) -> bool:
                for run in runs(data):
                    self._order.update(_order(run.text))
                return self._order.get(where) != before.get(where)

            return is_said

        pressed = time.perf_counter()
        rows = self._press(key, said(ROWS))
        titled = self._running.wait(said(TITLE), ANSWER_S)
        return rows, None if titled is None else titled - pressed

    def _press(self, key: bytes, is_there: Callable[[bytes], bool]) -> float | None:
        self._running.forget()
        pressed = self._running.press(key)
        at = self._running.wait(is_there, ANSWER_S)
        self.unanswered += at is None
        return None if at is None else at - pressed


def _is_function(text: bytes) -> bool:
    return b"service.py" in text and b"perftui" not in text


def _order(text: bytes) -> dict[str, bytes]:
    """What a piece of the screen says of the order, and where; nothing if it does not."""
    if not any(sign in text for sign in _SIGNS):
        return {}
    # The titles of the columns are drawn with the rows.
    return {ROWS if b"own%" in text else TITLE: text}


def pressing(directory: Path, presses: int, warm_s: float) -> str:
    """The table of how soon keys are answered while py-spy takes all that it can."""
    say("keys")
    options = ["--rate", "100", "--nonblocking", "--max-sampler-cpu", "1000"]
    return _pressing(directory, presses, warm_s, THREADS, options)


def pressing_among_faults(directory: Path, presses: int, warm_s: float) -> str:
    """The same on a small target, while a Prometheus has one fault after the other."""
    say("keys, and a Prometheus with one fault after the other")
    with faulty() as url:
        options = ["--prometheus", url]
        options += [f"--query=metric_{n}=metric_{n}" for n in range(QUERIES)]
        home = directory / "home"
        (home / "perftui").mkdir(parents=True)
        (home / "perftui" / "config.toml").write_text('[prometheus]\nevery = "1s"\n')
        return _pressing(directory, presses, warm_s, FEW_THREADS, options, home)


def _pressing(
    directory: Path,
    presses: int,
    warm_s: float,
    threads: int,
    options: Sequence[str],
    home: Path | None = None,
) -> str:
    moves: list[float] = []
    sorts: list[float] = []
    titles: list[float] = []
    with Target(threads, directory) as target:
        argv = [sys.executable, "-m", "perftui", str(target.pid), *options]
        with OnTerminal(argv, directory, environment(home or directory)) as running:
            if running.wait(lambda data: HOT.encode() in data, TIMEOUT_S) is None:
                raise RuntimeError(f"no functions:\n{plain(running.drawn())[-2000:]}")
            time.sleep(warm_s)
            keys = Keys(running)
            own, sampler = running.cpu_s()
            begun = time.perf_counter()
            for key in itertools.islice(itertools.cycle([b"k", b"j", b"j", b"k"]), presses):
                time.sleep(random.uniform(0.05, 0.25))
                moves.extend(_known(keys.move(key)))
            for key in itertools.islice(itertools.cycle([b"S", b"S", b"s", b"1"]), presses):
                time.sleep(random.uniform(0.05, 0.25))
                rows_s, title_s = keys.sort(key)
                sorts.extend(_known(rows_s))
                titles.extend(_known(title_s))
            seconds = time.perf_counter() - begun
            own_end, sampler_end = running.cpu_s()
    say(
        f"meanwhile perftui took {100 * (own_end - own) / seconds:.1f} % of a core, py-spy "
        f"{100 * (sampler_end - sampler) / seconds:.0f} %; {keys.unanswered} keys unanswered"
    )
    rows = [
        (
            name,
            str(len(times)),
            *(f"{1000 * percentile(times, share):.1f}" for share in (0.5, 0.9, 0.99, 1.0)),
            judged(
                f"p99 ≤ {KEY_GOAL_MS:g}",
                met=1000 * percentile(times, 0.99) <= KEY_GOAL_MS and not keys.unanswered,
            ),
        )
        for name, times in (
            ("j, k: the cursor moves", moves),
            ("s, S, 1: the rows in another order", sorts),
            ("– the title of the panel says so too", titles),
        )
        if times
    ]
    return table(("key to screen, ms", "keys", "p50", "p90", "p99", "most", "goal"), rows)


def _known(seconds: float | None) -> list[float]:
    return [] if seconds is None else [seconds]
