"""The lab's real processes: they start, serve, show their culprit, and end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families
from servers import runs

from perftui.errors import UsageError
from perftui.lab.demo import Lab, LabError, child_environment

pytestmark = pytest.mark.live

PARENT = """
import json, time
from perftui.lab.demo import Lab
with Lab() as lab:
    print(json.dumps([process.pid for process in lab.processes()]), flush=True)
    time.sleep(60)
"""


@pytest.fixture(scope="module")
def calm() -> Iterator[Lab]:
    with Lab(None) as lab:
        yield lab


def until(condition: Callable[[], object], seconds: float) -> bool:
    """Whether the condition comes true within so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def gone(pids: list[int]) -> bool:
    return not any(runs(pid) for pid in pids)


def scrape(lab: Lab) -> Mapping[str, float]:
    """All samples of the service's metrics, summed over their labels."""
    with urllib.request.urlopen(lab.metrics_url, timeout=10) as response:
        page = response.read().decode()
    totals: defaultdict[str, float] = defaultdict(float)
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            totals[sample.name] += sample.value
    return totals


def own_functions(pid: int, seconds: int) -> list[str]:
    """The functions of a profile, that with most own samples first."""
    command = [sys.executable, "-m", "perftui", "snapshot", str(pid), "--json"]
    done = subprocess.run(
        [*command, "--seconds", str(seconds)], capture_output=True, check=True, timeout=60
    )
    return [row["function"] for row in json.loads(done.stdout)["profile"]["functions"]]


def test_the_metrics_are_prometheus_text_and_rise_under_the_load(calm: Lab) -> None:
    first = scrape(calm)["http_requests_total"]
    assert until(lambda: scrape(calm)["http_requests_total"] >= first + 20, 10)
    last = scrape(calm)
    assert last["http_request_duration_seconds_count"] == last["http_requests_total"]
    for name in ("process_cpu_seconds_total", "python_gc_collections_total", "python_info"):
        assert last[name] > 0
    assert "http_requests_in_flight" in last


def test_the_service_has_few_threads(calm: Lab) -> None:
    assert scrape(calm)
    assert psutil.Process(calm.pid).num_threads() <= 8


def test_the_service_refuses_what_it_does_not_know(calm: Lab) -> None:
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"{calm.url}/nothing", timeout=10)
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(f"{calm.url}/orders", data=b"{", timeout=10)


def test_all_processes_run_and_end_with_the_lab() -> None:
    with Lab() as lab:
        roles = [process.role for process in lab.processes()]
        assert roles == ["service", "provider", "load", "faults"]
        assert all(process.exit_code is None for process in lab.processes())
        pids = [process.pid for process in lab.processes()]
        assert pids[0] == lab.pid
    assert gone(pids)
    assert all(process.exit_code == 0 for process in lab.processes())


def test_all_processes_end_when_their_parent_is_killed() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, env=child_environment()
    )
    assert parent.stdout is not None
    with parent.stdout:
        pids = json.loads(parent.stdout.readline())
    assert len(pids) == 4
    assert not gone(pids)
    parent.kill()
    parent.wait(10)
    assert until(lambda: gone(pids), 3)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_process_that_dies_is_reported(number: signal.Signals) -> None:
    with Lab(None) as lab:
        os.kill(lab.processes()[1].pid, number)
        assert until(lambda: lab.processes()[1].exit_code == -number, 10)
        assert lab.processes()[0].exit_code is None


def test_a_fault_that_has_done_its_work_is_no_death() -> None:
    with Lab("new-release", start_s=0.2, speed=10) as lab:
        assert until(lambda: 0 in [process.exit_code for process in lab.processes()], 30)
        lab.raise_if_ended()
        os.kill(lab.pid, signal.SIGKILL)
        assert until(lambda: lab.processes()[0].exit_code is not None, 10)
        with pytest.raises(LabError, match="service has ended"):
            lab.raise_if_ended()


def test_the_load_outlives_the_service() -> None:
    with Lab() as lab:
        assert until(lambda: scrape(lab)["http_requests_total"] > 5, 10)
        os.kill(lab.pid, signal.SIGKILL)
        assert until(lambda: lab.processes()[0].exit_code is not None, 10)
        assert not until(lambda: any(p.exit_code is not None for p in lab.processes()[1:]), 1.5)


def instead(code: str) -> Callable[..., subprocess.Popen[bytes]]:
    """A launcher that runs this code in the place of each process."""

    def launch(args: list[str], **options: Any) -> subprocess.Popen[bytes]:
        return subprocess.Popen([args[0], "-c", code], **options)

    return launch


def test_a_failed_start_says_why_and_leaves_nothing() -> None:
    lab = Lab(launch=instead("raise SystemExit('no room for a shop')"))
    with pytest.raises(LabError, match="no room for a shop"):
        lab.__enter__()
    assert [(process.role, process.exit_code) for process in lab.processes()] == [("provider", 1)]


def test_a_service_that_does_not_get_ready_is_ended() -> None:
    lab = Lab(launch=instead("import sys; sys.stdin.read()"), ready_s=0.3)
    with pytest.raises(LabError, match=r"not ready within 0\.3 s"):
        lab.__enter__()
    assert gone([process.pid for process in lab.processes()])


def test_a_process_that_heeds_nothing_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perftui.lab.demo.END_S", 0.2)
    stubborn = (
        "import json, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "print(json.dumps({'port': 1}), flush=True); time.sleep(60)"
    )
    with Lab(None, launch=instead(stubborn)) as lab:
        pass
    assert lab.processes()[0].exit_code == -signal.SIGKILL


def test_the_children_write_nothing_to_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    with Lab() as lab:
        assert until(lambda: scrape(lab)["http_requests_total"] > 5, 10)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("module", ["service", "provider", "load", "faults", "neighbour"])
def test_each_process_explains_itself(module: str) -> None:
    command = [sys.executable, "-m", f"perftui.lab.{module}", "--help"]
    result = subprocess.run(
        command, capture_output=True, text=True, check=True, env=child_environment(), timeout=20
    )
    assert f"perftui.lab.{module}" in result.stdout


def test_a_crawler_asks_with_several_connections_at_once() -> None:
    """Three requests wait for each other: one client alone would send the second never."""
    waiting = threading.Barrier(3, timeout=20)
    met = threading.Event()

    class Slow(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with suppress(threading.BrokenBarrierError):
                waiting.wait()
                met.set()
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        command = [sys.executable, "-m", "perftui.lab.faults", "crawled-pages", "--url", url]
        crawler = subprocess.Popen(
            [*command, "--speed", "8"], stdin=subprocess.PIPE, env=child_environment()
        )
        try:
            assert met.wait(30)
        finally:
            crawler.communicate(timeout=20)  # its stdin ends, and it with that
            server.shutdown()


def test_an_unknown_fault_starts_nothing() -> None:
    with pytest.raises(UsageError, match="Choose one of"):
        Lab("nope")


@pytest.mark.parametrize("name", ["cart-growth", "spaced-reviews"])
def test_a_profile_shows_the_culprit_on_top(
    name: str,
) -> None:
    """A profile of the 5 s from the 12th second on is led by the function that the fault names."""
    started = time.monotonic()
    with Lab(name) as lab:
        assert until(lambda: time.monotonic() >= started + 12, 13)
        own = own_functions(lab.pid, 5)
    assert own[0] == lab.fault.culprit, own[:5]


def test_another_release_goes_on_in_the_same_process() -> None:
    """Under the same id, on the same port, with counters that begin anew."""
    with Lab(None) as lab:
        assert until(lambda: scrape(lab)["http_requests_total"] > 20, 10)
        release = urllib.request.Request(f"{lab.url}/releases/2", data=b"{}", method="POST")
        with urllib.request.urlopen(release, timeout=10) as answer:
            assert answer.status == 202

        def is_new() -> bool:
            with suppress(OSError):
                return scrape(lab)["http_requests_total"] < 20
            return False

        assert until(is_new, 10)
        assert "--release" in psutil.Process(lab.pid).cmdline()
        assert all(process.exit_code is None for process in lab.processes())


def test_a_checkout_waits_for_the_provider() -> None:
    """What somebody else settles there takes the shop's time; without a provider it refuses."""
    line = {"sku": "LA-0000", "label": "", "quantity": 1, "price": 100}
    order = json.dumps({"card": "4539578763621486", "lines": [line]}).encode()

    def checkout(lab: Lab) -> tuple[int, float]:
        began = time.perf_counter()
        try:
            with urllib.request.urlopen(f"{lab.url}/orders", order, timeout=10) as answer:
                status = answer.status
        except urllib.error.HTTPError as error:
            status = error.code
        return status, time.perf_counter() - began

    with Lab("busy-provider", start_s=3.0) as lab:
        assert checkout(lab)[0] == 201
        assert until(lambda: checkout(lab)[1] > 0.25, 20)
        os.kill(next(p.pid for p in lab.processes() if p.role == "provider"), signal.SIGKILL)
        assert until(lambda: checkout(lab)[0] == 503, 10)
