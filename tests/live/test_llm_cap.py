"""The monthly cap holds over real perftuis at once, and over one that was killed in a call."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import pytest
from llm_samples import answer_text
from llm_standin import Say, StandIn, message
from servers import BURN

from perftui.forecast.keeping import FILE

pytestmark = pytest.mark.live

CAP_USD = 0.01
TOKENS = {"input_tokens": 2000, "output_tokens": 3000}
CALL_USD = 2000 * 0.1e-6 + 3000 * 0.5e-6
MOST = 4 * 5
"""So many runs use it up, even if each round makes one call alone."""
SLOW_S = 120.0


def test_a_cent_is_not_passed(python_target: Any, begin: Any, finish: Any, tmp_path: Path) -> None:
    """Four at once, until none may call any more: each says so, and has its local forecast."""
    target = python_target(BURN)
    config, state = tmp_path / "config", tmp_path / "state"
    (config / "perftui").mkdir(parents=True)
    (config / "perftui" / "config.toml").write_text(f"[llm]\nmonthly_cap_usd = {CAP_USD}\n")
    good = message(answer_text(), **TOKENS)
    with StandIn(Say(how="hang"), good) as server:
        env = {**server.env, "XDG_CONFIG_HOME": str(config), "XDG_STATE_HOME": str(state)}

        def start() -> Any:
            look = ("snapshot", target.pid, "--seconds", 2, "--llm", "--json")
            return begin(*look, env=env, stdout=subprocess.PIPE, text=True)

        killed = start()
        assert server.received.acquire(timeout=SLOW_S)
        os.kill(killed.pid, signal.SIGKILL)
        killed.wait()
        documents: list[Any] = []
        states: set[str] = set()
        while states != {"capped"}:
            together = [start() for _ in range(4)]
            documents += [json.loads(one.communicate(timeout=SLOW_S)[0]) for one in together]
            states = {one["llm"]["state"] for one in documents[-4:]}
            assert len(documents) <= MOST
    with sqlite3.connect(state / "perftui" / FILE) as ledger:
        calls = ledger.execute("SELECT worst_usd, cost_usd FROM call ORDER BY id").fetchall()
    [lost, *paid] = calls
    assert lost[1] is None  # of the killed one nobody knows
    assert [cost for _, cost in paid] == pytest.approx([CALL_USD] * len(paid))
    assert 0 < lost[0] + len(paid) * CALL_USD <= CAP_USD
    assert len(server.bodies) == len(calls)  # no call without an entry
    assert all(any(f["by"] == "local" for f in one["forecasts"]) for one in documents)
