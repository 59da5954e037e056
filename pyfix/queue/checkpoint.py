"""The checkpoint: the slot table on disk, so that a restart need not read the log from its beginning.

Law: docs/queue.md "Checkpoint". Written a slice at a time while the queue works; what changes
meanwhile is in the state log from the position noted at the start, and every change may be replayed
onto a slice that has it already. It counts when it ends with an END block.

    block = length, CRC32C (32 bits each, little-endian), kind byte, data
    HEAD  msgpack [version, sequence, [state segment, offset], [[segment, tail, ended], ...]]
    SLOTS SlotTable.dump();  MANY, BIG  msgpack lists;  END
"""

import os
import struct
from array import array
from collections.abc import Iterator
from typing import NamedTuple

import msgpack

from pyfix._core.frame import checksum
from pyfix.durable import Directory
from pyfix.errors import Corrupt
from pyfix.queue.books import Books, Many

VERSION = 1
HEAD, SLOTS, MANY, BIG, END = b"H", b"S", b"M", b"B", b"E"
NAMES = (b"checkpoint", b"checkpoint.new", b"checkpoint.old")
_PREFIX = struct.Struct("<II")
_STEP = 16384


class Start(NamedTuple):
    """A checkpoint's head: its number, and from where the logs are to be read."""

    sequence: int
    state: tuple[int, int]
    tails: list[tuple[int, int, bool]]


def block(kind: bytes, data: bytes) -> bytes:
    """One block as it stands in the file."""
    return _PREFIX.pack(len(data), checksum(kind + data)) + kind + data


class Image:
    """A checkpoint being written. step() until it returns False, then finish() (in a thread: it syncs)."""

    def __init__(self, directory: Directory, books: Books, start: Start) -> None:
        self.directory, self.start = directory, start
        name = NAMES[1]
        if os.path.lexists(os.path.join(directory.path, name.decode())):
            directory.unlink(name)
        self.fd, self.offset = directory.create(name), 0
        self._blocks = self._slices(books)

    def _slices(self, books: Books) -> Iterator[bytes]:
        yield block(HEAD, msgpack.packb((VERSION, self.start.sequence, self.start.state, self.start.tails)))
        cursor = 0
        while True:
            data, cursor = books.table.dump(cursor, _STEP)
            yield block(SLOTS, data)
            if not cursor:
                break
        for slots, kind, entry in ((list(books.many), MANY, _many_entry), (list(books.big), BIG, _big_entry)):
            for i in range(0, len(slots), 500):
                yield block(kind, msgpack.packb([entry(books, slot) for slot in slots[i:i + 500]
                                                 if slot in books.many or slot in books.big]))

    def step(self) -> bool:
        """Write one slice (a megabyte at most); False when that was the last. QueueError, DiskFull."""
        data = next(self._blocks, None)
        if data is None:
            return False
        self.directory.write(self.fd, data, self.offset)
        self.offset += len(data)
        return True

    def finish(self) -> None:
        """Make it the checkpoint, the one before the old one. Blocks. QueueError, DiskFull.

        All that the slices may show must be in the state log on disk before, and only then does it get its END.
        """
        # first the names: a segment that was freed before, and that this checkpoint no longer names, must not come back
        # once this is whole, for all its messages would be taken for new ones
        self.directory.sync()
        self.directory.write(self.fd, block(END, b""), self.offset)
        self.directory.datasync(self.fd)
        self.close()
        promote(self.directory)         # needs no sync: under either name it is found

    def close(self) -> None:
        """Let go of the file."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def promote(directory: Directory) -> None:
    """Give checkpoint.new, which is whole, its name; the one before is the old one."""
    if os.path.lexists(os.path.join(directory.path, NAMES[0].decode())):
        directory.rename(NAMES[0], NAMES[2])
    directory.rename(NAMES[1], NAMES[0])


def _many_entry(books: Books, slot: int) -> tuple[int, bytes, bytes] | None:
    many = books.many.get(slot)
    if many is None:
        return None
    return books.table.number(slot), bytes(many.finished), b"" if many.reasons is None else many.reasons.tobytes()


def _big_entry(books: Books, slot: int) -> tuple[int, tuple[tuple[int, int], ...]] | None:
    chunks = books.big.get(slot)
    return None if chunks is None else (books.table.number(slot), chunks)


def _blocks(path: str) -> Iterator[tuple[bytes, bytes]]:
    """The blocks of a file. Corrupt when one is damaged or the END is missing."""
    with open(path, "rb") as file:
        while True:
            prefix = file.read(_PREFIX.size + 1)
            if len(prefix) < _PREFIX.size + 1:
                raise Corrupt(f"{path}: it has no end")
            length, crc = _PREFIX.unpack_from(prefix)
            kind, data = prefix[-1:], file.read(length) if length <= 1 << 30 else b""
            if len(data) != length or checksum(kind + data) != crc:
                raise Corrupt(f"{path}: a block is damaged")
            yield kind, data
            if kind == END:
                return


def read_start(path: str) -> Start:
    """The head of a checkpoint that is whole. Corrupt, or OSError when it can't be read."""
    start = None
    for kind, data in _blocks(path):
        if kind == HEAD:
            version, sequence, state, tails = msgpack.unpackb(data)
            if version != VERSION:
                raise Corrupt(f"{path}: version {version} is not known here")
            start = Start(sequence, (state[0], state[1]), [(n, tail, ended) for n, tail, ended in tails])
    if start is None:
        raise Corrupt(f"{path}: it has no head")
    return start


def load(path: str, books: Books) -> None:
    """Fill the tables from a checkpoint that read_start() has accepted."""
    for kind, data in _blocks(path):
        if kind == SLOTS:
            books.table.load(data)
        elif kind == MANY:
            _load_many(books, msgpack.unpackb(data))
        elif kind == BIG:
            for number, chunks in filter(None, msgpack.unpackb(data)):
                slot = books.table.find_number(number)
                if slot:
                    books.big[slot] = tuple((segment, length) for segment, length in chunks)


def _load_many(books: Books, entries: list) -> None:
    for number, finished, reasons in filter(None, entries):
        slot = books.table.find_number(number)
        if slot:
            many = books.many[slot] = Many(bytearray(finished))
            if reasons:
                many.reasons = array("Q", reasons)
