"""What looks like a secret goes; what people call things stays."""

from __future__ import annotations

import ast
import base64
import json
import random
import re
import string
import time
import tomllib
import uuid
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from perftui.advisor.scrub import (
    MOST,
    REMOVED,
    command_line,
    is_secret_name,
    looks_secret,
    without_secrets,
)
from perftui.model.series import BUILT_IN

LETTERS = string.ascii_letters + string.digits

KEYS = {
    # None of them is real.
    "aws": "AKIAIOSFODNN7EXAMPLE",
    "aws sts": "ASIAY34FZKBOKMUTVV7A",
    "aws secret": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "anthropic": "sk-ant-api03-Zq7kXo2LmVb9",
    "openai": "sk-proj-9f8e7d6c5b4a",
    "stripe": "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
    "github": "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "github pat": "github_pat_11ABCDEFG0abcdefghijklmnop",
    "gitlab": "glpat-Xy9_abcdEFGH12345678",
    "slack": "xoxb-123456789012-abcdefGHIJ",
    "google": "AIzaSyD4iE2xVSpkLLOXoyqT-RuPwURN3ddScAI",
    "google oauth": "ya29.a0AfH6SMBx-yz",
    "vault": "hvs.CAESIJ0c1N2mB3v4L5k6J7h8",
    "sendgrid": "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",
    "npm": "npm_abcdefghijklmnopqrstuvwxyz0123456789",
    "pypi": "pypi-AgEIcHlwaS5vcmcCJDU3MTExZjAy-example",
    "hugging face": "hf_abcdefghijklmnopqrstuvwxyzABCDEF",
    "telegram": "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw",
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
    "jwt without signature": "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxMjM0In0.",
    "uuid": "3fa85f64-5717-4562-b3fc-2c963f66afa6",
    "sha": "9c56cc51b374c3ba189210d5b6d4bf57790d351c",
}


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
@pytest.mark.parametrize(
    "around",
    ["{}", "the key {} is here", "requests_{}_total", '"{}"', "a={},b=1", "/x/{}/y", "[{}]"],
)
def test_keys_of_known_forms_go(key: str, around: str) -> None:
    """By themselves, in a sentence, and inside a longer name."""
    text = around.format(key)
    found = without_secrets(text)
    assert key not in found
    assert looks_secret(text)
    # Nor is most of it left.
    assert not any(key[at : at + 10] in found for at in range(len(key) - 9))


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("postgres://app:hunter2@db/shop", "postgres://[removed]@db/shop"),
        ("redis://:p/w@rd@cache:6379/0", "redis://[removed]@cache:6379/0"),
        ("dsn=app:hunter2@db", "dsn=[removed]@db"),
        ("Authorization: Bearer abc.def-ghi", "Authorization: [removed]"),
        ("authorization: Basic dXNlcjpwdw==", "authorization: [removed]"),
        ("sent bearer abcdef0123", "sent bearer [removed]"),
        ("password=hunter2", "password=[removed]"),
        ("PASSWORD = hunter2 next", "PASSWORD = [removed] next"),
        ("DB_PASSWORD: 'two words' next", "DB_PASSWORD: [removed] next"),
        ('{"api_key": "abc", "n": 1}', '{"api_key": [removed], "n": 1}'),
        ("clientSecret=>abc", "clientSecret=>[removed]"),
        ("tokenValue=abc;b=1", "tokenValue=[removed];b=1"),
        ("https://x/?key=abc&q=1", "https://x/?key=[removed]&q=1"),
        ("x-api-key: abc", "x-api-key: [removed]"),
        ("run --db-password hunter2 -v", "run --db-password [removed] -v"),
        ("run --token=hunter2", "run --token=[removed]"),
        ("aws_secret_access_key=abc", "aws_secret_access_key=[removed]"),
        ("Cookie: a=1", "Cookie: [removed]"),
        (
            "a -----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- b",
            "a [removed] b",
        ),
        ("-----BEGIN OPENSSH PRIVATE KEY----- b3Blbn", "[removed]"),
        ("DB_PASS=hunter2", "DB_PASS=[removed]"),
        ("SMTP_PASS: hunter2 next", "SMTP_PASS: [removed] next"),
        ("run --pass hunter2 -v", "run --pass [removed] -v"),
        ("run --db-pass=hunter2", "run --db-pass=[removed]"),
        ("jdbc:x;user=a;pass=hunter2;b=1", "jdbc:x;user=a;pass=[removed];b=1"),
        ("redis --requirepass hunter2", "redis --requirepass [removed]"),
        # Events that hold JSON within JSON.
        (r"{\"password\": \"hunter2\", \"n\": 1}", r"{\"password\": [removed], \"n\": 1}"),
        # Python.
        ('config["password"] = "hunter2"', 'config["password"] = [removed]'),
        ("cfg['db']['password'] = 'hunter2'", "cfg['db']['password'] = [removed]"),
        ('os.environ["API_TOKEN"] = "hunter2"', 'os.environ["API_TOKEN"] = [removed]'),
        ('password: str = "hunter2"', "password: [removed]"),
        ('password: dict[str, str] | None = "hunter2"', "password: [removed]"),
        ('token = b"hunter2"', "token = [removed]"),
        ('token = rb"""a "hunter2" """ + x', "token = [removed] + x"),
        (r'token = "a\"hunter2" + x', "token = [removed] + x"),
        ('password="a" "hunter2"', "password=[removed]"),
        ('headers = {"Authorization": "Bearer " + "a"}', 'headers = {"Authorization": [removed]}'),
        ('if password == "hunter2": x', "if password == [removed]: x"),
        ('if password != "hunter2": x', "if password != [removed]: x"),
        ('password = os.environ.get("X", "hunter2")', "password = [removed]"),
        ('password = find(get("X"), "hunter2")', "password = [removed]"),
        ('password = given or "hunter2"', "password = [removed]"),
        ('os.getenv("API_TOKEN", "hunter2")', 'os.getenv("API_TOKEN", [removed])'),
        ('setattr(x, "password", "hunter2")', 'setattr(x, "password", [removed])'),
        ('("password", "hunter2")', '("password", [removed])'),
        ('passwords = ["hunter1", "hunter2"]', "passwords = [removed]]"),
    ],
)
def test_what_is_around_a_secret_stays(text: str, left: str) -> None:
    """The secret goes, and says that it was there."""
    assert without_secrets(text) == left
    assert without_secrets(left) == left


def identifiers() -> set[str]:
    """Names that people have given: those of functions and classes of the standard library."""
    root = Path(json.__file__).parent.parent
    files = [
        file
        for package in ("asyncio", "concurrent/futures", "email", "http", "json", "logging", "xml")
        for file in sorted((root / package).rglob("*.py"))
    ]
    found = set()
    for file in [*files, *sorted(root.glob("*.py"))]:
        module = ".".join(file.relative_to(root).with_suffix("").parts)
        for node in ast.walk(ast.parse(file.read_bytes())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                found.add(f"{module}.{node.name}")
    return found


def test_names_that_people_give_stay() -> None:
    """Of thousands of functions of the standard library one in a thousand is taken for a secret at
    most, and none of the metrics that perftui asks for."""
    names = identifiers()
    taken = [name for name in names if looks_secret(name)]
    assert len(names) > 3000
    assert len(taken) <= len(names) / 1000, taken
    packs = tomllib.loads(
        (resources.files("perftui.sources") / "packs.toml").read_text(encoding="utf-8")
    )
    metrics = set(re.findall(r"[a-z_:]{4,}", json.dumps(packs)))
    assert len(metrics) > 50
    assert [name for name in (*metrics, *BUILT_IN) if looks_secret(name)] == []


@pytest.mark.parametrize(
    "text",
    [
        "http_5xx_p99_5m_rate1m_total",
        "kube_pod_container_status_restarts_total",
        "node_netstat_Tcp_RetransSegs",
        "ThreadPoolExecutor-0_12",
        "/usr/lib/python3.11/site-packages/sqlalchemy/engine/base.py",
        "/srv/releases/20261126220824/app.py",
        "gunicorn -w 4 -b 0.0.0.0:8000 shop.wsgi:application",
        "the p99 rose from 180 to 412 ms at 03:02",
        "https://example.com/api/v1/orders?page=2",
        "llm_tokens_total",
        "password_resets_total",
        "try: x() except E: pass",
        "the second pass took 3 ms, they say",
        "bypass=1 passes: 3 compass: n",
        'labels "token", and others',
        "auth_failures_total",
        "task-2024-q1-report-latency",
        "handler for author Ada",
        "2026-11-26T22:08:24.123456+00:00",
        "2001:db8::8a2e:370:7334",
    ],
)
def test_plain_text_stays(text: str) -> None:
    """What holds no secret is told as it is."""
    assert without_secrets(text) == text


RANDOM = {
    "base 62": (LETTERS, 20, 0.005),
    "base 36": (string.ascii_lowercase + string.digits, 20, 0.005),
    "base 32": (string.ascii_uppercase + "234567", 20, 0.005),
    "hex": ("0123456789abcdef", 16, 0.0),
    "letters": (string.ascii_lowercase, 20, 0.02),
    "base 64": (LETTERS + "+/", 32, 0.02),
    "base 64 for URLs": (LETTERS + "-_", 32, 0.02),
}


@pytest.mark.parametrize("kind", RANDOM)
def test_long_random_words_go(kind: str) -> None:
    """Also inside a name. The parts that may be missed are measured ones, rounded up."""
    alphabet, length, missed = RANDOM[kind]
    draw = random.Random(kind)
    words = ["".join(draw.choices(alphabet, k=length)) for _ in range(2000)]
    for around in ("{}", "requests_{}_total"):
        left = [word for word in words if word in without_secrets(around.format(word))]
        assert len(left) <= missed * len(words), left


@given(data=st.binary(min_size=24, max_size=64), before=st.sampled_from(["", "key_", "a.b/"]))
def test_what_a_random_generator_gives_goes(data: bytes, before: str) -> None:
    """The forms that secrets.token_hex and uuid4 have, whatever the bytes."""
    hexed = data.hex()
    assume(len(set(data)) > 12)
    assert hexed not in without_secrets(before + hexed)
    some = str(uuid.UUID(bytes=data[:16]))
    assert some not in without_secrets(before + some)
    basic = base64.b64encode(data).decode()
    assert basic not in without_secrets(f"Authorization: Basic {basic}")


NAME = st.sampled_from(
    ["password", "DB_PASSWORD", "secret", "api-key", "apiToken", "client_secret"]
)
SECRET = st.text(LETTERS + "!#$%*+-./@^_~", min_size=1, max_size=40)


@given(name=NAME, secret=SECRET, sign=st.sampled_from(["=", ": ", ":", " = ", '": "']))
def test_pairs_go(name: str, secret: str, sign: str) -> None:
    """Whatever the value of something that is called a secret is."""
    mark = f"Zq7{secret}"
    assert mark not in without_secrets(f"run {name}{sign}{mark} now")


@given(user=SECRET, secret=SECRET, scheme=st.sampled_from(["http", "postgres", "amqps"]))
def test_passwords_of_urls_go(user: str, secret: str, scheme: str) -> None:
    """Whatever user and password are."""
    mark = f"Zq7{secret}"
    found = without_secrets(f"at {scheme}://{user}:{mark}@db.example/x now")
    assert mark not in found
    assert found.startswith("at ")


@given(st.text(max_size=300))
def test_any_text_can_be_looked_at(text: str) -> None:
    """And what is left of it holds nothing that looks like a secret."""
    once = without_secrets(text)
    assert without_secrets(once) == once


PARTS = ("token", "=", ":", "//", "@", "eyJ", "a", "-----BEGIN A-----", " ", "--", '"', "sk-", "9")


@given(st.lists(st.sampled_from(PARTS), max_size=40).map("".join))
def test_what_is_left_holds_no_secret(text: str) -> None:
    """Also where the marks of secrets stand side by side."""
    once = without_secrets(text)
    assert without_secrets(once) == once


@pytest.mark.parametrize(
    "part",
    [
        "token",
        "token=",
        "token=('a',",
        "token=f(",
        "token:a[",
        "token= or '",
        "://",
        "a:b@",
        "eyJ",
        "-----BEGIN A-----",
        "-",
        "--a",
        "sk-",
        "a.",
        "\\",
        "ghp_",
    ],
)
def test_no_text_holds_it_up(part: str) -> None:
    """A hostile text as long as it may be takes no time worth speaking of."""
    text = (part * MOST)[:MOST]
    began = time.process_time()
    without_secrets(text)
    assert time.process_time() - began < 1.0
    assert without_secrets(text + "a") == REMOVED


def test_command_lines() -> None:
    """What follows an option with such a name goes as a whole; short options are not known."""
    arguments = ["app", "--db-password", "two words", "--key=1", "--token", "-v", "x", "-p", "y"]
    assert command_line(arguments) == "app --db-password [removed] --key=1 --token -v x -p y"
    assert "hunter2" not in command_line(["curl", "https://me:hunter2@x", "--api-key=hunter2"])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["app", "--password=correct horse battery"], "app --password=[removed]"),
        (["app", "--db-password=p&ss'wd,x", "-v"], "app --db-password=[removed] -v"),
        (["app", "API_TOKEN=a b", "x"], "app API_TOKEN=[removed] x"),
        (["app", "--token", "-Ab3xYz", "x"], "app --token [removed] x"),
        (["app", "--token", "--verbose"], "app --token --verbose"),
        (["app", "--key=1"], "app --key=1"),
    ],
)
def test_a_secret_argument_goes_as_a_whole(arguments: list[str], told: str) -> None:
    """Its end is known, whatever signs and spaces are in it; a token may begin with a dash."""
    assert command_line(arguments) == told


@pytest.mark.parametrize(
    "text",
    [
        *("api key: hunter2abc", "# the secret key: hunter2abc", '{"API key": "hunter2abc"}'),
        *("access key = hunter2abc", "encryption key: hunter2abc"),
    ],
)
def test_names_of_two_words(text: str) -> None:
    """As people write them."""
    assert "hunter2" not in without_secrets(text)


@pytest.mark.parametrize(
    "name",
    ["password", "API_TOKEN", "x-api-key", "oauth", "Set-Cookie", "pwd", "DB_PASS", "dbPass"],
)
def test_names_of_secrets(name: str) -> None:
    """What goes by such a name is one."""
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name", ["code", "author", "design", "le", "handler", "passed", "bypass", "signal"]
)
def test_other_names(name: str) -> None:
    """These are none."""
    assert not is_secret_name(name)
