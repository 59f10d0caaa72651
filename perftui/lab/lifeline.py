"""Ends a process of the lab as soon as the one that started it is gone, however that ended."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress


def end_with_parent() -> None:
    """End this process at the end of its stdin, on SIGTERM or on SIGINT.

    The kernel closes the pipe behind stdin when the parent ends, even by SIGKILL. Nothing is
    cleaned up, so this is for processes that own nothing but memory and sockets.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_exit_at_end_of_stdin, name="stdin", daemon=True).start()


def _exit_at_end_of_stdin() -> None:
    # os.read and not sys.stdin, whose lock would be held while the interpreter shuts down.
    with suppress(OSError):
        while os.read(0, 4096):
            pass
    os._exit(0)
