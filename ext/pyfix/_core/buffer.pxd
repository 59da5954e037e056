"""Growable bytes in C: what is gathered for one write."""


cdef class Buffer:
    cdef char* data
    cdef size_t length, room
    cdef int reserve(self, size_t more) except -1
    cdef int append(self, const char* p, size_t n) except -1
    cdef int append_number(self, unsigned long long value) except -1
    cdef void clear(self) noexcept
    cdef void release(self) noexcept
