from __future__ import annotations

import pytest

from perftui.errors import (
    MissingPart,
    NoSuchTarget,
    NotPermitted,
    NotPython,
    PerftuiError,
    SourceError,
    UsageError,
)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (PerftuiError, 1),
        (SourceError, 1),
        (UsageError, 2),
        (NoSuchTarget, 3),
        (NotPython, 3),
        (NotPermitted, 4),
        (MissingPart, 5),
    ],
)
def test_exit_codes(kind: type[PerftuiError], code: int):
    """Each kind of error ends a command with the design's exit code."""
    assert kind("x").exit_code == code


def test_an_error_is_a_sentence_and_a_fix():
    """An error says what is wrong, and what mends it if there is such a thing."""
    assert str(UsageError("It is wrong.", "Mend it.")) == "It is wrong. Mend it."
    assert str(UsageError("It is wrong.")) == "It is wrong."
