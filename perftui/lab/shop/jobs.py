"""Work that no visitor waits for: receipts are written by one thread, in their order."""

from __future__ import annotations

import queue
import threading
import time
import zlib
from collections.abc import Callable
from typing import NamedTuple

from .carts import Line
from .catalogue import format_price

RECENT_RECEIPTS = 100


class Job(NamedTuple):
    """A receipt to write for an order, and when that was asked for."""

    number: int
    lines: tuple[Line, ...]
    asked_at: float


class Receipts:
    """A queue of receipts and the thread that writes them. `waited` is told of each how many
    seconds it waited."""

    def __init__(self, waited: Callable[[float], None]) -> None:
        self._jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._written: dict[int, bytes] = {}
        self._waited = waited
        threading.Thread(target=self._work, name="receipts", daemon=True).start()

    def __len__(self) -> int:
        return self._jobs.qsize()

    def ask(self, number: int, lines: tuple[Line, ...]) -> None:
        """Have one written, in its turn."""
        self._jobs.put(Job(number, lines, time.monotonic()))

    def _work(self) -> None:
        while True:
            job = self._jobs.get()
            self._waited(time.monotonic() - job.asked_at)
            self._written[job.number] = zlib.compress(write_receipt(job).encode(), 6)
            while len(self._written) > RECENT_RECEIPTS:
                del self._written[next(iter(self._written))]


def write_receipt(job: Job) -> str:
    """A receipt as text: one line for each piece, and the total."""
    rows = [f"Receipt {job.number}", ""]
    total = 0
    for line in job.lines:
        for piece in range(1, line.quantity + 1):
            total += line.price
            label = f" ({line.label})" if line.label else ""
            rows.append(f"{line.sku:<8}{label:<24} {piece:>4}/{line.quantity:<4}")
            rows[-1] += f" {format_price(line.price):>12} {format_price(total):>14}"
    return "\n".join([*rows, "", f"Total {format_price(total)}"])
