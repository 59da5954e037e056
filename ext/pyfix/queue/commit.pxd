"""What the loop and the thread of a journal share; see commit.pyx."""

from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint32_t

from pyfix._core.frame cimport HEADER
from pyfix.queue.segment cimport Segment
from pyfix.queue.threads cimport pthread_cond_t, pthread_mutex_t, pthread_t

cdef enum:
    MUCH = 256 * 1024       # gathered bytes that are written without waiting longer

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


cdef inline char* block_of(Item* item) noexcept nogil:
    """An item's header and head lie behind it in memory."""
    return <char*>item + sizeof(Item)


cdef void* commit_run(void* argument) noexcept nogil
