"""The file of answers: private, whole, and no consent where it cannot be trusted."""

from __future__ import annotations

import json
import os
import stat
import threading
from pathlib import Path

import pytest

from perftui.advisor.consent import FILE, MOST_BYTES, ConsentFile, consent_file
from perftui.errors import StateError
from perftui.model.consent import Choice

SERVER = "https://api.example"


def of(tmp_path: Path, host: str = "web-12", server: str = SERVER) -> ConsentFile:
    found = consent_file(tmp_path / "state", host, server)
    assert found is not None
    return found


def choice(file: ConsentFile) -> Choice | None:
    answer = file.read()
    return None if answer is None else answer.choice


def test_without_a_directory_there_is_no_file() -> None:
    """Then nothing can be remembered."""
    assert consent_file(None, "h", SERVER) is None


def test_an_answer_is_kept_in_private(tmp_path: Path) -> None:
    """0600 in 0700, with what was open and when; a second answer takes its place."""
    os.umask(0o022)
    file = of(tmp_path)
    assert file.read() is None
    file.keep(Choice.NAMES, ("labels",), 5.0)
    answer = file.read()
    assert answer is not None
    assert (answer.choice, answer.kinds, answer.at) == (Choice.NAMES, ("labels",), 5.0)
    path = tmp_path / "state" / FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    file.keep(Choice.NEVER, (), 6.0)
    assert choice(of(tmp_path)) is Choice.NEVER
    assert len(json.loads(path.read_text())["answers"]) == 1
    assert [one.name for one in path.parent.iterdir()] == [FILE]


def test_another_server_or_host_has_an_answer_of_its_own(tmp_path: Path) -> None:
    """What was said of one says nothing of another; a password in the URL is not kept."""
    of(tmp_path).keep(Choice.NAMES, (), 1.0)
    other = of(tmp_path, server="http://me:hush@other:1/")
    assert choice(other) is None
    assert choice(of(tmp_path, host="db-1")) is None
    other.keep(Choice.NUMBERS, (), 2.0)
    assert choice(of(tmp_path)) is Choice.NAMES
    assert choice(of(tmp_path, server="http://other:1")) is Choice.NUMBERS
    assert "hush" not in (tmp_path / "state" / FILE).read_text()


def test_what_is_forgotten_was_never_said(tmp_path: Path) -> None:
    """Of this server on this host alone."""
    one, other = of(tmp_path), of(tmp_path, host="db-1")
    for file in (one, other):
        file.keep(Choice.NAMES, (), 1.0)
    one.forget()
    assert (choice(one), choice(other)) == (None, Choice.NAMES)
    one.forget()
    assert choice(one) is None


BROKEN = {
    "nothing in it": b"",
    "no JSON": b"{",
    "no text": b"\xff\xfe",
    "a list": b"[]",
    "another version": b'{"version": 2, "answers": []}',
    "no version": b'{"answers": []}',
    "an unknown answer": b'{"version": 1, "answers": [{"host": "web-12", "server": "'
    + SERVER.encode()
    + b'", "choice": "all"}]}',
    "too large": b" " * (MOST_BYTES + 1),
    "too deep": b"[" * 90_000,
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_no_consent(text: bytes, tmp_path: Path) -> None:
    """One sentence says so, and the next answer makes it whole."""
    path = tmp_path / "state" / FILE
    of(tmp_path).keep(Choice.NAMES, (), 1.0)
    path.write_bytes(text)
    with pytest.raises(StateError) as caught:
        of(tmp_path).read()
    assert str(path) in caught.value.message
    assert caught.value.message.endswith(": no LLM is called.")
    assert caught.value.message.count("\n") == 0
    of(tmp_path).keep(Choice.NUMBERS, (), 2.0)
    assert choice(of(tmp_path)) is Choice.NUMBERS


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_can_write_is_no_consent(mode: int, tmp_path: Path) -> None:
    """Somebody else could have given it."""
    of(tmp_path).keep(Choice.NAMES, (), 1.0)
    (tmp_path / "state" / FILE).chmod(mode)
    with pytest.raises(StateError, match="somebody else may write to it"):
        of(tmp_path).read()


def test_a_file_of_another_user_is_no_consent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor one that is a directory."""
    of(tmp_path).keep(Choice.NAMES, (), 1.0)
    uid = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: uid + 1)
    with pytest.raises(StateError, match="somebody else"):
        of(tmp_path).read()
    monkeypatch.undo()
    (tmp_path / "state" / FILE).unlink()
    (tmp_path / "state" / FILE).mkdir()
    with pytest.raises(StateError, match="directory"):
        of(tmp_path).read()


def test_what_cannot_be_written_says_so(tmp_path: Path) -> None:
    """In one sentence, with what that means; what was there stays."""
    (tmp_path / "state").write_text("in its way")
    with pytest.raises(StateError, match="it holds for this run alone"):
        of(tmp_path).keep(Choice.NAMES, (), 1.0)
    with pytest.raises(StateError, match="it may be back in the next run"):
        of(tmp_path).forget()


def test_several_write_at_once(tmp_path: Path) -> None:
    """No answer is lost, and what was taken back does not return."""
    gone = of(tmp_path, host="gone")
    gone.keep(Choice.NAMES, (), 1.0)
    start = threading.Barrier(9)

    def write(number: int) -> None:
        start.wait()
        for at in range(5):
            of(tmp_path, host=f"h{number}").keep(Choice.NUMBERS, (), float(at))

    def forget() -> None:
        start.wait()
        gone.forget()

    threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    threads.append(threading.Thread(target=forget))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(choice(of(tmp_path, host=f"h{n}")) is Choice.NUMBERS for n in range(8))
    assert choice(gone) is None
