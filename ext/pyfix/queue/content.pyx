"""A growing C buffer that holds a message's content until it is on disk.

Law: docs/queue.md "The writer". Whoever makes one fills it with `append` and gives it to
Writer.commit(); from then on it does not change, and the writer lets go of it after the sync.
"""

from libc.stdlib cimport free, realloc
from libc.string cimport memcpy

cdef enum:
    FIRST = 12288           # most messages fit without growing


cdef class ContentBuffer:
    """`length` bytes; `given` once a writer has it. ValueError from a change after that."""

    def __dealloc__(self):
        free(self.data)

    cdef int reserve(self, size_t room) except -1:
        """Make place for `room` bytes more."""
        cdef size_t want = self.length + room
        cdef char* grown
        if self.given:
            raise ValueError("content is with the writer already")
        if want > self.capacity:
            want = max(want, 2 * self.capacity, <size_t>FIRST)
            grown = <char*>realloc(self.data, want)
            if grown == NULL:
                raise MemoryError
            self.data = grown
            self.capacity = want
        return 0

    cdef int append(self, const char* data, size_t length) except -1:
        """Add bytes at the end."""
        self.reserve(length)
        if length:                  # memcpy(3) takes no NULL, not even for nothing
            memcpy(self.data + self.length, data, length)
        self.length += length
        return 0

    def write(self, const unsigned char[::1] data not None) -> None:
        """Add bytes at the end."""
        if data.shape[0]:
            self.append(<const char*>&data[0], data.shape[0])

    def __len__(self) -> int:
        return self.length

    def __bytes__(self) -> bytes:
        return self.data[:self.length] if self.length else b""
