"""What an LLM has said stands in the log beside the local forecast, and is scored with it."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from llm_samples import answer_text
from llm_standin import StandIn, message
from servers import BURN, wait_for

pytestmark = pytest.mark.live

MODEL = "claude-haiku-5-5"
ENOUGH_S = 120.0
"""30 points until the local forecaster speaks, an answer, and a horizon until its outcome is
known: on an idle machine 50 s."""


def test_the_record_of_a_model(
    python_target: Any, begin: Any, run: Any, finish: Any, tmp_path: Path
) -> None:
    """A watch writes its answers down; the score compares them on the moments of which both
    spoke."""
    target = python_target(BURN)
    with StandIn(message(answer_text(probability=0.9))) as server:
        env = {**server.env, "XDG_STATE_HOME": str(tmp_path / "state")}
        # In place of those that are there by default, whose horizon is 15 min.
        wanted = [f"{name} > 99000 for 1s within 10s" for name in ("cpu_used", "rss_used")]
        looks = ("--objective", wanted[0], "--objective", wanted[1], "--llm", "--llm-every", "5s")
        out = (tmp_path / "out").open("w")
        watch = begin("watch", target.pid, *looks, env=env, stdout=out)

        def scored() -> list[dict[str, Any]]:
            ended = run("score", "--json", env=env)
            return ended.document["paired"] if ended.code == 0 else []

        found = wait_for(
            lambda: (rows := scored()) and rows[0]["moments"] >= 2 and rows,
            ENOUGH_S,
            "two of them",
            every=2.0,
        )
        os.kill(watch.pid, signal.SIGINT)
        finish(watch)
        out.close()
    [one] = found
    assert (one["forecaster"], one["onsets"], one["ci95"]) == (MODEL, 0, {"difference": None})
    # It said 90 %; what is written down is what it may move the local chance to.
    assert one["local_brier"] < one["brier"] < 0.5
    assert one["nearer"] == 0
    assert len(server.bodies) > one["moments"]
    text = run("score", env=env).out
    assert "beside local, at the moments of which both spoke" in text
    assert MODEL in text
