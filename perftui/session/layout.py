"""What a recording's file holds, and how.

One SQLite file, marked by its application id and by a version that rises whenever an older perftui
could not read it any more. Frames, stacks and threads are written once and counted by number; a
window's counts are triples of thread, stack and samples. Times are Unix seconds. `gil_window` holds
the looks at the GIL's holder that were made beside the windows; the first recordings lack it.
"""

from __future__ import annotations

import sys
import zlib
from array import array
from collections.abc import Iterable

APPLICATION_ID = int.from_bytes(b"pftu")
VERSION = 1
SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE frame (
    id INTEGER PRIMARY KEY, function TEXT NOT NULL, file TEXT NOT NULL, line INTEGER);
CREATE TABLE stack (id INTEGER PRIMARY KEY, frames BLOB NOT NULL);
CREATE TABLE thread (
    id INTEGER PRIMARY KEY, pid INTEGER NOT NULL, tid INTEGER NOT NULL, name TEXT NOT NULL);
CREATE TABLE window (
    start REAL NOT NULL, end REAL NOT NULL, about TEXT NOT NULL, counts BLOB NOT NULL);
CREATE INDEX window_by_end ON window (end);
CREATE TABLE gil_window (
    start REAL NOT NULL, end REAL NOT NULL, about TEXT NOT NULL, counts BLOB NOT NULL);
CREATE TABLE series (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, origin TEXT NOT NULL, unit TEXT NOT NULL,
    labels TEXT NOT NULL, top REAL);
CREATE TABLE point (
    series INTEGER NOT NULL REFERENCES series, at REAL NOT NULL, value REAL NOT NULL,
    PRIMARY KEY (series, at)) WITHOUT ROWID;
CREATE TABLE event (
    kind TEXT NOT NULL, about TEXT NOT NULL, at REAL NOT NULL, until REAL, text TEXT NOT NULL,
    PRIMARY KEY (kind, about, at)) WITHOUT ROWID;
"""
ABOUT = (
    *("rate_hz", "errors", "sampler_cpu_s", "sampled_s", "idle", "native", "processes", "torn"),
    *("cut", "woken", "looks", "stopped_s", "cpu_wait_s"),
)
"""What of a window stands as it is in `about`, as JSON, beside its mode and what is unconfirmed.
The first recordings lack `looks`."""


def raw(name: str) -> bytes:
    """A name as it is kept: what comes from a process may hold lone surrogates."""
    return name.encode("utf-8", "surrogatepass")


def text(kept: bytes) -> str:
    """The name again."""
    return kept.decode("utf-8", "surrogatepass")


def packed(numbers: Iterable[int]) -> bytes:
    """Numbers of 32 bits, little-endian, compressed."""
    values = array("I", numbers)
    if sys.byteorder == "big":
        values.byteswap()
    return zlib.compress(values.tobytes())


def unpacked(data: bytes) -> array[int]:
    """The numbers again. ValueError where it is none of them."""
    values = array("I")
    try:
        values.frombytes(zlib.decompress(data))
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if sys.byteorder == "big":
        values.byteswap()
    return values
