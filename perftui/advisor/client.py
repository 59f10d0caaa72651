"""The Anthropic SDK behind one function: a request goes out, text and usage come back.

The SDK takes seconds to import, so that happens at the first call, in the advisor's thread.
"""

from __future__ import annotations

import email.utils
import logging
import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from perftui.advisor.budget import Usage
from perftui.advisor.prompt import Request
from perftui.errors import PerftuiError
from perftui.model.text import plain
from perftui.sources.base import Clock

if TYPE_CHECKING:
    import anthropic

TIMEOUT_S = 30.0
"""How long a call may take in all."""
MAX_RETRY_AFTER_S = 3600.0
SERVER = "https://api.anthropic.com"
"""Where requests go, unless ANTHROPIC_BASE_URL names another server."""
KEY_NAMES = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")
"""Where a key may be, in the SDK's own order."""

T = TypeVar("T")


class CallError(PerftuiError):
    """A call failed.

    `retry_after_s` is how long the server asks to wait, None if it does not say. `billed` says
    that the call may have cost something all the same.
    """

    def __init__(
        self,
        message: str,
        fix: str = "",
        *,
        retry_after_s: float | None = None,
        billed: bool = False,
    ) -> None:
        super().__init__(message, fix)
        self.retry_after_s = retry_after_s
        self.billed = billed


@dataclass(frozen=True)
class Reply:
    """What came back, not yet looked at. `stop_reason` is None where the server gave none."""

    text: str
    usage: Usage
    stop_reason: str | None = None

    def complete_text(self) -> str:
        """The text; CallError if the model refused or was cut off."""
        if self.stop_reason == "refusal":
            raise CallError("The model refused to answer.", "The next call tries again.")
        if self.stop_reason in ("max_tokens", "model_context_window_exceeded"):
            raise CallError(
                "The answer was cut off at its limit of tokens.",
                "The next call tries again; another model may think less.",
            )
        return self.text


class Client(Protocol):
    """Whatever can answer a request."""

    def ask(self, request: Request) -> Reply:
        """Call once, and wait. CallError if nothing came back."""


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
        return AnthropicClient(key, env.get("ANTHROPIC_BASE_URL") or None, clock, timeout_s)
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
        self._client = anthropic.Anthropic(
            api_key=key.value if key.name == KEY_NAMES[0] else None,
            auth_token=key.value if key.name == KEY_NAMES[1] else None,
            base_url=base_url,
            timeout=timeout_s,
            max_retries=0,
            open_telemetry=False,
        )

    def ask(self, request: Request) -> Reply:
        """Call once, and wait `timeout_s` at most. CallError if nothing usable came back."""
        import anthropic

        try:
            # The SDK's time-out starts again with every byte; this one holds for the whole call.
            message = _within(self._timeout_s, lambda: self._create(request))
        except (TimeoutError, anthropic.APITimeoutError):
            raise CallError(
                f"No answer within {self._timeout_s:g} s.",
                "The next call tries again.",
                billed=True,
            ) from None
        except anthropic.APIStatusError as error:
            raise self._status_error(error, request.model) from None
        except anthropic.APIConnectionError as error:
            raise _connection_error(error) from None
        except (anthropic.AnthropicError, ValueError, TypeError) as error:
            raise CallError(
                f"The server's response cannot be read ({type(error).__name__}).",
                "Check ANTHROPIC_BASE_URL, if it is set.",
                billed=True,
            ) from None
        return _reply(message)

    def _create(self, request: Request) -> object:
        from anthropic import omit

        return self._client.messages.create(
            **request.parameters,
            # Facts of this host that the SDK sends along by itself.
            extra_headers={
                "X-Stainless-OS": omit,
                "X-Stainless-Arch": omit,
                "X-Stainless-Runtime": omit,
                "X-Stainless-Runtime-Version": omit,
            },
        )

    def _status_error(self, error: anthropic.APIStatusError, model: str) -> CallError:
        status = error.status_code
        known = {
            401: ("The key was not accepted (401).", "Set a valid ANTHROPIC_API_KEY."),
            403: ("The key may not do this (403).", "Use a key that may call this model."),
            404: (
                f"The server knows no model {plain(model, 80)} (404).",
                "Set another by --model, or check ANTHROPIC_BASE_URL, if it is set.",
            ),
            413: ("The request is too large (413).", "Watch fewer metrics."),
            429: ("The rate limit is reached (429).", "The next call waits as long as it has to."),
            529: ("The service is overloaded (529).", "The next call tries again."),
        }
        if status in known:
            message, fix = known[status]
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
            billed=status >= 500 and not waits,
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


def _within(seconds: float, work: Callable[[], T]) -> T:
    """What `work` returns or raises; TimeoutError after `seconds`, and it is left to itself."""
    done: queue.SimpleQueue[tuple[T, None] | tuple[None, Exception]] = queue.SimpleQueue()

    def run() -> None:
        try:
            done.put((work(), None))
        except Exception as error:  # noqa: BLE001 - it is raised again where it is waited for
            done.put((None, error))

    threading.Thread(target=run, name="perftui-llm-call", daemon=True).start()
    try:
        result, error = done.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError from None
    if error is not None:
        raise error
    return result  # type: ignore[return-value]  # the pair holds a result where it holds no error


def _reply(message: object) -> Reply:
    """Servers leave out what they do not know, and the SDK then gives None."""
    content = getattr(message, "content", None)
    usage = getattr(message, "usage", None)
    if not isinstance(content, list):
        raise CallError(
            "The server's response is no message.",
            "Check ANTHROPIC_BASE_URL, if it is set.",
            billed=True,
        )
    texts = [getattr(block, "text", None) for block in content]
    stop_reason = getattr(message, "stop_reason", None)
    return Reply(
        text="".join(text for text in texts if isinstance(text, str)),
        usage=Usage(
            input=_count(usage, "input_tokens"),
            output=_count(usage, "output_tokens"),
            cache_read=_count(usage, "cache_read_input_tokens"),
            cache_write=_count(usage, "cache_creation_input_tokens"),
        ),
        stop_reason=stop_reason if isinstance(stop_reason, str) else None,
    )


def _count(usage: object, name: str) -> int | None:
    value = getattr(usage, name, None)
    usable = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return value if usable else None


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


def _connection_error(error: anthropic.APIConnectionError) -> CallError:
    # Only a connection that never stood is sure to have cost nothing.
    never_stood = type(error.__cause__).__name__ in ("ConnectError", "ConnectTimeout", "ProxyError")
    if never_stood:
        return CallError(
            "The service cannot be reached.",
            "Check the network, and ANTHROPIC_BASE_URL, if it is set.",
        )
    return CallError("The connection broke off.", "The next call tries again.", billed=True)
