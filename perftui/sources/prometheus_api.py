"""The HTTP API of one Prometheus, or of a server that speaks like it."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from perftui.errors import SourceError
from perftui.model.series import Point
from perftui.model.text import without_password
from perftui.settings import PrometheusSettings
from perftui.sources.promql import (
    Answer,
    Labels,
    NotPrometheus,
    QueryFailed,
    read_answer,
    read_names,
    read_ranges,
    read_samples,
    short,
)

if TYPE_CHECKING:
    from requests import PreparedRequest, Response, Session

    from perftui.sources.bounded_http import BoundedAdapter

T = TypeVar("T")

MAX_QUERY_BYTES = 4 * 1024 * 1024
"""What is read of an answer at most: some 25,000 series, or an hour of 300."""
MAX_TARGETS_BYTES = 16 * 1024 * 1024
"""The same of the list of targets, which no parameter can narrow: some 10,000 of them."""
MAX_SECRET_BYTES = 65536
_VISIBLE = re.compile(r"[!-~]+")
_NOTHING = b'{"data": {"result": []}}'


class PrometheusClient:
    """The API of one Prometheus, by prometheus-api-client over bounded HTTP.

    For one thread, except :meth:`abort`. Its methods raise QueryFailed, NotPrometheus with a
    sentence that begins with the URL, or SourceError where a file of the settings cannot be used.
    """

    def __init__(self, settings: PrometheusSettings, timeout_s: float) -> None:
        # Slow to import, and only needed where a Prometheus is set.
        import requests
        from prometheus_api_client.prometheus_connect import PrometheusConnect
        from urllib3.util.retry import Retry

        from perftui.sources import bounded_http

        url = settings.url or ""
        self._url = url
        self._shown_url = short(without_password(url))
        self._timeout_s = timeout_s
        self._explain = bounded_http.explain
        self._tls_fault = bounded_http.tls_fault
        self._transport_errors = (requests.RequestException, OSError, ValueError)
        self._too_large = bounded_http.TooLarge
        self._new_response = requests.Response
        _check_tls_files(settings)
        self._session = requests.Session()
        try:
            _settle_environment(self._session, url)
            self._connect = PrometheusConnect(url, retry=Retry(total=0), session=self._session)
        except ValueError:
            raise SourceError(f"{self._shown_url} is no usable URL.", "Mend it.") from None
        # Before the library reads an answer, and before a redirect would be followed.
        self._session.hooks["response"] = [self._take]
        self._session.headers.update(
            {name: value.reveal() for name, value in settings.headers.items()}
        )
        self._is_signed = _signs(settings)
        if self._is_signed:
            # Before what a .netrc says; and not a header, as a token's file is read anew each time.
            self._session.auth = lambda request: _signed(request, settings)
        if settings.ca_file is not None:
            self._session.verify = str(settings.ca_file)
        if settings.cert_file is not None:
            key = settings.key_file or settings.cert_file
            self._session.cert = (str(settings.cert_file), str(key))
        self._adapter: BoundedAdapter = bounded_http.BoundedAdapter(timeout_s)
        # The library has mounted an adapter of its own for the URL.
        for prefix in ("http://", "https://", url):
            self._session.mount(prefix, self._adapter)
        self._data: Mapping[str, Any] = {}

    def query(self, promql: str, most: int) -> Answer:
        """The `most` highest samples of an instant query, at Prometheus's own present."""
        _check_text(promql)
        return self._ask(
            lambda: self._connect.custom_query(promql, params=self._limit()),
            lambda data: read_samples(data, most),
        )

    def query_range(
        self, promql: str, start: int, end: int, step_s: int, wanted: Iterable[Labels]
    ) -> Mapping[Labels, tuple[Point, ...]]:
        """The points of the series with `wanted` labels from `start` to `end`, Unix seconds by
        Prometheus's clock, every `step_s` seconds."""
        _check_text(promql)
        begin, finish = (datetime.fromtimestamp(at, UTC) for at in (start, end))
        return self._ask(
            lambda: self._connect.custom_query_range(
                promql, begin, finish, str(step_s), params=self._limit()
            ),
            lambda data: read_ranges(data, wanted),
        )

    def targets(self) -> Mapping[str, Any]:
        """The `data` of /api/v1/targets: what Prometheus scrapes at present."""
        return self._ask(
            lambda: self._connect.get_targets(state="active"), lambda data: data, MAX_TARGETS_BYTES
        )

    def metric_names(self, selectors: Iterable[str], start: int) -> frozenset[str]:
        """The names of the metrics that any of the selectors has had since `start`."""
        params = {"match[]": list(selectors), "start": str(start)}
        return self._ask(
            lambda: self._connect.get_label_values("__name__", params=params), read_names
        )

    def alerts(self) -> Mapping[str, Any]:
        """The `data` of /api/v1/alerts, which the library does not know."""
        return self._ask(
            lambda: self._session.get(f"{self._url}/api/v1/alerts", verify=self._session.verify),
            lambda data: data,
        )

    def abort(self) -> None:
        """End the exchange that is under way, from any thread."""
        self._adapter.abort()

    def close(self) -> None:
        """Close the connection; the next exchange opens one."""
        self._session.close()

    def _limit(self) -> dict[str, str]:
        # A slow query ends with Prometheus's own reason, before the exchange is given up.
        return {"timeout": f"{0.8 * self._timeout_s:.3f}"}

    def _take(self, response: Response, *_: object, **__: object) -> Response:
        self._data = read_answer(
            response.status_code, response.content, response.headers.get("Location")
        )
        # What is read once need not be parsed by the library again.
        short_one = self._new_response()
        short_one.status_code = response.status_code
        short_one.url, short_one.request = response.url, response.request
        short_one._content = _NOTHING
        return short_one

    def _ask(
        self,
        call: Callable[[], object],
        read: Callable[[Mapping[str, Any]], T],
        max_bytes: int = MAX_QUERY_BYTES,
    ) -> T:
        self._adapter.max_bytes = max_bytes
        try:
            call()
            # The library's own answer has lost the type of the result.
            return read(self._data)
        except NotPrometheus as error:
            raise NotPrometheus(
                f"{self._shown_url} {error.message}",
                error.fix or self._way_in(error.status),
                error.status,
            ) from None
        except self._too_large:
            raise QueryFailed(
                f"its answer is too large: more than {max_bytes // 2**20} MB.",
                "Aggregate it in the query.",
            ) from None
        except self._transport_errors as error:
            why = self._explain(error, self._timeout_s)
            fault = self._tls_fault(error)
            fix = _TLS_FIXES[fault.name] if fault else ""
            raise NotPrometheus(f"{self._shown_url} {why}.", fix) from None
        finally:
            self._data = {}

    def _way_in(self, status: int | None) -> str:
        if status == 401 and self._is_signed:
            return "Mend the token or the password of [prometheus]."
        if status == 401:
            return "Set token_file or username in [prometheus], or PROMETHEUS_TOKEN."
        if status == 403:
            return "Use an account that may ask, or set the tenant in [prometheus.headers]."
        return ""


_TLS_FIXES = {
    "EXPIRED": "Renew it on that server.",
    "NOT_YET": "Set the clock of this host or of that server.",
    "UNKNOWN_CA": "Name that CA's file as ca_file in [prometheus].",
    "OTHER_NAME": "Use the name that it is for in the URL.",
    "NO_CLIENT": "Name one as cert_file and key_file in [prometheus].",
}


def _settle_environment(session: Session, url: str) -> None:
    """Take what the environment says for this URL once: a session looks through all of it for each
    request, which takes about a sixth of its time (cProfile)."""
    from requests.utils import get_netrc_auth

    found = session.merge_environment_settings(url, {}, None, None, None)
    session.proxies, session.verify = found["proxies"], found["verify"]
    session.auth = get_netrc_auth(url)
    session.trust_env = False


def _check_text(promql: str) -> None:
    try:
        promql.encode()
    except UnicodeEncodeError:
        raise QueryFailed("it holds characters that are no text.") from None


def _signs(settings: PrometheusSettings) -> bool:
    return any(
        way is not None for way in (settings.token, settings.token_file, settings.username)
    ) or any(name.lower() == "authorization" for name in settings.headers)


def _signed(request: PreparedRequest, settings: PrometheusSettings) -> PreparedRequest:
    """`request` with what lets it in; a token's file is read anew, as tokens are replaced."""
    if settings.username is not None:
        password = _secret(settings, "password")
        pair = base64.b64encode(f"{settings.username}:{password}".encode()).decode()
        request.headers["Authorization"] = f"Basic {pair}"
    elif settings.token is not None or settings.token_file is not None:
        request.headers["Authorization"] = f"Bearer {_secret(settings, 'token')}"
    return request


def _secret(settings: PrometheusSettings, key: str) -> str:
    """The token or the password, itself or from its file; empty where neither is set."""
    own, path = getattr(settings, key), getattr(settings, f"{key}_file")
    if own is not None:
        text: str = own.reveal()
        return text
    if path is None:
        return ""
    setting = f"[prometheus] {key}_file"
    text = _read(path, setting).decode("utf-8", "replace").strip()
    if key == "token" and not _VISIBLE.fullmatch(text):
        raise SourceError(f"{short(str(path))} holds no token.", f"Mend {setting}.")
    return text


def _read(path: Path, setting: str) -> bytes:
    shown = short(str(path))
    try:
        if not path.is_file() and path.exists():
            raise SourceError(f"{shown} is no file.", f"Mend {setting}.")
        with path.open("rb") as file:
            found = file.read(MAX_SECRET_BYTES + 1)
    except OSError as error:
        raise SourceError(
            f"{shown} cannot be read: {error.strerror}.", f"Mend {setting}."
        ) from None
    if len(found) > MAX_SECRET_BYTES:
        raise SourceError(f"{shown} is too large for a secret.", f"Mend {setting}.")
    return found


def _check_tls_files(settings: PrometheusSettings) -> None:
    """SourceError that names the file of the settings that TLS cannot use."""
    import ssl

    context = ssl.create_default_context()
    ca, cert, key = settings.ca_file, settings.cert_file, settings.key_file
    checks: tuple[tuple[str, Path | None, Callable[[], None]], ...] = (
        ("ca_file", ca, lambda: context.load_verify_locations(ca)),
        # Without a password of our own OpenSSL would ask for one on the terminal.
        ("cert_file", cert, lambda: context.load_cert_chain(cert or "", key, lambda: "")),
    )
    for name, path, load in checks:
        if path is None:
            continue
        shown = ", ".join(
            short(str(p)) for p in ((path, key) if name == "cert_file" else (path,)) if p
        )
        try:
            load()
        except ssl.SSLError:
            what = "with its key and without a password" if name == "cert_file" else "of a CA"
            raise SourceError(
                f"{shown}: no PEM certificate {what}.", f"Mend {name} in [prometheus]."
            ) from None
        except OSError as error:
            raise SourceError(
                f"{shown} cannot be read: {error.strerror}.", f"Mend {name} in [prometheus]."
            ) from None
