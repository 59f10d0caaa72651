"""A stand-in for the Messages API on loopback: says what a test tells it to, keeps what it got."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


@dataclass
class Say:
    """One response. `how` is `answer`, `hang` (nothing), `drip` (a byte at a time) or `reset`."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    how: str = "answer"


def message(text: str | None, *, stop_reason: str = "end_turn", **usage: int | None) -> Say:
    """A message as the API gives it; without `usage` arguments it counts 1,000 in and 200 out."""
    content = [] if text is None else [{"type": "text", "text": text}]
    body = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-5-5",
        "content": content,
        "stop_reason": stop_reason,
        "usage": usage or {"input_tokens": 1000, "output_tokens": 200},
    }
    return Say(json.dumps(body).encode())


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
            handler.connection.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
            handler.connection.close()
            return
        handler.send_response(say.status)
        headers = {"content-type": "application/json", "content-length": str(len(say.body))}
        for name, value in {**headers, **say.headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
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


KEY = "k-0123456789-not-a-real-key"
