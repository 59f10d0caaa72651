from __future__ import annotations

import itertools
import random
from collections import Counter

import pytest
from builders import MAIN, AnyStack, stack, window
from hypothesis import given
from hypothesis import strategies as st

from perftui.model.stacks import CUT, Mode, Place, Stack, Window
from perftui.sources.torn import RECHECK_S, EdgeBook

FILE = "/srv/app.py"


class Chain:
    """Windows of one second, one after the other, as the book shows them."""

    def __init__(self) -> None:
        self.book = EdgeBook()
        self.shown: list[Window] = []

    def look(self, counts: dict[AnyStack, int], *, torn: bool, **more: object) -> Window:
        at = self.shown[-1].end if self.shown else 0.0
        mode = Mode.NONBLOCKING if torn else Mode.BLOCKING
        seen = window(at, at + 1, counts, **{"torn": torn, "mode": mode, **more})
        shown, replaced = self.book.add(seen)
        for before, after in replaced:
            place = next(n for n, one in enumerate(self.shown) if one is before)
            self.shown[place] = after
        self.shown.append(shown)
        return shown

    def blocking(self, counts: dict[AnyStack, int], **more: object) -> Window:
        return self.look(counts, torn=False, **more)

    def torn(self, counts: dict[AnyStack, int], **more: object) -> Window:
        return self.look(counts, torn=True, **more)


def paths(depth: int) -> tuple[list[str], list[str]]:
    return [f"l{n}" for n in range(depth)], [f"r{n}" for n in range(depth)]


def torn_look(depth: int, share: float, generator: random.Random) -> str:
    """A stack of one of two paths, or with this probability the top of one below the other."""
    pair = list(paths(depth))
    generator.shuffle(pair)
    below, above = pair
    if generator.random() < share:
        at = generator.randrange(1, depth)
        return " ".join(["main", *above[:at], *below[at:]])
    return " ".join(["main", *below])


def mixes(shown: Window) -> int:
    """How many samples mix the two paths."""
    return sum(
        count
        for (_, frames), count in shown.stacks.items()
        if len({frame.function[0] for frame in frames if frame.function[0] in "lr"}) > 1
    )


@pytest.mark.parametrize("depth", [5, 30, 100])
@pytest.mark.parametrize(("share", "within_s"), [(0.05, 120), (0.3, 20), (0.7, 10)])
def test_two_paths_that_exclude_each_other(depth: int, share: float, within_s: int):
    """A second in six is blocking: soon at most 2 % of the stacks mix the paths, sooner where more
    are torn, and in the windows before that too; own samples are those that were seen."""
    generator = random.Random(depth)
    chain = Chain()
    own: Counter[str] = Counter()
    for second in range(within_s):
        torn = second % 6 != 1
        looks = Counter(
            torn_look(depth, share if torn else 0, generator) for _ in range(100 if torn else 50)
        )
        for names, n in looks.items():
            own[names.split()[-1]] += n
        chain.look(dict(looks), torn=torn)
    assert sum(map(mixes, chain.shown)) <= 0.02 * sum(w.samples for w in chain.shown)
    shown: Counter[str] = Counter()
    for one in chain.shown:
        for (_, frames), count in one.stacks.items():
            shown[frames[-1].function] += count
    assert shown == own


def test_what_is_cut_is_counted_and_mended():
    """A cut stack counts as cut; callers that are the only ones known take their place."""
    chain = Chain()
    for _ in range(10):
        chain.torn({"main a b": 40, "main c d": 40, "main a d": 20})
        chain.blocking({"main a b": 50, "main c d": 50})
    shown = chain.shown[-2]
    assert shown.cut == 20
    assert shown.stacks == {(MAIN, stack("main a b")): 40, (MAIN, stack("main c d")): 60}
    assert chain.shown[-1].cut == 0


def test_callers_that_cannot_be_known():
    """Where a function has several callers, those of a cut stack are unknown."""
    chain = Chain()
    for _ in range(10):
        chain.torn({"main a x": 40, "main b x": 40, "main c y x": 20, "main a y x": 20})
        chain.blocking({"main a x": 40, "main b x": 40, "main c y x": 20, "main d y x": 20})
    shown = chain.shown[-2]
    assert shown.stacks[MAIN, Stack((CUT, *stack("y x")))] == 20


def test_nothing_is_cut_before_it_is_due():
    """What only torn windows have shown is in doubt at first, and stays."""
    chain = Chain()
    chain.blocking({"main a": 100})
    shown = chain.torn({"main a": 99, "main b": 1})
    assert shown.cut == 0
    assert shown.unconfirmed == {(Place("main", FILE), Place("b", FILE))}
    assert (MAIN, stack("main b")) in shown.stacks


def test_a_blocking_look_confirms():
    """A call that a blocking look has seen is no longer in doubt, in earlier windows too."""
    chain = Chain()
    chain.blocking({"main a": 100})
    chain.torn({"main a": 99, "main b": 1})
    chain.blocking({"main b": 1})
    assert chain.shown[1].unconfirmed == frozenset()


def test_a_cut_that_was_wrong_is_taken_back():
    """When a blocking look shows a call that was cut, the windows of the last minutes have it."""
    chain = Chain()
    for _ in range(10):
        chain.torn({"main a": 50, "main b": 50, "main b a": 10})
        chain.blocking({"main a": 50, "main b": 50})
    assert (MAIN, stack("main b a")) not in chain.shown[0].stacks
    chain.blocking({"main b a": 1})
    assert chain.shown[0].stacks[MAIN, stack("main b a")] == 10
    assert chain.shown[0].cut == 0


def test_old_windows_stay_as_they_are():
    """Windows are cut anew for two minutes, not longer."""
    chain = Chain()
    chain.blocking({"main a": 100})
    first = chain.torn({"main a": 99, "main b": 1})
    for _ in range(int(RECHECK_S) + 1):
        chain.torn({"main a": 100})
    chain.blocking({"main b": 1})
    assert chain.shown[1] is first


def test_rare_calls_that_are_real():
    """A program of many rare calls keeps nearly all of them: blocking looks find new ones too."""
    generator = random.Random(1)
    chain = Chain()
    for second in range(120):
        counts = Counter(f"main f{int(generator.paretovariate(0.7)) % 400} x" for _ in range(100))
        chain.look(dict(counts), torn=second % 6 != 1)
    cut = sum(w.cut or 0 for w in chain.shown)
    assert cut <= 0.05 * sum(w.samples for w in chain.shown)


def test_without_blocking_looks_nothing_is_said():
    """When the target is never stopped nobody can say which stacks are torn."""
    chain = Chain()
    shown = chain.torn({"main a": 1, "main b": 1})
    assert (shown.cut, shown.unconfirmed) == (None, frozenset())


def test_other_kinds_of_looks_say_nothing_of_absence():
    """Holders of the GIL alone do not show that a call of another thread is not real."""
    chain = Chain()
    for _ in range(20):
        chain.torn({"main a": 50, "main b a": 50, "main b": 50})
        chain.blocking({"main a": 50, "main b": 50}, mode=Mode.GIL)
    assert (MAIN, stack("main b a")) in chain.shown[-2].stacks


def test_recursion():
    """A function that calls itself is a call like others; its own depth is no tear."""
    chain = Chain()
    deep = "main " + " ".join(["f"] * 1000)
    for _ in range(10):
        chain.blocking({deep: 100})
        shown = chain.torn({deep: 90, "main f": 10})
    assert shown.cut == 0


NAMES = st.lists(st.sampled_from("abcd"), max_size=5).map(lambda names: stack(" ".join(names)))


@given(
    st.lists(
        st.tuples(st.booleans(), st.dictionaries(NAMES, st.integers(1, 90), max_size=6)),
        max_size=30,
    )
)
def test_whatever_is_seen(looks: list[tuple[bool, dict[Stack, int]]]):
    """Samples are never lost, functions on top stay, and blocking windows stay whole."""
    chain = Chain()
    for torn, counts in looks:
        chain.look(dict(counts), torn=torn)
    for (torn, counts), shown in itertools.zip_longest(looks, chain.shown):
        seen = Counter[object]()
        for frames, n in counts.items():
            seen[frames[-1:]] += n
        kept = Counter[object]()
        for (_, frames), n in shown.stacks.items():
            kept[frames[-1:]] += n
        assert kept == seen
        assert torn or shown.stacks == {(MAIN, frames): n for frames, n in counts.items()}


def test_what_one_second_did_not_show_is_not_impossible():
    """The looks of one blocking window are of the few requests of that second: however many they
    are, a call that it does not show is cut only once others have not shown it either."""
    chain = Chain()
    for _ in range(5):
        chain.torn({"main work post": 60, "main work get": 40})
    chain.blocking({"main work get": 500})
    assert all(not window.cut for window in chain.shown)
    chain.blocking({"main work get": 500})
    chain.blocking({"main work get": 500})
    assert any(window.cut for window in chain.shown)


def test_threads_that_a_look_has_woken_say_nothing_of_absence():
    """They add to what is seen, not to what would have been."""
    chain = Chain()
    for _ in range(5):
        chain.torn({"main work": 60})
    woken = {(MAIN, stack("main select")): 500}
    for n in range(10):
        at = chain.shown[-1].end
        seen = window(at, at + 1, {}, torn=False, mode=Mode.BLOCKING)
        shown, _ = chain.book.add(seen, woken)
        chain.shown.append(shown)
        assert not chain.torn({"main work": 60}).cut, n
