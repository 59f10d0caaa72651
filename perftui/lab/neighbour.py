"""A process beside the service that takes a processor now and then.

    python -m perftui.lab.neighbour --seed 1

ends with its stdin.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from random import Random

from .lifeline import end_with_parent

BOUT_S = (3.0, 12.0)


def main() -> None:
    """Work and rest by turns, each for a while of chance."""
    parser = argparse.ArgumentParser(prog="python -m perftui.lab.neighbour", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    end_with_parent()
    rng = Random(options.seed)
    while True:
        time.sleep(rng.uniform(*BOUT_S))
        end = time.monotonic() + rng.uniform(*BOUT_S)
        digest = b""
        while time.monotonic() < end:
            digest = hashlib.sha256(digest * 1000).digest()


if __name__ == "__main__":
    main()
