"""The text of a /metrics page as families of samples, by prometheus-client's own parsers: no I/O.

Both parsers are pure Python and take some 20 to 40 microseconds a line, so what they are given is
bounded. Imports prometheus_client, which is slow: import this module where it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from prometheus_client import Metric
from prometheus_client.openmetrics import parser as openmetrics_parser
from prometheus_client.parser import text_fd_to_metric_families

from perftui.errors import SourceError
from perftui.model.text import plain

MAX_LINES = 10_000
"""Lines that are parsed at most: they hold the other threads for 17 to 63 ms as it is."""
MAX_LINE = 16_384
"""Characters of one line at most: the parsers take quadratic time for a line of quotes."""
SUFFIXES = ("_bucket", "_count", "_sum", "_total", "_created", "_gcount", "_gsum", "_info")
"""What a sample's name may have behind its family's."""

Wanted = Callable[[str], bool]
"""Whether the metric with this name is to be read."""


class NotMetrics(SourceError):
    """What the page says is no metrics. The message is a sentence without its subject, the URL."""


def is_openmetrics(content_type: str) -> bool:
    """Whether a page of this Content-Type is OpenMetrics; else it is Prometheus's text format."""
    return content_type.partition(";")[0].strip().lower() == "application/openmetrics-text"


def read_page(body: bytes, content_type: str, wanted: Wanted | None = None) -> tuple[Metric, ...]:
    """The families of a page, in its order; lines of metrics that are not `wanted` are skipped.

    NotMetrics where one line that is read is wrong: then nothing of the page is used.
    """
    if body[:200].lstrip().startswith(b"<") or "html" in content_type.lower():
        raise NotMetrics("answers with a web page, not with metrics.", _WRONG_URL)
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise NotMetrics("answers with something that is no UTF-8 text.", _WRONG_URL) from None
    if wanted is None and text.count("\n") > MAX_LINES:
        raise _too_long()
    lines = _Lines(text, wanted)
    strict = is_openmetrics(content_type)
    parse: Any = (
        openmetrics_parser.text_fd_to_metric_families if strict else text_fd_to_metric_families
    )
    try:
        return tuple(parse(lines))
    # The parsers let through whatever a broken line makes Python raise.
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
        raise _wrong_line(lines, strict, error) from None


_WRONG_URL = "Is this the URL of a metrics page?"


def _too_long() -> NotMetrics:
    return NotMetrics(
        f"has more than {MAX_LINES} lines.",
        'Name what to read of it: metrics = ["…"] in its [[scrape]].',
    )


def _wrong_line(lines: _Lines, strict: bool, error: Exception) -> NotMetrics:
    form = "OpenMetrics" if strict else "Prometheus's text format"
    if strict and lines.at_end:
        return NotMetrics(f"is not {form} as a whole: {plain(str(error), 100)}.", "Was it cut off?")
    # A family is checked when the next one begins, so its fault may be some lines before.
    fix = _WRONG_URL if lines.number == 1 else "Mend what writes it."
    return NotMetrics(f"is not {form} at line {lines.number}, or just before it.", fix)


class _Lines:
    """The lines of a page for a parser, with the number of the one that it has got last."""

    def __init__(self, text: str, wanted: Wanted | None) -> None:
        self._text = text
        self._wanted = wanted
        self._known: dict[str, bool] = {}
        self.number = 0
        self.at_end = False

    def __iter__(self) -> Iterator[str]:
        begin, given, end = 0, 0, len(self._text)
        while begin < end:
            stop = self._text.find("\n", begin)
            stop = end if stop < 0 else stop
            self.number += 1
            if stop - begin > MAX_LINE:
                raise NotMetrics(
                    f"has more than {MAX_LINE} characters in line {self.number}.", _WRONG_URL
                )
            line = self._text[begin:stop].removesuffix("\r")
            begin = stop + 1
            if self._wanted is not None and not self._is_wanted(line):
                continue
            given += 1
            if given > MAX_LINES:
                raise _too_long()
            yield line + "\n"
        self.at_end = True

    def _is_wanted(self, line: str) -> bool:
        name = metric_of(line)
        if name is None:
            return True
        if name not in self._known:
            assert self._wanted is not None  # noqa: S101 - __iter__ has checked it
            bare = next((name.removesuffix(s) for s in SUFFIXES if name.endswith(s)), name)
            self._known[name] = self._wanted(name) or self._wanted(bare)
        return self._known[name]


def metric_of(line: str) -> str | None:
    """The metric that a line of a page tells of; None for a line that tells of none."""
    line = line.lstrip(" \t")
    if line.startswith("#"):
        words = line.split(None, 3)
        return words[2].strip('"') if len(words) > 2 and words[1] in _ABOUT else None
    if line.startswith('{"'):  # a name that is no plain one stands among the labels, in quotes
        return line[2:].partition('"')[0]
    return line.partition("{")[0].split(None, 1)[0] if line.strip("{") else None


_ABOUT = ("TYPE", "HELP", "UNIT")
