"""Fixtures that start real programs; what they start they also end. See servers.py."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest
from hypothesis import settings
from servers import Prometheus, PythonTarget

LIVE = "live"
MODEST = 10
"""The nice value of those who are not live: beside real programs they get what these leave, and a
tenth where these leave nothing."""

# Hypothesis finds the same examples on every run: a red test must be red for everybody, and a busy
# machine is none.
settings.register_profile("perftui", derandomize=True, deadline=None, database=None)
settings.load_profile("perftui")


@pytest.hookimpl(tryfirst=True)  # before the workers' groups are read
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With several workers one alone has all that is live: real programs take the machine's time,
    and it is theirs."""
    for item in items:
        if item.get_closest_marker(LIVE):
            item.add_marker(pytest.mark.xdist_group(LIVE))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """The others make way for them."""
    if "PYTEST_XDIST_WORKER" in os.environ and not item.get_closest_marker(LIVE):
        os.setpriority(os.PRIO_PROCESS, 0, MODEST)


@pytest.fixture(autouse=True, scope="session")
def _in_a_home_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads or writes what perftui keeps for whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(autouse=True, scope="session")
def _in_utc() -> Iterator[None]:
    """Times of day are the same wherever the tests run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


class StartTarget(Protocol):
    """Starts a script, waits for its line `ready`, and kills it after the test."""

    def __call__(self, source: str, interpreter: str = ...) -> PythonTarget: ...


@pytest.fixture
def python_target(tmp_path: Path) -> Iterator[StartTarget]:
    """A factory of real Python targets: `python_target(source, interpreter=sys.executable)`."""
    started: list[PythonTarget] = []

    def start(source: str, interpreter: str = sys.executable) -> PythonTarget:
        target = PythonTarget(tmp_path / f"target-{len(started)}", source, interpreter)
        started.append(target)
        target.wait_until_ready()
        return target

    yield start
    for target in started:
        target.kill()


@pytest.fixture
def start_prometheus(tmp_path: Path) -> Iterator[Callable[..., Prometheus]]:
    """A factory of ready Prometheus servers: `start_prometheus(scrapes={job: "host:port"})`."""
    with ExitStack() as started:

        def start(
            scrapes: Mapping[str, str] | None = None, config: str | None = None
        ) -> Prometheus:
            server = Prometheus(tmp_path / "prometheus", scrapes, config)
            server.directory = tmp_path / f"prometheus-{server.port}"
            started.callback(server.kill)
            server.start()
            return server

        yield start


@pytest.fixture(scope="session")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """One Prometheus for all tests that only ask it; it scrapes itself and is up."""
    server = Prometheus(tmp_path_factory.mktemp("prometheus"))
    try:
        server.start()
        server.wait_for_up()
        yield server
    finally:
        server.kill()
