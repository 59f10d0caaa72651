"""What perftui refuses: the exit code, and one sentence with one fix on stderr."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from servers import AS_NOBODY, BURN, PythonTarget, free_port, require

pytestmark = pytest.mark.live

HEADLESS = ("snapshot", "watch")


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PythonTarget]:
    """A program that nothing here gets to see."""
    started = PythonTarget(tmp_path_factory.mktemp("refused"), BURN, sys.executable)
    try:
        started.wait_until_ready()
        yield started
    finally:
        started.kill()


@pytest.fixture
def ended_pid() -> int:
    """The id of a process that has ended and is reaped."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait(30)
    return process.pid


@pytest.mark.parametrize("command", HEADLESS)
def test_no_such_process(command: str, ended_pid: int, run: Any) -> None:
    """A process id that nothing has is exit 3."""
    assert str(ended_pid) in run(command, ended_pid).refused(3)


@pytest.mark.parametrize("pid", [2**31 - 1, 2**32, 10**30, 0])
def test_ids_that_cannot_be(pid: int, run: Any) -> None:
    """Process ids beyond what the system has are no such process, or refused as usage."""
    ended = run("snapshot", pid)
    ended.refused(ended.code)
    assert ended.code in (2, 3)


@pytest.mark.parametrize("command", HEADLESS)
def test_no_python_process(command: str, run: Any) -> None:
    """A program that is not Python is exit 3."""
    sleep = subprocess.Popen([require("sleep"), "600"])
    try:
        said = run(command, sleep.pid).refused(3)
    finally:
        sleep.kill()
        sleep.wait(30)
    assert "Python" in said


@pytest.fixture(scope="module")
def without_pyspy(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """perftui and its libraries in an environment that has no py-spy program."""
    home = tmp_path_factory.mktemp("without") / "venv"
    venv.create(home, with_pip=False, symlinks=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    libraries = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    lines = [f"import site; site.addsitedir({path!r})" for path in libraries]
    (home / "lib" / version / "site-packages" / "here.pth").write_text("\n".join(lines))
    return [str(home / "bin" / "python"), "-m", "perftui"]


@pytest.mark.parametrize("command", HEADLESS)
def test_py_spy_is_missing(
    command: str, without_pyspy: list[str], target: PythonTarget, tmp_path: Path, run: Any
) -> None:
    """Where no py-spy can be found it is exit 5, and how to install it."""
    empty = tmp_path / "empty"
    empty.mkdir()
    said = run(command, target.pid, prefix=without_pyspy, env={"PATH": str(empty)}).refused(5)
    assert "py-spy is not installed" in said
    assert "pip install py-spy" in said


PR_SET_DUMPABLE, PR_CAPBSET_DROP, CAP_SYS_PTRACE = 4, 24, 19
GUARDED = f"import ctypes\nctypes.CDLL(None).prctl({PR_SET_DUMPABLE}, 0, 0, 0, 0)\n{BURN}"


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
@pytest.mark.parametrize("command", HEADLESS)
def test_a_process_that_may_not_be_read(command: str, python_target: Any, run: Any) -> None:
    """A target that the kernel guards from us is exit 4, and what would permit it."""
    guarded = python_target(GUARDED)
    libc = ctypes.CDLL(None)

    def without_ptrace() -> None:
        if os.getuid() == 0:
            libc.prctl(PR_CAPBSET_DROP, CAP_SYS_PTRACE, 0, 0, 0)

    said = run(command, guarded.pid, preexec_fn=without_ptrace).refused(4)
    assert "sudo" in said


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to become another user")
@pytest.mark.parametrize("command", HEADLESS)
def test_another_user_may_not_look(command: str, target: PythonTarget, run: Any) -> None:
    """The process of another user is exit 4."""
    home = {"HOME": "/nonexistent", "XDG_CONFIG_HOME": "/nonexistent"}
    assert "sudo" in run(command, target.pid, env=home, prefix=AS_NOBODY).refused(4)


@pytest.mark.parametrize("command", HEADLESS)
def test_two_named_processes(command: str, target: PythonTarget, run: Any) -> None:
    """A process id and a name, or two ids, are usage."""
    run(command, target.pid, "--name", "target").refused(2)
    run(command, target.pid, "--pid", target.pid).refused(2)


@pytest.mark.parametrize("command", HEADLESS)
def test_no_named_process(command: str, run: Any) -> None:
    """A headless command without a process is usage."""
    assert "PID" in run(command).refused(2)


def test_a_name_that_fits_several(python_target: Any, tmp_path: Path, run: Any) -> None:
    """A pattern that fits several processes lists each with its id, and takes none."""
    first, second = python_target(BURN), python_target(BURN)
    said = run("snapshot", "--name", tmp_path.name).refused(2)
    listed = [line.split() for line in said.splitlines()[1:-1]]
    assert {int(pid) for pid, *_ in listed} == {first.pid, second.pid}


def test_a_name_that_fits_one(python_target: Any, tmp_path: Path, run: Any) -> None:
    """A pattern that fits one process takes it; the command that looks does not fit itself."""
    target = python_target(BURN)
    document = run(
        *("snapshot", "--name", f"{tmp_path.name}.*target", "--seconds", 0.5, "--json")
    ).document
    assert document["target"]["pid"] == target.pid


def test_a_name_that_fits_none_or_is_no_pattern(run: Any) -> None:
    """No match is exit 3, a bad regular expression exit 2."""
    assert "no-such-thing" in run("snapshot", "--name", "no-such-thing-[0-9]{40}").refused(3)
    assert "regular expression" in run("snapshot", "--name", "(").refused(2)


@pytest.mark.parametrize(
    ("settings", "key", "allowed"),
    [
        ("[profile]\nrat = 50\n", "profile.rat", "rate"),
        ("[promethius]\nurl = 'http://localhost'\n", "promethius", "prometheus"),
        ("[[metric]]\nname = 'a'\nquerry = 'up'\n", "metric", "query"),
        ("[llm]\nconsent = true\ncap = 5\n", "llm.cap", "monthly_cap_usd"),
    ],
)
def test_an_unknown_setting(
    settings: str, key: str, allowed: str, tmp_path: Path, target: PythonTarget, run: Any
) -> None:
    """A key that is no setting is exit 2; it names the file, the key and what is allowed."""
    (tmp_path / "perftui.toml").write_text(settings)
    said = run("snapshot", target.pid).refused(2)
    assert "./perftui.toml" in said
    assert key in said
    assert allowed in said


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ("[profile]\nrate = 0\n", "profile.rate"),
        ("[profile]\nrate = 'fast'\n", "profile.rate"),
        ("[[objective]]\nmetric = 'cpu'\n", "objective"),
        ("[prometheus]\nurl = 'localhost:9090'\n", "prometheus.url"),
        ("rate = ", "TOML"),
    ],
)
def test_a_wrong_setting(
    settings: str, key: str, tmp_path: Path, target: PythonTarget, run: Any
) -> None:
    """A value that cannot be is exit 2, and names the file and the key."""
    (tmp_path / "perftui.toml").write_text(settings)
    said = run("snapshot", target.pid).refused(2)
    assert "./perftui.toml" in said
    assert key in said


@pytest.mark.parametrize(
    "flags",
    [
        ("--objective", "p99 is too high"),
        ("--objective", "p99 > much"),
        ("--objective", "p99 > 0.5 for ever"),
        ("--query", "up"),
        ("--seconds", "0"),
        ("--seconds", "nan"),
        ("--rate", "0"),
        ("--rate", "fast"),
        ("--prometheus", "ftp://localhost"),
        ("--no-such-flag",),
    ],
    ids=" ".join,
)
def test_flags_that_cannot_be(flags: tuple[str, ...], target: PythonTarget, run: Any) -> None:
    """A flag or a value that cannot be used is exit 2, with what was wrong in the sentence."""
    said = run("snapshot", target.pid, *flags).refused(2)
    assert flags[-1] in said or flags[0].removeprefix("--") in said


@pytest.mark.parametrize("arguments", [(), ("demo",)], ids=["live", "demo"])
def test_the_screen_needs_a_terminal(arguments: tuple[str, ...], run: Any) -> None:
    """Without a terminal the screen is exit 2, and names the commands that need none."""
    said = run(*arguments).refused(2)
    assert "terminal" in said
    assert "snapshot" in said


def test_a_prometheus_that_is_down_does_not_end_a_snapshot(target: PythonTarget, run: Any) -> None:
    """A source that fails is in the document with why; the others go on, with exit 0."""
    url = f"http://127.0.0.1:{free_port()}"
    flags = ("--prometheus", url, "--query", "up=up")
    document = run("snapshot", target.pid, *flags, "--seconds", 1, "--json").document
    source = next(s for s in document["sources"] if s["name"] == "prometheus")
    assert source["state"] == "failed"
    assert source["message"]
    assert document["profile"]["functions"][0]["function"] == "burn"


@pytest.mark.parametrize("command", ["", "snapshot", "watch", "demo"])
def test_help_is_not_an_error(command: str, run: Any) -> None:
    """--help of every command is exit 0 and on stdout."""
    ended = run(*filter(None, [command]), "--help")
    assert ended.code == 0
    assert ended.err == ""
    assert "--help" in ended.out
