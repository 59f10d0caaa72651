"""What can be set: the tables of the TOML file, each a type that checks its values."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, field

from perftui.checked import Invalid, Table, checked
from perftui.errors import UsageError
from perftui.model.objective import DEFAULT_HOLD_S, DEFAULT_HORIZON_S, Objective
from perftui.pattern_settings import PatternSettings
from perftui.setting_values import (
    BUILT_IN_METRICS,
    MOST_OF_NAME,
    Address,
    Expression,
    FreeName,
    Headers,
    PageAddress,
    Seconds,
    Secret,
    Token,
)


class PrometheusSettings(Table, frozen=True, kw_only=True):
    """Where Prometheus is, how to get in, and which of its targets the watched process is.

    `k` is how many series a query may show, `packs` names the ready-made queries that are asked;
    "auto" asks all whose metrics exist. Files are read when they are needed, a token's each time.
    """

    url: Address | None = None
    instance: str | None = None
    job: str | None = None
    pod: str | None = None
    namespace: str | None = None
    node: str | None = None
    container: str | None = None
    every: Seconds = Seconds(5)
    k: Annotated[int, Meta(ge=1, le=100)] = 10
    packs: Literal["auto"] | tuple[str, ...] = ()
    token: Token | None = None
    token_file: Path | None = None
    username: str | None = None
    password: Secret | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    headers: Headers = field(default_factory=Headers)

    def __post_init__(self) -> None:
        super().__post_init__()
        for one, other in (
            ("token", "token_file"),
            ("token", "username"),
            ("token_file", "username"),
            ("password", "password_file"),
        ):
            if getattr(self, one) is not None and getattr(self, other) is not None:
                raise ValueError(f"{one} and {other} exclude each other; leave one out")


class MetricSettings(Table, frozen=True, kw_only=True):
    """A named PromQL query. `limit` is the top of its chart's scale, in `unit`."""

    name: FreeName
    query: Annotated[str, Meta(min_length=1)]
    unit: str = ""
    limit: Annotated[float, Meta(gt=0)] | None = None


def named_query(name: str, query: str, unit: str = "") -> MetricSettings:
    """A query under a name, as a [[metric]] has it. UsageError says in a sentence what it cannot
    be."""
    try:
        return checked({"name": name, "query": query, "unit": unit}, MetricSettings)
    except Invalid as error:
        raise UsageError(f"{error.location[0]} {error.given!r}: {error.reason}.") from None


DEFAULT_ERROR = Expression(r"\b(?:ERROR|CRITICAL|FATAL)\b|^Traceback\b")
"""What a line of a log that tells of an error holds, unless the settings say otherwise."""


class ScrapeSettings(Table, frozen=True, kw_only=True):
    """A /metrics page to read. `metrics` are names, or regular expressions that fit whole names;
    none means all that is bounded."""

    url: PageAddress
    every: Seconds = Seconds(5)
    metrics: tuple[Expression, ...] = ()


class LogSettings(Table, frozen=True, kw_only=True):
    """A log file to follow. `error` is a regular expression for lines that tell of an error; its
    series are called after `name`, or after the file."""

    file: Annotated[str, Meta(min_length=1)]
    error: Expression = DEFAULT_ERROR
    name: Annotated[str, Meta(min_length=1, max_length=MOST_OF_NAME)] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        try:
            Path(self.file).expanduser()
        except RuntimeError:
            raise ValueError("file begins with the home of a user who is not known") from None

    @property
    def called(self) -> str:
        """What its series' names begin with."""
        of_file = re.sub(r"\W+", "_", Path(self.file).stem)[:MOST_OF_NAME].strip("_")
        return self.name or of_file or "log"

    @property
    def metrics(self) -> tuple[str, str]:
        """The names of its series: lines and errors a second."""
        return f"{self.called}_lines", f"{self.called}_errors"


class NoticeSettings(Table, frozen=True, kw_only=True):
    """What is looked for by itself: whether a port of the target serves metrics."""

    scrape: bool = True


class ObjectiveSettings(Table, frozen=True, kw_only=True):
    """An SLO on one metric; exactly one of `above` and `below`."""

    metric: str
    above: float | None = None
    below: float | None = None
    for_: Seconds = field(default=Seconds(DEFAULT_HOLD_S), name="for")
    horizon: Seconds = Seconds(DEFAULT_HORIZON_S)
    label: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.above is None) == (self.below is None):
            raise ValueError("needs either above or below")

    def objective(self) -> Objective:
        """The model's form of it."""
        above = self.above is not None
        threshold = self.above if self.above is not None else self.below
        assert threshold is not None  # noqa: S101 - it is checked when it is made
        return Objective(self.metric, threshold, above, self.for_, self.horizon, self.label)


class ProfileSettings(Table, frozen=True, kw_only=True):
    """py-spy's own options under its own names; None means what is safe: 100 Hz at most."""

    rate: Annotated[int, Meta(ge=1, le=1000)] | None = None
    max_overhead: Annotated[float, Meta(gt=0, le=100)] = 1.0
    max_sampler_cpu: Annotated[float, Meta(gt=0, le=1000)] = 15.0
    duty: Annotated[float, Meta(gt=0, le=100)] | None = None
    subprocesses: bool | None = None
    gil: bool = False
    idle: bool = False
    native: bool = False
    function: bool = False
    threads: bool = False
    nonblocking: bool | None = None
    sudo: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.native and self.nonblocking:
            raise ValueError("native and nonblocking exclude each other; leave one out")

    def changed(self, **changes: object) -> ProfileSettings:
        """With other values by these names. UsageError says in a sentence why that cannot be."""
        try:
            return checked({**msgspec.structs.asdict(self), **changes}, ProfileSettings)
        except Invalid as error:
            raise UsageError(f"{error.reason}.") from None


class Price(Table, frozen=True, kw_only=True):
    """US dollars per million tokens; the cache's follow from the input's where they are not set."""

    input: Annotated[float, Meta(ge=0)]
    output: Annotated[float, Meta(ge=0)]
    cache_read: Annotated[float, Meta(ge=0)] | None = None
    cache_write: Annotated[float, Meta(ge=0)] | None = None


class ShareSettings(Table, frozen=True, kw_only=True):
    """Which names an LLM may be told, kind by kind; of a closed kind it gets pseudonyms or nothing.

    `function_names` are one's own functions with their modules, `library_names` those of the
    standard library and of well-known packages. Figures, units and the names of perftui's own
    metrics are always told, what looks like a secret never.
    """

    library_names: bool = True
    metric_names: bool = True
    function_names: bool = False
    labels: bool = False
    threads: bool = False
    paths: bool = False
    host: bool = False
    users: bool = False
    commands: bool = False
    events: bool = False

    @property
    def opened(self) -> tuple[str, ...]:
        """The kinds that are told, by their names here."""
        return tuple(kind for kind in self.__struct_fields__ if getattr(self, kind))


NUMBERS_ONLY = ShareSettings(library_names=False, metric_names=False)
"""No name at all."""


class LlmSettings(Table, frozen=True, kw_only=True):
    """The LLM: called only with consent, and then told what `share` opens. With `tools` it may look
    closer, where it is asked; `url` is a server that speaks the Messages API, else that of
    ANTHROPIC_BASE_URL or Anthropic's.
    """

    consent: bool = False
    share: ShareSettings = ShareSettings()
    url: Address | None = None
    model: Annotated[str, Meta(min_length=1)] = "claude-haiku-5-5"
    every: Seconds = Seconds(60)
    monthly_cap_usd: Annotated[float, Meta(ge=0)] = 50.0
    tools: bool = True
    prices: dict[str, Price] = field(default_factory=dict)


DEFAULT_OBJECTIVES: tuple[Objective, ...] = (
    Objective("rss_used", 90.0, label="RSS above 90 % of what it could have"),
    Objective("cpu_used", 90.0, label="CPU above 90 % of the cores it may run on"),
)


class Settings(Table, frozen=True, kw_only=True):
    """Everything that can be set, valid."""

    prometheus: PrometheusSettings = PrometheusSettings()
    metric: tuple[MetricSettings, ...] = ()
    objective: tuple[ObjectiveSettings, ...] = ()
    scrape: tuple[ScrapeSettings, ...] = ()
    log: tuple[LogSettings, ...] = ()
    notice: NoticeSettings = NoticeSettings()
    profile: ProfileSettings = ProfileSettings()
    llm: LlmSettings = LlmSettings()
    pattern: tuple[PatternSettings, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        called = [log.called for log in self.log]
        twice = next((name for name in called if called.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"two logs are called {twice}; give one of them a name")

    def objectives(self) -> tuple[Objective, ...]:
        """The user's objectives, then the default ones of metrics that they name none for."""
        own = tuple(setting.objective() for setting in self.objective)
        named = {objective.metric for objective in own}
        return own + tuple(o for o in DEFAULT_OBJECTIVES if o.metric not in named)

    def named_by_files(self) -> frozenset[str]:
        """The metrics that are called after a file: their names tell a part of its path."""
        return frozenset(name for log in self.log if log.name is None for name in log.metrics)

    def unusable(self) -> list[str]:
        """What is set but cannot do anything, each in one sentence and one fix."""
        names = {metric.name for metric in self.metric}
        known = names | BUILT_IN_METRICS
        known |= {name for log in self.log for name in log.metrics}
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
