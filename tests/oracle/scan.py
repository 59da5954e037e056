"""The plain-Python twin of `pyfix.queue.scan`: a segment's bytes, and which records stand in them (docs/queue.md "Recovery")."""

import struct

from tests.oracle.frame import BAD, GOOD, NOTHING, checksum, seed

START, HEADER, ALIGN, SEAL = 4096, 32, 8, 5


class Segment:
    """The bytes of a segment's file, and what its head says."""

    def __init__(self, data: bytes, size: int, salt: int, number: int) -> None:
        self.data, self.size, self.magic, self.seed = data, size, salt & 0xffffffff, seed(salt, number)

    def head(self, at: int, limit: int) -> tuple:
        """What begins there: (GOOD, kind, length, durable, head), (NOTHING,) or (BAD,). The body is not looked at."""
        if at + HEADER > limit or at + HEADER > len(self.data):
            return (NOTHING,)
        magic, length, offset, durable, size, kind, _, crc = struct.unpack_from("<8I", self.data, at)
        if magic != self.magic:
            return (NOTHING,)
        if offset != at or not HEADER <= length <= limit - at or size > length - HEADER:
            return (BAD,)
        text = self.data[at + HEADER:at + HEADER + size]
        if len(text) < size:
            return (NOTHING,)
        if checksum(text, checksum(self.data[at:at + HEADER - 4], self.seed)) != crc or durable > at:
            return (BAD,)
        return GOOD, kind, length, durable, text

    def whole(self, at: int, length: int, head: int) -> bool:
        """Whether the body of a record is there and has its checksum."""
        body = self.data[at + HEADER + head:at + length]
        return len(body) == length - HEADER - head and checksum(body, self.seed) == struct.unpack_from("<I", self.data, at + 24)[0]


def scan(segment: Segment, start: int = START, limit: int = 0, search: bool = True) -> tuple:
    """(records, damaged, torn, end, sealed), as pyfix.queue.scan.Found."""
    limit = min(limit, segment.size) if limit else segment.size
    at, vouched, sealed, seen, gaps = start, start, False, [], []
    while not sealed:
        found = segment.head(at, limit)
        if found[0] == GOOD:
            _, kind, length, durable, head = found
            vouched, sealed = max(vouched, durable), kind == SEAL
            seen += [] if sealed else [(kind, at, length, head)]
            at += -(-length // ALIGN) * ALIGN
            continue
        later = [other for other in range(at + ALIGN, limit, ALIGN) if segment.head(other, limit)[0] == GOOD][:1] if search else []
        if not later:
            break
        gaps.append((at, later[0]))
        at = later[0]
    return judged(segment, seen, gaps, vouched, at, limit, sealed, search)


def judged(segment: Segment, seen: list, gaps: list, vouched: int, end: int, limit: int, sealed: bool, search: bool) -> tuple:
    """What lies before `vouched` was acknowledged; the rest counts where it is whole."""
    kept, torn = [], [gap for gap in gaps if gap[0] >= vouched]
    damaged = [gap for gap in gaps if gap[0] < vouched]
    for kind, at, length, head in seen:
        if at < vouched or segment.whole(at, length, len(head)):
            kept.append((kind, at, length, head, at < vouched))
        elif search:
            torn.append((at, at + length))
        else:
            return kept, damaged, [], at, False
    begun = segment.data[end:end + 4] == struct.pack("<I", segment.magic)
    if not sealed and begun and end + HEADER <= min(limit, len(segment.data)):
        torn.append((end, limit))
    return kept, damaged, torn, end, sealed
