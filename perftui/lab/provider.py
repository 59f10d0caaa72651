"""The payment provider that the shop charges cards at: one after the other.

    python -m perftui.lab.provider

prints one line `{"port": N}` once it listens on 127.0.0.1, and ends with its stdin.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from socketserver import TCPServer
from typing import Any

from .lifeline import end_with_parent

CHARGE_S = 0.001
MOST_SETTLED_S = 0.5
MAX_BODY = 1 << 16


class Provider(HTTPServer):
    """An HTTP server that does one thing at a time."""

    request_queue_size = 64

    def server_bind(self) -> None:
        """Bind without the look-up of this host's name that HTTPServer makes."""
        TCPServer.server_bind(self)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that hang up."""


class ProviderRequestHandler(BaseHTTPRequestHandler):
    """Charges a card, or settles what a merchant has sold, which takes longer the more it is."""

    timeout = 2.0
    wbufsize = -1

    def do_POST(self) -> None:
        """POST /charges, or POST /settlements with `{"sales": N}`."""
        length = self.headers.get("Content-Length", "")
        body = self.rfile.read(min(int(length), MAX_BODY)) if length.isdecimal() else b""
        sales = 0
        if self.path == "/settlements":
            document = json.loads(body or b"{}")
            sales = document.get("sales", 0) if isinstance(document, dict) else 0
        time.sleep(min(MOST_SETTLED_S, CHARGE_S * max(1, int(sales))))
        answer = b'{"status": "ok"}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Write no log."""


def main() -> None:
    """Serve until stdin ends."""
    parser = argparse.ArgumentParser(prog="python -m perftui.lab.provider", description=__doc__)
    parser.parse_args()
    end_with_parent()
    provider = Provider(("127.0.0.1", 0), ProviderRequestHandler)
    sys.stdout.write(json.dumps({"port": provider.server_address[1]}) + "\n")
    sys.stdout.flush()
    provider.serve_forever()


if __name__ == "__main__":
    main()
