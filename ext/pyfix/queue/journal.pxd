"""A process's own log; see journal.pyx."""

from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from pyfix.queue.segment cimport Segment
from pyfix.queue.threads cimport pthread_cond_t, pthread_mutex_t, pthread_t

# How soon a record must be on disk.
cdef enum:
    LAZY = 0            # with whatever is synced next
    SOON = 1            # within `linger`
    NOW = 2             # somebody waits

cdef struct Item:
    Item* next
    PyObject* token     # NULL: nobody is told
    PyObject* owner     # keeps `body` alive
    const char* body
    size_t body_length
    Segment* segment    # NULL: a barrier, nothing to write
    uint32_t number     # the segment's, which may be closed before the item is reported
    uint32_t offset
    uint32_t length
    uint32_t head
    uint32_t kind
    int error
    bint last           # ends its group

cdef struct Core:
    pthread_mutex_t lock
    pthread_cond_t wake
    pthread_t thread
    int directory
    int event
    uint32_t kind
    uint32_t size
    char[64] name
    bint reserve
    int64_t linger
    Segment* current
    Segment* spare
    Segment* open
    Item* first
    Item* last
    size_t pending
    int urgency
    int64_t deadline
    Item* done_first
    Item* done_last
    bint stopping
    bint tidy           # a segment may be let go of
    bint finished
    int broken

cdef class Journal:
    cdef Core* core
    cdef readonly object directory
    cdef public object on_group
    cdef bint running
    cdef int begin(self, str directory, str name, uint32_t kind, uint32_t segment_size, double linger, bint reserve,
                   object on_group) except -1
    cdef int put(self, uint32_t kind, bytes head, const char* body, size_t length, object owner, object token,
                 int urgency, Item** out) except -1
    cdef int stop(self) except -1
    cdef int poke(self) except -1
    cdef int unpin(self, uint32_t number) except -1
    cdef list reap_c(self)
    cdef int release(self, Item* item) except -1

cdef class Held:
    cdef object content
    cdef list segments

cdef int next_segment(Core* core, uint32_t need) noexcept nogil
