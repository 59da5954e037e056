"""SMTP replies on their way out."""

from pyfix._core.buffer cimport Buffer


cdef int put_reply(Buffer out, int code, const char* p, size_t n) except -1
cdef bint dsn_shape(const char* p, size_t n) noexcept nogil
