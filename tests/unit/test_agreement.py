"""The live tests' measure of agreement: it must neither cry wolf nor sleep."""

from __future__ import annotations

import numpy as np
import pytest
from agreement import Share, autocorrelation_time, disagreements, shares

P = np.array([0.4, 0.25, 0.15, 0.1, 0.05, 0.05])
LOOKS = 2000


def looks(rng: np.random.Generator, stays: float, p: np.ndarray = P) -> list[frozenset[str]]:
    """Looks of which each sees what the last one saw with this probability, else something new."""
    fresh = rng.choice(len(p), size=LOOKS, p=p)
    anew = rng.random(LOOKS) >= stays
    anew[0] = True
    last = np.maximum.accumulate(np.where(anew, range(LOOKS), 0))
    return [frozenset((f"f{n}",)) for n in fresh[last]]


def with_tau(found: dict[str, Share], reference: dict[str, Share]) -> dict[str, Share]:
    return {name: one._replace(tau=reference[name].tau) for name, one in found.items()}


@pytest.mark.parametrize("stays", [0.0, 0.5, 0.8])
def test_true_agreement_passes(stays: float) -> None:
    """Two profiles of the same shares agree in every one of some hundred runs, however long the
    program stays where it is."""
    rng = np.random.default_rng(7)
    for _ in range(150):
        reference = shares(looks(rng, stays))
        assert disagreements(with_tau(shares(looks(rng, stays)), reference), reference) == []


def test_a_wrong_share_fails() -> None:
    """A third of the hottest function's share that goes to another one is found in every run."""
    rng = np.random.default_rng(8)
    wrong = P + np.array([-0.13, 0.13, 0, 0, 0, 0])
    for _ in range(150):
        found, reference = shares(looks(rng, 0, wrong)), shares(looks(rng, 0))
        assert {line.split(":")[0] for line in disagreements(found, reference)} == {"f0", "f1"}


def test_what_one_of_them_does_not_have() -> None:
    """A function that is in one of them alone is compared with nothing; a rare one is not."""
    some = {"a": Share(900, 1000), "b": Share(100, 1000)}
    other = {"a": Share(990, 1000), "rare": Share(10, 1000)}
    assert [line.split(":")[0] for line in disagreements(some, other)] == ["a", "b"]
    assert disagreements(some, other, lambda _: 0.1) == []


def test_the_autocorrelation_time() -> None:
    """Of a chain that stays with probability s it is (1 + s)/(1 - s); what never changes has 1."""
    rng = np.random.default_rng(9)
    seen = np.concatenate([[("f0" in look) for look in looks(rng, 0.5)] for _ in range(20)])
    assert autocorrelation_time(seen) == pytest.approx(3, rel=0.15)
    assert autocorrelation_time(np.ones(100, bool)) == 1
