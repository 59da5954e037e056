"""The C face of checking.pyx."""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

from pyfix._core.data cimport ContentSink

cdef enum:
    LINE = 512                   # of a header line, the part that is looked at
    NUMBERS = 1 << 26            # the highest message number that is counted


cdef struct Entry:
    int32_t wanted, got          # recipients
    uint64_t wanted_sum, got_sum # of the hashes of their addresses


cdef class Run:
    cdef Entry* entries
    cdef int64_t size
    cdef readonly bytes name
    cdef int take(self, int64_t number, int32_t wanted, uint64_t wanted_sum, int32_t got, uint64_t got_sum) except -1
    cdef int grow(self, int64_t number) except -1


cdef struct Mark:
    char[17] run
    int64_t number, stamp, length
    int32_t recipients
    uint64_t sum
    uint32_t crc


cdef class Check(ContentSink):
    cdef char[LINE] line
    cdef int line_length
    cdef bint in_body, marked, damaged
    cdef Mark mark
    cdef uint32_t crc
    cdef int64_t length
    cdef void begin(self) noexcept
    cdef void keep(self, const char* p, size_t n) noexcept
    cdef void take_line(self, const char* p, size_t n) noexcept
    cdef bint intact(self) noexcept
