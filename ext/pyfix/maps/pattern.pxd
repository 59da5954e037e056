"""One compiled pattern; see pattern.pyx."""

from libc.stdint cimport uint8_t

from pyfix.maps.apart cimport regmatch_t

cdef extern from "regex.h" nogil:
    ctypedef struct regex_t:
        size_t re_nsub

cdef class Pattern:
    cdef regex_t *posix
    cdef void *perl
    cdef void *data
    cdef bint jit
    cdef bint jit_tried
    cdef readonly size_t groups
    cdef size_t nodes         # parts of the pattern
    cdef bytes source         # of the C library's: to make it anew
    cdef int options
    cdef size_t epoch
    cdef bint loops           # does it have repetitions?
    cdef bint fixed           # can it match at the start of the text only?

    cdef size_t cost(self, size_t size) noexcept nogil
    cdef size_t limit(self) noexcept
    cdef void renew(self, size_t epoch) noexcept
    cdef void compile_jit(self) noexcept nogil
    cdef int match(self, const uint8_t *text, size_t size, regmatch_t *spans) noexcept nogil

cdef void set_limit(size_t size) noexcept
