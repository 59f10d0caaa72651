"""A stand-in for the Messages API on loopback: says what a test tells it to, keeps what it got."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


@dataclass
class Say:
    """One response.

    `how` is `answer`, `hang` (nothing), `drip` (a byte at a time), `reset`, or what comes after
    `part` bytes of the body: `stall` (nothing more), `cut` (the end), `broken` (a reset).
    """

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    how: str = "answer"
    part: int = 0


def whole(*content: Mapping[str, Any], stop_reason: str = "end_turn", **usage: Any) -> Say:
    """A message as the API gives it to who wants no stream; 1,000 in and 200 out by default."""
    return Say(json.dumps(_message(content, stop_reason, usage)).encode())


def streamed(*content: Mapping[str, Any], stop_reason: str = "end_turn", **usage: Any) -> Say:
    """A message as the API streams it."""
    events = "".join(
        f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"
        for event in _events(_message(content, stop_reason, usage))
    )
    return Say(events.encode(), headers={"content-type": "text/event-stream; charset=utf-8"})


def message(text: str | None, *, stop_reason: str = "end_turn", **usage: int | None) -> Say:
    """The same of one text."""
    blocks = [] if text is None else [{"type": "text", "text": text}]
    return streamed(*blocks, stop_reason=stop_reason, **usage)


def tool_use(name: str, number: int = 1, **arguments: Any) -> dict[str, Any]:
    """A block that asks for a tool."""
    return {"type": "tool_use", "id": f"toolu_{number}", "name": name, "input": arguments}


def _message(
    content: Sequence[Mapping[str, Any]], stop_reason: str, usage: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-5-5",
        "content": list(content),
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "usage": dict(usage) or {"input_tokens": 1000, "output_tokens": 200},
    }


def _events(of: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The events of a stream in which this message comes."""
    output = of["usage"].get("output_tokens")
    begun = {**of["usage"]} | ({} if output is None else {"output_tokens": 1})
    yield {
        "type": "message_start",
        "message": of | {"content": [], "stop_reason": None, "usage": begun},
    }
    yield {"type": "ping"}
    for index, block in enumerate(of["content"]):
        if block["type"] == "text":
            field_, kind, text = "text", "text_delta", block["text"]
            start = block | {"text": ""}
        else:
            field_, kind, text = "partial_json", "input_json_delta", json.dumps(block["input"])
            start = block | {"input": {}}
        yield {"type": "content_block_start", "index": index, "content_block": start}
        for at in range(0, len(text), 20):
            delta = {"type": kind, field_: text[at : at + 20]}
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    yield {
        "type": "message_delta",
        "delta": {"stop_reason": of["stop_reason"], "stop_sequence": None},
        "usage": {"output_tokens": output},
    }
    yield {"type": "message_stop"}


def failure(status: int, text: str = "no", **headers: str) -> Say:
    """An error as the API gives it."""
    body = {"type": "error", "error": {"type": "some_error", "message": text}}
    return Say(
        json.dumps(body).encode(), status, {k.replace("_", "-"): v for k, v in headers.items()}
    )


class StandIn:
    """The server. Says each of `script` once, then the last one for ever."""

    def __init__(self, *script: Say) -> None:
        self.script = list(script)
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.received = threading.Semaphore(0)
        self.released = threading.Event()
        standin = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                standin.headers.append({k.lower(): v for k, v in self.headers.items()})
                standin.bodies.append(self.rfile.read(int(self.headers["content-length"])))
                say = standin.script.pop(0) if len(standin.script) > 1 else standin.script[0]
                standin.received.release()
                standin._say(self, say)

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def _say(self, handler: BaseHTTPRequestHandler, say: Say) -> None:
        if say.how == "hang":
            self.released.wait(30)
            return
        if say.how == "reset":
            _reset(handler)
            return
        handler.send_response(say.status)
        headers = {"content-type": "application/json"}
        if say.how != "cut":  # else the end of the connection is the end of the body
            headers["content-length"] = str(len(say.body))
        for name, value in {**headers, **say.headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        if say.how in ("stall", "cut", "broken"):
            handler.wfile.write(say.body[: say.part])
            handler.wfile.flush()
            if say.how == "stall":
                self.released.wait(30)
            elif say.how == "broken":
                _reset(handler)
            return
        if say.how == "drip":
            for byte in say.body:
                if self.released.wait(0.05):
                    return
                handler.wfile.write(bytes([byte]))
                handler.wfile.flush()
            return
        handler.wfile.write(say.body)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def env(self) -> dict[str, str]:
        return {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": self.url}

    @property
    def requests(self) -> list[Any]:
        return [json.loads(body) for body in self.bodies]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _reset(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()


KEY = "k-0123456789-not-a-real-key"
