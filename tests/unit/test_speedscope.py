from __future__ import annotations

import json
from typing import Any

import pytest
from builders import PID
from hypothesis import given
from hypothesis import strategies as st

from perftui.errors import (
    MissingPart,
    NoSuchTarget,
    NotPermitted,
    NotPython,
    SourceError,
)
from perftui.model.stacks import Frame, Stack, Thread
from perftui.sources.speedscope import SpeedscopeReader, error_count, failure

HOSTILE = 'a "b"; [/red]\nx'
PROCESS = 'process 20789:"/work/.venv/bin/python mp.py"'
CHILD = 'process 20792:"/work/.venv/bin/python mp.py"'


def raw(name: str, file: str = "", line: int | None = 0) -> dict[str, Any]:
    return {"name": name, "file": file, "line": line, "col": None}


def speedscope(*threads: tuple[str, list[list[dict[str, Any]]]]) -> bytes:
    """What py-spy 0.4 writes: one profile per thread, frames shared, weights in seconds."""
    frames: list[dict[str, Any]] = []
    profiles = []
    for name, samples in threads:
        indices = []
        for sample in samples:
            for frame in sample:
                if frame not in frames:
                    frames.append(frame)
            indices.append([frames.index(frame) for frame in sample])
        profiles.append(
            {
                "type": "sampled",
                "name": name,
                "unit": "seconds",
                "startValue": 0.0,
                "endValue": 1.0,
                "samples": indices,
                "weights": [0.01] * len(samples),
            }
        )
    return json.dumps(
        {
            "$schema": "https://www.speedscope.app/file-format-schema.json",
            "profiles": profiles,
            "shared": {"frames": frames},
            "activeProfileIndex": None,
            "exporter": "py-spy@0.4.3",
            "name": "py-spy profile",
        }
    ).encode()


MODULE = raw("<module>", "/srv/mp.py", 10)
SPIN = raw("spin", "/srv/mp.py", 4)
MODULE_FRAME = Frame("<module>", "/srv/mp.py", 10)
SPIN_FRAME = Frame("spin", "/srv/mp.py", 4)


def test_counts_equal_samples():
    """Samples of one stack are counted together, those of another apart."""
    heading = raw("thread (2980): MainThread")
    data = speedscope(
        ('Thread 2980 "MainThread"', [[heading, MODULE, SPIN], [heading, MODULE]] * 2)
    )
    thread = Thread(PID, 2980, "MainThread")
    assert SpeedscopeReader(PID).read(data) == {
        (thread, Stack((MODULE_FRAME, SPIN_FRAME))): 2,
        (thread, Stack((MODULE_FRAME,))): 2,
    }


@pytest.mark.parametrize(
    ("name", "thread"),
    [
        ('Thread 2980 "MainThread"', Thread(PID, 2980, "MainThread")),
        ("Thread 2980", Thread(PID, 2980, "")),
        ("Thread 0x7F3A", Thread(PID, 0x7F3A, "")),
        ('Process 12 Thread 0x7F00 "x"', Thread(12, 0x7F00, "x")),
        ("Process 12 Thread 34", Thread(12, 34, "")),
        (f'Thread 7 "{HOSTILE}"', Thread(PID, 7, HOSTILE)),
        (f'Process 1 Thread 7 "{HOSTILE}"', Thread(1, 7, HOSTILE)),
        ('Thread 7 ""', Thread(PID, 7, "")),
        ('Thread 7 "a" "b""', Thread(PID, 7, 'a" "b"')),
        ('Thread 7 "Process 1 Thread 2"', Thread(PID, 7, "Process 1 Thread 2")),
    ],
)
def test_reads_who_a_profile_is_of(name: str, thread: Thread):
    """The name of a profile gives process, thread id and thread name, whatever the name holds.

    Without -s py-spy names no process: then it is the target.
    """
    assert list(SpeedscopeReader(PID).read(speedscope((name, [[SPIN]])))) == [
        (thread, Stack((SPIN_FRAME,)))
    ]


@pytest.mark.parametrize("name", ["", "MainThread", "Thread x", "Process 1", 'Thread 7 "a" b'])
def test_a_profile_of_no_thread_is_refused(name: str):
    """A profile that does not say which thread it is of is no file of py-spy."""
    with pytest.raises(SourceError):
        SpeedscopeReader(PID).read(speedscope((name, [[SPIN]])))


@given(st.text())
def test_any_thread_name_comes_back_as_it_is(name: str):
    """No character of a thread's name is lost or changed."""
    found = SpeedscopeReader(PID).read(speedscope((f'Thread 5 "{name}"', [[SPIN]])))
    assert [thread for thread, _ in found] == [Thread(PID, 5, name)]


@pytest.mark.parametrize(
    "headings",
    [
        [],
        [raw("thread (2980): MainThread")],
        [raw(f"thread (0x7F00): {HOSTILE}")],
        [raw(PROCESS), raw("thread (20789): MainThread")],
        [raw(PROCESS), raw(CHILD), raw("thread (20792): MainThread")],
        [raw(PROCESS), raw(CHILD), raw(CHILD + HOSTILE), raw("thread (1): process 2")],
    ],
)
def test_headings_are_dropped(headings: list[dict[str, Any]]):
    """The processes and the thread that py-spy puts at the root are no code."""
    data = speedscope(("Thread 1", [[*headings, MODULE, SPIN]]))
    assert [stack for _, stack in SpeedscopeReader(PID).read(data)] == [
        Stack((MODULE_FRAME, SPIN_FRAME))
    ]


@pytest.mark.parametrize(
    "code",
    [
        raw("thread (1): x", "/srv/app.py", 3),
        raw("process data", "/srv/app.py", 3),
        raw("process data", "libfoo.so", 0),
        raw("process data"),
    ],
)
def test_code_that_is_named_like_a_heading_stays(code: dict[str, Any]):
    """What stands in a file, or below the thread's heading, is code whatever its name is."""
    data = speedscope(("Thread 1", [[raw("thread (1): x"), code, code]]))
    ((_, stack),) = SpeedscopeReader(PID).read(data)
    assert [frame.function for frame in stack] == [code["name"]] * 2


def test_a_stack_of_headings_alone_is_a_sample():
    """A thread that was seen without any frame was seen."""
    data = speedscope(("Thread 1", [[raw("thread (1): x")]]))
    assert SpeedscopeReader(PID).read(data) == {(Thread(PID, 1, ""), Stack(())): 1}


@pytest.mark.parametrize("line", [0, None])
def test_no_line_is_none(line: int | None):
    """py-spy writes line 0 where it knows none; that is not line 0."""
    data = speedscope(("Thread 1", [[raw("memcpy", "libc.so.6", line)]]))
    ((_, stack),) = SpeedscopeReader(PID).read(data)
    assert stack == Stack((Frame("memcpy", "libc.so.6", None),))


def test_equal_stacks_of_two_files_are_one_object():
    """A long watch of one program holds each of its stacks once."""
    reader, data = SpeedscopeReader(PID), speedscope(("Thread 1", [[MODULE, SPIN]]))
    ((_, first),), ((_, second),) = reader.read(data), reader.read(data)
    assert first is second


def read_or_refuse(data: bytes) -> None:
    """Any exception but SourceError is a failure of the test."""
    try:
        SpeedscopeReader(PID).read(data)
    except SourceError as error:
        assert len(str(error)) < 500


@given(st.binary())
def test_arbitrary_bytes_are_refused(data: bytes):
    """What is no JSON is a SourceError, and a short one."""
    with pytest.raises(SourceError) as caught:
        SpeedscopeReader(PID).read(b"\xff" + data)
    assert len(str(caught.value)) < 2000


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


@given(JSON)
def test_arbitrary_json_is_read_or_refused(document: Any):
    """JSON that is no speedscope file gives SourceError and nothing else."""
    with pytest.raises(SourceError):
        SpeedscopeReader(PID).read(json.dumps(document).encode())


FRAMES = st.lists(
    st.fixed_dictionaries({"name": JSON, "file": JSON, "line": JSON}) | JSON, max_size=3
)
PROFILES = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.just("Thread 1") | JSON,
            "samples": st.lists(st.lists(st.integers(-3, 3) | JSON)) | JSON,
        }
    )
    | JSON,
    max_size=3,
)


@given(FRAMES | JSON, PROFILES | JSON)
def test_a_speedscope_file_with_wrong_parts_is_read_or_refused(frames: Any, profiles: Any):
    """The right keys with anything below them give a result or SourceError, nothing else."""
    document = {"shared": {"frames": frames}, "profiles": profiles}
    read_or_refuse(json.dumps(document).encode())


@pytest.mark.parametrize("line", ["1e999", "-1e999", "NaN", '"x"', "[1]"])
def test_a_line_that_is_no_number_is_refused(line: str):
    """A line number that cannot be one is a broken file."""
    frame = f'{{"name": "f", "file": "g", "line": {line}}}'
    with pytest.raises(SourceError):
        SpeedscopeReader(PID).read(
            f'{{"shared": {{"frames": [{frame}]}}, "profiles": []}}'.encode()
        )


def test_a_deeply_nested_file_is_refused():
    """A file that is nested deeper than Python can read is broken too."""
    with pytest.raises(SourceError):
        SpeedscopeReader(PID).read(b"[" * 200_000)


def test_the_reason_is_short():
    """A broken file is not repeated in the error about it."""
    with pytest.raises(SourceError) as caught:
        SpeedscopeReader(PID).read(b"\xff" * 100_000)
    assert len(str(caught.value)) < 500


def test_a_frame_that_does_not_exist_is_refused():
    """A sample that points before the first or behind the last frame makes the file broken."""
    for index in (1, -1):
        document = {
            "shared": {"frames": [raw("f", "g", 1)]},
            "profiles": [{"name": "Thread 1", "samples": [[index]]}],
        }
        with pytest.raises(SourceError):
            SpeedscopeReader(PID).read(json.dumps(document).encode())


@pytest.mark.parametrize(
    ("output", "errors"),
    [
        (
            "py-spy> Sampling process 20 times a second for 1 seconds. Press Control-C to exit.\n\n"
            "py-spy> Wrote speedscope file to '/proc/self/fd/9'. Samples: 60 Errors: 17\n"
            "py-spy> Visit https://www.speedscope.app/ to view\n",
            17,
        ),
        ("py-spy> Wrote speedscope file to 'x Errors: 5'. Samples: 60 Errors: 0", 0),
        ("py-spy> Wrote speedscope file to 'x'. Samples: 0 Errors: 12\r\n", 12),
        ("Errors: 5", 0),
        ("", 0),
    ],
)
def test_error_count(output: str, errors: int):
    """Failed looks are those that py-spy's closing line counts."""
    assert error_count(output) == errors


@pytest.mark.parametrize(
    ("output", "kind", "fix"),
    [
        (
            "Permission Denied: Try running again with elevated permissions by going "
            "'sudo env \"PATH=$PATH\" !!'",
            NotPermitted,
            "sudo",
        ),
        (
            "Error: Failed to open process 1\nCaused by:\n    Permission denied (os error 13)",
            NotPermitted,
            "sudo",
        ),
        ("Error: Operation not permitted (os error 1)", NotPermitted, "SYS_PTRACE"),
        (
            "Error: Failed to get process executable name. Check that the process is running.",
            NoSuchTarget,
            "id",
        ),
        ("Error: No such process (os error 3)", NoSuchTarget, "id"),
        ("Error: Failed to find python version from target process", NotPython, "pick one"),
        (
            "Error: unexpected waitpid result Stopped(Pid(7), SIGSTOP)",
            SourceError,
            "kill -CONT",
        ),
        ("Error: Can't get native stack traces: not supported", MissingPart, ""),
    ],
)
def test_what_pyspy_says_becomes_an_error_with_its_fix(output: str, kind: type, fix: str):
    """Each known message of py-spy has its kind of error and one plain fix."""
    error = failure(output, 1)
    assert type(error) is kind
    assert fix in error.fix


def test_no_python_processes_may_mean_no_permission():
    """With -s py-spy says the same of no Python and of no permission: so does the error."""
    error = failure(
        "Error: No python processes found in process 20789 or any of its subprocesses", 1
    )
    assert isinstance(error, NotPython | NotPermitted)
    assert "sudo" in str(error)
    assert "Python" in str(error)


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("", "py-spy ended with -9: it said nothing."),
        ("hm\nError: boom\n  more\n", "py-spy ended with -9: Error: boom."),
        ("\n  hm  \n", "py-spy ended with -9: hm."),
        ("x" * 1000, f"py-spy ended with -9: {'x' * 200}."),
    ],
)
def test_other_words_are_shown(output: str, message: str):
    """What py-spy says besides is shown by its own first line about an error."""
    error = failure(output, -9)
    assert type(error) is SourceError
    assert error.message == message
