"""The writer of an accepting process: queue ids, commits, long content.

Law: docs/queue.md "The writer" and "Queue ids". A commit is reported after its record is on disk, and
only then may a client hear 250. One Writer a process; its name says whose segments these are.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport int64_t, uint32_t, uint64_t

from pyfix._core.frame cimport CHUNK, COPY, HEADER, MESSAGE
from pyfix._core.slots cimport format_id
from pyfix.clock cimport wall_us
from pyfix.queue.content cimport ContentBuffer
from pyfix.queue.commit cimport LAZY, NOW, Item
from pyfix.queue.journal cimport Held, Journal, next_segment
from pyfix.queue.threads cimport pthread_mutex_lock, pthread_mutex_unlock

from pyfix.durable import trouble
from pyfix.errors import QueueError

cdef enum:
    COUNT_BITS = 20             # queue ids given out in one segment


cdef class Writer(Journal):
    """Appends messages to segments of its own in `directory`."""

    cdef object loop
    cdef list refused
    cdef uint32_t id_segment
    cdef uint32_t id_count
    cdef readonly bint long_ids

    def __init__(self, str directory not None, str name not None, object loop=None, object on_group=None, *,
                 uint32_t segment_size=64 << 20, bint long_ids=False, bint reserve=False):
        self.begin(directory, name, MESSAGE, segment_size, 0.01, reserve, on_group)
        self.loop, self.long_ids, self.refused = loop, long_ids, []
        if loop is not None:
            loop.add_reader(self.fileno(), self.ready)

    def new_id(self) -> bytes:
        """A queue id that no other message has or had. QueueError: the log can't give one now."""
        cdef int64_t now = wall_us()
        cdef char[40] text
        cdef uint64_t number
        number = self.next_number()
        if self.long_ids:
            number |= <uint64_t>1 << 63
        return PyBytes_FromStringAndSize(text, format_id(number, <uint32_t>(now // 1000000), <uint32_t>(now % 1000000), text))

    cdef uint64_t next_number(self) except 0:
        """Segment number and count; a segment that gave 2**COUNT_BITS is left for the next."""
        cdef int result = 0
        pthread_mutex_lock(&self.core.lock)
        if self.core.broken:
            result = -self.core.broken
        elif self.id_segment == self.core.current.number and self.id_count >> COUNT_BITS:
            result = next_segment(self.core, 0)
        if result == 0 and self.id_segment != self.core.current.number:
            self.id_segment, self.id_count = self.core.current.number, 0
        pthread_mutex_unlock(&self.core.lock)
        if result:
            raise trouble(-result, "give a queue id")
        self.id_count += 1
        return (<uint64_t>self.id_segment << COUNT_BITS) + self.id_count - 1

    def commit(self, bytes envelope not None, object content, object token not None, list extents=None) -> None:
        """Append a message; never waits, never raises for the disk's sake: what became of it goes to on_group with `token`."""
        self.send_message(MESSAGE, envelope, content, token, extents)

    def copy(self, bytes envelope not None, object content, object token not None, list extents=None) -> None:
        """commit() of a message that compaction moves: it is none until the state log says so."""
        self.send_message(COPY, envelope, content, token, extents)

    cdef int send_message(self, uint32_t kind, bytes envelope, object content, object token, list extents) except -1:
        cdef Item* item = NULL
        cdef object owner = content
        if extents:
            owner = Held.__new__(Held, content, [extent[0] for extent in extents])
        try:
            self.send(kind, envelope, content, owner, token, NOW, &item)
        except QueueError as error:
            self.refuse(token, error, extents)
        return 0

    def chunk(self, object data not None) -> tuple:
        """Append a piece of long content (bytes or ContentBuffer) early: its extent (segment, offset, length)."""
        cdef Item* item = NULL
        self.send(CHUNK, b"", data, data, None, LAZY, &item)
        return item.number, item.offset + HEADER, item.length - HEADER

    def drop(self, list extents not None) -> None:
        """Let go of the chunks of a message that will not be committed."""
        for extent in extents:
            self.unpin(extent[0])

    cdef int send(self, uint32_t kind, bytes head, object content, object owner, object token, int urgency, Item** item) except -1:
        """Find the content's bytes and append the record."""
        cdef ContentBuffer buffer
        if type(content) is ContentBuffer:
            buffer = <ContentBuffer>content
            buffer.given = True
            return self.put(kind, head, buffer.data, buffer.length, owner, token, urgency, item)
        if content is None:
            return self.put(kind, head, NULL, 0, owner, token, urgency, item)
        if type(content) is not bytes:
            raise TypeError("content is bytes or ContentBuffer")
        return self.put(kind, head, PyBytes_AS_STRING(content), PyBytes_GET_SIZE(content), owner, token, urgency, item)

    cdef int refuse(self, object token, object error, list extents) except -1:
        """Report a commit that was not taken, from the loop as any other."""
        if extents:
            self.drop(extents)
        self.refused.append((token, None, error))
        self.poke()
        return 0

    def ready(self) -> None:
        """Report what is settled; the loop calls it when fileno() is readable."""
        Journal.ready(self)
        if self.refused:
            refused, self.refused = self.refused, []
            self.on_group(refused)

    def close(self) -> None:
        """Seal, sync, report, leave the loop. Blocks."""
        if self.loop is not None:
            self.loop.remove_reader(self.fileno())
            self.loop = None
        Journal.close(self)
        if self.refused:
            self.ready()
