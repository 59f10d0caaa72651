from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from perftui.errors import MissingPart, NotPermitted
from perftui.sources import elevated
from perftui.sources.elevated import Sudo, find_sudo, record_arguments, refusal

PLAIN = 4711


@pytest.fixture
def plain_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user who is not root, with a sudo and a py-spy on PATH; where these are."""
    programs = tmp_path / "bin"
    programs.mkdir(mode=0o755)
    for name in ("sudo", "py-spy"):
        program = programs / name
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    (tmp_path / "run").mkdir(mode=0o700)
    monkeypatch.setattr(elevated, "_candidates", lambda: iter([programs / "py-spy"]))
    if os.geteuid() == 0:
        monkeypatch.setattr(elevated, "_ROOT", PLAIN)  # this user is not what counts as root
    return programs


def test_root_needs_no_sudo(monkeypatch: pytest.MonkeyPatch):
    """Root runs py-spy as it is."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert find_sudo() is None


def test_a_plain_user(plain_user: Path, tmp_path: Path):
    """Whole paths, and files of this user's alone, gone once they are closed."""
    sudo = find_sudo()
    assert sudo is not None
    program, spy = str((plain_user / "sudo").resolve()), str(plain_user / "py-spy")
    assert sudo.argv(["record"]) == [program, "-n", "--", spy, "record"]
    with sudo.new_file() as file:
        path = Path(file.name)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.is_relative_to(tmp_path / "run")
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert not path.exists()


def test_without_sudo(plain_user: Path, monkeypatch: pytest.MonkeyPatch):
    """Where there is no sudo, that is what is missing."""
    monkeypatch.setattr(os, "defpath", "")
    (plain_user / "sudo").unlink()
    with pytest.raises(MissingPart, match="sudo is not installed"):
        find_sudo()


def test_without_pyspy(plain_user: Path, monkeypatch: pytest.MonkeyPatch):
    """Nor is anything run by sudo where py-spy is not installed."""
    monkeypatch.setattr(elevated, "_candidates", lambda: iter(()))
    with pytest.raises(MissingPart, match="py-spy is not installed"):
        find_sudo()


@pytest.mark.parametrize("what", ["py-spy", "."])
def test_a_pyspy_that_others_can_change(plain_user: Path, what: str):
    """Root never runs what another user could have put there."""
    (plain_user / what).chmod(0o777)
    with pytest.raises(NotPermitted, match="Other users can change"):
        find_sudo()


def test_a_directory_that_others_can_change(
    plain_user: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Root never writes where another user could have put a link."""
    (tmp_path / "run").chmod(0o777)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "run" / "state"))
    with pytest.raises(NotPermitted, match="XDG_RUNTIME_DIR"):
        find_sudo()


def test_what_was_left_is_removed(plain_user: Path, tmp_path: Path):
    """A file that a killed perftui left goes with the next start; one that may be in use stays."""
    find_sudo()
    directory = tmp_path / "run" / "perftui" / "sudo"
    old, new, other = (directory / name for name in ("window-old", "window-new", "other"))
    for path in (old, new, other):
        path.touch()
    for path in (old, other):
        os.utime(path, (0, 0))
    find_sudo()
    assert sorted(path.name for path in directory.iterdir()) == ["other", "window-new"]


@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        ("sudo: a password is required\n", "asks for a password"),
        ("Sorry, user jo is not allowed to execute '/usr/bin/py-spy'", "does not let you"),
        ("sudo: unknown user: jo\nsudo: error initializing audit plugin", "does not let you"),
    ],
)
def test_what_sudo_says(said: str, meaning: str):
    """Its words are told from py-spy's."""
    error = refusal(said)
    assert error is not None
    assert meaning in error.message


def test_what_pyspy_says_is_not_sudos():
    """py-spy's own words are left to whoever knows them."""
    assert refusal("Error: Failed to find python version from target process") is None


def test_a_sudo_that_hangs(plain_user: Path, monkeypatch: pytest.MonkeyPatch):
    """A sudo that does not answer is not waited for without end."""
    monkeypatch.setattr(elevated, "_ANSWER_S", 0.2)
    slow = plain_user / "sudo"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    with pytest.raises(NotPermitted, match="does not answer"):
        Sudo(str(slow), "/usr/bin/py-spy", plain_user).check(1)


def test_arguments_are_in_the_order_of_the_rule():
    """What README's rule for sudo names stands where it names it."""
    assert record_arguments(["--rate", "100", "--gil"], 4775, 2, "/run/x") == [
        *("record", "--format", "speedscope", "--full-filenames", "--threads"),
        *("--rate", "100", "--gil", "--pid", "4775", "--duration", "2", "--output", "/run/x"),
    ]
