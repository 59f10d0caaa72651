"""Rendered pages, kept for the next visitor who asks for the same one."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

MOST_PAGES = 600


class PageCache:
    """The pages asked for last; the one that was not asked for longest makes room."""

    def __init__(self, count: Callable[[bool], None]) -> None:
        self._lock = threading.Lock()
        self._pages: OrderedDict[str, bytes] = OrderedDict()
        self._count = count

    def get_page(self, address: str, render: Callable[[], bytes]) -> bytes:
        """The page at this address, rendered where it is not kept."""
        with self._lock:
            page = self._pages.get(address)
            if page is not None:
                self._pages.move_to_end(address)
        self._count(page is not None)
        if page is None:
            page = render()
            with self._lock:
                self._pages[address] = page
                if len(self._pages) > MOST_PAGES:
                    self._pages.popitem(last=False)
        return page
