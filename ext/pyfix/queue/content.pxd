"""A message's content on its way to the log; see content.pyx."""

cdef class ContentBuffer:
    cdef char* data
    cdef readonly size_t length
    cdef size_t capacity
    cdef readonly bint given
    cdef int append(self, const char* data, size_t length) except -1
    cdef int reserve(self, size_t room) except -1
