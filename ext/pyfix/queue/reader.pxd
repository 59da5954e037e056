"""The C face of reading segments; see reader.pyx."""

from libc.stdint cimport uint32_t, uint64_t

cdef class SegmentFile:
    cdef readonly int fd
    cdef readonly uint32_t number
    cdef readonly uint32_t kind
    cdef readonly uint32_t size
    cdef readonly bytes name
    cdef readonly uint64_t salt
    cdef uint32_t magic
    cdef uint32_t seed

cdef int read_at(int fd, char* out, size_t length, uint64_t offset) noexcept nogil
