"""For Cython callers on a hot path: `lines.put(6, pointer, length)` is `info` without an object."""
from libc.time cimport time_t

cdef class Lines:
    cdef char* buffer
    cdef size_t length
    cdef size_t capacity
    cdef size_t* ends
    cdef size_t count
    cdef size_t slots
    cdef bint to_syslog
    cdef int facility
    cdef time_t second
    cdef char stamp[16]
    cdef Lines target               # whose buffer our lines go into, None: our own
    cdef bytes host
    cdef bytes tag
    cdef readonly unsigned long long dropped
    cdef readonly unsigned long long written
    cdef public object wake

    cdef int put(self, int severity, const char* text, Py_ssize_t size) except -1
    cdef int put_parts(self, int severity, bytes left, const char* middle, size_t n, const char* right, size_t m) except -1
    cdef int put_line(self, int severity, bint panic, const char* text, Py_ssize_t size) except -1
    cdef int take(self, int severity, bint panic, object text) except -1
    cdef int grow(self, size_t need) except -1
    cdef int refresh(self) except -1
    cdef void append(self, const char* data, size_t size) noexcept
    cdef int enter(self, bytes tag, int severity, bint panic, const char* text, Py_ssize_t size) except -1
    cdef int head(self, int severity, bytes tag) except -1
    cdef int shift(self, size_t lines) except -1
