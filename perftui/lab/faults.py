"""What can go wrong with the lab's service, each brought about by ordinary clients or a neighbour.

    python -m perftui.lab.faults NAME --url http://127.0.0.1:PORT --seed 1

plays what the clients of one of them send.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from perftui.errors import UsageError

from . import scripts
from .client import Call, Client, Reply, local_address
from .lifeline import end_with_parent
from .patterns import BURST, RAMP, STEADY, WAVE
from .scripts import Outcome, Script

LATENCY = "http_request_duration_seconds_p95"


@dataclass(frozen=True, slots=True)
class Fault:
    """One way in which the service goes wrong, or as a control does not.

    `culprit` is the service's function that a profile will show on top, by own time; None where
    no function is to blame, or what happens takes no time of the processor. `metric` is where it
    shows, `pattern` how visitors come meanwhile; so many `clients` play the script at once. With
    `begins_s` it lets a demo see the calm first; `has_neighbour` says that a process beside the
    service takes the processor, `at_provider` that the clients are the payment provider's.
    """

    name: str
    kind: Literal["gradual", "abrupt", "control"]
    summary: str
    culprit: str | None = None
    script: Callable[[Random, float], Script] | None = field(default=None, repr=False)
    clients: int = 1
    pattern: str = STEADY
    metric: str = LATENCY
    begins_s: float = 0.0
    at_provider: bool = False
    has_neighbour: bool = False


FAULTS = {
    fault.name: fault
    for fault in (
        Fault(
            "cart-growth",
            "gradual",
            "one customer's cart grows, and merging its lines takes the square of their number",
            "merge_lines",
            scripts.cart_growth,
        ),
        Fault(
            "longer-reviews",
            "gradual",
            "reviews with ever longer runs of spaces, on which a regular expression backtracks",
            "tidy_text",
            scripts.longer_reviews,
        ),
        Fault(
            "long-recounts",
            "gradual",
            "the warehouse is recounted under the lock that orders need, more of it each time",
            "count_bin",
            scripts.long_recounts,
        ),
        Fault(
            "many-notices",
            "gradual",
            "notices are put up and none is taken down, and each page shows all of them",
            "render_notice",
            scripts.many_notices,
        ),
        Fault(
            "big-archive",
            "gradual",
            "a table of orders without an index grows, and each checkout looks through it",
            "sum_of_customer",
            scripts.big_archive,
        ),
        Fault(
            "crawled-pages",
            "gradual",
            "a crawler asks for pages that nobody asks for again, and the cache holds no others",
            "similar_products",
            scripts.crawled_pages,
            clients=24,
        ),
        Fault(
            "many-receipts",
            "gradual",
            "receipts are asked for faster than one thread writes them, and the queue grows",
            "write_receipt",
            scripts.many_receipts,
            metric="receipts_waiting",
        ),
        Fault(
            "open-exports",
            "gradual",
            "exports are begun and left, and each keeps a connection of the pool",
            None,
            scripts.open_exports,
        ),
        Fault(
            "new-visitors",
            "gradual",
            "each visitor is remembered for ever, and the memory grows",
            None,
            scripts.new_visitors,
            metric="rss",
        ),
        Fault(
            "more-visitors",
            "gradual",
            "more and more visitors come, until the service cannot keep up",
            None,
            pattern=RAMP,
        ),
        Fault(
            "spaced-reviews",
            "abrupt",
            "reviews with long runs of spaces, on which a regular expression backtracks",
            "tidy_text",
            scripts.spaced_reviews,
            begins_s=8.0,
        ),
        Fault(
            "burst",
            "abrupt",
            "ten times as many visitors from one moment to the next",
            None,
            pattern=BURST,
            begins_s=8.0,
        ),
        Fault(
            "new-release",
            "abrupt",
            "the service is restarted with a release that looks through more for each product page",
            "similar_products",
            scripts.new_release,
            begins_s=8.0,
        ),
        Fault(
            "busy-provider",
            "abrupt",
            "the payment provider is busy with somebody else, and each checkout waits for it",
            None,
            scripts.large_settlements,
            begins_s=8.0,
            at_provider=True,
        ),
        Fault("none", "control", "the service and its load alone"),
        Fault(
            "wave",
            "control",
            "visitors come and go like by day and night, at most as many as it can serve",
            pattern=WAVE,
        ),
        Fault(
            "neighbour",
            "control",
            "another process takes a processor now and then",
            has_neighbour=True,
        ),
        Fault(
            "large-cart",
            "control",
            "a large cart is looked at again and again, which takes time and harms nobody",
            "merge_lines",
            scripts.large_cart,
        ),
    )
}
DEFAULT_FAULT, CALM = "cart-growth", "none"


def find_fault(name: str) -> Fault:
    """The fault of this name. Raises UsageError, which names all of them, for an unknown one."""
    try:
        return FAULTS[name]
    except KeyError:
        raise UsageError(
            f"There is no fault {name!r}.", f"Choose one of: {', '.join(FAULTS)}."
        ) from None


def play(script: Script, send: Callable[[Call], Reply]) -> None:
    """Do what a script says, in real time, until it ends."""
    start = time.monotonic()
    for_script: Outcome | None = None
    while True:
        try:
            step = script.send(for_script) if for_script else next(script)
        except StopIteration:
            return
        time.sleep(max(0.0, start + step.at_s - time.monotonic()))
        reply = send(step.call)
        if reply.status == 0:
            time.sleep(0.5)  # nobody listens: do not spin
        for_script = Outcome(time.monotonic() - start, reply)


def main() -> None:
    """Play one fault until stdin ends."""
    parser = argparse.ArgumentParser(prog="python -m perftui.lab.faults", description=__doc__)
    parser.add_argument("name", help=", ".join(name for name, f in FAULTS.items() if f.script))
    parser.add_argument("--url", required=True, help="http://127.0.0.1:PORT")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--start", type=float, default=0.0, help="seconds until it begins")
    parser.add_argument("--speed", type=float, default=1.0)
    options = parser.parse_args()
    try:
        fault = find_fault(options.name)
        local_address(options.url)
    except UsageError as error:
        sys.exit(str(error))
    end_with_parent()
    time.sleep(options.start)
    if fault.script is None:
        return
    seeds = [Random(options.seed + number * 1_000_003) for number in range(fault.clients)]
    played = [fault.script(seed, options.speed) for seed in seeds]
    with ThreadPoolExecutor(fault.clients) as clients:
        for done in [clients.submit(play, one, Client(options.url).send) for one in played]:
            done.result()


if __name__ == "__main__":
    main()
