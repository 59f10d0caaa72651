"""The Anthropic SDK behind one function: a request goes out, its answer comes back as a stream.

The SDK takes seconds to import, so that happens at the first call, in the advisor's thread.
"""

from __future__ import annotations

import email.utils
import json
import logging
import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from perftui.advisor.prompt import Request
from perftui.advisor.reply import CallError, Reply, reply_of
from perftui.advisor.reply import cancelled as cancelled_call
from perftui.model.text import plain
from perftui.sources.base import Clock

if TYPE_CHECKING:
    import anthropic
    from anthropic.lib.streaming import MessageStream

TIMEOUT_S = 30.0
"""How long a call may take in all."""
MAX_RETRY_AFTER_S = 3600.0
SERVER = "https://api.anthropic.com"
"""Where requests go, unless another server is named."""
URL_NAME = "ANTHROPIC_BASE_URL"
"""The variable that names it."""
KEY_NAMES = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")
"""Where a key may be, in the SDK's own order."""

T = TypeVar("T")
Heard = Callable[[str], None]

_BROKE_OFF = "The connection broke off."


class Client(Protocol):
    """Whatever can answer a request."""

    def ask(self, request: Request, heard: Heard, cancelled: threading.Event) -> Reply:
        """Call once, and wait; `heard` gets the text so far, on any thread, as it comes. CallError
        if nothing usable came back, or if it is `cancelled` before."""

    def cancel(self) -> None:
        """`cancelled` was set: the call under way, if there is one, need not wait for what it would
        find out by itself. From any thread."""


@dataclass(frozen=True)
class Key:
    """A credential and the variable it was found in. Its value shows up in no text."""

    name: str
    value: str

    def __repr__(self) -> str:
        return f"Key({self.name!r})"


def find_key(env: Mapping[str, str]) -> Key | None:
    """The first credential of :data:`KEY_NAMES` that `env` holds."""
    found = ((name, env.get(name, "").strip()) for name in KEY_NAMES)
    return next((Key(name, value) for name, value in found if value), None)


def connect(env: Mapping[str, str], clock: Clock, timeout_s: float = TIMEOUT_S) -> Client:
    """A client for the key and the base URL of `env`. CallError if there is no usable key."""
    key = find_key(env)
    if key is None:
        raise CallError("No key is set.", f"Set {KEY_NAMES[0]}.")
    if not (key.value.isascii() and key.value.isprintable()):
        raise CallError(f"{key.name} holds characters that no key has.", "Set it again.")
    try:
        return AnthropicClient(key, env.get(URL_NAME) or None, clock, timeout_s)
    except ImportError as error:
        raise CallError(
            f"The anthropic library cannot be imported: {type(error).__name__}.",
            "Install perftui again.",
        ) from None


class AnthropicClient:
    """The Messages API; without retries, for the next scheduled call is the retry."""

    def __init__(self, key: Key, base_url: str | None, clock: Clock, timeout_s: float) -> None:
        _import_quietly()
        import anthropic

        self._key = key
        self._clock = clock
        self._timeout_s = timeout_s
        self._exchange: _Exchange[object] | None = None
        self._client = anthropic.Anthropic(
            api_key=key.value if key.name == KEY_NAMES[0] else None,
            auth_token=key.value if key.name == KEY_NAMES[1] else None,
            base_url=base_url,
            timeout=timeout_s,
            max_retries=0,
            open_telemetry=False,
            # What is sent was allowed for this server, and for no other that it names.
            http_client=anthropic.DefaultHttpxClient(follow_redirects=False),
        )

    def ask(self, request: Request, heard: Heard, cancelled: threading.Event) -> Reply:
        """Call once, and wait `timeout_s` at most. CallError if nothing usable came back."""
        import anthropic
        import httpx2  # what the SDK speaks HTTP with: in mid-stream its errors come as they are

        exchange = self._exchange = _Exchange[object]()
        # In this order: who cancels sets the event first, then looks for an exchange.
        if cancelled.is_set():
            self._exchange = None
            raise cancelled_call(billed=False)
        try:
            message = exchange.result(
                lambda: self._stream(request, heard, exchange.is_given_up), self._timeout_s
            )
        except (TimeoutError, anthropic.APITimeoutError, httpx2.TimeoutException):
            raise CallError(
                f"No answer within {self._timeout_s:g} s.",
                "The next call tries again.",
                billed=True,
            ) from None
        except anthropic.APIStatusError as error:
            raise self._status_error(error, request.model) from None
        except (anthropic.APIConnectionError, httpx2.TransportError) as error:
            raise _connection_error(error) from None
        except CallError:
            raise
        except Exception as error:  # noqa: BLE001 - the SDK trips over odd responses in many ways
            raise CallError(
                f"The server's response cannot be read ({type(error).__name__}).",
                "Check --llm-url or ANTHROPIC_BASE_URL, if set.",
                billed=True,
            ) from None
        finally:
            self._exchange = None
        return reply_of(message)

    def cancel(self) -> None:
        """End the call under way, if there is one. From any thread."""
        exchange = self._exchange
        if exchange is not None:
            exchange.give_up(cancelled_call(billed=True))

    def _stream(self, request: Request, heard: Heard, is_given_up: threading.Event) -> object:
        from anthropic import omit

        # Facts of this host that the SDK sends along by itself.
        told = ("OS", "Arch", "Runtime", "Runtime-Version")
        headers = {f"X-Stainless-{one}": omit for one in told}
        manager = self._client.messages.stream(**request.parameters, extra_headers=headers)
        with manager as stream:
            return _streamed(stream, heard, is_given_up)

    def _status_error(self, error: anthropic.APIStatusError, model: str) -> CallError:
        in_stream = error.status_code < 300
        status = _status_in_stream(error.body) if in_stream else error.status_code
        known = {
            401: ("The key was not accepted (401).", "Set a valid ANTHROPIC_API_KEY."),
            403: ("The key may not do this (403).", "Use a key that may call this model."),
            404: (
                f"The server knows no model {plain(model, 80)} (404).",
                "Set another by --model, or check --llm-url or ANTHROPIC_BASE_URL, if set.",
            ),
            413: ("The request is too large (413).", "Watch fewer metrics."),
            429: ("The rate limit is reached (429).", "The next call waits as long as it has to."),
            529: ("The service is overloaded (529).", "The next call tries again."),
        }
        if status in known:
            message, fix = known[status]
        elif status < 400:
            message = f"The server answers with a redirect ({status}), which is not followed."
            fix = "Name the server itself, by --llm-url or ANTHROPIC_BASE_URL."
        elif status >= 500:
            message, fix = f"The service failed ({status}).", "The next call tries again."
        else:
            said = error.api_message if isinstance(error.api_message, str) else ""
            said = plain(said.replace(self._key.value, "…"), 200)
            message = (
                f"The request was refused ({status}): {said.rstrip('.') or 'no reason given'}."
            )
            fix = "Another model may take it."
        waits = status in (429, 503, 529)
        return CallError(
            message,
            fix,
            retry_after_s=_retry_after(error.response.headers, self._clock()) if waits else None,
            # A gateway may give up on a call that the model goes on with.
            billed=in_stream or (status >= 500 and not waits),
        )


def _import_quietly() -> None:
    """Import the SDK; with ANTHROPIC_LOG set it would write to the terminal of the screen."""
    root = logging.getLogger()
    before = list(root.handlers)
    import anthropic  # noqa: F401 - for what its import does to logging

    for handler in root.handlers[:]:
        if handler not in before:
            root.removeHandler(handler)
    for name in ("anthropic", "httpx2", "httpcore2"):
        logger = logging.getLogger(name)
        logger.propagate = False
        logger.addHandler(logging.NullHandler())


class _Exchange(Generic[T]):
    """One exchange with a server, on a thread of its own, which can be given up at any time."""

    def __init__(self) -> None:
        self.is_given_up = threading.Event()
        self._done: queue.SimpleQueue[tuple[T, None] | tuple[None, Exception]] = queue.SimpleQueue()

    def give_up(self, error: Exception) -> None:
        """End the wait for it with `error`. The thread is left to itself; it ends with the next
        byte that comes, or when its socket's time is up."""
        self.is_given_up.set()
        self._done.put((None, error))

    def result(self, work: Callable[[], T], seconds: float) -> T:
        """What `work` returns or raises. The SDK's time-out starts again with every byte; this one,
        TimeoutError, holds for all of it."""

        def run() -> None:
            try:
                self._done.put((work(), None))
            except Exception as error:  # noqa: BLE001 - it is raised again where it is waited for
                self._done.put((None, error))

        threading.Thread(target=run, name="perftui-llm-call", daemon=True).start()
        try:
            result, error = self._done.get(timeout=seconds)
        except queue.Empty:
            self.is_given_up.set()
            raise TimeoutError from None
        if error is not None:
            raise error
        return result  # type: ignore[return-value]  # the pair holds a result where it holds no error


def _streamed(stream: MessageStream[None], heard: Heard, is_given_up: threading.Event) -> object:
    """The whole message of a stream, as plain data; `heard` gets its text as it comes."""
    if "text/event-stream" not in stream.response.headers.get("content-type", ""):
        return json.loads(stream.response.read())  # a server that does not stream
    is_ended = False
    for event in stream:
        if is_given_up.is_set():
            raise TimeoutError
        if event.type == "text":
            heard(event.snapshot)
        is_ended = is_ended or event.type == "message_stop"
    if not is_ended:
        raise CallError(_BROKE_OFF, "The next call tries again.", billed=True)
    return stream.current_message_snapshot.to_dict(warnings=False)


def _retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait by the `retry-after` header: a number, or a date. None if it is neither."""
    text = headers.get("retry-after", "")
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(text).timestamp() - now
        except (ValueError, OverflowError):
            return None
    return min(seconds, MAX_RETRY_AFTER_S) if seconds > 0 else None


def _status_in_stream(body: object) -> int:
    """The status that an error has which comes after the response has begun as a good one."""
    error = body.get("error") if isinstance(body, dict) else None
    kind = error.get("type") if isinstance(error, dict) else None
    return {"overloaded_error": 529, "rate_limit_error": 429}.get(str(kind), 500)


def _connection_error(error: Exception) -> CallError:
    # Only a connection that never stood is sure to have cost nothing.
    never_stood = type(error.__cause__).__name__ in ("ConnectError", "ConnectTimeout", "ProxyError")
    if never_stood:
        return CallError(
            "The service cannot be reached.",
            "Check the network, and --llm-url or ANTHROPIC_BASE_URL, if set.",
            may_have_arrived=False,
        )
    return CallError(_BROKE_OFF, "The next call tries again.", billed=True)
