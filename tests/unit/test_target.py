from __future__ import annotations

import os

import psutil
import pytest
from builders import candidate
from hypothesis import given
from hypothesis import strategies as st

from perftui.errors import NoSuchTarget, NotPermitted, UsageError
from perftui.model.target import Candidate
from perftui.target.describe import describe, program_name
from perftui.target.find import as_tree, by_name
from perftui.target.python import looks_like_python


@pytest.mark.parametrize(
    ("cmdline", "name"),
    [
        ("", ""),
        ("python", "python"),
        ("/usr/bin/python3", "python3"),
        ("python app.py", "app.py"),
        ("python /srv/shop/app.py --port 80", "app.py"),
        ("python /srv/shop/", "shop"),
        ("python -m http.server 8000", "http.server"),
        ("python -mhttp.server 8000", "http.server"),
        ("python -Im http.server 8000", "http.server"),
        ("python -um http.server", "http.server"),
        ("python -m", ""),
        ("python -c import_time", "-c"),
        ("python -Ic import_time", "-c"),
        ("python -u -X dev -W error app.py", "app.py"),
        ("python -Xdev -Werror -O app.py", "app.py"),
        ("python --check-hash-based-pycs never app.py", "app.py"),
        ("python -i", "python"),
        ("python app.py -m other", "app.py"),
        ("/venv/bin/python /venv/bin/gunicorn -w 4 shop:app", "gunicorn"),
        ("/venv/bin/python3.12 -m celery -A shop worker", "celery"),
        ("/usr/bin/uwsgi --http :8000 --module shop", "uwsgi"),
        ("/opt/app/server --port 80", "server"),
    ],
)
def test_program_name(cmdline: str, name: str):
    """What runs is the script, or the module after -m, never an option's value."""
    assert program_name(tuple(cmdline.split())) == name


def test_a_process_that_names_itself():
    """A process that has set its own title is called by it."""
    assert program_name(("gunicorn: master [shop]",)) == "gunicorn: master [shop]"


@given(st.lists(st.text(max_size=6) | st.sampled_from(["-m", "-c", "-X", "-", "--"]), max_size=6))
def test_any_command_line_has_a_name_or_none(cmdline: list[str]):
    """No command line is too odd to be named."""
    assert isinstance(program_name(tuple(cmdline)), str)


def tree(*candidates: Candidate) -> list[tuple[int, int]]:
    return [(one.pid, one.depth) for one in as_tree(candidates)]


def test_children_stand_below_their_parents():
    """Parents come before their children, brothers by age, each with its depth."""
    found = tree(
        candidate(30, 10),
        candidate(20, 10),
        candidate(40, 20),
        candidate(10, 1),
        candidate(5, 1),
    )
    assert found == [(5, 0), (10, 0), (20, 1), (40, 2), (30, 1)]


def test_trees_stand_by_age_not_by_id():
    """Process ids wrap round: the older process comes first."""
    assert tree(candidate(10, started_at=9.0), candidate(20, started_at=3.0)) == [(20, 0), (10, 0)]


def test_an_orphan_is_a_root():
    """A process whose parent is not Python stands by itself."""
    assert tree(candidate(10, 999), candidate(20, 10)) == [(10, 0), (20, 1)]


def test_its_own_parent():
    """A process that is its own parent, as process 0 may be, is a root."""
    assert tree(candidate(7, 7), candidate(8, 7)) == [(7, 0), (8, 1)]


def test_a_deep_tree():
    """A tree may be as deep as a host has processes."""
    chain = [candidate(n + 1, n) for n in range(1, 5000)]
    assert tree(*reversed(chain))[-1] == (5000, 4998)


@given(st.dictionaries(st.integers(1, 30), st.integers(0, 30), max_size=30))
def test_nobody_is_lost(parents: dict[int, int]):
    """Each process is there once, below its parent, if parents are older than their children."""
    found = tree(*(candidate(pid, min(parent, pid)) for pid, parent in parents.items()))
    assert sorted(pid for pid, _ in found) == sorted(parents)
    depths = dict(found)
    for pid, parent in parents.items():
        above = min(parent, pid)
        is_root = above == pid or above not in parents
        assert depths[pid] == (0 if is_root else depths[above] + 1)


SERVER = candidate(10, 1, "python -m shop serve")
WORKERS = [candidate(11, 10, "python -m shop worker"), candidate(12, 10, "python -m shop worker")]
OTHER = candidate(20, 1, "python other.py")


def test_one_that_fits():
    """The one process that fits is it; the pattern may fit anywhere in the command line."""
    assert by_name("other", [SERVER, *WORKERS, OTHER]) == 20
    assert by_name(r"^python -m shop serve$", [SERVER, *WORKERS]) == 10


def test_a_tree_is_its_root():
    """A server and its workers are one: the server."""
    assert by_name("shop", [SERVER, *WORKERS, OTHER]) == 10
    assert by_name("shop", [*WORKERS, SERVER]) == 10


def test_a_tree_with_another_between_is_its_root():
    """A worker below a process that does not fit still belongs to the server above."""
    launcher = candidate(13, 10, "python launcher.py")
    worker = candidate(14, 13, "python -m shop worker")
    assert by_name("shop", [SERVER, launcher, worker]) == 10


def test_none_that_fits():
    """Where none fits, the error says what was looked for."""
    with pytest.raises(NoSuchTarget, match="fits 'nope'"):
        by_name("nope", [SERVER, OTHER])
    with pytest.raises(NoSuchTarget):
        by_name("x", [])


def test_several_that_fit():
    """Where several fit, the error lists them, harmlessly, and says what to do."""
    bad = candidate(30, 1, "python shop\x1b.py")
    with pytest.raises(UsageError) as caught:
        by_name("shop", [SERVER, bad])
    assert caught.value.message == (
        "2 Python processes fit 'shop':\n"
        "        10  shop  (python -m shop serve)\n"
        "        30  shop�y  (python shop�y)\n"
    )
    assert "perftui PID" in caught.value.fix


def test_workers_without_their_server_are_several():
    """Brothers are not one."""
    with pytest.raises(UsageError, match="2 Python processes"):
        by_name("worker", [SERVER, *WORKERS])


def test_many_that_fit_are_not_all_listed():
    """A list of hundreds helps nobody."""
    with pytest.raises(UsageError) as caught:
        by_name("app", [candidate(n) for n in range(10, 110)])
    assert caught.value.message.startswith("100 Python processes")
    assert len(caught.value.message.splitlines()) == 21


def test_perftui_is_not_its_own_target():
    """The pattern stands in perftui's own command line, too: that one is not meant."""
    own = candidate(50, 1, "python /venv/bin/perftui --name shop")
    assert by_name("shop", [own, SERVER]) == 10


def test_a_bad_pattern():
    """What is no regular expression is a usage error that says why."""
    with pytest.raises(UsageError, match=r"--name 'a\(' is no regular expression: missing \)"):
        by_name("a(", [SERVER])


def test_a_process_of_which_not_even_the_state_may_be_read(monkeypatch: pytest.MonkeyPatch):
    """As where /proc hides the processes of others: one sentence and one fix."""

    def denied(process: psutil.Process) -> str:
        raise psutil.AccessDenied(process.pid)

    monkeypatch.setattr(psutil.Process, "status", denied)
    with pytest.raises(NotPermitted, match=f"Process {os.getpid()} is not yours") as error:
        describe(os.getpid())
    assert error.value.fix == f"Run it as root: sudo perftui {os.getpid()}"


class Stub:
    """What looks_like_python asks of a process; psutil itself cannot be made to say these."""

    def __init__(self, exe: str | None, name: str | None) -> None:
        self.pid = -1
        self._exe, self._name = exe, name

    def exe(self) -> str:
        if self._exe is None:
            raise psutil.AccessDenied
        return self._exe

    def name(self) -> str:
        if self._name is None:
            raise psutil.NoSuchProcess(1)
        return self._name


@pytest.mark.parametrize(
    ("exe", "name", "is_python"),
    [
        ("/usr/bin/python3.11", "gunicorn", True),
        ("/opt/Python", "x", True),
        ("/usr/bin/python3.13t", "x", True),
        ("/opt/pypy3.10", "x", True),
        (None, "python3", True),
        ("/bin/bash", "bash", False),
        ("/usr/bin/python-config", "python-config", False),
        ("/usr/bin/ipython", "ipython", False),
        (None, None, False),
    ],
)
def test_looks_like_python(exe: str | None, name: str | None, is_python: bool):
    """A process runs Python by its program's name; what may not be asked says nothing."""
    assert looks_like_python(Stub(exe, name)) is is_python
