"""The ways to a target that are no process id: a port that it listens on, and a command that starts
it, which then ends with perftui."""

from __future__ import annotations

import ctypes
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from servers import (
    BURN,
    START_S,
    assert_gone,
    free_port,
    require,
    runs,
    wait_for,
)
from terminal import SLOW_S, Open, Terminal

from perftui.errors import PerftuiError
from perftui.target.launch import Program

pytestmark = pytest.mark.live


def listening(family: str, address: str, port: int = 0, reuse: bool = False) -> str:
    """The beginning of a script that listens, and prints on which port."""
    return f"""
import socket
server = socket.create_server(
    ({address!r}, {port}), family=socket.{family}, reuse_port={reuse}
)
print("port", server.getsockname()[1])
"""


def port_of(target: Any) -> int:
    return int(target.output()[0].split()[1])


def can_bind(family: socket.AddressFamily, address: str) -> bool:
    try:
        with socket.create_server((address, 0), family=family):
            return True
    except OSError:
        return False


@pytest.mark.parametrize(
    ("family", "address"),
    [("AF_INET", "127.0.0.1"), ("AF_INET", "0.0.0.0"), ("AF_INET6", "::1"), ("AF_INET6", "::")],
)
def test_a_port(family: str, address: str, python_target: Any, run: Any) -> None:
    """--port finds what listens on it, on whatever address of IPv4 or IPv6."""
    if not can_bind(getattr(socket, family), address):
        pytest.skip(f"no {address} here")
    target = python_target(listening(family, address) + BURN)
    document = run(*("snapshot", "--port", port_of(target), "--seconds", 0.5, "--json")).document
    assert document["target"]["pid"] == target.pid


PREFORK = (
    listening("AF_INET", "127.0.0.1")
    + """
import os, subprocess, sys, time

for _ in range(3):
    if os.fork() == 0:
        while True:
            sum(range(1000))
print("ready", flush=True)
while True:
    time.sleep(1)
"""
)


def test_a_port_of_a_server_with_workers(python_target: Any, run: Any) -> None:
    """A server whose workers have inherited its socket is the server, and they are its children."""
    target = python_target(PREFORK)
    workers = {child.pid for child in psutil.Process(target.pid).children()}
    assert len(workers) == 3
    document = run(*("snapshot", "--port", port_of(target), "--seconds", 0.5, "--json")).document
    assert document["target"]["pid"] == target.pid
    assert set(document["target"]["children"]) == workers


def test_a_port_that_several_share(python_target: Any, run: Any) -> None:
    """Unrelated processes on one port are listed each with its id, and none is taken."""
    first = python_target(listening("AF_INET", "127.0.0.1", reuse=True) + BURN)
    port = port_of(first)
    second = python_target(listening("AF_INET", "127.0.0.1", port, reuse=True) + BURN)
    said = run("snapshot", "--port", port).refused(2)
    listed = [line.split() for line in said.splitlines()[1:-1]]
    assert {int(pid) for pid, *_ in listed} == {first.pid, second.pid}
    assert f"listen on port {port}" in said


def test_a_port_that_nobody_listens_on(run: Any) -> None:
    """A port without a listener is exit 3, even where somebody is connected from it."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        port = client.getsockname()[1]
        assert str(port) in run("snapshot", "--port", port).refused(3)


PR_SET_DUMPABLE, PR_CAPBSET_DROP, CAP_SYS_PTRACE = 4, 24, 19


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_a_port_whose_process_may_not_be_seen(python_target: Any, run: Any) -> None:
    """That somebody listens can be seen by all; who it is only with the right: exit 4."""
    guard = f"import ctypes\nctypes.CDLL(None).prctl({PR_SET_DUMPABLE}, 0, 0, 0, 0)\n"
    target = python_target(listening("AF_INET", "127.0.0.1") + guard + BURN)
    libc = ctypes.CDLL(None)

    def without_ptrace() -> None:
        if os.getuid() == 0:
            libc.prctl(PR_CAPBSET_DROP, CAP_SYS_PTRACE, 0, 0, 0)

    port = port_of(target)
    said = run("snapshot", "--port", port, preexec_fn=without_ptrace).refused(4)
    assert str(port) in said
    assert "sudo" in said


def test_a_port_on_the_screen(terminal: Open, python_target: Any) -> None:
    """The screen opens on what listens on the port."""
    target = python_target(listening("AF_INET", "127.0.0.1") + BURN)
    tmux = terminal()
    tmux.run("--port", port_of(target))
    tmux.wait("● LIVE", f"pid {target.pid}", re.compile(r"burn +\S*target.py:\d+"))
    tmux.keys("q")
    tmux.back()


class Script:
    """A Python script of a test, as a command line."""

    def __init__(self, directory: Path, source: str) -> None:
        self.path = directory / "script.py"
        self.path.write_text(source)

    @property
    def command(self) -> tuple[str, ...]:
        return (sys.executable, str(self.path))


SHORT = """
import os, signal, sys, time

def hot(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass

hot(1.0)
print("on stdout", flush=True)
print("on stderr", file=sys.stderr, flush=True)
{end}
"""


def own_samples(document: Any, function: str) -> int:
    rows = document["profile"]["functions"]
    return sum(row["own_samples"] for row in rows if row["function"] == function)


def last_document(out: str) -> Any:
    return json.loads(out.splitlines()[-1])


@pytest.mark.parametrize(
    ("end", "code"),
    [("", 0), ("sys.exit(7)", 7), ("os.kill(os.getpid(), signal.SIGSEGV)", 128 + 11)],
    ids=["well", "badly", "killed"],
)
def test_a_program_from_its_start_to_its_end(end: str, code: int, tmp_path: Path, run: Any) -> None:
    """A program behind `--` is sampled from its start, what it prints is in the file, and how it
    ends is how perftui ends."""
    script = Script(tmp_path, SHORT.format(end=end))
    ended = run("watch", "--jsonl", "--output", tmp_path / "out", "--", *script.command)
    assert ended.code == code
    assert ended.err == (
        f"perftui: the program ended with exit code {code}; its output is in {tmp_path / 'out'}\n"
    )
    last = last_document(ended.out)
    assert last["target"]["state"] == "exited"
    # It is busy for a second, and what is missed is the time until py-spy looks.
    assert own_samples(last, "hot") > 60
    assert (tmp_path / "out").read_text().split("\n") == ["on stdout", "on stderr", ""]
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o600


def test_the_output_is_private_and_said(tmp_path: Path, run: Any) -> None:
    """Without --output it goes to a temporary file that nobody else may read; its path is said."""
    script = Script(tmp_path, SHORT.format(end=""))
    ended = run("snapshot", "--seconds", 30, "--", *script.command, env={"TMPDIR": tmp_path})
    said = re.fullmatch(r"perftui: the program .*; its output is in (\S+)\n", ended.err)
    assert said is not None, ended.err
    path = Path(said[1])
    assert path.parent == tmp_path
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "on stdout" in path.read_text()


def test_a_snapshot_ends_the_program(tmp_path: Path, run: Any) -> None:
    """A program that still runs when the snapshot is taken ends with it, and that is exit 0."""
    script = Script(tmp_path, BURN)
    ended = run("snapshot", "--seconds", 0.5, "--json", "--", *script.command)
    assert ended.document["profile"]["functions"][0]["function"] == "burn"
    assert "the program was ended" in ended.err
    assert not runs(ended.document["target"]["pid"])


@pytest.mark.parametrize("code", [0, 3])
def test_a_program_that_ends_at_once(code: int, run: Any) -> None:
    """One that has ended before py-spy could look gives a document that says so, and its code."""
    ended = run("snapshot", "--json", "--", "sh", "-c", f"exit {code}")
    assert ended.code == code
    document = json.loads(ended.out)
    assert document["target"]["state"] == "exited"
    assert document["profile"]["functions"] == []


LAUNCHED = """
import time

def hot():
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        pass

hot()
"""


@pytest.mark.parametrize("how", ["", "exec "], ids=["child", "exec"])
def test_a_shell_that_comes_to_python(how: str, tmp_path: Path, run: Any) -> None:
    """A program that is no Python at first is seen as soon as it becomes one, or starts one."""
    script = Script(tmp_path, LAUNCHED)
    line = f"sleep 1; {how}{script.command[0]} {script.command[1]}"
    ended = run("snapshot", "--seconds", 30, "--json", "--", "sh", "-c", line)
    assert own_samples(ended.document, "hot") > 100


def test_what_only_looks_like_python_at_first(tmp_path: Path, run: Any) -> None:
    """That py-spy finds no Python yet does not end the watch of a program that perftui started: the
    seconds of a snapshot are those from when it does."""
    script = Script(tmp_path, BURN)
    shutil.copy(require("sleep"), tmp_path / "python3")
    line = f"{tmp_path}/python3 3; exec {' '.join(script.command)}"
    ended = run("snapshot", "--seconds", 1, "--json", "--", "sh", "-c", line)
    assert own_samples(ended.document, "burn") > 50


WORKERS = """
import multiprocessing, time

def hot():
    end = time.monotonic() + 2
    while time.monotonic() < end:
        pass

if __name__ == "__main__":
    workers = [multiprocessing.Process(target=hot) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
"""


def test_workers_are_seen_from_their_first_second(tmp_path: Path, run: Any) -> None:
    """Children that live for two seconds are in the profile; not with --no-subprocesses."""
    script = Script(tmp_path, WORKERS)
    seen = run("snapshot", "--seconds", 30, "--json", "--", *script.command).document
    assert (
        len({row["pid"] for row in seen["profile"]["functions"] if row["function"] == "hot"}) == 2
    )
    alone = run(
        *("snapshot", "--seconds", 30, "--json", "--no-subprocesses", "--", *script.command)
    ).document
    assert own_samples(alone, "hot") == 0


SURROUNDINGS = """
import json, os, signal

print(json.dumps({
    "environment": dict(os.environ),
    "stdin": os.read(0, 10).decode(),
    "caught": [n for n in range(1, 32) if n != signal.SIGINT and n not in (9, 19)
               and signal.getsignal(n) not in (signal.SIG_DFL, None)
               and n not in (signal.SIGPIPE, signal.SIGXFSZ)],
    "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
    "leads_its_group": os.getpgrp() == os.getpid(),
    "files": sorted(os.listdir("/proc/self/fd"))[:4],
    "directory": os.getcwd(),
}))
"""


def test_a_program_finds_things_as_by_hand(tmp_path: Path, run: Any) -> None:
    """Environment, directory and signals are as in a start by hand; stdin is empty, and it leads
    a process group of its own."""
    script = Script(tmp_path, SURROUNDINGS)
    own = {"TEST_ODD": "\udcff\n=x", "LC_ALL": "C.UTF-8"}
    out = tmp_path / "out"
    # `sed` shows what Python itself would hide: which signals are ignored from the start.
    ignored = run(
        *("snapshot", "--output", out, "--", "sed", "-n", "s/^SigIgn:\t//p", "/proc/self/status")
    )
    assert (ignored.code, out.read_text()) == (0, "0" * 16 + "\n")
    ended = run("snapshot", "--seconds", 30, "--output", out, "--", *script.command, env=own)
    assert ended.code == 0, out.read_text()
    found = json.loads(out.read_text())
    assert found["environment"]["TEST_ODD"] == "\udcff\n=x"
    plain = run(
        *("-c", "import json, os; print(json.dumps(dict(os.environ)))"),
        prefix=[sys.executable],
        env=own,
    )
    assert found["environment"] == json.loads(plain.out)
    assert found["stdin"] == ""
    assert found["caught"] == found["blocked"] == []
    assert found["leads_its_group"]
    # 0 to 2, and the one that lists the directory: nothing of perftui's.
    assert found["files"] == ["0", "1", "2", "3"]
    assert found["directory"] == str(tmp_path)


NESTED = """
import os, signal, subprocess, sys, time

left, manner = int(sys.argv[1]), sys.argv[2]
if manner == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if left:
    subprocess.Popen([sys.executable, __file__, str(left - 1), manner], start_new_session=True)
print("up", os.getpid(), flush=True)
while True:
    time.sleep(0.02)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_nothing_of_a_program_outlives_perftui(
    number: signal.Signals, tmp_path: Path, begin: Any
) -> None:
    """However perftui ends, soon after it nothing is left of the program: neither itself nor what
    it has started, though in sessions of their own and deaf to SIGTERM."""
    script, out = Script(tmp_path, NESTED), tmp_path / "out"
    process = begin("watch", "--output", out, "--", *script.command, 2, "deaf")
    up = pids(out, 3)
    assert process.stdout.readline()
    started = psutil.Process(process.pid).children(recursive=True)
    assert up < {one.pid for one in started}
    process.send_signal(number)
    assert_gone(started, time.monotonic())
    code = process.wait(START_S)
    assert code == (-number if number == signal.SIGKILL else 128 + number)


GENTLE = """
import signal, subprocess, sys, time

def end(*_):
    print(f"{role} ends well", flush=True)
    sys.exit(5)

role = sys.argv[1]
signal.signal(signal.SIGTERM, end)
if role == "parent":
    subprocess.Popen([sys.executable, __file__, "child"])
print(f"{role} is up", flush=True)
while True:
    time.sleep(0.02)
"""


def test_a_program_may_end_well(tmp_path: Path, begin: Any, finish: Any) -> None:
    """It is asked to end by SIGTERM first, and so are the children that it leaves behind."""
    script, out = Script(tmp_path, GENTLE), tmp_path / "out"
    process = begin("watch", "--output", out, "--", *script.command, "parent")
    wait_for(lambda: out.exists() and out.read_text().count("is up") == 2, START_S, "it to be up")
    process.terminate()
    assert finish(process).code == 128 + signal.SIGTERM
    assert out.read_text().splitlines()[2:] == ["parent ends well", "child ends well"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_keeper_that_is_killed(
    number: signal.Signals, tmp_path: Path, begin: Any, finish: Any
) -> None:
    """Killing the process between perftui and the program ends the program too, which is said."""
    script = Script(tmp_path, BURN)
    process = begin("watch", "--jsonl", "--", *script.command)
    pid = json.loads(process.stdout.readline())["target"]["pid"]
    keeper = psutil.Process(pid).parent()
    assert keeper.ppid() == process.pid
    keeper.send_signal(number)
    ended = finish(process)
    assert ended.code == 128 + number
    assert last_document(ended.out)["target"]["state"] == "exited"


def test_what_a_program_leaves_behind_runs_while_it_is_watched(
    tmp_path: Path, begin: Any, finish: Any
) -> None:
    """A service that a start script has put into the background ends with perftui, not before."""
    script, out = Script(tmp_path, BURN), tmp_path / "out"
    python, path = script.command
    line = f"{python} {path} & echo $!; exec {python} {path}"
    process = begin("watch", "--output", out, "--", "sh", "-c", line)
    process.stdout.readline()
    service = psutil.Process(int(out.read_text().split()[0]))
    shell = service.parent()
    shell.kill()
    assert finish(process).code == 128 + signal.SIGKILL
    assert not runs(service.pid)


def test_programs_that_cannot_be_started(tmp_path: Path, run: Any) -> None:
    """What is no program is usage, with a reason and a fix, and leaves no file behind."""
    script = Script(tmp_path, BURN)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    env = {"TMPDIR": temporary}
    said = run("snapshot", "--", "no-such-program", env=env).refused(2)
    assert "no-such-program cannot be started: No such file" in said
    said = run("snapshot", "--", script.path, env=env).refused(2)
    assert "Permission denied" in said
    assert f"perftui -- python {script.path}" in said
    script.path.chmod(0o755)  # without #!
    assert "Exec format error" in run("snapshot", "--", script.path, env=env).refused(2)
    assert list(temporary.iterdir()) == []


def test_a_keeper_that_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Python itself cannot be started, its last words are the error, and no file is left."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def launch(_: Any, **how: Any) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", "exit('no memory')"], **how)

    with pytest.raises(PerftuiError, match="no memory"), Program(["true"], launch=launch):
        pytest.fail("nothing was started")
    assert list(tmp_path.iterdir()) == []


def test_an_output_that_cannot_be_written(tmp_path: Path, run: Any) -> None:
    """A file that cannot be written is usage, before anything is started."""
    started = tmp_path / "started"
    said = run("snapshot", "--output", tmp_path, "--", "touch", started).refused(2)
    assert f"{tmp_path} cannot be written: Is a directory" in said
    assert not started.exists()


def test_the_screen_starts_nothing_without_a_terminal(tmp_path: Path, run: Any) -> None:
    """Where there is no terminal for the screen, the program is not started either."""
    started = tmp_path / "started"
    assert "terminal" in run("--", "touch", started).refused(2)
    assert not started.exists()


def exit_code(tmux: Terminal) -> int:
    """The exit code of what ran last in the terminal, once it has ended."""
    wait_for(lambda: not tmux.shell.children(), SLOW_S, "perftui to end")
    tmux.type("echo back-$?", "Enter")
    found = re.search(r"back-(\d+)", tmux.wait(re.compile(r"back-\d")))
    assert found is not None
    return int(found[1])


def pids(out: Path, count: int) -> set[int]:
    """The process ids behind `up` in a file, once there are so many."""
    lines = wait_for(
        lambda: out.exists() and (lines := out.read_text().split())[2 * count - 1 :] and lines,
        SLOW_S,
        f"{count} processes to be up",
    )
    return {int(pid) for pid in lines[1::2]}


def test_a_program_on_the_screen(tmp_path: Path, terminal: Open) -> None:
    """The screen shows the program live, and EXITED once it has ended; q gives its exit code and
    says where its output is."""
    script = Script(
        tmp_path,
        SHORT.format(end="sys.exit(9)").replace(
            "hot(1.0)", "import pathlib\nwhile not pathlib.Path('go').exists(): hot(0.1)"
        ),
    )
    tmux = terminal()
    tmux.run("--output", "out", "--", *script.command)
    tmux.wait("● LIVE", "script.py", re.compile(r"hot +\S*script.py:\d+"))
    (tmp_path / "go").touch()
    screen = tmux.wait("✗ EXITED", "the target EXITED")
    assert "on stdout" not in screen
    tmux.keys("q")
    tmux.wait("the program ended with exit code 9; its output is in out")
    assert exit_code(tmux) == 9
    assert (tmp_path / "out").read_text() == "on stdout\non stderr\n"


DETACHED = """
import os, signal, sys, time

def end(number, _):
    print(signal.Signals(number).name, flush=True)
    sys.exit()

signal.signal(signal.SIGINT, end)
signal.signal(signal.SIGTERM, end)
try:
    os.open("/dev/tty", os.O_RDWR)
except OSError as error:
    print("no terminal", flush=True)
while True:
    time.sleep(0.02)
"""


def test_the_terminal_is_for_perftui_alone(tmp_path: Path, terminal: Open) -> None:
    """A program cannot draw on perftui's terminal nor read its keys, and Ctrl+C there reaches it
    only as the SIGTERM by which perftui ends it."""
    script, out = Script(tmp_path, DETACHED), tmp_path / "out"
    tmux = terminal()
    tmux.run("watch", "--output", out, "--", *script.command)
    tmux.wait(re.compile(r"^\d\d:\d\d:\d\d  running", re.MULTILINE))
    tmux.keys("C-c")
    assert exit_code(tmux) == 128 + signal.SIGINT
    assert out.read_text().splitlines() == ["no terminal", "SIGTERM"]


def test_a_program_that_has_ended_before_the_screen(terminal: Open) -> None:
    """One that ends at once is EXITED on the screen, and its exit code is perftui's too."""
    tmux = terminal(80, 24)
    tmux.run("--", "sh", "-c", "exit 6")
    tmux.wait("✗ EXITED", "the target has ended")
    tmux.keys("q")
    tmux.wait("the program ended with exit code 6")
    assert exit_code(tmux) == 6


@pytest.mark.parametrize("key", ["q", "C-c"])
def test_q_ends_a_program(key: str, tmp_path: Path, terminal: Open) -> None:
    """q and Ctrl+C while it runs end the program, and that is exit 0."""
    script = Script(tmp_path, BURN)
    tmux = terminal()
    tmux.run("--", *script.command)
    tmux.wait("● LIVE", re.compile(r"burn +\S*script.py:\d+"))
    shown = re.search(r"pid (\d+)", tmux.text())
    started = tmux.perftui().children(recursive=True)
    assert shown is not None
    assert int(shown[1]) in {one.pid for one in started}
    tmux.keys(key)
    assert_gone(started, time.monotonic())
    tmux.wait("the program was ended; its output is in /")
    assert exit_code(tmux) == 0


@pytest.mark.parametrize("way", ["SIGTERM", "SIGHUP", "SIGKILL"])
def test_nothing_of_a_program_outlives_the_screen(way: str, tmp_path: Path, terminal: Open) -> None:
    """Ended by a signal, killed, or with its terminal gone, nothing is left after 3 s."""
    script, out = Script(tmp_path, NESTED), tmp_path / "out"
    tmux = terminal()
    tmux.run("--output", out, "--", *script.command, 1, "gentle")
    tmux.wait("● LIVE")
    up = pids(out, 2)
    perftui = tmux.perftui()
    started = perftui.children(recursive=True)
    assert up < {one.pid for one in started}
    if way == "SIGHUP":
        tmux.kill()
    else:
        perftui.send_signal(signal.Signals[way])
    assert_gone([perftui, *started], time.monotonic())
    if way == "SIGTERM":
        assert exit_code(tmux) == 128 + signal.SIGTERM


def test_ways_exclude_each_other(run: Any) -> None:
    """Two of process id, name, port and command are usage."""
    port = free_port()
    run("snapshot", os.getpid(), "--port", port).refused(2)
    run("snapshot", "--name", "x", "--port", port).refused(2)
    run("snapshot", "--port", port, "--", "true").refused(2)
    run("snapshot", os.getpid(), "--", "true").refused(2)
