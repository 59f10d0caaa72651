from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perftui.sources.connections import STATES, states
from perftui.sources.host import CoreTimes, shares
from perftui.sources.process_figures import open_files_limit, page_faults, swapped, switched

STATUS = """\
Name:\tvoluntary_ctxt_switches:\t5
VmRSS:\t   2048 kB
VmSwap:\t    512 kB
Threads:\t3
voluntary_ctxt_switches:\t150
nonvoluntary_ctxt_switches:\t545
"""
LIMITS = """\
Limit                     Soft Limit           Hard Limit           Units
Max processes             96365                96365                processes
Max open files            {soft:<20} 1048576              files
Max locked memory         8388608              8388608              bytes
"""
TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 501 1 0
   1: 0100007F:1F40 0100007F:D2F0 01 00000000:00000000 00:00000000 00000000  1000        0 502 1 0
   2: 0100007F:1F40 0100007F:D2F1 01 00000000:00000000 00:00000000 00000000  1000        0 503 1 0
   3: 0100007F:1F40 0100007F:D2F2 08 00000000:00000000 00:00000000 00000000  1000        0 504 1 0
   4: 0100007F:1F40 0100007F:D2F3 01 00000000:00000000 00:00000000 00000000  1000        0 900 1 0
   5: 0100007F:D2F0 0100007F:1F40 06 00000000:00000000 03:00000EF1 00000000     0        0 0 3 0
   6: broken
"""


def test_swap_and_switches():
    """They are read where they begin a line; a program's name that looks like them is none."""
    assert swapped(STATUS) == 512 * 1024
    assert switched(STATUS) == (150, 545)
    assert swapped("Name:\tkthreadd\n") == 0


@pytest.mark.parametrize("name", ["python3", "a b) c (d", ") R 1 2 3 4 5 6 7 8 9 10", ""])
def test_page_faults(name: str):
    """Whatever the program is called."""
    stat = f"4775 ({name}) S 1 4775 4775 0 -1 4194304 2040 999 17 998 5 6 0 0 20 0 1 0 1 1 1"
    assert page_faults(stat) == (2040, 17)


@pytest.mark.parametrize(("soft", "limit"), [("1024", 1024), ("unlimited", None)])
def test_the_limit_of_open_files(soft: str, limit: float | None):
    """The soft limit is the one that binds; without one there is none."""
    assert open_files_limit(LIMITS.format(soft=soft)) == limit


@given(st.text())
def test_any_text_has_a_limit_or_none(text: str):
    """No text makes the reader of limits fail."""
    assert open_files_limit(text) is None or "Max open files" in text


def test_connections_by_state():
    """Only the sockets that are asked for count, each by its state."""
    assert states(TCP, {"501", "502", "503", "504"}) == {
        "listen": 1,
        "established": 2,
        "close_wait": 1,
    }
    assert states(TCP, set()) == {}
    assert states("", {"501"}) == {}


@given(st.text(), st.sets(st.text(max_size=3)))
def test_any_table_is_read(text: str, inodes: set[str]):
    """No text makes the reader of the kernel's table fail."""
    assert set(states(text, inodes)) <= set(STATES.values())


def core(busy: float, idle: float, steal: float = 0.0, iowait: float = 0.0) -> CoreTimes:
    """Seconds of a core: idle ones include those with I/O under way, busy ones what was stolen."""
    return CoreTimes(busy + idle, idle, steal, iowait)


def test_the_shares_of_the_cores():
    """All cores together, the busiest one, and what a hypervisor and the disks took of all."""
    before = [core(10, 90), core(20, 80)]
    after = [core(10.5, 90.5, iowait=0.1), core(21, 80, steal=0.2)]
    assert shares(before, after) == {
        "host_cpu": pytest.approx(75),
        "host_cpu_max": pytest.approx(100),
        "host_steal": pytest.approx(10),
        "host_iowait": pytest.approx(5),
    }


def test_cores_without_steal_and_iowait():
    """A system that does not say what they are has no such figure."""
    before, after = [CoreTimes(100, 90, None, None)], [CoreTimes(101, 90.5, None, None)]
    assert shares(before, after) == {"host_cpu": 50, "host_cpu_max": 50}


def test_cores_that_come_or_go():
    """The first reading, one of another number of cores, and one without time say nothing."""
    assert shares([], [core(1, 1)]) == {}
    assert shares([core(1, 1)], [core(2, 2), core(2, 2)]) == {}
    assert shares([core(1, 1)], [core(1, 1)]) == {}
    assert shares([], []) == {}


@given(st.lists(st.tuples(*[st.floats(0, 1e9)] * 4), min_size=1, max_size=4).map(list))
def test_a_share_is_a_percentage(times: list[tuple[float, float, float, float]]):
    """Also where the kernel's counters run backwards, as those of iowait may."""
    found = shares([core(5e8, 5e8, 5e8, 5e8)] * len(times), [core(*t) for t in times])
    assert all(0 <= share <= 100 for share in found.values())
