from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from perftui.config import config_paths, load, read_file, state_path
from perftui.errors import UsageError
from perftui.model.objective import Objective
from perftui.settings import (
    DEFAULT_ERROR,
    DEFAULT_OBJECTIVES,
    MetricSettings,
    Settings,
    ShareSettings,
    named_query,
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return tmp_path / "perftui.toml"


@pytest.fixture
def user(tmp_path: Path) -> Path:
    return tmp_path / "user.toml"


def read(flags: Mapping[str, Any], *files: Path, url: str = "", **more: Any) -> Settings:
    return load(flags, {"PROMETHEUS_URL": url} if url else {}, files=files, **more)


def wrong(text: str, file: Path) -> UsageError:
    """The error about a file with this text."""
    file.write_text(text)
    with pytest.raises(UsageError) as caught:
        read({}, file)
    return caught.value


def test_defaults():
    """Without any layer everything has the value that the design names."""
    settings = read({})
    assert (settings.profile.rate, settings.profile.max_overhead) == (None, 1.0)
    assert (settings.profile.nonblocking, settings.profile.subprocesses) == (None, None)
    assert (settings.llm.consent, settings.llm.model) == (False, "claude-haiku-5-5")
    assert (settings.llm.every, settings.llm.monthly_cap_usd) == (60, 50)
    assert settings.prometheus.url is None
    assert settings.objectives() == DEFAULT_OBJECTIVES


def test_what_is_shared_is_opened_kind_by_kind(project: Path, user: Path):
    """Key by key over the layers; what is not named keeps its value."""
    user.write_text("[llm.share]\nlabels = true\nmetric_names = false\n")
    project.write_text("[llm.share]\nmetric_names = true\nhost = true\n")
    settings = read({}, project, user)
    assert settings.llm.share.opened == ("library_names", "metric_names", "labels", "host")
    assert read({}).llm.share.opened == ("library_names", "metric_names")


def test_readme_names_each_kind_with_what_holds_by_itself():
    """The example of [llm.share] is the defaults."""
    text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    example = text.partition("[llm.share] ")[2].partition("```")[0]
    table = tomllib.loads("[llm.share] " + example)["llm"]["share"]
    assert table == msgspec.structs.asdict(ShareSettings())


def test_each_layer_is_over_the_next(project: Path, user: Path):
    """Flags go before the environment, then ./perftui.toml, the user's file, the command's own."""
    user.write_text('[prometheus]\nurl = "http://user"\njob = "user"\ninstance = "user"\n')
    project.write_text('[prometheus]\nurl = "http://project"\njob = "project"\n')
    below = {"prometheus": {"every": 9, "instance": "below"}}
    every = read({"prometheus": {"url": "http://flag"}}, project, user, url="http://env")
    assert every.prometheus.url == "http://flag"
    assert read({}, project, user, url="http://env").prometheus.url == "http://env"
    assert read({}, project, user).prometheus.url == "http://project"
    assert read({}, user).prometheus.url == "http://user"
    mixed = read({}, project, user, below=below).prometheus
    assert (mixed.job, mixed.instance, mixed.every) == ("project", "user", 9)


def test_metrics_are_merged_by_name(project: Path, user: Path):
    """A stronger layer replaces a metric of the same name whole, and adds the others."""
    user.write_text(
        '[[metric]]\nname = "p99"\nquery = "a"\nunit = "s"\n[[metric]]\nname = "rps"\nquery = "b"\n'
    )
    project.write_text('[[metric]]\nname = "p99"\nquery = "c"\n')
    found = read({"metric": [{"name": "err", "query": "d"}]}, project, user).metric
    assert found == (
        MetricSettings(name="rps", query="b"),
        MetricSettings(name="p99", query="c"),
        MetricSettings(name="err", query="d"),
    )


def test_no_metric_in_a_layer_leaves_those_below(user: Path):
    """An empty list on the command line takes nothing away."""
    user.write_text('[[metric]]\nname = "p99"\nquery = "a"\n')
    assert [metric.name for metric in read({"metric": []}, user).metric] == ["p99"]


def test_objectives_are_merged_by_metric(project: Path, user: Path):
    """A stronger layer replaces the objectives of a metric that it names, and adds the others."""
    user.write_text(
        '[[objective]]\nmetric = "p99"\nabove = 0.5\n[[objective]]\nmetric = "rps"\nbelow = 10\n'
    )
    project.write_text('[[objective]]\nmetric = "p99"\nabove = 2\nfor = "30s"\nhorizon = 300\n')
    assert read({}, project, user).objectives() == (
        Objective("rps", 10, above=False),
        Objective("p99", 2, hold_s=30, horizon_s=300),
        *DEFAULT_OBJECTIVES,
    )


def test_two_objectives_on_one_metric(user: Path):
    """One layer may bound a metric twice."""
    user.write_text(
        '[[objective]]\nmetric = "m"\nabove = 9\n[[objective]]\nmetric = "m"\nbelow = 1\n'
    )
    found = read({}, user).objectives()[:2]
    assert found == (Objective("m", 9), Objective("m", 1, above=False))


def test_default_objectives_stay_unless_their_metric_is_named(user: Path):
    """The user's objective on a metric takes the place of the default one."""
    user.write_text('[[objective]]\nmetric = "rss_used"\nabove = 50\nlabel = "half"\n')
    own, default = read({}, user).objectives()
    assert own == Objective("rss_used", 50, label="half")
    assert default == DEFAULT_OBJECTIVES[1]


def test_durations_are_text_or_seconds(user: Path):
    """A duration may be written either way."""
    user.write_text('[llm]\nevery = "1m30s"\n[prometheus]\nevery = 2.5\n')
    settings = read({}, user)
    assert (settings.llm.every, settings.prometheus.every) == (90, 2.5)


def test_a_urls_last_slash_goes(user: Path):
    """A URL is kept without the slash at its end."""
    user.write_text('[prometheus]\nurl = "http://x:9090/"\n')
    assert read({}, user).prometheus.url == "http://x:9090"


@pytest.mark.parametrize(
    ("text", "key", "allowed"),
    [
        ("[profile]\nrate = 0\n", "profile.rate (it is 0)", "must be at least 1"),
        ("[profile]\nrate = 5000\n", "profile.rate (it is 5000)", "must be at most 1000"),
        ('[profile]\nrate = "fast"\n', "profile.rate (it is 'fast')", "a whole number, not text"),
        (
            "[profile]\nmax_overhead = inf\n",
            "profile.max_overhead (it is inf)",
            "must be a finite number",
        ),
        ('[prometheus]\nurl = "x:9090"\n', "prometheus.url", "must start with http://"),
        ('[llm]\nevery = "soon"\n', "llm.every (it is 'soon')", "write it like 30s"),
        ("[llm]\nevery = 0\n", "llm.every (it is 0)", "greater than 0"),
        (
            "[llm]\nmonthly_cap_usd = -1\n",
            "llm.monthly_cap_usd (it is -1)",
            "must be at least 0",
        ),
        (
            '[llm.prices.x]\ninput = "a"\noutput = 1\n',
            "llm.prices.x.input (it is 'a')",
            "must be a number, not text",
        ),
        (
            '[[metric]]\nname = "a"\nquery = "b"\n[[metric]]\nname = "c"\n',
            "metric[2].query",
            "required",
        ),
        ('[[metric]]\nname = ""\nquery = "b"\n', "metric[1].name (it is '')", "1 to 60 characters"),
        ('[[objective]]\nmetric = "a"\n', "objective[1]", "needs either above or below"),
        ('[[objective]]\nmetric = "a"\nabove = 1\nbelow = 2\n', "objective[1]", "either above or"),
        ('[[objective]]\nmetric = "a"\nabove = 1\nfor = "x"\n', "objective[1].for", "like 30s"),
        ("[prometheus]\nca_file = 3\n", "prometheus.ca_file (it is 3)", "path of a file"),
        ("[objective]\n", "objective", "must be a list, not a table"),
        (
            '[[log]]\nfile = "a"\n[[log]]\nfile = ""\n',
            "log[2].file (it is '')",
            "must have at least 1 character.",
        ),
        (
            '[[objective]]\nmetric = "a"\nabove = nan\n',
            "objective[1]",
            "above must be a finite number",
        ),
        (
            "[llm.prices.a]\ninput = 1\noutput = 1\n[llm.prices.b]\ninput = 1\noutput = -1\n",
            "llm.prices.b.output (it is -1)",
            "must be at least 0",
        ),
        ('[llm.share]\nhost = "no"\n', "llm.share.host (it is 'no')", "must be true or false"),
        ("metric = 3\n", "metric (it is 3)", "must be a list, not a whole number"),
    ],
)
def test_an_error_names_file_key_and_what_is_allowed(user: Path, text: str, key: str, allowed: str):
    """A wrong value is named with its file, its key and what may stand there."""
    error = wrong(text, user)
    assert error.message.startswith(f"{user}: {key}")
    assert allowed in error.message


@pytest.mark.parametrize(
    ("text", "key", "suggestion", "beside"),
    [
        ("[promethus]\n", "promethus", "Did you mean prometheus?", "llm"),
        ("[profile]\nrates = 1\n", "profile.rates", "Did you mean rate?", "max_overhead"),
        ("[llm.share]\nlabel = true\n", "llm.share.label", "Did you mean labels?", "metric_names"),
        ("[llm]\nmonthly_cap = 1\n", "llm.monthly_cap", "Did you mean monthly_cap_usd?", "consent"),
        (
            '[[objective]]\nmetric = "a"\nabove = 1\nfor_ = 1\n',
            "objective[1].for_",
            "Did you mean for?",
            "horizon",
        ),
        ("[llm.prices.x]\ninput = 1\noutput = 1\ncache = 1\n", "llm.prices.x.cache", "", "output"),
    ],
)
def test_an_unknown_key_suggests_a_known_one(
    user: Path, text: str, key: str, suggestion: str, beside: str
):
    """A key that is none is named, with the nearest one and all that are allowed there."""
    error = wrong(text, user)
    assert error.message == f"{user}: {key} is not a setting."
    assert error.fix.startswith(suggestion)
    assert beside in error.fix.split("Allowed here: ")[1]


@pytest.mark.parametrize("data", [b"[profile\n", b"a = \n", b"\xff\xfe", b"a = 1\na = 2\n"])
def test_broken_toml_names_the_file(user: Path, data: bytes):
    """A file that is no TOML is a usage error with its name and the place."""
    user.write_bytes(data)
    with pytest.raises(UsageError) as caught:
        read({}, user)
    assert caught.value.message.startswith(f"{user} is not TOML: ")


def test_a_file_that_cannot_be_read(tmp_path: Path):
    """What is there but cannot be read is an error, not silence."""
    with pytest.raises(UsageError, match=r"is no file"):
        read({}, tmp_path)


def test_no_file_is_no_layer(tmp_path: Path):
    """A file that is not there sets nothing."""
    assert read_file(tmp_path / "none.toml") is None
    assert read({}, tmp_path / "none.toml") == Settings()


def test_a_wrong_flag_names_the_command_line(user: Path):
    """The layer that is wrong is named, not the ones below it."""
    user.write_text("[profile]\nrate = 50\n")
    with pytest.raises(UsageError, match=r"^the command line: profile\.rate \(it is 0\)"):
        read({"profile": {"rate": 0}}, user)


def test_a_wrong_url_in_the_environment_names_the_variable():
    """An error from the environment names the variable."""
    with pytest.raises(UsageError, match=r"^the environment's PROMETHEUS_URL: prometheus\.url"):
        read({}, url="x:9090")


def test_native_and_nonblocking_exclude_each_other(user: Path):
    """py-spy cannot do both, also where they come from two layers."""
    error = wrong("[profile]\nnative = true\nnonblocking = true\n", user)
    assert error.message.startswith(f"{user}: profile")
    assert "native and nonblocking exclude each other" in error.message
    user.write_text("[profile]\nnative = true\n")
    with pytest.raises(UsageError) as caught:
        read({"profile": {"nonblocking": True}}, user)
    assert f"{user} and the command line: profile" in caught.value.message
    assert "exclude each other" in caught.value.message


def test_config_paths(monkeypatch: pytest.MonkeyPatch):
    """The file here goes before the user's, which lies below XDG_CONFIG_HOME."""
    monkeypatch.setenv("XDG_CONFIG_HOME", "/xdg")
    assert config_paths()[:2] == (Path("perftui.toml"), Path("/xdg/perftui/config.toml"))
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", "/home/kim")
    assert config_paths()[1] == Path("/home/kim/.config/perftui/config.toml")


def test_no_path_is_read_twice(monkeypatch: pytest.MonkeyPatch):
    """Where the platform's own place is the same one, it is named once."""
    monkeypatch.setenv("XDG_CONFIG_HOME", "/xdg")
    assert len(set(config_paths())) == len(config_paths())


def test_a_relative_file_is_named_as_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The file of the current directory is called ./perftui.toml."""
    monkeypatch.chdir(tmp_path)
    Path("perftui.toml").write_text("[profile]\nrate = 0\n")
    with pytest.raises(UsageError, match=r"^\./perftui\.toml: profile\.rate"):
        read({}, Path("perftui.toml"))


def test_a_file_that_is_no_file(tmp_path):
    """A pipe in place of the settings is refused, not waited for."""
    pipe = tmp_path / "perftui.toml"
    os.mkfifo(pipe)
    with pytest.raises(UsageError, match="is no file"):
        load({}, {}, [pipe])


def test_a_file_that_is_too_large(tmp_path):
    """A file that cannot be settings is not read to its end."""
    large = tmp_path / "perftui.toml"
    large.write_text("#" * 1_000_001)
    with pytest.raises(UsageError, match="larger than"):
        load({}, {}, [large])


def test_what_cannot_do_anything_is_said():
    """An objective without its metric and a query without a Prometheus each say so."""
    flags = {
        "objective": [{"metric": "nosuch", "above": 1}, {"metric": "cpu", "above": 1}],
        "metric": [{"name": "rps", "query": "up"}],
    }
    assert load(flags, {}, []).unusable() == [
        "There is no metric nosuch. Name it with --query nosuch=PROMQL.",
        "Queries need a Prometheus. Name it with --prometheus URL.",
    ]
    with_server = {**flags, "prometheus": {"url": "http://x"}}
    assert len(load(with_server, {}, []).unusable()) == 1
    assert load({}, {}, []).unusable() == []


def test_metrics_of_a_page_or_a_log_are_known_only_at_run_time():
    """With a page any name may be one of its metrics; a log has its two names."""
    objective = {"objective": [{"metric": "app_errors", "above": 1}]}
    assert len(load(objective, {}, []).unusable()) == 1
    assert load({**objective, "log": [{"file": "/x/app.log"}]}, {}, []).unusable() == []
    assert len(load({**objective, "log": [{"file": "b.log"}]}, {}, []).unusable()) == 1
    page = {"scrape": [{"url": "http://127.0.0.1:8000/metrics"}]}
    assert load({**objective, **page}, {}, []).unusable() == []


def test_pages_and_logs_of_the_file(project):
    """Their tables, with durations as text."""
    project.write_text(
        '[[scrape]]\nurl = "http://127.0.0.1:8000/metrics"\nevery = "1m"\nmetrics = ["http_.*"]\n'
        '[[log]]\nfile = "a.log"\nerror = "E!"\nname = "a"\n[notice]\nscrape = false\n'
    )
    found = read({"log": [{"file": "/var/log/my app.log"}]}, project)
    assert found.scrape[0].every == 60.0
    assert found.scrape[0].metrics == ("http_.*",)
    assert [(log.called, log.error) for log in found.log] == [
        ("a", "E!"),
        ("my_app", DEFAULT_ERROR),
    ]
    assert not found.notice.scrape
    assert load({}, {}, []).notice.scrape


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[scrape]]\nurl = "localhost:8000"', r"scrape\[1\].url .*must be a URL like"),
        ('[[scrape]]\nurl = "http://h:99999/"', "must be a URL like"),
        ('[[scrape]]\nurl = "http://h"\nmetrics = ["("]', "is no regular expression"),
        ('[[log]]\nfile = "a"\nerror = "("', r"log\[1\].error .*is no regular expression"),
        ('[[log]]\nfile = "a"\nerrors = "x"', "is not a setting"),
        ('[[log]]\nfile = "x/a.log"\n[[log]]\nfile = "y/a.log"', "two logs are called a"),
        ("[notice]\nscrap = true", "is not a setting"),
    ],
)
def test_what_is_wrong_of_a_page_or_a_log_names_its_key(text: str, said: str, project):
    """As of every other setting."""
    assert re.search(said, str(wrong(text, project)))


def test_a_metric_may_not_be_called_like_a_built_in_one():
    """A query called cpu would be mixed with the process's own."""
    with pytest.raises(UsageError, match="always there"):
        load({"metric": [{"name": "cpu", "query": "up"}]}, {}, [])


def test_the_ways_into_prometheus_come_from_file_and_environment(user: Path):
    """Each way in has its key and its variable; the environment goes first."""
    user.write_text(
        '[prometheus]\nusername = "me"\nca_file = "~/ca.pem"\nheaders = { X-Scope-OrgID = "a" }\n'
    )
    env = {
        "PROMETHEUS_URL": "https://p",
        "PROMETHEUS_PASSWORD": "hush",
        "PROMETHEUS_HEADERS": "X-Other=1, X-More=a=b",
        "PROMETHEUS_CERT_FILE": "c.pem",
    }
    server = load({}, env, [user]).prometheus
    assert (server.url, server.username, server.cert_file) == ("https://p", "me", Path("c.pem"))
    assert server.ca_file == Path("~/ca.pem").expanduser()
    assert server.password is not None
    assert server.password.reveal() == "hush"
    assert {name: value.reveal() for name, value in server.headers.items()} == {
        "X-Scope-OrgID": "a",
        "X-Other": "1",
        "X-More": "a=b",
    }


def test_one_way_in_takes_the_place_of_a_weaker_layers(user: Path):
    """A token of the environment replaces a password of a file, and the other way round."""
    user.write_text('[prometheus]\nusername = "me"\npassword_file = "p"\n')
    server = load({}, {"PROMETHEUS_TOKEN": "t"}, [user]).prometheus
    assert (server.username, server.password_file) == (None, None)
    user.write_text('[prometheus]\ntoken_file = "t"\n')
    server = load({}, {"PROMETHEUS_USERNAME": "me"}, [user]).prometheus
    assert (server.username, server.token_file) == ("me", None)


def test_two_ways_in_at_once_are_refused(user: Path):
    """One layer names one way in."""
    error = wrong('[prometheus]\ntoken_file = "t"\nusername = "me"\n', user)
    assert "token_file and username exclude each other; leave one out" in error.message


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('token = "hush"', "token"),
        ('username = "me"\npassword = "hush"', "password"),
        ('headers = { Authorization = "hush" }', "headers"),
        ('url = "http://me:hush@p"', "url with a password"),
    ],
)
def test_a_file_with_a_secret_that_others_can_read_is_refused(user: Path, line: str, key: str):
    """A secret in a file that others may read is refused with what mends it, and not shown."""
    user.write_text(f"[prometheus]\n{line}\n")
    user.chmod(0o640)
    with pytest.raises(UsageError) as caught:
        read({}, user)
    assert str(caught.value) == (
        f"{user} has prometheus.{key}, but other users may read it. Run chmod 600 {user}."
    )
    user.chmod(0o600)
    assert "hush" not in repr(read({}, user))


def test_a_file_without_a_secret_may_be_read_by_all(user: Path):
    """A tenant's header and the name of a token's file are no secrets."""
    user.write_text('[prometheus]\ntoken_file = "t"\nheaders = { X-Scope-OrgID = "a" }\n')
    user.chmod(0o644)
    assert read({}, user).prometheus.token_file == Path("t")


@pytest.mark.parametrize(
    "env",
    [
        {"PROMETHEUS_TOKEN": "hush\nhush"},
        {"PROMETHEUS_HEADERS": "X=hush\x01"},
        {"PROMETHEUS_HEADERS": "hush"},
        {"PROMETHEUS_URL": "ftp://me:hush@p"},
        {"PROMETHEUS_URL": "me:hush@p:9090"},
        {"PROMETHEUS_URL": "ftp://me:hu/hush@p"},
    ],
)
def test_a_wrong_secret_is_not_shown(env: dict[str, str]):
    """An error about a secret names its variable and never its value."""
    with pytest.raises(UsageError) as caught:
        load({}, env, [])
    assert str(caught.value).startswith(f"the environment's {next(iter(env))}: prometheus.")
    assert "hush" not in str(caught.value)


def test_a_pages_password_is_not_shown():
    """Neither by what the settings are, nor by what is wrong with them."""
    page = {"scrape": [{"url": "http://me:hush@h/metrics"}]}
    assert "hush" not in repr(load(page, {}, []))
    with pytest.raises(UsageError) as caught:
        load({"scrape": [{"url": "me:hush@h/metrics"}]}, {}, [])
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"prometheus": {"token_file": "~nosuchuser/x"}}, "prometheus.token_file"),
        ({"prometheus": {"every": 10**400}}, "prometheus.every"),
        ({"prometheus": {"packs": "\ud800"}}, "text that is none"),
        ({"log": [{"file": "~nosuchuser/x"}]}, "a user who is not known"),
        ({"llm": {"url": "https://evil.example?@api.anthropic.com"}}, "without [?] and #"),
        ({"llm": {"url": "https://evil.example#@api.anthropic.com"}}, "without [?] and #"),
        ({"llm": {"url": r"https://evil.example\@api.anthropic.com"}}, "without [?] and #"),
        ({"prometheus": {"url": "http://"}}, "must be a URL"),
        ({"prometheus": {"url": "http://[::1"}}, "must be a URL"),
        ({"a\nb": 1}, "is not a setting"),
    ],
)
def test_odd_values_are_errors_too(values: dict[str, Any], said: str):
    """One sentence, whatever Python itself says of them."""
    with pytest.raises(UsageError, match=said):
        load(values, {}, [])


def test_a_key_or_a_password_alone_is_said():
    """What cannot be used without its other half says so."""
    flags = {"prometheus": {"url": "https://p", "key_file": "k", "password_file": "p"}}
    assert load(flags, {}, []).unusable() == [
        "The password of [prometheus] is not used. Set its username too.",
        "The key_file of [prometheus] is not used. Set its cert_file too.",
    ]


def test_packs_are_names_or_auto():
    """Packs are a list of names, or all that fit; none by default."""
    assert read({}).prometheus.packs == ()
    assert read({"prometheus": {"packs": ["python"]}}).prometheus.packs == ("python",)
    assert read({"prometheus": {"packs": "auto"}}).prometheus.packs == "auto"
    with pytest.raises(UsageError, match=r"prometheus\.packs"):
        read({"prometheus": {"packs": "all"}})


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("", "name '': must have 1 to 60 characters."),
        ("x" * 61, f"name '{'x' * 61}': must have 1 to 60 characters."),
        ("cpu", "name 'cpu': is the name of a metric that is always there; choose another."),
    ],
)
def test_a_query_under_a_name_that_cannot_be(name: str, says: str):
    """What the file may not name, nothing else may: one sentence says why."""
    with pytest.raises(UsageError) as caught:
        named_query(name, "up")
    assert caught.value.message == says
    assert named_query("a", "up", "s") == MetricSettings(name="a", query="up", unit="s")


def test_a_projects_file_does_not_say_where_the_key_goes(tmp_path, monkeypatch):
    """Whoever wrote the repository that one stands in could have it sent anywhere."""
    monkeypatch.chdir(tmp_path)
    Path("perftui.toml").write_text('[llm]\nurl = "http://elsewhere.example"\n')
    with pytest.raises(UsageError, match="may not say where your key goes"):
        load({}, {}, [Path("perftui.toml")])
    own = tmp_path / "config.toml"
    own.write_text('[llm]\nurl = "http://here.example"\n')
    assert load({}, {}, [own]).llm.url == "http://here.example"


@pytest.mark.parametrize(
    ("project", "own", "said"),
    [
        (
            '[llm.prices."claude-haiku-5-5"]\ninput = 0\noutput = 0\n',
            "",
            "has llm.prices, but a project's file may not say what your calls cost",
        ),
        ("[llm]\nmonthly_cap_usd = 1e9\n", "", "of 1e+09, but a project's file may only lower"),
        ("[llm]\nmonthly_cap_usd = 40\n", "[llm]\nmonthly_cap_usd = 10\n", "lower yours, 10."),
        ("[llm]\nmonthly_cap_usd = nan\n", "", "monthly_cap_usd"),
    ],
)
def test_a_projects_file_does_not_lift_the_cap(
    project: str, own: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Neither by itself nor by prices of nothing; not above one's own, where that is lower."""
    monkeypatch.chdir(tmp_path)
    Path("perftui.toml").write_text(project)
    (tmp_path / "own.toml").write_text(own)
    with pytest.raises(UsageError, match=re.escape(said)):
        load({}, {}, [Path("perftui.toml"), tmp_path / "own.toml"])


def test_a_projects_file_may_lower_the_cap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Also below a higher one of one's own; consent and names it may give."""
    monkeypatch.chdir(tmp_path)
    text = "[llm]\nconsent = true\nmonthly_cap_usd = {}\n[llm.share]\nhost = true\n"
    project, own = Path("perftui.toml"), tmp_path / "own.toml"
    project.write_text(text.format(5))
    assert load({}, {}, [project]).llm.monthly_cap_usd == 5
    own.write_text("[llm]\nmonthly_cap_usd = 200\n")
    project.write_text(text.format(100))
    llm = load({}, {}, [project, own]).llm
    assert (llm.monthly_cap_usd, llm.consent, llm.share.host) == (100, True, True)


def test_a_file_that_is_nested_too_deeply(tmp_path: Path):
    """One sentence, as of any other that is broken."""
    path = tmp_path / "config.toml"
    path.write_text("a = " + "[" * 5000 + "]" * 5000)
    with pytest.raises(UsageError, match="nested too deeply"):
        load({}, {}, [path])


def test_a_user_without_a_home(monkeypatch: pytest.MonkeyPatch):
    """Has the project's settings alone, and is told where forecasts could be kept."""

    def no_home(*_: object) -> str:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setattr(Path, "expanduser", no_home)
    assert config_paths() == (Path("perftui.toml"),)
    monkeypatch.setattr("platformdirs.user_state_path", no_home)
    with pytest.raises(UsageError, match="Set XDG_STATE_HOME or HOME"):
        state_path()
