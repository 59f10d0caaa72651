from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perftui.model.source import SourceText
from perftui.target import files
from perftui.target.source import MOST_BYTES, read_source

LATER = 4e9
"""A start of the target, in Unix seconds, that is after every change of a file."""
NOWHERE = "No such file or directory"
StartChild = Callable[..., int]

WAITS = """
import os, sys
if len(sys.argv) > 1:
    os.chroot(sys.argv[1])
    os.chdir(sys.argv[2])
print("ready", flush=True)
sys.stdin.read()
"""
"""Waits until its input ends; with a directory it makes that its root."""


def read(file: object, pid: int | None = None, started_at: float = LATER) -> SourceText:
    return read_source(str(file), os.getpid() if pid is None else pid, started_at)


@pytest.fixture
def start() -> Iterator[StartChild]:
    """Starts a Python in a directory and gives its process id; the child ends with the test."""
    started: list[subprocess.Popen[str]] = []

    def start(cwd: Path, *arguments: str) -> int:
        child = subprocess.Popen(
            [sys.executable, "-c", WAITS, *arguments],
            cwd=cwd,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(child)
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        return child.pid

    yield start
    for child in started:
        child.communicate()


def test_the_lines_of_a_file(tmp_path: Path):
    """A file's lines are given without their ends, whatever ends them."""
    file = tmp_path / "app.py"
    file.write_bytes("a = 1\r\n\r\nb = 'ä'\rc\nlast".encode())
    assert read(file) == SourceText(str(file), ("a = 1", "", "b = 'ä'", "c", "last"))


def test_lines_are_numbered_as_python_does(tmp_path: Path):
    """A form feed, or a separator of Unicode in a string, begins no new line."""
    text = "a = 1\n\f\ndef f():\n    return '\u2028\x85\x1c\v'\n"
    file = tmp_path / "app.py"
    file.write_text(text, encoding="utf-8")
    code = compile(text, str(file), "exec")
    seen = read(file)
    assert len(seen.lines) == 4
    function = next(const for const in code.co_consts if hasattr(const, "co_firstlineno"))
    assert seen.lines[function.co_firstlineno - 1] == "def f():"


def test_an_empty_file_has_no_lines(tmp_path: Path):
    """An empty file can be read: nothing is wrong with it."""
    (tmp_path / "app.py").touch()
    assert read(tmp_path / "app.py") == SourceText(str(tmp_path / "app.py"))


def test_bytes_that_are_no_text_are_replaced(tmp_path: Path):
    """A file in another encoding is shown, what cannot be read of it as such."""
    (tmp_path / "app.py").write_bytes(b"# caf\xe9\nx\n")
    assert read(tmp_path / "app.py").lines == ("# caf\ufffd", "x")


@pytest.mark.parametrize(("changed_at", "is_stale"), [(99.0, False), (100.0, False), (101.0, True)])
def test_a_file_that_has_changed_since_is_stale(tmp_path: Path, changed_at: float, is_stale: bool):
    """A file that was changed after the target began may not be what runs there."""
    file = tmp_path / "app.py"
    file.write_text("x\n")
    os.utime(file, (changed_at, changed_at))
    assert read(file, started_at=100.0).is_stale is is_stale


def test_a_relative_name_is_one_of_the_targets_directory(tmp_path: Path, start: StartChild):
    """A name without a root is looked for where the target works, not where we do."""
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "app.py").write_text("there\n")
    (tmp_path / "lib.py").write_text("above\n")
    child = start(tmp_path / "work")
    assert read("app.py", child).lines == ("there",)
    assert read("./app.py", child).lines == ("there",)
    assert read("../lib.py", child).lines == ("above",)
    assert read("app.py").why == NOWHERE
    assert read("app.py", child).file == "app.py"


def test_a_target_that_has_ended(tmp_path: Path, start: StartChild):
    """Of a process that has gone files with a full name can be read, others not."""
    file = tmp_path / "app.py"
    file.write_text("x\n")
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert read(file, child.pid).lines == ("x",)
    assert read("app.py", child.pid).why == NOWHERE


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a process another root directory")
def test_a_target_with_another_root(tmp_path: Path, start: StartChild):
    """Where the target has another root directory its files are looked for there, also those that
    absolute links and relative names lead to."""
    root = tmp_path / "root"
    (root / "srv").mkdir(parents=True)
    (root / "srv" / "app.py").write_text("inside\n")
    (root / "srv" / "current.py").symlink_to("/srv/app.py")
    (root / "srv" / "secret.py").symlink_to(tmp_path / "secret.py")
    (root / "srv" / "up.py").symlink_to("../../../../secret.py")
    (tmp_path / "secret.py").write_text("outside\n")
    child = start(tmp_path, str(root), "/srv")
    assert read("/srv/app.py", child).lines == ("inside",)
    assert read("/srv/current.py", child).lines == ("inside",)
    assert read("app.py", child).lines == ("inside",)
    assert read("current.py", child).lines == ("inside",)
    for name in ("/srv/secret.py", "/srv/up.py", "../../secret.py", str(tmp_path / "secret.py")):
        assert read(name, child) == SourceText(name, why=NOWHERE)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root directory as a container has one, with a file in it, and a secret beside it."""
    (tmp_path / "secret.py").write_text("outside\n")
    (tmp_path / "root" / "srv" / "deep").mkdir(parents=True)
    (tmp_path / "root" / "srv" / "app.py").write_text("inside\n")
    return tmp_path / "root"


def within(root: Path, name: str) -> str:
    """Where a name leads, below the root: the empty name is the root itself."""
    found = files.within(str(root), Path(name))
    assert found == str(root) or found.startswith(f"{root}/")
    return found.removeprefix(str(root)).removeprefix("/")


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("/srv/app.py", "srv/app.py"),
        ("app.py", "srv/app.py"),
        ("../srv/app.py", "srv/app.py"),
        ("deep/../app.py", "srv/app.py"),
        ("../../../srv/app.py", "srv/app.py"),
        ("../../secret.py", "secret.py"),
        ("/../secret.py", "secret.py"),
        ("/etc/passwd", "etc/passwd"),
        ("/", ""),
        ("..", ""),
        ("missing.py", "srv/missing.py"),
    ],
)
def test_a_link_leads_where_the_target_is_led(root: Path, target: str, found: str):
    """An absolute link begins at the target's root, and no link leads above it."""
    (root / "srv" / "link.py").symlink_to(target)
    assert within(root, "/srv/link.py") == found


def test_a_link_to_a_directory_on_the_way(root: Path):
    """Links are followed in the middle of a name too, one after the other."""
    (root / "current").symlink_to("/releases/7")
    (root / "releases").mkdir()
    (root / "releases" / "7").symlink_to("../srv")
    assert within(root, "/current/app.py") == "srv/app.py"
    assert within(root, "/current/../secret.py") == "secret.py"
    (root / "out").symlink_to(root.parent)
    assert within(root, "/out/secret.py") == str(root.parent / "secret.py")[1:]


def test_a_name_with_dots_stays_below_the_root(root: Path):
    """A name itself leads no higher than the root either."""
    assert within(root, "/../../secret.py") == "secret.py"
    assert within(root, "/srv/deep/../app.py") == "srv/app.py"


def test_links_in_a_circle_end(root: Path):
    """Links that lead to each other are given up."""
    (root / "a").symlink_to("/b")
    (root / "b").symlink_to("a")
    with pytest.raises(ValueError, match="too many links"):
        within(root, "/a")


@given(st.text("ab/.", max_size=12))
def test_no_name_leads_out_of_the_root(tmp_path_factory: pytest.TempPathFactory, name: str):
    """Whatever a file is called, it is one below the root."""
    base = tmp_path_factory.getbasetemp() / "hostile"
    if not base.exists():
        (base / "a").mkdir(parents=True)
        (base / "b").symlink_to("/../..")
        (base / "a" / "b").symlink_to("../../../a")
    found = within(base, f"/{name}")
    assert ".." not in Path(found).parts


def test_our_own_root_is_left_to_the_kernel(root: Path):
    """Where the target has our files a name is taken as it is."""
    assert files.within("/", Path("/srv/../app.py")) == "/srv/../app.py"


@pytest.mark.parametrize("file", ["", "<string>", "<frozen importlib._bootstrap>", "<stdin>"])
def test_code_that_was_made_from_no_file(file: str):
    """What stands in place of a file's name is no file."""
    assert read(file) == SourceText(file, why="the code was made from no file")


def test_no_file(tmp_path: Path):
    """A file that is not there says so."""
    assert read(tmp_path / "gone.py").why == NOWHERE
    (tmp_path / "app.py").touch()
    assert read(tmp_path / "app.py" / "below.py").why == "Not a directory"


def test_a_directory_is_no_source(tmp_path: Path):
    """A directory is not read."""
    assert read(tmp_path).why == "it is no ordinary file"


def test_a_fifo_holds_up_nobody(tmp_path: Path):
    """A pipe that nobody writes to is not waited for."""
    os.mkfifo(tmp_path / "app.py")
    found: list[SourceText] = []
    reader = threading.Thread(target=lambda: found.append(read(tmp_path / "app.py")), daemon=True)
    reader.start()
    reader.join(10)
    assert [one.why for one in found] == ["it is no ordinary file"]


def test_nothing_stays_open(tmp_path: Path):
    """Whatever was asked for, read or refused, is closed again."""
    (tmp_path / "app.py").write_text("x\n")
    before = psutil.Process().num_fds()
    for file in (tmp_path, tmp_path / "app.py", "/dev/zero", tmp_path / "gone.py"):
        read(file)
    assert psutil.Process().num_fds() == before


def test_a_device_is_no_source():
    """A device that gives bytes without end is not read."""
    assert read("/dev/zero").why == "it is no ordinary file"


def test_a_file_with_nothing_to_read_at_present(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A file that would have to be waited for, as /proc/kmsg, is not."""
    file = tmp_path / "kmsg"
    file.touch()
    about = file.stat()
    pipe, end = os.pipe2(os.O_NONBLOCK)
    monkeypatch.setattr(os, "open", lambda *_: pipe)
    monkeypatch.setattr(os, "fstat", lambda _: about)
    try:
        assert read(file).why == "Resource temporarily unavailable"
    finally:
        os.close(end)


def test_a_binary_file_is_no_source(tmp_path: Path):
    """What has zeros at its beginning is no text."""
    (tmp_path / "app.so").write_bytes(b"\x7fELF\0\0\n")
    assert read(tmp_path / "app.so").why == "it is no text"


def test_a_large_file_is_not_read(tmp_path: Path):
    """A file beyond the bound is left alone, one at the bound is read."""
    file = tmp_path / "app.py"
    file.write_bytes(b"#" * MOST_BYTES)
    assert len(read(file).lines[0]) == MOST_BYTES
    with file.open("ab") as opened:
        opened.write(b"#")
    assert read(file) == SourceText(str(file), why="it has more than 5 MB")


def test_a_file_that_may_not_be_read(tmp_path: Path):
    """Without permission that is said. (Asked by a process that is not root.)"""
    file = tmp_path / "app.py"
    file.write_text("x\n")
    file.chmod(0)
    code = (
        "import os, sys; from perftui.target.source import read_source\n"
        "if not os.geteuid(): os.seteuid(65534)\n"
        "print(read_source(sys.argv[1], os.getpid(), 0).why)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "Permission denied\n"


HOSTILE = [
    "/a\0b",
    "a\0b",
    "/\ud800",
    "/" + "q" * 10_000,
    "/" + "q/" * 10_000,
    "q" * 10_000,
    "/[/red]\x1b]0;x\x07",
    "~/app.py",
    "$HOME/app.py",
    "-rf",
    "file:///etc/passwd",
    "//",
    "/.",
    "..",
    "\n",
    " ",
]


@pytest.mark.parametrize("file", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names(file: str):
    """Whatever a target calls its file: there is no text, a reason, and no error."""
    seen = read(file)
    assert (seen.file, seen.lines) == (file, ())
    assert seen.why


@pytest.mark.parametrize("file", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names_below_another_root(root: Path, file: str):
    """Below another root too: a place below it, or an error that is known."""
    try:
        found = files.within(str(root), Path("/", file))
    except (OSError, ValueError):
        return
    assert found == str(root) or found.startswith(f"{root}/")
