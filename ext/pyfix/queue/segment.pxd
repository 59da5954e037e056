"""Segment files: making, naming, cutting; see segment.pyx."""

from libc.stdint cimport uint32_t, uint64_t

cdef struct Segment:
    Segment* next
    int fd
    uint32_t number
    uint32_t size
    uint32_t magic
    uint32_t seed
    uint32_t pos        # given out up to here
    uint32_t take       # given out when the batch in hand was taken
    uint32_t synced     # on disk up to here
    bint dirty          # written and not synced
    bint closed         # nothing more is given out
    int pins            # messages under way with content here

cdef enum:
    NAME_ROOM = 24

cdef void segment_name(uint32_t number, const char* suffix, char* out) noexcept nogil
cdef int segment_make(int directory, uint32_t size, uint32_t kind, const char* name, bint reserve,
                      Segment** out) noexcept nogil
cdef void segment_free(Segment* segment) noexcept nogil
cdef int segment_cut(int directory, uint32_t number, uint32_t offset) noexcept nogil
cdef bint segment_lock(int fd, bint exclusive) noexcept nogil
