"""The C face of the slot table; see slots.pyx."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

# Values of Slot.state: Postfix's queue names.
cdef enum:
    FREE = 0
    INCOMING = 1
    ACTIVE = 2
    DEFERRED = 3
    HOLD = 4
    CORRUPT = 5

# Slot.flags beside model.KEPT_FLAGS of the envelope.
cdef enum:
    MULTI = 0x100           # more than one recipient: outcomes are in the store's side table
    NULL_SENDER = 0x200     # a bounce: bounce_queue_lifetime holds
    FORCED = 0x400          # forced to expire at the next attempt
    BIG = 0x800             # its content is in chunks elsewhere: segments in the store's side table
    LINKED = 0x1000         # is in the timer wheel
    FINISHED = 0x2000       # its only recipient is finished; it leaves the queue next
    WARNED = 0x4000         # its sender was told of the delay

cdef struct Slot:
    uint64_t number         # the queue id's number; bit 63 set: long form
    uint32_t id_sec         # the queue id's seconds, 0 in the short form
    uint32_t id_usec        # the queue id's microseconds
    uint32_t arrival        # seconds since the epoch
    uint32_t segment        # where the record is
    uint32_t offset
    uint32_t length
    uint32_t size           # content bytes; 0xffffffff: that or more
    uint32_t due            # seconds since the epoch, 0: none
    uint32_t next           # timer wheel or free list
    uint32_t prev
    uint32_t reason_segment # where the last reason is in the state log, 0: none
    uint32_t reason_offset
    uint32_t spare          # 0
    uint8_t state
    uint8_t tries
    uint16_t flags

cdef enum:
    PAGE_BITS = 14
    PAGE_SLOTS = 1 << PAGE_BITS
    PAGE_MASK = PAGE_SLOTS - 1

cdef class SlotTable:
    cdef Slot** pages
    cdef uint32_t npages
    cdef uint32_t top           # slots ever handed out are 1 .. top
    cdef uint32_t free_head
    cdef uint32_t used
    cdef uint32_t* index        # open addressing: slot numbers, 0 empty
    cdef uint64_t mask
    cdef uint64_t seed
    cdef uint32_t[8] counts     # slots by state
    cdef inline Slot* at(self, uint32_t slot) noexcept nogil:
        return &self.pages[slot >> PAGE_BITS][slot & PAGE_MASK]
    cdef Slot* get(self, uint32_t slot) except NULL
    cdef uint32_t new_slot(self) except 0
    cdef int file(self, uint32_t slot) except -1
    cdef uint32_t lookup(self, uint64_t number) noexcept nogil
    cdef int forget(self, uint32_t slot) except -1
    cdef void set_state_c(self, uint32_t slot, uint8_t state) noexcept nogil
    cdef int grow_index(self, uint64_t capacity) except -1
    cdef int grow_pages(self) except -1
    cdef uint64_t home(self, uint64_t number) noexcept nogil

cdef int format_id(uint64_t number, uint32_t sec, uint32_t usec, char* out) noexcept nogil
cdef int parse_id(const char* text, Py_ssize_t length, uint64_t* number, uint32_t* sec, uint32_t* usec) noexcept nogil
