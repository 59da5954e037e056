"""Counts of values in buckets whose width grows with the value; see histogram.pyx."""

from libc.stdint cimport int64_t, uint64_t

cdef enum:
    SUB = 2048                   # values below are counted exactly
    HALF = 1024                  # buckets of each power of two above
    OCTAVES = 26                 # up to 2**37 - 1
    BUCKETS = OCTAVES * HALF + SUB


cdef class Histogram:
    cdef uint64_t* counts
    cdef readonly uint64_t count
    cdef readonly int64_t low, high
    cdef double total
    cdef void add(self, int64_t value) noexcept nogil
