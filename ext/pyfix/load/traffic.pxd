"""Seeded traffic; see traffic.pyx."""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from pyfix._core.request cimport Request

cdef enum:
    MARK_ROOM = 256              # bytes of the longest mark line
    LONGEST_PATTERN = 256        # RFC 5321 4.5.3.1.3
    HEAD_ROOM = 2048             # of the longest header that is made up


cdef class Pattern:
    cdef readonly bytes text
    cdef list literals                       # and between them numbers, by the letters of `places`: u or d
    cdef bytes places
    cdef bint numbered
    cdef bytes make(self, uint64_t user, uint64_t domain, int index)


cdef class Blob:
    cdef readonly bytes head, raw, wire      # header lines; body as it is, and as it goes behind 354
    cdef readonly bint eight_bit, marked
    cdef readonly uint32_t crc


cdef class Letter:
    cdef readonly Request request
    cdef readonly Blob blob
    cdef readonly int64_t number
    cdef readonly bytes head, tail
    cdef uint64_t recipient_sum
    cdef uint32_t crc
    cdef int64_t length


cdef class Traffic:
    cdef readonly bytes run
    cdef readonly uint64_t seed
    cdef list tenants, blobs, counts
    cdef list tenant_weights, blob_weights, count_weights
    cdef Letter letter(self, int64_t number)
    cdef int mark(self, Letter letter, int64_t stamp, char* out) noexcept
    cdef int write(self, Letter letter, bytes sender, list recipients) except -1
    cdef bytes head(self, int64_t number, bytes sender, bytes to)
    cdef bytes tail(self, int64_t number)


cdef uint64_t address_hash(const char* p, Py_ssize_t n) noexcept nogil
