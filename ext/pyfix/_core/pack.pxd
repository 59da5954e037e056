"""A writer of msgpack into one C buffer; see pack.pyx."""

from libc.stdint cimport int64_t

from pyfix._core.buffer cimport Buffer


cdef class Packer:
    cdef readonly Buffer out
    cdef int array(self, size_t n) except -1
    cdef int map(self, size_t n) except -1
    cdef int integer(self, int64_t value) except -1
    cdef int binary(self, bytes data) except -1
    cdef int text(self, str data) except -1
    cdef int value(self, object value, int depth) except -1
    cdef int raw(self, bytes data) except -1
    cdef bytes take(self)
