"""Walking a segment: which records stand in it, what is damaged, where it ends.

Law: docs/queue.md "Recovery". Headers and heads are read, bodies are not, but for those at the end that
no later record vouches for. After damage the next whole record is looked for, so that one bad
sector costs the messages on it and no other.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from pyfix._core.frame cimport (ALIGN, GOOD, HEADER, NOTHING, SEAL, SHORT, START, Frame, aligned, frame_body, frame_head)
from pyfix.queue.reader cimport SegmentFile, read_at

from typing import NamedTuple

from pyfix.durable import trouble

cdef enum:
    WINDOW = 256 * 1024


class Found(NamedTuple):
    """What scan() saw."""

    records: list
    damaged: list
    torn: list
    end: int
    sealed: bool


cdef class Window:
    """A moving view of a segment's bytes."""

    cdef SegmentFile file
    cdef char* room
    cdef size_t size
    cdef uint64_t start
    cdef size_t have

    def __cinit__(self, SegmentFile file):
        self.file = file
        self.size = WINDOW
        self.room = <char*>malloc(WINDOW)
        if self.room == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.room)

    cdef size_t see(self, uint64_t offset, size_t want, const char** out) except? 0:
        """Point at `offset`; how many bytes are there, at least `want` unless the file ends."""
        cdef char* grown
        cdef int n
        if want > self.size:
            grown = <char*>malloc(want)
            if grown == NULL:
                raise MemoryError
            free(self.room)
            self.room, self.size, self.have = grown, want, 0
        if offset < self.start or offset + want > self.start + self.have:
            n = read_at(self.file.fd, self.room, self.size, offset)
            if n < 0:
                raise trouble(-n, f"read segment {self.file.number:08x}")
            self.start, self.have = offset, n
        out[0] = self.room + (offset - self.start)
        return self.start + self.have - offset


cdef int look(Window window, uint32_t offset, uint32_t limit, Frame* frame) except -1:
    """What begins at `offset`: GOOD, NOTHING or BAD."""
    cdef const char* data = NULL
    cdef SegmentFile file = window.file
    cdef size_t have
    cdef int verdict
    if offset >= limit:
        return NOTHING
    have = window.see(offset, HEADER, &data)
    verdict = frame_head(data, have, file.magic, file.seed, offset, limit, frame)
    if verdict == SHORT and have >= HEADER:
        have = window.see(offset, HEADER + <size_t>frame.head, &data)
        verdict = frame_head(data, have, file.magic, file.seed, offset, limit, frame)
    return NOTHING if verdict == SHORT else verdict


cdef object next_whole(Window window, uint32_t offset, uint32_t limit):
    """The next whole record's offset from `offset` on, None when there is none."""
    cdef const char* data = NULL
    cdef Frame frame
    cdef uint32_t word
    cdef uint64_t at = offset
    cdef size_t i, have
    while at + HEADER <= limit:
        have = min(window.see(at, HEADER, &data), <size_t>(limit - at))
        if have < HEADER:
            return None
        i = 0
        while i + HEADER <= have:
            memcpy(&word, data + i, 4)
            if word == window.file.magic and look(window, <uint32_t>(at + i), limit, &frame) == GOOD:
                return at + i
            if word == window.file.magic:
                have = min(window.see(at, HEADER, &data), <size_t>(limit - at))     # look() may have moved the view
            i += ALIGN
        at += i
    return None


cdef bint body_whole(Window window, const Frame* frame) except? False:
    """Whether the record's body has its checksum."""
    cdef const char* data = NULL
    cdef size_t have = window.see(frame.offset, frame.length, &data)
    cdef uint32_t at = HEADER + frame.head
    return have >= frame.length and frame_body(frame, window.file.seed, data + at, frame.length - at)


def scan(SegmentFile file not None, uint32_t start=START, uint32_t limit=0, bint search=True) -> Found:
    """Walk the records from `start` (where one begins or began) to the end, or to `limit` (0: the segment's size)."""
    cdef Window window = Window(file)
    cdef Frame frame
    cdef const char* data = NULL
    cdef uint32_t at = start
    cdef uint32_t vouched = start
    cdef bint sealed = False
    cdef list records = []
    cdef list gaps = []
    limit = min(limit, file.size) if limit else file.size
    while True:
        if look(window, at, limit, &frame) != GOOD:
            found = next_whole(window, at + ALIGN, limit) if search else None
            if found is None:
                break
            gaps.append((at, found))
            at = found
            continue
        window.see(at, HEADER + <size_t>frame.head, &data)
        vouched = max(vouched, frame.durable)
        at += aligned(frame.length)
        if frame.kind == SEAL:
            sealed = True
            break
        records.append((frame.kind, frame.offset, frame.length, PyBytes_FromStringAndSize(data + HEADER, frame.head)))
    return sort_out(window, records, gaps, vouched, at, limit, sealed, search)


cdef object sort_out(Window window, list records, list gaps, uint32_t vouched, uint32_t end, uint32_t limit, bint sealed,
                     bint search):
    """Tell what is vouched for from what is not, and check the bodies of the latter."""
    cdef Frame frame
    cdef list kept = []
    cdef list torn = [gap for gap in gaps if gap[0] >= vouched]
    cdef list damaged = [gap for gap in gaps if gap[0] < vouched]
    for kind, offset, length, head in records:
        if offset < vouched:
            kept.append((kind, offset, length, head, True))
        elif look(window, offset, limit, &frame) == GOOD and body_whole(window, &frame):
            kept.append((kind, offset, length, head, False))
        elif not search:
            return Found(kept, damaged, [], offset, False)
        else:
            torn.append((offset, offset + length))
    if not sealed and leftovers(window, end, limit):
        torn.append((end, limit))
    return Found(kept, damaged, torn, end, sealed)


cdef bint leftovers(Window window, uint32_t end, uint32_t limit) except? True:
    """Whether the beginning of a record stands where the records end."""
    cdef const char* data = NULL
    cdef uint32_t word = 0
    if end + HEADER <= limit and window.see(end, HEADER, &data) >= HEADER:
        memcpy(&word, data, 4)
    return word == window.file.magic
