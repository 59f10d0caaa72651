"""How the headless commands run and end: a line per second, signals, closed pipes, what is loaded
and what is sent."""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from llm_samples import answer_text
from llm_standin import KEY, StandIn, message
from servers import BURN, GONE_S, assert_runs_on, free_port, samplers, wait_for

pytestmark = pytest.mark.live

SLOW_S = 30.0
"""What a test waits at most for what takes a moment on an idle machine."""


NAMING_MODULES = [
    sys.executable,
    "-c",
    "import sys; from perftui.cli import main; code = main(sys.argv[1:]); "
    "print(*sys.modules, file=sys.stderr); sys.exit(code)",
]
"""perftui, with the names of the modules that it has loaded on stderr in the end."""


def leader(document: dict[str, Any]) -> str:
    """The name in the first row."""
    rows = document["profile"]["functions"]
    assert rows, document
    name: str = rows[0]["function"]
    return name


@pytest.mark.parametrize("text", [True, False], ids=["text", "json"])
def test_headless_commands_load_no_screen_and_no_llm(
    text: bool, python_target: Any, run: Any
) -> None:
    """A snapshot loads neither textual nor anthropic, which take seconds, nor pydantic."""
    target, options = python_target(BURN), [] if text else ["--json"]
    ended = run(
        *("snapshot", target.pid, "--seconds", 0.5, *options),
        prefix=NAMING_MODULES,
        env={"ANTHROPIC_API_KEY": "k"},
    )
    modules = set(ended.err.split())
    assert ended.code == 0
    assert "psutil" in modules
    assert not {"textual", "rich", "anthropic", "pydantic", "prometheus_api_client"} & modules


def test_watch_loads_no_screen_and_no_llm(begin: Any, finish: Any, python_target: Any) -> None:
    """A watch loads neither textual nor anthropic."""
    target = python_target(BURN)
    process = begin("watch", target.pid, prefix=NAMING_MODULES)
    assert process.stdout.readline()
    target.kill()
    ended = finish(process)
    assert ended.code == 0
    assert "psutil" in ended.err.split()
    assert not {"textual", "rich", "anthropic"} & set(ended.err.split())


def test_watch_prints_a_document_a_second_and_ends_with_the_target(
    python_target: Any, begin: Any
) -> None:
    """`watch --jsonl` prints one valid document a second, and ends by itself, with 0."""
    target = python_target(BURN)
    process = begin("watch", target.pid, "--jsonl")
    documents = [json.loads(line) for line in itertools.islice(process.stdout, 5)]
    times = [document["taken_at"] for document in documents]
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert sorted(gaps)[len(gaps) // 2] == pytest.approx(1, abs=0.3)
    assert min(gaps) > 0.3  # no burst after a late one
    assert {document["schema"] for document in documents} == {"perftui/1"}
    assert all(leader(document) == "burn" for document in documents[1:])
    target.kill()
    rest = [json.loads(line) for line in process.stdout]
    assert process.wait(SLOW_S) == 0
    assert process.stderr.read() == ""
    assert [document["target"]["state"] for document in rest][-1] == "exited"
    assert leader(rest[-1]) == "burn"
    assert len(rest) <= 3


def test_watch_prints_a_line_a_second(python_target: Any, begin: Any) -> None:
    """`watch` prints a line with the state, the process and the hottest functions."""
    target = python_target(BURN)
    process = begin("watch", target.pid)
    lines = list(itertools.islice(process.stdout, 3))
    process.terminate()
    assert re.match(r"\d\d:\d\d:\d\d  running  ", lines[-1])
    assert re.search(r"rss [\d.]+ MB", lines[-1])
    assert re.search(r"\| +\d+ % burn", lines[-1])
    assert process.wait(SLOW_S) == 128 + signal.SIGTERM


@pytest.mark.parametrize("option", [[], ["--jsonl"]], ids=["text", "jsonl"])
def test_watch_ends_quietly_when_nobody_reads(
    option: list[str], python_target: Any, begin: Any
) -> None:
    """A closed pipe, as `head` leaves it, ends a watch without a word and without a py-spy."""
    target = python_target(BURN)
    process = begin("watch", target.pid, *option)
    assert process.stdout.readline()
    process.stdout.close()
    assert process.wait(SLOW_S) in (0, 128 + signal.SIGPIPE)
    assert process.stderr.read() == ""
    assert samplers(target.pid) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
@pytest.mark.parametrize("command", ["snapshot", "watch"])
def test_no_py_spy_outlives_perftui(
    command: str, number: signal.Signals, python_target: Any, begin: Any
) -> None:
    """However perftui is ended, three seconds later no py-spy is left and the target runs on."""
    target = python_target(BURN)
    options = ["--seconds", 600] if command == "snapshot" else []
    process = begin(command, target.pid, *options)
    if command == "watch":
        process.stdout.readline()
    wait_for(lambda: samplers(target.pid), SLOW_S, "py-spy to look")
    os.kill(process.pid, number)
    sent_at = time.monotonic()
    code = process.wait(SLOW_S)
    left = GONE_S - (time.monotonic() - sent_at)
    wait_for(lambda: not samplers(target.pid), max(left, 0.05), "py-spy to be gone")
    assert code == (-number if number == signal.SIGKILL else 128 + number)
    assert process.stderr.read() == ""
    assert_runs_on(target.pid)


def test_perftui_ends_while_it_starts(python_target: Any, begin: Any) -> None:
    """Ended at any moment of its start, it leaves no py-spy behind."""
    target = python_target(BURN)
    for after_s in (0.2, 0.35, 0.5, 0.65):
        process = begin("snapshot", target.pid, "--seconds", 600)
        time.sleep(after_s)  # whatever it does by then is right
        process.terminate()
        process.wait(SLOW_S)
        assert "Traceback" not in process.stderr.read()
        wait_for(lambda: not samplers(target.pid), GONE_S, "py-spy to be gone")
    assert_runs_on(target.pid)


def test_the_llm_answers_with_consent(python_target: Any, run: Any) -> None:
    """With --llm the model is asked once, and its forecast is in the document beside the local."""
    target = python_target(BURN)
    with StandIn(message(answer_text(claims=[], mitigations=[]))) as standin:
        ended = run(
            *("snapshot", target.pid, "--seconds", 1, "--json", "--llm"),
            prefix=NAMING_MODULES,
            env=standin.env,
        )
    assert "anthropic" in ended.err.split()
    document = ended.document
    advice = [f for f in document["forecasts"] if f["by"] == "claude-haiku-5-5"]
    assert [f["summary"] for f in advice] == ["p99 rises with burn."]
    assert "local" in {forecast["by"] for forecast in document["forecasts"]}
    assert document["llm"]["state"] == "ok"
    assert document["llm"]["cost_usd"] == pytest.approx((1000 * 0.10 + 200 * 0.50) / 1e6)
    assert len(standin.requests) == 1


CONSENT = "[llm]\nconsent = true\n"


@pytest.mark.parametrize(
    ("settings", "flags"),
    [(CONSENT, ()), ("", ()), (CONSENT, ("--llm", "--no-llm")), (CONSENT, ("--no-llm",))],
    ids=["settings", "nothing", "both flags", "no-llm"],
)
def test_nothing_is_sent_without_the_flag(
    settings: str, flags: tuple[str, ...], tmp_path: Path, python_target: Any, run: Any
) -> None:
    """A headless command sends nothing unless --llm stands on its command line, and --no-llm not,
    whatever the settings and the environment hold."""
    (tmp_path / "perftui.toml").write_text(settings)
    target = python_target(BURN)
    with StandIn(message(answer_text())) as standin:
        ended = run(
            *("snapshot", target.pid, "--seconds", 1, "--json", *flags),
            prefix=NAMING_MODULES,
            env=standin.env,
        )
    assert standin.requests == []
    assert "anthropic" not in ended.err.split()
    assert ended.document["llm"]["state"] == "off"
    assert {forecast["by"] for forecast in ended.document["forecasts"]} == {"local"}


def test_an_llm_that_fails_is_said(python_target: Any, run: Any) -> None:
    """When the model cannot be reached the document is there all the same, and says so."""
    target = python_target(BURN)
    document = run(
        *("snapshot", target.pid, "--seconds", 1, "--json", "--llm"),
        env={"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{free_port()}"},
    ).document
    assert document["llm"]["state"] == "failed"
    assert leader(document) == "burn"
    assert {forecast["by"] for forecast in document["forecasts"]} == {"local"}


def through_a_shell(how: str) -> list[str]:
    """perftui with its streams as a shell has them."""
    return ["sh", "-c", f'exec "$0" -m perftui "$@" {how}', sys.executable]


@pytest.mark.parametrize("closed", ["<&-", "2>&-", "<&- 2>&-"])
def test_a_closed_stream_loses_no_profile(closed: str, python_target: Any, run: Any) -> None:
    """As daemons have it: py-spy's file must not take the number of its input or output."""
    target = python_target(BURN)
    ended = run("snapshot", target.pid, "--seconds", 2, "--json", prefix=through_a_shell(closed))
    document = json.loads(ended.out)
    assert document["profile"]["seconds"] == pytest.approx(2, abs=0.5)
    assert leader(document) == "burn"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("how", ["snapshot", "snapshot --json", "watch"])
def test_a_full_disk_is_told(how: str, python_target: Any, run: Any) -> None:
    """In one sentence, with an exit code that is not that of success."""
    target = python_target(BURN)
    command, *options = how.split()
    seconds = ["--seconds", 0.5] if command == "snapshot" else []
    ended = run(command, target.pid, *seconds, *options, prefix=through_a_shell("> /dev/full"))
    assert ended.code == 1
    assert ended.err.startswith("perftui: The output cannot be written: No space left on device.")
    assert len(ended.err.splitlines()) == 1


def test_the_exit_code_stays_where_nothing_can_be_said(run: Any) -> None:
    """Whoever cannot read why is told at least that."""
    for how in ("2> /dev/full", "2>&-"):
        assert run("snapshot", 0, prefix=through_a_shell(how)).code == 3


def test_nohup_outlives_its_terminal(begin: Any, python_target: Any) -> None:
    """A signal that is ignored from the start is not taken for an end."""
    target = python_target(BURN)
    ignoring = ["sh", "-c", 'trap "" HUP; exec "$0" -m perftui "$@"', sys.executable]
    process = begin("watch", target.pid, prefix=ignoring)
    assert process.stdout.readline()
    process.send_signal(signal.SIGHUP)
    assert all(process.stdout.readline() for _ in range(2))
    process.terminate()
    assert process.wait(SLOW_S) == 128 + signal.SIGTERM
