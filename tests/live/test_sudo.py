"""py-spy by sudo: a plain user watches a process of root's, and nothing else runs as root."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from servers import AS_NOBODY, wait_for
from terminal import Open

from perftui.errors import SourceError
from perftui.sources.elevated import Sudo, record_arguments
from perftui.sources.pyspy_run import PySpy

pytestmark = pytest.mark.live

SLOW_S = 60.0

BURN = """
def burn():
    return sum(range(1000))

print("ready")
while True:
    burn()
"""

README = Path(__file__).parents[2] / "README.md"


def readme_rule() -> str:
    """README's line for /etc/sudoers.d, as it stands there."""
    found = re.search(r"^alice ALL=.*$", README.read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None
    return found[0]


@dataclass
class PlainUser:
    """The user nobody, with a directory of its own, and what sudo's `rules` allow it."""

    files: Path
    rules: Path

    @property
    def env(self) -> dict[str, str]:
        return {"XDG_RUNTIME_DIR": str(self.files), "HOME": "/nonexistent"}

    @property
    def left(self) -> list[Path]:
        """The files that are there for py-spy to write."""
        return list(self.files.glob("perftui/sudo/*"))

    def allow(self, rule: str) -> None:
        self.rules.touch(mode=0o440)
        self.rules.write_text(f"{rule}\n")
        subprocess.run(["visudo", "-c", "-q", "-f", self.rules], check=True)

    def allow_pyspy(self) -> None:
        """README's rule, for this user, this py-spy, and these files."""
        spy = Path(sys.executable).with_name("py-spy").resolve()
        rule = readme_rule().replace("alice", "nobody").replace("/usr/local/bin/py-spy", str(spy))
        self.allow(rule.replace("/run/user/1000", str(self.files)))


@pytest.fixture
def plain_user(tmp_path: Path) -> Iterator[PlainUser]:
    if os.geteuid() != 0:
        pytest.skip("needs root, to write a rule for sudo and to become another user")
    for program in ("sudo", "visudo", "setpriv"):
        assert shutil.which(program), f"{program} is not installed"
    files = tmp_path / "run"
    files.mkdir(mode=0o700)
    shutil.chown(files, "nobody")
    user = PlainUser(files, Path(f"/etc/sudoers.d/perftui-test-{os.getpid()}"))
    yield user
    user.rules.unlink(missing_ok=True)


@pytest.fixture
def root_target(plain_user: PlainUser, python_target: Any) -> Any:
    """A process of root's; asked for after the user, so that nothing starts in vain."""
    return python_target(BURN)


def samplers(pid: int) -> list[psutil.Process]:
    """Every py-spy that looks at this process, and every sudo that runs one."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        line = process.info["cmdline"] or []
        if "record" in line and "--pid" in line and line[line.index("--pid") + 1] == str(pid):
            found.append(process)
    return found


def test_the_process_of_another_user(plain_user: PlainUser, root_target: Any, run: Any) -> None:
    """With README's rule a plain user sees root's functions; without --sudo that is exit 4, with
    what mends it. No file is left."""
    plain_user.allow_pyspy()
    how = {"prefix": AS_NOBODY, "env": plain_user.env}
    assert "--sudo" in run("snapshot", root_target.pid, "--seconds", 1, **how).refused(4)
    document = run("snapshot", root_target.pid, "--seconds", 5, "--sudo", "--json", **how).document
    assert document["profile"]["functions"][0]["function"] == "burn"
    assert document["profile"]["coverage"] >= 0.5
    assert not plain_user.left
    assert not samplers(root_target.pid)


@pytest.mark.parametrize("rule", ["", "nobody ALL=(root) NOPASSWD: /bin/true"])
def test_sudo_does_not_allow_it(
    rule: str, plain_user: PlainUser, root_target: Any, run: Any
) -> None:
    """Without a rule for py-spy it is not permitted, and where to read what to allow is said."""
    if rule:
        plain_user.allow(rule)
    said = run("snapshot", root_target.pid, "--sudo", prefix=AS_NOBODY, env=plain_user.env).refused(
        4
    )
    assert "README" in said


@pytest.mark.parametrize(
    "arguments",
    [
        ["record", "--", "/bin/sh"],
        ["record", "--format", "speedscope", "--output", "/etc/passwd", "--pid", "1"],
        ["dump", "--pid", "1", "--locals"],
        ["top", "--pid", "1"],
    ],
)
def test_the_rule_allows_nothing_else(arguments: list[str], plain_user: PlainUser) -> None:
    """README's rule lets py-spy start no program, and write nowhere else."""
    plain_user.allow_pyspy()
    spy = Path(sys.executable).with_name("py-spy").resolve()

    def allowed(arguments: list[str]) -> bool:
        asked = [
            *AS_NOBODY[: AS_NOBODY.index(sys.executable)],
            "sudo",
            "-n",
            "-l",
            "--",
            spy,
            *arguments,
        ]
        return subprocess.run(asked, capture_output=True, check=False).returncode == 0

    output = str(plain_user.files / "perftui/sudo/window-abc")
    assert allowed(record_arguments(["--rate", "5", "--gil"], 1, 2, output))
    assert not allowed(arguments)


def test_a_killed_perftui(plain_user: PlainUser, root_target: Any, begin: Any) -> None:
    """Nobody can end root's py-spy, but it ends by itself; what it wrote nobody else can read."""
    plain_user.allow_pyspy()
    process = begin(
        *("watch", root_target.pid, "--sudo", "--jsonl"),
        prefix=AS_NOBODY,
        env=plain_user.env,
    )
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["profile"]["functions"]
    process.send_signal(signal.SIGKILL)
    process.wait(SLOW_S)
    wait_for(lambda: not samplers(root_target.pid), SLOW_S, "py-spy to end by itself")
    assert psutil.Process(root_target.pid).status() != psutil.STATUS_STOPPED
    for path in plain_user.left:
        assert stat.S_ISREG(path.lstat().st_mode)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_screen(plain_user: PlainUser, root_target: Any, terminal: Open) -> None:
    """The screen of a plain user shows root's functions, and ends with no sampler left."""
    plain_user.allow_pyspy()
    tmux = terminal(columns=80, rows=24)
    settings = [f"{name}={value}" for name, value in plain_user.env.items()]
    line = ["env", *settings, *AS_NOBODY, str(root_target.pid), "--sudo"]
    tmux.type(shlex.join(line), "Enter")
    tmux.wait("● LIVE", "burn", re.compile("py-spy [0-9]+% cpu"))
    tmux.keys("q")
    tmux.back()
    assert not samplers(root_target.pid)
    assert not plain_user.left


def test_root_needs_none(python_target: Any, run: Any) -> None:
    """For root --sudo changes nothing."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    target = python_target(BURN)
    document = run("snapshot", target.pid, "--seconds", 1, "--sudo", "--json").document
    assert document["profile"]["functions"][0]["function"] == "burn"


def test_one_that_hangs_is_neither_waited_for_nor_added_to(tmp_path: Path) -> None:
    """A py-spy of root's that hangs cannot be ended here: that is said, with what ends it, and no
    other is started while it is there."""
    hangs = tmp_path / "sudo"
    hangs.write_text("#!/bin/sh\necho Sampling process\nexec sleep 600\n")
    hangs.chmod(0o755)
    pyspy = PySpy(sudo=Sudo(str(hangs), "/usr/bin/py-spy", tmp_path))
    run = pyspy.record([], 1, 1)
    run.interrupt()
    with pytest.raises(SourceError, match="sudo kill") as raised:
        run.finish(0.1)
    with pytest.raises(SourceError, match="hangs"):
        pyspy.record([], 1, 1)
    found = re.search(r"sudo kill (\d+)", str(raised.value))
    assert found is not None
    os.kill(int(found[1]), signal.SIGKILL)
    wait_for(lambda: not run.lives, SLOW_S, "its end")
    last = pyspy.record([], 1, 1)
    assert last.lives
    with pytest.raises(SourceError) as raised:
        last.finish(0.1)
    found = re.search(r"sudo kill (\d+)", str(raised.value))
    assert found is not None
    os.kill(int(found[1]), signal.SIGKILL)
