"""What can be set: the tables of the TOML file, each a model that checks its values."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from perftui.errors import UsageError
from perftui.model.objective import (
    DEFAULT_HOLD_S,
    DEFAULT_HORIZON_S,
    Objective,
    parse_duration,
)
from perftui.model.pattern import Pattern
from perftui.model.series import BUILT_IN


def _seconds(value: object) -> object:
    return parse_duration(value) if isinstance(value, str) else value


Seconds = Annotated[float, BeforeValidator(_seconds), Field(gt=0)]
"""A duration: a number of seconds, or text like `90s`, `1m`, `1h30m`."""


BUILT_IN_METRICS = frozenset(BUILT_IN)
"""What the process, its cgroups and the host have, where the system has it."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class PrometheusSettings(_Strict):
    """Where Prometheus is, how to get in, and which of its targets the watched process is.

    `k` is how many series a query may show, `packs` names the ready-made queries that are asked;
    "auto" asks all whose metrics exist. Files are read when they are needed, a token's each time.
    """

    url: str | None = Field(default=None, repr=False)  # it may hold a password
    instance: str | None = None
    job: str | None = None
    pod: str | None = None
    namespace: str | None = None
    node: str | None = None
    container: str | None = None
    every: Seconds = 5.0
    k: int = Field(default=10, ge=1, le=100)
    packs: Literal["auto"] | tuple[str, ...] = ()
    token: SecretStr | None = None
    token_file: Path | None = None
    username: str | None = None
    password: SecretStr | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    headers: dict[str, SecretStr] = {}

    @field_validator("url")
    @classmethod
    def _is_http(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return url.rstrip("/") if url else None

    @field_validator("headers")
    @classmethod
    def _are_headers(cls, headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name, value in headers.items():
            if not _HEADER.fullmatch(name) or not _VISIBLE.fullmatch(value.get_secret_value()):
                raise ValueError("must be names and values of HTTP headers, in plain ASCII")
        return headers

    @field_validator("token")
    @classmethod
    def _is_token(cls, token: SecretStr | None) -> SecretStr | None:
        if token is not None and not _VISIBLE.fullmatch(token.get_secret_value()):
            raise ValueError("must be plain ASCII without line breaks")
        return token

    @field_validator("token_file", "password_file", "ca_file", "cert_file", "key_file")
    @classmethod
    def _is_expanded(cls, path: Path | None) -> Path | None:
        return path.expanduser() if path else None

    @model_validator(mode="after")
    def _one_way_in(self) -> PrometheusSettings:
        for one, other in (
            ("token", "token_file"),
            ("token", "username"),
            ("token_file", "username"),
            ("password", "password_file"),
        ):
            if getattr(self, one) is not None and getattr(self, other) is not None:
                raise ValueError(f"{one} and {other} exclude each other; leave one out")
        return self


_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VISIBLE = re.compile(r"[!-~]([ -~]*[!-~])?")


class MetricSettings(_Strict):
    """A named PromQL query. `limit` is the top of its chart's scale, in `unit`."""

    name: str = Field(min_length=1, max_length=60)
    query: str = Field(min_length=1)
    unit: str = ""
    limit: float | None = Field(default=None, gt=0)

    @field_validator("name")
    @classmethod
    def _is_free(cls, name: str) -> str:
        if name in BUILT_IN_METRICS:
            raise ValueError("is the name of a metric that is always there; choose another")
        return name


def named_query(name: str, query: str, unit: str = "") -> MetricSettings:
    """A query under a name, as a [[metric]] has it. UsageError says in a sentence what it cannot
    be."""
    try:
        return MetricSettings(name=name, query=query, unit=unit)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key, given = first["loc"][0], first["input"]
        reason = first["msg"].removeprefix("Value error, ")
        raise UsageError(f"{key} {given!r}: {reason}.") from None


DEFAULT_ERROR = r"\b(?:ERROR|CRITICAL|FATAL)\b|^Traceback\b"
"""What a line of a log that tells of an error holds, unless the settings say otherwise."""


def _check_pattern(pattern: str) -> str:
    try:
        Pattern(pattern)
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from None
    return pattern


class ScrapeSettings(_Strict):
    """A /metrics page to read. `metrics` are names, or regular expressions that fit whole names;
    none means all that is bounded."""

    url: str
    every: Seconds = 5.0
    metrics: tuple[str, ...] = ()

    @field_validator("url")
    @classmethod
    def _is_http(cls, url: str) -> str:
        try:
            parts = urlsplit(url)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname)
            usable = usable and (parts.port is None or parts.port > 0)
        except ValueError:
            usable = False
        if not usable:
            raise ValueError("must be a URL like http://127.0.0.1:8000/metrics")
        return url

    @field_validator("metrics")
    @classmethod
    def _are_patterns(cls, metrics: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_check_pattern(pattern) for pattern in metrics)


class LogSettings(_Strict):
    """A log file to follow. `error` is a regular expression for lines that tell of an error; its
    series are called after `name`, or after the file."""

    file: str = Field(min_length=1)
    error: str = DEFAULT_ERROR
    name: str | None = Field(default=None, min_length=1, max_length=60)

    @field_validator("error")
    @classmethod
    def _is_pattern(cls, error: str) -> str:
        return _check_pattern(error)

    @property
    def called(self) -> str:
        """What its series' names begin with."""
        return self.name or re.sub(r"\W+", "_", Path(self.file).stem)[:60].strip("_") or "log"


class NoticeSettings(_Strict):
    """What is looked for by itself: whether a port of the target serves metrics."""

    scrape: bool = True


class ObjectiveSettings(_Strict):
    """An SLO on one metric; exactly one of `above` and `below`."""

    metric: str
    above: float | None = None
    below: float | None = None
    for_: Seconds = Field(default=DEFAULT_HOLD_S, alias="for")
    horizon: Seconds = DEFAULT_HORIZON_S
    label: str = ""

    @model_validator(mode="after")
    def _one_side(self) -> ObjectiveSettings:
        if (self.above is None) == (self.below is None):
            raise ValueError("needs either above or below")
        return self

    def objective(self) -> Objective:
        """The model's form of it."""
        above = self.above is not None
        threshold = self.above if self.above is not None else self.below
        assert threshold is not None  # noqa: S101 - _one_side has checked it
        return Objective(self.metric, threshold, above, self.for_, self.horizon, self.label)


class ProfileSettings(_Strict):
    """py-spy's own options under its own names; None means what is safe: 100 Hz at most."""

    rate: int | None = Field(default=None, ge=1, le=1000)
    max_overhead: float = Field(default=1.0, gt=0, le=100)
    max_sampler_cpu: float = Field(default=15.0, gt=0, le=1000)
    duty: float | None = Field(default=None, gt=0, le=100)
    subprocesses: bool | None = None
    gil: bool = False
    idle: bool = False
    native: bool = False
    function: bool = False
    threads: bool = False
    nonblocking: bool | None = None
    sudo: bool = False

    @model_validator(mode="after")
    def _exclusive(self) -> ProfileSettings:
        if self.native and self.nonblocking:
            raise ValueError("native and nonblocking exclude each other; leave one out")
        return self

    def changed(self, **changes: object) -> ProfileSettings:
        """With other values by these names. UsageError says in a sentence why that cannot be."""
        try:
            return ProfileSettings.model_validate({**self.model_dump(), **changes})
        except ValidationError as error:
            reason = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise UsageError(f"{reason}.") from None


class Price(_Strict):
    """US dollars per million tokens."""

    input: float = Field(ge=0)
    output: float = Field(ge=0)


class LlmSettings(_Strict):
    """The LLM: called only with consent."""

    consent: bool = False
    model: str = Field(default="claude-haiku-5-5", min_length=1)
    every: Seconds = 60.0
    monthly_cap_usd: float = Field(default=50.0, ge=0)
    prices: dict[str, Price] = {}


DEFAULT_OBJECTIVES: tuple[Objective, ...] = (
    Objective("rss_used", 90.0, label="RSS above 90 % of what it could have"),
    Objective("cpu_used", 90.0, label="CPU above 90 % of the cores it may run on"),
)


class Settings(_Strict):
    """Everything that can be set, valid."""

    prometheus: PrometheusSettings = PrometheusSettings()
    metric: tuple[MetricSettings, ...] = ()
    objective: tuple[ObjectiveSettings, ...] = ()
    scrape: tuple[ScrapeSettings, ...] = ()
    log: tuple[LogSettings, ...] = ()
    notice: NoticeSettings = NoticeSettings()
    profile: ProfileSettings = ProfileSettings()
    llm: LlmSettings = LlmSettings()

    @field_validator("log")
    @classmethod
    def _are_distinct(cls, logs: tuple[LogSettings, ...]) -> tuple[LogSettings, ...]:
        called = [log.called for log in logs]
        twice = next((name for name in called if called.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"two logs are called {twice}; give one of them a name")
        return logs

    def objectives(self) -> tuple[Objective, ...]:
        """The user's objectives, then the default ones of metrics that they name none for."""
        own = tuple(setting.objective() for setting in self.objective)
        named = {objective.metric for objective in own}
        return own + tuple(o for o in DEFAULT_OBJECTIVES if o.metric not in named)

    def unusable(self) -> list[str]:
        """What is set but cannot do anything, each in one sentence and one fix."""
        names = {metric.name for metric in self.metric}
        known = names | BUILT_IN_METRICS
        known |= {f"{log.called}_{what}" for log in self.log for what in ("lines", "errors")}
        unknown = dict.fromkeys(o.metric for o in self.objective if o.metric not in known)
        if self.scrape or self.prometheus.packs:
            unknown = {}  # what a page or a pack has is known only once it is read
        found = [
            f"There is no metric {name}. Name it with --query {name}=PROMQL." for name in unknown
        ]
        server = self.prometheus
        if server.username is None and (server.password or server.password_file):
            found.append("The password of [prometheus] is not used. Set its username too.")
        if server.key_file and server.cert_file is None:
            found.append("The key_file of [prometheus] is not used. Set its cert_file too.")
        if names and self.prometheus.url is None:
            found.append("Queries need a Prometheus. Name it with --prometheus URL.")
        return found
