"""Patterns on real programs: what they do is seen by py-spy alone."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.live

JSON = """
import json

document = {str(n): [n] * 20 for n in range(500)}
print("ready", flush=True)
while True:
    json.loads(json.dumps(document, indent=1))
"""
LOOP = """
import asyncio
import http.client
import http.server
import threading
import time


class Slow(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"x" * 2_000_000
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow)
threading.Thread(target=server.serve_forever, daemon=True).start()


async def tell():
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port)
        connection.request("GET", "/")
        connection.getresponse().read()
        connection.close()
        await asyncio.sleep(0)


print("ready", flush=True)
asyncio.run(tell())
"""


@pytest.mark.parametrize(
    ("program", "name", "not_there"),
    [
        (JSON, "json-cost", "blocking-call-in-event-loop"),
        (LOOP, "blocking-call-in-event-loop", "json-cost"),
    ],
    ids=["json", "loop"],
)
def test_a_snapshot_says_what_pattern_holds(
    program: str, name: str, not_there: str, python_target: Any, begin: Any, finish: Any
) -> None:
    """In the document and in the text, with what was seen and what to try."""
    target = python_target(program)
    look = ("snapshot", target.pid, "--seconds", 18)
    both = begin(*look, "--json"), begin(*look)
    document, text = (finish(one) for one in both)
    found = {one["name"]: one for one in document.document["findings"]}
    assert not_there not in found
    finding = found[name]
    assert "% of one thread's time" in finding["evidence"][0]["text"]
    assert finding["evidence"][0]["value"] > 5
    assert finding["mitigations"][0]["listed"]
    assert finding["disconfirming_check"]
    assert f"{name}: " in text.out
    assert f"try: {finding['mitigations'][0]['action'][:30]}" in text.out
