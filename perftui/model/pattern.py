"""A regular expression that somebody typed, and that cannot hold anything up."""

from __future__ import annotations

import re

LONGEST = 500
"""regex takes minutes for a literal of some thousand letters, whatever time it is given."""


class Pattern:
    """The expression `text`; with `ignore_case` it fits whatever the case of letters.

    An expression that is none is an :class:`re.error`.
    """

    def __init__(self, text: str, *, ignore_case: bool = False) -> None:
        # Imported when something is looked for: re, which cannot be interrupted, is always there.
        import regex

        if len(text) > LONGEST:
            raise re.error(f"it has more than {LONGEST} letters")
        re.compile(text)  # its messages are those that people know
        try:
            self._expression = regex.compile(text, regex.IGNORECASE if ignore_case else 0)
        except regex.error as error:
            raise re.error(str(error)) from None

    def is_in(self, text: str, timeout_s: float | None) -> bool:
        """Whether it fits somewhere in `text`; TimeoutError after `timeout_s` seconds.

        None is for a pattern of perftui's own, that cannot be slow: without a clock it is faster.
        """
        return self._expression.search(text, timeout=timeout_s) is not None

    def is_all_of(self, text: str, timeout_s: float) -> bool:
        """Whether it fits `text` as a whole; TimeoutError after `timeout_s` seconds."""
        return self._expression.fullmatch(text, timeout=timeout_s) is not None
