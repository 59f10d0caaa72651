"""What the user lets an LLM be told, and by whose word."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Choice(StrEnum):
    """An answer to the question whether an LLM may be called: with numbers only, with names as far
    as `[llm.share]` opens them, or never on this host."""

    NUMBERS = "numbers"
    NAMES = "names"
    NEVER = "never"


@dataclass(frozen=True)
class Consent:
    """What holds at present: `choice` is None where nothing was said, `by` whose word it is.

    `is_open` says whether it can be answered on the screen; `note` is what the user should know
    about it, in a sentence.
    """

    choice: Choice | None = None
    by: str = ""
    is_open: bool = False
    note: str = ""

    @property
    def is_wanted(self) -> bool:
        """Whether the user can allow what is not allowed."""
        return self.is_open and not self.is_given

    @property
    def is_given(self) -> bool:
        """Whether an LLM may be called."""
        return self.choice in (Choice.NUMBERS, Choice.NAMES)
