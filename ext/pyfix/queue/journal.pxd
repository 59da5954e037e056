"""A process's own log; see journal.pyx."""

from libc.stdint cimport uint32_t

from pyfix.queue.commit cimport LAZY, NOW, SOON, Core, Item

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
