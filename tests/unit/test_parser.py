from __future__ import annotations

import os
from pathlib import Path

import pytest

from perftui.checked import checked
from perftui.cli import main
from perftui.cli.choose import on_target, settings_for
from perftui.cli.options import settings_of
from perftui.cli.parser import parse
from perftui.errors import UsageError
from perftui.model.objective import Objective
from perftui.settings import MetricSettings, Settings


@pytest.fixture(autouse=True)
def nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of the host that the tests run on."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in [name for name in os.environ if name.startswith("PROMETHEUS_")]:
        monkeypatch.delenv(name)


def settings(*argv: str) -> Settings:
    return settings_of(parse(["watch", "1", *argv]))


def test_pages_and_logs_are_named_by_flags():
    """Each several times; one that is named twice is read once."""
    url = "http://127.0.0.1:8000/metrics"
    found = settings("--scrape", url, "--scrape", url, "--log", "a.log", "--log", "b.log")
    assert [page.url for page in found.scrape] == [url]
    assert [log.called for log in found.log] == ["a", "b"]
    assert found.notice.scrape
    assert not settings("--no-scrape-notice").notice.scrape


def test_nothing_asked_is_the_defaults():
    """Without flags everything is as the settings have it."""
    assert settings() == Settings()


@pytest.mark.parametrize(
    ("flag", "setting", "value"),
    [
        ("-r50", "rate", 50),
        ("--rate=50", "rate", 50),
        ("-s", "subprocesses", True),
        ("--no-subprocesses", "subprocesses", False),
        ("-g", "gil", True),
        ("-i", "idle", True),
        ("-n", "native", True),
        ("-t", "threads", True),
        ("-F", "function", True),
        ("--nonblocking", "nonblocking", True),
        ("--blocking", "nonblocking", False),
    ],
)
def test_flags_of_the_sampler(flag: str, setting: str, value: object):
    """Flags have py-spy's letters and set what they say, and nothing else."""
    expected = checked({"profile": {setting: value}}, Settings)
    assert settings(flag) == expected


BUDGETS = [("max-overhead", 100), ("max-sampler-cpu", 1000), ("duty", 100)]


@pytest.mark.parametrize(("flag", "most"), BUDGETS)
@pytest.mark.parametrize("value", ["0.001", "1", "2.5", "1e1", "most"])
def test_budgets(flag: str, most: int, value: str):
    """A budget is percent, with a fraction too: more than none, and at most all of it."""
    typed = str(most) if value == "most" else value
    found = settings(f"--{flag}", typed)
    assert found == checked({"profile": {flag.replace("-", "_"): float(typed)}}, Settings)


@pytest.mark.parametrize(("flag", "most"), BUDGETS)
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("0", "greater than 0"),
        ("-1", "greater than 0"),
        ("nan", "finite number"),
        ("inf", "finite number"),
        ("over", "must be at most"),
    ],
)
def test_budgets_have_limits(flag: str, most: int, value: str, reason: str):
    """A budget that cannot be is exit 2: one sentence that names the setting and the value."""
    typed = str(most + 0.5) if value == "over" else value
    with pytest.raises(UsageError, match=reason) as caught:
        settings(f"--{flag}={typed}")
    error = caught.value
    assert f"profile.{flag.replace('-', '_')} (it is {float(typed)})" in error.message
    assert (error.fix, error.exit_code) == ("Mend that value.", 2)


@pytest.mark.parametrize("flag", ["max-overhead", "max-sampler-cpu", "duty"])
@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (["x"], "invalid float value: 'x'"),
        (["1%"], "invalid float value: '1%'"),
        ([""], "invalid float value: ''"),
        ([], "expected one argument"),
    ],
)
def test_budgets_are_numbers(flag: str, argv: list[str], reason: str):
    """What is no number is said to be none, and the fix is the command's help."""
    with pytest.raises(UsageError) as caught:
        settings(f"--{flag}", *argv)
    error = caught.value
    assert error.message == f"argument --{flag}: {reason}."
    assert (error.fix, error.exit_code) == ("See perftui watch --help.", 2)


@pytest.mark.parametrize("command", [["snapshot"], ["watch"], []], ids=str)
def test_a_baseline_is_a_file(command: list[str]):
    """Every command that watches takes a baseline, by the file's name, as it is typed."""
    assert parse([*command, "1", "--baseline", "before.json"]).baseline == "before.json"
    assert parse([*command, "1", "--baseline=-"]).baseline == "-"
    assert parse([*command, "1"]).baseline is None
    with pytest.raises(UsageError, match=r"argument --baseline: expected one argument\.") as caught:
        parse([*command, "1", "--baseline"])
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("content", [None, "no JSON"])
def test_a_baseline_that_cannot_be_read(content: str | None, capsys: pytest.CaptureFixture[str]):
    """It is exit 2 with one sentence and one fix, and nothing is printed."""
    if content is not None:
        Path("before.json").write_text(content)
    own = str(os.getpid())
    assert main(["snapshot", own, "--baseline", "before.json"]) == 2
    said = capsys.readouterr()
    reason = "cannot be read: No such file or directory" if content is None else "is no JSON"
    assert said.out == ""
    assert said.err == (
        f"perftui: The baseline before.json {reason}. "
        "Save one with perftui snapshot PID --json > FILE.\n"
    )


def test_flags_go_before_the_file():
    """What is typed goes before what is written."""
    Path("perftui.toml").write_text("[profile]\nrate = 20\ngil = true\n")
    found = settings("-r", "50").profile
    assert (found.rate, found.gil) == (50, True)


def test_queries_and_objectives():
    """A query is NAME=PROMQL, whose own = stay; an objective is what people type."""
    found = settings(
        "--query", 'p99 = rate(x{a="b"}[1m])', "--objective", "p99 > 0.5 for 30s within 5m"
    )
    assert found.metric == (MetricSettings(name="p99", query='rate(x{a="b"}[1m])'),)
    assert found.objectives()[0] == Objective("p99", 0.5, True, 30, 300)
    low = settings("--objective", "rps < 10")
    assert low.objectives()[0] == Objective("rps", 10, above=False)


def test_prometheus_and_llm():
    """The other flags reach their settings."""
    found = settings("--prometheus", "http://x/", "--llm", "--llm-every", "2m", "--model", "m")
    assert found.prometheus.url == "http://x"
    assert settings("--pack", "python", "--pack", "http").prometheus.packs == ("python", "http")
    assert settings("--pack", "python", "--pack", "auto").prometheus.packs == "auto"
    assert (found.llm.consent, found.llm.every, found.llm.model) == (True, 120, "m")


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (["--objective", "p99"], "is no objective; write it like 'p99 > 0.5 for 1m'"),
        (["--objective", "p99 > x"], "the threshold 'x' is no number"),
        (["--query", "p99"], "is not NAME=PROMQL"),
        (["--query", "=x"], "is not NAME=PROMQL"),
        (["--rate", "fast"], "invalid int value"),
        (["--nope"], "unrecognized arguments: --nope"),
        (["--non"], "unrecognized arguments: --non"),
        (["--llm-every", "soon"], "llm.every (it is 'soon')"),
        (["--rate", "0"], "profile.rate (it is 0)"),
        (["--objective", "p99 > 1 for 0s"], "'for' and 'within' must be longer than 0s"),
    ],
)
def test_what_cannot_be_meant(argv: list[str], reason: str):
    """A wrong flag is a usage error that says what is wrong with it."""
    with pytest.raises(UsageError) as caught:
        settings(*argv)
    assert reason in str(caught.value)


@pytest.mark.parametrize("pid", ["x", "-1", "1.5", "٣", ""])
def test_a_process_id_is_a_number(pid: str):
    """What is no process id is a usage error, not a search."""
    with pytest.raises(UsageError):
        parse(["snapshot", "--pid", pid])


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "x", "86400"])
def test_seconds(seconds: str):
    """A snapshot takes more than no time and less than a day."""
    with pytest.raises(UsageError, match="is no number between 0 and 86400"):
        parse(["snapshot", "1", f"--seconds={seconds}"])


def test_errors_name_the_command():
    """The fix of a usage error is the help of the command that was meant."""
    with pytest.raises(UsageError) as caught:
        parse(["snapshot", "--nope"])
    assert caught.value.fix == "See perftui snapshot --help."


def test_without_a_command_it_is_the_screen():
    """A number alone is the process to watch."""
    assert parse(["4775"]).pid == 4775
    assert parse([]).pid is None


def test_a_program_stands_behind_dashes():
    """What stands behind the first -- is a program's command line, whatever it looks like."""
    found = parse(["watch", "--jsonl", "--", "python", "-m", "x", "--pid", "7", "--", "y"])
    assert found.command == ["python", "-m", "x", "--pid", "7", "--", "y"]
    assert (found.jsonl, found.pid, found.pid_option) == (True, None, None)
    assert parse(["--", "snapshot"]).command == ["snapshot"]
    assert parse(["4775"]).command is None


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (["--"], "no program stands behind --"),
        (["watch", "--"], "no program stands behind --"),
        (["watch", "--", ""], "no program stands behind --"),
        (["demo", "--", "x"], "a service of its own"),
    ],
)
def test_no_program_to_start(argv: list[str], reason: str):
    """Nothing behind --, and a program for a command that takes none, are usage errors."""
    with pytest.raises(UsageError, match=reason):
        parse(argv)


def test_a_program_is_watched_with_its_children():
    """Children of what perftui starts are sampled from the first on, unless the user says no."""
    assert settings_for(parse(["--", "x"])).profile.subprocesses is True
    assert settings_for(parse(["--no-subprocesses", "--", "x"])).profile.subprocesses is False
    assert settings_for(parse(["4775"])).profile.subprocesses is None
    Path("perftui.toml").write_text("[profile]\nsubprocesses = false\n")
    assert settings_for(parse(["--", "x"])).profile.subprocesses is False


@pytest.mark.parametrize("port", ["0", "65536", "-1", "http", "80.0", "٣", ""])
def test_a_port_is_a_number(port: str):
    """What can be no TCP port is a usage error."""
    with pytest.raises(UsageError, match="is no TCP port"):
        parse([f"--port={port}"])


def test_ports():
    """The first and the last port there is."""
    assert [parse(["--port", port]).port for port in ("1", "65535")] == [1, 65535]


@pytest.mark.parametrize(
    "argv",
    [
        ["1", "--pid", "2"],
        ["1", "--port", "80"],
        ["--name", "x", "--port", "80"],
        ["1", "--", "x"],
        ["--port", "80", "--", "x"],
    ],
)
def test_one_way_to_name_the_process(argv: list[str]):
    """Two ways to name the process are a usage error, and nothing is looked for or started."""
    with pytest.raises(UsageError, match="More than one process is named"):
        on_target(parse(argv), lambda _: pytest.fail("it was watched"), 0)


def test_output_is_for_a_program():
    """A file for the output of a program that runs already is a usage error."""
    with pytest.raises(UsageError, match="--output is for"):
        on_target(parse(["--output", "x", "1"]), lambda _: pytest.fail("it was watched"), 0)
    assert not Path("x").exists()


def test_what_is_started_needs_no_sudo():
    """--sudo is for the process of another user, not for a program of one's own."""
    assert settings_for(parse(["--sudo", "1"])).profile.sudo
    assert not settings_for(parse(["1"])).profile.sudo
    with pytest.raises(UsageError, match="another user"):
        parse(["--sudo", "--", "x"])
