"""An HTTP adapter for requests whose answers are bounded in time and size.

The time-out of requests starts anew with every byte that comes; this one holds for the whole
exchange, at whose end the connection is shut down. (Only looking up a name cannot be ended, nor
asking a proxy for a tunnel.)
Imports requests, which is slow: import this module where it is used.
"""

from __future__ import annotations

import contextlib
import io
import ipaddress
import socket
import ssl
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from requests import PreparedRequest, Response, exceptions
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError, IncompleteRead
from urllib3.util.retry import Retry

if TYPE_CHECKING:
    from urllib3.connection import HTTPConnection
    from urllib3.connectionpool import ConnectionPool

MAX_BYTES = 32 * 1024 * 1024
_CHUNK_BYTES = 65536


class TooLarge(exceptions.RequestException):
    """The answer has more bytes than are read."""


def is_loopback(host: str) -> bool:
    """Whether `host`, a name or an address, is this machine's own loopback."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


class _Deadline:
    """Calls `end` when the exchange under way takes longer than `seconds`.

    One thread watches all exchanges, one after the other: to start one for each takes about a tenth
    of what a query costs. It is there from the first exchange to :meth:`close`.
    """

    def __init__(self, seconds: float, end: Callable[[], None]) -> None:
        self._seconds = seconds
        self._end = end
        self._at: float | None = None
        self._changed = threading.Condition()
        self._is_waiting = self._is_closed = False
        self._thread: threading.Thread | None = None

    def set(self) -> None:
        """An exchange begins."""
        with self._changed:
            self._is_closed = False
            self._at = time.monotonic() + self._seconds
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._watch, name="perftui-deadline", daemon=True
                )
                self._thread.start()
            elif self._is_waiting:
                self._changed.notify()
            # Else it wakes for an earlier exchange, and finds this one.

    def clear(self) -> None:
        """It has ended."""
        with self._changed:
            self._at = None

    def close(self) -> None:
        """There is none for now."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()

    def _watch(self) -> None:
        with self._changed:
            while not self._is_closed:
                if self._at is None:
                    self._is_waiting = True
                    self._changed.wait()
                    self._is_waiting = False
                elif (left := self._at - time.monotonic()) > 0:
                    self._changed.wait(left)
                else:
                    self._at = None
                    self._end()
            self._thread = None


class BoundedAdapter(HTTPAdapter):
    """Each exchange takes `timeout_s` seconds and `max_bytes` (decoded) at most; no retries.

    For one thread, except :meth:`abort`. Raises what requests raises, `Timeout` where
    time is up, and :class:`TooLarge`.
    """

    def __init__(self, timeout_s: float, max_bytes: int = MAX_BYTES) -> None:
        self.timeout_s = timeout_s
        self.max_bytes = max_bytes
        self._over = threading.Event()
        self._aborted = False
        self._lock = threading.Lock()
        # Not the connections: one whose end is the end of its answer forgets its socket early.
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._deadline = _Deadline(timeout_s, self._end)
        super().__init__(max_retries=Retry(total=0))

    def close(self) -> None:
        """Close the connections; they are made again where they are needed."""
        super().close()
        self._deadline.close()

    def abort(self) -> None:
        """End the exchange that is under way and all later ones, from any thread: `Timeout`."""
        self._aborted = True
        self._end()

    def _end(self) -> None:
        self._over.set()
        with self._lock:
            sockets = list(self._sockets)
        for sock in sockets:
            _shut_down(sock)

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        """Send `request` and read the whole answer, inside the bounds whatever the time-out is."""
        limits = {"stream": True, "timeout": (self.timeout_s, self.timeout_s)}
        if is_loopback(urlsplit(request.url or "").hostname or ""):
            limits["proxies"] = {}  # no proxy of the environment can reach this loopback
        if not self._aborted:
            self._over.clear()
        self._deadline.set()
        try:
            response = super().send(request, *args, **{**kwargs, **limits})
            response.raw = io.BytesIO(self._body(response))
        except (exceptions.RequestException, OSError, ValueError) as error:
            if self._over.is_set():
                raise exceptions.Timeout() from error
            raise
        finally:
            self._deadline.clear()
        # Without a Content-Length the end of a shut connection looks like the end of the answer.
        if self._over.is_set():
            raise exceptions.Timeout()
        return response

    def _body(self, response: Response) -> bytes:
        body = bytearray()
        try:
            for chunk in response.raw.stream(_CHUNK_BYTES, decode_content=True):
                body += chunk
                if len(body) > self.max_bytes:
                    raise TooLarge()
        except HTTPError as error:
            response.raw.close()
            raise exceptions.ConnectionError(error) from error
        except TooLarge:
            response.raw.close()
            raise
        return bytes(body)

    def get_connection_with_tls_context(
        self,
        request: PreparedRequest,
        verify: Any,
        proxies: Mapping[str, str] | None = None,
        cert: Any = None,
    ) -> ConnectionPool:
        """The pool of connections for `request`, with connections that can be shut down."""
        pool = super().get_connection_with_tls_context(request, verify, proxies, cert)
        if "ConnectionCls" in vars(pool):
            return pool  # it was used before
        plain: Any = type(pool).ConnectionCls  # type: ignore[attr-defined]

        def connect(connection: HTTPConnection) -> None:
            plain.connect(connection)
            sock = connection.sock
            if isinstance(sock, socket.socket):
                with self._lock:
                    self._sockets.add(sock)
                if self._over.is_set():  # time was up before there was a socket to shut down
                    _shut_down(sock)

        pool.ConnectionCls = type(plain.__name__, (plain,), {"connect": connect})  # type: ignore[attr-defined]
        return pool


def _shut_down(sock: socket.socket) -> None:
    # Not SSLSocket's own method, which takes the TLS object from under its reader.
    with contextlib.suppress(OSError):  # it is closed already
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


class TlsFault(StrEnum):
    """What is wrong between two ends of TLS, as the rest of a sentence that begins with the URL."""

    EXPIRED = "has a TLS certificate that has expired"
    NOT_YET = "has a TLS certificate that is not valid yet"
    UNKNOWN_CA = "has a TLS certificate of a CA that is not known here"
    OTHER_NAME = "has a TLS certificate for another host name"
    NO_CLIENT = "does not accept a client without a certificate that it knows"


# X509_V_ERR_… of OpenSSL's x509_vfy.h.
_VERIFY_CODES = {
    9: TlsFault.NOT_YET,
    10: TlsFault.EXPIRED,
    **dict.fromkeys((2, 18, 19, 20, 21), TlsFault.UNKNOWN_CA),
    **dict.fromkeys((62, 64), TlsFault.OTHER_NAME),
}
_CLIENT_ALERTS = ("CERTIFICATE_REQUIRED", "ALERT_BAD_CERTIFICATE", "ALERT_UNKNOWN_CA")


def tls_fault(error: Exception) -> TlsFault | None:
    """What TLS says is wrong; None where it is something else, or TLS does not say what."""
    for link in _chain(error):
        if isinstance(link, ssl.SSLCertVerificationError):
            return _VERIFY_CODES.get(link.verify_code)
        if isinstance(link, ssl.SSLError) and any(a in str(link.reason) for a in _CLIENT_ALERTS):
            return TlsFault.NO_CLIENT
    return None


def explain(error: Exception, timeout_s: float) -> str:
    """Why an exchange failed, as the rest of a sentence that begins with the URL."""
    chain = list(_chain(error))

    def has(*kinds: type[BaseException]) -> bool:
        return any(isinstance(link, kinds) for link in chain)

    fault = tls_fault(error)
    if fault is not None:
        return fault
    reasons: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
        ((exceptions.ProxyError,), "cannot be reached through the proxy of the environment"),
        ((TooLarge,), "sends an answer that is too large"),
        ((socket.gaierror,), "cannot be reached: its host name does not resolve"),
        ((exceptions.SSLError,), "has no TLS certificate that is trusted here, or speaks no TLS"),
        ((ConnectionRefusedError,), "refuses the connection: nothing listens there"),
        ((exceptions.Timeout, TimeoutError), f"does not finish an answer within {timeout_s:g} s"),
        ((IncompleteRead, exceptions.ChunkedEncodingError), "cuts its answer off"),
        ((ConnectionResetError, BrokenPipeError), "closes the connection without an answer"),
        ((exceptions.JSONDecodeError,), "answers with broken JSON"),
        ((exceptions.InvalidURL, exceptions.MissingSchema), "is no usable URL"),
    )
    for kinds, reason in reasons:
        if has(*kinds):
            return reason
    numbered = next((link for link in chain if isinstance(link, OSError) and link.strerror), None)
    if numbered is not None:
        return f"cannot be reached: {numbered.strerror}"
    return "gives no answer that is HTTP"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """`error` and everything it wraps; requests and urllib3 wrap in four ways."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        link = waiting.pop(0)
        if isinstance(link, BaseException) and id(link) not in seen:
            seen.add(id(link))
            yield link
            wrapped = [getattr(link, "reason", None), link.__cause__, link.__context__]
            waiting.extend([*link.args, *wrapped])
