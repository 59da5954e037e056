"""The arguments of MAIL and RCPT."""

from pyfix._core.span cimport Span


cdef bint simple_path(Span raw, Span* address) noexcept nogil
cdef int notify_bits(Span value) noexcept nogil
cdef bytes xtext_value(Span value)
