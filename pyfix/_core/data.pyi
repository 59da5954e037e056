"""Stub of `pyfix._core.data`: message content as it arrives."""

from collections.abc import Iterable

class ContentSink:
    """Where content goes; C-level subclasses define write()."""

class MemorySink(ContentSink):
    """Keeps all of it, for tests."""

    content: bytearray

class DataScanner:
    """One message's content: what was seen in it.

    done       the end of data was seen           bare_lf    some line ended in a bare LF
    dot_line   a line kept begins with a dot      eight_bit  some byte is 0x80 or more
    long_line  a line is longer than 998 bytes    size       bytes kept    too_big  size went over the limit
    """

    newlines: int
    bdat: bool
    bare_lf: bool
    done: bool
    dot_line: bool
    eight_bit: bool
    long_line: bool
    size: int
    too_big: bool

def scan(data: bytes, newlines: int = 1, bdat: bool = False, limit: int = 0,
         cuts: Iterable[int] = ()) -> tuple[bytes, int, DataScanner]:
    """Feeds `data`, cut at the given offsets: (content, bytes used, scanner)."""

def scan_only(data: bytes, repeat: int = 1) -> int:
    """Scans `data` with a sink that keeps nothing, `repeat` times: the bytes used."""
