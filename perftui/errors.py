"""The tree of errors. Each says what is wrong in one sentence, and one way to mend it.

PerftuiError                exit 1
├── UsageError              exit 2   flags, settings, a pattern that fits several processes
├── TargetError             exit 3
│   ├── NoSuchTarget                 no process with this id, name or port
│   └── NotPython                    a process, but none that py-spy can read as Python
├── NotPermitted            exit 4
├── MissingPart             exit 5   py-spy, a library, a file that the command needs
├── SourceError             exit 1   one source failed; the others go on
└── StateError              exit 1   what is kept from run to run cannot be read or written
"""

from __future__ import annotations

from typing import ClassVar


class PerftuiError(Exception):
    """What is wrong (`message`) and what mends it (`fix`), each one plain sentence."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.message} {self.fix}".strip()


class UsageError(PerftuiError):
    """The command line or the settings cannot be used as they are."""

    exit_code = 2


class TargetError(PerftuiError):
    """The target is not there, or cannot be watched."""

    exit_code = 3


class NoSuchTarget(TargetError):
    """No such process, or it has ended."""


class NotPython(TargetError):
    """The process runs no Python interpreter that py-spy knows."""


class NotPermitted(PerftuiError):
    """The operating system does not let this user read the target."""

    exit_code = 4


class MissingPart(PerftuiError):
    """Something that the command needs is not installed."""

    exit_code = 5


class SourceError(PerftuiError):
    """A source failed this time; it is tried again, and everything else goes on."""


class StateError(PerftuiError):
    """What is kept from run to run cannot be read or written; a watch goes on without it.

    `is_refused` says that the file can be used, but not for this: to try it again is no use.
    """

    def __init__(self, message: str, fix: str = "", *, is_refused: bool = False) -> None:
        super().__init__(message, fix)
        self.is_refused = is_refused
