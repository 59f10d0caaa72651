"""A server in place of a Prometheus that answers each query with the next of its faults.

Started as a program of its own, it prints its port. No answer, no JSON, cut JSON, errors, and more
series than anybody can use, once just below what perftui reads and once far above.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SILENT_S = 8.0


def _vector(count: int) -> bytes:
    now = time.time()
    result = [
        {"metric": {"__name__": "load", "instance": f"10.0.{n >> 8}.{n & 255}:9100", "n": str(n)}}
        | {"value": [now, str(n)]}
        for n in range(count)
    ]
    data = {"status": "success", "data": {"resultType": "vector", "result": result}}
    return json.dumps(data).encode()


ANSWERS: dict[str, tuple[int, bytes]] = {
    "one series": (200, _vector(1)),
    "HTML": (200, b"<html>log in first</html>" * 20),
    "many series": (200, _vector(30_000)),
    "cut JSON": (200, _vector(1_000)[:-9]),
    "error": (500, b"no"),
    "too many series": (200, _vector(100_000)),
    "silence": (0, b""),
}


class Faults(BaseHTTPRequestHandler):
    """Each query gets the next answer; whatever else is asked is not there."""

    turn = itertools.cycle(ANSWERS.values())

    def do_GET(self) -> None:
        """Answer."""
        code, body = next(self.turn) if "/query" in self.path else (404, b"")
        if not code:
            time.sleep(SILENT_S)
            return
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """Takes no notice of clients that hang up."""

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing."""


@contextmanager
def faulty() -> Iterator[str]:
    """The URL of such a server, in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None  # noqa: S101 - PIPE was asked for
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.kill()
        process.communicate()


if __name__ == "__main__":
    server = Server(("127.0.0.1", 0), Faults)
    print(server.server_port, flush=True)
    server.serve_forever()
