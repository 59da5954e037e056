"""Fuzz target of pyfix.queue.scan: a segment with records, gaps, rot and torn ends, made by a script; what is found in it is the twin's."""

import os
import tempfile
from collections.abc import Callable
from functools import cache

from pyfix._core import frame
from pyfix.queue.reader import SegmentFile
from pyfix.queue.scan import scan
from tests.fuzz.records import steps
from tests.oracle import scan as plain

SALT, NUMBER, SIZE = 0x1122334455667788, 1, 1 << 14
OLD_SALT = SALT ^ 1 << 40           # of the segment's earlier life; its magic is the same


class Tape:
    """A segment being written by a script of steps (what, n, m)."""

    def __init__(self, data: bytes) -> None:
        self.out, self.synced, self.places, self.salt = bytearray(), plain.START, [plain.START], SALT
        for what, n, m in steps(data[3:], 3):
            if self.at < SIZE:
                self.step(what, n, m)
        first, second, third = data[:3].ljust(3, b"\0")
        self.start = self.places[second // 8 % len(self.places)] if first & 1 else plain.START
        self.limit = (0, SIZE, plain.START + 8 * second, 2 * SIZE)[first >> 1 & 3]
        self.search = not first & 8
        self.cut = len(self.out) * third // 255 if first & 16 else len(self.out)
        self.full = bool(first & 32)        # the file is as long as the segment, as preallocated ones are

    @property
    def at(self) -> int:
        return plain.START + len(self.out)

    def step(self, what: int, n: int, m: int) -> None:
        kind = what % 8
        if kind < 4:
            self.put(1 + kind, bytes([n]) * (n % 48), bytes([m]) * (what // 8 * 9 + m % 8), self.synced)
        elif kind == 4:
            self.synced = self.at
        elif kind == 5 and self.out:
            self.out[(n << 8 | m) % len(self.out)] ^= 1 << what // 8 % 8
        elif kind == 6:
            self.put(plain.SEAL, b"", b"", min(self.synced + 8 * (what // 8 % 2) * (n % 3), 2**32 - 1))
        elif kind == 7:
            self.other(what // 8, n, m)

    def put(self, kind: int, head: bytes, body: bytes, durable: int) -> None:
        self.places.append(self.at)
        self.out += frame.encode(kind, head, body, self.salt, NUMBER, self.at, durable)

    def other(self, what: int, n: int, m: int) -> None:
        """Something that is no record, or not one of this segment's."""
        if what % 4 == 0:
            self.out += bytes(8 * (n % 20))
        elif what % 4 == 1:
            self.out += (SALT & 0xffffffff).to_bytes(4, "little") + bytes([m]) * (4 + 8 * (n % 6))
        elif what % 4 == 2 and len(self.places) > 1:
            at = self.places[n % len(self.places)] - plain.START
            self.out += self.out[at:at + 8 * (1 + m % 12)]          # a copy in the wrong place
            self.out += bytes(-len(self.out) % 8)
        else:
            self.salt = SALT ^ OLD_SALT ^ self.salt


@cache
def folder() -> tuple[tempfile.TemporaryDirectory, int]:
    made = tempfile.TemporaryDirectory(prefix="fuzz-")
    return made, os.open(made.name, os.O_RDONLY | os.O_DIRECTORY)


def opened(data: bytes, size: int = SIZE) -> SegmentFile:
    """A segment's file with these bytes behind its head."""
    with open(f"{folder()[0].name}/{NUMBER:08x}.seg", "wb") as file:
        file.write(frame.segment_head(NUMBER, 1, size, SALT, b"t") + data)
    return SegmentFile(folder()[1], NUMBER)


def both(data: bytes, start: int = plain.START, limit: int = 0, search: bool = True, size: int = SIZE) -> tuple:
    """What both find in a segment; the same."""
    want = plain.scan(plain.Segment(bytes(plain.START) + data, size, SALT, NUMBER), start, limit, search)
    found = tuple(scan(opened(data, size), start, limit, search))
    assert found == want, (found, want)
    return want


def segment(data: bytes) -> None:
    """A script for a segment, and from where to where it is read."""
    tape = Tape(data)
    written = bytes(tape.out[:min(tape.cut, SIZE - plain.START)])
    both(written.ljust(SIZE - plain.START if tape.full else 0, b"\0"), tape.start, tape.limit, tape.search)


TARGETS: dict[str, Callable[[bytes], None]] = {"segment": segment}
