"""Content from a local user, as the queue keeps it: CRLF line ends, and flags that say what is in it.

Law: sendmail(1), pickup(8), cleanup(8) (`cleanup_replace_stray_cr_lf`: a bare CR becomes a blank), RFC 5321 section 2.3.8.
Lines may end in LF with any number of CRs before it; the last one gets its end. No object is made per line.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.string cimport memset

cdef enum:
    DOT_LINE = 1            # model.HAS_DOT_LINE
    EIGHT_BIT = 2           # model.HAS_8BIT
    LONG_LINE = 4           # model.HAS_LONG_LINE
    LONGEST = 998           # RFC 5321 section 4.5.3.1.6, without CRLF

cdef struct State:
    size_t column           # bytes of the present line so far
    size_t carriages        # CRs that are held back
    int flags


cdef size_t convert(State* state, const unsigned char* p, size_t n, unsigned char* out) noexcept nogil:
    """Convert n bytes; `out` has room for 2 n bytes and what is held back. Returns what was written."""
    cdef size_t at, to = 0
    cdef unsigned char c
    for at in range(n):
        c = p[at]
        if state.carriages and c != 13:
            if c != 10:
                memset(out + to, 32, state.carriages)
                to += state.carriages
                state.column += state.carriages
            state.carriages = 0
        if c == 10:
            out[to] = 13
            out[to + 1] = 10
            to += 2
            if state.column > LONGEST:
                state.flags |= LONG_LINE
            state.column = 0
        elif c == 13:
            state.carriages += 1
        else:
            if c == 46 and state.column == 0:
                state.flags |= DOT_LINE
            elif c >= 128:
                state.flags |= EIGHT_BIT
            out[to] = c
            to += 1
            state.column += 1
    return to


cdef class LocalContent:
    """Takes content in pieces of any size."""

    cdef State state

    def __cinit__(self):
        self.state.column = 0
        self.state.carriages = 0
        self.state.flags = 0

    @property
    def flags(self):
        """model.HAS_* bits of all that was fed; right after `finish`."""
        return self.state.flags

    def feed(self, bytes data not None):
        """A piece as it came; returns it as it is kept."""
        cdef Py_ssize_t n = PyBytes_GET_SIZE(data)
        cdef bytearray room = bytearray(2 * n + self.state.carriages)
        cdef size_t written = convert(&self.state, <const unsigned char*> PyBytes_AS_STRING(data), n,
                                      <unsigned char*> (<char*> room))
        return bytes(memoryview(room)[:written])

    def finish(self):
        """The end: returns what is left to keep."""
        tail = b" " * self.state.carriages
        self.state.column += self.state.carriages
        self.state.carriages = 0
        if self.state.column > LONGEST:
            self.state.flags |= LONG_LINE
        if self.state.column == 0:
            return b""
        self.state.column = 0
        return tail + b"\r\n"
