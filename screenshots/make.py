"""Takes the screenshots from a running demo: ``python screenshots/make.py``.

About two minutes; the figures are those of the machine that it runs on.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
from pathlib import Path

from perftui.cli.demo import below
from perftui.config import load
from perftui.lab.demo import Lab
from perftui.monitor import Monitor
from perftui.target.describe import describe
from perftui.tui.app import PerftuiApp

HERE = Path(__file__).parent
WIDE, NARROW = (120, 36), (80, 24)
SETTLED_S = 75.0
"""By then the fault has taken most of a core, and the local forecast has seen it grow."""
EXITED_S = 5.0
VIEWS = {"threads": "t", "tree": "T", "flame": "f", "callers": "c", "source": "enter"}
_FONTS = re.compile(r"@font-face \{.*?\}", re.DOTALL)


async def take(monitor: Monitor, name: str, size: tuple[int, int], *keys: str) -> None:
    """Save what the screen shows of `monitor` at `size` (columns, rows) after these keys."""
    app = PerftuiApp(monitor, candidates=list, attach=lambda _: monitor)
    async with app.run_test(size=size) as pilot:
        await pilot.pause(1.5)
        await pilot.press(*keys)
        await pilot.pause(0.5)
        svg = app.export_screenshot(title="perftui demo")
    # Textual's fonts come from a web host; who opens the picture need not call there.
    (HERE / f"{name}.svg").write_text(_FONTS.sub("", svg))


async def main() -> None:
    """All of them, from one demo."""
    with Lab() as lab:
        settings = load({}, {}, files=[], below=below(lab))
        monitor = Monitor(describe(lab.pid), settings, env={})
        monitor.start()
        try:
            await asyncio.sleep(SETTLED_S)
            await take(monitor, "wide", WIDE)
            await take(monitor, "narrow", NARROW)
            for view, key in VIEWS.items():
                await take(monitor, f"{view}-wide", WIDE, key)
                await take(monitor, f"{view}-narrow", NARROW, key)
            os.kill(lab.pid, signal.SIGTERM)
            await asyncio.sleep(EXITED_S)
            await take(monitor, "exited", WIDE)
        finally:
            monitor.stop()


if __name__ == "__main__":
    asyncio.run(main())
