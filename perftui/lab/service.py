"""The lab's web service: a small shop over HTTP with Prometheus metrics.

    python -m perftui.lab.service --port 0

prints one line `{"port": N, "pid": P}` once it listens on 127.0.0.1, and ends with its stdin. It
goes on as another release of itself, in the same process, where it is told to: POST /releases/N.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any

from .lifeline import end_with_parent
from .shop.metrics import Metrics
from .shop.routes import Answer, Shop, as_json

WORKERS = 3
IDLE_S = 5.0  # a connection that says nothing for so long gives its worker back
MAX_BODY = 1 << 20


class Service(ThreadingHTTPServer):
    """An HTTP server whose connections share a few worker threads.

    A connection brings one request: one that was kept open would hold a worker while it idles.
    """

    request_queue_size = 64

    def __init__(self, port: int, provider_port: int | None = None, release: int = 1) -> None:
        self.provider_port = provider_port
        self.metrics = Metrics()
        self.shop = Shop(self.metrics, provider_port=provider_port, release=release)
        self._workers = ThreadPoolExecutor(WORKERS, "worker")
        self._accepted = threading.local()
        super().__init__(("127.0.0.1", port), ShopRequestHandler)

    def server_bind(self) -> None:
        """Bind without the look-up of this host's name that HTTPServer makes."""
        TCPServer.server_bind(self)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Hand a new connection to the next free worker."""
        self._workers.submit(self._take_request, request, client_address, time.perf_counter())

    def _take_request(self, request: Any, client_address: Any, accepted_at: float) -> None:
        self._accepted.at = accepted_at
        self.process_request_thread(request, client_address)

    def since_accepted(self) -> float:
        """Seconds since the connection that this thread serves was accepted."""
        return time.perf_counter() - float(self._accepted.at)

    def run_release(self, release: int) -> None:
        """Go on as that release, with all that was in memory gone."""
        provider = [] if self.provider_port is None else ["--provider", str(self.provider_port)]
        options = ["--port", str(self.server_address[1]), "--release", str(release), *provider]
        os.execv(  # noqa: S606 - this program again
            sys.executable, [sys.executable, "-P", "-m", "perftui.lab.service", *options]
        )

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that hang up."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class ShopRequestHandler(BaseHTTPRequestHandler):
    """One connection and its request."""

    server: Service
    protocol_version = "HTTP/1.1"
    timeout = IDLE_S
    wbufsize = -1  # one write for each answer

    def do_GET(self) -> None:
        """Answer a page or the metrics."""
        if self.path == "/metrics":
            self._send(Answer(200, *self.server.metrics.page()))
        elif self.path == "/healthz":
            self._send(as_json({"status": "ok"}))
        else:
            self._serve(b"")

    def do_POST(self) -> None:
        """Answer a request that brings a document."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > MAX_BODY:
            self._send(as_json({"error": f"the body needs a length of up to {MAX_BODY}"}, 400))
            return
        body = self.rfile.read(int(length))
        release = self.path.removeprefix("/releases/")
        if release.isdecimal():
            self._send(as_json({"release": int(release)}, 202))
            self.wfile.flush()
            self.server.run_release(int(release))
        self._serve(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Write no log."""

    def _serve(self, body: bytes) -> None:
        name, call = self.server.shop.route(self.command, self.path, body)
        metrics = self.server.metrics
        with metrics.in_flight.track_inprogress():
            answer = self._call(call)
        metrics.observe(name, answer.status, self.server.since_accepted())
        self._send(answer)

    def _call(self, call: Callable[[], Answer]) -> Answer:
        try:
            return call()
        except Exception:  # noqa: BLE001 - what one request meets must not end the service
            traceback.print_exc()
            return as_json({"error": "internal"}, 500)

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(answer.body)


def main() -> None:
    """Serve until stdin ends."""
    parser = argparse.ArgumentParser(prog="python -m perftui.lab.service", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 lets the system choose one")
    parser.add_argument("--provider", type=int, metavar="PORT", help="where cards are charged")
    parser.add_argument("--release", type=int, default=1)
    options = parser.parse_args()
    end_with_parent()
    service = Service(options.port, options.provider, options.release)
    ready = {"port": service.server_address[1], "pid": os.getpid()}
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()
    service.serve_forever()


if __name__ == "__main__":
    main()
