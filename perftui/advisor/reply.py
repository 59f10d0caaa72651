"""What a server sent back for one request, and how a call can fail."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from perftui.advisor.budget import Usage
from perftui.errors import PerftuiError

_ODD = ("The server's response is no message.", "Check --llm-url or ANTHROPIC_BASE_URL, if set.")


class CallError(PerftuiError):
    """A call failed.

    `retry_after_s` is how long the server asks to wait, None if it does not say. `billed` says
    that the call may have cost something all the same, `may_have_arrived` that the server may have
    what was asked. `is_cancelled` says that the user ended it.
    """

    def __init__(
        self,
        message: str,
        fix: str = "",
        *,
        retry_after_s: float | None = None,
        billed: bool = False,
        may_have_arrived: bool = True,
        is_cancelled: bool = False,
    ) -> None:
        super().__init__(message, fix)
        self.retry_after_s = retry_after_s
        self.billed = billed
        self.may_have_arrived = may_have_arrived
        self.is_cancelled = is_cancelled


def cancelled(*, billed: bool) -> CallError:
    """The user ended it: before it went out, or when it may have cost something."""
    return CallError(
        "The call was cancelled.", billed=billed, may_have_arrived=billed, is_cancelled=True
    )


@dataclass(frozen=True)
class ToolCall:
    """What a model asks of a tool. `arguments` are as it wrote them, not yet looked at."""

    id: str
    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Reply:
    """What came back, not yet looked at. `stop_reason` is None where the server gave none.

    `content` is all of it, as it goes back to the server where the conversation goes on.
    """

    text: str
    usage: Usage
    stop_reason: str | None = None
    calls: tuple[ToolCall, ...] = ()
    content: tuple[Mapping[str, Any], ...] = ()

    @property
    def is_cut(self) -> bool:
        """Whether its limit came before its end."""
        return self.stop_reason in ("max_tokens", "model_context_window_exceeded")

    def complete_text(self) -> str:
        """The text; CallError if the model refused or was cut off."""
        if self.stop_reason == "refusal":
            raise CallError("The model refused to answer.", "The next call tries again.")
        if self.is_cut:
            raise CallError(
                "The answer was cut off at its limit of tokens.",
                "The next call tries again; another model may think less.",
            )
        return self.text


def reply_of(message: object) -> Reply:
    """The reply in a message of the API. Servers leave out what they do not know, and may send
    anything: CallError where it is no message."""
    # Lone surrogates, which JSON can hold, are no text that could go back.
    clean = json.dumps(message, ensure_ascii=False).encode("utf-8", "replace")
    message = json.loads(clean)
    content = message.get("content") if isinstance(message, Mapping) else None
    if not isinstance(message, Mapping) or not isinstance(content, list):
        raise CallError(*_ODD, billed=True)
    blocks = [block for block in content if isinstance(block, Mapping)]
    usage, stop_reason = message.get("usage"), message.get("stop_reason")
    counts: Mapping[str, Any] = usage if isinstance(usage, Mapping) else {}
    return Reply(
        text="".join(b["text"] for b in blocks if isinstance(b.get("text"), str)),
        usage=Usage(
            input=_count(counts.get("input_tokens")),
            output=_count(counts.get("output_tokens")),
            cache_read=_count(counts.get("cache_read_input_tokens")),
            cache_write=_count(counts.get("cache_creation_input_tokens")),
        ),
        stop_reason=stop_reason if isinstance(stop_reason, str) else None,
        calls=tuple(_call(b) for b in blocks if b.get("type") == "tool_use"),
        content=tuple(blocks),
    )


def _call(block: Mapping[str, Any]) -> ToolCall:
    arguments = block.get("input")
    return ToolCall(
        str(block.get("id")),
        str(block.get("name")),
        arguments if isinstance(arguments, Mapping) else {},
    )


def _count(value: object) -> int | None:
    usable = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return value if usable else None  # type: ignore[return-value]  # usable says that it is one
