"""Reading queued messages: one pread for a small one, extents for sendfile for a long one.

Law: docs/queue.md "Reading". Everything is checked against its checksum before it is handed out, but
for long content, which the one who sends it checks with verify() (in a thread when it may be cold) or reads with pieces().
"""

import os
from collections import OrderedDict

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.errno cimport EINTR, ENOENT, errno
from libc.stdlib cimport free, malloc

from pyfix._core.frame cimport (CHUNK, COPY, GOOD, HEADER, MESSAGE, START, Frame, SegmentHeader, crc32c, frame_body,
                                frame_head, segment_unpack)
from pyfix.durable cimport d_open

from pyfix.durable import trouble
from pyfix.errors import Corrupt
from pyfix.queue.envelope import unpack

cdef extern from "<unistd.h>" nogil:
    ssize_t pread(int fd, void* out, size_t length, long offset)
    int c_close "close"(int fd)

cdef enum:
    PIECE = 256 * 1024


cdef int read_at(int fd, char* out, size_t length, uint64_t offset) noexcept nogil:
    """Read up to `length` bytes; how many there were, or -errno."""
    cdef ssize_t n
    cdef size_t have = 0
    while have < length:
        n = pread(fd, out + have, length - have, <long>(offset + have))
        if n < 0:
            if errno == EINTR:
                continue
            return -errno
        if n == 0:
            break
        have += n
    return <int>have


cdef class SegmentFile:
    """An open segment. QueueError: it can't be opened; Corrupt: it is gone, or its head is not a segment's, or another's."""

    def __cinit__(self, int directory, uint32_t number, str suffix="seg"):
        cdef SegmentHeader header
        cdef char[4096] block
        cdef int n
        name = f"{number:08x}.{suffix}"
        self.fd = d_open(directory, name.encode(), False)
        if self.fd == -ENOENT:
            raise Corrupt(f"{name} is gone")
        if self.fd < 0:
            raise trouble(-self.fd, f"open {name}")
        n = read_at(self.fd, block, START, 0)
        if n < 0:
            raise trouble(-n, f"read {name}")
        if not segment_unpack(block, n, &header) or header.number != number:
            raise Corrupt(f"{name}: the head of the segment is damaged")
        self.number, self.kind, self.size, self.salt, self.seed = number, header.kind, header.size, header.salt, header.seed
        self.magic = <uint32_t>header.salt
        self.name = <bytes>header.name

    def __dealloc__(self):
        if self.fd >= 0:
            c_close(self.fd)

    def fileno(self) -> int:
        """Its descriptor, which lives as long as this object."""
        return self.fd


cdef class Content:
    """A message's content."""

    cdef readonly object size
    cdef readonly object data
    cdef readonly list extents
    cdef list files

    def pieces(self):
        """The content as checked memoryviews of at most 256 KiB or a chunk. Corrupt: a chunk's checksum is wrong; QueueError: not readable."""
        if self.data is not None:
            yield self.data
            return
        for file, (_, offset, length) in zip(self.files, self.extents):
            yield memoryview(read_chunk(file, offset, length))

    def verify(self) -> None:
        """Check the chunks of long content without keeping them. Corrupt, QueueError as pieces(). Needs no GIL while it reads."""
        if self.data is not None:
            return
        for file, (_, offset, length) in zip(self.files, self.extents):
            check_chunk(file, offset, length)

    def __bytes__(self) -> bytes:
        return b"".join(self.pieces())


cdef int chunk_frame(SegmentFile file, uint32_t offset, uint32_t length, Frame* frame) except -1:
    """Read and check the header before a chunk's data."""
    cdef char[32] block
    cdef int n = read_at(file.fd, block, HEADER, offset - HEADER) if offset >= START + HEADER else 0
    if n < 0:
        raise trouble(-n, f"read segment {file.number:08x}")
    if (frame_head(block, n, file.magic, file.seed, offset - HEADER, file.size, frame) != GOOD or frame.kind != CHUNK
            or frame.head != 0 or frame.length - HEADER != length):
        raise Corrupt(f"segment {file.number:08x}, offset {offset}: no chunk of that length")
    return 0


cdef bytes read_chunk(SegmentFile file, uint32_t offset, uint32_t length):
    """A chunk's data, checked."""
    cdef Frame frame
    cdef bytes data = PyBytes_FromStringAndSize(NULL, length)
    cdef int n
    chunk_frame(file, offset, length, &frame)
    n = read_at(file.fd, PyBytes_AS_STRING(data), length, offset)
    if n < 0:
        raise trouble(-n, f"read segment {file.number:08x}")
    if n != <int>length or not frame_body(&frame, file.seed, PyBytes_AS_STRING(data), length):
        raise Corrupt(f"segment {file.number:08x}, offset {offset}: the chunk's checksum is wrong")
    return data


cdef int check_chunk(SegmentFile file, uint32_t offset, uint32_t length) except -1:
    """Check a chunk's data piece by piece."""
    cdef Frame frame
    cdef uint32_t crc = file.seed
    cdef uint32_t at = 0
    cdef int n = 0
    chunk_frame(file, offset, length, &frame)
    cdef char* room = <char*>malloc(PIECE)
    if room == NULL:
        raise MemoryError
    with nogil:
        while at < length:
            n = read_at(file.fd, room, min(<uint32_t>PIECE, length - at), offset + at)
            if n <= 0:
                break
            crc = crc32c(crc, room, n)
            at += <uint32_t>n
    free(room)
    if n < 0:
        raise trouble(-n, f"read segment {file.number:08x}")
    if at != length or crc != frame.body_crc:
        raise Corrupt(f"segment {file.number:08x}, offset {offset}: the chunk's checksum is wrong")
    return 0


cdef class Reader:
    """Reads messages by their places; keeps up to `keep` segments open."""

    cdef object directory
    cdef object files
    cdef int fd
    cdef int keep

    def __cinit__(self, str directory not None, int keep=64):
        self.fd = -1
        self.fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self.files, self.keep = OrderedDict(), keep

    def __dealloc__(self):
        if self.fd >= 0:
            c_close(self.fd)

    cdef SegmentFile segment(self, uint32_t number):
        """The open segment, the one used longest ago given up."""
        file = self.files.get(number)
        if file is None:
            file = SegmentFile(self.fd, number)
            self.files[number] = file
            if len(self.files) > self.keep:
                self.files.popitem(False)
        else:
            self.files.move_to_end(number)
        return <SegmentFile>file

    cdef tuple record(self, SegmentFile file, uint32_t offset, uint32_t length):
        """(bytes of the whole record, kind, length of its head), checked."""
        cdef Frame frame
        cdef int n
        if offset < START or offset > file.size or length < HEADER or length > file.size - offset:
            raise Corrupt(f"segment {file.number:08x}: no record at {offset}, {length} bytes long")
        cdef bytes data = PyBytes_FromStringAndSize(NULL, length)
        cdef char* p = PyBytes_AS_STRING(data)
        with nogil:
            n = read_at(file.fd, p, length, offset)
        if n < 0:
            raise trouble(-n, f"read segment {file.number:08x}")
        if (frame_head(p, n, file.magic, file.seed, offset, file.size, &frame) != GOOD or frame.length != length
                or not frame_body(&frame, file.seed, p + HEADER + frame.head, n - HEADER - frame.head)):
            raise Corrupt(f"segment {file.number:08x}, offset {offset}: the record's checksum is wrong")
        return data, frame.kind, frame.head

    def open(self, place) -> tuple:
        """(Envelope, Content) of the message at `place` (segment, offset, length). Corrupt: damaged; QueueError: not readable."""
        number, offset, length = place
        cdef SegmentFile file = self.segment(number)
        data, kind, head = self.record(file, offset, length)
        if kind != MESSAGE and kind != COPY:
            raise Corrupt(f"segment {number:08x}, offset {offset}: not a message")
        view = memoryview(data)
        envelope = unpack(view[HEADER:HEADER + head])
        return envelope, self.content(envelope, file, offset + HEADER + head, view[HEADER + head:])

    cdef Content content(self, object envelope, SegmentFile file, uint32_t offset, object inline):
        """The content belonging to an envelope."""
        cdef Content content = Content.__new__(Content)
        content.files, content.extents = [], []
        content.size = envelope.size
        if not envelope.extents:
            content.data = inline
            content.files.append(file)
            content.extents.append((file.fd, offset, len(inline)))
        for number, start, length in envelope.extents:
            file = self.segment(number)
            content.files.append(file)
            content.extents.append((file.fd, start, length))
        return content

    def read(self, uint32_t segment, uint32_t offset, uint32_t length=0) -> tuple:
        """(kind, head, body) of any record, checked; `length` 0: not known. Corrupt, QueueError as open()."""
        cdef Frame frame
        cdef char[32] block
        cdef SegmentFile file = self.segment(segment)
        if length == 0:
            if read_at(file.fd, block, HEADER, offset) == HEADER:
                frame_head(block, HEADER, file.magic, file.seed, offset, file.size, &frame)
                length = frame.length
        data, kind, head = self.record(file, offset, length)
        return kind, data[HEADER:HEADER + head], data[HEADER + head:]

    def forget(self, uint32_t segment) -> None:
        """Close a segment that is gone."""
        self.files.pop(segment, None)
