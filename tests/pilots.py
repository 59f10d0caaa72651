"""Waiting in tests of the screen, however busy the machine is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from textual.pilot import Pilot

MOST_S = 30.0


async def until(pilot: Pilot[Any], wanted: Callable[[], object]) -> None:
    """Let the app run until that is true; TimeoutError where it never is."""
    async with asyncio.timeout(MOST_S):
        while not wanted():
            await pilot.pause()
