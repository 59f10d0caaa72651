from __future__ import annotations

import pytest
from builders import candidate

from perftui.errors import NoSuchTarget, NotPermitted, UsageError
from perftui.target.port import Listeners, by_port, listening_inodes

TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 501 1 0
   1: 00000000:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 502 1 0
   2: 0100007F:1F41 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 503 1 0
   3: 0100007F:1F40 0100007F:D2F0 01 00000000:00000000 00:00000000 00000000  1000        0 504 1 0
   4: 0100007F:D2F0 0100007F:1F40 06 00000000:00000000 03:00000EF1 00000000     0        0 0 3 0
"""
TCP6 = """\
  sl  local_address                         remote_address                        st tx_queue rx_qu
   0: 00000000000000000000000000000000:1F40 00000000000000000000000000000000:0000 0A 00000000:00000\
000 00:00000000 00000000     0        0 601 1 0000000000000000 100 0 0 10 0
"""


def test_listening_sockets_of_a_port():
    """Of the kernel's tables only listening sockets on that port count, on every address."""
    assert listening_inodes(TCP, 8000) == {"501", "502"}
    assert listening_inodes(TCP, 8001) == {"503"}
    assert listening_inodes(TCP, 0xD2F0) == set()
    assert listening_inodes(TCP6, 8000) == {"601"}
    assert listening_inodes("", 8000) == set()


SERVER = candidate(10, 1, "python -m shop serve")
WORKERS = [candidate(11, 10, "python -m shop worker"), candidate(12, 10, "python -m shop worker")]
OTHER = candidate(20, 1, "python other.py")
EVERYONE = [SERVER, *WORKERS, OTHER]


def listeners(*pids: int, hidden: bool = False) -> Listeners:
    return Listeners(frozenset(pids), hidden)


def test_a_server_is_the_topmost_that_listens():
    """Workers that have inherited the socket are not meant, nor a parent that does not listen."""
    assert by_port(80, listeners(11, 10, 12), EVERYONE) == 10
    assert by_port(80, listeners(12), EVERYONE) == 12


def test_a_holder_that_is_no_python():
    """systemd, which holds the sockets that it opens for services, does not stand in their way."""
    assert by_port(80, listeners(1, 10, 11), EVERYONE) == 10


def test_only_holders_that_are_no_python():
    """Where none seems to be Python, it is one of them: py-spy has the last word on that."""
    assert by_port(80, listeners(32, 31), EVERYONE) == 31


def test_unrelated_listeners():
    """Several processes, each with a socket of its own, are listed, and none is taken."""
    with pytest.raises(UsageError) as caught:
        by_port(80, listeners(10, 20), EVERYONE)
    assert caught.value.message == (
        "2 Python processes listen on port 80:\n"
        "        10  shop  (python -m shop serve)\n"
        "        20  other.py  (python other.py)\n"
    )
    assert "perftui PID" in caught.value.fix


def test_nobody_listens():
    """Without a listener there is no such target, and the port is named."""
    with pytest.raises(NoSuchTarget, match="port 80 "):
        by_port(80, listeners(), EVERYONE)


def test_a_listener_that_may_not_be_seen():
    """A socket whose process cannot be seen is said to be there; one that can be seen is taken."""
    with pytest.raises(NotPermitted, match="port 80,"):
        by_port(80, listeners(hidden=True), EVERYONE)
    assert by_port(80, listeners(20, hidden=True), EVERYONE) == 20
