"""The filter on functions: a regular expression that cannot hold up the screen."""

from __future__ import annotations

import re
import time
from functools import lru_cache

PATIENCE_S = 0.05
"""What looking through all names may take: `(a|aa)+$` on one of forty letters would take years."""


LONGEST = 500
"""regex takes minutes for a literal of some thousand letters, whatever time it is given."""


class TooSlow(Exception):
    """The expression takes too long on these names."""


class Filter:
    """Fits what has the expression in its function or its file, whatever the case of letters; with
    `!` before the expression, what has not.

    An expression that is none is an :class:`re.error`.
    """

    def __init__(self, pattern: str) -> None:
        # Imported when something is filtered: re, which cannot be interrupted, is always there.
        import regex

        self.pattern = pattern
        self._inverse = pattern.startswith("!")
        pattern = pattern.removeprefix("!")
        if len(pattern) > LONGEST:
            raise re.error(f"it has more than {LONGEST} letters")
        re.compile(pattern)  # its messages are those that people know
        try:
            self._expression = regex.compile(pattern, regex.IGNORECASE)
        except regex.error as error:
            raise re.error(str(error)) from None
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
                self._expression.search(text, timeout=max(0.001, self._left_s)) is not None
                for text in (function, file)
            )
        except TimeoutError:
            fits, self._left_s = False, 0.0
        self._left_s -= time.monotonic() - began
        if self._left_s < 0:
            raise TooSlow("it takes too long on these names")
        return fits is not self._inverse
