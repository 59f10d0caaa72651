"""The filter on functions: a regular expression that cannot hold up the screen."""

from __future__ import annotations

import time
from functools import lru_cache

from perftui.model.pattern import Pattern

PATIENCE_S = 0.05
"""What looking through all names may take: `(a|aa)+$` on one of forty letters would take years."""


class TooSlow(Exception):
    """The expression takes too long on these names."""


class Filter:
    """Fits what has the expression in its function or its file, whatever the case of letters; with
    `!` before the expression, what has not.

    An expression that is none is an `re.error`.
    """

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self._inverse = pattern.startswith("!")
        self._expression = Pattern(pattern.removeprefix("!"), ignore_case=True)
        self._left_s = PATIENCE_S
        self.fits = lru_cache(maxsize=100_000)(self._fits)

    def start(self) -> None:
        """Before a look through all names: the time for it begins."""
        self._left_s = PATIENCE_S

    def _fits(self, function: str, file: str) -> bool:
        """Whether the function is to be shown. TooSlow when the time is up."""
        began = time.monotonic()
        try:
            fits = any(
                self._expression.is_in(text, max(0.001, self._left_s)) for text in (function, file)
            )
        except TimeoutError:
            fits, self._left_s = False, 0.0
        self._left_s -= time.monotonic() - began
        if self._left_s < 0:
            raise TooSlow("it takes too long on these names")
        return fits is not self._inverse
