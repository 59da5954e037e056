"""Seeded traffic; see traffic.pyx."""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from pyfix._core.request cimport Request

cdef enum:
    MARK_ROOM = 256              # bytes of the longest mark line


cdef class Pattern:
    cdef readonly bytes text
    cdef list pieces
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
    cdef int mark(self, Letter letter, int64_t stamp, char* out) except -1


cdef uint64_t address_hash(const char* p, Py_ssize_t n) noexcept nogil
