"""Growable bytes in C: what is gathered for one write.

The law: appending never moves what a reader holds a Python object of; `data` is
valid until the next append. `release()` gives the memory back, for idle sessions.
"""

from libc.stdlib cimport free, realloc
from libc.string cimport memcpy

from pyfix._core.chars cimport put_digits


cdef class Buffer:
    """Bytes that grow at the end. Python side: append(), take(), len()."""

    def __dealloc__(self):
        free(self.data)

    def __len__(self):
        return self.length

    cdef int reserve(self, size_t more) except -1:
        cdef size_t room = self.room or 256
        cdef char* grown
        if self.length + more <= self.room:
            return 0
        while room < self.length + more:
            room *= 2
        grown = <char*> realloc(self.data, room)
        if grown == NULL:
            raise MemoryError
        self.data, self.room = grown, room
        return 0

    cdef int append(self, const char* p, size_t n) except -1:
        self.reserve(n)
        memcpy(self.data + self.length, p, n)
        self.length += n
        return 0

    cdef int append_number(self, unsigned long long value) except -1:
        cdef char[20] digits
        cdef size_t at = put_digits(value, digits)
        return self.append(digits + at, 20 - at)

    cdef void clear(self) noexcept:
        self.length = 0

    cdef void release(self) noexcept:
        free(self.data)
        self.data, self.length, self.room = NULL, 0, 0

    def extend(self, const unsigned char[::1] data):
        """Append bytes."""
        if data.shape[0]:
            self.append(<const char*> &data[0], data.shape[0])

    def number(self, value: int):
        """Append a number in decimal digits; 0 <= value < 2**64."""
        self.append_number(value)

    def take(self) -> bytes:
        """All bytes; the buffer is empty afterwards."""
        cdef bytes result = self.data[:self.length] if self.length else b""
        self.length = 0
        return result
