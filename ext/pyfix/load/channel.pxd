"""C-level face of TLS without a socket; see channel.pyx."""


cdef class Channel:
    cdef object incoming, outgoing, tls
    cdef bytearray plain
    cdef readonly bint done, ended

    cdef int put(self, const char* p, Py_ssize_t n) except -1
    cdef bint shake(self) except -1
    cdef bytes take(self)
    cdef int keep(self, const char* p, Py_ssize_t n) except -1
    cdef bytes seal(self)
    cdef bytes farewell(self)
