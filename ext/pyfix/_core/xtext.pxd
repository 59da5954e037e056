"""xtext and its Unicode sister, both ways."""

from pyfix._core.span cimport Span

cdef enum:
    XTEXT_GROWTH = 3         # bytes of xtext that one byte may become
    UXTEXT_GROWTH = 8

cdef bytes xtext_value(Span value, bint utf8)
cdef bytes uxtext_value(Span value)
cdef bytes orcpt_value(Span value)
cdef size_t put_xtext(const char* p, size_t n, char* out) noexcept nogil
cdef bytes orcpt_text(bytes orcpt)
