"""A small HTTP client that no answer, no silence and no end of the service stops."""

from __future__ import annotations

import http.client
import json
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from perftui.errors import UsageError

TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Call:
    """One request; `document` is sent as JSON."""

    method: str
    path: str
    document: object = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a call: its status, 0 for no answer, and the seconds that it took."""

    status: int
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether the service did what it was asked for."""
        return 200 <= self.status < 300


class Client:
    """Sends calls to a service of this host, one after the other; for use by one thread."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(*local_address(url), timeout=TIMEOUT_S)

    def send(self, call: Call) -> Reply:
        """Send one call and read its answer to the end. Raises nothing that the network does."""
        started = time.perf_counter()
        status = self._exchange(call)
        return Reply(status, time.perf_counter() - started)

    def _exchange(self, call: Call) -> int:
        body = None if call.document is None else json.dumps(call.document)
        try:
            self._connection.request(call.method, call.path, body)
            response = self._connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            self._connection.close()
        return response.status


def local_address(url: str) -> tuple[str, int]:
    """Host and port of `http://127.0.0.1:PORT`.

    Raises UsageError for any other host: the lab's clients are made to put a service under
    strain, and must not reach one that is not the lab's.
    """
    try:
        parts = urlsplit(url)
        if parts.scheme == "http" and parts.hostname in {"127.0.0.1", "localhost"} and parts.port:
            return parts.hostname, parts.port
    except ValueError:
        pass  # a port that is no number
    raise UsageError(
        f"The lab's clients cannot use {url!r}.", "Give http://127.0.0.1:PORT of a lab's service."
    )
