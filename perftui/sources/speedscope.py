"""Reading what py-spy writes: a speedscope file, and the lines that it prints.

Format: https://www.speedscope.app/file-format-schema.json, one sampled profile per thread.
"""

from __future__ import annotations

import re
from collections import Counter
from operator import itemgetter
from typing import Annotated

import msgspec

from perftui.errors import (
    MissingPart,
    NoSuchTarget,
    NotPermitted,
    NotPython,
    PerftuiError,
    SourceError,
)
from perftui.model.stacks import Frame, Stack, Thread
from perftui.sources.elevated import refusal

_THREAD = re.compile(
    r'(?:Process (?P<pid>\d+) )?Thread (?P<tid>0x[0-9a-fA-F]+|\d+)(?: "(?P<name>.*)")?', re.DOTALL
)
_ERRORS = re.compile(r"^py-spy> Wrote .* Errors: (\d+)\s*$", re.MULTILINE)
_CACHED = 50_000


class _Frame(msgspec.Struct):
    name: str
    file: str | None
    line: int | None


class _Frames(msgspec.Struct):
    frames: list[_Frame]


class _Profile(msgspec.Struct):
    name: str
    samples: list[tuple[Annotated[int, msgspec.Meta(ge=0)], ...]]


class _File(msgspec.Struct):
    """What is used of a file, checked while it is decoded; there is more in it."""

    shared: _Frames
    profiles: list[_Profile]


_DECODER = msgspec.json.Decoder(_File)


class SpeedscopeReader:
    """Turns speedscope files into counted stacks.

    `pid` is the process whose threads py-spy writes without one: it names processes only with `-s`.

    Frames and stacks that come again are the same objects, so a long watch of one program holds
    each of them once. The cache is emptied when it grows past `_CACHED` entries.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._frames: dict[Frame, Frame] = {}
        self._stacks: dict[Stack, Stack] = {}

    def read(self, data: bytes) -> Counter[tuple[Thread, Stack]]:
        """The samples of one file. SourceError if it is not what py-spy writes."""
        try:
            document = _DECODER.decode(data)
            return self._count(document.profiles, list(map(self._frame, document.shared.frames)))
        except (msgspec.MsgspecError, ValueError, IndexError, RecursionError) as error:
            why = f"{type(error).__name__}: {error}"[:200]
            raise SourceError(f"py-spy wrote a file that cannot be read ({why}).") from None

    def _frame(self, raw: _Frame) -> Frame:
        if len(self._frames) > _CACHED:
            self._frames.clear()
        frame = Frame(raw.name, raw.file or "", raw.line or None)
        return self._frames.setdefault(frame, frame)

    def _count(
        self, profiles: list[_Profile], frames: list[Frame]
    ) -> Counter[tuple[Thread, Stack]]:
        if len(self._stacks) > _CACHED:
            self._stacks.clear()
        counts: Counter[tuple[Thread, Stack]] = Counter()
        known: dict[tuple[int, ...], Stack] = {}  # threads of a pool show the same ones
        for profile in profiles:
            thread = _thread(profile.name, self._pid)
            for indices, count in Counter(profile.samples).items():
                stack = known.get(indices)
                if stack is None:
                    stack = known[indices] = self._stack(indices, frames)
                counts[thread, stack] = counts.get((thread, stack), 0) + count
        return counts

    def _stack(self, indices: tuple[int, ...], frames: list[Frame]) -> Stack:
        code = indices
        if indices and not frames[indices[0]].file:
            code = indices[_headings(indices, frames) :]
        # itemgetter takes half the time of a map, but of one item alone it makes no tuple.
        stack = Stack(
            itemgetter(*code)(frames) if len(code) > 1 else tuple(frames[i] for i in code)
        )
        return self._stacks.setdefault(stack, stack)


def _thread(name: str, alone: int) -> Thread:
    match = _THREAD.fullmatch(name)
    if match is None:
        raise ValueError(f"no thread in {name[:80]!r}")
    return Thread(int(match["pid"] or alone), int(match["tid"], 0), match["name"] or "")


def _headings(indices: tuple[int, ...], frames: list[Frame]) -> int:
    """How many frames at the root are no code: `-s` puts processes there, `-t` the thread."""
    for depth, index in enumerate(indices):
        frame = frames[index]
        if frame.file or frame.line:
            return 0
        if frame.function.startswith("thread ("):
            return depth + 1
        if not frame.function.startswith("process "):
            return 0
    return 0


def error_count(output: str) -> int:
    """How many looks failed, by py-spy's closing line; 0 if there is none."""
    found = _ERRORS.findall(output)
    return int(found[-1]) if found else 0


_STOPPED = ("SIGSTOP", "unexpected waitpid")
_MEANINGS: tuple[tuple[tuple[str, ...], PerftuiError], ...] = (
    (
        ("Permission Denied", "Permission denied", "Operation not permitted"),
        NotPermitted(
            "py-spy may not read this process.",
            "Add --sudo, or run perftui as the user of the target; in a container add SYS_PTRACE.",
        ),
    ),
    (
        ("No such process",),
        NoSuchTarget("The process has ended.", "Check its id."),
    ),
    (
        ("Failed to get process executable name",),
        NoSuchTarget(
            "The process has no program: it has ended, or is a thread of the kernel.",
            "Check its id.",
        ),
    ),
    (
        ("No python processes found",),
        NotPython(
            "py-spy found no Python in this process or its children.",
            "If it is Python, add --sudo, or run perftui as the user of the target.",
        ),
    ),
    (
        ("Failed to find python version",),
        NotPython(
            "The process runs no Python that py-spy can read.", "Run perftui alone to pick one."
        ),
    ),
    (_STOPPED, SourceError("The target is stopped (SIGSTOP).", "Continue it: kill -CONT PID.")),
    (("cannot combine", "not supported"), MissingPart("py-spy cannot do that here.")),
)


def failure(output: str, returncode: int | None) -> PerftuiError:
    """What py-spy's words mean when it ended without a profile, with the one fix for it."""
    for signs, error in _MEANINGS:
        if any(sign in output for sign in signs):
            return error
    by_sudo = refusal(output)
    if by_sudo is not None:
        return by_sudo
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    said = next((line for line in lines if line.startswith("Error")), lines[0] if lines else "")
    return SourceError(f"py-spy ended with {returncode}: {said[:200] or 'it said nothing'}.")
